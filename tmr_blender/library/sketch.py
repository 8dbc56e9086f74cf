# SPDX-License-Identifier: GPL-3.0-or-later
"""A small copy of many unit vectors that bounds their cosines with any other from above.

The vectors are turned so that they differ most along the first coordinates (principal axes, about the origin), and only
those are kept, with the length of what is left out. For v = head + rest and q = head' + rest', the cosine v.q is at most
head.head' + |rest| |rest'| (Cauchy and Schwarz), whatever the vectors: a sketch whose axes fit badly costs time, never
a result. With |rest| as one more coordinate, all bounds are one product of a matrix and a vector.

A library's sketch is kept in a file beside the vectors, so that a first search need not read them all. It is made of rows,
and rows never change before they are compacted: a sketch of an earlier state is a part of the present one. The file is
written after an index, or by the first search that may; where it is missing, damaged or of other vectors, the sketch is made
anew.
"""

import hashlib
import os
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .vectors import ITEM, Vectors, release

Floats = NDArray[np.float32]

COLUMNS = 24
"""Of the table: coordinates, and the length left out. Of a million windows of jittered CMU takes, eight queries had, beside the
vectors of the first 38 takes, 39 to 4,900 read; with 16 columns 58 to 15,700, with 32 columns 25 to 2,600."""
SKETCHED = 50_000
"""Vectors from which on a sketch pays."""
SAMPLE = 8192
"""Vectors from which the axes are found."""
BLOCK = 16_384
ROUNDING = 1e-5
"""More than the rounding of a cosine in float32."""

HEADER = struct.Struct("<8sIIQ16sI")
MAGIC = b"TMRSKT01"
WITNESSES = 256
"""Vectors by which a file is known to be of this library."""


@dataclass(frozen=True)
class Sketch:
    """axes: (d, k), orthonormal columns. table: (rows, k + 1), coordinates along them and the length of what is left out."""

    axes: Floats
    table: Floats

    @staticmethod
    def of(vectors: Vectors, before: "Sketch | None" = None) -> "Sketch":
        """Of the rows of `vectors` (rows, d). before: a sketch of the first of them, of which only the rest is added."""
        if before is None:
            sample = vectors[:: max(len(vectors) // SAMPLE, 1)].astype(np.float64)
            axes = np.linalg.eigh(sample.T @ sample)[1][:, ::-1][:, : COLUMNS - 1].astype(np.float32)
            before = Sketch(np.ascontiguousarray(axes), np.zeros((0, axes.shape[1] + 1), np.float32))
        axes, held = before.axes, len(before.table)
        table = np.empty((len(vectors), axes.shape[1] + 1), np.float32)
        table[:held] = before.table
        for start in range(held, len(vectors), BLOCK):
            block = np.asarray(vectors[start : start + BLOCK])
            part = table[start : start + BLOCK]
            part[:, :-1] = block @ axes
            part[:, -1] = _rest(np.einsum("ij,ij->i", block, block), np.einsum("ij,ij->i", part[:, :-1], part[:, :-1]))
            release(vectors)
        return Sketch(axes, table)

    def bounds(self, latent: Floats) -> Floats:
        """(rows,) what the cosine of every row with a vector (d,) is at most."""
        mine = latent @ self.axes
        rest = _rest((latent**2).sum(), (mine**2).sum())
        # In float32 throughout: one number of more digits, and the whole table would be converted for it.
        most = self.table @ np.append(mine, rest).astype(np.float32)
        most += np.float32(ROUNDING)
        return most


def _rest(whole: NDArray[np.float32], kept: NDArray[np.float32]) -> Floats:
    """Length of what is left out, from squared lengths; a little too long rather than too short."""
    return np.sqrt(np.maximum(whole - kept, 0.0) + np.float32(1e-6))


def kept(folder: Path, generation: int, vectors: Vectors) -> Sketch:
    """The sketch of a library's vectors of that generation: from its file where there is one, which is brought up to date."""
    path = folder / f"sketch-{generation}.bin"
    before = _read(path, vectors)
    if before is not None and len(before.table) == len(vectors):
        return before
    sketch = Sketch.of(vectors, before)
    with suppress(OSError):  # a library that may not be written, or a full disk: it is made anew the next time
        _write(path, sketch, vectors)
    return sketch


def _read(path: Path, vectors: Vectors) -> Sketch | None:
    """The sketch in a file; None where that is no whole sketch of the first of these vectors."""
    try:
        with path.open("rb") as file:
            magic, width, columns, rows, witness, check = HEADER.unpack(file.read(HEADER.size))
            size = HEADER.size + (width * (columns - 1) + rows * columns) * ITEM.itemsize
            fits = magic == MAGIC and width == vectors.shape[1] and columns == min(COLUMNS, width + 1) and rows <= len(vectors)
            if not fits or os.fstat(file.fileno()).st_size != size:
                return None
            axes = np.fromfile(file, ITEM, width * (columns - 1)).reshape(width, columns - 1)
            table = np.fromfile(file, ITEM, rows * columns).reshape(rows, columns)
    except (OSError, struct.error, ValueError):
        return None
    whole = check == _check(axes, table) and witness == _witness(vectors, rows)
    return Sketch(axes.astype(np.float32, copy=False), table.astype(np.float32, copy=False)) if whole else None


def _write(path: Path, sketch: Sketch, vectors: Vectors) -> None:
    """Put the sketch into its file, whole or not at all; those of earlier generations and of killed processes go."""
    draft = path.with_name(f"{path.stem}.{os.getpid()}.new")
    for stale in set(path.parent.glob("sketch-*")) - {path}:
        stale.unlink(missing_ok=True)
    rows, (width, columns) = len(sketch.table), sketch.axes.shape
    header = HEADER.pack(MAGIC, width, columns + 1, rows, _witness(vectors, rows), _check(sketch.axes, sketch.table))
    try:
        with draft.open("wb") as file:
            file.write(header)
            for array in (sketch.axes, sketch.table):
                np.ascontiguousarray(array, ITEM).tofile(file)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def _check(axes: Floats, table: Floats) -> int:
    return zlib.crc32(np.ascontiguousarray(table, ITEM).data, zlib.crc32(np.ascontiguousarray(axes, ITEM).data))


def _witness(vectors: Vectors, rows: int) -> bytes:
    """A hash of some of the first `rows` vectors, by which they are told from any others."""
    some = np.linspace(0, max(rows - 1, 0), min(rows, WITNESSES)).astype(np.int64)
    return hashlib.blake2b(np.ascontiguousarray(vectors[some], ITEM).tobytes(), digest_size=16).digest()
