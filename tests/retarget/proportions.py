# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs of many proportions, by where the joints of their legs are."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tests.retarget import bodies
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget.rig import Rig

LEGS = ("hip", "knee", "ankle", "foot")

Place = Callable[[str, Array], Array]
"""Role without its side, and the joint's place (x to its own side, y up, z ahead) -> where it should be."""


def moved(change: Place, names: Mapping[str, str] = bodies.MIXAMO, **shape: Any) -> Rig:
    """A body of `bodies.rig` with the joints of its legs elsewhere; its soles then stand where they did."""
    made = bodies.rig(names, **shape)
    roles = {name: role for role, name in names.items()}
    rest = made.rest.copy()
    for i, name in enumerate(made.names):
        side, _, part = roles[name].partition("_")
        if part in LEGS:
            sign = 1.0 if side == "left" else -1.0
            x, z, y = rest[i, :3, 3] * [sign, -1.0, 1.0]
            x, y, z = change(part, np.array([x, y, z]))
            rest[i, :3, 3] = [x * sign, -z, y]
    return replace(made, rest=rest)


def wide(by: float) -> Place:
    """Hips and feet further apart."""
    return lambda part, at: at + np.array([by, 0.0, 0.0])


def knees(by: float) -> Place:
    """Longer thighs and shorter shins, in metres."""
    return lambda part, at: at - [0.0, by, 0.0] if part == "knee" else at


def ankles(up: float, ahead: float = 1.0) -> Place:
    """Ankles raised by metres, and the balls of the feet a number of times as far before them."""

    def change(part: str, at: Array) -> Array:
        if part == "ankle":
            return at + np.array([0.0, up, 0.0])
        return np.array([at[0], at[1], -0.02 + (at[2] + 0.02) * ahead]) if part == "foot" else at

    return change


def without_toes(**shape: Any) -> Rig:
    """The feet end at the ankle's bone."""
    made = bodies.rig(bodies.MIXAMO, **shape)
    keep = np.array(["Toe" not in name for name in made.names])
    new = np.cumsum(keep) - 1

    def kept(v: np.ndarray) -> np.ndarray:
        return v[keep]

    return replace(
        made,
        names=tuple(name for name, k in zip(made.names, keep, strict=True) if k),
        modes=tuple(mode for mode, k in zip(made.modes, keep, strict=True) if k),
        parents=np.where(made.parents[keep] < 0, -1, new[made.parents[keep]]),
        carriers=np.where(made.carriers[keep] < 0, -1, new[made.carriers[keep]]),
        **{
            field: kept(getattr(made, field))
            for field in (
                "rest", "lengths", "connected", "local_location", "rotation_locks", "location_locks", "displaced",
            )
        },
    )  # fmt: skip


RIGS: Mapping[str, Callable[[], Rig]] = {
    "Mixamo": lambda: bodies.rig(bodies.MIXAMO),
    "long legs": lambda: bodies.rig(bodies.MIXAMO, legs=1.35),
    "short legs": lambda: bodies.rig(bodies.MIXAMO, legs=0.65),
    "child 1.1 m": lambda: bodies.rig(bodies.UNREAL, 45.0, rolls=1, size=0.64, legs=0.85),
    "giant 4 m": lambda: bodies.rig(bodies.UNREAL, 45.0, rolls=2, size=2.35),
    "wide hips": lambda: moved(wide(0.08)),
    "long thighs": lambda: moved(knees(0.08)),
    "big feet": lambda: moved(ankles(0.04, 1.6)),
    "small feet": lambda: moved(ankles(-0.03, 0.6)),
    "high heels": lambda: moved(ankles(0.08, 0.7)),
    "no toes": without_toes,
}
"""What planting is measured on."""
