# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a long take something happens: its best spans for a description.

Windows of several lengths slide over the take. Each is told by how far its cosine with the query stands out above its mean
cosine with sentences about motion at large: a window that is near to every text says little about this one. A window's
neighbours vouch for it (their mean, weighted by how much they overlap), then the best come first and every window that
overlaps a better one gives way (non-maximum suppression).

All this was chosen on BABEL's labels of 220 CMU takes (1,765 labels, of 1.5 s in the middle), by the recall of the labelled
span at an intersection over union (IoU) of 0.5 among the first five. With one network: windows of 2.5, 5 and 10 s by plain
cosines 27.1 %; windows of `LENGTHS` 34.8; standing out 36.0 (each window's deviation counted too, 35.8); giving way at an IoU
of 0.3 instead of 0.5 36.9; none under 1.5 s offered 37.7; neighbours 40.6. Random spans get 13.5. `models.moments` measures
with these very functions.
"""

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import QueryProblem
from ..motion import features
from ..tmr.encoders import MotionEncoder, TextEncoder
from .search import check_model
from .similar import Motion
from .store import Library

Floats = NDArray[np.float32]
Seconds = NDArray[np.float64]

LENGTHS = tuple(1.5**i for i in range(8))
"""Seconds of the windows of a file: one to seventeen, each half as long again as the one before."""
STRIDE = 0.25
"""Share of its length by which such a window moves on; a library stores fewer (`takes.WINDOW_SECONDS`)."""
SHORTEST = 1.5
"""Seconds of a window that is offered; shorter ones only vouch for it."""
OVERLAP = 0.3
"""Intersection over union above which the lower of two windows gives way."""
SHARPNESS = 2
"""Power of the intersection over union that a neighbour's word weighs."""
BLOCK = 256
"""Windows whose neighbours are looked up together."""
ENCODED = 32
"""Windows that are encoded between two looks at the progress; about half a second."""
STEP, MOST_STEPS = 0.1, 4000
"""Seconds from one point of a curve to the next, and how many there are at most."""


@dataclass(frozen=True)
class Moment:
    """A span of a take, seconds. score: 0..1, see `score_of`."""

    start: float
    end: float
    score: float

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Encoded:
    """A motion's windows, of which any number of queries can be asked.

    spans: (w, 2) seconds. latents: (w, d), unit rows. duration: seconds of the motion.
    """

    spans: Seconds
    latents: Floats
    duration: float


@dataclass(frozen=True)
class Curve:
    """How well a description fits over the time of a take. scores: 0..1 at every `step` seconds from 0. moments: best first."""

    step: float
    scores: tuple[float, ...]
    moments: tuple[Moment, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def of_entry(library: Library, number: int, latent: Floats, encoder: TextEncoder, limit: int = 5) -> list[Moment]:
    """The best moments of the entry at an index for a query's latent (d,) of that encoder, best first.

    From its stored windows. Raises LibraryProblem where the encoder's model is not the library's.
    """
    check_model(library, encoder.model_id)
    windows = library.windows
    first, last = windows.first[number : number + 2]
    spans = np.stack([windows.start[first:last], windows.end[first:last]], axis=1)
    return best(spans, stand_out(library.motion[windows.row[first:last]], latent, encoder.background), limit)


def of_motion(motion: Motion, encoder: MotionEncoder, latent: Floats, background: Floats, limit: int = 5) -> list[Moment]:
    """The best moments of a motion that is in no library, or to be looked at more closely, for a query's latent (d,).

    background: that of the text encoder which made the latent.
    """
    encoded = drained(encoding(motion, encoder))
    return best(encoded.spans, stand_out(encoded.latents, latent, background), limit)


def drained(run: Generator[float, None, Encoded]) -> Encoded:
    """What `encoding` comes to, without a look at its progress."""
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value


def encoding(motion: Motion, encoder: MotionEncoder) -> Generator[float, None, Encoded]:
    """Encode a motion's windows; yields the share (0..1) that is done. It stops where it is no longer asked for more."""
    frames = windows(len(motion.rows), encoder.card.max_frames)
    frames = frames[np.argsort(frames[:, 1] - frames[:, 0], kind="stable")]  # those of like length run together
    share = np.cumsum(frames[:, 1] - frames[:, 0]) / np.sum(frames[:, 1] - frames[:, 0])
    latents = []
    for first in range(0, len(frames), ENCODED):
        block = frames[first : first + ENCODED]
        latents.append(encoder.encode([motion.rows[start:end] for start, end in block.tolist()]))
        yield float(share[first + len(block) - 1])
    spans = np.minimum(frames / features.FPS, motion.facts.duration)
    return Encoded(spans, np.concatenate(latents), motion.facts.duration)


def curve(encoded: Encoded, latent: Floats, background: Floats, limit: int = 5) -> Curve:
    """The scores of a query's latent (d,) over a motion's time and its best moments. Raises QueryProblem for a limit below 1.

    background: that of the text encoder which made the latent. Moments that are no nearer to the query than to any sentence
    (a score below 0.5) are left out, the best one never is.
    """
    standing = stand_out(encoded.latents, latent, background)
    found = best(encoded.spans, standing, limit)
    step = max(STEP, encoded.duration / (MOST_STEPS - 1))
    times = np.arange(0.0, encoded.duration + step / 2.0, step)
    scores = [score_of(float(one)) for one in over_time(encoded.spans, standing, times)]
    return Curve(step, tuple(scores), tuple(one for one in found if one is found[0] or one.score >= 0.5))


def over_time(spans: Seconds, standing: Floats, times: Seconds) -> Seconds:
    """How far a motion stands out at its times (t,): the mean over the lengths of its windows (n, 2).

    Of one length a time has the standing of the window about it, between the middles of two a straight line. Of 109 labels in
    14 of BABEL's CMU takes this puts a time within the label above one outside of it in 69.6 % of all pairs; the highest
    length instead of the mean in 65.6 %, all windows weighed by their overlap with the 2 s about it in 69.0 %, chance in 50 %.
    """
    length = spans[:, 1] - spans[:, 0]
    order = np.argsort(length, kind="stable")
    # The last window of a length may be cut by the end of the motion, less than a frame before it.
    rows = np.split(order, np.flatnonzero(np.diff(length[order]) > 1.5 / features.FPS) + 1)
    # One that is as long as the motion says nothing about where.
    rows = [row for row in rows if len(row) > 1] or rows
    found = np.zeros(len(times))
    for row in rows:
        row = row[np.argsort(spans[row].sum(axis=1), kind="stable")]
        found += np.interp(times, spans[row].mean(axis=1), standing[row])
    return found / len(rows)


def windows(rows: int, max_frames: int) -> NDArray[np.int64]:
    """Windows (w, 2), [first, last), of a motion's rows: all of it where it fits, and every length of `LENGTHS` that does.

    The last of each length ends with the motion.
    """
    lengths = [round(seconds * features.FPS) for seconds in LENGTHS]
    found = [[0, rows]] if rows <= max_frames else []
    for length in sorted({length for length in lengths if length < rows and length <= max_frames} or {min(rows, max_frames)}):
        starts = [*range(0, rows - length, max(round(length * STRIDE), 1)), rows - length]
        found.extend([start, start + length] for start in starts)
    return np.unique(np.array(found, np.int64), axis=0)


def stand_out(motions: Floats, queries: Floats, background: Floats) -> Floats:
    """How far motions (w, d) are nearer to the queries (d,) or (q, d) than to sentences at large (b, d): (w,) or (w, q).

    0: as near as to those on average. 1: by one standard deviation of a motion's cosines with them, the same for all motions,
    so that the order is that of the cosines less each motion's mean.
    """
    at_large = motions @ background.T
    mean, deviation = at_large.mean(axis=1), max(float(at_large.std(axis=1).mean()), 1e-6)
    return ((motions @ queries.T).T - mean).T / deviation


def iou(a: Seconds, b: Seconds) -> Seconds:
    """Intersection over union of spans (..., 2) with spans (..., 2), broadcast."""
    shared = np.clip(np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]), 0.0, None)
    joined = (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0]) - shared
    return shared / np.maximum(joined, 1e-9)


def vouched(spans: Seconds, standing: Floats) -> Floats:
    """Each span's standing (n,) as the mean over all spans (n, 2), weighted by a power of their overlap with it."""
    order = np.argsort(spans[:, 0], kind="stable")
    found = np.empty(len(spans), np.float32)
    for block in np.array_split(order, -(-len(order) // BLOCK)):
        near = np.flatnonzero((spans[:, 0] < spans[block, 1].max()) & (spans[:, 1] > spans[block, 0].min()))
        weights = iou(spans[block, None], spans[None, near]) ** SHARPNESS
        found[block] = weights @ standing[near] / weights.sum(axis=1)
    return found


def suppress(spans: Seconds, standing: NDArray[np.floating], limit: int) -> list[int]:
    """Indices of at most `limit` spans (n, 2), best first, none of which overlaps a better one by more than `OVERLAP`.

    Spans shorter than `SHORTEST` are not offered where a longer one exists.
    """
    long = spans[:, 1] - spans[:, 0] >= SHORTEST - 0.5 / features.FPS
    free = long if long.any() else ~long
    chosen: list[int] = []
    while free.any() and len(chosen) < limit:
        top = int(np.argmax(np.where(free, standing, -np.inf)))
        chosen.append(top)
        free = free & (iou(spans[top], spans) <= OVERLAP)
        free[top] = False
    return chosen


def best(spans: Seconds, standing: Floats, limit: int) -> list[Moment]:
    """At most `limit` of the spans (n, 2), best first, by how they stand out (n,). Raises QueryProblem for a limit below 1."""
    if limit < 1:
        raise QueryProblem("Ask for at least one moment.")
    if not len(spans):
        return []
    weighed = vouched(spans, standing)
    return [
        Moment(round(float(spans[i, 0]), 3), round(float(spans[i, 1]), 3), score_of(float(weighed[i])))
        for i in suppress(spans, weighed, limit)
    ]


def score_of(standing: float) -> float:
    """0..1, rising with the standing, which is what ranks: its logistic function.

    0.5: no nearer to the query than to any sentence about motion; 0.73, 0.88, 0.95: nearer by 1, 2, 3 standard deviations.
    """
    return round(float(1.0 / (1.0 + np.exp(-standing))), 4)
