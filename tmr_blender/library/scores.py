# SPDX-License-Identifier: GPL-3.0-or-later
"""How well the entries of one library answer a query: cosines of vectors, by entry.

A library of more than `SKETCHED` windows is not read whole for every query: its sketch (see `sketch`) bounds every cosine
from both sides, which rules most entries out, and only the others' vectors are read. The best entries and their scores are
exactly those of the full comparison.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .filters import Mask
from .store import Library

Floats = NDArray[np.float32]

TEXT_WEIGHT = 0.7
TEXT_FLOOR = 0.1
WHOLE_SHARE = 0.5
WHOLE_SECONDS = 40.0
SHORTEST_NAME = 3
"""Letters that a query must have to be looked for inside names."""

SKETCHED = 50_000
"""Windows from which on a sketch pays."""
BLOCK = 16_384


@dataclass(frozen=True)
class Query:
    """What is looked for. latent: (d,), in the motions' space. sentence: (384,) and text, where it was asked in words."""

    latent: Floats
    sentence: Floats | None = None
    text: str = ""


@dataclass(frozen=True)
class Scores:
    """Cosines of one library with one query.

    similarity: (entries,), exact in those that may be among the best `limit`, at most the true one in the others.
    motion: (entries,), see `search`; exact in the same entries, a close estimate in the others.
    text: (entries,), nearest text, -1 without any, 1 where the query is in the name to the letter. named: (entries,), whether
    it is.
    """

    library: Library
    query: Query
    similarity: Floats
    motion: Floats
    text: Floats
    named: Mask

    @cached_property
    def middle(self) -> float:
        """The median of the motions' cosines: what one is lifted from."""
        return float(np.median(self.motion))

    def windows(self, number: int) -> Floats:
        """Exact cosines of the windows of the entry at an index."""
        first, last = self.library.windows.first[number : number + 2]
        return self.library.motion[self.library.windows.row[first:last]] @ self.query.latent

    def nearest(self, number: int) -> int:
        """Index into `Library.texts` of the entry's text nearest to the query, -1 without any."""
        order, first = self.library.texts_by_entry
        mine = order[first[number] : first[number + 1]]
        if self.query.sentence is None or not len(mine):
            return -1
        rows = self.library.text_rows[mine]
        cosines = np.where(rows >= 0, self.library.text[np.maximum(rows, 0)] @ self.query.sentence, -1.0)
        return int(mine[len(mine) - 1 - int(np.argmax(cosines[::-1]))])


def score(library: Library, query: Query, limit: int, kept: Mask | None = None) -> Scores:
    """Score every entry; the best `limit` of those `kept` (entries,) are sure to be exact."""
    count = len(library.entries)
    text, named = np.full(count, -1.0, np.float32), np.zeros(count, bool)
    if query.sentence is not None:
        text, named = _text_scores(library, query.sentence), _named(library, query.text)
        text[named] = 1.0
    written = TEXT_WEIGHT * np.maximum(text - TEXT_FLOOR, 0.0)
    if kept is not None:
        written[~kept] = -np.inf
    if len(library.windows.row) <= SKETCHED:
        motion = _motion(library, (library.motion @ query.latent)[library.windows.row])
        return Scores(library, query, motion + written, motion, text, named)
    similarity, motion = _sketched(library, query, written, limit)
    return Scores(library, query, similarity, motion, text, named)


def _motion(library: Library, windows: Floats, numbers: NDArray[np.int64] | None = None) -> Floats:
    """(entries,) the share of the similarity that is motion's, from the cosines of all windows (windows,).

    With `numbers`, of these entries alone, from the cosines of their windows one after another. -1 without any window.
    """
    table = library.windows
    count, whole, share = np.diff(table.first), table.whole - table.first[:-1], shares(library)
    if numbers is not None:
        count, whole, share = count[numbers], whole[numbers], share[numbers]
    first = np.cumsum(count) - count
    motion = np.full(len(count), -1.0, np.float32)
    # An entry without a window would break reduceat's spans: only entries that have some are reduced.
    has = np.flatnonzero(count)
    if len(has):
        motion[has] = np.maximum.reduceat(windows, first[has])
    full = np.flatnonzero(whole >= 0)
    motion[full] += share[full] * (windows[first[full] + whole[full]] - motion[full])
    return motion


def shares(library: Library) -> Floats:
    """(entries,) the weight of the whole take's vector."""
    return (WHOLE_SHARE * np.minimum(WHOLE_SECONDS / library.durations, 1.0)).astype(np.float32)


def _sketched(library: Library, query: Query, written: Floats, limit: int) -> tuple[Floats, Floats]:
    """Similarity and motion, by bounds first and then exactly where the bounds leave it open."""
    estimate, slack = library.sketch.estimate(query.latent)
    motion = _motion(library, estimate)
    # Both the best window and the whole are within the slack of theirs, so their weighted mean is, too.
    similarity = motion - slack + written
    bound = np.partition(similarity, -limit)[-limit] if limit < len(similarity) else np.float32(-np.inf)
    may = np.flatnonzero((motion + slack + written >= bound) & (written > -np.inf))
    motion[may] = _motion(library, _exact(library, query, may), may)
    similarity[may] = motion[may] + written[may]
    return similarity, motion


def _exact(library: Library, query: Query, numbers: NDArray[np.int64]) -> Floats:
    """Cosines of all windows of the chosen entries, one after another."""
    first = library.windows.first
    count = np.diff(first)[numbers]
    # first[i], first[i] + 1, ... for every chosen i
    spans = np.arange(count.sum()) + np.repeat(first[numbers] - (np.cumsum(count) - count), count)
    rows = library.windows.row[spans]
    parts = [library.motion[rows[i : i + BLOCK]] @ query.latent for i in range(0, len(rows), BLOCK)]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _text_scores(library: Library, sentence: Floats) -> Floats:
    """(entries,) cosine of each entry's nearest text with the query, -1 without any."""
    best = np.full(len(library.entries), -1.0, np.float32)
    order, first = library.texts_by_entry
    if len(order) and len(library.text):
        rows = library.text_rows[order]
        cosines = np.where(rows >= 0, (library.text @ sentence)[np.maximum(rows, 0)], np.float32(-1.0))
        has = np.flatnonzero(np.diff(first))
        best[has] = np.maximum.reduceat(cosines, first[has])
    return best


def _named(library: Library, query: str) -> Mask:
    """(entries,) whether the query stands in the entry's name, as one types a file's name to get at it."""
    named = np.zeros(len(library.entries), bool)
    query = query.casefold()
    if len(query) < SHORTEST_NAME:
        return named
    names, begins = library.file_names
    at = names.find(query)
    while at >= 0:
        entry = int(np.searchsorted(begins, at, side="right")) - 1
        named[entry] = True
        at = names.find(query, int(begins[entry + 1])) if entry + 1 < len(begins) else -1
    return named
