# SPDX-License-Identifier: GPL-3.0-or-later
"""Put clips on a rig: recognise the body, map the rig, solve, join, write the keys."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import bpy

from ..errors import FileProblem, SkeletonProblem
from ..motion import edits, features, humanoid, readers
from ..motion.clip import Clip, Excerpt
from ..motion.humanoid import BodyMap
from ..retarget import joining, keying, reduce, solver, standing
from ..retarget.options import Options
from ..retarget.rig import Keys, Rig
from ..retarget.roles import RigMap
from ..retarget.target import Motion, Target
from ..retarget.target import target as target_of
from . import action as action_writer
from . import mapping, nla, present, stance
from .present import Present
from .scenes import scene_fps

OPENING = 12
"""Frames that show whether the first one is a bind pose."""

METRES_A_DEGREE = 0.005
"""By how much joints may be displaced where keys are reduced, for each degree that is allowed."""


@dataclass(frozen=True)
class Placement:
    """How motions are put on a rig, and where they go. at: scene frame of the first key.

    extent: what to do with the scene's frame range. heading, travel, root, limbs, hands, feet, mirror: as in
    `retarget.options.Options`. speed: how many times as fast. loop: only the part that repeats best, closed
    (`motion.edits.loop`). tolerance: degrees by which bones may be off with fewer keys, and for each of them 5 mm by which they
    may be displaced; 0 keys every frame. trim: seconds to leave out at the start and at the end.
    place: start where the rig stands, or where the body is and faces at that frame; "auto" is the latter for a blend.
    goes: as the rig's new action, as a strip of its NLA, or as an action in the file that the rig may be given later.
    blend: frames over which the motion goes over from the pose that the rig has at that frame. overlap: seconds in which two
    motions of a sequence play, one fading into the next.
    """

    at: int
    extent: Literal["EXTEND", "FIT", "KEEP"] = "EXTEND"
    heading: Literal["rig", "take"] = "rig"
    travel: bool = True
    feet: bool = False
    mirror: bool = False
    speed: float = 1.0
    loop: bool = False
    tolerance: float = 0.0
    trim: tuple[float, float] = (0.0, 0.0)
    root: Literal["hips", "bone", "object"] = "hips"
    limbs: Literal["fk", "ik"] = "fk"
    hands: Literal["free", "body"] = "free"
    place: Literal["auto", "rig", "body"] = "auto"
    goes: Literal["action", "strip", "file"] = "action"
    blend: int = 0
    overlap: float = 0.3

    @property
    def continues(self) -> bool:
        """Whether the motion starts where the body is."""
        return self.place == "body" or (self.place == "auto" and self.blend > 0)

    def options(self, fps: float) -> Options:
        """What the solver needs to know. fps: of the scene."""
        return Options(
            fps=fps,
            heading=self.heading,
            travel=self.travel,
            root=self.root,
            limbs=self.limbs,
            hands=self.hands,
            feet=self.feet,
            mirror=self.mirror,
            loop=self.loop,
        )


@dataclass(frozen=True)
class Stage:
    """A rig as arrays, read once for any number of motions.

    present: what it does at the frame where the motion starts; None where nobody asks. plays: whether anything moves it there.
    """

    rig: Rig
    rig_map: RigMap
    goal: Target
    present: Present | None
    plays: bool


@dataclass(frozen=True)
class Composed:
    """Keys for a rig. starts: frames, from 0, in which each motion of a sequence begins."""

    keys: Keys
    starts: tuple[int, ...]


def read_take(path: Path, take: int = 0) -> Clip:
    """One take of a motion file. Raises FileProblem where the file has no such take any more."""
    clips = readers.read(path)
    if take >= len(clips):
        raise FileProblem(f"{path.name} has changed since it was indexed: it has no take {take + 1}. Refresh its library.")
    return clips[take]


def target(context: bpy.types.Context) -> bpy.types.Object:
    """The rig that a motion goes to: the active armature, the active mesh's armature, or the only armature there is.

    Raises SkeletonProblem with what to do where none of these is.
    """
    active = context.active_object
    if active is not None and active.type == "ARMATURE":
        return active
    armature = active.find_armature() if active is not None else None
    if armature is not None:
        return armature
    rigs = armatures(context)
    if len(rigs) == 1:
        return rigs[0]
    if rigs:
        raise SkeletonProblem(f"There are {len(rigs)} armatures: click the one to animate")
    raise SkeletonProblem("There is no armature in the scene: click Add a Rig in the TMR tab, or append a character")


def armatures(context: bpy.types.Context) -> list[bpy.types.Object]:
    """Those of the scene."""
    return [item for item in context.scene.objects if item.type == "ARMATURE"]


def undecided(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The rigs that a motion might go to, where none of several is active; else none: `target` tells."""
    try:
        target(context)
    except SkeletonProblem:
        return armatures(context)
    return []


def apply(
    context: bpy.types.Context, rig_object: bpy.types.Object, clip: Clip, name: str, placement: Placement
) -> bpy.types.Action:
    """Make the clip an action of the rig. Raises SkeletonProblem, before anything is changed."""
    return sequence(context, rig_object, [clip], name, placement)[0]


def sequence(
    context: bpy.types.Context,
    rig_object: bpy.types.Object,
    clips: Sequence[Clip | bpy.types.Action],
    name: str,
    placement: Placement,
) -> tuple[bpy.types.Action, tuple[int, ...]]:
    """Make clips, of any skeletons and rates, and actions of the rig one action: each goes on where the one before ends.

    Returns it with the scene frames in which they begin. Raises SkeletonProblem, before anything is changed.
    """
    stage = read_stage(context, rig_object, placement)
    own = partial(present.performed, context.scene, rig_object, stage.rig, stage.rig_map, stage.goal)
    sources = [clip if isinstance(clip, Clip) else own(clip) for clip in clips]
    composed = compose(sources, stage, placement, scene_fps(context.scene))
    action = put(context, rig_object, composed, name, placement, stage.plays)
    return action, tuple(placement.at + start for start in composed.starts)


def read_stage(context: bpy.types.Context, rig_object: bpy.types.Object, placement: Placement) -> Stage:
    """The rig that motions are put on. Raises SkeletonProblem for what is no human rig or can't take them."""
    (nla.check if placement.goes == "strip" else action_writer.check)(rig_object)
    with _about(f"The rig {rig_object.name}"):
        rig, rig_map = mapping.read(rig_object, context.scene)
        goal = target_of(rig, rig_map)
        if standing.needed(goal):
            rig = stance.read(context.scene, rig_object, rig, rig_map)
            goal = target_of(rig, rig_map)
    asked = placement.continues or placement.blend > 0 or placement.goes == "strip"
    now = present.read(context.scene, rig_object, rig, rig_map, goal, placement.at) if asked else None
    return Stage(rig, rig_map, goal, now, nla.plays(rig_object, placement.at))


def compose(sources: Sequence[Clip | Motion], stage: Stage, placement: Placement, fps: float) -> Composed:
    """The keys of one motion, or of several in sequence. Nothing of Blender's is touched: this may run in any thread.

    sources: clips, and motions of the rig itself, which are taken as they are. Raises SkeletonProblem.
    """
    options = placement.options(fps)
    first = sources[0]
    starts: tuple[int, ...] = (0,)
    if len(sources) == 1 and stage.present is None and isinstance(first, Clip):
        motion = solver.solve(*_edited(first, placement, fps), stage.goal, options)
    else:
        parts = [_part(source, stage, placement, fps) for source in sources]
        made, starts = _joined(parts, stage, placement, fps)
        # A loop that goes over from another pose does not come back to that.
        loop = options.loop and len(parts) == 1 and not _baked(stage, placement)
        motion = joining.finish(made, stage.goal, replace(options, loop=loop))
    keys = keying.keys(stage.rig, stage.rig_map, stage.goal, motion, options.limbs)
    if stage.present is not None:
        keys = joining.near(keys, stage.present.rotations)
    if placement.tolerance > 0.0:
        keys = reduce.reduce(keys, stage.rig, placement.tolerance, METRES_A_DEGREE * placement.tolerance)
    return Composed(keys, starts)


def _part(source: Clip | Motion, stage: Stage, placement: Placement, fps: float) -> joining.Part:
    options = placement.options(fps)
    if isinstance(source, Motion):
        return joining.observed(source, stage.goal, options)
    return joining.part(*_edited(source, placement, fps), stage.goal, options)


def _joined(
    parts: Sequence[joining.Part], stage: Stage, placement: Placement, fps: float
) -> tuple[joining.Part, tuple[int, ...]]:
    """The parts one after another, where and as the pose before them asks for."""
    joined = joining.join(parts, stage.goal, round(placement.overlap * fps))
    made = joined.part
    if stage.present is not None:
        now = stage.present.motion
        if placement.continues:
            made = replace(made, motion=joining.aligned(made.motion, 0, now, -1, stage.goal))
        if _baked(stage, placement):
            made = joining.taken_over(made, now, placement.blend, stage.goal)
    return made, joined.starts


def _baked(stage: Stage, placement: Placement) -> bool:
    """Whether the blend from the pose before is in the keys: a strip blends by itself, but only with what other strips do."""
    return placement.blend > 0 and not (placement.goes == "strip" and stage.plays)


def put(
    context: bpy.types.Context,
    rig_object: bpy.types.Object,
    composed: Composed,
    name: str,
    placement: Placement,
    plays: bool = True,
) -> bpy.types.Action:
    """Write the keys: one new action, as the rig's active one or as a strip. On failure the rig is as it was.

    plays: whether anything animates the rig at that frame, for a strip to blend with.
    """
    keys = composed.keys
    with nla.restored(rig_object):
        action, slot = action_writer.make(rig_object, keys, name, placement.at)
        if placement.loop and len(composed.starts) == 1:
            action.use_frame_range = action.use_cyclic = True
            action.frame_start, action.frame_end = placement.at, placement.at + keys.frames - 1
        if placement.goes == "strip":
            nla.push_down(rig_object, context.scene)
            nla.lay(rig_object, action, slot, placement.at, placement.blend if plays else 0)
        elif placement.goes == "action":
            action_writer.assign(rig_object, action, slot)
        else:
            action.use_fake_user = True
    _set_range(context.scene, placement, placement.at + keys.frames - 1)
    return action


def _edited(clip: Clip, placement: Placement, fps: float) -> tuple[Clip, BodyMap]:
    """The clip trimmed, at its speed, as a loop if so chosen, and what its joints are. Raises SkeletonProblem."""
    with _about(f"The motion {clip.name}"):
        body_map = humanoid.recognise(clip.whole if isinstance(clip, Excerpt) else clip)
        clip = _trimmed(clip, *placement.trim)
        clip = edits.speed(_without_bind_pose(clip, body_map), placement.speed)
        if placement.loop:
            clip = edits.loop(clip, body_map, fps).clip
    return clip, body_map


def _trimmed(clip: Clip, start: float, end: float) -> Clip:
    if start <= 0.0 and end <= 0.0:
        return clip
    if start + end >= clip.duration:
        raise SkeletonProblem(f"it lasts {clip.duration:.1f} s, so trimming {start + end:.1f} s leaves nothing of it.")
    return clip.cut(start, clip.duration - end)


def _without_bind_pose(clip: Clip, body_map: BodyMap) -> Clip:
    """The clip without a first frame in bind pose: the rig would snap from it, and take its heading from it."""
    opening = replace(clip, rotations=clip.rotations[:OPENING], translations=clip.translations[:OPENING])
    if not features.begins_with_bind_pose(humanoid.body_positions(opening, body_map)):
        return clip
    return replace(clip, rotations=clip.rotations[1:], translations=clip.translations[1:])


@contextmanager
def _about(subject: str) -> Iterator[None]:
    """Say whose skeleton a problem is about: a motion and a rig are in play."""
    try:
        yield
    except SkeletonProblem as problem:
        raise SkeletonProblem(f"{subject}: {problem}") from problem


def _set_range(scene: bpy.types.Scene, placement: Placement, last: int) -> None:
    """The scene's frame range, as the user chose it; it is never shortened unasked."""
    if placement.extent == "FIT":
        scene.frame_start, scene.frame_end = placement.at, max(last, placement.at)
    elif placement.extent == "EXTEND":
        scene.frame_end = max(scene.frame_end, last)
