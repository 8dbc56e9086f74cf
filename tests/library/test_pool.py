# SPDX-License-Identifier: GPL-3.0-or-later
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.library.conftest import run
from tests.library.takes import write_take
from tmr_blender.library import pool as pools
from tmr_blender.library.folder import Found
from tmr_blender.library.index import Progress, index
from tmr_blender.library.pool import Pool
from tmr_blender.library.reading import Order, Reading, read
from tmr_blender.library.store import Library
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]
ROOT = Path(__file__).resolve().parents[2]


def content(path: Path) -> list[object]:
    """All that a library holds but for vectors, in order."""
    library = Library.open(path)
    numbers = range(len(library.entries))
    poses = [np.asarray(library.bodies.of(i)).tobytes() for i in numbers]
    windows = [library.windows.start.tolist(), library.windows.end.tolist(), library.windows.first.tolist()]
    texts = [(t.entry, t.text, t.kind, t.start, t.end) for t in library.texts]
    return [
        list(library.entries), library.facts(numbers), library.thumbnails(numbers), poses, windows, texts, library.errors()
    ]  # fmt: skip


def same(one: Path, other: Path) -> None:
    """Assert that two libraries are equal entry for entry; vectors but for what rounding in other batches does."""
    assert content(one) == content(other)
    a, b = Library.open(one), Library.open(other)
    assert np.allclose(a.motion[a.windows.row], b.motion[b.windows.row], atol=1e-5)
    rows = [[t.row for t in library.texts] for library in (a, b)]
    assert np.allclose(a.text[rows[0]], b.text[rows[1]], atol=1e-5)


@pytest.fixture
def many(folder: Path) -> Path:
    """Takes of different lengths, the longest first by name, and broken ones."""
    for i in range(20):
        write_take(folder / "more" / f"old man {i:02}.bvh", ("walks", "jumps")[i % 2], 20.0 - i)
    (folder / "broken.bvh").write_text("HIERARCHY")
    (folder / "Take_0002.txt").write_text("happy kick\nkick left\n")
    return folder


def order(path: Path) -> Order:
    return Order(path.parent, Found(path.name, path.stat().st_size, 0, ()), 200)


def result(pool: Pool, path: Path, seconds: float = 30.0) -> Reading:
    found = pool.take(pool.submit(order(path)), seconds)
    assert found is not None
    return found


def test_a_pool_makes_the_library_that_one_process_makes(tmp_path: Path, many: Path, encoders: Encoders) -> None:
    *_, one = index(tmp_path / "one", many, *encoders, jobs=1)
    steps = list(index(tmp_path / "three", many, *encoders, jobs=3))
    assert (steps[-1].takes, steps[-1].errors) == (one.takes, one.errors) and one.takes == 24
    paths = [step.current for step in steps if step.current]
    assert list(dict.fromkeys(paths)) == sorted(paths, key=lambda path: path)[:: 1] or paths == sorted(paths)
    same(tmp_path / "one", tmp_path / "three")
    assert run(tmp_path / "three", many, encoders).unchanged == 25


def test_what_a_child_reads_is_what_this_process_reads(folder: Path) -> None:
    pool = Pool(1)
    try:
        there, here = result(pool, folder / "Take_0002.bvh"), read(order(folder / "Take_0002.bvh"))
    finally:
        pool.close()
    assert here.takes[0].facts == there.takes[0].facts and here.takes[0].thumbnail == there.takes[0].thumbnail
    assert here.takes[0].poses.tobytes() == there.takes[0].poses.tobytes()
    assert np.array_equal(here.rows[0], there.rows[0])
