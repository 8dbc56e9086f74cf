# SPDX-License-Identifier: GPL-3.0-or-later
"""Search: encode the query, score the vectors, group by take.

A take's similarity to the query is that of its motion, plus what is written about it:

    similarity = motion + TEXT_WEIGHT * max(text - TEXT_FLOOR, 0)
    motion = (1 - share) * best window + share * whole take, share = WHOLE_SHARE * min(1, WHOLE_SECONDS / duration)

Best window and whole take are cosines between query and motion in the space of the two encoders. A query that describes
the whole of a take is best met by its whole vector, one that asks for a moment by a window, and in a take of minutes only
the window counts. text is the cosine of the query with the nearest of the take's captions and name words, in the text
encoder's space of words. Written words only ever add: a take without any loses nothing to a neighbour whose words are beside
the point (below the floor). All figures are cosines, so a hit's score does not depend on what else the library holds.

The constants were chosen on 240 captions by people (KIT) of as many takes that the encoders had not trained on (draw 1), with
CMU's short descriptions as the takes' texts. R@10 and median rank there, three networks together: motion 70, 5.5; texts 62, 6;
both 75, 5; the language model's sentence vectors as they come, 43, 20. From 0.5 to 0.9 the weight of texts makes no difference
that could be told from chance. The shares of window and whole are from an early model: best window alone 42, 15; whole take
alone 49, 11; as above 49, 11.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import LibraryProblem, QueryProblem
from ..tmr.encoders import TextEncoder
from .filters import mask
from .schema import HOW_TO_REENCODE
from .scores import TEXT_FLOOR, TEXT_WEIGHT, Query, Scores, score
from .store import Library

Matched = Literal["motion", "caption", "name"]

BEND = 0.2
"""Similarity from which the score bends towards 1, which motion and text together may exceed."""
MOMENT_MARGIN = 0.05
"""A shorter window is the better moment while its cosine is within this of the take's best."""


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
    latent, sentence, words = asked(query, encoder)
    return ranked(libraries, Query(latent, sentence, words), encoder.model_id, limit, filters)


def asked(query: str, encoder: TextEncoder) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
    """Latent, sentence vector and tidied text of a description. Raises QueryProblem for an empty one."""
    words = " ".join(query.split())
    if not any(character.isalnum() for character in words):
        raise QueryProblem("Type what the motion should look like, for example: a person limps, then sits down.")
    latents, sentences = encoder.encode([words])
    return latents[0], sentences[0], words


def ranked(
    libraries: Sequence[Library],
    query: Query,
    model: str,
    limit: int,
    filters: Mapping[str, Any] | None = None,
    but: tuple[str, int] | None = None,
) -> list[Hit]:
    """The best takes for a query that is encoded already, by the model of that id; see `search`.

    but: (path, take) that is left out, being the query itself.
    """
    if limit < 1:
        raise QueryProblem("Ask for at least one result.")
    for library in libraries:
        check_model(library, model)
    if not any(library.entries for library in libraries):
        raise LibraryProblem("There is nothing to search yet: index a folder of motions first.")
    count = limit + (but is not None)
    scores = [score(library, query, count, mask(library, filters) if filters else None) for library in libraries]
    rows = [(value, i, entry) for i, found in enumerate(scores) for value, entry in _best(found.similarity, count)]
    rows.sort(key=lambda row: (-row[0], row[1], row[2]))
    return _hits(scores, rows, limit, but)


def check_model(library: Library, model: str) -> None:
    """Raise LibraryProblem where the library's vectors are not those of the model with that id."""
    if library.entries and library.meta.model != model:
        raise LibraryProblem(
            f"The library {library.path} was indexed with the model {library.meta.model}, this search uses "
            f"{model}: their vectors can't be compared. {HOW_TO_REENCODE}"
        )


def _best(similarity: NDArray[np.float32], limit: int) -> list[tuple[float, int]]:
    """(similarity, entry) of the best entries of one library, best first; -inf is out of the question."""
    count = min(limit, len(similarity))
    if not count:
        return []
    # All that tie with the last are looked at, so that of equals the first is taken.
    top = np.flatnonzero(similarity >= np.partition(similarity, -count)[-count])
    top = top[np.lexsort((top, -similarity[top]))][:count]
    return [(float(similarity[entry]), int(entry)) for entry in top if np.isfinite(similarity[entry])]


def _hits(
    scores: Sequence[Scores], rows: Sequence[tuple[float, int, int]], limit: int, but: tuple[str, int] | None
) -> list[Hit]:
    """The first `limit` of the ranking; a take that several libraries hold appears once."""
    hits: list[Hit] = []
    seen: set[tuple[str, int]] = set() if but is None else {but}
    for value, place, entry in rows:
        hit = _hit(scores[place], entry, value)
        if (hit.path, hit.take) not in seen:
            seen.add((hit.path, hit.take))
            hits.append(hit)
        if len(hits) == limit:
            break
    return hits


def _hit(scores: Scores, number: int, value: float) -> Hit:
    library = scores.library
    entry, nearest = library.entries[number], scores.nearest(number)
    matched = _matched(scores, number, nearest)
    start, end = _moment(scores, number)
    caption = ""
    if nearest >= 0:
        text = library.texts[nearest]
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


def _moment(scores: Scores, number: int) -> tuple[float, float]:
    """The tightest window that is nearly as good as the entry's best; the whole take where it has none."""
    library = scores.library
    first, last = library.windows.first[number : number + 2]
    if first == last:
        return 0.0, library.entries[number].duration
    cosines = scores.windows(number)
    start, end = library.windows.start[first:last], library.windows.end[first:last]
    near = np.flatnonzero(cosines >= cosines.max() - MOMENT_MARGIN)
    chosen = near[np.lexsort((-cosines[near], np.round(end - start, 1)[near]))[0]]
    return float(start[chosen]), float(end[chosen])


def _matched(scores: Scores, number: int, nearest: int) -> Matched:
    """Text where its share of the similarity is larger than what the motion has above the library's middle."""
    share = TEXT_WEIGHT * max(float(scores.text[number]) - TEXT_FLOOR, 0.0)
    if share <= max(float(scores.motion[number]) - scores.middle, 0.0):
        return "motion"
    return "name" if scores.named[number] or scores.library.texts[nearest].kind == "name" else "caption"
