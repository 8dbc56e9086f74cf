# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of float32 in a file, written only at the end and read by memory map.

How many rows count is not written here: the library's database says so, in the same transaction that refers to
them. Bytes beyond are the torn tail of a process that was killed, and the next writer cuts them off.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import LibraryProblem

Vectors = NDArray[np.float32]

ITEM = np.dtype("<f4")


def read(path: Path, rows: int, width: int) -> Vectors:
    """The first `rows` rows, (rows, width), mapped and read-only.

    Raises FileNotFoundError, and LibraryProblem where the file is shorter.
    """
    if rows == 0:
        return np.zeros((0, width), np.float32)
    if path.stat().st_size < rows * width * ITEM.itemsize:
        raise LibraryProblem(f"The library's file {path} is cut short. Index its folders again.")
    return np.memmap(path, ITEM, "r", shape=(rows, width))


class Appender:
    """Adds rows after the first `rows`; call `flush` before anything refers to them."""

    def __init__(self, path: Path, rows: int, width: int) -> None:
        """Open or create `path` and cut its torn tail. Raises as `read` does where committed rows are missing."""
        self.path = path
        self.rows = rows
        self.width = width
        read(path, rows, width)
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(rows * width * ITEM.itemsize)
        self._file.seek(0, os.SEEK_END)

    def add(self, vectors: Vectors) -> NDArray[np.int64]:
        """Append (n, width) and return the rows' numbers."""
        if vectors.shape[1] != self.width:
            raise ValueError(f"vectors of width {vectors.shape[1]}, the library's have {self.width}")
        self._file.write(np.ascontiguousarray(vectors, ITEM).tobytes())
        numbers = np.arange(self.rows, self.rows + len(vectors))
        self.rows += len(vectors)
        return numbers

    def flush(self) -> None:
        """Return once the rows are on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; rows added since the last flush are the torn tail."""
        self._file.close()
