# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes of a studio that does not exist, made of real motion: jittered crops of CMU's takes, one subject after itself.

A virtual take is a sequence of crops of one performer's takes, each with a random beginning, length and speed, the whole of it
mirrored or not: no two are equal, and none is noise. Its number alone says what it is made of, so that any process can make it.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.data import wording
from models.data.clips import faster, mirror
from models.data.takes import DataSet
from tmr_blender.library.takes import spans
from tmr_blender.motion.features import FPS

SHORTEST, LONGEST = 5.0, 180.0
"""Seconds that a take is wanted to last: as many between 5 and 10 s as between 90 and 180 s."""
SPEED = 0.1
"""Greatest change of speed, as a share."""
CAPTIONED = 0.3
"""Share of the takes that keep what is written about their crops; the others are files without a word."""


@dataclass(frozen=True)
class Piece:
    """Frames [first, last) of the features of a real take, played `speed` times as fast."""

    take: str
    first: int
    last: int
    speed: float

    @property
    def frames(self) -> int:
        """As `models.data.clips.faster` counts them."""
        return max(round((self.last - self.first) / self.speed), 1)


@dataclass(frozen=True)
class Virtual:
    """A take that could have been recorded. captioned: whether it keeps the words about its pieces."""

    number: int
    subject: str
    pieces: tuple[Piece, ...]
    mirrored: bool
    captioned: bool

    @property
    def frames(self) -> int:
        """Rows of features."""
        return sum(piece.frames for piece in self.pieces)

    @property
    def path(self) -> str:
        """Of its file within the studio's folder; nothing in it says what happens."""
        return f"session_{self.subject}/Take_{self.number:05}_final.fbx"

    def spans(self, max_frames: int) -> list[tuple[int, int]]:
        """The windows that the index gives it, rows [first, last)."""
        return list(spans(self.frames, max_frames))


@dataclass(frozen=True)
class Studio:
    """The real takes that virtual ones are cut from."""

    data: DataSet

    @cached_property
    def _subjects(self) -> dict[str, list[str]]:
        """Names of the takes of every performer, those too short for a crop left out."""
        found: dict[str, list[str]] = {}
        for name in sorted(self.data.takes):
            if self.data.takes[name].seconds > 2.0:
                found.setdefault(name.split("_")[0], []).append(name)
        return found

    @cached_property
    def _shares(self) -> np.ndarray:
        """How much of all motion is each performer's."""
        seconds = np.array([sum(self.data.takes[name].seconds for name in names) for names in self._subjects.values()])
        return seconds / seconds.sum()

    @cached_property
    def _captions(self) -> dict[str, list[tuple[int, int, str]]]:
        """What is written about spans [first, last) of each real take; a text about the whole spans all of it."""
        found: dict[str, list[tuple[int, int, str]]] = {}
        for caption in self.data.captions:
            count = len(self.data.takes[caption.take].features)
            first = 0 if caption.start is None else int(caption.start * FPS)
            last = count if caption.end is None else int(caption.end * FPS)
            texts = (text for text in caption.texts if wording.says_something(text))
            found.setdefault(caption.take, []).extend((first, last, text) for text in texts)
        return found

    def take(self, number: int) -> Virtual:
        """The virtual take of a number, always the same."""
        random = np.random.default_rng((4, number))
        subject = list(self._subjects)[int(random.choice(len(self._shares), p=self._shares))]
        wanted = SHORTEST * math.exp(random.random() * math.log(LONGEST / SHORTEST)) * FPS
        names, pieces, frames = self._subjects[subject], [], 0
        while frames < wanted:
            name = names[int(random.integers(len(names)))]
            count = len(self.data.takes[name].features)
            length = min(max(int(count * random.uniform(0.4, 1.0)), int(2 * FPS)), math.ceil(wanted - frames) + int(FPS))
            first = int(random.integers(count - length + 1)) if length < count else 0
            pieces.append(Piece(name, first, min(first + length, count), float(random.uniform(1 - SPEED, 1 + SPEED))))
            frames += pieces[-1].frames
        return Virtual(number, subject, tuple(pieces), bool(random.random() < 0.5), bool(random.random() < CAPTIONED))

    def features(self, virtual: Virtual) -> np.ndarray:
        """(frames, 263) float32."""
        parts = [faster(self.data.takes[p.take].features[p.first : p.last], p.speed) for p in virtual.pieces]
        rows = np.concatenate(parts).astype(np.float32)
        return mirror(rows) if virtual.mirrored else rows

    def captions(self, virtual: Virtual) -> list[tuple[str, float, float]]:
        """(text, start, end) in seconds of what is written about spans that lie mostly within a piece."""
        if not virtual.captioned:
            return []
        said, begin = [], 0
        for piece in virtual.pieces:
            for first, last, text in self._captions.get(piece.take, ()):
                low, high = max(first, piece.first), min(last, piece.last)
                if high - low >= 0.6 * (last - first):
                    start, end = ((at - piece.first) / piece.speed + begin for at in (low, high))
                    told = wording.mirrored(text) if virtual.mirrored else text
                    said.append((told, start / FPS, min(end, begin + piece.frames) / FPS))
            begin += piece.frames
        return said
