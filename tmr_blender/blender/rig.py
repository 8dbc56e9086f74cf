# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an armature object into arrays, without leaving a trace on it."""

import bpy

from ..retarget.rig import Rig
from ..retarget.roles import RigMap


def read(object: bpy.types.Object, rig_map: RigMap | None = None) -> Rig:
    """The rig of an armature object, as it stands in the current scene.

    rig_map: an edited mapping, if the bones to be keyed are not those that `roles.map_rig` finds by itself: what
        carries a bone depends on which bones are keyed.
    Nothing on the object is changed: poses and properties set to find out what follows what are put back exactly.
    Raises SkeletonProblem for an object that is not an armature, has no bones, or can't be animated because it is linked.
    """
    raise NotImplementedError
