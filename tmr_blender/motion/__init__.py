# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeletons, clips, readers and features."""
