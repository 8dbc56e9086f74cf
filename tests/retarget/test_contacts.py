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


def test_slow_sliding_is_no_standing_in_one_place() -> None:
    """10 cm a second is slow enough, but no point is held for long."""
    walk = steps.standing(frames=120, drift=0.1)
    for held in found(walk).values():
        for mask in held.values():
            for start, end in contacts.spans(mask):
                assert (end - start) / FPS * 0.1 <= 2.2 * contacts.WANDER * walk.stance.leg


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
