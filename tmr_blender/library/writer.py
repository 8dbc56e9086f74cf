# SPDX-License-Identifier: GPL-3.0-or-later
"""The one process that writes a library.

Order makes it safe against being killed: vectors and poses reach the disk first, then one transaction adds what refers to
them and moves the count of valid rows. Whatever lies beyond that count was never promised.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from ..errors import LibraryProblem
from . import sketch
from .migrate import split
from .poses import POSE
from .records import READING, TAG, TAGGED, Caption, FileState, Labels, Take
from .schema import HOW_TO_REENCODE, SPAN, connect, guarded, lock, pose_file, read_meta, source_path, vector_files
from .sketch import SKETCHED
from .store import Library
from .vectors import Appender, read

COMPACT_SHARE = 0.5
"""Vectors, and poses, are rewritten when more than this share of their rows belongs to nothing any more."""

_MACHINE = f"kind IN ('{TAGGED}', '{TAG}')"
"""SQL: a text that no person has written."""

MOTION_DRAFT, TEXT_DRAFT, DRAFT_STATE = "motion.draft", "text.draft", "reencode.json"
"""What `reencode` keeps of a run that was stopped."""


@dataclass(frozen=True)
class _Put:
    """A file that was read, to take the place of what is stored of it."""

    source: int
    state: FileState
    takes: Sequence[Take]


@dataclass(frozen=True)
class _Relabel:
    """A stored file, (source, path), that now has another place or other captions and the same content."""

    before: tuple[int, str]
    source: int
    state: FileState
    labels: Sequence[Labels]


class Writer:
    """Use as a context manager. Raises LibraryProblem on entering where another process is writing.

    `model` is the id of the encoder whose vectors will be added; an indexed library accepts no other. None: none will be.
    """

    keeps_drafts = False
    """Whether the drafts of a re-encoding are of use to this writer; others clear them away, as they change the library."""

    def __init__(self, library: Library | Path, model: str | None) -> None:
        self.folder = library.path if isinstance(library, Library) else library
        self.model = model or ""
        self._pending: list[_Put | _Relabel] = []

    def __enter__(self) -> Self:
        """Take the lock, then open the database and the vectors."""
        self._lock = lock(self.folder)
        try:
            self._database = connect(self.folder, writing=True)
            try:
                self._open_vectors()
            except BaseException:
                self._database.close()
                raise
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Uncommitted files are forgotten; call `commit` first. Of many vectors, the sketch that searches need is kept."""
        self._close_vectors()
        self._database.close()
        try:
            if kind is None and self._meta.motion_rows > SKETCHED:
                rows = read(self._motion.path, self._meta.motion_rows, self._meta.motion_width)
                sketch.kept(self.folder, self._meta.generation, rows)
        finally:
            self._lock.close()

    def _open_vectors(self) -> None:
        self._meta = read_meta(self._database, self.folder)
        self.model = self.model or self._meta.model
        if self._meta.model not in ("", self.model):
            raise LibraryProblem(
                f"The library {self.folder} was indexed with the model {self._meta.model}, not {self.model}: "
                f"their vectors can't be compared. {HOW_TO_REENCODE}"
            )
        motion, text = vector_files(self.folder, self._meta)
        poses = pose_file(self.folder, self._meta)
        try:
            self._motion = Appender(motion, self._meta.motion_rows, self._meta.motion_width)
            self._text = Appender(text, self._meta.text_rows, self._meta.text_width)
            self._poses = Appender(poses, self._meta.pose_rows, 1, POSE)
        except FileNotFoundError as error:
            raise LibraryProblem(f"The library {self.folder} lacks its vector files. Delete it and index again.") from error
        except OSError as error:
            raise write_problem(self.folder, error) from error
        texts = self._database.execute("SELECT DISTINCT text, row FROM captions WHERE row IS NOT NULL")
        self._text_rows: dict[str, int] = dict(texts.fetchall())
        stale = {*self.folder.glob("*.f32"), *self.folder.glob("poses-*.bin")} - {motion, text, poses}
        if not self.keeps_drafts:
            stale |= {self.folder / name for name in (MOTION_DRAFT, TEXT_DRAFT, DRAFT_STATE)}
        for file in stale:
            with suppress(OSError):  # still mapped by a search on Windows: the next writer removes it
                file.unlink(missing_ok=True)

    def _close_vectors(self) -> None:
        for appender in (self._motion, self._text, self._poses):
            appender.close()

    def source(self, folder: Path) -> int:
        """The id of a source folder, added if new.

        A folder beside or inside the library is stored relative to it, so that both can be moved together.
        """
        folder = folder.resolve()
        library = self.folder.resolve()
        for number, place in self.sources().items():
            if place == folder:
                return number
        with guarded(self.folder):
            near = folder.is_relative_to(library.parent)
            stored = Path(os.path.relpath(folder, library)).as_posix() if near else str(folder)
            row = self._database.execute("INSERT INTO sources (path) VALUES (?) RETURNING id", (stored,)).fetchone()
        return row[0]

    def sources(self) -> dict[int, Path]:
        """Where the source folders lie now, by id."""
        with guarded(self.folder):
            rows = self._database.execute("SELECT id, path FROM sources ORDER BY id").fetchall()
        library = self.folder.resolve()
        return {number: source_path(library, stored) for number, stored in rows}

    def files(self, source: int) -> dict[str, FileState]:
        """What is stored about the source's files, by path."""
        with guarded(self.folder):
            rows = self._database.execute(
                "SELECT path, size, mtime, hash, notes, error, reading FROM files WHERE source = ?", (source,)
            ).fetchall()
        return {row[0]: FileState(*row) for row in rows}

    def touch(self, source: int, state: FileState) -> None:
        """Note that a file's times have changed but not its content."""
        with guarded(self.folder):
            self._database.execute(
                "UPDATE files SET size = ?, mtime = ? WHERE source = ? AND path = ?",
                (state.size, state.mtime, source, state.path),
            )

    def holders(self, digest: str) -> list[tuple[int, Path, str]]:
        """The files that were read with this content, as one reads today: source, the source's folder, path within it."""
        with guarded(self.folder):
            query = "SELECT source, path FROM files WHERE hash = ? AND error IS NULL AND reading = ? ORDER BY id"
            rows = self._database.execute(query, (digest, READING)).fetchall()
        places = self.sources() if rows else {}
        return [(source, places[source], path) for source, path in rows]

    def takes(self, source: int, path: str) -> list[tuple[int, str, list[str]]]:
        """Number, name and own tags (those that its motion gave it) of a stored file's takes."""
        query = """SELECT take, entries.name, details.facts FROM entries JOIN details ON entry = entries.id
            JOIN files ON files.id = entries.file WHERE source = ? AND files.path = ? ORDER BY take"""
        with guarded(self.folder):
            rows = self._database.execute(query, (source, path)).fetchall()
        return [(take, name, json.loads(facts).get("tags", [])) for take, name, facts in rows]

    def put(self, source: int, state: FileState, takes: Sequence[Take]) -> None:
        """Replace all that is stored of a file, at the next `commit`."""
        self._pending.append(_Put(source, state, list(takes)))

    def relabel(self, before: tuple[int, str], source: int, state: FileState, labels: Sequence[Labels]) -> None:
        """Give the stored file `before`, (source, path), another place or other captions, at the next `commit`.

        Its entries keep their numbers and vectors; `labels` are of all its takes.
        """
        self._pending.append(_Relabel(before, source, state, list(labels)))

    def drop(self, source: int, paths: Iterable[str]) -> None:
        """Forget files that have vanished."""
        self._delete("DELETE FROM files WHERE source = ? AND path = ?", [(source, path) for path in paths])

    def drop_source(self, source: int) -> None:
        """Forget a source folder and all its files."""
        self._delete("DELETE FROM sources WHERE id = ?", [(source,)])

    def drop_entries(self, numbers: Iterable[int]) -> None:
        """Forget entries; while their files do not change, they stay forgotten."""
        self._delete("DELETE FROM entries WHERE id = ?", [(number,) for number in numbers])

    def _delete(self, statement: str, rows: Sequence[tuple[int | str, ...]]) -> None:
        if rows:
            with guarded(self.folder):
                self._begin()
                self._database.executemany(statement, rows)
                self._end()

    def commit(self) -> None:
        """Make everything put so far part of the library."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        try:
            rows = [self._append(item) for item in pending]
            for appender in (self._motion, self._text, self._poses):
                appender.flush()
        except OSError as error:
            raise write_problem(self.folder, error) from error
        with guarded(self.folder):
            self._begin()
            try:
                for item, begins in zip(pending, rows, strict=True):
                    self._insert(item, begins) if isinstance(item, _Put) else self._move(item)
                self._end()
            except sqlite3.Error:
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise

    def _append(self, item: _Put | _Relabel) -> list[tuple[int, int]]:
        """Append the vectors and poses of all takes; the rows at which the windows and the poses of each begin."""
        begins: list[tuple[int, int]] = []
        if isinstance(item, _Put):
            for take in item.takes:
                begins.append((self._motion.rows, self._poses.rows))
                self._poses.add(take.poses)
                if take.windows:
                    block = np.stack([window.vector for window in take.windows])
                    self._motion.width = self._motion.width or block.shape[1]
                    self._motion.add(block)
        for take in item.takes if isinstance(item, _Put) else item.labels:
            for caption in take.captions:
                # The same words have the same vector, however many takes they are written about.
                if caption.vector is not None and caption.text not in self._text_rows:
                    self._text.width = self._text.width or len(caption.vector)
                    self._text_rows[caption.text] = int(self._text.add(caption.vector[None])[0])
        return begins

    def _begin(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def _end(self) -> None:
        """Write the new extent of the vectors and commit."""
        self._meta = replace(
            self._meta,
            model=self.model,
            revision=self._meta.revision + 1,
            motion_rows=self._motion.rows,
            motion_width=self._motion.width,
            text_rows=self._text.rows,
            text_width=self._text.width,
            pose_rows=self._poses.rows,
        )
        self._write_meta()
        self._database.execute("COMMIT")

    def _write_meta(self) -> None:
        self._database.executemany("UPDATE meta SET value = ? WHERE key = ?", [(v, k) for k, v in vars(self._meta).items()])

    def _insert(self, item: _Put, begins: Sequence[tuple[int, int]]) -> None:
        run, state = self._database.execute, item.state
        run("DELETE FROM files WHERE source = ? AND path = ?", (item.source, state.path))
        file = run(
            "INSERT INTO files (source, path, size, mtime, hash, notes, error, reading) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "RETURNING id",
            (item.source, state.path, state.size, state.mtime, state.hash, state.notes, state.error, state.reading),
        ).fetchone()[0]
        for take, (row, pose) in zip(item.takes, begins, strict=True):
            plain, lists = split(take.facts)
            spans = np.array([(window.start, window.end) for window in take.windows], SPAN).tobytes()
            own = (take.take, take.name, take.fps, take.duration, take.convention)
            entry = run(
                "INSERT INTO entries (file, take, name, fps, duration, convention, facts, tags, row, spans, pose, poses) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (file, *own, plain, _list(take.tags), row, spans, pose, len(take.poses)),
            ).fetchone()[0]
            run("INSERT INTO details (entry, facts) VALUES (?, ?)", (entry, lists))
            if take.thumbnail:
                run("INSERT INTO thumbnails (entry, png) VALUES (?, ?)", (entry, take.thumbnail))
            self._caption(entry, take.captions)

    def _caption(self, entry: int, captions: Sequence[Caption]) -> None:
        rows = [None if caption.vector is None else self._text_rows[caption.text] for caption in captions]
        self._database.executemany(
            "INSERT INTO captions (entry, text, kind, start, end, row) VALUES (?, ?, ?, ?, ?, ?)",
            [(entry, c.text, c.kind, c.start, c.end, row) for c, row in zip(captions, rows, strict=True)],
        )

    def _move(self, item: _Relabel) -> None:
        run, state = self._database.execute, item.state
        here = (item.source, state.path)
        if item.before != here:
            run("DELETE FROM files WHERE source = ? AND path = ?", here)
        file = run(
            "UPDATE files SET source = ?, path = ?, size = ?, mtime = ?, notes = ? WHERE source = ? AND path = ? RETURNING id",
            (*here, state.size, state.mtime, state.notes, *item.before),
        ).fetchone()[0]
        entries = dict(run("SELECT take, id FROM entries WHERE file = ?", (file,)).fetchall())
        for labels in item.labels:
            entry = entries[labels.take]
            run("UPDATE entries SET name = ?, tags = ? WHERE id = ?", (labels.name, _list(labels.tags), entry))
            # What a machine has said of the motion holds for it under any name, until a person says something.
            spared = "" if any(caption.kind == "caption" for caption in labels.captions) else f" AND NOT {_MACHINE}"
            run(f"DELETE FROM captions WHERE entry = ?{spared}", (entry,))
            self._caption(entry, labels.captions)

    @property
    def revision(self) -> int:
        """How often the library has been written."""
        return self._meta.revision

    def tag(self, said: Mapping[int, Sequence[Caption]] | None) -> int:
        """Say this of entries, by number, in place of what was said by `tagging` before; None takes that of all entries back.

        Returns how many entries have any words now, or had any.
        """
        with guarded(self.folder):
            had = self._database.execute(f"SELECT count(DISTINCT entry) FROM captions WHERE {_MACHINE}").fetchone()[0]
            self._begin()
            try:
                if said is None:
                    self._database.execute(f"DELETE FROM captions WHERE {_MACHINE}")
                for entry, captions in (said or {}).items():
                    self._database.execute(f"DELETE FROM captions WHERE entry = ? AND {_MACHINE}", (entry,))
                    self._caption(entry, captions)
                self._end()
            except BaseException:
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise
        return had if said is None else sum(bool(captions) for captions in said.values())

    def compact(self) -> bool:
        """Write vectors or poses anew without the rows that belong to nothing, if they are many. Returns whether it did."""
        with guarded(self.folder):
            motion, text, poses = self._live_motion(), self._live_text(), self._live("pose", "poses", self._poses.rows)
        vectors = _mostly_dead(len(motion) + len(text), self._motion.rows + self._text.rows)
        bodies = _mostly_dead(len(poses), self._poses.rows)
        if not vectors and not bodies:
            return False
        meta = replace(self._meta, model=self.model, revision=self._meta.revision + 1)
        if vectors:
            meta = replace(meta, generation=meta.generation + 1, motion_rows=len(motion), text_rows=len(text))
        if bodies:
            meta = replace(meta, pose_generation=meta.pose_generation + 1, pose_rows=len(poses))
        try:
            if vectors:
                new_motion, new_text = vector_files(self.folder, meta)
                _copy(self._motion, motion, new_motion)
                _copy(self._text, text, new_text)
            if bodies:
                _copy(self._poses, poses, pose_file(self.folder, meta))
        except OSError as error:
            raise write_problem(self.folder, error) from error
        with guarded(self.folder):
            self._begin()
            if vectors:
                self._renumber("entries", "row", motion)
                self._renumber("captions", "row", text)
            if bodies:
                self._renumber("entries", "pose", poses)
            self._meta = meta
            self._write_meta()
            self._database.execute("COMMIT")
        self._close_vectors()
        self._open_vectors()
        return True

    def _live_motion(self) -> np.ndarray:
        return self._live("row", f"length(spans) / {2 * SPAN.itemsize}", self._motion.rows)

    def _live(self, first: str, count: str, held: int) -> np.ndarray:
        """The rows that belong to an entry, rising, of those that are `held`."""
        rows = self._database.execute(f"SELECT {first}, {count} FROM entries WHERE {count} ORDER BY {first}").fetchall()
        if not all(type(row) is int and type(size) is int and 0 <= row <= row + size <= held for row, size in rows):
            raise LibraryProblem(f"The library {self.folder} is damaged: it refers to vectors or poses that it does not hold.")
        return np.concatenate([np.zeros(0, np.int64), *(np.arange(row, row + size) for row, size in rows)])

    def _live_text(self) -> np.ndarray:
        found = self._database.execute("SELECT DISTINCT row FROM captions WHERE row IS NOT NULL ORDER BY row").fetchall()
        if not all(type(row) is int and 0 <= row < self._text.rows for (row,) in found):
            raise LibraryProblem(f"The library {self.folder} is damaged: it refers to vectors that it does not hold.")
        return np.array([row for (row,) in found], np.int64)

    def _renumber(self, table: str, column: str, live: np.ndarray) -> None:
        """Give the rows that are referred to their places among the `live` ones."""
        query = f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY {column}"
        old = [row[0] for row in self._database.execute(query)]
        new = np.searchsorted(live, np.array(old, np.int64)).tolist()
        # Rows only move down and are taken in rising order, so no number is given away before it is free.
        self._database.execute(f"CREATE INDEX renumber ON {table} ({column})")
        self._database.executemany(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", list(zip(new, old, strict=True)))
        self._database.execute("DROP INDEX renumber")


def write_problem(folder: Path, error: OSError) -> LibraryProblem:
    """What to raise where the disk is full, gone or write-protected."""
    return LibraryProblem(f"The library {folder} can't be written: {error.strerror or error}.")


def _mostly_dead(live: int, held: int) -> bool:
    return held - live > COMPACT_SHARE * held


def _copy(source: Appender, rows: np.ndarray, path: Path) -> None:
    """The chosen rows of one file into a new one, flushed."""
    path.unlink(missing_ok=True)
    target = Appender(path, 0, source.width, source.item)
    held = source.held()
    for first in range(0, len(rows), 65_536):
        target.add(held[rows[first : first + 65_536]])
    target.flush()
    target.close()


def _list(values: Sequence[str]) -> str:
    return json.dumps(list(values))
