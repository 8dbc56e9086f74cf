# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from tmr_blender.motion import bezier
from tmr_blender.motion.quaternion import Array


def sampled(points: Array, count: int = 4001) -> Array:
    t = np.linspace(0.0, 1.0, count)[:, None]
    s = 1.0 - t
    return s**3 * points[0] + 3 * s * s * t * points[1] + 3 * s * t * t * points[2] + t**3 * points[3]


@pytest.mark.parametrize("seed", range(20))
def test_both_parts_lie_on_the_whole(seed: int) -> None:
    random = np.random.default_rng(seed)
    # Handles may reach beyond the other end.
    points = np.array([[1.0, 0.0], [1.0, 0.0], [11.0, 3.0], [11.0, 3.0]])
    points[1] += random.uniform(0.0, 14.0), random.normal()
    points[2] -= random.uniform(0.0, 14.0), random.normal()
    x = random.uniform(1.5, 10.5)
    parts = bezier.split(points, x)
    assert parts.shape == (7, 2)
    assert parts[3, 0] == x
    whole = sampled(bezier.monotone(points))
    assert (np.diff(whole[:, 0]) >= -1e-12).all()
    for part in (parts[:4], parts[3:]):
        found = sampled(part, 101)
        assert found[:, 1] == pytest.approx(np.interp(found[:, 0], whole[:, 0], whole[:, 1]), abs=2e-3)
    assert parts[0].tolist() == points[0].tolist()
    assert parts[-1] == pytest.approx(points[-1])


def test_handles_that_stay_inside_are_left_alone() -> None:
    points = np.array([[0.0, 1.0], [4.0, 2.0], [7.0, -3.0], [10.0, 0.0]])
    assert bezier.monotone(points).tolist() == points.tolist()
    longer = np.array([[0.0, 1.0], [20.0, 3.0], [-10.0, -4.0], [10.0, 0.0]])
    assert bezier.monotone(longer).tolist() == [[0.0, 1.0], [10.0, 2.0], [0.0, -2.0], [10.0, 0.0]]
