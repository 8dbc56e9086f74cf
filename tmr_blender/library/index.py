# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexing: walk, skip what is known, read, encode, store. Who reads is a `reading.Source`: this process, a pool, a farm."""

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import LibraryProblem, QueryProblem, one_line
from ..motion.readers import COMPILED, SUFFIXES
from ..tmr import threads
from ..tmr.encoders import MotionEncoder, TextEncoder
from . import pace, pool
from .contents import hash_of
from .encoding import with_captions, with_motion
from .folder import Found, Listing, listing
from .reading import Here, Order, Reading, Source
from .records import READING, FileState, Labels
from .sidecars import Note
from .store import Library
from .takes import relabelled
from .writer import Writer

FLUSH_FRAMES = 12_000
"""Encode and commit once this many feature rows wait (ten minutes of motion)."""
IDLE_FRAMES = 2_000
"""... or so many, while there is nothing else to do than wait for a reader."""
FLUSH_SECONDS = 5.0
"""... or once this much time has gone by: what a killed process loses."""
PIECE_FRAMES = 1_000
PIECE_FILES = 64
"""Rows and files that are encoded and committed at a time, after which the caller gets to say whether to stop."""
STOP_SECONDS = 1.0
"""After that was said, what was read is encoded for so long; the rest is read again by the next run."""
BEAT_SECONDS = 0.25
"""While a file takes long to read, the caller gets to say whether to stop so often."""
PLAN_SECONDS = 0.1
"""Longest time to look at files ahead before the next one is done with."""
FILE_BYTES = 30_000
"""For the time left: beside its size, a file costs as much as so many bytes of one, however short it is."""


@dataclass(frozen=True)
class Progress:
    """Where an index stands.

    done, total: files. current: the file just dealt with, "" at the end. rate: files read a second, 0.0 where it can't be
    told. seconds_left: estimated from the files and bytes that remain, None where it can't be told. Both go by the last
    seconds, see `pace`.
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
    jobs: int | None = None,
    gentle: bool = False,
    source: Source | None = None,
) -> Generator[Progress, bool | None, None]:
    """Bring the library up to date with a folder of motion files; a library that does not exist is made.

    Yields after every file, and now and then while one takes long; `send(True)` stops cleanly within a few seconds,
    keeping what was stored: files that were read and not yet encoded are read again by the next run.
    Unchanged files are not read again, nor are files that were only renamed or moved: content is told by its hash.
    shard: (i, n) reads only the i-th of n shares of the files, 1 <= i <= n, so that n machines with a library each can
    share the work; `merge.merge` makes one of them. jobs: reader processes, 1 for none beside this one, None for what
    suits the machine and the files. gentle: readers yield to other programs. source: who reads, instead of those; the
    caller closes it. What is stored is the same whoever reads. Raises LibraryProblem where the folder is missing or
    holds no motion, or the library can't be written.
    """
    path = library.path if isinstance(library, Library) else Path(library).absolute()
    root = Path(folder).resolve()
    if path.resolve().is_relative_to(root):
        raise LibraryProblem(f"The library {path} lies inside the folder {root}. Keep it elsewhere: nothing is written there.")
    found = listing(root, tuple(SUFFIXES))
    Library.open(path, create=True)
    with Writer(path, motion_encoder.model_id) as writer:
        run = _Run(writer, root, found, motion_encoder, text_encoder, shard)
        readers = nullcontext(source) if source else closing(_source_for(run.unknown(), jobs, gentle))
        with readers as chosen, threads.limited(chosen.spare):
            yield from run.steps(chosen)


def _source_for(files: Sequence[Found], jobs: int | None, gentle: bool) -> Source:
    """Reader processes, unless there is too little to read for them to be worth their start."""
    if jobs is not None and jobs < 1:
        raise QueryProblem("An index needs at least one job.")
    many = len(files) > 1 and sum(file.size for file in files) >= pool.WORTH_BYTES
    compiled = any(Path(file.path).suffix.lower() in COMPILED for file in files)
    if jobs is None:
        jobs = min(pool.default_jobs(), len(files)) if many or compiled else 1
        return pool.Pool(jobs, gentle) if many or compiled else Here()
    return Here() if jobs == 1 else pool.Pool(min(jobs, max(len(files), 1)), gentle)


@dataclass
class _Prepared:
    """A file that has been read and waits to be encoded.

    Or one that keeps its entries: where it was, (source, path), and its new labels.
    """

    state: FileState
    reading: Reading = field(default_factory=Reading)
    before: tuple[int, str] | None = None
    labels: list[Labels] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """Feature rows to encode."""
        return sum(map(len, self.reading.rows))


@dataclass(frozen=True)
class _Planned:
    """What is to be done about a file: `finish`, with what was read for the `ticket` if there is one."""

    file: Found
    finish: Callable[..., None]
    ticket: Any = None


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
        self.flushed = time.monotonic()
        self.read_files = self.work_done = 0
        self.work_left = sum(map(self._work, self.files))
        self.files_meter, self.work_meter = pace.Meter(), pace.Meter()

    def unknown(self) -> list[Found]:
        """The files that are new or look changed: most of them will be read."""
        return [file for file in self.files if not self._as_stored(file)]

    def steps(self, readers: Source) -> Generator[Progress, bool | None, None]:
        """File by file, in order of path, whatever is read first; see `index`."""
        self._sidecar_errors()
        files, ahead = iter(self.files), deque[_Planned]()
        while self._look_ahead(files, ahead, readers):
            planned, given = ahead[0], ()
            if planned.ticket is not None:
                reading = readers.take(planned.ticket, 0.0 if self._frames() >= IDLE_FRAMES else BEAT_SECONDS)
                while reading is None:
                    idle = self._frames() >= IDLE_FRAMES
                    if (idle and (yield from self._flush())) or (yield self._now()):
                        yield self._stopped()
                        return
                    self._look_ahead(files, ahead, readers)
                    reading = readers.take(planned.ticket, BEAT_SECONDS)
                given = (reading,)
            ahead.popleft().finish(*given)
            due = self._frames() >= FLUSH_FRAMES or time.monotonic() - self.flushed > FLUSH_SECONDS
            if (due and (yield from self._flush())) or (yield self._past(planned.file)):
                yield self._stopped()
                return
        if (yield from self._flush()):
            yield self._stopped()
            return
        self._forget()
        yield self.progress

    def _look_ahead(self, files: Iterator[Found], ahead: deque[_Planned], readers: Source) -> bool:
        """Keep the readers busy; whether anything is left to be done."""
        until = time.monotonic() + PLAN_SECONDS
        while len(ahead) < readers.ahead and (file := next(files, None)):
            ahead.append(self._plan(file, readers))
            if time.monotonic() > until:
                break
        return bool(ahead)

    def _past(self, file: Found) -> Progress:
        """The progress after a file."""
        work = self._work(file)
        self.work_done, self.work_left = self.work_done + work, self.work_left - work
        self.progress = replace(self.progress, done=self.progress.done + 1, current=file.path, errors=self.errors)
        return self._now()

    def _work(self, file: Found) -> int:
        """What a file costs, in bytes read; nothing where it is as stored."""
        return 0 if self._as_stored(file) else file.size + FILE_BYTES

    def _now(self) -> Progress:
        left = pace.seconds_for(self.work_left, self.work_meter.rate(self.work_done))
        self.progress = replace(self.progress, rate=self.files_meter.rate(self.read_files), seconds_left=left)
        return self.progress

    def _stopped(self) -> Progress:
        until = time.monotonic() + STOP_SECONDS
        while self.waiting and time.monotonic() < until:
            self._store(self._piece())
        return replace(self.progress, current="", stopped=True)

    def _forget(self) -> None:
        """Drop what is no longer in the folder."""
        gone = set(self.stored) - {file.path for file in self.found.files} - {path for path, _ in self.found.problems}
        gone -= {path for source, path in self.left_behind if source == self.source}
        # What lies in a folder that can't be entered may well be there.
        closed = tuple(f"{path}/" for path, _ in self.found.problems)
        gone = {path for path in gone if not path.startswith(closed)}
        self.writer.drop(self.source, sorted(gone))
        self.writer.compact()
        self.progress = replace(self.progress, current="", seconds_left=0.0, removed=len(gone))

    def _sidecar_errors(self) -> None:
        """Folders and sidecars that can't be read are lines of the report like any file."""
        for path, sentence in self.found.problems:
            self.errors += ((path, sentence),)
            self.writer.put(self.source, FileState(path, 0, 0, "", "", sentence), [])

    def _before(self, file: Found) -> FileState | None:
        """What is stored about the file, if it was read as one reads today."""
        before = self.stored.get(file.path)
        return before if before and before.reading >= READING else None

    def _notes(self, file: Found) -> str:
        return _fingerprint(file.notes, self.text_encoder is not None)

    def _as_stored(self, file: Found) -> FileState | None:
        """What is stored about the file, if nothing about it has changed at first sight."""
        before = self._before(file)
        now = (file.size, file.mtime, self._notes(file))
        return before if before and (before.size, before.mtime, before.notes) == now else None

    def _plan(self, file: Found, readers: Source) -> _Planned:
        """Skip the file if nothing about it has changed, or have it read."""
        if same := self._as_stored(file):
            return _Planned(file, partial(self._skip, same))
        try:
            digest = hash_of(self.root / file.path)
        except OSError as error:
            sentence = one_line(f"{file.path} can't be read: {error.strerror or error}.")
            return _Planned(file, partial(self._unreachable, file, sentence))
        state = FileState(file.path, file.size, file.mtime, digest, self._notes(file))
        before = self._before(file)
        if before and (before.hash, before.notes) == (digest, state.notes):
            self.writer.touch(self.source, state)
            return _Planned(file, partial(self._skip, before))
        if kept := self._kept(file, state):
            return _Planned(file, partial(self._relabel, kept))
        order = Order(self.root, file, self.motion_encoder.card.max_frames)
        return _Planned(file, partial(self._prepare, file, state), readers.submit(order))

    def _kept(self, file: Found, state: FileState) -> _Prepared | None:
        """Whether the content is known from this place, or from one where it is no longer: its entries need new labels only."""
        for source, folder, path in self.writer.holders(state.hash):
            here = (source, path) == (self.source, file.path)
            # A folder that is not there may be a drive that is not mounted: its files have not moved.
            moved = (source, path) not in self.left_behind and folder.is_dir() and not (folder / path).exists()
            if here or moved:
                self.left_behind.add((source, path))
                labels = relabelled(file, path, self.writer.takes(source, path))
                return _Prepared(state, before=(source, path), labels=labels)
        return None

    def _relabel(self, kept: _Prepared) -> None:
        self.waiting.append(kept)

    def _skip(self, before: FileState) -> None:
        if before.error is not None:
            self.errors += ((before.path, before.error),)
        self.progress = replace(self.progress, unchanged=self.progress.unchanged + 1)

    def _unreachable(self, file: Found, sentence: str) -> None:
        """A file that is there and can't be opened, or a drive that has gone: what is stored about it stays."""
        if not self.root.is_dir():
            while self.waiting:
                self._store(self._piece())
            raise LibraryProblem(f"The folder {self.root} has vanished while it was read. What was read is kept; try again.")
        self.errors += ((file.path, sentence),)
        if file.path not in self.stored:
            self.writer.put(self.source, FileState(file.path, -1, -1, "", "", sentence), [])

    def _prepare(self, file: Found, state: FileState, reading: Reading) -> None:
        """What was read joins what waits to be encoded."""
        self.read_files += 1
        if reading.error is not None:
            if reading.absent or not (self.root / file.path).exists():
                self._unreachable(file, reading.error)
                return
            self.errors += ((file.path, reading.error),)
            state = replace(state, error=reading.error)
        self.waiting.append(_Prepared(state, reading))

    def _frames(self) -> int:
        return sum(item.frames for item in self.waiting)

    def _flush(self) -> Generator[Progress, bool | None, bool]:
        """Store all that waits, piece by piece; whether the caller asked to stop meanwhile."""
        while self.waiting:
            self._store(self._piece())
            if self.waiting and (yield self._now()):
                return True
        self.flushed = time.monotonic()
        return False

    def _piece(self) -> list[_Prepared]:
        """Take the first of what waits: one file, or as many as are a piece."""
        frames, count = 0, 0
        for item in self.waiting:
            frames += item.frames
            if count and (frames > PIECE_FRAMES or count == PIECE_FILES):
                break
            count += 1
        piece, self.waiting = self.waiting[:count], self.waiting[count:]
        return piece

    def _store(self, piece: list[_Prepared]) -> None:
        """Encode a piece in one go, and commit it."""
        readings = with_motion([item.reading for item in piece], self.motion_encoder)
        takes = iter(with_captions([take for reading in readings for take in reading.takes], self.text_encoder))
        labels = iter(with_captions([part for item in piece for part in item.labels], self.text_encoder))
        for item in piece:
            if item.before is not None:
                self.writer.relabel(item.before, self.source, item.state, [next(labels) for _ in item.labels])
                self.progress = replace(self.progress, relabelled=self.progress.relabelled + 1)
                continue
            self.writer.put(self.source, item.state, [next(takes) for _ in item.reading.takes])
            self.progress = replace(self.progress, takes=self.progress.takes + len(item.reading.takes))
        self.writer.commit()


def in_shard(path: str, i: int, n: int) -> bool:
    """Whether the i-th of n shards reads the file: by its path within the folder, whatever else the folder holds."""
    if not 1 <= i <= n:
        raise QueryProblem(f"There is no shard {i} of {n}: count from 1, as in 1/4 to 4/4.")
    digest = hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % n == i - 1


def _fingerprint(notes: Sequence[Note], encoded: bool) -> str:
    """Changes whenever the captions do, or whether they have sentence vectors."""
    return hashlib.blake2b(json.dumps([[asdict(n) for n in notes], encoded]).encode(), digest_size=16).hexdigest()
