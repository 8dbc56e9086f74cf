# SPDX-License-Identifier: GPL-3.0-or-later
"""When feet stand: a made walk whose steps are known, feet that drag, feet in the air."""

import numpy as np
import pytest
import steps

from tmr_blender.retarget import contacts

FPS = 30.0


def found(walk: steps.Walk) -> dict[str, dict[str, np.ndarray]]:
    return contacts.detect(walk.stance, walk.deltas, walk.positions, walk.fps)


@pytest.mark.parametrize("fps", [24.0, 30.0, 120.0])
@pytest.mark.parametrize("size", [0.5, 1.0, 100.0 / 60.0])
def test_the_steps_of_a_walk(fps: float, size: float) -> None:
    """Speeds are relative to the body: a child's steps are told as well as a giant's."""
    walk = steps.walk(fps=fps, size=size)
    for side, held in found(walk).items():
        for mask in held.values():
            # The very ends of a stance, where the foot is already down but not yet still, are a matter of taste.
            wrong = (mask != walk.down[side]).mean()
            assert wrong < 0.12
            assert len(contacts.spans(mask)) == len(contacts.spans(walk.down[side]))


def test_heel_and_ball_come_and_go_by_themselves() -> None:
    walk = steps.walk(roll=True)
    for held in found(walk).values():
        first = {name: contacts.spans(mask)[0] for name, mask in held.items()}
        assert first["heel"][1] < first["ball"][1], "the heel leaves first"


def test_a_foot_that_is_dragged_does_not_stand() -> None:
    walk = steps.walk(frames=90, lift=0.0, stand=0.0)
    assert not any(mask.any() for held in found(walk).values() for mask in held.values())


@pytest.mark.parametrize("drift", [0.1, 0.2, 0.5])
def test_slow_sliding_is_no_standing(drift: float) -> None:
    """A moonwalk: held in one place, such a foot would stick and then hurry on."""
    walk = steps.standing(frames=120, drift=drift)
    for held in found(walk).values():
        assert not any(mask.any() for mask in held.values())


def test_a_foot_that_shifts_stands_before_and_after() -> None:
    walk = steps.standing(frames=120)
    for role in ("left_ankle", "left_foot"):
        walk.positions[role][:, 2] += np.clip((np.arange(120) - 50) / 20, 0, 1) * 0.1
    for mask in found(walk)["left"].values():
        assert mask[:45].all() and mask[75:].all() and not mask[58:62].any()


def test_a_foot_held_still_in_the_air_does_not_stand() -> None:
    walk = steps.standing(frames=60)
    walk.positions["left_ankle"][:, 1] += 0.3
    walk.positions["left_foot"][:, 1] += 0.3
    held = found(walk)
    assert not held["left"]["heel"].any() and not held["left"]["ball"].any()
    assert held["right"]["heel"].all() and held["right"]["ball"].all()


def test_spans_and_short_gaps() -> None:
    mask = np.array([1, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0], dtype=bool)
    assert contacts.spans(mask) == [(0, 2), (3, 5), (9, 10)]
    assert contacts.spans(contacts.lasting(mask, mask, FPS)) == [(0, 5)]


@pytest.mark.parametrize("rise", [0.17, -0.17, 0.06])
def test_feet_stand_on_stairs_and_slopes(rise: float) -> None:
    """Each step of 0.6 m is so much higher than the one before; a foot is down as it is on a floor."""
    walk = steps.walk()
    hips = walk.positions["left_foot"][:, 2] + walk.positions["right_foot"][:, 2]
    for role, place in walk.positions.items():
        side = role.split("_")[0]
        way = walk.positions[f"{side}_foot"][:, 2] if role.endswith(("ankle", "foot")) else hips / 2
        place[:, 1] += rise * (way - way[0]) / 0.6
    for side, held in found(walk).items():
        whole = [span for span in contacts.spans(walk.down[side]) if span[1] < len(walk.down[side])]
        for mask in held.values():
            assert (mask != walk.down[side]).mean() < 0.15
            assert len([span for span in contacts.spans(mask) if span[1] < len(mask)]) == len(whole)


@pytest.mark.parametrize("level", [-3.0, 0.0, 12.0])
def test_the_floor_may_be_anywhere(level: float) -> None:
    walk = steps.walk()
    before = found(walk)
    for place in walk.positions.values():
        place[:, 1] += level
    after = found(walk)
    for side in contacts.SIDES:
        for name, mask in before[side].items():
            assert np.array_equal(mask, after[side][name])


def test_feet_above_the_hips_do_not_stand() -> None:
    """A handstand: both feet are still, and the lowest of them as high as the other."""
    walk = steps.standing(frames=60)
    for role in ("left_hip", "right_hip"):
        walk.positions[role][:, 1] = 0.2
    for role in ("left_ankle", "right_ankle", "left_foot", "right_foot"):
        walk.positions[role][:, 1] += 1.6
    walk.positions["left_ankle"][:5, 1] -= 1.5
    walk.positions["left_foot"][:5, 1] -= 1.5
    for held in found(walk).values():
        assert not any(mask[10:].any() for mask in held.values())
