# SPDX-License-Identifier: GPL-3.0-or-later
"""A library on disk, as search sees it: one snapshot, read at once and never written.

A library is a folder of its own. `library.sqlite` holds what people read (sources, files, entries, captions,
windows, pictures); `motion-N.f32` and `text-N.f32` beside it hold the vectors and `poses-N.bin` the poses, N counting the times
they were written anew.
`library.writer` does all the writing. A snapshot of a million windows must be small and quick to read, so it holds
columns; an `Entry` is made when it is asked for.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import LibraryProblem
from ..motion.quaternion import Array
from . import sketch, vectors
from .filters import MEASURES, Mask
from .migrate import UNFIT, unfit
from .poses import POSE, Poses, unpack
from .schema import DATABASE as DATABASE
from .schema import SPAN, Meta, connect, guarded, make, pose_file, read_meta, revision, source_path, vector_files
from .sketch import Sketch

SAMPLED = 64
"""Entries that stand for all of them where a median will do."""


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

    entry: index into `Library.entries`. kind: "caption" or "name". start, end: seconds, None for the whole take.
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


@dataclass(frozen=True)
class Library:
    """A snapshot; see `open`.

    motion: (rows, d) and text: (rows, 384), unit rows, mapped from the disk; some rows may belong to nothing any more.
    sources: the folders that were indexed. measures: facts that filters ask about, (entries,) each, not-a-number where
    an entry has none.
    """

    path: Path
    meta: Meta
    entries: Entries
    texts: list[Text]
    windows: Windows
    motion: vectors.Vectors
    text: vectors.Vectors
    bodies: Bodies
    sources: list[Path]
    measures: Mapping[str, NDArray[np.float64]]

    @cached_property
    def sketch(self) -> Sketch:
        """Bounds of the windows' cosines, by row of `motion`; a second of work for a million where none is kept."""
        return sketch.kept(self.path, self.meta.generation, self.motion)

    @cached_property
    def reader(self) -> vectors.Reader:
        """Of rows of `motion`."""
        return vectors.Reader(self.motion)

    @cached_property
    def sample(self) -> tuple[NDArray[np.int64], vectors.Vectors]:
        """(n,) some entries, evenly spaced, and the vectors of their windows one after another, in memory."""
        numbers = np.unique(np.linspace(0, len(self.entries) - 1, min(len(self.entries), SAMPLED)).astype(np.int64))
        first, row = self.windows.first, self.windows.row
        parts = [self.motion[row[first[i] : first[i + 1]]] for i in numbers]
        return numbers, np.concatenate([np.zeros((0, self.motion.shape[1]), np.float32), *parts])

    def by_window(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(windows,) of values by row of `motion`."""
        return values if self._in_order else values[self.windows.row]

    @cached_property
    def _in_order(self) -> bool:
        """Whether every row belongs to the window of its number, as after one run of the index."""
        row = self.windows.row
        return len(row) == len(self.motion) and bool((row == np.arange(len(row))).all())

    @cached_property
    def durations(self) -> NDArray[np.float64]:
        """(entries,) seconds."""
        return np.array(self.entries.column(6), np.float64)

    @cached_property
    def text_entries(self) -> NDArray[np.int64]:
        """(texts,) the entry of each text."""
        return np.array([text.entry for text in self.texts], np.int64)

    @cached_property
    def text_rows(self) -> NDArray[np.int64]:
        """(texts,) the row of `text` of each, or -1."""
        return np.array([text.row for text in self.texts], np.int64)

    @cached_property
    def captioned(self) -> Mask:
        """(entries,) whether somebody has written a caption."""
        found = np.zeros(len(self.entries), bool)
        found[[text.entry for text in self.texts if text.kind == "caption"]] = True
        return found

    @cached_property
    def file_names(self) -> tuple[str, NDArray[np.int64]]:
        """The name and the file's name of every entry, one a line and in lower case, and (entries,) where each begins."""
        pairs = zip(self.entries.column(4), self.entries.column(2), strict=True)
        lines = [f"{name} {path.rpartition('/')[2]}\n".casefold() for name, path in pairs]
        begins = np.cumsum([0, *(len(line) for line in lines)])[:-1]
        return "".join(lines), begins

    @cached_property
    def _words(self) -> dict[str, tuple[list[str], NDArray[np.int64], NDArray[np.int64]]]:
        """By column: its different words in lower case, and which of them, (n,), which entry has, (n,), in any number."""
        columns: dict[str, list[tuple[str, ...]]] = {
            "folder": [(folder_of(path),) for path in self.entries.column(2)],
            "convention": [(convention,) for convention in self.entries.column(7)],
            "tags": [self.entries._tags[tags] for tags in self.entries.column(8)],
        }
        out = {}
        for name, values in columns.items():
            codes: dict[str, int] = {}
            folded = {
                value: [codes.setdefault(word.casefold(), len(codes)) for word in value] for value in dict.fromkeys(values)
            }
            held = [folded[value] for value in values]
            entry = np.repeat(np.arange(len(held)), [len(one) for one in held])
            out[name] = list(codes), np.array([code for one in held for code in one], np.int64), entry
        return out

    def holding(self, column: str, wanted: Callable[[str], bool]) -> Mask:
        """(entries,) whether one of the words of the entry's "folder", "convention" or "tags" is `wanted`; in lower case."""
        words, codes, entry = self._words[column]
        kept = np.zeros(len(self.entries), bool)
        kept[entry[np.array([wanted(word) for word in words], bool)[codes]]] = True
        return kept

    def facts(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """All that `motion.facts` measured of the entries at these indices, as plain values, and their own "tags".

        Raises LibraryProblem where the library has been written since this snapshot was read.
        """
        with closing(connect(self.path)) as database, guarded(self.path):
            database.execute("BEGIN")
            same = read_meta(database, self.path).revision == self.meta.revision
            found = [database.execute(_FACTS, (self.entries[i].id,)).fetchone() for i in numbers] if same else []
        rows = [row for row in found if row is not None]
        if len(rows) < len(numbers):
            raise LibraryProblem(f"The library {self.path} has been changed by another program. Try again.")
        try:
            return [{**_object(plain), **_object(lists)} for plain, lists in rows]
        except UNFIT as error:
            raise unfit(self.path, error) from error

    def poses(self, number: int) -> Array:
        """(n, 22, 3) the body of the entry at an index, metres, Y up, at `motion.features.FPS`; n is 0 where none is stored."""
        return unpack(self.bodies.of(number))

    def thumbnails(self, numbers: Sequence[int]) -> list[bytes]:
        """The pictures of the entries at these indices as PNG files, b"" for one without."""
        query = "SELECT png FROM thumbnails WHERE entry = ?"
        with closing(connect(self.path)) as database, guarded(self.path):
            rows = [database.execute(query, (self.entries[i].id,)).fetchone() for i in numbers]
        return [row[0] if row is not None else b"" for row in rows]

    def texts_of(self, number: int) -> list[Text]:
        """What is written about the entry at index `number`, in the order it was given."""
        order, first = self.texts_by_entry
        return [self.texts[i] for i in order[first[number] : first[number + 1]]]

    @cached_property
    def texts_by_entry(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The texts' indices in order of entry, and (entries + 1,) where each entry's begin in it."""
        order = np.argsort(self.text_entries, kind="stable")
        return order, np.searchsorted(self.text_entries[order], np.arange(len(self.entries) + 1))

    @staticmethod
    def open(path: Path | str, create: bool = False) -> "Library":
        """Read the library in the folder `path`; with `create`, make an empty one where there is none.

        Raises LibraryProblem where it is missing, foreign, damaged or of a newer version.
        """
        folder = Path(path).absolute()
        if create and not (folder / DATABASE).exists():
            make(folder)
        for _ in range(3):
            try:
                return _load(folder)
            except FileNotFoundError:
                continue  # a writer has compacted the vectors since the database was read
        raise LibraryProblem(f"The library {folder} lacks its vector files. Delete it and index its folders again.")

    def changed(self) -> bool:
        """Whether a writer has committed since this snapshot was read."""
        return revision(self.path) != self.meta.revision

    def errors(self) -> list[tuple[str, str]]:
        """The files that could not be read: (path within the source, sentence)."""
        with closing(connect(self.path)) as database, guarded(self.path):
            return database.execute("SELECT path, error FROM files WHERE error IS NOT NULL ORDER BY source, path").fetchall()


def folder_of(path: str) -> str:
    """The folder of a path within a source, "" at the top."""
    return path.rpartition("/")[0]


def _load(folder: Path) -> Library:
    with closing(connect(folder)) as database, guarded(folder):
        database.execute("BEGIN")
        meta = read_meta(database, folder)
        try:
            sources = {
                row[0]: source_path(folder, row[1]) for row in database.execute("SELECT id, path FROM sources ORDER BY id")
            }
            rows = database.execute(_ENTRIES).fetchall()
            entries = _entries(folder, rows, sources)
            index = {row[0]: i for i, row in enumerate(rows)}
            texts = [_text(index[row[0]], *row[1:]) for row in database.execute(_TEXTS)]
            windows = _windows(database.execute("SELECT row, spans FROM entries ORDER BY id").fetchall(), entries.column(6))
            bodies = _bodies(database.execute(_BODIES).fetchall())
            # NULL, where an entry has no such fact, is None and becomes a not-a-number.
            table = np.array([row[9:] for row in rows], np.float64).reshape(-1, len(MEASURES))
        except UNFIT as error:
            raise unfit(folder, error) from error
        database.execute("COMMIT")
    motion_file, text_file = vector_files(folder, meta)
    motion = vectors.read(motion_file, meta.motion_rows, meta.motion_width)
    text = vectors.read(text_file, meta.text_rows, meta.text_width)
    poses = vectors.read_items(pose_file(folder, meta), meta.pose_rows, POSE)
    _check_rows(folder, bodies[bodies[:, 1] != 0].ravel(), len(poses) + 1)
    _check_rows(folder, bodies.sum(axis=1)[bodies[:, 1] != 0], len(poses) + 1)
    _check_rows(folder, windows.row, len(motion))
    _check_rows(folder, np.array([item.row for item in texts if item.row >= 0], np.int64), len(text))
    measures = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(MEASURES)}
    held = Bodies(poses, bodies[:, 0], bodies[:, 1])
    return Library(folder, meta, entries, texts, windows, motion, text, held, list(sources.values()), measures)


_MEASURED = ", ".join(f"json_extract(facts, '$.{name}')" for name in MEASURES)
_ENTRIES = f"""SELECT entries.id, files.source, files.path, take, name, fps, duration, convention, tags, {_MEASURED}
FROM entries JOIN files ON files.id = entries.file ORDER BY entries.id"""
_TEXTS = "SELECT entry, text, kind, start, end, ifnull(row, -1) FROM captions ORDER BY id"
_BODIES = "SELECT pose, poses FROM entries ORDER BY id"
_FACTS = "SELECT entries.facts, details.facts FROM entries JOIN details ON entry = id WHERE id = ?"


def _object(text: str) -> dict[str, Any]:
    """An object of JSON. Raises ValueError and TypeError, also for not-a-numbers, which SQLite's JSON does not have."""
    found = json.loads(text, parse_constant=_no_number)
    if not isinstance(found, dict):
        raise ValueError("facts that are no object")
    return found


def _no_number(word: str) -> float:
    raise ValueError(f"a fact that is {word}")


def _text(entry: int, text: str, kind: str, start: float | None, end: float | None, row: int) -> Text:
    if not (isinstance(text, str) and isinstance(kind, str) and isinstance(row, int)):
        raise ValueError("a caption that is no text")
    if not all(second is None or isinstance(second, int | float) for second in (start, end)):
        raise ValueError("a caption at no time")
    return Text(entry, text, kind, start, end, row)


def _entries(folder: Path, rows: list[tuple[Any, ...]], sources: Mapping[int, Path]) -> Entries:
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


def _windows(rows: list[tuple[int, bytes]], durations: list[float]) -> Windows:
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


def _bodies(rows: list[tuple[int, int]]) -> NDArray[np.int64]:
    """(entries, 2) first row and count of the poses of every entry."""
    if not all(type(first) is int and type(count) is int for first, count in rows):
        raise ValueError("poses that are no rows")
    return np.array(rows, np.int64).reshape(-1, 2)


def _check_rows(folder: Path, rows: NDArray[np.int64], count: int) -> None:
    if len(rows) and (rows.min() < 0 or rows.max() >= count):
        raise LibraryProblem(f"The library {folder} is damaged: it refers to vectors or poses that it does not hold.")
