# SPDX-License-Identifier: GPL-3.0-or-later
"""Libraries of older versions, made from present ones by writing them as those versions did."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.library.conftest import run
from tmr_blender.errors import LibraryProblem
from tmr_blender.library.schema import DATABASE, VERSION
from tmr_blender.library.search import search
from tmr_blender.library.store import Library
from tmr_blender.library.upkeep import check
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]


def as_version_2(path: Path) -> None:
    with closing(sqlite3.connect(path / DATABASE)) as database, database:
        database.execute("DROP TABLE thumbnails")
        database.execute("ALTER TABLE files DROP COLUMN reading")
        for column in ("pose", "poses"):
            database.execute(f"ALTER TABLE entries DROP COLUMN {column}")
        database.execute("DELETE FROM meta WHERE key LIKE 'pose%'")
        database.execute("PRAGMA user_version = 2")
    for file in path.glob("poses-*.bin"):
        file.unlink()


def as_version_1(path: Path) -> None:
    library = Library.open(path)
    facts = library.facts(range(len(library.entries)))
    windows = library.windows
    as_version_2(path)
    with closing(sqlite3.connect(path / DATABASE)) as database, database:
        database.execute(
            "CREATE TABLE windows (entry INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE, "
            "start REAL NOT NULL, end REAL NOT NULL, row INTEGER NOT NULL)"
        )
        for i, entry in enumerate(library.entries):
            span = range(windows.first[i], windows.first[i + 1])
            rows = [(entry.id, windows.start[k], windows.end[k], int(windows.row[k])) for k in span]
            database.executemany("INSERT INTO windows VALUES (?, ?, ?, ?)", rows)
            one = json.dumps({key: value for key, value in facts[i].items() if key != "tags"})
            database.execute("UPDATE entries SET facts = ? WHERE id = ?", (one, entry.id))
        database.execute("CREATE INDEX windows_entry ON windows (entry)")
        database.execute("DROP INDEX files_hash")
        database.execute("DROP TABLE details")
        for column in ("row", "spans"):
            database.execute(f"ALTER TABLE entries DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 1")


def version(path: Path) -> int:
    with closing(sqlite3.connect(path / DATABASE)) as database:
        return database.execute("PRAGMA user_version").fetchone()[0]


@pytest.mark.parametrize("older", [as_version_1, as_version_2])
def test_reading_changes_nothing_and_finds_everything(
    library: Library, encoders: Encoders, older: Callable[[Path], None]
) -> None:
    older(library.path)
    before = (library.path / DATABASE).read_bytes()
    old = Library.open(library.path)
    assert list(old.entries) == list(library.entries)
    for name in ("start", "end", "row", "first", "whole"):
        assert np.array_equal(getattr(old.windows, name), getattr(library.windows, name))
    assert search([old], "walks", encoders[1]) == search([library], "walks", encoders[1])
    assert search([old], "walks", encoders[1], filters={"travel": {"min": 2.0}})
    assert len(old.poses(0)) == 0 and old.thumbnails([0]) == [b""]
    assert not old.changed() and check(library.path).faults == ()
    assert (library.path / DATABASE).read_bytes() == before


@pytest.mark.parametrize("older", [as_version_1, as_version_2])
def test_writing_brings_it_up_to_date(
    library: Library, folder: Path, encoders: Encoders, older: Callable[[Path], None]
) -> None:
    facts = library.facts(range(4))
    bodies = [library.bodies.of(i) for i in range(4)]
    older(library.path)
    last = run(library.path, folder, encoders)
    # What it stored of the files was less than is stored today: they are read again, and once.
    assert (last.takes, last.unchanged, version(library.path)) == (4, 0, VERSION)
    assert run(library.path, folder, encoders).unchanged == 4
    now = Library.open(library.path)
    assert [entry.name for entry in now.entries] == [entry.name for entry in library.entries]
    assert now.facts(range(4)) == facts and check(library.path).faults == ()
    assert all(np.array_equal(now.bodies.of(i), bodies[i]) for i in range(4))
    (folder / "Take_0002.bvh").rename(folder / "cartwheel.bvh")
    assert run(library.path, folder, encoders).relabelled == 1


@pytest.mark.parametrize(
    "statement",
    ["UPDATE windows SET row = 0", "UPDATE entries SET facts = '[' WHERE id = 2", "UPDATE windows SET start = 'soon'"],
)
def test_a_damaged_one_is_refused_and_left_as_it_is(library: Library, folder: Path, encoders: Encoders, statement: str) -> None:
    as_version_1(library.path)
    with closing(sqlite3.connect(library.path / DATABASE)) as database, database:
        database.execute(statement)
    before = (library.path / DATABASE).read_bytes()
    with pytest.raises(LibraryProblem, match="damaged"):
        Library.open(library.path)
    with pytest.raises(LibraryProblem, match="damaged"):
        run(library.path, folder, encoders)
    assert (library.path / DATABASE).read_bytes() == before
