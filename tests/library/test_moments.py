# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest

from tests.library.conftest import run
from tests.library.takes import write_take
from tmr_blender.errors import QueryProblem
from tmr_blender.library import moments, similar
from tmr_blender.library.search import asked
from tmr_blender.library.store import Library
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]
PARTS = [("stands", 8.0), ("walks", 6.0), ("stands", 8.0), ("jumps", 6.0), ("walks", 6.0), ("stands", 6.0)]
"""Walks from 8 to 14 s and from 28 to 34 s, jumps from 22 to 28 s."""


def test_every_place_where_it_happens_is_found(tmp_path: Path, encoders: Encoders) -> None:
    path = write_take(tmp_path / "mocap" / "long.bvh", PARTS)
    run(tmp_path / "library", path.parent, encoders)
    library, motion = Library.open(tmp_path / "library"), similar.motion_of(path)
    for query, expected in (("walks", [(8.0, 14.0), (28.0, 34.0)]), ("jumps", [(22.0, 28.0)])):
        latent = asked(query, encoders[1])[0]
        for found in (
            moments.of_motion(motion, encoders[0], latent, 8),
            moments.of_entry(library, 0, latent, "tiny-1", 8),
        ):
            inside = [[start - 1.3 <= one.start < one.end <= end + 1.3 for start, end in expected] for one in found]
            assert any(inside[0]) and all(any(column) for column in zip(*inside, strict=True))
            # What is outside comes after all that is inside.
            order = [any(row) for row in inside]
            assert order == sorted(order, reverse=True)


def test_moments_do_not_overlap_and_come_best_first() -> None:
    random = np.random.default_rng(0)
    start = random.uniform(0.0, 100.0, 300)
    end = start + random.choice([2.5, 5.0, 10.0], 300)
    cosines = random.uniform(-1.0, 1.0, 300).astype(np.float32)
    found = moments.best(start, end, cosines, 50)
    assert [moment.score for moment in found] == sorted((moment.score for moment in found), reverse=True)
    assert 10 < len(found) < 50
    for i, one in enumerate(found):
        for other in found[:i]:
            shared = min(one.end, other.end) - max(one.start, other.start)
            assert shared <= moments.OVERLAP * min(one.end - one.start, other.end - other.start) + 2e-3
    top = int(np.argmax(cosines))
    assert any(min(m.end, end[top]) - max(m.start, start[top]) > 0 for m in found[:2])


def test_a_short_take_is_one_moment(folder: Path, encoders: Encoders) -> None:
    motion = similar.motion_of(write_take(folder / "short.bvh", "walks", 1.0))
    (moment,) = moments.of_motion(motion, encoders[0], asked("walks", encoders[1])[0])
    assert (moment.start, moment.end) == (0.0, pytest.approx(1.0, abs=0.06))
    with pytest.raises(QueryProblem, match="at least one"):
        moments.of_motion(motion, encoders[0], asked("walks", encoders[1])[0], 0)
