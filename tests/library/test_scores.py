# SPDX-License-Identifier: GPL-3.0-or-later
"""Sketched search against the comparison of all vectors."""

from pathlib import Path

import numpy as np
import pytest

from tmr_blender.library import scores
from tmr_blender.library.records import Caption, FileState, Take, Window
from tmr_blender.library.scores import Query, score
from tmr_blender.library.search import ranked
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
    cosines = scores._cosines

    def counted(held: Library, query: Query, windows: np.ndarray) -> np.ndarray:
        read.append(len(windows))
        return cosines(held, query, windows)

    monkeypatch.setattr(scores, "SKETCHED", 0)
    monkeypatch.setattr(scores, "_cosines", counted)
    found = score(library, Query(np.asarray(library.motion[7])), 10)
    assert len(found.numbers) == 10 and not found.complete
    assert 10 <= sum(read) < len(library.windows.row) / 3


@pytest.mark.parametrize("sketched", [0, 10**9])
def test_a_query_that_every_name_holds_finds_every_entry(
    library: Library, sketched: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "SKETCHED", sketched)
    query = Query(np.asarray(library.motion[0]), np.eye(384, dtype=np.float32)[0], "TAKE")
    found = score(library, query, 10_000)
    assert found.named.all() and found.complete
    assert sorted(found.numbers) == list(range(len(library.entries)))
    assert score(library, Query(query.latent, query.sentence, "take 2"), 5).named.sum() == 111  # 2, 20-29, 200-299
    assert not score(library, Query(query.latent, query.sentence, "ta"), 5).named.any()


def test_rows_in_another_order_than_the_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were read again have their vectors at the end, and rows between belong to nothing."""
    path = tmp_path / "library"
    random = np.random.default_rng(9)
    Library.open(path, create=True)
    with Writer(path, "test") as writer:
        source = writer.source(tmp_path)
        for i in [*range(60), *range(0, 20, 3)]:
            vectors = unit(random.normal(size=(4, WIDTH)))
            windows = [Window(0.0, 4.0, vectors[0])] + [Window(k - 0.5, k + 0.5, vectors[k]) for k in (1, 2, 3)]
            writer.put(source, FileState(f"{i}.bvh", 1, 1, str(i), ""), [Take(0, f"take {i}", 30.0, 4.0, "plain", windows, [])])
            writer.commit()
    library = Library.open(path)
    assert len(library.motion) > len(library.windows.row) == 240
    for _ in range(10):
        query = Query(unit(random.normal(size=WIDTH)))
        plain = ranked([library], query, "test", 15)
        with monkeypatch.context() as patch:
            patch.setattr(scores, "SKETCHED", 0)
            sketched = ranked([library], query, "test", 15)
        assert [(hit.name, hit.start) for hit in sketched] == [(hit.name, hit.start) for hit in plain]


@pytest.mark.parametrize("filters", [None, {"speed": {"min": 30.0}}])
def test_libraries_of_different_sizes_rank_as_one(
    tmp_path: Path, filters: dict[str, object] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(11)
    vectors, places = unit(random.normal(size=(231, 3, WIDTH))), []
    for first, last in ((0, 200), (200, 230), (230, 231)):
        path = tmp_path / f"from{first}"
        Library.open(path, create=True)
        with Writer(path, "test") as writer:
            source = writer.source(tmp_path / "takes")
            for i in range(first, last):
                windows = [Window(float(k), k + 1.0, vectors[i, k]) for k in range(3)]
                take = Take(0, f"take {i}", 30.0, 3.0, "plain", windows, [], {"speed": float(i)})
                writer.put(source, FileState(f"{i}.bvh", 1, 1, str(i), ""), [take])
            writer.commit()
        places.append(Library.open(path))
    # One is large enough for a sketch, the others are not.
    monkeypatch.setattr(scores, "SKETCHED", 100)
    for limit in (1, 5, 50, 500):
        latent = unit(random.normal(size=WIDTH))
        best = (vectors @ latent).max(axis=1)
        allowed = [i for i in np.argsort(-best) if filters is None or i >= 30]
        hits = ranked(places, Query(latent), "test", limit, filters)
        assert [hit.name for hit in hits] == [f"take {i}" for i in allowed[:limit]]
        assert {hit.library for hit in hits} <= {str(place.path) for place in places}


@pytest.mark.parametrize("sketched", [0, 10**9])
def test_who_types_a_name_gets_the_take(library: Library, sketched: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its motion: nothing is as far from the query as what is named."""
    monkeypatch.setattr(scores, "SKETCHED", sketched)
    first = library.windows.first
    for number in range(0, 300, 23):
        latent = unit(-np.asarray(library.motion[first[number] : first[number + 1]]).sum(axis=0))
        sentence = np.eye(384, dtype=np.float32)[number]
        hits = ranked([library], Query(latent, sentence, f"{number}.BVH"), "test", 200)
        named = [i for i in range(300) if str(i).endswith(str(number))]
        assert {hit.name for hit in hits[: len(named)]} == {f"take {i}" for i in named}
        assert all((hit.matched == "name") == (i < len(named)) for i, hit in enumerate(hits))
