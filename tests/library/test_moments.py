# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest

from tests.library.conftest import run
from tests.library.takes import write_take
from tests.tiny_model import make
from tmr_blender.errors import LibraryProblem, QueryProblem
from tmr_blender.library import moments, similar
from tmr_blender.library.search import asked
from tmr_blender.library.store import Library
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder, unit

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
            moments.of_motion(motion, encoders[0], latent, encoders[1].background, 8),
            moments.of_entry(library, 0, latent, encoders[1], 8),
        ):
            inside = [[start <= (one.start + one.end) / 2.0 <= end for start, end in expected] for one in found]
            assert any(inside[0]) and all(any(column) for column in zip(*inside, strict=True))
            # What is outside comes after all that is inside.
            order = [any(row) for row in inside]
            assert order == sorted(order, reverse=True)


def test_windows_near_to_every_text_do_not_come_first() -> None:
    """The first motion is near to all texts; only the second is nearer to the query than to others."""
    motions = unit(np.array([[1.0, 1.0, 1.0], [0.2, 0.9, 0.0]]))
    query, background = (
        np.array([0.0, 0.6, 0.8], np.float32),
        unit(np.array([[1.0, 0.0, 0.5], [0.0, 0.5, 1.0], [1.0, 0.5, 1.0]])),
    )
    assert (motions @ query)[0] > (motions @ query)[1]
    standing = moments.stand_out(motions, query, background)
    assert standing[1] > standing[0]
    at_large = motions @ background.T
    expected = (motions @ query - at_large.mean(axis=1)) / at_large.std(axis=1).mean()
    assert standing == pytest.approx(expected, rel=1e-4)
    assert moments.stand_out(motions, np.stack([query, -query]), background)[:, 0] == pytest.approx(standing)
    assert np.isfinite(moments.stand_out(motions, query, background[[0, 0]])).all()


def test_iou() -> None:
    others = np.array([[2.0, 4.0], [3.0, 5.0], [4.0, 6.0], [2.5, 3.5], [0.0, 10.0]])
    assert moments.iou(np.array([2.0, 4.0]), others) == pytest.approx([1.0, 1 / 3, 0.0, 0.5, 0.2])


@pytest.mark.parametrize("rows", [1, 7, 120, 999, 3000])
def test_windows_cover_the_motion(rows: int) -> None:
    spans = moments.windows(rows, 2400)
    assert spans.min() == 0
    assert spans.max() == rows
    assert (spans[:, 1] > spans[:, 0]).all()
    assert len(np.unique(spans, axis=0)) == len(spans)
    assert ([0, rows] in spans.tolist()) == (rows <= 2400)
    # Whatever is as long as a window is met by half and more, wherever it is.
    rng = np.random.default_rng(0)
    for length in rng.uniform(16.0, min(rows, 340), 50) if rows > 20 else ():
        start = rng.uniform(0.0, rows - length)
        assert moments.iou(np.array([start, start + length]), spans.astype(np.float64)).max() > 0.55
    assert (np.diff(moments.windows(rows, 40), axis=1) <= 40).all()


def test_neighbours_vouch_for_a_window() -> None:
    """A window that stands out alone comes after one whose neighbours stand out as well; whatever the blocks."""
    start = np.arange(0.0, 600.0, 0.5)
    spans = np.stack([start, start + 2.0], axis=1)
    standing = np.zeros(len(spans), np.float32)
    standing[100] = 3.0
    standing[698:703] = 2.5
    weighed = moments.vouched(spans, standing)
    assert int(np.argmax(weighed)) == 700
    weights = moments.iou(spans[:, None], spans[None]) ** moments.SHARPNESS
    assert weighed == pytest.approx(weights @ standing / weights.sum(axis=1), abs=1e-5)


def test_moments_hardly_overlap_and_come_best_first() -> None:
    random = np.random.default_rng(0)
    start = random.uniform(0.0, 100.0, 300)
    spans = np.stack([start, start + random.choice([1.0, 2.5, 5.0, 10.0], 300)], axis=1)
    standing = random.normal(0.0, 2.0, 300).astype(np.float32)
    found = moments.best(spans, standing, 50)
    assert [moment.score for moment in found] == sorted((moment.score for moment in found), reverse=True)
    assert 10 < len(found) <= 50
    assert all(0.0 < moment.score < 1.0 and moment.end - moment.start > moments.SHORTEST for moment in found)
    chosen = np.array([(moment.start, moment.end) for moment in found])
    overlap = moments.iou(chosen[:, None], chosen[None]) - np.eye(len(chosen))
    assert overlap.max() <= moments.OVERLAP + 2e-3
    long = np.flatnonzero(spans[:, 1] - spans[:, 0] > moments.SHORTEST)
    top = long[np.argmax(moments.vouched(spans, standing)[long])]
    assert (found[0].start, found[0].end) == pytest.approx(spans[top], abs=1e-3)


def test_the_score_rises_with_the_standing() -> None:
    assert moments.score_of(0.0) == 0.5
    scores = [moments.score_of(standing) for standing in np.linspace(-5.0, 5.0, 50)]
    assert scores == sorted(scores)
    assert 0.0 < scores[0] < scores[-1] < 1.0


def test_a_short_take_is_one_moment(folder: Path, encoders: Encoders) -> None:
    motion = similar.motion_of(write_take(folder / "short.bvh", "walks", 1.0))
    given = motion, encoders[0], asked("walks", encoders[1])[0], encoders[1].background
    (moment,) = moments.of_motion(*given)
    assert (moment.start, moment.end) == (0.0, pytest.approx(1.0, abs=0.06))
    with pytest.raises(QueryProblem, match="at least one"):
        moments.of_motion(*given, 0)


def test_vectors_of_another_model_are_refused(library: Library, encoders: Encoders, tmp_path: Path) -> None:
    other = TextEncoder(make(tmp_path / "other", "tiny-2"))
    with pytest.raises(LibraryProblem, match="indexed with the model"):
        moments.of_entry(library, 0, asked("walks", encoders[1])[0], other)


def test_a_curve_is_high_where_it_happens(tmp_path: Path, encoders: Encoders) -> None:
    motion = similar.motion_of(write_take(tmp_path / "long.bvh", PARTS))
    encoded = moments.drained(moments.encoding(motion, encoders[0]))
    background = encoders[1].background
    for query, expected in (("walks", [(8.0, 14.0), (28.0, 34.0)]), ("jumps", [(22.0, 28.0)])):
        latent = asked(query, encoders[1])[0]
        found = moments.curve(encoded, latent, background, 8)
        times = np.arange(len(found.scores)) * found.step
        assert times[-1] == pytest.approx(motion.facts.duration, abs=found.step)
        scores = np.array(found.scores)
        inside = np.any([(times > start) & (times < end) for start, end in expected], axis=0)
        deep = np.any([(times > start + 1.5) & (times < end - 1.5) for start, end in expected], axis=0)
        far = ~np.any([(times > start - 2.5) & (times < end + 2.5) for start, end in expected], axis=0)
        assert scores[deep].min() > scores[far].max()
        assert inside[int(scores.argmax())]
        every = moments.of_motion(motion, encoders[0], latent, background, 30)
        assert found.moments == tuple(one for one in every if one.score >= 0.5)[:8]
        assert every[-1].score < 0.5
    assert moments.curve(encoded, -latent, background, 3).moments[0].score < 0.5
    with pytest.raises(QueryProblem, match="at least one"):
        moments.curve(encoded, latent, background, 0)


def test_encoding_tells_how_far_it_is_and_can_be_left(tmp_path: Path, encoders: Encoders) -> None:
    motion = similar.motion_of(write_take(tmp_path / "long.bvh", PARTS))
    shares = list(moments.encoding(motion, encoders[0]))
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0) and len(shares) > 3
    run = moments.encoding(motion, encoders[0])
    assert next(run) < 0.5
    run.close()


def test_a_time_has_the_mean_of_the_windows_about_it() -> None:
    spans = np.array([[0.0, 2.0], [1.0, 3.0], [2.0, 4.0], [2.5, 3.5], [0.5, 1.5], [0.0, 4.0]])
    standing = np.array([0.0, 2.0, 1.0, 4.0, 2.0, 9.0], np.float32)
    times = np.array([0.0, 1.0, 1.5, 2.0, 3.0, 4.0])
    assert moments.over_time(spans, standing, times) == pytest.approx([1.0, 1.0, 1.75, 2.5, 2.5, 2.5])
    # Where there is no other, the one that is as long as the motion counts.
    assert moments.over_time(spans[5:], standing[5:], times[:2]) == pytest.approx([9.0, 9.0])


def test_a_curve_of_a_long_motion_is_bounded() -> None:
    start = np.arange(0.0, 1798.0, 2.0)
    encoded = moments.Encoded(np.stack([start, start + 2.0], axis=1), unit(np.ones((len(start), 3))), 1800.0)
    found = moments.curve(encoded, unit(np.ones(3)), unit(np.eye(3)))
    assert len(found.scores) <= moments.MOST_STEPS + 1
    assert (len(found.scores) - 1) * found.step == pytest.approx(1800.0, abs=found.step)
