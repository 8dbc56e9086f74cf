# SPDX-License-Identifier: GPL-3.0-or-later
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.library.conftest import run
from tests.library.takes import write_take
from tmr_blender.errors import LibraryProblem
from tmr_blender.library.index import index
from tmr_blender.library.schema import DATABASE, VERSION
from tmr_blender.library.store import Library
from tmr_blender.library.writer import Writer
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]
ROOT = Path(__file__).resolve().parents[2]

# Indexes with encoders of plain arithmetic (no torch to wait for) and commits after every file.
CHILD = """
import sys
import numpy as np
from tmr_blender.library import index
from tmr_blender.tmr.encoders import Card, unit

class Encoder:
    card, model_id = Card("plain"), "plain"
    def encode(self, items):
        if items and isinstance(items[0], str):
            rows = unit(np.array([[len(text), *text.encode()[:7].ljust(7)] for text in items], np.float32))
            return rows, rows
        return unit(np.array([[*item.mean(0)[:15], len(item)] for item in items], np.float32).reshape(-1, 16))

index.FLUSH_FRAMES = 1
for progress in index.index(sys.argv[1], sys.argv[2], Encoder(), Encoder()):
    print(progress.done, flush=True)
"""


def child(library: Path, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(library), str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def contents(path: Path) -> dict[str, tuple[list[tuple[float, float, bytes]], list[tuple[str, bytes]]]]:
    """All that can be found of every take, with its vectors."""
    library = Library.open(path)
    out = {}
    for i, entry in enumerate(library.entries):
        spans = range(*library.windows.first[i : i + 2])
        windows = library.windows
        vectors = [(windows.start[k], windows.end[k], library.motion[windows.row[k]].tobytes()) for k in spans]
        texts = [(t.text, library.text[t.row].tobytes()) for t in library.texts if t.entry == i]
        out[entry.name] = (sorted(vectors), sorted(texts))
    return out


def test_killed_at_any_moment_nothing_stored_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "mocap"
    for i in range(24):
        write_take(folder / f"walk_{i:02}.bvh", ("walks", "jumps", "stands")[i % 3], 2.0 + 0.1 * i)
    begun = time.monotonic()
    assert child(tmp_path / "whole", folder).wait(60) == 0
    length = time.monotonic() - begun
    whole = contents(tmp_path / "whole")
    assert len(whole) == 24
    chance = random.Random(1)
    broken, kept = tmp_path / "broken", 0
    for _ in range(12):
        process = child(broken, folder)
        time.sleep(chance.uniform(0.1, length))
        process.kill()
        process.wait()
        if (broken / DATABASE).exists():
            found = contents(broken)
            assert all(found[name] == whole[name] for name in found)
            assert len(found) >= kept
            kept = len(found)
        if kept == len(whole):
            shutil.rmtree(broken)
            kept = 0
    assert child(broken, folder).wait(60) == 0
    assert contents(broken) == whole


def test_a_torn_tail_is_ignored_and_cut(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    path = tmp_path / "library"
    run(path, folder, encoders)
    before = contents(path)
    for file in path.glob("*.f32"):
        with file.open("ab") as stream:
            stream.write(b"\x01" * 777)
    assert contents(path) == before
    write_take(folder / "new.bvh", "jumps", 2.5)
    run(path, folder, encoders)
    after = contents(path)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1
    library = Library.open(path)
    assert (path / "motion-0.f32").stat().st_size == library.motion.size * 4


def test_vectors_cut_short_are_refused(library: Library, folder: Path, encoders: Encoders) -> None:
    file = library.path / "motion-0.f32"
    os.truncate(file, file.stat().st_size - 4)
    with pytest.raises(LibraryProblem, match="cut short"):
        Library.open(library.path)
    with pytest.raises(LibraryProblem, match="cut short"):
        run(library.path, folder, encoders)
    file.unlink()
    with pytest.raises(LibraryProblem, match="lacks its vector files"):
        Library.open(library.path)
    with pytest.raises(LibraryProblem, match="lacks its vector files"):
        run(library.path, folder, encoders)


def test_two_indexers_do_not_meet(library: Library, folder: Path, encoders: Encoders) -> None:
    with Writer(library, encoders[0].model_id), pytest.raises(LibraryProblem, match="Another program is indexing"):
        run(library.path, folder, encoders)
    run(library.path, folder, encoders)


def test_a_second_process_is_told(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    for i in range(30):
        write_take(folder / f"more_{i}.bvh", "walks")
    process = child(tmp_path / "library", folder)
    assert process.stdout is not None and process.stdout.readline() == "1\n"
    with pytest.raises(LibraryProblem, match="Another program"):
        run(tmp_path / "library", folder, encoders)
    assert len(Library.open(tmp_path / "library").entries) >= 1  # reading goes on meanwhile
    assert process.wait(60) == 0


def test_a_library_of_another_model_is_refused(library: Library, folder: Path) -> None:
    with pytest.raises(LibraryProblem, match="indexed with the model"), Writer(library, "other"):
        pass
    assert len(Library.open(library.path).entries) == 4


def test_foreign_and_newer_databases_are_refused(tmp_path: Path, library: Library) -> None:
    with pytest.raises(LibraryProblem, match="no motion library"):
        Library.open(tmp_path / "nowhere")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    with closing(sqlite3.connect(foreign / DATABASE)) as database:
        database.execute("CREATE TABLE meta (key, value)")
    with pytest.raises(LibraryProblem, match="another program"):
        Library.open(foreign, create=True)
    (foreign / DATABASE).write_bytes(b"PK\x03\x04 not a database at all" * 100)
    with pytest.raises(LibraryProblem, match="not a motion library"):
        Library.open(foreign)
    with closing(sqlite3.connect(library.path / DATABASE)) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(LibraryProblem, match="newer version"):
        Library.open(library.path)


def test_a_damaged_database_is_refused(library: Library) -> None:
    path = library.path / DATABASE
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(LibraryProblem):
        Library.open(library.path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET row = 1000000",
        "UPDATE entries SET row = -1",
        "UPDATE files SET path = '../../etc/passwd' WHERE id = 1",
        "UPDATE files SET path = '/etc/passwd' WHERE id = 1",
        "DELETE FROM meta WHERE key = 'model'",
        "UPDATE meta SET value = 'many' WHERE key = 'motion_rows'",
        "UPDATE meta SET value = -1 WHERE key = 'motion_rows'",
        "UPDATE entries SET facts = 'not json'",
        "UPDATE entries SET tags = '7'",
        "UPDATE entries SET spans = x'00'",
        "UPDATE entries SET poses = 0.5",
        "UPDATE entries SET pose = 9e999",
        "UPDATE entries SET row = 9e999",
    ],
)
def test_a_library_from_a_stranger_is_checked(library: Library, statement: str) -> None:
    with closing(sqlite3.connect(library.path / DATABASE)) as database, database:
        database.execute(statement)
    with pytest.raises(LibraryProblem):
        Library.open(library.path)


def test_a_folder_with_other_files_is_no_place_for_a_library(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(LibraryProblem, match="other files"):
        Library.open(tmp_path, create=True)
    with pytest.raises(LibraryProblem, match="can't be made"):
        Library.open(tmp_path / "letter.txt" / "library", create=True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_library_can_be_read_and_not_written(library: Library, folder: Path, encoders: Encoders) -> None:
    write_take(folder / "new.bvh", "walks")
    for path in [*library.path.iterdir(), library.path]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert len(Library.open(library.path).entries) == 4
        with pytest.raises(LibraryProblem):
            run(library.path, folder, encoders)
    finally:
        library.path.chmod(0o755)


def test_a_full_disk_loses_nothing(library: Library, folder: Path, encoders: Encoders, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(library.path)
    write_take(folder / "new.bvh", "walks")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(LibraryProblem, match="No space left"):
            list(index(library.path, folder, *encoders))
    assert contents(library.path) == before
    run(library.path, folder, encoders)
    assert len(contents(library.path)) == 5


def test_a_snapshot_does_not_change(library: Library, folder: Path, encoders: Encoders) -> None:
    rows = np.array(library.motion)
    write_take(folder / "new.bvh", "walks")
    assert not library.changed()
    run(library.path, folder, encoders)
    assert library.changed()
    assert len(library.entries) == 4 and np.array_equal(library.motion, rows)


def test_what_a_killed_process_leaves_is_no_obstacle(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    path = tmp_path / "library"
    path.mkdir()
    for name in ("lock.sqlite", "lock.sqlite-journal", DATABASE + ".new", DATABASE + ".new-journal"):
        (path / name).write_bytes(b"")
    run(path, folder, encoders)
    assert len(Library.open(path).entries) == 4
