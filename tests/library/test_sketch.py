# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds of cosines, and the file that they are kept in."""

from pathlib import Path

import numpy as np
import pytest

from tmr_blender.library import sketch, writer
from tmr_blender.library.records import FileState, Take, Window
from tmr_blender.library.sketch import COLUMNS, Sketch, kept
from tmr_blender.library.store import Library
from tmr_blender.library.writer import Writer
from tmr_blender.tmr.encoders import unit

WIDTH = 96
FILE = "sketch-0.bin"


def some(count: int, seed: int = 3) -> np.ndarray:
    """Unit vectors of uneven spread."""
    random = np.random.default_rng(seed)
    spread = np.geomspace(1.0, 0.02, WIDTH)
    return unit(random.normal(size=(count, WIDTH)) * spread + spread[0])


def test_no_cosine_exceeds_its_bound() -> None:
    vectors = some(3000)
    made = Sketch.of(vectors)
    assert made.table.shape == (3000, COLUMNS)
    random = np.random.default_rng(4)
    queries = [unit(random.normal(size=WIDTH) * np.geomspace(1.0, 0.02, WIDTH) * scale + scale) for scale in (1.0, 0.1)]
    queries += [unit(made.axes[:, 0] + 5.0 * random.normal(size=WIDTH)), vectors[17], -vectors[17]]
    for query in queries:
        above = made.bounds(query) - vectors @ query
        assert above.min() >= 0.0
    assert (made.bounds(queries[0]) - vectors @ queries[0]).max() < 0.3


def test_few_vectors_have_a_sketch_too() -> None:
    vectors = some(3)
    assert (Sketch.of(vectors).bounds(vectors[1]) >= vectors @ vectors[1]).all()


def test_more_rows_are_added_to_what_is_known() -> None:
    vectors = some(500)
    first = Sketch.of(vectors[:300])
    grown = Sketch.of(vectors, first)
    assert np.array_equal(grown.axes, first.axes)
    assert np.array_equal(grown.table[:300], first.table)
    assert (grown.bounds(vectors[400]) >= vectors @ vectors[400]).all()


def test_the_file_spares_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = some(400)
    made = kept(tmp_path, 0, vectors)
    with monkeypatch.context() as patch:
        patch.setattr(Sketch, "of", lambda *_: pytest.fail("made again"))
        again = kept(tmp_path, 0, vectors)
    assert np.array_equal(again.axes, made.axes) and np.array_equal(again.table, made.table)
    more = some(600)
    more[:400] = vectors
    assert np.array_equal(kept(tmp_path, 0, more).table[:400], made.table)
    assert len(kept(tmp_path, 0, more).table) == 600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    kept(tmp_path, 1, vectors)
    assert [path.name for path in tmp_path.iterdir()] == ["sketch-1.bin"]


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_is_made_anew(tmp_path: Path, seed: int) -> None:
    vectors = some(300)
    right = kept(tmp_path, 0, vectors)
    path = tmp_path / FILE
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    if seed % 4 == 0:
        content = content[: random.integers(len(content))]
    elif seed % 4 == 1:
        content += bytes(random.integers(1, 100))
    else:
        # Anywhere, or in the header, whose numbers must not be believed.
        content[random.integers(sketch.HEADER.size if seed % 4 == 2 else len(content))] ^= 1 << random.integers(8)
    path.write_bytes(bytes(content))
    again = kept(tmp_path, 0, vectors)
    assert np.array_equal(again.table, right.table)
    assert len(path.read_bytes()) == sketch.HEADER.size + right.axes.nbytes + right.table.nbytes


def test_the_file_of_other_vectors_is_not_believed(tmp_path: Path) -> None:
    kept(tmp_path, 0, some(300, seed=1))
    vectors = some(300, seed=2)
    assert np.array_equal(kept(tmp_path, 0, vectors).table, Sketch.of(vectors).table)
    # Nor is one of more vectors than there are.
    fewer = vectors[:200]
    assert np.array_equal(kept(tmp_path, 0, fewer).table, Sketch.of(fewer).table)


def test_what_may_not_be_written_is_searched_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = some(300)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert np.array_equal(kept(tmp_path, 0, vectors).table, Sketch.of(vectors).table)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_where_the_sketch_should_be(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    vectors = some(300)
    assert np.array_equal(kept(tmp_path, 0, vectors).table, Sketch.of(vectors).table)


def test_a_writer_leaves_it_for_those_who_may_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, vectors = tmp_path / "library", some(120)
    monkeypatch.setattr(writer, "SKETCHED", 50)
    Library.open(path, create=True)

    def add(numbers: range) -> None:
        with Writer(path, "test") as opened:
            source = opened.source(tmp_path)
            for i in numbers:
                take = Take(0, str(i), 30.0, 1.0, "plain", [Window(0.0, 1.0, vectors[i])], [])
                opened.put(source, FileState(f"{i}.bvh", 1, 1, str(i), ""), [take])
            opened.commit()

    add(range(40))
    assert not list(path.glob("sketch-*"))
    add(range(40, 120))
    assert [file.name for file in path.glob("sketch-*")] == [FILE]
    monkeypatch.setattr(Sketch, "of", lambda *_: pytest.fail("made again"))
    assert len(Library.open(path).sketch.table) == 120


def test_a_library_that_was_written_anew_gets_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compacting moves the rows: the sketch of what was there is neither used nor left behind."""
    path, vectors = tmp_path / "library", some(200)
    monkeypatch.setattr(writer, "SKETCHED", 20)
    Library.open(path, create=True)
    with Writer(path, "test") as opened:
        source = opened.source(tmp_path)
        for i in range(200):
            take = Take(0, str(i), 30.0, 1.0, "plain", [Window(0.0, 1.0, vectors[i])], [])
            opened.put(source, FileState(f"{i}.bvh", 1, 1, str(i), ""), [take])
        opened.commit()
    with Writer(path, None) as opened:
        opened.drop(source, [f"{i}.bvh" for i in range(150)])
        assert opened.compact()
    library = Library.open(path)
    assert [file.name for file in path.glob("sketch-*")] == ["sketch-1.bin"]
    assert np.array_equal(library.sketch.table, Sketch.of(np.asarray(library.motion)).table)
