# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bone of a rig plays which part of the body."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .rig import Rig


@dataclass(frozen=True)
class RigMap:
    """The parts of a rig that are keyed.

    convention: name of the table row that fitted, or "shape" where none did.
    score: 0..1, the share of the row's bones that were found in their place.
    bones: role -> bone. Roles are those of `motion.body.JOINTS` and `motion.body.FINGERS`, each named after the joint
        at the bone's head ("left_elbow" is the forearm), except that a spine or neck of any length is "spine1",
        "spine2", ... and "neck1", "neck2", ... upwards, and that "pelvis" turns the hips.
    travel: the bone that receives the location (often the pelvis itself).
    held: bones kept at rest so that a pose left on them can't disturb the motion.
    switches: (bone, custom property) -> value that makes the keyed bones drive the body.
    """

    convention: str
    score: float
    bones: Mapping[str, str]
    travel: str
    held: tuple[str, ...] = ()
    switches: Mapping[tuple[str, str], float] = field(default_factory=dict)


def map_rig(rig: Rig) -> RigMap:
    """The best reading of a rig: every known convention is tried, then the shape of the hierarchy.

    Raises SkeletonProblem where no arms, legs and hips can be recognised.
    """
    raise NotImplementedError
