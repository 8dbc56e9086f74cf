# SPDX-License-Identifier: GPL-3.0-or-later
"""Search: encode the query, score the vectors, group by take.

A take's similarity to the query is that of its motion, plus what is written about it:

    similarity = motion + TEXT_WEIGHT * max(text - TEXT_FLOOR, 0)
    motion = (1 - share) * best window + share * whole take, share = WHOLE_SHARE * min(1, WHOLE_SECONDS / duration)

Best window and whole take are cosines between query and motion in the space of the two encoders. A query that describes
the whole of a take is best met by its whole vector, one that asks for a moment by a window, and in a take of minutes only
the window counts. text is the cosine of the query with the nearest of the take's captions and name words, in the text
encoder's space of words. Written words only ever add: a take without any loses nothing to a neighbour whose words are beside
the point (below the floor). A query that is no description but a part of a file's name, such as Take_0341, is met first by what
it names. All figures are cosines, so a hit's score does not depend on what else the library holds.

The constants were chosen on 240 captions by people (KIT) of as many takes that the encoders had not trained on (draw 1), with
CMU's short descriptions as the takes' texts. R@10 and median rank there, three networks together: motion 70, 5.5; texts 62, 6;
both 75, 5; the language model's sentence vectors as they come, 43, 20. From 0.5 to 0.9 the weight of texts makes no difference
that could be told from chance. The shares of window and whole are from an early model: best window alone 42, 15; whole take
alone 49, 11; as above 49, 11.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import LibraryProblem, QueryProblem
from ..motion.features import FPS
from ..tmr.encoders import TextEncoder
from .filters import mask
from .records import TAG, TAGGED
from .schema import HOW_TO_REENCODE
from .scores import FILE_NAME, TEXT_FLOOR, TEXT_WEIGHT, Query, Scores, score
from .store import Entry, Library
from .twins import DURATION, ENDS, Alike, Stored, alike, outlines, roughly

Matched = Literal["motion", "caption", "name"]

BEND = 0.2
"""Similarity from which the score bends towards 1, which motion and text together may exceed."""
SPARE = 8
"""Candidates beyond the limit and half as many, some of which may be twins of others."""
MOMENT_MARGIN = 0.05
"""A shorter window is the better moment while its cosine is within this of the take's best."""


@dataclass(frozen=True)
class Twin:
    """A take that shows what a hit shows, see `twins`; the fields are those of `Hit`. mirrored: whether left is right in it."""

    name: str
    path: str
    take: int
    entry: int
    library: str
    mirrored: bool


@dataclass(frozen=True)
class Hit:
    """One take that answers a query, with its best moment.

    name: of the take. caption: the one of its captions nearest to the query, "" where it has none.
    score: 0..1, see `score_of`. start, end: seconds in the take.
    path: absolute, of the file. take: which of the file's clips, as `motion.readers.read` numbers them.
    matched: what lifted it most, its motion, a caption or its name. library: the library's folder. entry: the take's
    number in it. duration: of the whole take, seconds. twins: takes further down that show the same and were folded into this.
    tagged: what the networks say of it (see `tagging`), "" where they said nothing.
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
    twins: tuple[Twin, ...] = ()
    tagged: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {**vars(self), "twins": [dict(vars(twin)) for twin in self.twins]}


def search(
    libraries: Sequence[Library],
    query: str,
    encoder: TextEncoder,
    limit: int = 20,
    filters: Mapping[str, Any] | None = None,
) -> list[Hit]:
    """The best takes of all the libraries together, best first; only those that pass the filters (see `filters.FILTERS`).

    Of takes that are twins the best appears, with the others folded into it; `limit` counts what appears.

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
    passing = [mask(library, filters) if filters else None for library in libraries]
    count = limit + limit // 2 + SPARE
    while True:
        scores = [score(library, query, count, kept) for library, kept in zip(libraries, passing, strict=True)]
        groups, sure = _folded(scores, count, limit, but)
        if len(groups) == limit or sure:
            break
        count *= 4
    return _hits(scores, groups)


def check_model(library: Library, model: str) -> None:
    """Raise LibraryProblem where the library's vectors are not those of the model with that id."""
    if library.entries and library.meta.model != model:
        raise LibraryProblem(
            f"The library {library.path} was indexed with the model {library.meta.model}, this search uses "
            f"{model}: their vectors can't be compared. {HOW_TO_REENCODE}"
        )


@dataclass(frozen=True)
class _Candidate:
    """The entry at place `at` of a library's best ones. seconds: of its poses, 0 without any. outline: see `twins.outlines`."""

    scores: Scores
    at: int
    seconds: float
    outline: NDArray[np.float64]

    @cached_property
    def number(self) -> int:
        """Its index in the library."""
        return int(self.scores.numbers[self.at])

    @cached_property
    def entry(self) -> Entry:
        """What is known of it."""
        return self.scores.library.entries[self.number]

    @property
    def stored(self) -> Stored:
        """Its poses."""
        bodies = self.scores.library.bodies
        return Stored(bodies.reader, int(bodies.first[self.number]), int(bodies.count[self.number]))

    def like(self, other: "_Candidate") -> Alike | None:
        """How the two are twins."""
        return alike(self.stored, other.stored) if roughly(self.outline, other.outline) else None


def _candidates(scores: Scores) -> list[_Candidate]:
    """The best entries of one library."""
    bodies = scores.library.bodies
    first, count = bodies.first[scores.numbers], bodies.count[scores.numbers]
    drawn = outlines(bodies.reader, first, count)
    return [_Candidate(scores, at, frames / FPS, drawn[at]) for at, frames in enumerate(count.tolist())]


@dataclass(frozen=True)
class _Group:
    """A candidate that appears, and those that are folded into it."""

    first: _Candidate
    twins: list[tuple[_Candidate, Alike]]


def _folded(scores: Sequence[Scores], count: int, limit: int, but: tuple[str, int] | None) -> tuple[list[_Group], bool]:
    """The first `limit` of what appears, and whether there is nothing more; a take that several libraries hold appears once.

    scores: the best `count` entries of each library.
    """
    ranked = [
        (-value, i, candidate.at, candidate)
        for i, held in enumerate(scores)
        for value, candidate in zip(held.similarity.tolist(), _candidates(held), strict=True)
    ]
    ranked.sort(key=lambda row: row[:3])
    sure = all(held.complete for held in scores)
    groups: list[_Group] = []
    seen: set[tuple[str, int]] = set() if but is None else {but}
    # What lies behind the first `count` may be behind others that a library has not told of.
    for *_, candidate in ranked if sure else ranked[:count]:
        key = str(candidate.entry.path), candidate.entry.take
        if key in seen:
            continue
        seen.add(key)
        reach = max(ENDS, candidate.seconds * DURATION / (1.0 - DURATION))  # of `lasting`, told at once
        for group in groups:
            if abs(group.first.seconds - candidate.seconds) <= reach and (how := candidate.like(group.first)):
                group.twins.append((candidate, how))
                break
        else:
            if len(groups) < limit:
                groups.append(_Group(candidate, []))
    return groups, sure


def _hits(scores: Sequence[Scores], groups: Sequence[_Group]) -> list[Hit]:
    """What appears, in order; the windows of a library's hits are read all at once."""
    cosines: dict[int, NDArray[np.float32]] = {}
    for held in scores:
        mine = [group for group in groups if group.first.scores is held]
        rows = held.windows([group.first.number for group in mine])
        cosines |= {id(group): row for group, row in zip(mine, rows, strict=True)}
    return [_hit(group, cosines[id(group)]) for group in groups]


def _hit(group: _Group, cosines: NDArray[np.float32]) -> Hit:
    """cosines: of all windows of the first."""
    scores, at, number = group.first.scores, group.first.at, group.first.number
    library, entry, nearest = scores.library, group.first.entry, scores.nearest(number)
    matched = _matched(scores, at, nearest)
    start, end = _moment(library, number, cosines)
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
        score=round(score_of(float(scores.similarity[at])), 4),
        start=round(start, 3),
        end=round(end, 3),
        path=str(entry.path),
        matched=matched,
        library=str(library.path),
        entry=entry.id,
        take=entry.take,
        duration=entry.duration,
        twins=tuple(_twin(candidate, how) for candidate, how in group.twins),
        tagged=", ".join(text.text for text in library.texts_of(number) if text.kind in (TAGGED, TAG)),
    )


def _twin(candidate: _Candidate, how: Alike) -> Twin:
    entry, library = candidate.entry, str(candidate.scores.library.path)
    return Twin(entry.name, str(entry.path), entry.take, entry.id, library, how == "mirrored")


def score_of(similarity: float) -> float:
    """What people see, 0..1: (similarity + 1) / 2, bent (without a kink) so that it stays below 1 and keeps the order."""
    if similarity <= BEND:
        return max((similarity + 1.0) / 2.0, 0.0)
    room = (1.0 - BEND) / 2.0
    return 1.0 - room * math.exp((BEND - similarity) / (2.0 * room))


def _moment(library: Library, number: int, cosines: NDArray[np.float32]) -> tuple[float, float]:
    """The tightest window that is nearly as good as the entry's best; the whole take where it has none."""
    first, last = library.windows.first[number : number + 2]
    if first == last:
        return 0.0, library.entries[number].duration
    start, end = library.windows.start[first:last], library.windows.end[first:last]
    near = np.flatnonzero(cosines >= cosines.max() - MOMENT_MARGIN)
    chosen = near[np.lexsort((-cosines[near], np.round(end - start, 1)[near]))[0]]
    return float(start[chosen]), float(end[chosen])


def _matched(scores: Scores, at: int, nearest: int) -> Matched:
    """Text where its share of the similarity is larger than what the motion has above the library's middle."""
    number = scores.numbers[at]
    if scores.named[number] and FILE_NAME.fullmatch(scores.query.text):
        return "name"
    share = TEXT_WEIGHT * max(float(scores.text[number]) - TEXT_FLOOR, 0.0)
    if share <= max(float(scores.motion[at]) - scores.middle, 0.0) or (nearest < 0 and not scores.named[number]):
        return "motion"
    return "name" if scores.named[number] or scores.library.texts[nearest].kind == "name" else "caption"
