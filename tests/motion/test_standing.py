# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet that are said to stand do, and legs stay whole."""

import numpy as np
import pytest

from tests.motion.test_rigid import joints
from tmr_blender.motion import body, features, rigid, standing
from tmr_blender.motion.clip import Clip

FPS = 20.0


def gliding(frames: int = 60, speed: float = 0.2) -> np.ndarray:
    """The body with bent knees (frames, 22, 3), carried over the floor with still legs: what a blurred decoder makes."""
    figure = rigid.skeleton()
    turns = np.tile([1.0, 0.0, 0.0, 0.0], (frames, figure.count, 1))
    for side in ("left", "right"):
        for name, angle in ((f"{side}_hip", -0.4), (f"{side}_knee", 0.8), (f"{side}_ankle", -0.4)):
            turns[:, body.INDEX[name], :2] = [np.cos(angle / 2), np.sin(angle / 2)]
    places = np.repeat(figure.offsets[None], frames, axis=0)
    places[:, 0] = np.arange(frames)[:, None] / FPS * speed * np.array([0.0, 0.0, 1.0])
    made = joints(Clip("x", figure, FPS, turns, places))
    return made - [0.0, made[..., 1].min(), 0.0]


def held(frames: int = 60, left: slice = slice(10, 25), right: slice = slice(30, 45)) -> dict[str, np.ndarray]:
    out = {side: np.zeros(frames, dtype=bool) for side in standing.SIDES}
    out["left"][left] = out["right"][right] = True
    return out


def bones(positions: np.ndarray) -> np.ndarray:
    return np.linalg.norm(positions[:, 1:] - positions[:, list(body.PARENTS[1:])], axis=-1)


def test_a_held_foot_stands_still_and_the_rest_goes_on():
    before = gliding()
    assert standing.drift(before, held(), FPS) == pytest.approx(0.2)
    after = standing.lock(before, held(), FPS)
    assert standing.drift(after, held(), FPS) < 1e-6
    assert np.allclose(bones(after), bones(before), atol=1e-9)
    assert np.allclose(after[:, 0], before[:, 0])
    assert np.allclose(after[55:], before[55:])


def test_a_foot_comes_to_its_place_without_a_jump():
    step = np.linalg.norm(np.diff(standing.lock(gliding(), held(), FPS)[:, body.INDEX["left_foot"]], axis=0), axis=-1)
    assert step.max() < 0.06


def test_the_path_gives_way_to_feet_that_stand_all_the_time():
    both = held(left=slice(0, 60), right=slice(0, 60))
    after = standing.anchored(gliding(), both)
    assert standing.drift(after, both, FPS) < 1e-9
    assert np.allclose(after[:, 0, [0, 2]], after[0, 0, [0, 2]])
    assert np.allclose(np.diff(standing.anchored(gliding(), held())[46:, 0, 2]), 0.01)


def test_a_foot_below_the_floor_is_lifted_onto_it():
    sunk = gliding() - [0.0, 0.05, 0.0]
    after = standing.lock(sunk, held(), FPS)
    assert after[:, [body.INDEX["left_foot"], body.INDEX["right_foot"]], 1].min() > -1e-6
    assert np.allclose(bones(after), bones(sunk), atol=1e-9)


def test_contacts_are_read_from_the_last_columns_without_flicker():
    rows = np.zeros((40, features.WIDTH), np.float32)
    rows[10:30, 260] = 0.9
    rows[18, 260] = 0.1
    rows[35, 260] = 0.9
    rows[5:25, 261] = 0.6
    found = standing.contacts(rows)
    assert standing.spans(found["left"]) == [(10, 30)]
    assert standing.spans(found["right"]) == [(5, 25)]


def test_one_frame_is_no_problem():
    rows = np.zeros((1, features.WIDTH), np.float32)
    assert standing.drift(gliding(1), standing.contacts(rows), FPS) == 0.0
    assert np.allclose(standing.lock(gliding(1), standing.contacts(rows), FPS), gliding(1))
    assert np.allclose(standing.anchored(gliding(1), standing.contacts(rows)), gliding(1))


def test_a_foot_that_glides_is_not_held_whatever_the_contacts_say():
    rows = np.zeros((40, features.WIDTH), np.float32)
    rows[:, 259:263] = 1.0
    rows[:, 2] = 0.03
    found = standing.contacts(rows)
    assert not found["left"][:-2].any() and not found["right"][:-2].any()
