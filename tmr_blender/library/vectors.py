# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of float32, or of another type, in a file, written only at the end and read by memory map.

How many rows count is not written here: the library's database says so, in the same transaction that refers to
them. Bytes beyond are the torn tail of a process that was killed, and the next writer cuts them off.
"""

import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LibraryProblem

Vectors = NDArray[np.float32]

ITEM = np.dtype("<f4")
AROUND = 65_536
"""Bytes that the system maps around one that is read."""
MOST_TOUCHED = 128 * 2**20
"""Bytes that a `Reader` has mapped, at most, before it lets go of them; mapping them again takes time."""


def read(path: Path, rows: int, width: int) -> Vectors:
    """The first `rows` rows, (rows, width), mapped and read-only.

    Raises FileNotFoundError, and LibraryProblem where the file is shorter.
    """
    return read_items(path, rows * width, ITEM).reshape(rows, width)


def read_items(path: Path, count: int, item: np.dtype[Any]) -> NDArray[Any]:
    """The first `count` items of a type, (count,), as `read` does."""
    if count == 0:
        return np.zeros(0, item)
    if path.stat().st_size < count * item.itemsize:
        raise LibraryProblem(f"The library's file {path} is cut short. Index its folders again.")
    return np.memmap(path, item, "r", shape=(count,))


def release(rows: NDArray[Any]) -> None:
    """Let go of the pages of mapped rows that have been read, where the system can be told so. It keeps them cached itself."""
    held = getattr(rows, "_mmap", None)
    if held is not None and hasattr(mmap, "MADV_DONTNEED"):
        held.madvise(mmap.MADV_DONTNEED)


class Reader:
    """Reads rows of a mapped file here and there, so that a process that answers all day does not grow by all of them."""

    def __init__(self, rows: NDArray[Any]) -> None:
        self._rows = rows
        self._plain = np.asarray(rows)  # a memmap is slow to index
        self._touched = 0

    def take(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """A copy of the rows with these numbers."""
        taken = self._plain[numbers]
        runs = 1 + int(np.count_nonzero(np.diff(numbers) != 1))
        self._touched += taken.nbytes + runs * AROUND
        if self._touched > MOST_TOUCHED < self._rows.nbytes:
            release(self._rows)
            self._touched = 0
        return taken


class Appender:
    """Adds rows after the first `rows`; call `flush` before anything refers to them."""

    def __init__(self, path: Path, rows: int, width: int, item: np.dtype[Any] = ITEM) -> None:
        """Open or create `path` and cut its torn tail. Raises as `read` does where committed rows are missing.

        width: items of a row, of the type `item`.
        """
        self.path = path
        self.rows = rows
        self.width = width
        self.item = item
        read_items(path, rows * width, item)
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(rows * width * item.itemsize)
        self._file.seek(0, os.SEEK_END)

    def add(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """Append (n, width), or (n,) where the width is 1, and return the rows' numbers."""
        if rows.size != len(rows) * self.width:
            raise ValueError(f"rows of shape {rows.shape[1:]}, the library's have {self.width} items")
        self._file.write(np.ascontiguousarray(rows, self.item).tobytes())
        numbers = np.arange(self.rows, self.rows + len(rows))
        self.rows += len(rows)
        return numbers

    def held(self) -> NDArray[Any]:
        """(rows, width) all that has been flushed, mapped."""
        return read_items(self.path, self.rows * self.width, self.item).reshape(self.rows, self.width)

    def flush(self) -> None:
        """Return once the rows are on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; rows added since the last flush are the torn tail."""
        with suppress(OSError):  # a full disk, which `flush` has told about; the file is closed all the same
            self._file.close()
