# SPDX-License-Identifier: GPL-3.0-or-later
"""What a library's database holds, as columns: a snapshot of a million windows must be small and quick to read.

Rows are a stranger's until they are checked: the functions below raise ValueError and the like (`migrate.UNFIT`), or
LibraryProblem, for what can't be.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import LibraryProblem
from . import vectors
from .poses import Poses
from .schema import SPAN


@dataclass(frozen=True)
class Entry:
    """One take and character of a file.

    path: absolute, of the file. folder: its folder within the source, "" at the top. take: which of the file's clips.
    duration: seconds. convention: of the skeleton.
    """

    id: int
    path: Path
    folder: str
    take: int
    name: str
    fps: float
    duration: float
    convention: str
    tags: tuple[str, ...]


class Entries(Sequence[Entry]):
    """All entries in order of their id, each made when it is asked for."""

    def __init__(self, rows: list[tuple[Any, ...]], sources: Mapping[int, Path], tags: Mapping[str, tuple[str, ...]]) -> None:
        self._rows, self._sources, self._tags = rows, sources, tags

    def __len__(self) -> int:
        """How many."""
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> list[Entry]: ...
    def __getitem__(self, at: int | slice) -> Entry | list[Entry]:
        """The entry at an index, or a list of them."""
        if isinstance(at, slice):
            return [self._entry(row) for row in self._rows[at]]
        return self._entry(self._rows[at])

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        number, source, path, take, name, fps, duration, convention, tags = row[:9]
        where = self._sources[source] / path  # slashes lead on everywhere
        return Entry(number, where, folder_of(path), take, name, fps, duration, convention, self._tags[tags])

    def column(self, at: int) -> list[Any]:
        """Of every entry: 0 id, 1 source, 2 path within it, 3 take, 4 name, 5 fps, 6 duration, 7 convention, 8 tags."""
        return [row[at] for row in self._rows]


@dataclass(frozen=True)
class Text:
    """Something written about an entry.

    entry: index into `Library.entries`. start, end: seconds, None for the whole take.
    kind: "caption", "name", or one of `records`.
    row: of its sentence vector, or -1 where it was indexed without a text encoder.
    """

    entry: int
    text: str
    kind: str
    start: float | None
    end: float | None
    row: int


@dataclass(frozen=True)
class Windows:
    """Spans of takes that have a motion vector: columns of one length, in order of entry.

    start, end: seconds. row: of `Library.motion`.
    first: (entries + 1,) where each entry's windows begin. whole: (entries,) the window that spans the entry, or -1.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    row: NDArray[np.int64]
    first: NDArray[np.int64]
    whole: NDArray[np.int64]


@dataclass(frozen=True)
class Bodies:
    """The poses of all entries. rows: of `poses.POSE`, mapped from the disk. first, count: (entries,), 0 poses for none."""

    rows: Poses
    first: NDArray[np.int64]
    count: NDArray[np.int64]

    def of(self, number: int) -> Poses:
        """(n,) the poses of the entry at an index, still packed."""
        return self.rows[self.first[number] : self.first[number] + self.count[number]]

    @cached_property
    def reader(self) -> vectors.Reader:
        """Of single poses."""
        return vectors.Reader(self.rows)


def folder_of(path: str) -> str:
    """The folder of a path within a source, "" at the top."""
    return path.rpartition("/")[0]


def text(entry: int, text: str, kind: str, start: float | None, end: float | None, row: int) -> Text:
    """A row of the table `captions`, of the entry at an index."""
    if not (isinstance(text, str) and isinstance(kind, str) and isinstance(row, int)):
        raise ValueError("a caption that is no text")
    if not all(second is None or isinstance(second, int | float) for second in (start, end)):
        raise ValueError("a caption at no time")
    return Text(entry, text, kind, start, end, row)


def entries(folder: Path, rows: list[tuple[Any, ...]], sources: Mapping[int, Path]) -> Entries:
    """The entries of rows in the order of `Entries.column`; what follows the nine columns is passed over."""
    for row in rows:
        path = row[2]
        # Windows: a drive or a share in front would lead elsewhere, too.
        if path.startswith("/") or os.path.splitdrive(path)[0] or (".." in path and ".." in PurePosixPath(path).parts):
            raise LibraryProblem(f"The library {folder} is damaged: it names a file outside its folder ({path}).")
        if row[1] not in sources:
            raise ValueError("a file of no source folder")
        if not 0.0 < float(row[6]) < 1e9:
            raise ValueError(f"a take of {row[6]} seconds")
    tags = {text: tuple(json.loads(text)) for text in {row[8] for row in rows}}
    if not all(isinstance(word, str) for words in tags.values() for word in words):
        raise ValueError("tags that are no text")
    once: dict[str, str] = {}  # conventions and tags repeat: one object each
    kept = [(*row[:7], once.setdefault(row[7], row[7]), once.setdefault(row[8], row[8])) for row in rows]
    return Entries(kept, sources, tags)


def windows(rows: list[tuple[int, bytes]], durations: list[float]) -> Windows:
    """The windows of (first row, spans) of every entry."""
    if not all(type(row) is int and isinstance(spans, bytes) and len(spans) % (2 * SPAN.itemsize) == 0 for row, spans in rows):
        raise ValueError("windows that are no spans")
    table = np.frombuffer(b"".join(spans for _, spans in rows), SPAN).reshape(-1, 2).astype(np.float64)
    start, end = np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])
    count = np.array([len(spans) // (2 * SPAN.itemsize) for _, spans in rows], np.int64)
    first = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    entry = np.repeat(np.arange(len(rows)), count)
    if not (np.isfinite(table).all() and (start >= 0.0).all() and (end > start).all()):
        raise ValueError("a window without an extent")
    row = np.array([row for row, _ in rows], np.int64)[entry] + np.arange(len(table)) - first[entry]
    spanning = np.flatnonzero((start == 0.0) & (end >= np.array(durations, np.float64)[entry] - 1e-6))
    whole = np.full(len(rows), -1, np.int64)
    whole[entry[spanning]] = spanning
    return Windows(start, end, row, first, whole)


def bodies(rows: list[tuple[int, int]]) -> NDArray[np.int64]:
    """(entries, 2) first row and count of the poses of every entry."""
    if not all(type(first) is int and type(count) is int for first, count in rows):
        raise ValueError("poses that are no rows")
    return np.array(rows, np.int64).reshape(-1, 2)


def check_rows(folder: Path, rows: NDArray[np.int64], count: int) -> None:
    """Raise LibraryProblem where one of the rows is not among `count`."""
    if len(rows) and (rows.min() < 0 or rows.max() >= count):
        raise LibraryProblem(f"The library {folder} is damaged: it refers to vectors or poses that it does not hold.")
