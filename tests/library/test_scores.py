# SPDX-License-Identifier: GPL-3.0-or-later
"""Sketched search against the comparison of all vectors."""

from pathlib import Path

import numpy as np
import pytest

from tmr_blender.library import scores
from tmr_blender.library.records import Caption, FileState, Take, Window
from tmr_blender.library.scores import Query, score
from tmr_blender.library.search import ranked
from tmr_blender.library.sketch import DIRECTIONS, Sketch
from tmr_blender.library.store import Library
from tmr_blender.library.writer import Writer
from tmr_blender.tmr.encoders import unit

WIDTH = 96


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """300 takes of 1 to 12 windows, without any model: vectors of uneven spread, a few captions, some takes without a whole."""
    path = tmp_path_factory.mktemp("sketch") / "library"
    random = np.random.default_rng(3)
    spread = np.geomspace(1.0, 0.02, WIDTH)
    Library.open(path, create=True)
    with Writer(path, "test") as writer:
        source = writer.source(path.parent)
        for i in range(300):
            count = int(random.integers(1, 13))
            vectors = unit(random.normal(size=(count, WIDTH)) * spread + spread[0])
            spans = [(float(k), float(k + 1)) for k in range(count)]
            if i % 3:
                spans[0] = (0.0, float(count))
            windows = [Window(start, end, vector) for (start, end), vector in zip(spans, vectors, strict=True)]
            captions = [Caption(f"text {i % 7}", "caption", vector=unit(random.normal(size=384)))] if i % 5 == 0 else []
            take = Take(0, f"take {i}", 30.0, float(count), "plain", windows, captions, {"speed": float(i)})
            writer.put(source, FileState(f"{i}.bvh", 1, 1, str(i), ""), [take])
        writer.commit()
    return Library.open(path)


def test_bounds_hold_for_every_window(library: Library) -> None:
    sketch = Sketch.of(library.motion, library.windows.row, library.windows.first)
    assert sketch.head.shape == (len(library.windows.row), DIRECTIONS)
    random = np.random.default_rng(4)
    rest = np.repeat(np.arange(len(library.entries)), np.diff(library.windows.first))
    for scale in (1.0, 0.1):
        query = unit(random.normal(size=WIDTH) * np.geomspace(1.0, 0.02, WIDTH) * scale + scale)
        about, slack = sketch.estimate(query)
        error = np.abs(about - library.motion[library.windows.row] @ query)
        assert (error <= slack[rest]).all() and slack.max() < 0.05
    worst = unit(sketch.axes[:, 0] + 5.0 * random.normal(size=WIDTH))
    about, slack = sketch.estimate(worst)
    assert (np.abs(about - library.motion[library.windows.row] @ worst) <= slack[rest]).all()


@pytest.mark.parametrize("filters", [None, {"speed": {"min": 100.0, "max": 220.0}}, {"captioned": True}])
@pytest.mark.parametrize("limit", [1, 20, 1000])
def test_the_result_is_exact(
    library: Library, filters: dict[str, object] | None, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        latent = unit(random.normal(size=WIDTH) * 0.3 + 1.0)
        query = Query(latent, unit(random.normal(size=384)), "take 17")
        plain = ranked([library], query, "test", limit, filters)
        with monkeypatch.context() as patch:
            patch.setattr(scores, "SKETCHED", 0)
            sketched = ranked([library], query, "test", limit, filters)
        assert [(hit.name, hit.start, hit.end) for hit in sketched] == [(hit.name, hit.start, hit.end) for hit in plain]
        assert [hit.score for hit in sketched] == pytest.approx([hit.score for hit in plain], abs=1e-4)


def test_few_vectors_are_read(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    exact = scores._exact

    def counted(held: Library, query: Query, numbers: np.ndarray) -> np.ndarray:
        read.append(len(numbers))
        return exact(held, query, numbers)

    monkeypatch.setattr(scores, "SKETCHED", 0)
    monkeypatch.setattr(scores, "_exact", counted)
    score(library, Query(np.asarray(library.motion[7])), 10)
    assert 10 <= read[0] < 100


def test_a_library_of_few_vectors_has_a_sketch_too(tmp_path: Path) -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(3, WIDTH)))
    sketch = Sketch.of(vectors, np.arange(3), np.array([0, 0, 2, 3]))
    about, slack = sketch.estimate(vectors[1])
    assert slack.shape == (3,)
    assert (np.abs(about - vectors @ vectors[1]) <= slack[[1, 1, 2]]).all()
