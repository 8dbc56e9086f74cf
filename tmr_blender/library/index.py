# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexing: read the clip, recognise the body, compute features, encode, store."""

import hashlib
import json
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LibraryProblem, QueryProblem, TMRError
from ..motion import readers
from ..tmr.encoders import MotionEncoder, TextEncoder
from .folder import Found, Listing, listing
from .records import READING, Caption, FileState, Labels, Take
from .sidecars import Note
from .store import Library
from .takes import relabelled, take_of
from .writer import Writer

FLUSH_FRAMES = 12_000
"""Encode and commit once this many feature rows wait (ten minutes of motion)."""
FLUSH_SECONDS = 5.0
"""... or once this much time has gone by: what a killed process loses."""

# What a malformed file can make arithmetic and look-ups do, beside what the readers foresee. It must cost one line in the
# report and not the run; defects of ours elsewhere keep their traceback.
DATA_FAULTS = (TMRError, ValueError, ArithmeticError, LookupError, MemoryError, RecursionError)


@dataclass(frozen=True)
class Progress:
    """Where an index stands.

    done, total: files. current: the file just dealt with, "" at the end. rate: files read a second in this run.
    seconds_left: estimated from the bytes that remain, None before anything was read.
    errors: files that could not be read, as (path within the folder, sentence); `unchanged`, `removed`: files.
    takes: stored in this run. relabelled: files renamed, moved or captioned anew, whose entries were kept without reading.
    stopped: whether the caller asked to stop.
    """

    done: int
    total: int
    current: str = ""
    rate: float = 0.0
    seconds_left: float | None = None
    errors: tuple[tuple[str, str], ...] = ()
    unchanged: int = 0
    removed: int = 0
    takes: int = 0
    relabelled: int = 0
    stopped: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def index(
    library: Library | Path | str,
    folder: Path | str,
    motion_encoder: MotionEncoder,
    text_encoder: TextEncoder | None = None,
    shard: tuple[int, int] = (1, 1),
) -> Generator[Progress, bool | None, None]:
    """Bring the library up to date with a folder of motion files; a library that does not exist is made.

    Yields after every file; `send(True)` stops cleanly, keeping what was read. Unchanged files are not read again, nor are
    files that were only renamed or moved: content is told by its hash. shard: (i, n) reads only the i-th of n shares of
    the files, 1 <= i <= n, so that n machines with a library each can share the work; `merge.merge` makes one of them.
    Raises LibraryProblem where the folder is missing or holds no motion, or the library can't be written.
    """
    path = library.path if isinstance(library, Library) else Path(library).absolute()
    root = Path(folder).resolve()
    if path.resolve().is_relative_to(root):
        raise LibraryProblem(f"The library {path} lies inside the folder {root}. Keep it elsewhere: nothing is written there.")
    found = listing(root, tuple(readers.SUFFIXES))
    Library.open(path, create=True)
    with Writer(path, motion_encoder.model_id) as writer:
        run = _Run(writer, root, found, motion_encoder, text_encoder, shard)
        yield from run.steps()


@dataclass
class _Prepared:
    """A file that has been read and waits to be encoded: takes without vectors, and the features to encode.

    Or one that keeps its entries: where it was, (source, path), and its new labels.
    """

    state: FileState
    takes: list[Take] = field(default_factory=list)
    slices: list[list[np.ndarray]] = field(default_factory=list)
    before: tuple[int, str] | None = None
    labels: list[Labels] = field(default_factory=list)


class _Run:
    """One call of `index`: the loop over files, and what waits to be encoded."""

    def __init__(
        self,
        writer: Writer,
        root: Path,
        found: Listing,
        motion_encoder: MotionEncoder,
        text_encoder: TextEncoder | None,
        shard: tuple[int, int],
    ) -> None:
        self.writer, self.root, self.found = writer, root, found
        self.motion_encoder, self.text_encoder = motion_encoder, text_encoder
        self.source = writer.source(root)
        self.stored = writer.files(self.source)
        self.files = [file for file in found.files if in_shard(file.path, *shard)]
        self.left_behind: set[tuple[int, str]] = set()
        self.waiting: list[_Prepared] = []
        self.errors: tuple[tuple[str, str], ...] = ()
        self.progress = Progress(0, len(self.files))
        self.begun = self.flushed = time.monotonic()
        self.read_files = self.read_bytes = 0

    def steps(self) -> Generator[Progress, bool | None, None]:
        """File by file; see `index`."""
        self._sidecar_errors()
        left = sum(file.size for file in self.files)
        for file in self.files:
            left -= file.size
            self._deal_with(file)
            if (yield self._now(file.path, left)):
                self._flush()
                yield replace(self.progress, current="", stopped=True)
                return
        self._flush()
        gone = set(self.stored) - {file.path for file in self.found.files} - {path for path, _ in self.found.problems}
        gone -= {path for source, path in self.left_behind if source == self.source}
        self.writer.drop(self.source, sorted(gone))
        self.writer.compact()
        self.progress = replace(self.progress, current="", seconds_left=0.0, removed=len(gone))
        yield self.progress

    def _now(self, current: str, left: int) -> Progress:
        spent = max(time.monotonic() - self.begun, 1e-6)
        self.progress = replace(
            self.progress,
            done=self.progress.done + 1,
            current=current,
            rate=self.read_files / spent,
            seconds_left=left * spent / self.read_bytes if self.read_bytes else None,
            errors=self.errors,
        )
        return self.progress

    def _sidecar_errors(self) -> None:
        """Folders and sidecars that can't be read are lines of the report like any file."""
        for path, sentence in self.found.problems:
            self.errors += ((path, sentence),)
            self.writer.put(self.source, FileState(path, 0, 0, "", "", sentence), [])

    def _deal_with(self, file: Found) -> None:
        """Skip the file if nothing about it has changed, or read it."""
        before = self.stored.get(file.path)
        notes = _fingerprint(file.notes, self.text_encoder is not None)
        if before and before.reading < READING:
            before = None
        if before and (before.size, before.mtime, before.notes) == (file.size, file.mtime, notes):
            self._skip(before)
            return
        try:
            digest = hash_of(self.root / file.path)
        except OSError as error:
            self._unreachable(file, f"{file.path} can't be read: {error.strerror or error}.")
            return
        state = FileState(file.path, file.size, file.mtime, digest, notes)
        if before and (before.hash, before.notes) == (digest, notes):
            self.writer.touch(self.source, state)
            self._skip(before)
            return
        if self._kept(file, state):
            return
        self._prepare(file, state)
        self.read_files += 1
        self.read_bytes += file.size
        if self._frames() >= FLUSH_FRAMES or time.monotonic() - self.flushed > FLUSH_SECONDS:
            self._flush()

    def _kept(self, file: Found, state: FileState) -> bool:
        """Whether the content is known from this place, or from one where it is no longer: its entries need new labels only."""
        for source, folder, path in self.writer.holders(state.hash):
            here = (source, path) == (self.source, file.path)
            # A folder that is not there may be a drive that is not mounted: its files have not moved.
            moved = (source, path) not in self.left_behind and folder.is_dir() and not (folder / path).exists()
            if here or moved:
                labels = relabelled(file, path, self.writer.takes(source, path))
                self.waiting.append(_Prepared(state, before=(source, path), labels=labels))
                self.left_behind.add((source, path))
                self.progress = replace(self.progress, relabelled=self.progress.relabelled + 1)
                return True
        return False

    def _skip(self, before: FileState) -> None:
        if before.error is not None:
            self.errors += ((before.path, before.error),)
        self.progress = replace(self.progress, unchanged=self.progress.unchanged + 1)

    def _unreachable(self, file: Found, sentence: str) -> None:
        """A file that is there and can't be opened, or a drive that has gone: what is stored about it stays."""
        if not self.root.is_dir():
            self._flush()
            raise LibraryProblem(f"The folder {self.root} has vanished while it was read. What was read is kept; try again.")
        self.errors += ((file.path, sentence),)
        if file.path not in self.stored:
            self.writer.put(self.source, FileState(file.path, -1, -1, "", "", sentence), [])

    def _prepare(self, file: Found, state: FileState) -> None:
        prepared = _Prepared(state)
        try:
            clips = readers.read(self.root / file.path)
            for number, clip in enumerate(clips):
                take, slices = take_of(file, number, clip, len(clips), self.motion_encoder.card.max_frames)
                prepared.takes.append(take)
                prepared.slices.append(slices)
        except DATA_FAULTS as error:
            sentence = str(error) if isinstance(error, TMRError) else f"It could not be understood ({error})."
            if Path(file.path).name not in sentence:
                sentence = f"{file.path}: {sentence}"
            prepared = _Prepared(replace(state, error=sentence))
            self.errors += ((file.path, sentence),)
        self.waiting.append(prepared)

    def _frames(self) -> int:
        return sum(len(part) for prepared in self.waiting for slices in prepared.slices for part in slices)

    def _flush(self) -> None:
        """Encode all that waits in one go, and commit it."""
        slices = [part for prepared in self.waiting for group in prepared.slices for part in group]
        motion = iter(self.motion_encoder.encode(slices))
        captions = [caption for item in self.waiting for part in (*item.takes, *item.labels) for caption in part.captions]
        texts = sorted({caption.text for caption in captions})
        sentences = dict(zip(texts, self.text_encoder.encode(texts)[1], strict=True)) if self.text_encoder and texts else {}

        def said(captions: Sequence[Caption]) -> list[Caption]:
            return [replace(caption, vector=sentences.get(caption.text)) for caption in captions]

        for item in self.waiting:
            if item.before is not None:
                labels = [replace(part, captions=said(part.captions)) for part in item.labels]
                self.writer.relabel(item.before, self.source, item.state, labels)
                continue
            takes = [
                replace(
                    take,
                    windows=[replace(window, vector=next(motion)) for window in take.windows],
                    captions=said(take.captions),
                )
                for take in item.takes
            ]
            self.writer.put(self.source, item.state, takes)
            self.progress = replace(self.progress, takes=self.progress.takes + len(takes))
        self.waiting = []
        self.writer.commit()
        self.flushed = time.monotonic()


def in_shard(path: str, i: int, n: int) -> bool:
    """Whether the i-th of n shards reads the file: by its path within the folder, whatever else the folder holds."""
    if not 1 <= i <= n:
        raise QueryProblem(f"There is no shard {i} of {n}: count from 1, as in 1/4 to 4/4.")
    digest = hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % n == i - 1


def _fingerprint(notes: Sequence[Note], encoded: bool) -> str:
    """Changes whenever the captions do, or whether they have sentence vectors."""
    return hashlib.blake2b(json.dumps([[asdict(n) for n in notes], encoded]).encode(), digest_size=16).hexdigest()


def hash_of(path: Path) -> str:
    """The content of a file in 32 letters. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
