# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import parts
import pytest
from test_ops_similar import only_these

ops_spans = parts.ours("blender.ops_spans")

FRAMES, FPS = 480, 24
WAVES = (8.0, 12.0)
"""Seconds in which the take waves; before and after it stands, arms down."""


@pytest.fixture
def take(factory_scene: None, tmp_path: Path) -> Iterator[Path]:
    """A take of 20 s with four seconds of waving in it, in the only library that is ticked."""
    rig = parts.human()
    for bone in rig.pose.bones:
        bone.rotation_mode = "XYZ"
    for frame in range(1, FRAMES + 1):
        second = (frame - 1) / FPS
        lift = 0.9 + 0.4 * (-1) ** int(second * 4) if WAVES[0] <= second < WAVES[1] else -1.2
        for name, turn in (("LeftArm", lift), ("RightArm", -1.2)):
            rig.pose.bones[name].rotation_euler = (turn, 0.02 * (frame % 7), 0)
            rig.pose.bones[name].keyframe_insert("rotation_euler", frame=frame)
    folder = tmp_path / "motions"
    folder.mkdir()
    bpy.ops.export_anim.bvh(filepath=str(folder / "long.bvh"), frame_start=1, frame_end=FRAMES, root_transform_only=True)
    bpy.ops.wm.read_homefile(use_empty=True)
    assert bpy.ops.tmr.add_library(directory=str(folder)) == {"FINISHED"}
    with only_these(1):
        yield folder / "long.bvh"
    bpy.ops.tmr.remove_library(directory=str(folder))


def shown() -> Any:
    return bpy.context.window_manager.tmr


def kept() -> Any:
    return bpy.context.window_manager.tmr_spans


def test_the_moment_is_found_chosen_and_applied(take: Path) -> None:
    bpy.ops.tmr.search(query="someone waves with the left arm")
    assert bpy.ops.tmr.moments_of_result() == {"FINISHED"}
    assert kept().query == "someone waves with the left arm"
    best = kept().items[0]
    assert WAVES[0] - 2.0 < best.start < best.end < WAVES[1] + 2.0
    assert list(bpy.data.objects) == []
    assert bpy.ops.tmr.take_span(span=0) == {"FINISHED"}
    hit = shown().hits[0]
    assert (hit.start, hit.end) == (best.start, best.end)
    rig = parts.human()
    bpy.ops.tmr.apply(index=0)
    first, last = rig.animation_data.action.frame_range
    assert (last - first) / FPS == pytest.approx(best.end - best.start, abs=0.1)
    assert bpy.ops.tmr.take_span(span=-1) == {"FINISHED"}
    assert (hit.start, hit.end) == (0.0, hit.duration)


def test_another_description_of_the_same_result(take: Path) -> None:
    bpy.ops.tmr.search(query="a person stands")
    assert bpy.ops.tmr.moments_of_result(query="someone waves", limit=2) == {"FINISHED"}
    assert kept().query == "someone waves"
    assert 1 <= len(kept().items) <= 2


def test_reasons(take: Path) -> None:
    assert not bpy.ops.tmr.moments_of_result.poll()
    assert not bpy.ops.tmr.take_span.poll()
    bpy.ops.tmr.search(query="a person waves")
    with pytest.raises(RuntimeError, match="no result 3"):
        bpy.ops.tmr.moments_of_result(index=3)
    bpy.ops.tmr.moments_of_result()
    with pytest.raises(RuntimeError, match="no moment 50"):
        bpy.ops.tmr.take_span(span=50)
    shown().asked = shown().query = ""
    with pytest.raises(RuntimeError, match="Describe the moment"):
        bpy.ops.tmr.moments_of_result()
    shown().hits[0].entry += 1
    with pytest.raises(RuntimeError, match="no longer listed"):
        bpy.ops.tmr.take_span(span=0)
