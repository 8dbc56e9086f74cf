# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments of one motion, whatever makes it and at whatever rate: the half in which it happens is found in all of them."""

import time
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import parts
import pytest
from test_ops_moments import laid, two_motions, unplugged

ops_similar, body, sampled = (parts.ours("blender.ops_similar"), parts.ours("blender.body"), parts.ours("blender.sampled"))
TIMER = SimpleNamespace(type="TIMER", value="NOTHING")
LONGEST_TICK = 0.1
"""Seconds for which a window may stand still."""


def walks_in(frames: tuple[float, float]) -> None:
    """Looks for the walk, whose frames these are."""
    assert bpy.ops.tmr.find_moments(query="a person walks forward", limit=3) == {"FINISHED"}
    best = bpy.context.scene.tmr_moments.items[0]
    slack = 0.05 * (frames[1] - frames[0])
    assert frames[0] - slack <= (best.start + best.end) / 2 <= frames[1] + slack, (best.start, best.end, frames)


def stretched(rig: Any, factor: float, start: int) -> None:
    """All keys moved so that the first is at `start`, and further apart by a factor."""
    for curve in parts.curves(rig.animation_data.action):
        for point in curve.keyframe_points:
            for vector in (point.co, point.handle_left, point.handle_right):
                vector[0] = start + (vector[0] - 1) * factor
        curve.update()


@pytest.mark.parametrize(("fps", "start"), [(24, 1), (60, 1), (30, -400), (24, 10_000)])
def test_rates_and_beginnings(factory_scene: None, fps: int, start: int) -> None:
    rig = parts.human()
    two_motions(rig)
    bpy.context.scene.render.fps = fps
    stretched(rig, fps / 30, start)
    walks_in((start + 149 * fps / 30, start + 299 * fps / 30))


def test_a_scaled_and_rotated_armature(factory_scene: None) -> None:
    rig = parts.human()
    two_motions(rig)
    rig.scale, rig.rotation_euler, rig.location = (0.01,) * 3, (0.0, 0.0, 2.0), (5.0, -3.0, 1.0)
    walks_in((150, 300))


def test_sparse_keys(factory_scene: None) -> None:
    rig = parts.human()
    two_motions(rig)
    for curve in parts.curves(rig.animation_data.action):
        for point in [point for point in curve.keyframe_points if round(point.co[0]) % 5 != 1][::-1]:
            curve.keyframe_points.remove(point)
        curve.update()
    walks_in((150, 300))


@pytest.mark.parametrize(("scale", "repeat", "start"), [(1.0, 1.0, 40), (0.5, 1.0, -60), (1.0, 2.0, 1), (1.5, 1.0, 1)])
def test_strips(factory_scene: None, scale: float, repeat: float, start: int) -> None:
    rig = parts.human()
    two_motions(rig)
    strip = laid(rig, unplugged(rig), start)
    strip.scale, strip.repeat = scale, repeat
    assert bpy.ops.tmr.find_moments(query="a person walks forward", limit=3) == {"FINISHED"}
    best = bpy.context.scene.tmr_moments.items[0]
    share = ((best.start + best.end) / 2 - strip.frame_start) / (299 * scale) % 1.0
    assert 0.45 <= share <= 1.0 or share < 0.05, (best.start, best.end)


def test_five_minutes_are_read_in_slices(factory_scene: None) -> None:
    """A key in each of 7200 frames on every bone, as of a recording: read, and recognised without being read again."""
    rig = parts.human()
    parts.move(rig, "walks", 2)
    baked(rig, 5 * 60 * 24)
    scene = bpy.context.scene
    scene.render.fps = 24
    span = body.span_of(rig, scene, "ACTION")
    assert (span.first, span.last) == (1, 5 * 60 * 24)
    bodies = []
    for name in ("read", "recognised"):
        sampling = body.Sampling(rig, span, scene)
        reading, ticks, done = sampled.Reading(rig, sampling), [], False
        while not done:
            begun = time.perf_counter()
            done = reading.run(ops_similar.SLICE)
            ticks.append(time.perf_counter() - begun)
        bodies.append(reading.body)
        print(f"{name} in {len(ticks)} ticks, the longest {max(ticks):.3f} s, the median {np.median(ticks):.3f} s")
        assert np.median(ticks) < LONGEST_TICK
        assert sampling.progress == (name == "read")
    assert bodies[0] is bodies[1]
    assert np.isfinite(bodies[0].positions).all()


def baked(rig: Any, frames: int) -> None:
    """Keys in every frame on the rotation of every bone, and the hips going forward."""
    for bone in rig.pose.bones:
        bone.keyframe_insert("rotation_euler", frame=1)
    at = np.arange(1, frames + 1)
    for number, curve in enumerate(parts.curves(rig.animation_data.action)):
        forward = curve.data_path.endswith("location") and curve.array_index == 2
        values = 0.02 * at if forward else 0.3 * np.sin(at / 20 + number)
        curve.keyframe_points.clear()
        curve.keyframe_points.add(frames)
        curve.keyframe_points.foreach_set("co", np.stack([at, values], axis=1).astype(np.float32).ravel())
        curve.update()


def test_keys_on_the_object(factory_scene: None) -> None:
    """The way is the object's, as of rigs that are moved over a set."""
    rig = parts.human()
    two_motions(rig)
    parts.without(rig.animation_data.action, "Hips")
    rig.rotation_euler.z = 1.0
    for frame, way in ((1, 0.0), (150, 0.0), (300, 6.5)):
        rig.location = (way * np.sin(1.0), -way * np.cos(1.0), 0.0)
        rig.keyframe_insert("location", frame=frame)
    for curve in parts.curves(rig.animation_data.action):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"
    walks_in((150, 300))


def test_keys_on_ik_controls_alone(factory_scene: None) -> None:
    """A Rigify human as an animator keys it by hand: a few poses of torso, hands and feet."""
    rig = parts.ours("blender.default_rig").rigify_human()
    bpy.context.scene.render.fps = 30
    bones = rig.pose.bones
    for frame in range(1, 301, 5):
        walking = frame > 150
        phase = (frame - 150) / 30 * 2 * np.pi if walking else 0.0
        way = 1.3 * max(frame - 150, 0) / 30
        bones["torso"].location = (0, -way, -0.03)
        for side, sign in (("L", 1.0), ("R", -1.0)):
            swing = sign * np.sin(phase)
            bones[f"foot_ik.{side}"].location = (0, -way - 0.35 * swing, 0.15 * max(sign * np.cos(phase), 0.0) * walking)
            high = 0.9 if side == "L" and not walking else 0.0
            waved = 0.25 * np.sin(frame / 5) if high else 0.0
            bones[f"hand_ik.{side}"].location = (
                sign * (0.1 - 0.45 * (not high)) + waved,
                -way + 0.25 * swing,
                high - 0.6 * (not high),
            )
        for name in ("torso", "foot_ik.L", "foot_ik.R", "hand_ik.L", "hand_ik.R"):
            bones[name].keyframe_insert("location", frame=frame)
    walks_in((150, 300))
