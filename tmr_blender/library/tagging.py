# SPDX-License-Identifier: GPL-3.0-or-later
"""Words for the takes of a library that nobody has written any for: said by the networks, marked so, and taken back at will.

A take gets a sentence where those captions of captioned takes that fit it best agree with one another: of the `AGREEING` whose
latents are nearest to it, each of another take, out of the `NEIGHBOURS` takes that move most like it, the one that is most like
the others, if its mean cosine with them reaches `AGREEMENT`. Else it gets none: nothing is said rather than nonsense. A small
gallery of captions hardly ever agrees. It gets a word of a given list where it stands out (see `moments.stand_out`) by `CLEAR`
standard deviations. What is measured of every take (walk, turn, ...) is its own tags already.

Measured on 240 CMU takes with captions by people (KIT) that four networks had not trained on (draw 1), with 408 captions of as
many other takes as the gallery. A sentence is right if its meaning is that of a caption of the take (sentence cosine above
0.7). From `AGREEMENT` on 72 takes (30 %) get one and 71 % of them are right; the caption nearest to the take is right in 61 %
of the same 72, the caption that is like most others in 13 %, the most frequent one in 4 %. The floor was chosen on all of them;
of the even half 69 % are right, of the odd one 72 %, and 33 % of all without a floor. A word (of 44 verbs and sports, each
asked for as a sentence) is right if a caption of the take has it: from `CLEAR` on 76 % (82 and 69 % of the halves), on 23 % of
the takes, a fifth of all the words there are to be found; to tag every take with the most frequent one, walk, 27 %.

The words are for filters and for people to read. They do not count in the ranking: what is made of a take's motion adds nothing
that the motion does not say. On the same 240 takes the sentences would leave R@10 at 55 % and lower R@1 from 9 to 5 % (with one
caption of each take as the query).
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LibraryProblem, QueryProblem
from ..tmr.encoders import TextEncoder
from .moments import stand_out
from .records import TAG, TAGGED, Caption
from .search import check_model
from .similar import latent_at
from .store import Library
from .writer import Writer

Floats = NDArray[np.float32]

NEIGHBOURS, AGREEING = 50, 8
AGREEMENT = 0.75
CLEAR = 2.5
LONGEST = 60.0
"""Seconds: a longer take shows many things, and no one sentence is about all of it; `moments` finds what is in it."""
BLOCK = 256
"""Takes that are told of in one transaction; texts that are encoded in one go."""
MOST_WORDS, MOST_LETTERS, MOST_BYTES = 1_000, 200, 1_000_000


@dataclass(frozen=True)
class Progress:
    """Where tagging stands.

    done, total: takes and captions looked at. takes: told of; tagged: those that got any words; long: those that last more than
    `LONGEST`, which got none.
    """

    done: int
    total: int
    takes: int = 0
    tagged: int = 0
    long: int = 0
    sentences: int = 0
    words: int = 0
    stopped: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Gallery:
    """What can be said: captions of whole takes.

    texts: (t,). latents, sentences: (t, d) and (t, 384), unit rows. take: (t,) the row of each text's take in motions (n, d).
    origins: (n,) path and take of each.
    """

    texts: list[str]
    latents: Floats
    sentences: Floats
    take: NDArray[np.int64]
    motions: Floats
    origins: Sequence[tuple[str, int]]


def read_words(path: Path) -> dict[str, str]:
    """Words from a file: one a line, with the sentence that it is asked for by after a colon, or alone. Blank and # lines don't
    count. Raises QueryProblem for a file that can't be read as that."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise QueryProblem(f"{path.name} is too long for a list of words: {MOST_WORDS} at most.")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise QueryProblem(f"{path} can't be read as a list of words, one a line: {error}.") from error
    pairs = [line.partition(":") for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return checked({word.strip(): sentence.strip() or word.strip() for word, _, sentence in pairs})


def checked(words: Mapping[str, str]) -> dict[str, str]:
    """The words in lower case, and their sentences. Raises QueryProblem for none, too many, too long or empty ones."""
    found = {word.casefold(): sentence for word, sentence in words.items()}
    if not 0 < len(found) <= MOST_WORDS:
        raise QueryProblem(f"A list of words to tag by has from 1 to {MOST_WORDS} of them, one a line.")
    for word, sentence in found.items():
        if max(len(word), len(sentence)) > MOST_LETTERS or not any(letter.isalnum() for letter in word):
            raise QueryProblem(f"“{word[:40]}” is no word to tag by: write one a line, such as `limp: a person limps`.")
    return found


def tag(
    path: Path | str,
    encoder: TextEncoder,
    galleries: Sequence[Library] = (),
    words: Mapping[str, str] | None = None,
    every: bool = False,
) -> Generator[Progress, bool | None, None]:
    """Tag the takes of a library that have no caption by people, or `every` one; what an earlier run said of them goes.

    galleries: libraries whose captions may be said; the library's own count, too. words: tag to the sentence it is asked for
    by. Yields after every block; `send(True)` stops, and what is tagged by then stays. Raises LibraryProblem where a library is
    of another model or can't be written.
    """
    library = Library.open(path)
    sources = [library, *(one for one in galleries if one.path.resolve() != library.path.resolve())]
    for one in sources:
        check_model(one, encoder.model_id)
    wanted = [i for i in range(len(library.entries)) if every or not library.measures["captioned"][i]]
    gallery = yield from _gathered(sources, encoder, len(wanted))
    if gallery is None:
        return
    progress = Progress(len(gallery.texts), len(gallery.texts) + len(wanted))
    asked = checked(words) if words else {}
    clues = encoder.encode(list(asked.values()))[0] if asked else None
    with Writer(library, None) as writer:
        if writer.revision != library.meta.revision:
            raise LibraryProblem(f"The library {library.path} has been changed by another program. Try again.")
        for first in range(0, len(wanted), BLOCK):
            block = wanted[first : first + BLOCK]
            said = _said(library, block, gallery, list(asked), clues, encoder.background)
            writer.tag({library.entries[number].id: captions for number, captions in said.items()})
            progress = _counted(progress, said, sum(library.durations[number] > LONGEST for number in block))
            if (yield progress):
                yield replace(progress, stopped=True)
                return
        yield progress


def untag(path: Path | str) -> int:
    """Take back all that `tag` said of a library; how many takes had any. Raises LibraryProblem where it can't be written."""
    library = Library.open(path)
    with Writer(library, None) as writer:
        return writer.tag(None)


def _gathered(
    libraries: Sequence[Library], encoder: TextEncoder, takes: int
) -> Generator[Progress, bool | None, Gallery | None]:
    """The gallery: captions of whole takes, each of the first take that has it; None if it is stopped."""
    rows: dict[str, int] = {}
    origins: dict[tuple[str, int], int] = {}
    motions: list[Floats] = []
    for library in libraries:
        for text in library.texts:
            if text.kind != "caption" or text.start is not None or text.text in rows or not _windowed(library, text.entry):
                continue
            entry = library.entries[text.entry]
            key = str(entry.path), entry.take
            if key not in origins:
                origins[key] = len(motions)
                motions.append(latent_at(library, text.entry))
            rows[text.text] = origins[key]
    texts = list(rows)
    latents, sentences = [], []
    for first in range(0, len(texts), BLOCK):
        progress = Progress(first, len(texts) + takes)
        if (yield progress):
            yield replace(progress, stopped=True)
            return None
        pair = encoder.encode(texts[first : first + BLOCK])
        latents.append(pair[0])
        sentences.append(pair[1])
    if not texts:
        nothing = np.zeros((0, 1), np.float32)
        return Gallery([], nothing, nothing, np.zeros(0, np.int64), nothing, [])
    take = np.array([rows[text] for text in texts], np.int64)
    return Gallery(texts, np.concatenate(latents), np.concatenate(sentences), take, np.stack(motions), list(origins))


def _windowed(library: Library, number: int) -> bool:
    return bool(library.windows.first[number + 1] > library.windows.first[number])


def _said(
    library: Library, numbers: Sequence[int], gallery: Gallery, words: Sequence[str], clues: Floats | None, background: Floats
) -> dict[int, list[Caption]]:
    """What is said of the entries at these indices, none of one that is too long or has no vector."""
    said: dict[int, list[Caption]] = {number: [] for number in numbers}
    told = [number for number in numbers if library.durations[number] <= LONGEST and _windowed(library, number)]
    if not told:
        return said
    latents = np.stack([latent_at(library, number) for number in told])
    for number, latent in zip(told, latents, strict=True):
        entry = library.entries[number]
        sentence = agreed(gallery, latent, (str(entry.path), entry.take))
        said[number] += [Caption(sentence, TAGGED)] if sentence else []
    if clues is not None:
        for number, standing in zip(told, stand_out(latents, clues, background), strict=True):
            own = {word.casefold() for word in library.entries[number].tags}
            clear = [word for word, value in zip(words, standing, strict=True) if value >= CLEAR and word not in own]
            said[number] += [Caption(word, TAG) for word in clear]
    return said


def agreed(gallery: Gallery, latent: Floats, origin: tuple[str, int]) -> str:
    """The sentence about a take's latent (d,) that the captions nearest to it agree on, "" where they don't.

    origin: the take's path and number, whose own captions don't count.
    """
    if not len(gallery.motions):
        return ""
    near = gallery.motions @ latent
    near[[i for i, one in enumerate(gallery.origins) if one == origin]] = -np.inf
    takes = np.argsort(-near, kind="stable")[:NEIGHBOURS]
    texts = np.flatnonzero(np.isin(gallery.take, takes[np.isfinite(near[takes])]))
    texts = texts[np.argsort(-(gallery.latents[texts] @ latent), kind="stable")]
    # What one take is called in other words is no second opinion: of each take the caption that fits best.
    best = texts[np.sort(np.unique(gallery.take[texts], return_index=True)[1])[:AGREEING]]
    if len(best) < AGREEING:
        return ""
    like = gallery.sentences[best] @ gallery.sentences[best].T
    agreement = (like.sum(axis=1) - np.diag(like)) / (AGREEING - 1)
    top = int(np.argmax(agreement))
    return gallery.texts[best[top]] if agreement[top] >= AGREEMENT else ""


def _counted(progress: Progress, said: Mapping[int, Sequence[Caption]], long: int) -> Progress:
    kinds = [caption.kind for captions in said.values() for caption in captions]
    return replace(
        progress,
        done=progress.done + len(said),
        takes=progress.takes + len(said),
        tagged=progress.tagged + sum(bool(captions) for captions in said.values()),
        long=progress.long + int(long),
        sentences=progress.sentences + kinds.count(TAGGED),
        words=progress.words + kinds.count(TAG),
    )
