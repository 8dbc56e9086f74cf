# SPDX-License-Identifier: GPL-3.0-or-later
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.library.conftest import run
from tests.library.takes import write_take
from tmr_blender.errors import LibraryProblem
from tmr_blender.library.schema import DATABASE
from tmr_blender.library.store import Library
from tmr_blender.library.upkeep import check, remove
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]


def test_a_whole_library_has_no_fault(library: Library, folder: Path) -> None:
    health = check(library.path)
    assert health.faults == health.vanished == health.changed == health.unread == health.missing == ()
    assert (health.files, health.entries, health.windows) == (4, 4, len(library.windows.row))


def test_files_that_changed_or_vanished_are_listed_and_no_fault(
    library: Library, folder: Path, encoders: Encoders, tmp_path: Path
) -> None:
    (folder / "broken.bvh").write_text("HIERARCHY")
    run(library.path, folder, encoders)
    (folder / "Take_0002.bvh").unlink()
    write_take(folder / "Take_0003.bvh", "stands", 4.0)
    os.utime(folder / "01" / "Take_0001.bvh", ns=(1, 1))
    health = check(library.path)
    assert health.faults == ()
    assert [Path(path).name for path in health.vanished] == ["Take_0002.bvh"]
    assert [Path(path).name for path in health.changed] == ["Take_0001.bvh", "Take_0003.bvh"]
    assert [Path(path).name for path in health.unread] == ["broken.bvh"]
    assert [Path(path).name for path in check(library.path, contents=True).changed] == ["Take_0003.bvh"]
    folder.rename(tmp_path / "unmounted")
    health = check(library.path)
    assert (health.missing, health.vanished, health.changed) == ((str(folder),), (), ())


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM entries WHERE id = 1", "belong to nothing"),
        ("DELETE FROM details WHERE entry = 2", "lack their facts"),
        ("UPDATE entries SET spans = x'' WHERE id = 1", "no motion vector"),
        ("UPDATE entries SET row = 0", "share a motion vector"),
        ("UPDATE entries SET duration = 0.5 WHERE id = 1", "end after their take"),
        ("UPDATE entries SET row = 1000000", "that it does not hold"),
        ("UPDATE entries SET pose = 1000000", "that it does not hold"),
        ("UPDATE entries SET poses = 0", "lack their poses"),
        ("UPDATE entries SET take = 0, file = 1", "stored twice"),
        ("UPDATE entries SET duration = -1", "damaged"),
    ],
)
def test_every_fault_is_found(library: Library, statement: str, fault: str) -> None:
    with closing(sqlite3.connect(library.path / DATABASE)) as database, database:
        database.execute(statement)
    (found,) = [line for line in check(library.path).faults if fault in line]
    assert found.endswith(".")


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 3.0])
def test_faulty_vectors_are_found(library: Library, value: float) -> None:
    rows = np.memmap(library.path / "motion-0.f32", "<f4", "r+", shape=library.motion.shape)
    rows[1] = value
    rows.flush()
    assert check(library.path).faults == ("1 motion vectors are not finite or not of unit length.",)


def test_cut_vectors_and_missing_libraries(library: Library, tmp_path: Path) -> None:
    os.truncate(library.path / "text-0.f32", 0)
    os.truncate(library.path / "motion-0.f32", 8)
    (fault,) = check(library.path).faults
    assert "cut short" in fault
    with pytest.raises(LibraryProblem, match="no motion library"):
        check(tmp_path / "nowhere")


def test_removing(library: Library, folder: Path, tmp_path: Path, encoders: Encoders) -> None:
    write_take(tmp_path / "second" / "fast.bvh", "walks", 2.5)
    run(library.path, tmp_path / "second", encoders)
    with pytest.raises(LibraryProblem, match="holds nothing from"):
        remove(library.path, [folder / "01", tmp_path / "elsewhere"])
    with pytest.raises(LibraryProblem, match="no entry 99"):
        remove(library.path, [folder / "01"], [99])
    assert len(Library.open(library.path).entries) == 5
    assert remove(library.path, [folder / "01"]) == 1
    assert remove(library.path, [folder / "Take_0002.bvh"]) == 1
    number = next(entry.id for entry in library.entries if entry.name == "Take_0003")
    assert remove(library.path, entries=[number]) == 1
    assert {entry.name for entry in Library.open(library.path).entries} == {"Take_0004", "fast"}
    again = run(library.path, folder, encoders)
    assert {entry.name for entry in Library.open(library.path).entries} == {"Take_0001", "Take_0002", "Take_0004", "fast"}
    assert again.takes == 2
    assert remove(library.path, [folder]) == 3
    left = Library.open(library.path)
    assert left.sources == [tmp_path / "second"] and len(left.entries) == 1
    assert folder.is_dir() and check(library.path).faults == ()
    shutil.rmtree(tmp_path / "second")
    assert remove(library.path, [tmp_path / "second"]) == 1  # gone from the disk, and known to the library
