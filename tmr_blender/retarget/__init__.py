# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion of one skeleton onto another: bone roles, rest alignment, solver."""
