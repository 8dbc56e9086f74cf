# SPDX-License-Identifier: GPL-3.0-or-later
"""A target rig and the keys it receives, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..motion import quaternion
from ..motion.quaternion import Array


@dataclass(frozen=True)
class Chain:
    """Inverse kinematics found on a rig: bones that bend so that a point of the body comes to a target.

    bone: the last bone that bends. tip: (3,) the point at rest, in the armature's space, that moves as `bone` does at rest.
    target: the bone whose head the tip is drawn to. pole: the bone that the bend points at, or empty.
    control: the bone to key, which carries the target, or is it.
    root: the first bone that bends.
    axis: (3,) the direction at rest, fixed in `root`, that is turned towards the pole.
    angle: by how much (radians, right-handed about the line from the root's head to the tip) the pole is turned from where
        the chain bends to.
    """

    bone: str
    root: str
    tip: Array
    target: str
    control: str
    pole: str = ""
    axis: Array = field(default_factory=lambda: np.zeros(3))
    angle: float = 0.0


@dataclass(frozen=True)
class Placed:
    """Where an object or a posed bone stands now, by its own channels, in Blender's axes and units.

    mode: rotation mode as Blender spells it. rotation: the channels of that mode, (3,) or (4,).
    location: (3,). before: (4,) turn that comes on top of the channels' (an object's delta rotation).
    scale: (3,), an object's delta scale included.
    location_locks: (3,) bool. rotation_locks: (4,) bool for w, x, y, z.
    obstacle: why keys would not show, for people: what else decides about place or turn; empty for nothing.
    """

    mode: str = "QUATERNION"
    rotation: Array = field(default_factory=lambda: quaternion.IDENTITY)
    location: Array = field(default_factory=lambda: np.zeros(3))
    before: Array = field(default_factory=lambda: quaternion.IDENTITY)
    scale: Array = field(default_factory=lambda: np.ones(3))
    location_locks: np.ndarray = field(default_factory=lambda: np.zeros(3, dtype=bool))
    rotation_locks: np.ndarray = field(default_factory=lambda: np.zeros(4, dtype=bool))
    obstacle: str = ""


@dataclass(frozen=True)
class Rig:
    """The bones of an armature at rest, and how each one is carried when it is posed.

    name: of the object, for people.
    names: one per bone, unique; parents come before children.
    parents: (bones,) int64, -1 for a bone without one.
    rest: (bones, 4, 4) rest matrices in the armature's own space, whatever its axes and unit; the second column
        points along the bone.
    lengths: (bones,) in the armature's unit.
    world: (4, 4) from the armature's space to the world: Y up, metres. It may turn, scale unevenly and shear.
    modes: rotation mode of each bone as Blender spells it: "QUATERNION", "AXIS_ANGLE", or an order such as "XYZ".
    carriers: (bones,) int64, the bone whose posed displacement from rest carries this bone's own space, -1 for
        none. In a plain hierarchy that is the parent; in a rig of controls it is whichever control the constraints,
        drivers and helper bones in between amount to (measured, not guessed).
    connected: (bones,) bool, the head is held at the parent's tail, so locations have no effect.
    local_location: (bones,) bool, a location is along the bone's own rest axes (Blender's default).
    rotation_locks: (bones, 4) bool for w, x, y, z; all of them means that the bone is not to be turned.
    location_locks: (bones, 3) bool.
    displaced: (bones,) bool, the bone now stands off its place or size, so that keys for its turn alone would not do.
    properties: (bone, custom property) pairs that exist on the rig, where its switches are looked up.
    chains: what inverse kinematics bend on it.
    driven: names of bones whose turn constraints or drivers have a say in.
    holders: (bones,) int64, as `carriers`, for the place of the head instead of the turn: controls can be made to keep their
        turn while the body takes them along. None where it is always the parent.
    bind: (bones, 4, 4) the armature's own rest matrices, where these are no body and `rest` is a stance instead (see
        `standing`); otherwise None.
    object: where the object stands in its parent, if it has one.
    posed: bone -> how it is posed now; bones that aren't there are at rest.
    """

    name: str
    names: tuple[str, ...]
    parents: np.ndarray
    rest: Array
    lengths: Array
    world: Array
    modes: tuple[str, ...]
    carriers: np.ndarray
    connected: np.ndarray
    local_location: np.ndarray
    rotation_locks: np.ndarray
    location_locks: np.ndarray
    displaced: np.ndarray
    properties: frozenset[tuple[str, str]] = frozenset()
    chains: tuple[Chain, ...] = ()
    driven: frozenset[str] = frozenset()
    holders: np.ndarray | None = None
    bind: Array | None = None
    object: Placed = field(default_factory=Placed)
    posed: Mapping[str, Placed] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many bones."""
        return len(self.names)

    def index(self, name: str) -> int:
        """The position of a bone; ValueError if the rig has none of that name."""
        return self.names.index(name)


@dataclass(frozen=True)
class BoneKeys:
    """The channels of one bone, one row per frame.

    mode: the bone's rotation mode, which says what `rotation` holds.
    rotation: (frames, 4) quaternion w x y z or axis-angle (angle, x, y, z), or (frames, 3) Euler angles in x, y, z
        whatever the order; radians; None where the bone is not turned. One row means one key that holds.
    location: (frames, 3) in the bone's location space, or None.
    scale: (frames, 3), or None.
    frames: (keys,) int64, the frames, from 0, of the rows of rotation and location where there isn't one a frame (see
        `reduce`); the curves between are then Bezier ones.
    rotation_slopes, location_slopes: of those, change a frame at each key.
    """

    mode: str
    rotation: Array | None = None
    location: Array | None = None
    scale: Array | None = None
    frames: np.ndarray | None = None
    rotation_slopes: Array | None = None
    location_slopes: Array | None = None


@dataclass(frozen=True)
class Keys:
    """What `blender.action.write` writes: one key a frame for every channel of every bone, unless its bone says otherwise.

    frames: how many; they are one scene frame apart.
    bones: bone name -> its channels.
    switches: (bone, custom property) -> the value it needs for these keys to show.
    object: location and rotation of the object itself, where it receives the way over the ground.
    stance: bone -> (7,) turn and location along its own axes that the bones have in the stance from which a motion was solved,
        on a rig whose rest pose is no body (see `standing`). Bones that aren't there are as they are at rest.
    """

    frames: int
    bones: Mapping[str, BoneKeys]
    switches: Mapping[tuple[str, str], float] = field(default_factory=dict)
    object: BoneKeys | None = None
    stance: Mapping[str, Array] = field(default_factory=dict)
