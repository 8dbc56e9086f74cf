# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.library.conftest import run
from tests.library.takes import write_take
from tmr_blender.errors import LibraryProblem
from tmr_blender.library.index import index
from tmr_blender.library.store import Library
from tmr_blender.library.takes import name_words, spans
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]

PROP = """HIERARCHY
ROOT Sword
{
OFFSET 0 0 0
CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
End Site
{
OFFSET 0 100 0
}
}
MOTION
Frames: 2
Frame Time: 0.033333
0 0 0 0 0 0
0 1 0 0 0 0
"""


def names(library: Path) -> set[str]:
    return {entry.name for entry in Library.open(library).entries}


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*")}


def test_every_take_is_stored_with_its_windows(library: Library) -> None:
    assert {e.name: round(e.duration, 2) for e in library.entries} == {
        "Take_0001": 3.0,
        "Take_0002": 3.0,
        "Take_0003": 3.0,
        "Take_0004": 17.0,
    }
    assert all(e.path.is_file() for e in library.entries)
    assert np.allclose(np.linalg.norm(library.motion, axis=1), 1.0, atol=1e-5)
    long = next(i for i, e in enumerate(library.entries) if e.name == "Take_0004")
    first, last = library.windows.first[long : long + 2]
    assert library.windows.start[first:last].min() == 0.0
    assert library.windows.end[first:last].max() == pytest.approx(17.0)
    assert len({round(float(d), 1) for d in (library.windows.end - library.windows.start)[first:last]}) >= 3
    assert library.facts([long])[0]["duration"] == pytest.approx(17.0)
    assert "walk" in library.entries[long].tags or library.facts([long])[0]["travel"] > 4.0


def test_nothing_is_written_in_the_folder_of_motions(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    before = tree(folder)
    run(tmp_path / "library", folder, encoders)
    assert tree(folder) == before


def test_a_second_run_reads_only_what_changed(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    path = tmp_path / "library"
    assert run(path, folder, encoders).takes == 4
    again = run(path, folder, encoders)
    assert (again.takes, again.unchanged, again.removed) == (0, 4, 0)
    os.utime(folder / "Take_0002.bvh")  # new times, old content
    write_take(folder / "Take_0003.bvh", "jumps", 4.0)
    (folder / "01" / "Take_0001.bvh").unlink()
    write_take(folder / "Take_0005.bvh", "walks", 2.0)
    third = run(path, folder, encoders)
    assert (third.takes, third.unchanged, third.removed) == (2, 2, 1)
    assert names(path) == {"Take_0002", "Take_0003", "Take_0004", "Take_0005"}


def kept(path: Path) -> dict[int, tuple[str, bytes]]:
    """Path and vectors of every entry, by its number."""
    library = Library.open(path)
    first, row = library.windows.first, library.windows.row
    return {
        entry.id: (entry.path.name, library.motion[row[first[i] : first[i + 1]]].tobytes())
        for i, entry in enumerate(library.entries)
    }


def test_renamed_and_moved_files_keep_their_entries(
    tmp_path: Path, folder: Path, encoders: Encoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "library"
    shutil.copytree(folder / "17s", tmp_path / "other" / "long")
    write_take(tmp_path / "other" / "short.bvh", "walks", 2.5)
    (tmp_path / "other" / "long" / "Take_0004.bvh").write_text((tmp_path / "other" / "short.bvh").read_text() + "\n")
    run(path, folder, encoders)
    run(path, tmp_path / "other", encoders)
    before = kept(path)
    (folder / "Take_0002.bvh").rename(folder / "cartwheel_left.bvh")
    (folder / "01" / "Take_0001.bvh").rename(folder / "Take_0001.bvh")
    (tmp_path / "other" / "short.bvh").rename(folder / "short.bvh")
    (folder / "Take_0003.txt").write_text("an old man\n")
    monkeypatch.setattr("tmr_blender.motion.readers.read", lambda _: pytest.fail("read again"))
    last = run(path, folder, encoders)
    assert (last.takes, last.relabelled, last.removed, last.unchanged) == (0, 4, 0, 1)
    after = kept(path)
    assert {number: vectors for number, (_, vectors) in after.items()} == {n: vectors for n, (_, vectors) in before.items()}
    assert {before[n][0]: after[n][0] for n in before if before[n][0] != after[n][0]} == {"Take_0002.bvh": "cartwheel_left.bvh"}
    library = Library.open(path)
    assert all(entry.path.is_file() for entry in library.entries)
    texts = {(library.entries[text.entry].name, text.kind, text.text) for text in library.texts}
    assert texts == {
        ("cartwheel_left", "name", "cartwheel left"), ("short", "name", "short"), ("Take_0003", "caption", "an old man"),
        ("Take_0004", "name", "long"),
    }  # fmt: skip
    assert all(text.row >= 0 for text in library.texts)
    again = run(path, folder, encoders)
    assert (again.relabelled, again.unchanged, again.removed) == (0, 5, 0)
    assert run(path, tmp_path / "other", encoders).removed == 0


def test_a_copy_is_no_move(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    path = tmp_path / "library"
    run(path, folder, encoders)
    for name in ("a", "b"):
        shutil.copy(folder / "Take_0002.bvh", folder / f"{name}.bvh")
    last = run(path, folder, encoders)
    assert (last.takes, last.relabelled) == (2, 0)
    # One file gone, two new ones of its content: one of them is it.
    (folder / "Take_0003.bvh").rename(folder / "c.bvh")
    shutil.copy(folder / "c.bvh", folder / "d.bvh")
    last = run(path, folder, encoders)
    assert (last.takes, last.relabelled, last.removed) == (1, 1, 0)
    assert names(path) == {"Take_0001", "Take_0002", "Take_0004", "a", "b", "c", "d"}


def test_files_of_a_drive_that_is_not_mounted_have_not_moved(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    path = tmp_path / "library"
    run(path, folder, encoders)
    shutil.copytree(folder, tmp_path / "copy")
    folder.rename(tmp_path / "away")
    last = run(path, tmp_path / "copy", encoders)
    assert (last.takes, last.relabelled) == (4, 0)
    assert len(Library.open(path).entries) == 8


def test_one_broken_file_costs_one_line(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    whole = (folder / "Take_0002.bvh").read_text()
    (folder / "cut.bvh").write_text(whole[: len(whole) // 3])
    (folder / "empty.bvh").write_bytes(b"")
    (folder / "noise.bvh").write_bytes(np.random.default_rng(0).bytes(5000))
    (folder / "renamed.bvh").write_bytes(b"Kaydara FBX Binary  \x00\x1a\x00\xff\xff\xff\xff")
    (folder / "prop.bvh").write_text(PROP)
    last = run(tmp_path / "library", folder, encoders)
    assert {path for path, _ in last.errors} == {"cut.bvh", "empty.bvh", "noise.bvh", "renamed.bvh", "prop.bvh"}
    library = Library.open(tmp_path / "library")
    assert len(library.entries) == 4
    assert len(library.errors()) == 5
    assert all("\n" not in sentence and Path(path).name in sentence for path, sentence in library.errors())
    again = run(tmp_path / "library", folder, encoders)
    assert (again.takes, len(again.errors)) == (0, 5)
    shutil.copy(folder / "Take_0002.bvh", folder / "empty.bvh")
    assert len(run(tmp_path / "library", folder, encoders).errors) == 4


def test_an_empty_folder_makes_no_library(tmp_path: Path, encoders: Encoders) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "readme.txt").write_text("hello")
    with pytest.raises(LibraryProblem, match="holds no motion file"):
        run(tmp_path / "library", tmp_path / "nothing", encoders)
    assert not (tmp_path / "library").exists()
    with pytest.raises(LibraryProblem, match="no folder"):
        run(tmp_path / "library", tmp_path / "missing", encoders)


def test_a_vanished_drive_loses_nothing(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    run(tmp_path / "library", folder, encoders)
    for path in folder.rglob("*.bvh"):
        os.utime(path, ns=(1, 1))  # all must be read again
    steps = index(tmp_path / "library", folder, *encoders)
    next(steps)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(LibraryProblem, match="vanished"):
        list(steps)
    assert len(names(tmp_path / "library")) == 4
    with pytest.raises(LibraryProblem):
        run(tmp_path / "library", folder, encoders)
    assert len(names(tmp_path / "library")) == 4


def test_a_library_inside_the_folder_is_refused(folder: Path, encoders: Encoders) -> None:
    with pytest.raises(LibraryProblem, match="inside"):
        run(folder / "library", folder, encoders)
    assert not (folder / "library").exists()


def test_stopping_keeps_what_was_read(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    steps = index(tmp_path / "library", folder, *encoders)
    first = next(steps)
    assert (first.done, first.total) == (1, 4)
    last = steps.send(True)
    assert last.stopped
    with pytest.raises(StopIteration):
        next(steps)
    assert len(names(tmp_path / "library")) == 1
    assert run(tmp_path / "library", folder, encoders).takes == 3


def test_what_waits_is_encoded_in_pieces_and_stopping_waits_for_none(
    tmp_path: Path, folder: Path, encoders: Encoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tmr_blender.library.index.PIECE_FILES", 1)
    monkeypatch.setattr("tmr_blender.library.index.STOP_SECONDS", 0.0)
    steps = index(tmp_path / "library", folder, *encoders, jobs=1)
    told = next(step for step in steps if step.done == 4 and step.takes)
    assert told.takes == 1  # all are read, the first is stored
    last = steps.send(True)
    assert last.stopped and last.takes == 1
    assert next(steps, None) is None
    assert run(tmp_path / "library", folder, encoders).takes == 3
    whole, apart = run(tmp_path / "whole", folder, encoders), Library.open(tmp_path / "library")
    assert whole.takes == 4
    assert np.allclose(np.sort(Library.open(tmp_path / "whole").motion, axis=0), np.sort(apart.motion, axis=0), atol=1e-5)


def test_links_do_not_lead_out(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    outside = write_take(tmp_path / "outside" / "secret.bvh", "walks")
    (folder / "link.bvh").symlink_to(outside)
    (folder / "inner.bvh").symlink_to(folder / "Take_0002.bvh")
    (folder / "dir").symlink_to(outside.parent)
    last = run(tmp_path / "library", folder, encoders)
    assert [path for path, _ in last.errors] == ["link.bvh"]
    assert names(tmp_path / "library") == {"Take_0001", "Take_0002", "Take_0003", "Take_0004", "inner"}


def test_captions_of_every_kind_reach_their_takes(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    rows = [{"file": "01/Take_0001.bvh", "texts": ["a happy person", "walks"], "start": 0, "end": 1.5}]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (folder / "17s" / "captions.json").write_text(json.dumps({"take_0004": "an old man"}))
    (folder / "01" / "captions.csv").write_text("file,text\nTake_0001,turns left\n", encoding="utf-8-sig")
    (folder / "Take_0002.txt").write_text("kick#kick/NOUN#0.0#0.0\nkick left\n")
    run(tmp_path / "library", folder, encoders)
    library = Library.open(tmp_path / "library")
    texts: dict[str, set[str]] = {}
    for text in library.texts:
        if text.kind == "caption":
            texts.setdefault(library.entries[text.entry].name, set()).add(text.text)
    assert texts == {
        "Take_0001": {"a happy person", "walks", "turns left"},
        "Take_0002": {"kick", "kick left"},
        "Take_0004": {"an old man"},
    }
    assert all(text.row >= 0 for text in library.texts)
    # A changed caption is a change of the take; a broken one is a line of the report and no more.
    (folder / "Take_0002.txt").write_text("cartwheel\n")
    (folder / "17s" / "captions.json").write_text("{broken")
    last = run(tmp_path / "library", folder, encoders)
    assert [path for path, _ in last.errors] == ["17s/captions.json"]
    changed = {text.text for text in Library.open(tmp_path / "library").texts if text.kind == "caption"}
    assert changed == {"a happy person", "walks", "turns left", "cartwheel"}
    (folder / "17s" / "captions.json").write_text("{}")
    assert run(tmp_path / "library", folder, encoders).errors == ()
    assert Library.open(tmp_path / "library").errors() == []


def test_captions_get_their_vectors_when_a_text_encoder_comes(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    (folder / "Take_0002.txt").write_text("kick")
    list(index(tmp_path / "library", folder, encoders[0]))
    assert {text.row for text in Library.open(tmp_path / "library").texts} == {-1}
    run(tmp_path / "library", folder, encoders)
    assert -1 not in {text.row for text in Library.open(tmp_path / "library").texts}


def test_unicode_and_odd_names(tmp_path: Path, encoders: Encoders) -> None:
    root = tmp_path / "mocap ünïcode"
    odd = ["歩く 01.bvh", "l'été #1 %20?.BVH", "a" * 120 + ".bvh", "Пляска.bvh"]
    for name in odd:
        write_take(root / name, "walks", 2.0)
    last = run(tmp_path / "библиотека", root, encoders)
    assert last.errors == ()
    library = Library.open(tmp_path / "библиотека")
    assert {entry.path.name for entry in library.entries} == set(odd)
    assert all(entry.path.is_file() for entry in library.entries)


def test_a_moved_library_still_finds_its_motions(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    home = tmp_path / "starter"
    shutil.copytree(folder, home / "motions")
    run(home / "library", home / "motions", encoders)
    shutil.move(home, tmp_path / "installed")
    library = Library.open(tmp_path / "installed" / "library")
    assert all(entry.path.is_file() and entry.path.is_relative_to(tmp_path / "installed") for entry in library.entries)
    assert str(tmp_path) not in (tmp_path / "installed" / "library" / "library.sqlite").read_bytes().decode("latin-1")
    again = run(tmp_path / "installed" / "library", tmp_path / "installed" / "motions", encoders)
    assert (again.takes, again.unchanged) == (0, 4)


def test_dropped_vectors_are_compacted_away(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    path = tmp_path / "library"
    run(path, folder, encoders)
    before = Library.open(path)
    kept = {e.name: before.motion[before.windows.row[before.windows.first[i]]].copy() for i, e in enumerate(before.entries)}
    shutil.rmtree(folder / "17s")
    (folder / "Take_0003.bvh").unlink()
    run(path, folder, encoders)
    after = Library.open(path)
    assert len(after.motion) == len(after.windows.row) < len(before.motion)
    assert after.meta.generation == before.meta.generation + 1
    for i, entry in enumerate(after.entries):
        assert np.array_equal(after.motion[after.windows.row[after.windows.first[i]]], kept[entry.name])
    assert before.changed() and not after.changed()


@pytest.mark.parametrize("rows", [1, 7, 49, 50, 80, 199, 200, 201, 333, 5000])
def test_spans_cover_every_row(rows: int) -> None:
    found = list(spans(rows, 200))
    covered = np.zeros(rows, bool)
    for first, last in found:
        assert 0 <= first < last <= rows and last - first <= 200
        covered[first:last] = True
    assert covered.all()
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("walks/OldMan_turnLeft_02.bvh", "walks old man turn left"),
        ("Take_0341_final.fbx", ""),
        ("dataset-1_walk-back_angry_001.bvh", "walk back angry"),
        ("02/02_01.bvh", ""),
        ("MocapFBXExport_Kick.fbx", "kick"),
        ("歩く_左.bvh", ""),
    ],
)
def test_words_of_names(path: str, words: str) -> None:
    assert name_words(path) == words
