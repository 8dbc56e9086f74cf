# SPDX-License-Identifier: GPL-3.0-or-later
"""Words for what arms and legs do apart from getting about."""

from ..beats import Beat
from ..facts import Facts
from .common import Phrase, Table, hands, pose, times


def _raise(b: Beat, facts: Facts) -> list[Phrase]:
    hand, arm = hands(b)
    if b.manner == "head":
        heights = ("above {their} head", "over the head", "up high", "up in the air", "overhead")
    else:
        heights = ("up", "to shoulder height", "above the shoulder" if b.side != "both" else "above the shoulders", "")
    verbs = ("raise", "lift") if b.end - b.start < 3.0 else ("raise", "lift", "hold")
    out = [(v, f"{h} {t}") for v in verbs for h in (hand, arm) for t in heights if v != "hold" or t]
    return [(v, f"{r} {c}") for v, r in out for c in (times(b.count) if b.count > 1 else ("",))]


def _wave(b: Beat, facts: Facts) -> list[Phrase]:
    hand, arm = hands(b)
    return [
        ("wave", ""),
        ("wave", f"with {hand}"),
        ("wave", hand),
        ("wave", f"{arm} from side to side"),
        ("move", f"{hand} from side to side"),
        ("wave", f"{hand} in the air"),
    ]


def _punch(b: Beat, facts: Facts) -> list[Phrase]:
    if b.count == 1:
        hand = f"{{their}} {b.side} hand" if b.side != "both" else "both fists"
        return [
            ("punch", f"with {hand}"),
            ("throw", "a punch"),
            ("throw", f"a {b.side} punch"),
            ("punch", "forward"),
            ("thrust", f"{hand} forward"),
        ]
    fists = "both hands" if b.side == "both" else f"{{their}} {b.side} hand"
    out = [("punch", f"{c} with {fists}") for c in times(b.count)] + [
        ("throw", "punches"),
        ("throw", "several punches"),
        ("punch", "the air"),
    ]
    return out + (
        [("box", ""), ("box", "with both hands"), ("do", "some shadow boxing")] if b.count > 3 and b.side == "both" else []
    )


def _kick(b: Beat, facts: Facts) -> list[Phrase]:
    leg = (
        ("with both legs in turn", "with alternating legs")
        if b.side == "both"
        else (f"with {{their}} {b.side} leg", f"with the {b.side} foot")
    )
    out = [("kick", f"{w} {c}") for w in (*leg, "", "the air") for c in times(b.count)]
    return out + (
        [("do", f"a {b.side} kick"), ("perform", "a kick"), ("kick", f"{leg[0]}")]
        if b.count == 1 and b.side != "both"
        else [("perform", "kicks")]
    )


def _throw(b: Beat, facts: Facts) -> list[Phrase]:
    return [
        ("throw", "something"),
        ("throw", f"something with {{their}} {b.side} hand"),
        ("make", f"a throwing motion with the {b.side} arm"),
        ("swing", f"{{their}} {b.side} arm overhead and forward"),
    ]


def _swing(b: Beat, facts: Facts) -> list[Phrase]:
    return [
        ("swing", "something with both hands"),
        ("swing", f"both arms to the {b.direction}"),
        ("swing", "both arms together"),
        ("make", f"a swing with both hands to the {b.direction}"),
    ]


def _clap(b: Beat, facts: Facts) -> list[Phrase]:
    return [("clap", f"{{their}} hands {c}") for c in times(b.count)] + [
        ("bring", f"{{their}} hands together {c}") for c in times(b.count)
    ]


def _one_leg(b: Beat, facts: Facts) -> list[Phrase]:
    other = "right" if b.side == "left" else "left"
    return [
        ("stand", "on one leg"),
        ("balance", "on one leg"),
        ("stand", f"on the {b.side} leg"),
        ("balance", f"on {{their}} {b.side} foot"),
        ("lift", f"{{their}} {other} leg"),
    ]


def _stroke(b: Beat, facts: Facts) -> list[Phrase]:
    hand, arm = hands(b)
    how = {
        "up": ("up and down",),
        "side": ("from side to side", "left and right"),
        "front": ("back and forth", "forward and back"),
        "circle": ("in circles", "in a circular motion"),
    }[b.direction]
    where = {
        "head": ("", "above {their} head", "at head height"),
        "chest": ("", "in front of {their} chest", "in front of {their} body"),
        "waist": ("", "at waist height", "in front of {their} body"),
        "low": ("", "close to the ground"),
    }
    often = ("", "repeatedly") if b.count > 2 else ("",)
    return [("move", f"{h} {m} {w} {o}") for h in (hand, arm) for m in how for w in where[b.manner] for o in often]


def _fiddle(b: Beat, facts: Facts) -> list[Phrase]:
    hand, _ = hands(b)
    where = {
        "head": ("near {their} head",),
        "chest": ("in front of {their} chest", "in front of the body"),
        "waist": ("in front of {their} body", "at waist height"),
        "low": ("down low",),
    }[b.manner]
    out = [("make", f"small movements with {hand} {w}") for w in (*where, "")]
    out += [("move", f"{hand} slightly {w}") for w in where]
    return out + [("do", f"something with {hand} {w}") for w in where] + [("work", f"with {hand} {w}") for w in where]


WORDS: Table = {
    "raise": _raise,
    "wave": _wave,
    "punch": _punch,
    "kick": _kick,
    "throw": _throw,
    "swing": _swing,
    "clap": _clap,
    "one leg": _one_leg,
    "hands on hips": pose(
        ("put", "hold", "rest"),
        ("{their} {side} hand on the hip",),
        ("both hands on {their} hips", "{their} hands on the hips"),
    ),
    "hand to head": pose(
        ("bring", "hold", "put"),
        ("{their} {side} hand to {their} head", "the {side} hand near the face"),
        ("both hands to {their} head", "both hands at {their} face"),
    ),
    "arms out": pose(
        ("hold", "stretch"),
        ("{their} {side} arm out to the side",),
        ("both arms out to the sides", "{their} arms out sideways", "{their} arms spread wide"),
    ),
    "arms forward": pose(
        ("hold", "stretch"),
        ("{their} {side} arm out in front", "the {side} arm forward"),
        ("both arms out in front", "{their} arms forward"),
    ),
    "hands together": pose(("hold", "keep"), (), ("{their} hands together", "both hands together in front of the body")),
    "stroke": _stroke,
    "fiddle": _fiddle,
}
