# SPDX-License-Identifier: GPL-3.0-or-later
"""How well the entries of one library answer a query: cosines of vectors, by entry, and the best of them.

A library of more than `SKETCHED` windows is not read whole for every query: its sketch (see `sketch`) says what every cosine is
at most, which rules most windows out, and only the others' vectors are read. The best entries and their scores are exactly
those of the full comparison: entries are taken in order of what they can be at most, until the next can't be among the best
(the threshold algorithm of Fagin, Lotem and Naor, 2003).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .filters import Mask
from .sketch import SKETCHED
from .store import Library

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

TEXT_WEIGHT = 0.7
TEXT_FLOOR = 0.1
WHOLE_SHARE = 0.5
WHOLE_SECONDS = 40.0
SHORTEST_NAME = 3
"""Letters that a query must have to be looked for inside names."""

FILE_NAME = re.compile(r"\S*[\d_.]\S*")
"""A query that is a part of a file's name and no description: one word with a digit, an underscore or a full stop."""
BY_NAME = 2.0
"""Added to the similarity of what such a query names: more than motion and texts together can be."""
BLOCK = 16_384
BATCH = 512
"""Entries whose vectors are read before it is asked again whether more are needed."""


@dataclass(frozen=True)
class Query:
    """What is looked for. latent: (d,), in the motions' space. sentence: (384,) and text, where it was asked in words."""

    latent: Floats
    sentence: Floats | None = None
    text: str = ""


@dataclass(frozen=True)
class Scores:
    """The best entries of one library for one query, the best first.

    numbers: (n,) their indices. similarity, motion: (n,) see `search`. text: (entries,), cosine of the nearest text, -1 without
    any, 1 where the query is in the name to the letter. named: (entries,), whether it is.
    middle: the median of `motion` over a sample of the library: what one is lifted from.
    complete: whether no other entry passes the filters.
    """

    library: Library
    query: Query
    numbers: Numbers
    similarity: Floats
    motion: Floats
    text: Floats
    named: Mask
    middle: float
    complete: bool

    def windows(self, numbers: Sequence[int]) -> list[Floats]:
        """Exact cosines of the windows of each of the entries at these indices."""
        first = self.library.windows.first
        spans = [np.arange(first[number], first[number + 1]) for number in numbers]
        cosines = _cosines(self.library, self.query, np.concatenate([np.zeros(0, np.int64), *spans]))
        return np.split(cosines, np.cumsum([len(span) for span in spans])[:-1]) if spans else []

    def nearest(self, number: int) -> int:
        """Index into `Library.texts` of the entry's text nearest to the query, -1 without any."""
        order, first = self.library.texts_by_entry
        mine = order[first[number] : first[number + 1]]
        if self.query.sentence is None or not len(mine):
            return -1
        rows = self.library.text_rows[mine]
        vectors = np.asarray(self.library.text)[np.maximum(rows, 0)]
        cosines = np.where(rows >= 0, vectors @ self.query.sentence, -1.0)
        return int(mine[len(mine) - 1 - int(np.argmax(cosines[::-1]))])


def score(library: Library, query: Query, limit: int, kept: Mask | None = None) -> Scores:
    """The best `limit` entries of those `kept` (entries,), all of them where there are fewer."""
    count = len(library.entries)
    text, named = np.full(count, -1.0, np.float32), np.zeros(count, bool)
    if query.sentence is not None:
        text, named = _text_scores(library, query.sentence), _named(library, query.text)
        text[named] = 1.0
    written = TEXT_WEIGHT * np.maximum(text - TEXT_FLOOR, 0.0)
    if FILE_NAME.fullmatch(query.text):
        written[named] = BY_NAME
    allowed = count
    if kept is not None:
        written[~kept] = -np.inf
        allowed = int(kept.sum())
    if len(library.windows.row) <= SKETCHED:
        motion = _motion(library, library.by_window(library.motion @ query.latent))
        numbers = _best(motion + written, limit)
        motion = motion[numbers]
    else:
        numbers, motion = _sketched(library, query, written, limit)
    similarity, middle = motion + written[numbers], _middle(library, query)
    return Scores(
        library, query, numbers, similarity, motion, text, named, middle, complete=len(numbers) == allowed or limit >= count
    )


def _middle(library: Library, query: Query) -> float:
    some, vectors = library.sample
    return float(np.median(_motion(library, vectors @ query.latent, some))) if len(some) else 0.0


def _best(similarity: Floats, limit: int) -> Numbers:
    """Indices of the `limit` greatest, the greatest first and of equals the first; -inf is out of the question."""
    count = min(limit, len(similarity))
    if not count:
        return np.zeros(0, np.int64)
    # All that tie with the last are looked at, so that of equals the first is taken.
    top = np.flatnonzero(similarity >= np.partition(similarity, -count)[-count])
    top = top[np.lexsort((top, -similarity[top]))][:count]
    return top[np.isfinite(similarity[top])]


def _motion(library: Library, windows: Floats, numbers: Numbers | None = None) -> Floats:
    """(entries,) the share of the similarity that is motion's, from the cosines of all windows (windows,).

    With `numbers`, of these entries alone, from the cosines of their windows one after another. -1 without any window.
    """
    table = library.windows
    count, whole, share = np.diff(table.first), table.whole - table.first[:-1], _shares(library)
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


def _shares(library: Library) -> Floats:
    """(entries,) the weight of the whole take's vector, where it has one."""
    return (WHOLE_SHARE * np.minimum(WHOLE_SECONDS / library.durations, 1.0)).astype(np.float32)


def _sketched(library: Library, query: Query, written: Floats, limit: int) -> tuple[Numbers, Floats]:
    """The best entries and their motion, without reading what can't be among them."""
    bounds = library.by_window(library.sketch.bounds(query.latent))
    most = _motion(library, bounds) + written
    similarity = np.full(len(most), -np.inf, np.float32)
    motion = np.full(len(most), -1.0, np.float32)
    order = _best(most, limit)
    least = np.float32(-np.inf)
    while len(order):
        motion[order] = _exact(library, query, order, bounds, least - written[order])
        similarity[order] = motion[order] + written[order]
        most[order] = -np.inf
        found = similarity[similarity > -np.inf]
        if len(found) >= limit:
            least = np.partition(found, -limit)[-limit]
        order = _best(most, BATCH)
        order = order[most[order] >= least]
    numbers = _best(similarity, limit)
    return numbers, motion[numbers]


def _exact(
    library: Library, query: Query, numbers: Numbers, bounds: Floats | None = None, least: Floats | None = None
) -> Floats:
    """(n,) motion of the chosen entries from their vectors.

    With what the cosine of each window is at most (windows,), only those windows are read that can lift their entry to `least`
    (n,) or above; an entry that none can lift is told to be lower than it may be.
    """
    table = library.windows
    whole, share = table.whole[numbers], _shares(library)[numbers]
    full = whole >= 0
    share = np.where(full, share, np.float32(0.0))
    count = (table.first[numbers + 1] - table.first[numbers]).astype(np.int64)
    entry = np.repeat(np.arange(len(numbers)), count)
    windows = np.arange(len(entry)) + np.repeat(table.first[numbers] - (np.cumsum(count) - count), count)
    if bounds is not None and least is not None:
        needed = least - share * np.where(full, bounds[np.maximum(whole, 0)], np.float32(0.0))
        may = (1.0 - share)[entry] * bounds[windows] >= needed[entry]
        entry, windows = entry[may], windows[may]
    best = np.full(len(numbers), -1.0, np.float32)
    np.maximum.at(best, entry, _cosines(library, query, windows))
    best[full] += share[full] * (_cosines(library, query, whole[full]) - best[full])
    return best


def _cosines(library: Library, query: Query, windows: Numbers) -> Floats:
    """Of chosen windows."""
    rows = library.windows.row[windows]
    parts = [library.reader.take(rows[i : i + BLOCK]) @ query.latent for i in range(0, len(rows), BLOCK)]
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
    if len(query) >= SHORTEST_NAME:
        names, begins = library.file_names
        found = np.array([match.start() for match in re.finditer(re.escape(query), names)], np.int64)
        named[np.searchsorted(begins, found, side="right") - 1] = True
    return named
