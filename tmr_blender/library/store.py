# SPDX-License-Identifier: GPL-3.0-or-later
"""A library on disk, as search sees it: one snapshot, read at once and never written.

A library is a folder of its own. `library.sqlite` holds what people read (sources, files, entries, captions,
windows, pictures); `motion-N.f32` and `text-N.f32` beside it hold the vectors and `poses-N.bin` the poses, N counting the times
they were written anew.
`library.writer` does all the writing.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LibraryProblem
from ..motion.quaternion import Array
from . import columns, sketch, vectors
from .columns import Bodies, Entries, Text, Windows, folder_of
from .columns import Entry as Entry
from .filters import MEASURES, Mask
from .migrate import UNFIT, unfit
from .poses import POSE, unpack
from .records import TAG, TAGGED
from .schema import DATABASE as DATABASE
from .schema import Meta, connect, guarded, make, pose_file, read_meta, revision, source_path, vector_files
from .sketch import Sketch

SAMPLED = 64
"""Entries that stand for all of them where a median will do."""


@dataclass(frozen=True)
class Library:
    """A snapshot; see `open`.

    motion: (rows, d) and text: (rows, 384), unit rows, mapped from the disk; some rows may belong to nothing any more.
    sources: the folders that were indexed. measures: what filters ask about, (entries,) each, not-a-number where an
    entry has none.
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
    def file_names(self) -> tuple[str, NDArray[np.int64]]:
        """The name and the file's name of every entry, one a line and in lower case, and (entries,) where each begins."""
        pairs = zip(self.entries.column(4), self.entries.column(2), strict=True)
        lines = [f"{name} {path.rpartition('/')[2]}\n".casefold() for name, path in pairs]
        begins = np.cumsum([0, *(len(line) for line in lines)])[:-1]
        return "".join(lines), begins

    @cached_property
    def _words(self) -> dict[str, tuple[list[str], NDArray[np.int64], NDArray[np.int64]]]:
        """By column: its different words in lower case, and which of them, (n,), which entry has, (n,), in any number."""
        given: dict[str, list[tuple[str, ...]]] = {
            "folder": [(folder_of(path),) for path in self.entries.column(2)],
            "convention": [(convention,) for convention in self.entries.column(7)],
            "tags": self._tags(),
        }
        out = {}
        for name, values in given.items():
            codes: dict[str, int] = {}
            folded = {
                value: [codes.setdefault(word.casefold(), len(codes)) for word in value] for value in dict.fromkeys(values)
            }
            held = [folded[value] for value in values]
            entry = np.repeat(np.arange(len(held)), [len(one) for one in held])
            out[name] = list(codes), np.array([code for one in held for code in one], np.int64), entry
        return out

    def _tags(self) -> list[tuple[str, ...]]:
        """Of every entry, the words of `tagging` among them."""
        found = [self.entries._tags[tags] for tags in self.entries.column(8)]
        for text in self.texts:
            if text.kind == TAG:
                found[text.entry] = (*found[text.entry], text.text)
        return found

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


def _load(folder: Path) -> Library:
    with closing(connect(folder)) as database, guarded(folder):
        database.execute("BEGIN")
        meta = read_meta(database, folder)
        try:
            sources = {
                row[0]: source_path(folder, row[1]) for row in database.execute("SELECT id, path FROM sources ORDER BY id")
            }
            rows = database.execute(_ENTRIES).fetchall()
            entries = columns.entries(folder, rows, sources)
            index = {row[0]: i for i, row in enumerate(rows)}
            texts = [columns.text(index[row[0]], *row[1:]) for row in database.execute(_TEXTS)]
            windows = columns.windows(database.execute(_SPANS).fetchall(), entries.column(6))
            bodies = columns.bodies(database.execute(_BODIES).fetchall())
            # NULL, where an entry has no such fact, is None and becomes a not-a-number.
            table = np.array([row[9:] for row in rows], np.float64).reshape(-1, len(MEASURES))
        except UNFIT as error:
            raise unfit(folder, error) from error
        database.execute("COMMIT")
    motion_file, text_file = vector_files(folder, meta)
    motion = vectors.read(motion_file, meta.motion_rows, meta.motion_width)
    text = vectors.read(text_file, meta.text_rows, meta.text_width)
    poses = vectors.read_items(pose_file(folder, meta), meta.pose_rows, POSE)
    columns.check_rows(folder, bodies[bodies[:, 1] != 0].ravel(), len(poses) + 1)
    columns.check_rows(folder, bodies.sum(axis=1)[bodies[:, 1] != 0], len(poses) + 1)
    columns.check_rows(folder, windows.row, len(motion))
    columns.check_rows(folder, np.array([item.row for item in texts if item.row >= 0], np.int64), len(text))
    measures = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(MEASURES)}
    measures["captioned"] = np.zeros(len(entries))
    measures["captioned"][[item.entry for item in texts if item.kind == "caption"]] = 1.0
    measures["tagged"] = np.zeros(len(entries))
    measures["tagged"][[item.entry for item in texts if item.kind in (TAGGED, TAG)]] = 1.0
    held = Bodies(poses, bodies[:, 0], bodies[:, 1])
    return Library(folder, meta, entries, texts, windows, motion, text, held, list(sources.values()), measures)


_MEASURED = ", ".join(f"json_extract(facts, '$.{name}')" for name in MEASURES)
_ENTRIES = f"""SELECT entries.id, files.source, files.path, take, name, fps, duration, convention, tags, {_MEASURED}
FROM entries JOIN files ON files.id = entries.file ORDER BY entries.id"""
_TEXTS = "SELECT entry, text, kind, start, end, ifnull(row, -1) FROM captions ORDER BY id"
_SPANS = "SELECT row, spans FROM entries ORDER BY id"
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
