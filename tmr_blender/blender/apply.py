# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a clip on a rig: recognise the body, map the rig, solve, write the keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import bpy

from ..errors import FileProblem, SkeletonProblem
from ..motion import edits, features, humanoid, readers
from ..motion.clip import Clip
from ..motion.humanoid import BodyMap
from ..retarget import reduce, roles, solver
from ..retarget.options import Options
from . import action as action_writer
from . import rig as rig_reader

OPENING = 12
"""Frames that show whether the first one is a bind pose."""

METRES_A_DEGREE = 0.005
"""By how much joints may be displaced where keys are reduced, for each degree that is allowed."""


@dataclass(frozen=True)
class Placement:
    """Where a motion goes. at: scene frame of its first key. extent: what to do with the scene's frame range.

    heading, travel, feet, mirror: as in `retarget.options.Options`. speed: how many times as fast. loop: only the part that
    repeats best, closed (`motion.edits.loop`). tolerance: degrees by which bones may be off with fewer keys, and for each of
    them 5 mm by which they may be displaced; 0 keys every frame.
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
    rigs = [item for item in context.scene.objects if item.type == "ARMATURE"]
    if len(rigs) == 1:
        return rigs[0]
    if rigs:
        raise SkeletonProblem(f"There are {len(rigs)} armatures: click the one to animate")
    raise SkeletonProblem("There is no armature in the scene: add or append a character first")


def scene_fps(scene: bpy.types.Scene) -> float:
    """Frames a second of the scene, fractions such as 29.97 included."""
    return scene.render.fps / scene.render.fps_base


def apply(
    context: bpy.types.Context, rig_object: bpy.types.Object, clip: Clip, name: str, placement: Placement
) -> bpy.types.Action:
    """Make the clip an action of the rig. Raises SkeletonProblem, before anything is changed."""
    options = Options(
        fps=scene_fps(context.scene),
        heading=placement.heading,
        travel=placement.travel,
        feet=placement.feet,
        mirror=placement.mirror,
        loop=placement.loop,
    )
    with _about(f"The motion {clip.name}"):
        body_map = humanoid.recognise(clip)
        clip = edits.speed(_without_bind_pose(clip, body_map), placement.speed)
        if placement.loop:
            clip = edits.loop(clip, body_map, options.fps).clip
    with _about(f"The rig {rig_object.name}"):
        rig = rig_reader.read(rig_object)
        rig_map = roles.map_rig(rig)
    keys = solver.retarget(clip, body_map, rig, rig_map, options)
    if placement.tolerance > 0.0:
        keys = reduce.reduce(keys, rig, placement.tolerance, METRES_A_DEGREE * placement.tolerance)
    action = action_writer.write(rig_object, keys, name, placement.at)
    if placement.loop:
        action.use_frame_range = action.use_cyclic = True
        action.frame_start, action.frame_end = placement.at, placement.at + keys.frames - 1
    _set_range(context.scene, placement, placement.at + keys.frames - 1)
    return action


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
