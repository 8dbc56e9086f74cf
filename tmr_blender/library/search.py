# SPDX-License-Identifier: GPL-3.0-or-later
"""Search: encode the query, score the vectors, group by take.

A take's similarity to the query is that of its motion, plus what is written about it:

    similarity = motion + TEXT_WEIGHT * max(text - TEXT_FLOOR, 0)
    motion = (1 - share) * best window + share * whole take, share = WHOLE_SHARE * min(1, WHOLE_SECONDS / duration)

Best window and whole take are cosines between query and motion in the space of the two encoders. A query that describes
the whole of a take is best met by its whole vector, one that asks for a moment by a window, and in a take of minutes only
the window counts. text is the cosine of the query's sentence vector with the nearest of the take's captions and name
words. Written words only ever add: a take without any loses nothing to a neighbour whose words are beside the point (below
the floor). All figures are cosines, so a hit's score does not depend on what else the library holds.

The constants were chosen on 240 captions by people (KIT) of as many takes that the encoders had not trained on, with CMU's
short descriptions as the takes' texts. An early model's R@1, R@10 and median rank there: best window alone 7, 42, 15; whole
take alone 7, 49, 11; motion as above 8, 49, 11; texts alone 16, 42, 20; all together 19, 52, 9. From 1 to 1.5 the weight of
texts makes no difference that could be told from chance.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import LibraryProblem, QueryProblem
from ..tmr.encoders import TextEncoder
from .filters import mask
from .store import Library

Matched = Literal["motion", "caption", "name"]

TEXT_WEIGHT = 1.25
TEXT_FLOOR = 0.1
WHOLE_SHARE = 0.5
WHOLE_SECONDS = 40.0
BEND = 0.2
"""Similarity from which the score bends towards 1, which motion and text together may exceed."""
MOMENT_MARGIN = 0.05
"""A shorter window is the better moment while its cosine is within this of the take's best."""

SHORTEST_NAME = 3
"""Letters that a query must have to be looked for inside names."""


@dataclass(frozen=True)
class Hit:
    """One take that answers a query, with its best moment.

    name: of the take. caption: the one of its captions nearest to the query, "" where it has none.
    score: 0..1, see `score_of`. start, end: seconds in the take.
    path: absolute, of the file. take: which of the file's clips, as `motion.readers.read` numbers them.
    matched: what lifted it most, its motion, a caption or its name. library: the library's folder. entry: the take's
    number in it. duration: of the whole take, seconds.
    """

    name: str
    caption: str
    score: float
    start: float
    end: float
    path: str
    matched: Matched
    library: str
    entry: int
    take: int
    duration: float

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class _Scores:
    """Cosines of one library with one query. windows: (windows,). motion: (entries,), as above.

    text: (entries,), nearest text, -1 without any, 1 where the query is in the name to the letter.
    nearest: (entries,), index into `Library.texts`, or -1. named: (entries,), whether it is in the name to the letter.
    """

    windows: NDArray[np.float32]
    motion: NDArray[np.float32]
    text: NDArray[np.float32]
    nearest: NDArray[np.int64]
    named: NDArray[np.bool_]

    @cached_property
    def middle(self) -> float:
        """The median of the motions' cosines: what one is lifted from."""
        return float(np.median(self.motion))

    @property
    def similarity(self) -> NDArray[np.float32]:
        return self.motion + TEXT_WEIGHT * np.maximum(self.text - TEXT_FLOOR, 0.0)


def search(
    libraries: Sequence[Library],
    query: str,
    encoder: TextEncoder,
    limit: int = 20,
    filters: Mapping[str, Any] | None = None,
) -> list[Hit]:
    """The best takes of all the libraries together, best first; only those that pass the filters (see `filters.FILTERS`).

    Raises QueryProblem for an empty query or an unknown filter, LibraryProblem where there is nothing to search or where a
    library was indexed with another model than the encoder's.
    """
    query = " ".join(query.split())
    if not any(character.isalnum() for character in query):
        raise QueryProblem("Type what the motion should look like, for example: a person limps, then sits down.")
    if limit < 1:
        raise QueryProblem("Ask for at least one result.")
    for library in libraries:
        _check(library, encoder)
    if not any(library.entries for library in libraries):
        raise LibraryProblem("There is nothing to search yet: index a folder of motions first.")
    latents, sentences = encoder.encode([query])
    ranked: list[tuple[float, int, int]] = []
    scores = [_score(library, query, latents[0], sentences[0]) for library in libraries]
    for place, (library, score) in enumerate(zip(libraries, scores, strict=True)):
        ranked += [(value, place, entry) for value, entry in _best(library, score.similarity, limit, filters or {})]
    ranked.sort(key=lambda row: (-row[0], row[1], row[2]))
    return _hits(libraries, scores, ranked, limit)


def _check(library: Library, encoder: TextEncoder) -> None:
    if library.entries and library.meta.model != encoder.model_id:
        raise LibraryProblem(
            f"The library {library.path} was indexed with the model {library.meta.model}, this search uses "
            f"{encoder.model_id}: their vectors can't be compared. Index its folders into a new library."
        )


def _score(library: Library, query: str, latent: NDArray[np.float32], sentence: NDArray[np.float32]) -> _Scores:
    count = len(library.entries)
    windows = np.full(len(library.windows.row), -1.0, np.float32)
    motion = np.full(count, -1.0, np.float32)
    if len(windows):
        windows = (library.motion @ latent)[library.windows.row]
        # An entry without a window would break reduceat's spans: only entries that have some are reduced.
        has = np.flatnonzero(np.diff(library.windows.first))
        motion[has] = np.maximum.reduceat(windows, library.windows.first[has])
        whole = np.where(library.windows.whole >= 0, windows[library.windows.whole], motion)
        share = WHOLE_SHARE * np.minimum(WHOLE_SECONDS / library.durations, 1.0)
        motion += share.astype(np.float32) * (whole - motion)
    text, nearest = _text_scores(library, sentence)
    named = _named(library, query)
    text[named] = 1.0
    return _Scores(windows, motion, text, nearest, named)


def _named(library: Library, query: str) -> NDArray[np.bool_]:
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


def _text_scores(library: Library, sentence: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Cosine of each entry's nearest text with the query, and which text; -1, -1 without any."""
    best = np.full(len(library.entries), -1.0, np.float32)
    nearest = np.full(len(library.entries), -1, np.int64)
    if not library.texts:
        return best, nearest
    rows = library.text_rows
    cosines = np.full(len(rows), -1.0, np.float32)
    if len(library.text):
        cosines = np.where(rows >= 0, (library.text @ sentence)[np.maximum(rows, 0)], np.float32(-1.0))
    # In rising order of cosine the last one written to an entry is its nearest.
    order = np.argsort(cosines, kind="stable")
    nearest[library.text_entries[order]] = order
    held = nearest >= 0
    best[held] = cosines[nearest[held]]
    return best, nearest


def _best(library: Library, similarity: NDArray[np.float32], limit: int, filters: Mapping[str, Any]) -> list[tuple[float, int]]:
    """(similarity, entry) of the best entries of one library that pass the filters, best first."""
    if filters:
        similarity = np.where(mask(library, filters), similarity, -np.inf)
    count = min(limit, len(similarity))
    if not count:
        return []
    top = np.argpartition(-similarity, count - 1)[:count]
    top = top[np.lexsort((top, -similarity[top]))]
    return [(float(similarity[entry]), int(entry)) for entry in top if np.isfinite(similarity[entry])]


def _hits(
    libraries: Sequence[Library], scores: Sequence[_Scores], ranked: Sequence[tuple[float, int, int]], limit: int
) -> list[Hit]:
    """The first `limit` of the ranking; a take that several libraries hold appears once."""
    hits: list[Hit] = []
    seen: set[tuple[str, int]] = set()
    for value, place, entry in ranked:
        hit = _hit(libraries[place], scores[place], entry, value)
        if (hit.path, hit.take) not in seen:
            seen.add((hit.path, hit.take))
            hits.append(hit)
        if len(hits) == limit:
            break
    return hits


def _hit(library: Library, scores: _Scores, number: int, value: float) -> Hit:
    entry = library.entries[number]
    matched = _matched(library, scores, number)
    start, end = _moment(library, scores, number)
    caption = ""
    if scores.nearest[number] >= 0:
        text = library.texts[scores.nearest[number]]
        if text.kind == "caption":
            caption = text.text
            if matched == "caption" and text.start is not None and text.end is not None:
                start, end = text.start, min(text.end, entry.duration)
    return Hit(
        name=entry.name,
        caption=caption,
        score=round(score_of(value), 4),
        start=round(start, 3),
        end=round(end, 3),
        path=str(entry.path),
        matched=matched,
        library=str(library.path),
        entry=entry.id,
        take=entry.take,
        duration=entry.duration,
    )


def score_of(similarity: float) -> float:
    """What people see, 0..1: (similarity + 1) / 2, bent (without a kink) so that it stays below 1 and keeps the order."""
    if similarity <= BEND:
        return max((similarity + 1.0) / 2.0, 0.0)
    room = (1.0 - BEND) / 2.0
    return 1.0 - room * math.exp((BEND - similarity) / (2.0 * room))


def _moment(library: Library, scores: _Scores, number: int) -> tuple[float, float]:
    """The tightest window that is nearly as good as the entry's best; the whole take where it has none."""
    first, last = library.windows.first[number : number + 2]
    if first == last:
        return 0.0, library.entries[number].duration
    cosines = scores.windows[first:last]
    start, end = library.windows.start[first:last], library.windows.end[first:last]
    near = np.flatnonzero(cosines >= cosines.max() - MOMENT_MARGIN)
    chosen = near[np.lexsort((-cosines[near], np.round(end - start, 1)[near]))[0]]
    return float(start[chosen]), float(end[chosen])


def _matched(library: Library, scores: _Scores, number: int) -> Matched:
    """Text where its share of the similarity is larger than what the motion has above the library's middle."""
    share = TEXT_WEIGHT * max(float(scores.text[number]) - TEXT_FLOOR, 0.0)
    if share <= max(float(scores.motion[number]) - scores.middle, 0.0):
        return "motion"
    return "name" if scores.named[number] or library.texts[scores.nearest[number]].kind == "name" else "caption"
