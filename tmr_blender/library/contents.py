# SPDX-License-Identifier: GPL-3.0-or-later
"""What a motion file is told by: its size and time, and the hash of its content, with the file that lies beside some kinds."""

import hashlib
import stat
from pathlib import Path

from ..motion import readers


def parts(path: Path) -> list[Path]:
    """The file, and the one of the same name that holds its numbers, as a .gltf's does, where there is one."""
    beside = readers.BESIDE.get(path.suffix.lower())
    numbers = path.with_suffix(beside) if beside else path
    return [path, numbers] if numbers != path and numbers.is_file() else [path]


def status(path: Path) -> tuple[int, int] | None:
    """Bytes, and the time of the last change in nanoseconds; None for what is no file, such as a pipe. Raises OSError."""
    if not stat.S_ISREG(path.stat().st_mode):
        return None
    found = [part.stat() for part in parts(path)]
    return sum(one.st_size for one in found), max(one.st_mtime_ns for one in found)


def hash_of(path: Path) -> str:
    """The content in 32 letters. Raises OSError."""
    total = hashlib.blake2b(digest_size=16)
    for part in parts(path):
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
    return total.hexdigest()
