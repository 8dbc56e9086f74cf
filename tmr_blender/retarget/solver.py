# SPDX-License-Identifier: GPL-3.0-or-later
"""From a clip to the keys of a rig."""

from dataclasses import dataclass
from typing import Literal

from ..motion.clip import Clip
from ..motion.humanoid import BodyMap
from .rig import Keys, Rig
from .roles import RigMap


@dataclass(frozen=True)
class Options:
    """How a motion is put on a rig.

    fps: of the scene; the clip is resampled in time to it.
    heading: "rig" turns the motion so that it starts out facing where the rig faces at rest; "take" keeps the
        directions of the file, +Z being where the rig faces.
    place: "rig" starts the motion where the rig stands; "take" keeps the distance from the file's origin.
    travel: False keeps the body over its starting point ("in place"); heights remain.
    """

    fps: float = 24.0
    heading: Literal["rig", "take"] = "rig"
    place: Literal["rig", "take"] = "rig"
    travel: bool = True


def retarget(clip: Clip, body_map: BodyMap, rig: Rig, rig_map: RigMap, options: Options) -> Keys:
    """The keys that make the rig move as the clip does.

    Raises SkeletonProblem where clip or rig lack the parts of a body that a motion needs.
    """
    raise NotImplementedError
