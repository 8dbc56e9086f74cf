# SPDX-License-Identifier: GPL-3.0-or-later
"""The common body that every humanoid skeleton is brought to: the 22 joints of SMPL, in its order."""

JOINTS: tuple[str, ...] = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
)
"""left_foot is the ball of the foot (where the toes begin), as in SMPL."""

PARENTS: tuple[int, ...] = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)

INDEX: dict[str, int] = {name: i for i, name in enumerate(JOINTS)}

FINGERS: tuple[str, ...] = tuple(
    f"{side}_{finger}{part}"
    for side in ("left", "right")
    for finger in ("thumb", "index", "middle", "ring", "pinky")
    for part in (1, 2, 3)
)
"""Roles that a hand adds when both skeletons have it, named as in SMPL-X."""


def mirrored(name: str) -> str:
    """The same joint of the other side."""
    if name.startswith("left_"):
        return "right_" + name[5:]
    if name.startswith("right_"):
        return "left_" + name[6:]
    return name
