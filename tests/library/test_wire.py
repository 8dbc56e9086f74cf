# SPDX-License-Identifier: GPL-3.0-or-later
import base64
from typing import Any

import numpy as np
import pytest

from tmr_blender.errors import QueryProblem
from tmr_blender.library import wire

BODY = np.random.default_rng(0).normal(size=(5, 22, 3))


def encoded(count: int, value: float = 0.0) -> str:
    """So many float32."""
    return base64.b64encode(np.full(count, value, "<f4").tobytes()).decode()


def test_there_and_back() -> None:
    positions, fps = wire.from_text(wire.to_text(BODY), 29.97)
    assert fps == 29.97
    assert np.array_equal(positions, BODY.astype(np.float32))
    assert positions.dtype == np.float64


@pytest.mark.parametrize("fps", [None, "30", True, 0.0, -5.0, 0.5, 1e9, float("nan"), float("inf")])
def test_rates_that_are_none(fps: Any) -> None:
    with pytest.raises(QueryProblem, match="fps"):
        wire.from_text(wire.to_text(BODY), fps)


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        [],
        "",
        "not base64!",
        "é" * 352,
        encoded(65),
        encoded(67),
        encoded(66, np.nan),
        encoded(66, np.inf),
        encoded(66, 1e30),
        wire.to_text(BODY)[:-1],
        wire.to_text(BODY) + "\n",
    ],
)
def test_texts_that_are_no_motion(text: Any) -> None:
    with pytest.raises(QueryProblem, match="positions"):
        wire.from_text(text, 30.0)


def test_what_is_too_long() -> None:
    with pytest.raises(QueryProblem, match="30 minutes"):
        wire.from_text(encoded(66 * 1801), 1.0)
    with pytest.raises(QueryProblem, match=f"{wire.MOST_FRAMES} frames"):
        wire.from_text(encoded(66 * (wire.MOST_FRAMES + 1)), 60.0)
    assert len(wire.from_text(encoded(66 * 1800), 1.0)[0]) == 1800
