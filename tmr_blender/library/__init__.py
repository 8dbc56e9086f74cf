# SPDX-License-Identifier: GPL-3.0-or-later
"""A motion library on disk: store, indexing, search."""
