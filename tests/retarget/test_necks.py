# SPDX-License-Identifier: GPL-3.0-or-later
"""Where necks lead, on rigs with other necks than the clip's, and that heads look where they should all the same."""

from pathlib import Path

import bodies
import numpy as np
import pytest

from tests.rigs import RIGS
from tests.rigs.plain import as_rig
from tmr_blender.motion import humanoid, quaternion, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.humanoid import BodyMap
from tmr_blender.motion.quaternion import Array
from tmr_blender.motion.skeleton import Skeleton
from tmr_blender.retarget import rest, roles
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.performance import Performance, perform
from tmr_blender.retarget.rig import Rig
from tmr_blender.retarget.solver import goal_turns
from tmr_blender.retarget.target import Target, target

OPTIONS = Options(fps=30.0, heading="take", place="take")
FRAMES = 40


def nodding(lower: float, upper: float) -> tuple[Clip, BodyMap]:
    """A body that stands still and nods, more and more: the lower joint of its neck forward by so many radians, the upper too.

    The lower one, at the base of the neck, has no role, as in CMU's skeletons.
    """
    still = bodies.clip(FRAMES, wild=0.0)
    names, parents = list(still.skeleton.names), still.skeleton.parents
    neck, head = names.index("neck"), names.index("head")
    _, placed = still.skeleton.rest_globals()
    places = np.insert(placed, neck + 1, (placed[neck] + placed[head]) / 2, axis=0)
    parents = np.insert(np.where(parents > neck, parents + 1, parents), neck + 1, neck)
    head += 1
    parents[head] = neck + 1
    names.insert(neck, "lower")
    offsets = np.where((parents < 0)[:, None], places, places - places[parents])
    rotations = np.tile(quaternion.IDENTITY, (FRAMES, len(names), 1))
    for joint, most in ((neck, lower), (neck + 1, upper), (head, -0.1)):
        rotations[:, joint] = quaternion.from_axis_angle(np.tile(rest.LEFT, (FRAMES, 1)), np.linspace(0.0, most, FRAMES))
    skeleton = Skeleton(tuple(names), parents, offsets, np.tile(quaternion.IDENTITY, (len(names), 1)))
    clip = Clip("nodding", skeleton, 30.0, rotations, np.tile(offsets, (FRAMES, 1, 1)))
    return clip, BodyMap({name: i for i, name in enumerate(names) if name != "lower"}, 1.0, "")


def solved(clip: Clip, body_map: BodyMap, rig: Rig) -> tuple[Performance, Target, dict[str, Array]]:
    """The clip's body, the rig's, and how its roles turn from rest, (frames, 4) in the stance's space."""
    performance, goal = perform(clip, body_map, OPTIONS), target(rig, roles.map_rig(rig))
    turns = goal_turns(performance, goal)
    return performance, goal, {role: goal.turn_to_stance(turn) for role, turn in turns.items()}


def line(goal: Target, turns: dict[str, Array]) -> Array:
    """(frames, 3) from the base of a rig's neck to its head."""
    joints = [*rest.chain(goal.bones, "neck"), "head"]
    places = [goal.stance.positions[role] for role in joints]
    parts = [quaternion.rotate(turns[role], b - a) for role, a, b in zip(joints, places, places[1:], strict=False)]
    return np.sum(parts, axis=0)


def forward(ways: Array) -> Array:
    """Degrees (frames,) that directions lean forward."""
    return np.degrees(np.arctan2(ways[:, 2], ways[:, 1]))


@pytest.mark.parametrize("bends", [(0.9, -0.7), (-0.3, 0.9), (0.5, 0.0)])
@pytest.mark.parametrize("name", ["Mixamo", "UE5 mannequin", "MakeHuman default", "CMU"])
def test_a_neck_leans_as_the_whole_of_the_clips_neck_does(name: str, bends: tuple[float, float]) -> None:
    clip, body_map = nodding(*bends)
    performance, goal, turns = solved(clip, body_map, as_rig(RIGS[name]))
    _, placed = clip.globals()
    base, head = (clip.skeleton.names.index(joint) for joint in ("lower", "head"))
    theirs, ours = forward(placed[:, head] - placed[:, base]), forward(line(goal, turns))
    assert np.ptp(theirs) > 5.0
    assert np.abs((ours - ours[0]) - (theirs - theirs[0])).max() < 0.01
    # The head turns as the clip's does, whatever carries it.
    apart = quaternion.multiply(turns["head"], quaternion.inverse(performance.deltas["head"]))
    assert np.abs(np.linalg.norm(quaternion.to_rotation_vector(apart), axis=-1)).max() < 1e-6


def test_several_bones_share_the_bend_of_one() -> None:
    """From the chest to the head, none of them bends against its neighbours."""
    clip, body_map = nodding(0.4, 0.4)
    _, goal, turns = solved(clip, body_map, as_rig(RIGS["UE5 mannequin"]))
    own = rest.chain(goal.bones, "neck")
    assert len(own) == 2
    bends = [float(quaternion.to_rotation_vector(turns[role][-1])[0]) for role in ("spine3", *own, "head")]
    assert bends[0] < bends[1] < bends[2] < 0.8


@pytest.mark.parametrize("take", ["10_04", "49_02", "49_10"])
def test_necks_bow_no_further_than_those_of_real_takes(shared: Path, take: str) -> None:
    """Seen from the chest, whose turns are the same: CMU's upper joint alone bows 20 to 40 degrees further than the neck."""
    clip = readers.read(shared / "mocap" / "cmu" / f"{take}.bvh")[0]
    clip = clip.cut(0.5, min(clip.duration, 8.0))
    performance, goal, turns = solved(clip, humanoid.recognise(clip), as_rig(RIGS["Mixamo"]))
    names = clip.skeleton.names
    _, placed = clip.resampled(OPTIONS.fps).globals()
    _, resting = clip.skeleton.rest_globals()
    base, head = names.index("Neck"), names.index("Head")
    chest = performance.deltas[rest.chain(performance.deltas, "spine")[-1]]
    theirs = forward(quaternion.rotate(quaternion.inverse(chest), placed[:, head] - placed[:, base]))
    ours = forward(quaternion.rotate(quaternion.inverse(chest), line(goal, turns)))
    ours -= forward(goal.stance.positions["head"] - goal.stance.positions["neck1"][None])
    theirs -= forward((resting[head] - resting[base])[None])
    assert np.median(np.abs(ours - theirs)) < 4.0
