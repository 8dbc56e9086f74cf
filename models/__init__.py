# SPDX-License-Identifier: GPL-3.0-or-later
"""How the networks are made: architecture, data, training, evaluation, export, card and weights."""
