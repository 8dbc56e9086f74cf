# SPDX-License-Identifier: GPL-3.0-or-later
"""Text search over motion inside Blender.

This file registers and does nothing else. It is also imported without Blender (command line, index worker,
tests), so bpy is reached only when Blender calls `register`.
"""


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from .blender import register as register_all

    register_all()


def unregister() -> None:
    """Called by Blender when the extension is disabled."""
    from .blender import unregister as unregister_all

    unregister_all()
