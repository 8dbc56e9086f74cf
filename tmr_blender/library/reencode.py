# SPDX-License-Identifier: GPL-3.0-or-later
"""Encoding a library anew by another model, from the poses that it keeps: its motion files are not needed.

The vectors go to draft files first, block after block. One transaction then makes them the library's, so that a run that is
stopped or killed leaves the library as it was; the next one goes on with the drafts, unless the library has been written
meanwhile. What comes out is what indexing the files by the other model would have stored.
"""

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LibraryProblem
from ..tmr.encoders import FEATURES, MotionEncoder, TextEncoder
from . import pace
from .poses import rows_of
from .records import TAG, TAGGED
from .schema import SPAN, guarded, revision, vector_files
from .store import Library
from .takes import seconds_of, spans
from .vectors import Appender
from .writer import DRAFT_STATE, MOTION_DRAFT, TEXT_DRAFT, Writer, write_problem

BLOCK_FRAMES = 2_000
"""Feature rows that are encoded in one go: a second or two of work, which is how long a stop waits."""
BLOCK_TEXTS = 256
_SAID = f"kind NOT IN ('{TAGGED}', '{TAG}')"
"""SQL: a text that has a sentence vector; those of `tagging` have none."""


@dataclass(frozen=True)
class Progress:
    """Where a re-encoding stands.

    done, total: takes and different texts, all together. takes: of them, those encoded so far. rate: a second, 0.0 where it
    can't be told. seconds_left: of the takes, then of the texts, None where it can't be told. Both go by the last seconds.
    model: the id of the model that encodes. stopped: whether the caller asked to stop; the library is then as it was before.
    """

    done: int
    total: int
    takes: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    model: str = ""
    stopped: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def reencode(
    path: Library | Path | str, motion_encoder: MotionEncoder, text_encoder: TextEncoder
) -> Generator[Progress, bool | None, None]:
    """Make all vectors of a library anew, by these encoders; a library of theirs already is left alone.

    Yields after every block; `send(True)` stops cleanly. The numbers of entries stay as they are. Raises LibraryProblem
    where the library is missing, in use or can't be written, or holds takes without poses: those were stored by an earlier
    version, and only their files can tell.
    """
    if motion_encoder.model_id != text_encoder.model_id:
        raise LibraryProblem(f"The encoders are of two models, {motion_encoder.model_id} and {text_encoder.model_id}.")
    folder = path.path if isinstance(path, Library) else Path(path).absolute()
    revision(folder)  # a library that is missing or foreign says so by itself
    with _Reencoder(folder, motion_encoder, text_encoder) as run:
        yield from run.steps()


@dataclass(frozen=True)
class _Body:
    """An entry: its number, where its poses are, its length in seconds, and how many windows it will have."""

    entry: int
    first: int
    count: int
    duration: float
    windows: int


class _Reencoder(Writer):
    """A writer that makes drafts of all vectors and puts them in the place of the old ones."""

    keeps_drafts = True

    def __init__(self, folder: Path, motion_encoder: MotionEncoder, text_encoder: TextEncoder) -> None:
        super().__init__(folder, None)
        self.motion_encoder, self.text_encoder = motion_encoder, text_encoder
        self.items = pace.Meter()

    def steps(self) -> Generator[Progress, bool | None, None]:
        """Block by block; see `reencode`."""
        bodies, texts = self._bodies(), self._texts()
        begin = Progress(0, len(bodies) + len(texts), model=self.motion_encoder.model_id)
        end = replace(begin, done=begin.total, takes=len(bodies), seconds_left=0.0)
        if self._meta.model == self.motion_encoder.model_id:
            yield end
            return
        try:
            motion, text = self._drafts()
            try:
                for progress in self._encoded(bodies, texts, motion, text, begin):
                    if (yield progress):
                        yield replace(progress, stopped=True)
                        return
            finally:
                motion.close()
                text.close()
            self._switch(bodies, texts, motion, text)
        except OSError as error:
            raise write_problem(self.folder, error) from error
        yield end

    def _bodies(self) -> list[_Body]:
        """Every entry in order of its number. Raises LibraryProblem where one has no poses."""
        longest = self.motion_encoder.card.max_frames
        with guarded(self.folder):
            rows = self._database.execute("SELECT id, pose, poses, duration FROM entries ORDER BY id").fetchall()
        if without := sum(count == 0 for _, _, count, _ in rows):
            raise LibraryProblem(
                f"The library {self.folder} can't be encoded anew: {without} of its {len(rows)} takes were stored "
                "by an earlier version, without their poses. Index its folders into a new library."
            )
        if any(first < 0 or first + count > self._poses.rows for _, first, count, _ in rows):
            raise LibraryProblem(f"The library {self.folder} is damaged: it refers to poses that it does not hold.")
        return [_Body(*row[:4], windows=len(list(spans(_steps(row[2]), longest)))) for row in rows]

    def _texts(self) -> list[str]:
        with guarded(self.folder):
            return [row[0] for row in self._database.execute(f"SELECT DISTINCT text FROM captions WHERE {_SAID} ORDER BY text")]

    def _drafts(self) -> tuple[Appender, Appender]:
        """The drafts of motion and of sentence vectors: those of a run that was stopped, or empty ones."""
        widths = [
            self.motion_encoder.encode([np.zeros((self.motion_encoder.card.min_frames, FEATURES), np.float32)]).shape[1],
            self.text_encoder.encode(["a person moves"])[1].shape[1],
        ]
        places = [self.folder / name for name in (MOTION_DRAFT, TEXT_DRAFT)]
        self.state: dict[str, Any] = {"model": self.motion_encoder.model_id, "revision": self._meta.revision, "widths": widths}
        rows = self._resumed(places, widths)
        if rows == [0, 0]:
            for place in places:
                place.unlink(missing_ok=True)
        motion, text = (Appender(place, count, width) for place, count, width in zip(places, rows, widths, strict=True))
        return motion, text

    def _resumed(self, places: Sequence[Path], widths: Sequence[int]) -> list[int]:
        """How many rows of each draft can be gone on with."""
        try:
            held = json.loads((self.folder / DRAFT_STATE).read_text(encoding="utf-8"))
            rows = held.pop("rows")
            sizes = [place.stat().st_size for place in places]
        except (OSError, ValueError, LookupError, AttributeError):
            return [0, 0]
        whole = isinstance(rows, list) and len(rows) == 2 and all(type(count) is int and count >= 0 for count in rows)
        if held != self.state or not whole:
            return [0, 0]
        enough = all(size >= 4 * count * width for size, count, width in zip(sizes, rows, widths, strict=True))
        return rows if enough else [0, 0]

    def _keep(self, motion: Appender, text: Appender) -> None:
        """Have all that was encoded on the disk, and say so."""
        motion.flush()
        text.flush()
        draft = self.folder / (DRAFT_STATE + ".new")
        draft.write_text(json.dumps({**self.state, "rows": [motion.rows, text.rows]}), encoding="utf-8")
        draft.replace(self.folder / DRAFT_STATE)

    def _encoded(
        self, bodies: Sequence[_Body], texts: Sequence[str], motion: Appender, text: Appender, progress: Progress
    ) -> Iterator[Progress]:
        """Write the vectors that the drafts still lack."""
        waiting = bodies[_reached(bodies, motion.rows) :]
        done = len(bodies) - len(waiting)
        resumed = done + text.rows
        self.items.rate(resumed)
        yield replace(progress, done=resumed, takes=done)
        left, poses, said = sum(body.count for body in waiting), pace.Meter(), pace.Meter()
        poses.rate(-left)
        for block in _blocks(waiting):
            motion.add(self.motion_encoder.encode(self._slices(block)))
            self._keep(motion, text)
            left -= sum(body.count for body in block)
            done += len(block)
            yield self._now(progress, done + text.rows, pace.seconds_for(left, poses.rate(-left)), done)
        said.rate(text.rows)
        for first in range(text.rows, len(texts), BLOCK_TEXTS):
            text.add(self.text_encoder.encode(texts[first : first + BLOCK_TEXTS])[1])
            self._keep(motion, text)
            seconds = pace.seconds_for(len(texts) - text.rows, said.rate(text.rows))
            yield self._now(progress, done + text.rows, seconds, done)

    def _now(self, progress: Progress, done: int, seconds: float | None, takes: int) -> Progress:
        return replace(progress, done=done, takes=takes, rate=self.items.rate(done), seconds_left=seconds)

    def _slices(self, block: Sequence[_Body]) -> list[np.ndarray]:
        """The features of all windows of some entries, one after another."""
        poses, slices = self._poses.held()[:, 0], []
        for body in block:
            rows = rows_of(np.array(poses[body.first : body.first + body.count]))
            slices += [rows[first:last] for first, last in self._spans(body)]
        return slices

    def _spans(self, body: _Body) -> Iterator[tuple[int, int]]:
        return spans(_steps(body.count), self.motion_encoder.card.max_frames)

    def _switch(self, bodies: Sequence[_Body], texts: Sequence[str], motion: Appender, text: Appender) -> None:
        """Make the drafts the library's vectors: the files first, then the database."""
        model, extent = self.motion_encoder.model_id, {"motion_rows": motion.rows, "text_rows": text.rows}
        widths = {"motion_width": motion.width, "text_width": text.width}
        step = {"revision": self._meta.revision + 1, "generation": self._meta.generation + 1}
        meta = replace(self._meta, model=model, **extent, **widths, **step)
        for appender, place in zip((motion, text), vector_files(self.folder, meta), strict=True):
            appender.path.replace(place)
        first, entries = 0, []
        for body in bodies:
            ends = [seconds_of(*span, _steps(body.count), body.duration) for span in self._spans(body)]
            entries.append((first, np.array(ends, SPAN).tobytes(), body.entry))
            first += body.windows
        place_of = {words: row for row, words in enumerate(texts)}
        with guarded(self.folder):
            said = self._database.execute(f"SELECT id, text FROM captions WHERE {_SAID}").fetchall()
            self._begin()
            self._database.executemany("UPDATE entries SET row = ?, spans = ? WHERE id = ?", entries)
            self._database.executemany("UPDATE captions SET row = ? WHERE id = ?", [(place_of[t], i) for i, t in said])
            self.model, self._meta = model, meta
            self._write_meta()
            self._database.execute("COMMIT")
        (self.folder / DRAFT_STATE).unlink(missing_ok=True)
        self._close_vectors()
        self._open_vectors()  # which removes the old files


def _steps(poses: int) -> int:
    """Rows of features of so many poses; see `features.extract`."""
    return max(poses - 1, 1)


def _reached(bodies: Sequence[_Body], rows: int) -> int:
    """How many entries have all their windows among the first rows; a draft is always kept at the end of one."""
    ends = np.cumsum([body.windows for body in bodies])
    return int(np.searchsorted(ends, rows, side="right"))


def _blocks(bodies: Sequence[_Body]) -> Iterator[list[_Body]]:
    """Neighbours whose poses together make a block, or one that makes more by itself."""
    block: list[_Body] = []
    held = 0
    for body in bodies:
        if block and held + body.count > BLOCK_FRAMES:
            yield block
            block, held = [], 0
        block.append(body)
        held += body.count
    if block:
        yield block
