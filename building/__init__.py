# SPDX-License-Identifier: GPL-3.0-or-later
"""What `build.py` is made of: environments, wheels, the extension zip, Blender. Standard library only."""
