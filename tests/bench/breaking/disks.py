# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are full, and places that can't be written: real small file systems where one may be mounted."""

import ctypes
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.breaking.studio import BrokenError, Count, Studio, compare, contents

LEFT = (0, 1, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Kilobytes that are left on the disk."""


@contextmanager
def mounted(place: Path, kilobytes: int) -> Iterator[bool]:
    """A file system of its own in that folder, where this process may mount one."""
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    can = shutil.which("mount") is not None and subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield can
    finally:
        if can:
            subprocess.run(["umount", "-l", str(place)], check=False)


def full_disk(studio: Studio, levels: tuple[int, ...] = LEFT) -> Count:
    """A disk with that much left, while a library grows by half."""
    count = Count("disk full")
    disk = studio.place / "disk"
    with mounted(disk, 65_536) as can:
        if not can:
            count.note = "no file system can be mounted here"
            return count
        for left in levels:
            count.runs += 1
            folder, library = _prepared(studio, "full", disk)
            free = os.statvfs(disk)
            filler = disk / "filler"
            filler.write_bytes(bytes(max(free.f_bavail * free.f_frsize - (left << 10), 0)))
            _squeezed(studio, count, folder, library, None, filler)
    return count


def small_files(studio: Studio, levels: tuple[int, ...] = LEFT) -> Count:
    """No file may grow beyond so many kilobytes more than the largest has: SQLite or the vectors, whichever is first."""
    count = Count("file size limit")
    for left in levels:
        count.runs += 1
        folder, library = _prepared(studio, "small", studio.place / "small-place")
        largest = max(path.stat().st_size for path in library.iterdir()) + (left << 10)

        def limits(largest: int = largest) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

        _squeezed(studio, count, folder, library, limits, None)
    return count


def _prepared(studio: Studio, name: str, place: Path) -> tuple[Path, Path]:
    """A folder, and a library of half of it."""
    folder, library = studio.place / name, place / "library"
    for path in (folder, library):
        shutil.rmtree(path, ignore_errors=True)
    if (place / "filler").exists():
        (place / "filler").unlink()
    studio.folder(folder, len(studio.pool) // 2)
    done = studio.index(folder, library)
    if done.code != 0:
        raise BrokenError(f"half a library could not be made: {done.err[-300:]}")
    studio.folder(folder)
    return folder, library


def _squeezed(
    studio: Studio, count: Count, folder: Path, library: Path, limits: Callable[[], None] | None, filler: Path | None
) -> None:
    """Index where there is no room, look at the library there and then, make room, index again."""
    before = contents(library)
    done = studio.index(folder, library, limits)
    count.ended(done.how)
    if done.code != 0:
        count.attempt("the sentence", done.sentence)

    def kept() -> None:
        now = studio.whole(library)
        compare({key: now[key] for key in before if key in now}, before, "the library before and after")

    count.attempt("with the disk still full", kept)
    if filler is not None:
        filler.unlink()
    count.attempt("with room again", kept)
    count.attempt("the next run", lambda: studio.same_as_in_one_go(library, folder))


def read_only(studio: Studio) -> Count:
    """A library on a disk that is mounted read-only, and one whose files may only be read."""
    count = Count("read-only library")
    disk = studio.place / "read-only"
    with mounted(disk, 65_536) as can:
        if can:
            folder, library = _prepared(studio, "read-only-folder", disk)
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            _unwritable(studio, count, folder, library, None)
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
            count.attempt("writable again", lambda: studio.same_as_in_one_go(library, folder))
    folder, library = _prepared(studio, "owned-folder", studio.place / "owned")
    for path in (library, *library.iterdir()):
        path.chmod(0o555 if path.is_dir() else 0o444)
    _unwritable(studio, count, folder, library, without_privileges if os.geteuid() == 0 else None)
    for path in (library, *library.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    count.attempt("writable again", lambda: studio.same_as_in_one_go(library, folder))
    return count


def without_privileges() -> None:
    """For a child: what root may do to files of any mode is given up with the next program that is run."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2, 3):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
        if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
            raise OSError(ctypes.get_errno(), "the privileges of root can't be given up")


def _unwritable(studio: Studio, count: Count, folder: Path, library: Path, limits: Callable[[], None] | None) -> None:
    before = contents(library)
    for arguments in (("search", "walks", "--library"), ("info", "--library"), ("check", "--library")):
        count.runs += 1
        done = studio.run(*arguments, library, limits=limits)
        count.ended(f"{arguments[0]}: {done.how}")
        count.expect(f"{arguments[0]} can't read: {done.err[-300:]}", done.code == 0)
    for place in (library, library.parent / "new" if limits is None else library / "new"):
        count.runs += 1
        done = studio.index(folder, place, limits)
        count.ended(f"index: {done.how}")
        count.attempt("index", done.sentence)
    count.attempt("what it holds", lambda: compare(contents(library), before, "the library before and after"))
