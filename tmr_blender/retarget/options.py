# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be chosen about how a motion is put on a rig."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Options:
    """How a motion is put on a rig.

    fps: of the scene; the clip is resampled in time to it.
    heading: "rig" turns the motion so that it starts out facing where the rig faces at rest; "take" keeps the
        directions of the file, +Z being where the rig faces.
    place: "rig" starts the motion where the rig stands; "take" keeps the distance from the file's origin.
    travel: False keeps the body over its starting point ("in place"); heights remain.
    root: what receives the way over the ground, smoothed, and the body's heading: the hips' own bone, the rig's root bone, or
        the object itself. It goes on from where it stands; what is smoothed away stays with the hips. Without travel only
        the hips are keyed, turns on the spot included.
    limbs: which of a rig's two sets of controls shows where it has both: its switches are set to forward or to inverse
        kinematics, and both receive keys.
    hands: "body" keeps hands where they are in relation to the body and to each other where the clip's are close to it,
        whatever the rig's proportions; "free" keeps the arms' directions only.
    feet: True holds the feet in place on the rig while they stand in the clip; legs are then bent as that takes, so that
        they no longer point exactly where the clip's do.
    mirror: True exchanges left and right.
    loop: True for a clip whose last frame is its first one, further on (`motion.edits.loop`): feet that stand at the end
        are held where they stand at the beginning.
    """

    fps: float = 24.0
    heading: Literal["rig", "take"] = "rig"
    place: Literal["rig", "take"] = "rig"
    travel: bool = True
    root: Literal["hips", "bone", "object"] = "hips"
    limbs: Literal["fk", "ik"] = "fk"
    hands: Literal["free", "body"] = "free"
    feet: bool = False
    mirror: bool = False
    loop: bool = False
