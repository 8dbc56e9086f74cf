# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexing: read the clip, recognise the body, compute features, encode, store."""

import hashlib
import json
import re
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LibraryProblem, TMRError
from ..motion import facts, features, humanoid, readers
from ..motion.clip import Clip
from ..tmr.encoders import MotionEncoder, TextEncoder
from .folder import Found, Listing, listing
from .sidecars import Note
from .store import Library
from .writer import Caption, FileState, Take, Window, Writer

WINDOW_SECONDS = (10.0, 5.0, 2.5)
"""Spans that get a vector of their own, half overlapping, wherever a take is half as long again, beside one for the
whole take (search weighs it in: see `search.WHOLE_SHARE`)."""
FLUSH_FRAMES = 12_000
"""Encode and commit once this many feature rows wait (ten minutes of motion)."""
FLUSH_SECONDS = 5.0
"""... or once this much time has gone by: what a killed process loses."""

# What a malformed file can make arithmetic and look-ups do, beside what the readers foresee. It must cost one line in the
# report and not the run; defects of ours elsewhere keep their traceback.
DATA_FAULTS = (TMRError, ValueError, ArithmeticError, LookupError, MemoryError, RecursionError)

# Words of file and folder names that say nothing about the motion.
EMPTY_WORDS = frozenset(
    {"take", "final", "dataset", "mocap", "motion", "motions", "anim", "anims", "animation", "animations", "clip", "export"}
    | {"bvh", "fbx", "glb", "npz", "mixamo", "com", "tmp"}
)

_HUMPS = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a word begins inside "turnLeft" and "FBXExport"."""


@dataclass(frozen=True)
class Progress:
    """Where an index stands.

    done, total: files. current: the file just dealt with, "" at the end. rate: files read a second in this run.
    seconds_left: estimated from the bytes that remain, None before anything was read.
    errors: files that could not be read, as (path within the folder, sentence); `unchanged`, `removed`: files.
    takes: stored in this run. stopped: whether the caller asked to stop.
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
    stopped: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def index(
    library: Library | Path | str,
    folder: Path | str,
    motion_encoder: MotionEncoder,
    text_encoder: TextEncoder | None = None,
) -> Generator[Progress, bool | None, None]:
    """Bring the library up to date with a folder of motion files; a library that does not exist is made.

    Yields after every file; `send(True)` stops cleanly, keeping what was read. Unchanged files are not read again.
    Raises LibraryProblem where the folder is missing or holds no motion, or the library can't be written.
    """
    path = library.path if isinstance(library, Library) else Path(library).absolute()
    root = Path(folder).resolve()
    if path.resolve().is_relative_to(root):
        raise LibraryProblem(f"The library {path} lies inside the folder {root}. Keep it elsewhere: nothing is written there.")
    found = listing(root, tuple(readers.SUFFIXES))
    Library.open(path, create=True)
    with Writer(path, motion_encoder.model_id) as writer:
        run = _Run(writer, root, found, motion_encoder, text_encoder)
        yield from run.steps()


@dataclass
class _Prepared:
    """A file that has been read and waits to be encoded: takes without vectors, and the features to encode."""

    state: FileState
    takes: list[Take] = field(default_factory=list)
    slices: list[list[np.ndarray]] = field(default_factory=list)


class _Run:
    """One call of `index`: the loop over files, and what waits to be encoded."""

    def __init__(
        self, writer: Writer, root: Path, found: Listing, motion_encoder: MotionEncoder, text_encoder: TextEncoder | None
    ) -> None:
        self.writer, self.root, self.found = writer, root, found
        self.motion_encoder, self.text_encoder = motion_encoder, text_encoder
        self.source = writer.source(root)
        self.stored = writer.files(self.source)
        self.waiting: list[_Prepared] = []
        self.errors: tuple[tuple[str, str], ...] = ()
        self.progress = Progress(0, len(found.files))
        self.begun = self.flushed = time.monotonic()
        self.read_files = self.read_bytes = 0

    def steps(self) -> Generator[Progress, bool | None, None]:
        """File by file; see `index`."""
        self._sidecar_errors()
        left = sum(file.size for file in self.found.files)
        for file in self.found.files:
            left -= file.size
            self._deal_with(file)
            if (yield self._now(file.path, left)):
                self._flush()
                yield replace(self.progress, current="", stopped=True)
                return
        self._flush()
        gone = set(self.stored) - {file.path for file in self.found.files} - {path for path, _ in self.found.problems}
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
        if before and (before.size, before.mtime, before.notes) == (file.size, file.mtime, notes):
            self._skip(before)
            return
        try:
            digest = _hash(self.root / file.path)
        except OSError as error:
            self._unreachable(file, f"{file.path} can't be read: {error.strerror or error}.")
            return
        state = FileState(file.path, file.size, file.mtime, digest, notes)
        if before and (before.hash, before.notes) == (digest, notes):
            self.writer.touch(self.source, state)
            self._skip(before)
            return
        self._prepare(file, state)
        self.read_files += 1
        self.read_bytes += file.size
        if self._frames() >= FLUSH_FRAMES or time.monotonic() - self.flushed > FLUSH_SECONDS:
            self._flush()

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
                take, slices = _take(file, number, clip, len(clips), self.motion_encoder.card.max_frames)
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
        texts = sorted({caption.text for prepared in self.waiting for take in prepared.takes for caption in take.captions})
        sentences = dict(zip(texts, self.text_encoder.encode(texts)[1], strict=True)) if self.text_encoder and texts else {}
        for prepared in self.waiting:
            takes = [
                replace(
                    take,
                    windows=[replace(window, vector=next(motion)) for window in take.windows],
                    captions=[replace(caption, vector=sentences.get(caption.text)) for caption in take.captions],
                )
                for take in prepared.takes
            ]
            self.writer.put(self.source, prepared.state, takes)
            self.progress = replace(self.progress, takes=self.progress.takes + len(takes))
        self.waiting = []
        self.writer.commit()
        self.flushed = time.monotonic()


def _take(file: Found, number: int, clip: Clip, count: int, max_frames: int) -> tuple[Take, list[np.ndarray]]:
    """What is stored of a clip, its vectors still empty, and the features that they will be made from."""
    body = humanoid.recognise(clip)
    positions = humanoid.body_positions(clip, body)
    rows = features.extract(positions, clip.fps)
    measured = facts.measure(positions, clip.fps)
    empty = np.zeros(0, np.float32)
    windows, slices = [], []
    for first, last in spans(len(rows), max_frames):
        end = clip.duration if last == len(rows) else last / features.FPS
        windows.append(Window(first / features.FPS, end, empty))
        slices.append(rows[first:last])
    stem = Path(file.path).stem
    notes = [note for note in file.notes if note.take in (None, number)]
    captions = [Caption(note.text, "caption", note.start, note.end) for note in notes]
    words = name_words(file.path, clip.name if count > 1 else "")
    if words:
        captions.append(Caption(words, "name"))
    take = Take(
        take=number,
        name=stem if count == 1 else f"{stem} {clip.name}",
        fps=clip.fps,
        duration=clip.duration,
        convention=body.convention,
        windows=windows,
        captions=captions,
        facts=asdict(measured) | {"loopable": measured.loopable},
        tags=sorted({*facts.tags(measured), *(tag for note in notes for tag in note.tags)}),
    )
    return take, slices


def spans(rows: int, max_frames: int) -> Iterator[tuple[int, int]]:
    """The spans [first, last) of feature rows that are encoded: the longest first, in order of time.

    A take of more than `max_frames` rows gets none for the whole.
    """
    lengths = [min(round(seconds * features.FPS), max_frames) for seconds in WINDOW_SECONDS]
    if rows <= max_frames:
        yield 0, rows
    for length in lengths:
        if rows < 1.5 * length and not (length == lengths[0] < rows):
            continue
        starts = list(range(0, rows - length + 1, length // 2))
        if starts[-1] + length < rows:
            starts.append(rows - length)
        yield from ((start, start + length) for start in starts)


def name_words(path: str, take: str = "") -> str:
    """What the names of a file, its folder and a take say: "walks/OldMan_turnLeft_02" -> "walks old man turn left".

    "" where nothing but numbers and empty words ("Take_0341_final") is left.
    """
    place = Path(path)
    folder = place.parent.name
    parts = re.findall(r"[^\W\d_]+", _HUMPS.sub(" ", f"{folder} {place.stem} {take}"))
    words = [word.lower() for word in parts if word.lower() not in EMPTY_WORDS]
    return " ".join(words) if any(len(word) > 2 for word in words) else ""


def _fingerprint(notes: Sequence[Note], encoded: bool) -> str:
    """Changes whenever the captions do, or whether they have sentence vectors."""
    return hashlib.blake2b(json.dumps([[asdict(n) for n in notes], encoded]).encode(), digest_size=16).hexdigest()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
