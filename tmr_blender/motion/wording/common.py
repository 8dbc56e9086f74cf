# SPDX-License-Identifier: GPL-3.0-or-later
"""What all phrases are made of: numbers, directions, and builders of lists of phrases."""

from collections.abc import Callable

from ..beats import Beat
from ..facts import Facts

Table = dict[str, Callable[[Beat, Facts], list[tuple[str, str]]]]

Phrase = tuple[str, str]
"""A verb in its base form and the rest; "{their}" stands for the possessive of the subject."""
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
TIMES = ("", "once", "twice", "three times", "four times", "five times")


def times(count: int) -> tuple[str, ...]:
    """Ways to say how often; nothing for once."""
    if count <= 1:
        return ("",)
    if count < len(TIMES):
        return (TIMES[count], TIMES[count], "repeatedly" if count > 2 else TIMES[count])
    return ("several times", "repeatedly", "multiple times", "again and again")


def each(verbs: tuple[str, ...], rests: tuple[str, ...]) -> list[Phrase]:
    """Every verb with every rest."""
    return [(v, r) for v in verbs for r in rests]


WAYS = {
    "forward": ("forward", "forwards", "ahead"),
    "backward": ("backwards", "backward", "back", "in reverse"),
    "left": ("sideways to the left", "to the left", "to the left side", "left"),
    "right": ("sideways to the right", "to the right", "to the right side", "right"),
    "up": ("up",),
    "": ("",),
}
WAYS.update(
    (f"{way} {side}", (f"diagonally {words} to the {side}", f"{words} to the {side}", f"diagonally to the {side}"))
    for way, words in (("forward", "forward"), ("backward", "back"))
    for side in ("left", "right")
)
CLOCK = {"left": "counter-clockwise", "right": "clockwise"}


def hands(b: Beat) -> tuple[str, str]:
    """The hand or hands, and the arm or arms, of a side."""
    return ("both hands", "both arms") if b.side == "both" else (f"{{their}} {b.side} hand", f"{{their}} {b.side} arm")


def trick(verbs: tuple[Phrase, ...]) -> Callable[[Beat, Facts], list[Phrase]]:
    """Words of a beat that has only its number to tell."""

    def words(b: Beat, facts: Facts) -> list[Phrase]:
        return [(v, f"{r} {c}") for v, r in verbs for c in times(b.count)]

    return words


def pose(verbs: tuple[str, ...], one: tuple[str, ...], both: tuple[str, ...]) -> Callable[[Beat, Facts], list[Phrase]]:
    """Words of a pose of one hand or arm, `{side}` in the rests of `one`, or of both."""

    def words(b: Beat, facts: Facts) -> list[Phrase]:
        rests = both if b.side == "both" else tuple(r.replace("{side}", b.side) for r in one)
        return each(verbs, rests)

    return words
