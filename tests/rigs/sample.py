# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sample rig is: bones in the armature's own space, what the object does to it, and what a map of it has to say."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bone:
    """One bone at rest, as Blender's edit mode has it.

    head, tail: (3,) in the armature's space. roll: radians, Blender's. connected: its head is held at the parent's tail.
    """

    name: str
    parent: str
    head: tuple[float, float, float]
    tail: tuple[float, float, float]
    roll: float
    connected: bool = False
    inherit_rotation: bool = True


@dataclass(frozen=True)
class Constraint:
    """A constraint of a bone to another bone of the same rig.

    kind: Blender's type, such as "COPY_TRANSFORMS". influence: a number, or (bone, custom property, whether it is one
    minus that) for a driven one. settings: attributes of the constraint; "pole_subtarget" names a bone.
    """

    bone: str
    kind: str
    subtarget: str
    influence: float | tuple[str, str, bool] = 1.0
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Control:
    """What moves the end of a limb under inverse kinematics: see `retarget.conventions.Control`."""

    bone: str
    pole: str = ""


@dataclass(frozen=True)
class Sample:
    """A rig of one convention.

    name: of the rig. convention: of the row that has to recognise it. bones: parents before children.
    world: (4, 4) of the object, Blender's axes.
    expected: role -> bone, as in `retarget.roles.RigMap.bones`; the rest as in the rest of it. travel: the bone that
        receives the location.
    properties: (bone, key) -> value of custom properties.
    source: where names, hierarchy and rest pose are known from, and what of them is not known.
    """

    name: str
    convention: str
    bones: tuple[Bone, ...]
    world: Array
    expected: Mapping[str, str]
    travel: str
    root: str = ""
    twists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    controls: Mapping[str, Control] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    properties: Mapping[tuple[str, str], float] = field(default_factory=dict)
    source: str = ""

    def renamed(self, names: Mapping[str, str]) -> "Sample":
        """The same rig under other names; those that are not in the table are kept."""

        def new(name: str) -> str:
            return names.get(name, name)

        return replace(
            self,
            bones=tuple(replace(bone, name=new(bone.name), parent=new(bone.parent)) for bone in self.bones),
            expected={role: new(name) for role, name in self.expected.items()},
            travel=new(self.travel),
            root=new(self.root),
            twists={role: tuple(map(new, listed)) for role, listed in self.twists.items()},
            controls={role: Control(new(c.bone), new(c.pole)) for role, c in self.controls.items()},
            constraints=tuple(replace(c, bone=new(c.bone), subtarget=new(c.subtarget)) for c in self.constraints),
            properties={(new(bone), key): value for (bone, key), value in self.properties.items()},
        )

    def without(self, *roles: str) -> "Sample":
        """The same rig without the bones of these roles; what hangs on them hangs on what is above."""
        gone = {self.expected[role] for role in roles}
        above = {bone.name: bone.parent for bone in self.bones}

        def kept(name: str) -> str:
            while name in gone:
                name = above[name]
            return name

        return replace(
            self,
            bones=tuple(
                replace(bone, parent=kept(bone.parent), connected=bone.connected and bone.parent not in gone)
                for bone in self.bones
                if bone.name not in gone
            ),
            expected={role: name for role, name in self.expected.items() if role not in roles},
        )

    def reordered(self, random: np.random.Generator) -> "Sample":
        """The same rig with its bones listed in any order that has parents before children."""
        waiting = list(self.bones)
        done: list[Bone] = []
        there = {""}
        while waiting:
            ready = [bone for bone in waiting if bone.parent in there]
            bone = ready[int(random.integers(len(ready)))]
            waiting.remove(bone)
            done.append(bone)
            there.add(bone.name)
        return replace(self, bones=tuple(done))
