# SPDX-License-Identifier: GPL-3.0-or-later
"""How results are put in words: scores, and names and captions such that one result can be told from the next."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .language import marked, worded

MATCHED = {
    "motion": marked("it moves like that"),
    "caption": marked("its caption says so"),
    "name": marked("its name says so"),
}
"""Why a motion is in the list, by `Hit.matched`."""

# From this score on. Of 240 captions by people, searched among as many takes that the networks had not trained on, the first
# hit had a caption of like meaning (sentence cosine above 0.7) for 69 % of those that scored 0.90 or more, 30 to 37 % from
# 0.80, 19 % from 0.74; nine of ten takes at random score less than that.
CLOSE = 0.80
VERDICTS = ((0.90, marked("very close")), (CLOSE, marked("close")), (0.74, marked("similar")), (0.0, marked("far off")))

# Where a motion is the query. Among 138 takes of two archives each was compared with all others: 0.82 or more have 5 % of the
# pairs and half of those that show one content in two styles, 0.78 one in ten and four in five, 0.68 a quarter and nearly all.
LIKENESSES = ((0.82, "very close"), (0.78, "close"), (0.68, "similar"), (0.0, "far off"))

SEPARATORS = " _-.|/\\"
LEAST_CUT = 6
"""Characters of a common beginning that are worth leaving out."""
MIDDLE = "…"
_SUBJECT = re.compile(
    r"(?:(?:an?|the) (?:person|man|woman|figure|human|character|actor|subject|performer)|someone|somebody)(?: is)? ",
    re.IGNORECASE,
)
"""What nearly every caption begins with, and tells nothing."""


def entitle(hits: Any) -> None:
    """Fill in what the rows of a list of `TMR_PG_hit` are called."""
    # By the folder of the file: a library is often several archives side by side, each with a beginning of its own.
    ends = within([hit.name for hit in hits], [str(Path(hit.path).parent) for hit in hits])
    for hit, end, title in zip(hits, ends, titles(ends, [hit.caption for hit in hits]), strict=True):
        hit.ending, hit.title = end, title


def verdict(score: float, like: bool = False) -> str:
    """A score in words and as a number. like: whether the query was a motion."""
    word = next(word for least, word in (LIKENESSES if like else VERDICTS) if score >= least)
    return f"{worded(word)} ({score:.2f})"


def far(score: float, like: bool = False) -> bool:
    """Whether nothing speaks for a motion."""
    return score < (LIKENESSES if like else VERDICTS)[-2][0]


def titles(endings: Sequence[str], captions: Sequence[str]) -> list[str]:
    """What each result of a list is called in it: what happens by its caption, else the end of its name.

    A caption that several results have is followed by the end of the name, which tells them apart.
    """
    spoken = [action(caption) for caption in captions]
    shared = Counter(spoken)
    return [
        end if not words else words if shared[words] == 1 else f"{words} · {end}"
        for words, end in zip(spoken, endings, strict=True)
    ]


def action(caption: str) -> str:
    """A caption without its subject, where that is just a person, and without its full stop."""
    text = " ".join(caption.split()).rstrip(".")
    found = _SUBJECT.match(text)
    words = text[found.end() :] if found else text
    return words[:1].upper() + words[1:]


def within(names: Sequence[str], places: Sequence[str]) -> list[str]:
    """`endings` of the names of each place by itself, such as a folder."""
    out = list(names)
    for place in set(places):
        rows = [row for row, other in enumerate(places) if other == place]
        for row, end in zip(rows, endings([names[row] for row in rows]), strict=True):
            out[row] = end
    return out


def endings(names: Sequence[str]) -> list[str]:
    """Names without the beginning that all of them share, if that is long; it is cut where a word of theirs begins."""
    whole = set(names)
    if len(whole) < 2:
        return list(names)
    first, last = min(whole), max(whole)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    cut = max((first.rfind(separator, 0, same) for separator in SEPARATORS), default=-1) + 1
    if cut < LEAST_CUT or any(len(name) <= cut for name in whole):
        return list(names)
    return [MIDDLE + name[cut:] for name in names]


def shortened(text: str, width: int) -> str:
    """A text of at most `width` characters (4 or more): its middle is left out, since names differ at their ends."""
    return fitted(text, lambda part: len(part) <= max(width, 4))


def fitted(text: str, fits: Callable[[str], bool]) -> str:
    """As much of a text as fits, its middle left out; if nothing does, its first and last letter."""
    kept, out = len(text), text
    while kept > 2 and not fits(out):
        kept -= 1
        tail = kept // 2
        out = text[: kept - tail].rstrip(SEPARATORS) + MIDDLE + text[len(text) - tail :].lstrip(SEPARATORS)
    return out
