# SPDX-License-Identifier: GPL-3.0-or-later
"""The stance of the body that performs a clip (see `rest`)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..motion import quaternion
from ..motion.quaternion import Array
from ..motion.skeleton import Skeleton
from . import rest
from .rest import FORWARD, IN_LINE, LEAST_BEND, UP, Stance

# Frames looked at to find hinges and feet on the floor.
SAMPLES = 240
# Feet stand where the ankle is this near its lowest (share of the leg) and slower than this (legs a second).
STAND_HEIGHT, STAND_SPEED = 0.06, 0.25
# How far a foot points down, from ankle to ball, where no frame shows it standing (radians): a common shoe.
FOOT_SLOPE = 0.45

LEFT: Array = np.array([1.0, 0.0, 0.0])


def stance(skeleton: Skeleton, rotations: Array, positions: Array, fps: float, joints: Mapping[str, int]) -> Stance:
    """How the joints are turned when this body stands upright.

    rotations: (frames, joints, 4) and positions: (frames, joints, 3), global; joints: role -> joint index.
    """
    turned, placed = skeleton.rest_globals()
    heading = rest.facing({role: placed[i] for role, i in joints.items()})
    at_rest = {role: quaternion.rotate(heading, placed[i]) for role, i in joints.items()}
    if rest.stands(at_rest):
        return Stance(at_rest, {role: quaternion.multiply(heading, turned[i]) for role, i in joints.items()})
    step = max(1, len(rotations) // SAMPLES)
    return _Anatomy(turned, placed, rotations[::step], positions[::step], fps / step, joints).stance()


def turn(first: Array, second: Array, to_first: Array, to_second: Array) -> Array:
    """The rotation that takes direction `first` to `to_first` exactly, and `second` to `to_second` as nearly as it can."""
    return quaternion.multiply(
        quaternion.from_matrix(_axes(to_first, to_second)), quaternion.inverse(quaternion.from_matrix(_axes(first, second)))
    )


def mean_rotation(q: Array) -> Array:
    """The average of rotations (n, 4): the principal eigenvector of their outer products (Markley et al. 2007)."""
    return quaternion.normalise(np.linalg.eigh(q.T @ q)[1][:, -1])


def _axes(first: Array, second: Array) -> Array:
    x = first / max(float(np.linalg.norm(first)), 1e-12)
    z = np.cross(x, second)
    if np.linalg.norm(z) < 1e-9:
        z = np.cross(x, np.eye(3)[int(np.argmin(np.abs(x)))])
    z = z / np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], axis=-1)


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
        self.rotations = {role: rotations[:, i] for role, i in joints.items()}
        self.positions = {role: positions[:, i] for role, i in joints.items()}
        self.made: dict[str, Array] = {}

    def stance(self) -> Stance:
        self.made["pelvis"] = self._pelvis()
        for role in rest.order(self.joints):
            if role in self.made:
                continue
            if role.endswith(("_shoulder", "_hip")):
                self.made[role] = self._limb(role)
            elif role.endswith("_ankle"):
                self.made[role] = self._foot(role)
            elif role.endswith("_foot"):
                self.made[role] = self._average(role, self._standing(role.split("_")[0]))
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
        hips = (self.positions["left_hip"] + self.positions["right_hip"]) / 2
        across = np.mean(self._local("pelvis", self.positions["left_hip"] - self.positions["right_hip"]), axis=0)
        above = [*rest.chain(self.joints, "spine"), *rest.chain(self.joints, "neck"), "head", "left_shoulder"]
        up = UP
        for role in above:
            if role in self.joints:
                up = np.mean(self._local("pelvis", self.positions[role] - hips), axis=0)
                # A joint in the same place as the hips says nothing about which way is up.
                if np.linalg.norm(up) > 0.25 * np.linalg.norm(across):
                    break
        return turn(across, up, LEFT, UP)

    def _carried(self, role: str) -> Array:
        """Turned with the parent as in the zero pose if that is in line, otherwise as on the average."""
        above = rest.parent_of(role, self.joints) or "pelvis"
        zero = quaternion.multiply(quaternion.inverse(self.turned[self.joints[above]]), self.turned[self.joints[role]])
        mean = quaternion.multiply(quaternion.inverse(self.rotations[above]), self.rotations[role])
        usual = mean_rotation(mean)
        apart = np.linalg.norm(quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(zero), usual)))
        # Nobody holds a joint more than this far from neutral throughout a take: such a zero pose is arbitrary.
        relation = zero if apart < 0.9 and "collar" not in role else usual
        return quaternion.multiply(self.made[above], relation)

    def _average(self, role: str, frames: NDArray[np.bool_]) -> Array:
        above = rest.parent_of(role, self.joints) or "pelvis"
        relation = quaternion.multiply(quaternion.inverse(self.rotations[above]), self.rotations[role])
        return quaternion.multiply(self.made[above], mean_rotation(relation[frames] if frames.any() else relation))

    def _limb(self, start: str) -> Array:
        """Arms to the side with elbows that bend forward, legs down with knees that bend backward."""
        side, part = start.split("_")
        sign = 1.0 if side == "left" else -1.0
        middle = f"{side}_elbow" if part == "shoulder" else f"{side}_knee"
        end = f"{side}_wrist" if part == "shoulder" else f"{side}_ankle"
        if part == "shoulder":
            way, hinge = LEFT * sign, np.array([0.0, -sign, 0.0])
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
        # An arm that hangs is turned down about the forward axis, which takes its hinge to the lateral one.
        lateral = hinge if role.endswith("_hip") else -LEFT
        return np.mean(self._local(role, quaternion.rotate(level, lateral)), axis=0)

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

    def _standing(self, side: str) -> NDArray[np.bool_]:
        """(frames,) bool, in which frames the foot seems to stand on the floor."""
        ankle = self.positions[f"{side}_ankle"]
        knee, hip = self.positions[f"{side}_knee"], self.positions[f"{side}_hip"]
        leg = float(np.mean(np.linalg.norm(ankle - knee, axis=-1) + np.linalg.norm(knee - hip, axis=-1)))
        speed = np.zeros(len(ankle))
        if len(ankle) > 1:
            speed = np.linalg.norm(np.gradient(ankle, axis=0), axis=-1) * self.fps
        low = ankle[:, 1] < np.percentile(ankle[:, 1], 5) + STAND_HEIGHT * leg
        return low & (speed < STAND_SPEED * leg)

    def _foot(self, ankle: str) -> Array:
        """Flat on the floor as in the frames in which it stands, pointing forward."""
        toe = ankle.replace("ankle", "foot")
        standing = self._standing(ankle.split("_")[0])
        if toe not in self.joints:
            return self._average(ankle, standing)
        way = self._toward(ankle, toe)
        if standing.sum() >= 3:
            up = np.mean(self._local(ankle, np.broadcast_to(UP, self.positions[ankle].shape))[standing], axis=0)
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
        for role in rest.order(self.joints):
            above = rest.parent_of(role, self.joints)
            if above:
                out[role] = out[above] + quaternion.rotate(self.made[above], self._toward(above, role))
        return out
