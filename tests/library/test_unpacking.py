# SPDX-License-Identifier: GPL-3.0-or-later
"""Zips from strangers: motions and licences come out, all else and every trick stays in."""

import io
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from tests.library.serving import zipped
from tmr_blender.errors import SourceProblem
from tmr_blender.library import download, unpacking
from tmr_blender.library.unpacking import unpack

WALK = b"HIERARCHY\nROOT Hips\n" * 1000


def run(data: bytes, tmp_path: Path, also: tuple[str, ...] = (), stop_at: int | None = None) -> list[str]:
    """Unpack these bytes; the paths that came out. Whatever happens, nothing lies beside."""
    (tmp_path / "in").mkdir(exist_ok=True)
    path, folder = tmp_path / "in" / "a.zip", tmp_path / "in" / "out"
    path.write_bytes(data)
    generator, asked = unpack(path, folder, also), None
    try:
        while True:
            step = generator.send(asked)
            asked = stop_at is not None and step.done >= stop_at
    except StopIteration as end:
        assert end.value is folder.is_dir()
    finally:
        assert {place.name for place in tmp_path.iterdir()} == {"in"}
        assert {place.name for place in (tmp_path / "in").iterdir()} <= {"a.zip", "out"}
    return sorted(place.relative_to(folder).as_posix() for place in folder.rglob("*") if place.is_file())


def refused(data: bytes, tmp_path: Path, match: str) -> None:
    with pytest.raises(SourceProblem, match=match):
        run(data, tmp_path)
    assert [place.name for place in (tmp_path / "in").iterdir()] == ["a.zip"]


def with_info(name: str, mode: int, data: bytes = b"/etc/passwd") -> bytes:
    """A zip with a walk, and a member of some kind."""
    buffer = io.BytesIO(zipped({"walk.bvh": WALK}))
    with zipfile.ZipFile(buffer, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        archive.writestr(info, data)
    return buffer.getvalue()


def test_motions_and_texts_come_out_and_nothing_else(tmp_path: Path) -> None:
    files = {
        "set/a/walk.bvh": WALK,
        "set/b/Run.FBX": b"x",
        "set/LICENSE": "free",
        "set/readme.md": "hello",
        "set/READMEFIRST.txt": "hello",
        "set/index.txt": "1 walk",
        "set/notes.txt": "no",
        "set/setup.exe": b"MZ",
        "set/run.py": "import os",
        "set/film.gif": b"GIF",
        "set/.hidden/walk.bvh": WALK,
        "__MACOSX/set/a/._walk.bvh": b"x",
        "set/aux.bvh": WALK,
        "set/what?.bvh": WALK,
        f"set/{'n' * 210}.bvh": WALK,
    }
    kept = ["LICENSE", "READMEFIRST.txt", "a/walk.bvh", "b/Run.FBX", "index.txt", "readme.md"]
    assert run(zipped(files), tmp_path, also=("index.txt",)) == kept
    assert (tmp_path / "in" / "out" / "a" / "walk.bvh").read_bytes() == WALK


@pytest.mark.parametrize("name", ["../walk.bvh", "a/../../walk.bvh", "/etc/walk.bvh", "C:/walk.bvh", "..\\w.bvh", "a\nb.bvh"])
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    refused(zipped({"ok.bvh": WALK, name: WALK}), tmp_path, "unsafe name")
    refused(zipped({"ok.bvh": WALK, name.replace(".bvh", ".png"): WALK}), tmp_path, "unsafe name")


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o600, stat.S_IFCHR | 0o600, stat.S_IFSOCK | 0o600])
def test_links_and_devices(tmp_path: Path, mode: int) -> None:
    refused(with_info("trick.bvh", mode), tmp_path, "link or device")


def test_a_name_twice(tmp_path: Path) -> None:
    refused(with_info("Walk.bvh", stat.S_IFREG | 0o644), tmp_path, "twice")


def test_a_bomb_is_seen_before_it_goes_off(tmp_path: Path) -> None:
    bomb = zipped({"walk.bvh": bytes(60_000_000)})
    assert len(bomb) < 100_000
    refused(bomb, tmp_path, "far more than motions shrink by")


def test_a_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    bomb = bytearray(zipped({"walk.bvh": bytes(60_000_000)}))
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", bomb, bomb.index(signature) + place, 1000)
    refused(bytes(bomb), tmp_path, "damaged|larger")


def test_more_than_the_reader_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_BYTES", 10_000)
    refused(zipped({"walk.bvh": WALK}), tmp_path, "larger than it may be")


def test_more_files_than_a_library_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_FILES", 20)
    refused(zipped({f"{i}.bvh": b"x" for i in range(30)}), tmp_path, "lists 30 files")


def test_the_list_of_a_large_archive_is_counted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 65,535 files the count stands elsewhere (zip64)."""
    data = zipped({f"{i}.bvh": b"" for i in range(66_000)})
    with monkeypatch.context() as few:
        few.setattr(unpacking, "MAX_FILES", 65_990)
        refused(data, tmp_path, "lists 66000 files")
    lying = bytearray(data)
    struct.pack_into("<Q", lying, data.rindex(b"PK\x06\x06") + 40, 1 << 40)
    refused(bytes(lying), tmp_path, "lists 66000 files")


@pytest.mark.parametrize("cut", [10, 1000, -1, -30])
def test_a_part_of_a_zip(tmp_path: Path, cut: int) -> None:
    refused(zipped({"walk.bvh": WALK * 30, "readme.txt": "hello"})[:cut], tmp_path, "damaged")


def test_one_changed_byte_of_a_motion(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.bvh": b"x", "walk.bvh": WALK}))
    data[data.index(b"walk.bvh") + 20] ^= 0xFF
    refused(bytes(data), tmp_path, "damaged")


def test_no_zip_no_motion_no_password(tmp_path: Path) -> None:
    refused(b"<html>not found</html>", tmp_path, "damaged")
    refused(b"", tmp_path, "damaged")
    refused(zipped({"readme.txt": "hello"}), tmp_path, "no motion file")
    locked = bytearray(zipped({"walk.bvh": WALK}))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(signature) + place] |= 1
    refused(bytes(locked), tmp_path, "encrypted")


def test_cancelled_it_leaves_nothing(tmp_path: Path) -> None:
    assert run(zipped({"a.bvh": WALK, "b.bvh": WALK}), tmp_path, stop_at=100) == []
    assert len(run(zipped({"a.bvh": WALK, "b.bvh": WALK}), tmp_path)) == 2


def test_what_an_interrupted_run_has_left_is_in_no_way(tmp_path: Path) -> None:
    (tmp_path / "in" / "out.unpacking" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "out.unpacking" / "old.bvh").write_text("x")
    assert run(zipped({"a.bvh": WALK}), tmp_path) == ["a.bvh"]


def test_a_disk_too_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, download.RESERVE))
    refused(zipped({"a.bvh": WALK}), tmp_path, "Make room")
