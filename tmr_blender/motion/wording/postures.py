# SPDX-License-Identifier: GPL-3.0-or-later
"""Words for how the body is carried: bending, sitting, kneeling, lying, getting up."""

from ..beats import Beat
from ..facts import Facts
from .common import Phrase, Table, each


def _reached(b: Beat) -> list[Phrase]:
    if not b.side:
        return []
    hands = "both hands" if b.side == "both" else f"the {b.side} hand"
    return [
        ("reach", f"down with {hands}"),
        ("reach", f"to the floor with {hands}"),
        ("pick", "something up"),
        ("bend down", "to pick something up"),
        ("reach", f"down to the ground with {hands}"),
    ]


def _bend(b: Beat, facts: Facts) -> list[Phrase]:
    out = [*each(("bend",), ("over", "down", "forward", "forward at the waist")), ("lean", "forward"), ("bow", "down")]
    if b.direction == "backward":
        out = [("lean", "back"), ("bend", "backwards"), ("arch", "{their} back")]
    elif b.direction in ("left", "right"):
        out = each(("bend", "lean"), (f"to the {b.direction}", f"sideways to the {b.direction}"))
    return out + 2 * _reached(b)


def _crouch(b: Beat, facts: Facts) -> list[Phrase]:
    short = b.end - b.start < 1.5
    out = [("crouch", "down"), ("squat", "down"), ("bend", "{their} knees")]
    out += (
        [("squat", ""), ("duck", "down")] if short else [("crouch", ""), ("stay", "in a crouch"), ("stand", "with bent knees")]
    )
    return out + 2 * _reached(b)


def _sit(b: Beat, facts: Facts) -> list[Phrase]:
    if b.direction:
        return [("sit", "down"), ("sit", "down on something"), ("take", "a seat"), ("sit", "down")]
    return [("sit", ""), ("be", "seated"), ("remain", "seated"), ("sit", "on something")]


def _kneel(b: Beat, facts: Facts) -> list[Phrase]:
    knees = ("on both knees", "on {their} knees") if b.side == "both" else ("on one knee", f"on the {b.side} knee")
    return each(("kneel down" if b.direction else "kneel", "kneel"), ("", *knees)) + [
        ("go down" if b.direction else "be", k) for k in knees
    ]


def _fours(b: Beat, facts: Facts) -> list[Phrase]:
    verbs = ("get down", "go down") if b.direction else ("be", "stay", "rest")
    return [*each(verbs, ("on all fours", "on hands and knees")), ("support", "{their} body with both hands on the floor")]


def _lie(b: Beat, facts: Facts) -> list[Phrase]:
    on = {
        "back": ("on {their} back", "on the back", "face up"),
        "belly": ("on {their} stomach", "face down", "on the belly"),
        "side": ("on {their} side", "on one side"),
    }[b.manner or "side"]
    down = (b.direction and "down") or ""
    return [("lie", f"{down} {o}") for o in (*on, "on the floor", "on the ground", f"on the floor {on[0]}")]


def _get_up(b: Beat, facts: Facts) -> list[Phrase]:
    source = {
        "sitting": ("from sitting", "from the seat"),
        "lying": ("from the floor", "from lying down"),
        "kneeling": ("from kneeling",),
        "all fours": ("from the floor",),
    }
    places = ("", "", *source.get(b.manner, ()))
    return each(("stand up", "get up", "stand up"), places)


def _bow(b: Beat, facts: Facts) -> list[Phrase]:
    return [("bow", ""), ("bow", "slightly"), ("lean", "forward"), ("lean", "forward slightly"), ("bend", "slightly forward")]


WORDS: Table = {
    "bending": _bend,
    "crouching": _crouch,
    "sitting": _sit,
    "kneeling": _kneel,
    "all fours": _fours,
    "lying": _lie,
    "stand up": _get_up,
    "bow": _bow,
}
