# SPDX-License-Identifier: GPL-3.0-or-later
"""A motion as the query: takes like it, and what would be said about it."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import QueryProblem
from ..motion import facts, features, humanoid, phrases, readers
from ..motion.quaternion import Array
from ..tmr.encoders import MotionEncoder, TextEncoder, unit
from .poses import pack, rows_of
from .scores import Query
from .search import Hit, ranked
from .store import Library

Floats = NDArray[np.float32]

NEIGHBOURS = 50
"""Takes whose captions are compared with a motion that is to be described."""
SENTENCES = 5


@dataclass(frozen=True)
class Motion:
    """A clip, ready to be encoded. rows: (n, 263) features at 20 fps. facts: of the whole clip or the span.

    path, take: of the file that it comes from, None and 0 for one that comes from none.
    """

    path: Path | None
    take: int
    name: str
    rows: NDArray[np.floating[Any]]
    facts: facts.Facts

    @property
    def origin(self) -> tuple[str, int] | None:
        """(path, take), by which its own entry is left out of what is like it."""
        return None if self.path is None else (str(self.path), self.take)


@dataclass(frozen=True)
class Said:
    """A caption that fits a motion. score: 0..1, (cosine of the two latents + 1) / 2. name, path: of the take it is about."""

    text: str
    score: float
    name: str
    path: str


@dataclass(frozen=True)
class Description:
    """What would be said about a clip. sentences: measured. captions: other takes', best first. tags: to filter by."""

    name: str
    take: int
    duration: float
    sentences: tuple[str, ...]
    captions: tuple[Said, ...]
    tags: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def motion_of(path: Path | str, take: int = 0, start: float | None = None, end: float | None = None) -> Motion:
    """Read a clip of a motion file, or its span from `start` to `end` seconds.

    Raises FileProblem and SkeletonProblem as reading does, QueryProblem for a take or a span that the file does not have.
    """
    path = Path(path).absolute()
    clips = readers.read(path)
    if not 0 <= take < len(clips):
        raise QueryProblem(f"{path.name} has no take {take}; they count from 0 to {len(clips) - 1}.")
    clip = clips[take]
    begin, until = 0.0 if start is None else start, clip.duration if end is None else end
    if not 0.0 <= begin < min(until, clip.duration):
        raise QueryProblem(f"{path.name} lasts {clip.duration:.1f} s: there is nothing from {begin:g} to {until:g} s.")
    body = humanoid.recognise(clip)  # on all of it: a second may show too little
    return motion_from(humanoid.body_positions(clip.cut(begin, until), body), clip.fps, clip.name, path, take)


def motion_from(positions: Array, fps: float, name: str, path: Path | None = None, take: int = 0) -> Motion:
    """Joint positions (frames, 22, 3), metres, Y up, at any rate, as a motion. Raises TMRError as `features.extract` does."""
    return Motion(path, take, name, rows_of(pack(positions, fps)), facts.measure(positions, fps))


def motion_at(library: Library, number: int, start: float | None = None, end: float | None = None) -> Motion:
    """The entry at an index, or its span from `start` to `end` seconds, from the poses that the library keeps of it.

    Raises QueryProblem for a span that the entry does not have, and where there are no poses.
    """
    entry = library.entries[number]
    return motion_from(poses_at(library, number, start, end), features.FPS, entry.name, entry.path, entry.take)


def poses_at(library: Library, number: int, start: float | None = None, end: float | None = None) -> NDArray[np.float64]:
    """(n, 22, 3) metres, at `features.FPS`: the body of the entry at an index in its span; raises as `motion_at`."""
    entry, poses = library.entries[number], library.poses(number)
    if not len(poses):
        raise QueryProblem(f"The library keeps no poses of {entry.name}: index its folder again.")
    begin, until = 0.0 if start is None else start, entry.duration if end is None else end
    if not 0.0 <= begin < min(until, entry.duration):
        raise QueryProblem(f"{entry.name} lasts {entry.duration:.1f} s: there is nothing from {begin:g} to {until:g} s.")
    first = min(round(begin * features.FPS), len(poses) - 1)
    return poses[first : max(round(until * features.FPS), first + 1)]


def latent_of(motion: Motion, encoder: MotionEncoder) -> Floats:
    """(d,) the vector of a motion; of one longer than the encoder takes, the mean direction of its parts."""
    size = encoder.card.max_frames
    return unit(encoder.encode([motion.rows[i : i + size] for i in range(0, len(motion.rows), size)]).sum(axis=0))


def latent_at(library: Library, number: int, start: float | None = None, end: float | None = None) -> Floats:
    """(d,) the vector of the entry at an index: of its window nearest to the span, of the whole, or their mean direction."""
    windows = library.windows
    first, last = windows.first[number : number + 2]
    if first == last:
        raise QueryProblem(f"{library.entries[number].name} has no motion vector to compare.")
    if start is not None or end is not None:
        begin, until = start or 0.0, library.durations[number] if end is None else end
        shared = np.minimum(windows.end[first:last], until) - np.maximum(windows.start[first:last], begin)
        union = np.maximum(windows.end[first:last], until) - np.minimum(windows.start[first:last], begin)
        return library.motion[windows.row[first + int(np.argmax(shared / union))]]
    if windows.whole[number] >= 0:
        return library.motion[windows.row[windows.whole[number]]]
    return unit(library.motion[windows.row[first:last]].sum(axis=0))


def entry_at(library: Library, number: int) -> int:
    """The index of the entry with a number. Raises QueryProblem where there is none."""
    numbers = library.entries.column(0)
    at = int(np.searchsorted(numbers, number))
    if at == len(numbers) or numbers[at] != number:
        raise QueryProblem(f"The library {library.path} has no entry {number}.")
    return at


def similar(
    libraries: Sequence[Library],
    latent: Floats,
    model: str,
    limit: int = 20,
    filters: Mapping[str, Any] | None = None,
    but: tuple[str, int] | None = None,
) -> list[Hit]:
    """The takes whose motion is nearest to a vector of the model with that id, best first; names and captions do not count.

    but: (path, take) that is left out. Raises as `search.search` does.
    """
    return ranked(libraries, Query(latent), model, limit, filters, but)


def describe(
    motion: Motion, libraries: Sequence[Library], encoder: MotionEncoder, texts: TextEncoder, limit: int = 10
) -> Description:
    """What is measured of a motion, in words, and which captions of the libraries fit it best.

    Looked at are the captions of the takes nearest to it, without its own; captions of spans belong to a part of their take
    and count as any other. Raises as `search.search` does.
    """
    told = phrases.sentences(motion.facts, random.Random(0), SENTENCES)  # the same words every time
    captions: tuple[Said, ...] = ()
    if any(len(library.entries) for library in libraries):
        latent = latent_of(motion, encoder)
        hits = ranked(libraries, Query(latent), encoder.model_id, NEIGHBOURS, {"captioned": True}, motion.origin)
        captions = _captions(hits, libraries, latent, texts)[:limit]
    duration = motion.facts.duration
    return Description(
        motion.name, motion.take, duration, tuple(dict.fromkeys(told)), captions, tuple(facts.tags(motion.facts))
    )


def _captions(hits: Sequence[Hit], libraries: Sequence[Library], latent: Floats, texts: TextEncoder) -> tuple[Said, ...]:
    """The captions of the hits by the cosine of their own latents with the motion's."""
    places = {str(library.path): library for library in libraries}
    found: dict[str, Hit] = {}
    for hit in hits:
        library = places[hit.library]
        for text in library.texts_of(entry_at(library, hit.entry)):
            if text.kind == "caption":
                found.setdefault(text.text, hit)
    if not found:
        return ()
    cosines = texts.encode(list(found))[0] @ latent
    rows = zip(cosines.tolist(), found.items(), strict=True)
    said = [Said(text, round((cosine + 1.0) / 2.0, 4), hit.name, hit.path) for cosine, (text, hit) in rows]
    return tuple(sorted(said, key=lambda one: (-one.score, one.text)))
