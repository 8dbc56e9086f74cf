# SPDX-License-Identifier: GPL-3.0-or-later
"""The stance of the body that performs a clip (see `rest`)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..motion import body, quaternion
from ..motion.quaternion import Array
from ..motion.skeleton import Skeleton
from . import rest
from .rest import FORWARD, LEFT, UP, Stance, turn

# A bend of the elbow or knee below this angle (radians) says nothing about the hinge.
LEAST_BEND = 0.15
# Two segments of a limb are in line, in the zero pose, below this angle (radians).
IN_LINE = 0.6
# Frames looked at to find hinges and feet on the floor.
SAMPLES = 240
# Feet stand where the ankle is this near its lowest (share of the leg) and slower than this (legs a second); the second
# speed is for those that only ever run.
STAND_HEIGHT, STAND_SPEEDS = 0.06, (0.25, 1.0)
# Nobody holds a joint further than this from neutral throughout a take (radians): such a zero pose is arbitrary.
MOST_HELD = 0.9
# Frames of standing that are enough, and how alike they have to be (mean resultant length of the normals).
LEAST_STANDING, STEADY = 5, 0.95
# A foot that seems tilted further than this at rest (radians), sideways or to the front, is not what is seen.
MOST_EDGE, MOST_TIPTOE = 0.8, 0.35
# Nor is one that is tilted to the front by more than this, or sideways by more than this beyond its shin.
MOST_CROOKED = 0.12
# How far a foot points down, from ankle to ball, where no frame shows it standing (radians): a common shoe.
FOOT_SLOPE = 0.45

# In a T pose with palms down elbows bend forward and this much upward (radians): 0.47 to 0.58 in the takes of seven
# CMU subjects, whose skeletons have such a rest pose.
ELBOW_RISE = 0.5


def stance(skeleton: Skeleton, rotations: Array, positions: Array, fps: float, joints: Mapping[str, int]) -> Stance:
    """How the joints are turned when this body stands upright.

    rotations: (frames, joints, 4) and positions: (frames, joints, 3), global; joints: role -> joint index.
    """
    turned, placed = skeleton.rest_globals()
    step = max(1, len(rotations) // SAMPLES)
    rotations, positions, fps = rotations[::step], positions[::step], fps / step
    heading = rest.along_axis(rest.facing({role: placed[i] for role, i in joints.items()}))
    at_rest = {role: quaternion.rotate(heading, placed[i]) for role, i in joints.items()}
    if rest.stands(at_rest):
        own = {role: quaternion.multiply(heading, turned[i]) for role, i in joints.items()}
        return Stance(at_rest, own | _flat_feet(at_rest, own, rotations, positions, fps, joints))
    return _Anatomy(turned, placed, rotations, positions, fps, joints).stance()


def _flat_feet(
    at_rest: Mapping[str, Array],
    own: Mapping[str, Array],
    rotations: Array,
    positions: Array,
    fps: float,
    joints: Mapping[str, int],
) -> dict[str, Array]:
    """Feet and toes of a rest pose turned flat: with legs apart, CMU's skeletons rest on the edges of their feet.

    A foot that points further down than it may be crooked says more about the take, which may be on tiptoe.
    """
    places = {role: positions[:, i] for role, i in joints.items()}
    seen: dict[str, tuple[float, float]] = {}
    for side in ("left", "right"):
        up = sole_normal(rotations[standing_frames(places, side, fps), joints[f"{side}_ankle"]])
        x, y, z = quaternion.rotate(own[f"{side}_ankle"], up) if up is not None else (0.0, -1.0, 0.0)
        if abs(z) < np.sin(MOST_TIPTOE) and abs(np.arctan2(x, y)) < MOST_EDGE:
            seen[side] = float(np.arctan2(x, y)), float(np.arctan2(-z, np.hypot(x, y)))
    out: dict[str, Array] = {}
    for side, other in (("left", "right"), ("right", "left")):
        # Who stands on one leg only has its twin on the other.
        twin = seen.get(other, (0.0, 0.0))
        edge, slope = seen.get(side, (-twin[0], twin[1]))
        shin = at_rest[f"{side}_knee"] - at_rest[f"{side}_ankle"]
        most = abs(float(np.arctan2(shin[0], shin[1]))) + MOST_CROOKED
        flatten = quaternion.multiply(
            quaternion.from_axis_angle(LEFT, np.clip(slope, -MOST_CROOKED, MOST_CROOKED)),
            quaternion.from_axis_angle(FORWARD, np.clip(edge, -most, most)),
        )
        out.update({role: quaternion.multiply(flatten, own[role]) for role in (f"{side}_ankle", f"{side}_foot") if role in own})
    return out


def standing_frames(places: Mapping[str, Array], side: str, fps: float) -> NDArray[np.bool_]:
    """(frames,) in which frames a foot seems to stand on the floor: low and slow. places: role -> (frames, 3)."""
    ankle, knee, hip = (places[f"{side}_{joint}"] for joint in ("ankle", "knee", "hip"))
    leg = float(np.mean(np.linalg.norm(ankle - knee, axis=-1) + np.linalg.norm(knee - hip, axis=-1)))
    speed = np.linalg.norm(np.gradient(ankle, axis=0), axis=-1) * fps if len(ankle) > 1 else np.zeros(len(ankle))
    low = ankle[:, 1] < np.percentile(ankle[:, 1], 5) + STAND_HEIGHT * leg
    slow = [low & (speed < limit * leg) for limit in STAND_SPEEDS]
    return next((frames for frames in slow if frames.sum() >= LEAST_STANDING), slow[-1])


def sole_normal(rotations: Array) -> Array | None:
    """The direction that is up while a foot stands, in its own coordinates; None if that is seen too little or varies."""
    if len(rotations) < LEAST_STANDING:
        return None
    up = np.mean(quaternion.rotate(quaternion.inverse(rotations), np.broadcast_to(UP, (len(rotations), 3))), axis=0)
    return up if np.linalg.norm(up) > STEADY else None


def mean_rotation(q: Array) -> Array:
    """The average of rotations (n, 4): the principal eigenvector of their outer products (Markley et al. 2007)."""
    return quaternion.normalise(np.linalg.eigh(q.T @ q)[1][:, -1])


class _Anatomy:
    """Puts a stance together, from the hips outwards, for a skeleton whose zero pose is no body.

    Local directions of a joint are constant however it moves, so they can be averaged over frames. Zero rotations still
    mean something along a limb or the spine: in line there, and not twisted against each other.
    """

    def __init__(
        self, turned: Array, placed: Array, rotations: Array, positions: Array, fps: float, joints: Mapping[str, int]
    ) -> None:
        self.turned, self.placed = turned, placed
        self.fps, self.joints = fps, joints
        self.below = rest.hierarchy(joints)
        self.rotations = {role: rotations[:, i] for role, i in joints.items()}
        self.positions = {role: positions[:, i] for role, i in joints.items()}
        self.made: dict[str, Array] = {}

    def stance(self) -> Stance:
        self.made["pelvis"] = self._pelvis()
        for role in self.below:
            if role in self.made:
                continue
            if role.endswith(("_shoulder", "_hip")):
                self.made[role] = self._limb(role)
            elif role.endswith("_ankle"):
                self.made[role] = self._foot(role)
            elif role.endswith("_wrist"):
                self.made[role] = self._hand(role)
            elif role.endswith("_foot"):
                self.made[role] = self._average(role, self._standing(role))
            else:
                self.made[role] = self._carried(role)
        return Stance(self._positions(), self.made)

    def _local(self, role: str, vectors: Array) -> Array:
        """Directions (frames, 3) in a joint's own coordinates."""
        return quaternion.rotate(quaternion.inverse(self.rotations[role]), vectors)

    def _toward(self, role: str, end: str) -> Array:
        """Where one role's joint lies from another, in the coordinates of the first, (3,) metres."""
        return np.mean(self._local(role, self.positions[end] - self.positions[role]), axis=0)

    def _pelvis(self) -> Array:
        """Level from hip to hip; upright as the trunk is in the zero pose if that is near how it is held, else as held."""
        places = self.positions
        across = np.mean(self._local("pelvis", places["left_hip"] - places["right_hip"]), axis=0)
        trunk = places["left_shoulder"] + places["right_shoulder"] - places["left_hip"] - places["right_hip"]
        held = np.mean(self._local("pelvis", trunk), axis=0)
        top = [*rest.chain(self.joints, "spine"), *rest.chain(self.joints, "neck")]
        if top:
            pelvis = self.joints["pelvis"]
            zero = self.placed[self.joints[top[-1]]] - self.placed[pelvis]
            zero = quaternion.rotate(quaternion.inverse(self.turned[pelvis]), zero)
            if zero @ held > np.cos(IN_LINE) * np.linalg.norm(zero) * np.linalg.norm(held):
                held = zero
        return turn(across, held, LEFT, UP)

    def _carried(self, role: str) -> Array:
        """Turned with the parent as in the zero pose if that is in line, otherwise as on the average."""
        above = self.below[role] or "pelvis"
        zero = quaternion.multiply(quaternion.inverse(self.turned[self.joints[above]]), self.turned[self.joints[role]])
        if role in body.FINGERS and not role.endswith("thumb1"):
            # A hand may well be a fist throughout, so an average says less than the straight fingers of a zero pose.
            return quaternion.multiply(self.made[above], zero)
        usual = mean_rotation(quaternion.multiply(quaternion.inverse(self.rotations[above]), self.rotations[role]))
        apart = np.linalg.norm(quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(zero), usual)))
        # Collars and thumbs are never in line with what carries them.
        in_line = apart < MOST_HELD and not role.endswith(("collar", "thumb1"))
        return quaternion.multiply(self.made[above], zero if in_line else usual)

    def _average(self, role: str, frames: NDArray[np.bool_]) -> Array:
        above = self.below[role] or "pelvis"
        relation = quaternion.multiply(quaternion.inverse(self.rotations[above]), self.rotations[role])
        return quaternion.multiply(self.made[above], mean_rotation(relation[frames] if frames.any() else relation))

    def _hand(self, wrist: str) -> Array:
        """Palm down and fingers to the side where knuckles show how, otherwise as other joints are."""
        side = wrist.split("_")[0]
        knuckles = [f"{side}_{finger}1" for finger in ("middle", "index", "pinky")]
        if any(role not in self.joints for role in knuckles):
            return self._carried(wrist)
        middle, index, pinky = (self._toward(wrist, role) for role in knuckles)
        return turn(middle, index - pinky, LEFT * (1.0 if side == "left" else -1.0), FORWARD)

    def _limb(self, start: str) -> Array:
        """Arms to the side with elbows that bend forward and up a little, legs down with knees that bend backward."""
        side, part = start.split("_")
        sign = 1.0 if side == "left" else -1.0
        middle = f"{side}_elbow" if part == "shoulder" else f"{side}_knee"
        end = f"{side}_wrist" if part == "shoulder" else f"{side}_ankle"
        if part == "shoulder":
            way, hinge = LEFT * sign, sign * np.array([0.0, -np.cos(ELBOW_RISE), np.sin(ELBOW_RISE)])
        else:
            way, hinge = -UP, LEFT
        upper, lower = self.positions[middle] - self.positions[start], self.positions[end] - self.positions[middle]
        normal = self._hinge(start, upper, lower)
        if normal is None:
            normal = self._usual_hinge(start, hinge)
        out = turn(self._toward(start, middle), normal, way, hinge)
        self.made[middle] = self._lower(start, middle, end, out, way, hinge, (upper, lower))
        return out

    def _hinge(self, role: str, upper: Array, lower: Array) -> Array | None:
        """The axis a limb bends about, in a joint's coordinates; None if it hardly bends in any frame."""
        axis = np.cross(upper, lower)
        sine = np.linalg.norm(axis, axis=-1) / np.maximum(np.linalg.norm(upper, axis=-1) * np.linalg.norm(lower, axis=-1), 1e-9)
        bent = sine > np.sin(LEAST_BEND)
        if bent.sum() < 3:
            return None
        mean = np.mean(self._local(role, axis)[bent], axis=0)
        return mean if np.linalg.norm(mean) > 1e-9 else None

    def _usual_hinge(self, role: str, hinge: Array) -> Array:
        """For a limb kept straight: square to it as the hips are on the average."""
        level = quaternion.multiply(self.rotations["pelvis"], quaternion.inverse(self.made["pelvis"]))
        if role.endswith("_shoulder"):
            # An arm that hangs is turned down about the forward axis.
            hinge = np.array([-abs(hinge[1]), 0.0, hinge[2]])
        return np.mean(self._local(role, quaternion.rotate(level, hinge)), axis=0)

    def _lower(
        self, start: str, middle: str, end: str, above: Array, way: Array, hinge: Array, segments: tuple[Array, Array]
    ) -> Array:
        """The forearm or shin: as in the zero pose where that is in line, otherwise by its own hinge."""
        a, b, c = (self.placed[self.joints[role]] for role in (start, middle, end))
        v, w = b - a, c - b
        cosine = v @ w / max(float(np.linalg.norm(v) * np.linalg.norm(w)), 1e-9)
        if cosine > np.cos(IN_LINE):
            relation = quaternion.multiply(
                quaternion.inverse(self.turned[self.joints[start]]), self.turned[self.joints[middle]]
            )
            near = quaternion.multiply(above, relation)
            # Straighten what is left of a bend.
            return quaternion.multiply(quaternion.between(quaternion.rotate(near, self._toward(middle, end)), way), near)
        normal = self._hinge(middle, *segments)
        if normal is None:
            return self._average(middle, np.zeros(0, dtype=bool))
        return turn(self._toward(middle, end), normal, way, hinge)

    def _standing(self, role: str) -> NDArray[np.bool_]:
        return standing_frames(self.positions, role.split("_")[0], self.fps)

    def _foot(self, ankle: str) -> Array:
        """Flat on the floor as in the frames in which it stands, pointing forward."""
        toe = ankle.replace("ankle", "foot")
        standing = self._standing(ankle)
        if toe not in self.joints:
            return self._average(ankle, standing)
        way = self._toward(ankle, toe)
        up = sole_normal(self.rotations[ankle][standing])
        if up is not None:
            return turn(up, way, UP, FORWARD)
        lateral = np.mean(self._hinge_of_ankle(ankle, toe), axis=0)
        down = FORWARD * np.cos(FOOT_SLOPE) - UP * np.sin(FOOT_SLOPE)
        return turn(way, lateral, down, LEFT)

    def _hinge_of_ankle(self, ankle: str, toe: str) -> Array:
        shin = self.positions[ankle] - self.positions[ankle.replace("ankle", "knee")]
        return self._local(ankle, np.cross(self.positions[toe] - self.positions[ankle], shin))

    def _positions(self) -> dict[str, Array]:
        """Joints of the stance, each placed from the role below it."""
        out = {"pelvis": np.zeros(3)}
        tips: dict[str, str | None] = {tip: f"{tip[:-1]}3" for tip in rest.TIPS if tip in self.joints}
        if rest.NAPE in self.joints:
            tips[rest.NAPE] = (rest.chain(self.joints, "spine") or ["pelvis"])[-1]
        for role, above in (self.below | tips).items():
            if above:
                out[role] = out[above] + quaternion.rotate(self.made[above], self._toward(above, role))
        return out
