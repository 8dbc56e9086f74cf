# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing keys as an action, in the API of each Blender version."""

import bpy

from ..retarget.rig import Keys


def write(object: bpy.types.Object, keys: Keys, name: str, frame: int = 1) -> bpy.types.Action:
    """Make a new action of the keys and give it to the object, the first key at `frame`.

    The object's former action is left as it is, and kept in the file by a fake user if nothing else uses it.
    Raises SkeletonProblem where the object can't take an action (linked without an override, NLA strip being tweaked).
    """
    raise NotImplementedError
