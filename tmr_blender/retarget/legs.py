# SPDX-License-Identifier: GPL-3.0-or-later
"""Analytic two-bone inverse kinematics for legs: the ankle goes where it should, the knee keeps its plane."""

from dataclasses import dataclass

import numpy as np

from ..motion import quaternion
from ..motion.quaternion import Array

# A leg is never stretched beyond this share of its length, unless it already is.
STRETCH = 0.9995
# Below the first bend (radians) the hinge alone tells the plane of the knee, above the second the bend does.
FLAT, BENT = 0.06, 0.2


@dataclass(frozen=True)
class Leg:
    """One leg in every frame, in a space in which its bones are rigid.

    hip, thigh, shin: (frames, 3) the joint, and the vectors from hip to knee and from knee to ankle.
    hinge: (frames, 3) unit axis about which the knee bends.
    """

    hip: Array
    thigh: Array
    shin: Array
    hinge: Array

    @property
    def length(self) -> float:
        """Of thigh and shin together."""
        return float(np.linalg.norm(self.thigh[0]) + np.linalg.norm(self.shin[0]))

    @property
    def ankle(self) -> Array:
        """(frames, 3)."""
        return self.hip + self.thigh + self.shin

    @property
    def reach(self) -> Array:
        """(frames,) from hip to ankle."""
        out: Array = np.linalg.norm(self.thigh + self.shin, axis=-1)
        return out

    @property
    def room(self) -> Array:
        """(frames,) by how much more the leg can be stretched; never quite nothing."""
        return np.maximum(STRETCH * self.length - self.reach, 1e-4 * self.length)


def hinge(thigh: Array, shin: Array, turns: Array, usual: Array) -> Array:
    """The axis about which a knee bends, (frames, 3) units: fixed in the thigh, the mean over all frames.

    turns: (frames, 4) of the thigh; usual: (3,) the axis in the thigh's rest, which is leant on where the knee hardly bends.
    """
    size = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shin, axis=-1)
    bends = quaternion.cross(thigh, shin) / np.maximum(size, 1e-12)[:, None]
    own = np.mean(quaternion.rotate(quaternion.inverse(turns), bends), axis=0)
    own = _unit(own + 0.05 * usual)
    return quaternion.rotate(turns, np.broadcast_to(own, thigh.shape))


def solve(leg: Leg, hip: Array, ankle: Array) -> tuple[Array, Array]:
    """Turns (frames, 4) of thigh and shin, on top of what they do, that bring the ankle to a point.

    hip, ankle: (frames, 3) where the ends should be. The leg swings as a whole and then bends in its plane. Where the
    point is out of reach the leg approaches its limit smoothly instead of snapping straight.
    """
    way, wanted = leg.ankle - leg.hip, ankle - hip
    swing = quaternion.between(way, wanted)
    upper, lower = (float(np.linalg.norm(v[0])) for v in (leg.thigh, leg.shin))
    distance = _softened(leg, np.linalg.norm(wanted, axis=-1))
    distance = np.clip(distance, abs(upper - lower) + 1e-4 * leg.length, (1.0 - 1e-9) * leg.length)
    along = _unit(wanted)
    normal = quaternion.rotate(swing, _normal(leg))
    normal = _unit(normal - np.sum(normal * along, axis=-1, keepdims=True) * along)
    ahead = quaternion.cross(along, normal)
    first = _corner(upper, distance, lower)[:, None]
    second = _corner(lower, distance, upper)[:, None]
    thigh = np.cos(first) * along + np.sin(first) * ahead
    shin = np.cos(second) * along - np.sin(second) * ahead
    out = []
    for vector, goal in ((leg.thigh, thigh), (leg.shin, shin)):
        out.append(quaternion.multiply(quaternion.between(quaternion.rotate(swing, vector), goal), swing))
    return out[0], out[1]


def _softened(leg: Leg, distance: Array) -> Array:
    """Distances from hip to ankle as the leg will have them: exact up to half of the room left, then ever less."""
    half = leg.room / 2.0
    over = distance - leg.reach - half
    return np.where(over > 0.0, leg.reach + half + half * (1.0 - np.exp(-np.maximum(over, 0.0) / half)), distance)


def _normal(leg: Leg) -> Array:
    """The normal of the knee's plane, (frames, 3): as it bends, or by its hinge where it is straight or overstretched."""
    cross = quaternion.cross(leg.thigh, leg.shin)
    size = np.linalg.norm(leg.thigh, axis=-1) * np.linalg.norm(leg.shin, axis=-1)
    bend = np.arcsin(np.clip(np.linalg.norm(cross, axis=-1) / np.maximum(size, 1e-12), 0.0, 1.0))
    folded = np.sum(leg.thigh * leg.shin, axis=-1) < 0.0
    share = np.where(folded, 1.0, np.clip((bend - FLAT) / (BENT - FLAT), 0.0, 1.0))[:, None]
    share = share * share * (3.0 - 2.0 * share)
    return _unit(share * _unit(cross) + (1.0 - share) * leg.hinge)


def _corner(near: float, base: Array, far: float) -> Array:
    """The angle between a triangle's sides `near` and `base` (law of cosines)."""
    cosine = (near**2 + base**2 - far**2) / np.maximum(2.0 * near * base, 1e-12)
    out: Array = np.arccos(np.clip(cosine, -1.0, 1.0))
    return out


def _unit(v: Array) -> Array:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)
