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
LONGEST_SLICE = 0.25
"""Seconds of one tick that the test allows: twice what was aimed at, for a machine that others use, too."""


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
    rig = parts.human()
    two_motions(rig)
    bpy.context.scene.render.fps = 24
    for curve in parts.curves(rig.animation_data.action):
        curve.modifiers.new("CYCLES")
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 5 * 60 * 24
    sampling = body.Sampling(rig, body.span_of(rig, scene, "SCENE"), scene)
    longest, slices, done = 0.0, 0, False
    while not done:
        begun = time.perf_counter()
        done = sampling.run(ops_similar.SLICE)
        longest, slices = max(longest, time.perf_counter() - begun), slices + 1
    begun = time.perf_counter()
    sampled.keep(rig, sampling)
    print(f"{slices} slices, the longest {longest:.3f} s; kept in {time.perf_counter() - begun:.3f} s")
    assert slices > 5
    assert longest < LONGEST_SLICE
    assert np.isfinite(sampling.body().positions).all()
