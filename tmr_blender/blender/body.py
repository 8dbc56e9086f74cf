# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig does over some frames, as the body that libraries are searched with.

The rig is evaluated, so constraints, IK, drivers, NLA strips and a moved or scaled object all count. That happens in a scene
of its own for a moment, which holds nothing but the rig: the frame shown stays, a pose that is not keyed yet is not lost, and
meshes that the rig moves cost nothing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import QueryProblem, SkeletonProblem
from ..library.wire import MOST_SECONDS
from ..motion import humanoid, quaternion
from ..motion.clip import Clip
from ..motion.humanoid import BodyMap
from ..motion.quaternion import Array
from ..motion.skeleton import Skeleton
from ..retarget import rest
from ..retarget.rig import Rig
from ..retarget.roles import RigMap
from ..retarget.target import rigid, target
from . import mapping
from . import rig as rig_reader
from .action import curves_of
from .scenes import alone, scene_fps

LEAST_RATE = 30.0
"""Frames a second that are sampled at least, where the scene has as many; features are made at 20."""

LEG, PLAUSIBLE = 0.83, (0.2, 1.6)
"""Metres from hip to ankle: of HumanML3D's body, and the range in which a rig's unit is believed."""


@dataclass(frozen=True)
class Span:
    """Scene frames from first to last, both included. name: of what plays there, for people."""

    first: int
    last: int
    name: str


@dataclass(frozen=True)
class Body:
    """A sampled motion. positions: (frames, 22, 3) of `motion.body.JOINTS`, metres, Y up, in the world and facing as it is."""

    name: str
    positions: Array
    fps: float


class Sampling:
    """A rig being sampled: `run` until it says that all is done, then `body`.

    Between two runs anything may happen to the scene: nothing of Blender's is held, the rig is looked up anew.
    """

    def __init__(self, rig: bpy.types.Object, span: Span, scene: bpy.types.Scene) -> None:
        """Raises SkeletonProblem for what is no human rig, QueryProblem for frames that show no motion."""
        _check(rig)
        fps = scene_fps(scene)
        step = max(1, int(fps / LEAST_RATE))
        if (span.last - span.first) / fps > MOST_SECONDS:
            raise QueryProblem(f"{span.name} is longer than {MOST_SECONDS / 60:.0f} minutes: search with a part of it.")
        bpy.context.view_layer.update()
        outline = rig_reader.plain(rig)
        found = mapping.of(rig, outline, scene)
        self.span, self.fps = span, fps / step
        self._name, self._rig, self._rate = rig.name, rig.session_uid, (scene.render.fps, scene.render.fps_base)
        self._map = _body_map(rig_reader.deforming(rig, found.bones), found)
        self._scale = _scale(outline, found) * (scene.unit_settings.scale_length or 1.0)
        self._frames = range(span.first, span.last + 1, step)
        self._taken: list[Array] = []

    @property
    def progress(self) -> float:
        """0..1, the share of the frames that is done."""
        return len(self._taken) / len(self._frames)

    @property
    def bones(self) -> tuple[str, ...]:
        """The names of those that are sampled."""
        return self._map[0]

    def run(self, seconds: float | None = None) -> bool:
        """Sample for about so long, or to the end; whether that is reached. Raises SkeletonProblem where the rig has gone."""
        rig = next((item for item in bpy.data.objects if item.session_uid == self._rig), None)
        if rig is None or rig.pose is None or any(name not in rig.pose.bones for name in self._map[0]):
            raise SkeletonProblem(f"“{self._name}” has been removed or edited meanwhile: search again.")
        start, least = time.perf_counter(), 0.0
        with alone(rig, self._rate) as scene:
            for frame in self._frames[len(self._taken) :]:
                scene.frame_set(frame)
                self._taken.append(self._matrices(rig.evaluated_get(scene.view_layers[0].depsgraph)))
                # The first frame builds the scene. Where that takes long, half as long is for frames, or it would never end.
                least = least or 1.5 * (time.perf_counter() - start)
                if seconds is not None and time.perf_counter() - start > max(seconds, least):
                    break
        return len(self._taken) == len(self._frames)

    def glimpses(self, count: int) -> list[int]:
        """So many of the frames, spread evenly, by their number."""
        return [int(i) for i in np.linspace(0, len(self._frames) - 1, count)]

    def taken(self, numbers: Sequence[int]) -> Array:
        """(n, bones, 4, 4) where the mapped bones were when these frames were sampled."""
        return np.array([self._taken[i] for i in numbers])

    def glance(self, numbers: Sequence[int]) -> Array:
        """(n, bones, 4, 4) where the mapped bones are in these frames now; nothing of it is kept."""
        rig = next(item for item in bpy.data.objects if item.session_uid == self._rig)
        frames = [self._frames[i] for i in numbers]
        seen = []
        with alone(rig, self._rate) as scene:
            for frame in frames:
                scene.frame_set(frame)
                seen.append(self._matrices(rig.evaluated_get(scene.view_layers[0].depsgraph)))
        return np.array(seen)

    def body(self) -> Body:
        """The frames that were sampled, as a body. Raises QueryProblem where nothing moves in them."""
        matrices = np.array(self._taken)
        moved = matrices[..., :3, 3] * self._scale
        if len(moved) < 2 or np.ptp(moved, axis=0).max() < 1e-4:
            raise QueryProblem(
                f"Nothing moves in {self.span.name} from frame {self.span.first} to {self.span.last}: there is no motion to "
                "look for."
            )
        names, body_map = self._map
        count = len(names)
        skeleton = Skeleton(names, np.full(count, -1), moved[0], np.tile(quaternion.IDENTITY, (count, 1)))
        clip = Clip(self.span.name, skeleton, self.fps, _rotations(matrices[..., :3, :3]), moved)
        return Body(self.span.name, humanoid.body_positions(clip, body_map), self.fps)

    def _matrices(self, rig: bpy.types.Object) -> Array:
        """(bones, 4, 4) where the mapped bones of the evaluated rig are, Y up."""
        posed = np.array([rig.pose.bones[name].matrix for name in self._map[0]], np.float64)
        return rig_reader.TO_Y_UP @ np.array(rig.matrix_world, np.float64) @ posed


def _check(rig: bpy.types.Object) -> None:
    if not rig.pose or not rig.pose.bones:
        raise SkeletonProblem(f"“{rig.name}” has no bones: pick an armature with a human rig.")
    if rig.mode == "EDIT":
        raise SkeletonProblem(f"“{rig.name}” is in edit mode, where nothing is animated: leave it first (Tab).")
    if rig.data.pose_position == "REST":
        raise SkeletonProblem(f"“{rig.name}” is shown in rest position: set its Armature properties to Pose Position.")


def _body_map(bones: dict[str, str], found: RigMap) -> tuple[tuple[str, ...], BodyMap]:
    """The bones to sample, each once, and which of them `humanoid.body_positions` takes for what."""
    rest.require(bones, "the rig")
    wanted = {role: name for role, name in bones.items() if role in ("pelvis", "head", *rest.NEEDED) or role.endswith("_foot")}
    spine, neck = rest.chain(bones, "spine"), rest.chain(bones, "neck")
    if spine:
        wanted["spine3"] = bones[spine[-1]]  # the one that carries the arms
    if neck:
        wanted["neck"] = bones[neck[0]]
    names = tuple(dict.fromkeys(wanted.values()))
    return names, BodyMap({role: names.index(name) for role, name in wanted.items()}, found.score, found.convention)


def _scale(outline: Rig, found: RigMap) -> float:
    """1, or what brings a rig that can't be in metres to a body of ordinary size."""
    leg = target(outline, found).stance.leg
    return 1.0 if PLAUSIBLE[0] < leg < PLAUSIBLE[1] else LEG / leg


def _rotations(matrices: Array) -> Array:
    """Quaternions (..., 4) that turn with matrices (..., 3, 3); those of a mirrored object lose one axis's sign."""
    mirrored = np.where(np.linalg.det(matrices) < 0.0, -1.0, 1.0)
    proper = matrices * np.stack([np.ones_like(mirrored), np.ones_like(mirrored), mirrored], axis=-1)[..., None, :]
    return quaternion.from_matrix(rigid(proper))


def span_of(rig: bpy.types.Object, scene: bpy.types.Scene, frames: str) -> Span:
    """The frames to sample.

    frames: "ACTION" (the keys of the rig's action; without one, what its NLA strips cover), "KEYS" (from the first to the
    last selected key of the action) or "SCENE" (the preview range where that is on, else the scene's).
    Raises QueryProblem where there are none.
    """
    data = rig.animation_data
    action = data.action if data is not None else None
    strips = [] if data is None or action is not None else playing(data)
    name = action.name if action is not None else strips[0].name if len(strips) == 1 else rig.name
    if frames == "SCENE":
        if scene.use_preview_range:
            return Span(scene.frame_preview_start, scene.frame_preview_end, name)
        return Span(scene.frame_start, scene.frame_end, name)
    if frames == "KEYS":
        places = _keys(data) if data is not None and action is not None else []
        if len(places) < 2:
            raise QueryProblem(f"Select two keys of “{rig.name}” at least, at the start and the end of the part to look for.")
    elif action is not None:
        places = _extent(action, _curves(data))
    else:
        places = [frame for strip in strips for frame in (strip.frame_start, strip.frame_end)]
    if not places:
        raise QueryProblem(
            f"“{rig.name}” has no action and no NLA strips: give it one, or take the scene's frames if something else moves it."
        )
    if data is not None and data.use_tweak_mode:
        places = [data.nla_tweak_strip_time_to_scene(place) for place in places]
    return Span(round(min(places)), round(max(places)), name)


def playing(data: bpy.types.AnimData) -> list[bpy.types.NlaStrip]:
    """The NLA strips that play."""
    if not data.use_nla:
        return []
    solo = any(track.is_solo for track in data.nla_tracks)
    tracks = [track for track in data.nla_tracks if (track.is_solo if solo else not track.mute)]
    return [strip for track in tracks for strip in track.strips if not strip.mute]


def _curves(data: bpy.types.AnimData) -> list[bpy.types.FCurve]:
    """The curves of the action that move this rig: since Blender 4.4 an action may hold those of others, too."""
    if hasattr(data, "action_slot") and data.action_slot is None:
        return []
    return curves_of(data.action, getattr(data, "action_slot", None))


def _extent(action: bpy.types.Action, curves: list[bpy.types.FCurve]) -> list[float]:
    """The first and last frame of the keys, or those that the animator has set on the action."""
    if action.use_frame_range and curves:
        return [action.frame_start, action.frame_end]
    return [place for curve in curves if not curve.is_empty for place in curve.range()]


def _keys(data: bpy.types.AnimData) -> list[float]:
    """The frames of the first and last selected key of each curve."""
    found: list[float] = []
    for curve in _curves(data):
        count = len(curve.keyframe_points)
        chosen, places = np.empty(count, bool), np.empty(2 * count, np.float32)
        curve.keyframe_points.foreach_get("select_control_point", chosen)
        if chosen.any():
            curve.keyframe_points.foreach_get("co", places)
            at = places[::2][chosen]
            found += {float(at.min()), float(at.max())}
    return found
