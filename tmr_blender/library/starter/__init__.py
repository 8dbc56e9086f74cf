# SPDX-License-Identifier: GPL-3.0-or-later
"""The starter library: real clips of the PyPI package pybullet, converted when the extension is built."""
