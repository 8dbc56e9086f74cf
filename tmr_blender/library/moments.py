# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a long take something happens: its best spans for a description, none overlapping another.

Every window's cosine with the query is compared, best first, and a window that overlaps one already chosen is passed over
(non-maximum suppression). Of the windows around a best one that are nearly as good, the tightest is shown.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import QueryProblem
from ..motion import features
from ..tmr.encoders import MotionEncoder
from .search import MOMENT_MARGIN, check_model
from .similar import Motion
from .store import Library
from .takes import WINDOW_SECONDS

Floats = NDArray[np.float32]
Seconds = NDArray[np.float64]

OVERLAP = 0.25
"""Share of the shorter of two spans that may lie in the other."""
HOP = 4
"""A file that is read for its moments has a window every quarter of its length; a library stores every half."""


@dataclass(frozen=True)
class Moment:
    """A span of a take, seconds. score: 0..1, (cosine + 1) / 2."""

    start: float
    end: float
    score: float

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def of_entry(library: Library, number: int, latent: Floats, model: str, limit: int = 5) -> list[Moment]:
    """The best moments of the entry at an index for a query's latent (d,), best first; from its stored windows.

    Raises LibraryProblem where the model with that id is not the library's.
    """
    check_model(library, model)
    windows = library.windows
    first, last = windows.first[number : number + 2]
    cosines = library.motion[windows.row[first:last]] @ latent
    return best(windows.start[first:last], windows.end[first:last], cosines, limit)


def of_motion(motion: Motion, encoder: MotionEncoder, latent: Floats, limit: int = 5) -> list[Moment]:
    """The best moments of a motion that is in no library, or to be looked at more closely, for a query's latent (d,)."""
    spans = list(_spans(len(motion.rows), encoder.card.max_frames))
    cosines = encoder.encode([motion.rows[first:last] for first, last in spans]) @ latent
    start, end = (np.array(column, np.float64) / features.FPS for column in zip(*spans, strict=True))
    return best(start, np.minimum(end, motion.facts.duration), cosines, limit)


def _spans(rows: int, max_frames: int) -> Iterator[tuple[int, int]]:
    """Windows [first, last) of every length that fits, each a `HOP`-th of it after the one before; at least one."""
    lengths = [min(round(seconds * features.FPS), max_frames) for seconds in WINDOW_SECONDS]
    fitting = sorted({length for length in lengths if length < rows}) or [min(rows, max_frames)]
    for length in fitting:
        starts = [*range(0, rows - length, max(length // HOP, 1)), rows - length]
        yield from ((start, start + length) for start in starts)


def best(start: Seconds, end: Seconds, cosines: Floats, limit: int) -> list[Moment]:
    """At most `limit` of the spans (n,), best first, by non-maximum suppression. Raises QueryProblem for a limit below 1."""
    if limit < 1:
        raise QueryProblem("Ask for at least one moment.")
    found: list[Moment] = []
    free = np.ones(len(start), bool)
    while free.any() and len(found) < limit:
        top = int(np.argmax(np.where(free, cosines, -np.inf)))
        near = np.flatnonzero(free & (cosines >= cosines[top] - MOMENT_MARGIN) & (_overlap(start, end, top) > OVERLAP))
        shown = near[np.lexsort((-cosines[near], np.round(end - start, 1)[near]))[0]]
        found.append(Moment(round(float(start[shown]), 3), round(float(end[shown]), 3), _score(float(cosines[shown]))))
        # What overlaps the best is explained by it, what overlaps the span that is shown would be shown twice.
        free &= (_overlap(start, end, top) <= OVERLAP) & (_overlap(start, end, int(shown)) <= OVERLAP)
    return sorted(found, key=lambda moment: (-moment.score, moment.start))


def _overlap(start: Seconds, end: Seconds, one: int) -> Seconds:
    """(n,) how much of the shorter of each span and the chosen one lies in both, 0..1."""
    shared = np.minimum(end, end[one]) - np.maximum(start, start[one])
    return np.maximum(shared, 0.0) / np.minimum(end - start, end[one] - start[one])


def _score(cosine: float) -> float:
    return round((cosine + 1.0) / 2.0, 4)
