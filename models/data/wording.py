# SPDX-License-Identifier: GPL-3.0-or-later
"""Captions as material: exchanging the sides, paraphrases, and descriptions that say nothing."""

import json
import re
from pathlib import Path

from models.data import rows
from models.data.takes import Caption
from tmr_blender.errors import FileProblem

CAPTIONS = Path(__file__).parent.parent / "captions"
"""Sentences of ours, true of the motion: cmu.jsonl for the descriptions of the CMU database, rows {"description": ...,
"texts": [...]}; takes.jsonl for single takes and spans of them (no test takes), rows like those of a data set."""
OURS = "ours"
"""Source of the rows of takes.jsonl."""

_PAIRS = (
    ("left", "right"),
    ("lefts", "rights"),
    ("leftward", "rightward"),
    ("leftwards", "rightwards"),
    ("clockwise", "counterclockwise"),
    ("clockwise", "counter-clockwise"),
    ("clockwise", "anticlockwise"),
    ("clockwise", "anti-clockwise"),
    ("left-handed", "right-handed"),
    ("leftside", "rightside"),
)
_OTHER = {**{b: a for a, b in _PAIRS}, **dict(reversed(_PAIRS))}
_WORD = re.compile(
    r"(?<![\w-])(?:" + "|".join(sorted(map(re.escape, _OTHER), key=len, reverse=True)) + r")(?!\w)", re.IGNORECASE
)
# "right" that is no side.
_NO_SIDE = re.compile(r"^\s+(?:away|now|before|after|angles?|behind|up to|in front)\b", re.IGNORECASE)


def mirrored(text: str) -> str:
    """The caption of the mirrored motion: left and right, clockwise and counter-clockwise exchanged, case kept."""

    def other(match: re.Match[str]) -> str:
        word = match.group()
        if word.lower() == "right" and _NO_SIDE.match(text[match.end() :]):
            return word
        found = _OTHER[word.lower()]
        if word.isupper():
            return found.upper()
        return found.capitalize() if word[0].isupper() else found

    return _WORD.sub(other, text)


def says_something(description: str) -> bool:
    """False for a description without two words' worth of letters (`19.5lb`, `T1`, `#3`)."""
    return len(re.sub(r"\d+\s*(?:lbs?|kg|cm|m|deg)?|[^A-Za-z]", "", description)) >= 3


def spaced(description: str) -> str:
    """Run-together words set apart: `JumpForward` becomes `jump forward`; other texts stay as they are."""
    if " " in description.strip() or not re.search(r"[a-z][A-Z0-9]", description):
        return description
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=[A-Za-z])", " ", description).lower()


def paraphrases(folder: Path = CAPTIONS) -> dict[str, list[str]]:
    """Description to sentences of ours; empty if the file is not there. Raises FileProblem for a row that can't be read."""
    path = folder / "cmu.jsonl"
    found: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.is_file() else (), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found.setdefault(str(row["description"]), []).extend(str(text) for text in row["texts"])
        except (ValueError, KeyError, TypeError) as error:
            raise FileProblem(f"{path}, line {number}, is not a row of captions: {error!r}.") from error
    return found


def of_takes(folder: Path = CAPTIONS) -> list[Caption]:
    """Captions of ours for takes and spans; empty if the file is not there. Raises FileProblem for an unreadable row."""
    path = folder / "takes.jsonl"
    return rows.read(path) if path.is_file() else []
