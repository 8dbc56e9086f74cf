# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes that go to another folder: whole, or not at all."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tmr_blender.errors import LibraryProblem
from tmr_blender.library import detached, moving
from tmr_blender.library.schema import DATABASE, lock
from tmr_blender.library.store import Library

BIG = moving.BLOCK * 2 + 5


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A place with a library in it and, beside that, a file of more than two blocks."""
    kept = tmp_path / "old" / "walks-0123abcd"
    Library.open(kept / "library", create=True)
    (kept / "library" / "vectors.bin").write_bytes(b"\1" * BIG)
    os.utime(kept / "library" / DATABASE, (1e9, 1e9))
    return kept


@pytest.fixture
def other_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As between two disks: a place can't be renamed to where it is to go, only inside its folder."""
    rename = Path.rename

    def renamed(path: Path, target: Path) -> Path:
        if path.parent != Path(target).parent:
            raise OSError(18, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)


def contents(folder: Path) -> dict[str, int]:
    found = {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return {name: size for name, size in found.items() if "lock" not in name}


def new(tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    moving.check(folder)
    return folder


def whole(place: Path) -> bool:
    Library.open(place / "library")
    return (place / "library" / "vectors.bin").read_bytes() == b"\1" * BIG


def test_on_one_disk_it_is_renamed(place: Path, tmp_path: Path) -> None:
    assert list(moving.move(place, new(tmp_path))) == []
    assert not place.exists()
    assert whole(tmp_path / "new" / place.name)


def test_between_disks_it_is_copied_and_then_removed(place: Path, tmp_path: Path, other_disk: None) -> None:
    before, target = contents(place), new(tmp_path) / place.name
    steps = list(moving.move(place, target.parent))
    assert len(steps) >= 3
    assert steps[-1].done == steps[-1].total == sum(before.values())
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert not place.exists()
    assert contents(target) == before
    assert whole(target)
    assert (target / "library" / DATABASE).stat().st_mtime == 1e9
    assert moving.places(target.parent) == [target]


@pytest.mark.parametrize("taken", [1, 2, 3])
def test_one_that_is_stopped_stays_where_it_was(place: Path, tmp_path: Path, other_disk: None, taken: int) -> None:
    before, folder = contents(place), new(tmp_path)
    steps = moving.move(place, folder)
    for _ in range(taken):
        next(steps)
    steps.close()
    assert contents(place) == before
    assert whole(place)
    assert list(folder.iterdir()) == []
    assert list(moving.move(place, folder))[-1].done == sum(before.values())


def test_a_killed_one_is_no_place_and_is_replaced(place: Path, tmp_path: Path, other_disk: None) -> None:
    folder = new(tmp_path)
    left = folder / f"{moving.DRAFT}{place.name}" / "library"
    left.mkdir(parents=True)
    (left / DATABASE).write_bytes(b"half")
    assert moving.places(folder) == []
    list(moving.move(place, folder))
    assert [path.name for path in folder.iterdir()] == [place.name]


def test_a_disk_that_fails_keeps_it_where_it_was(
    place: Path, tmp_path: Path, other_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, folder = contents(place), new(tmp_path)
    written: list[Any] = []

    def fails(number: int) -> None:
        written.append(number)
        if len(written) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(LibraryProblem, match="No space left"):
        list(moving.move(place, folder))
    assert contents(place) == before
    assert whole(place)
    assert list(folder.iterdir()) == []


def test_too_small_a_disk_is_told_before(
    place: Path, tmp_path: Path, other_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "SPARE", 1 << 60)
    with pytest.raises(LibraryProblem, match="not enough space"):
        list(moving.move(place, new(tmp_path)))
    assert whole(place)


def test_one_of_that_name_is_not_replaced(place: Path, tmp_path: Path) -> None:
    taken = new(tmp_path) / place.name
    taken.mkdir()
    with pytest.raises(LibraryProblem, match="there already"):
        list(moving.move(place, taken.parent))
    assert whole(place)


def test_one_that_is_written_is_left_alone(place: Path, tmp_path: Path) -> None:
    held = lock(place / "library")
    try:
        with pytest.raises(LibraryProblem, match="Another program"):
            list(moving.move(place, new(tmp_path)))
    finally:
        held.close()
    assert whole(place)


def test_one_with_a_job_is_left_alone(place: Path, tmp_path: Path) -> None:
    job = detached.Job("1", "index", str(place / "library"), str(tmp_path / "walks"), os.getpid(), time.time())
    assert detached._write(place, job)
    with pytest.raises(LibraryProblem, match="walks is being indexed"):
        list(moving.move(place, new(tmp_path)))


def test_folders_that_can_not_be_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    motions = tmp_path / "motions"
    (motions / "sub").mkdir(parents=True)
    for folder, sentence in (
        (tmp_path / "file", "is a file"),
        (tmp_path / "file" / "in", "can be written"),
        (motions, "in the folder of motions"),
        (motions / "sub" / "new", "in the folder of motions"),
        (Path("relative"), "no whole path"),
    ):
        with pytest.raises(LibraryProblem, match=sentence):
            moving.check(folder, [motions])
    assert sorted(path.name for path in motions.rglob("*")) == ["sub"]
    moving.check(tmp_path / "beside" / "deep", [motions])
    assert list((tmp_path / "beside" / "deep").iterdir()) == []
    assert moving.places(tmp_path / "nowhere") == []
