# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig does in a frame, as a motion that another one can go on from."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import SkeletonProblem
from ..motion import quaternion
from ..motion.quaternion import Array
from ..retarget import feet
from ..retarget.rig import Rig
from ..retarget.roles import RigMap
from ..retarget.target import Motion, Target, rigid
from . import rig as rig_reader
from .placed import rotation_channel
from .scenes import alone

STILL = 1e-3
"""Of a matrix (Blender units, and about radians): a pose shown that is further from the animated one was made by hand."""


@dataclass(frozen=True)
class Present:
    """The pose of a rig, and how it comes about.

    motion: two frames, the one before and the pose itself, as the character shows it, whichever of its controls pose it.
    rotations: bone -> its rotation channels (n,) in its mode.
    """

    motion: Motion
    rotations: dict[str, Array]


def read(scene: bpy.types.Scene, object: bpy.types.Object, rig: Rig, rig_map: RigMap, goal: Target, frame: int) -> Present:
    """The pose at a scene frame. At the frame shown that is the pose shown, keyed or not, which then is taken to be still.

    Nothing changes: other frames are evaluated in a scene of their own.
    """
    view = _View.of(object, rig, rig_map)
    matrices, rotations = _sampled(scene, object, view.names, range(frame - 1, frame + 1))
    if frame == scene.frame_current and not scene.frame_subframe:
        bpy.context.view_layer.update()
        posed = object.evaluated_get(bpy.context.evaluated_depsgraph_get())
        now, rotations = _matrices(posed, view.names), _rotations(posed)
        if by_hand(now, matrices[1]):
            matrices = np.stack([now, now])
    return Present(view.motion(matrices, goal), rotations)


def shown(object: bpy.types.Object, rig: Rig, rig_map: RigMap, goal: Target) -> tuple[Motion, Array]:
    """The pose that the window shows, as a motion of one frame, and what (4, 4) carries it in the armature's space.

    Nothing is evaluated for that, so it may be called while a window is drawn.
    """
    view = _View.of(object, rig, rig_map)
    matrices = _matrices(object, view.names)
    at = view.names.index(view.carrier) if view.carrier else -1
    carried = matrices[at] @ np.linalg.inv(view.rest[at]) if view.carrier else np.eye(4)
    return view.motion(matrices[None], goal), carried


def performed(
    scene: bpy.types.Scene, object: bpy.types.Object, rig: Rig, rig_map: RigMap, goal: Target, action: bpy.types.Action
) -> Motion:
    """What one of the object's actions makes its body do, in every frame of it. Raises SkeletonProblem if it doesn't fit.

    The action plays alone meanwhile; afterwards the object has what it had.
    """
    view = _View.of(object, rig, rig_map)
    with playing(object, action):
        first, last = (round(at) for at in action.frame_range)
        matrices, _ = _sampled(scene, object, view.names, range(first, last + 1))
    return view.motion(matrices, goal)


def by_hand(shown: Array, animated: Array) -> bool:
    """Whether a pose shown, matrices (bones, 4, 4) in the armature's space, is another one than the animation's."""
    return bool(np.abs(shown - animated).max() > STILL * max(float(np.abs(shown[:, :3, 3]).max()), 1.0))


@contextmanager
def playing(object: bpy.types.Object, action: bpy.types.Action) -> Iterator[None]:
    """The object with an action and without its NLA."""
    had = object.animation_data is not None
    data = object.animation_data or object.animation_data_create()
    before, slot, nla = data.action, getattr(data, "action_slot", None), data.use_nla
    try:
        data.action, data.use_nla = action, False
        if hasattr(data, "action_slot") and data.action_slot is None:
            if not data.action_suitable_slots:
                raise SkeletonProblem(f"The action {action.name} holds nothing for an object such as “{object.name}”.")
            data.action_slot = data.action_suitable_slots[0]
        yield
    finally:
        data.action, data.use_nla = before, nla
        if before is not None and slot is not None:
            data.action_slot = slot
        if not had:
            object.animation_data_clear()


def _sampled(
    scene: bpy.types.Scene, object: bpy.types.Object, names: tuple[str, ...], frames: range
) -> tuple[Array, dict[str, Array]]:
    """(frames, bones, 4, 4) as seen from where the object is in the last frame, and the rotation channels in that."""
    with alone(object, (scene.render.fps, scene.render.fps_base)) as own:
        matrices, worlds = [], []
        posed = object
        for frame in frames:
            own.frame_set(frame)
            posed = object.evaluated_get(own.view_layers[0].depsgraph)
            matrices.append(_matrices(posed, names))
            worlds.append(np.array(posed.matrix_world, np.float64))
        rotations = _rotations(posed)
    moved = np.linalg.inv(worlds[-1]) @ np.array(worlds)
    return moved[:, None] @ np.array(matrices), rotations


@dataclass(frozen=True)
class _View:
    """Which bones of an object show what its body does. rest: (bones, 4, 4).

    shown: role -> bone. carrier: the bone that carries the whole body, which a motion leaves where it is; or "".
    """

    names: tuple[str, ...]
    rest: Array
    shown: dict[str, str]
    carrier: str

    @classmethod
    def of(cls, object: bpy.types.Object, rig: Rig, rig_map: RigMap) -> "_View":
        shown = rig_reader.deforming(object, rig_map.bones)
        above = int(rig.carriers[rig.index(rig_map.travel)])
        carrier = rig.names[above] if above >= 0 else ""
        names = tuple(dict.fromkeys(name for name in (*shown.values(), carrier) if name))
        return cls(names, rig.rest[[rig.index(name) for name in names]], shown, carrier)

    def motion(self, matrices: Array, goal: Target) -> Motion:
        """matrices: (frames, bones, 4, 4) in the armature's space."""
        moved = matrices @ np.linalg.inv(self.rest)
        if self.carrier:
            # What the whole body is carried by stays as it is in the last frame, and carries the motion as well.
            moved = np.linalg.inv(moved[-1, self.names.index(self.carrier)]) @ moved
        turned = quaternion.from_matrix(rigid(moved[..., :3, :3]))
        turns = {role: turned[:, self.names.index(name)] for role, name in self.shown.items()}
        hips = np.zeros((len(matrices), 3))
        for role in ("left_hip", "right_hip"):
            at = self.names.index(self.shown[role])
            hips += (moved[:, at] @ self.rest[at, :, 3])[:, :3] / 2
        return Motion(turns, feet.to_stance(goal, hips))


def _matrices(posed: bpy.types.Object, names: tuple[str, ...]) -> Array:
    """(bones, 4, 4) in the armature's space."""
    return np.array([posed.pose.bones[name].matrix for name in names], np.float64)


def _rotations(posed: bpy.types.Object) -> dict[str, Array]:
    channels = {bone.name: getattr(bone, rotation_channel(bone.rotation_mode)) for bone in posed.pose.bones}
    return {name: np.array(values, np.float64) for name, values in channels.items()}
