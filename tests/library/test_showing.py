# SPDX-License-Identifier: GPL-3.0-or-later
from itertools import pairwise

import numpy as np
import pytest

from tmr_blender.errors import QueryProblem
from tmr_blender.library import showing
from tmr_blender.motion import png
from tmr_blender.motion.body import JOINTS


def poses(frames: int) -> np.ndarray:
    """A body that rises: (frames, 22, 3)."""
    random = np.random.default_rng(4)
    return random.uniform(0.0, 1.0, (1, len(JOINTS), 3)) + np.linspace(0.0, 1.0, frames)[:, None, None] * [0.0, 1.0, 0.0]


def test_panels_are_pictures_of_different_moments() -> None:
    images = [png.decode(panel) for panel in showing.panels(poses(40))]
    assert [image.shape for image in images] == [(showing.SIDE, showing.SIDE, 3)] * showing.PANELS
    assert all((before != after).any() for before, after in pairwise(images))


def test_times_are_those_of_the_take() -> None:
    # The pose stays, so that only the label can differ.
    still = poses(1).repeat(21, axis=0)
    early, late = showing.panels(still, 0.0, 2), showing.panels(still, 3.0, 2)
    assert early[0] != late[0]
    assert early[1] == showing.panels(still, 1.0, 1)[0]


def test_a_single_pose_has_one_panel() -> None:
    assert len(showing.panels(poses(1))) == 1


@pytest.mark.parametrize("count", [0, -3, 17])
def test_numbers_of_panels_are_bounded(count: int) -> None:
    with pytest.raises(QueryProblem, match="1 to 16"):
        showing.panels(poses(5), count=count)
