# SPDX-License-Identifier: GPL-3.0-or-later
"""The words for each kind of beat: verbs in their base form and what follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .beats import Beat
    from .facts import Facts

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


def _each(verbs: tuple[str, ...], rests: tuple[str, ...]) -> list[Phrase]:
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


def _pace(b: Beat) -> tuple[str, ...]:
    return {"slow": ("slowly", "at a slow pace", ""), "fast": ("quickly", "fast", "briskly", "")}.get(b.manner, ("",))


def _paths(b: Beat) -> tuple[str, ...]:
    """Where a move leads."""
    if b.path == "back and forth":
        return ("back and forth", "to and fro", "up and down", "back and forth several times")
    if b.path == "figure eight":
        return ("in a figure eight", "in a figure of eight", "in the shape of an eight", "in figure eights")
    if b.path == "wandering":
        return ("around", "around in different directions", "around", "about")
    if b.back:
        return ("back", "back again", "back to where it started", "back")
    kind, _, side = b.path.rpartition(" ")
    if kind == "circle":
        return ("in a circle", f"in a circle to the {side}", f"in a {CLOCK[side]} circle", f"around in a circle {CLOCK[side]}")
    if kind == "half circle":
        return (
            f"in a half circle to the {side}",
            f"in a wide curve to the {side}",
            f"in a semicircle {CLOCK[side]}",
            f"around a bend to the {side}",
        )
    if kind == "curve":
        base = "backwards " if b.direction == "backward" else ""
        return (f"{base}in a curve to the {side}", f"{base}along a bend to the {side}", f"{base}in an arc to the {side}")
    if b.path == "straight" and b.direction == "forward":
        return ("forward", "straight ahead", "in a straight line", "straight forward", "forward")
    return WAYS[b.direction]


def _walk(b: Beat, facts: Facts) -> list[Phrase]:
    paths, paces = _paths(b), _pace(b)
    if b.direction in ("left", "right"):
        out = _each(("walk", "step", "move"), WAYS[b.direction]) + _each(
            ("sidestep", "side step", "shuffle"), (f"to the {b.direction}", b.direction)
        )
    elif b.direction == "backward":
        out = _each(("walk", "step", "move"), paths)
    else:
        out = [*_each(("walk",), paths), ("walk", "")]
    out = [(v, f"{r} {p}") for v, r in out for p in paces]
    if b.manner == "slow":
        out += [("walk slowly", r) for r in paths] + [("stroll", r) for r in paths]
    if b.manner == "fast":
        out += [("walk quickly", r) for r in paths] + [("hurry", r) for r in paths]
    if b.manner == "crouched":
        out = _each(
            ("walk", "move", "sneak"),
            tuple(f"{r} {t}" for r in paths for t in ("in a crouch", "with bent knees", "crouching down")),
        )
    if 2 <= facts.steps <= 8 and len(facts.of("walk")) == 1 and not b.path.startswith(("circle", "half")):
        steps = f"{NUMBERS[facts.steps]} steps"
        out += _each(("take", "walk"), tuple(f"{steps} {w}" for w in WAYS[b.direction]))
    if facts.limp and b.direction == "forward" and b.amount > 2.0:
        out.append(("limp", ""))
        out += _each(("walk",), ("with a limp", "with an uneven gait", "unevenly"))
    swing = sum(facts.arm_swing) / 2
    if swing > 1.1 and b.direction == "forward":
        out += _each(("walk",), ("swinging {their} arms", "with swinging arms"))
    return out


def _run(b: Beat, facts: Facts) -> list[Phrase]:
    verbs = {"sprint": ("sprint", "run fast", "run", "run very fast"), "jog": ("jog", "run", "run slowly")}.get(
        b.manner, ("run", "run", "jog")
    )
    if b.direction in ("left", "right"):
        return _each(("shuffle quickly", "move quickly", "run"), WAYS[b.direction])
    if b.direction == "backward":
        return _each(("run", "move quickly"), WAYS[b.direction])
    return _each(verbs, (*_paths(b), ""))


def _step(b: Beat, facts: Facts) -> list[Phrase]:
    ways = WAYS[b.direction]
    out = [("take", f"a step {w}") for w in ways] + [("step", w) for w in ways] + [("make", f"one step {w}") for w in ways]
    if b.side:
        out += [("step", f"{ways[0]} with the {b.side} foot")]
    return out


def _hop(b: Beat, facts: Facts) -> list[Phrase]:
    inside = [e for e in facts.of("jump") if b.start - 0.3 <= e.start and e.end <= b.end + 0.3]
    counts = times(len(inside))
    feet: tuple[str, ...] = ("",)
    if b.manner == "both":
        feet = ("", "with both feet", "on both feet", "with both legs")
    elif b.side in ("left", "right"):
        feet = ("on one leg", f"on the {b.side} leg", f"on {{their}} {b.side} foot")
    ways = ("back", "back again") if b.back else WAYS[b.direction]
    return [
        (v, f"{w} {f} {c}")
        for v in ("hop", "jump", "hop", "leap" if b.amount > 3 else "jump")
        for w in ways
        for f in feet
        for c in counts
    ]


def _crawl(b: Beat, facts: Facts) -> list[Phrase]:
    where = (
        ("on all fours", "on hands and knees", "on the floor", "along the ground")
        if b.manner == "all fours"
        else ("on the floor", "along the ground")
    )
    return [("crawl", f"{w} {p}") for w in WAYS[b.direction] for p in (*where, "")] + [
        ("move", f"{WAYS[b.direction][0]} {p}") for p in where
    ]


def _jump(b: Beat, facts: Facts) -> list[Phrase]:
    counts = times(b.count)
    if b.manner:
        side = b.manner.split()[-1]
        about = [t.amount for t in facts.of("turn") if t.start < b.end + 0.5 and t.end > b.start - 0.5]
        angle = "360" if max(about, default=180.0) > 280.0 else "180"
        return _each(
            ("jump", "jump up"),
            (f"with a {angle} degree turn to the {side}", f"turning to the {side} in the air", f"while spinning {CLOCK[side]}"),
        )
    ways = {"up": ("up", "up in the air", "on the spot", "in place", "straight up"), "": ("",)}.get(
        b.direction, WAYS[b.direction]
    )
    feet: tuple[str, ...] = (
        ("", "", "with both feet", "with both legs") if b.side == "both" else ("", f"on the {b.side} leg") if b.side else ("",)
    )
    verbs: tuple[str, ...] = (
        ("jump", "jump", "hop")
        if b.amount < 0.3
        else ("jump", "jump", "leap" if b.direction != "up" else "jump high" if b.amount > 0.45 else "jump")
    )
    out = [(v, f"{w} {f} {c}") for v in verbs for w in ways for f in feet for c in counts]
    if b.count == 1:
        out += [("do", f"a {'big ' if b.amount > 0.5 else 'small ' if b.amount < 0.2 else ''}jump {w}") for w in ways]
    elif b.count < 11:
        out += [("perform", f"{NUMBERS[b.count]} jumps {ways[0]}"), ("do", f"{NUMBERS[b.count]} jumps")]
    return out


def _turn(b: Beat, facts: Facts) -> list[Phrase]:
    side, clock = b.side, CLOCK[b.side]
    if b.amount < 60.0:
        return _each(("turn",), (f"slightly to the {side}", f"a bit to the {side}", f"a little {side}", f"slightly {side}"))
    if b.amount < 125.0:
        rests = (side, f"to the {side}", f"90 degrees to the {side}", f"to {{their}} {side}")
        return [*_each(("turn",), rests), ("make", f"a {side} turn"), ("make", f"a quarter turn to the {side}")]
    if b.amount < 235.0:
        rests = (
            "around",
            "around",
            "around to the left" if side == "left" else "around to the right",
            "180 degrees",
            f"180 degrees to the {side}",
            f"around {clock}",
        )
        return [*_each(("turn",), rests), ("make", f"a half turn to the {side}"), ("turn", "back")]
    if b.amount < 320.0:
        return _each(
            ("turn", "rotate"), (f"three quarters of a circle to the {side}", f"270 degrees {clock}", f"around to the {side}")
        )
    turns = round(b.amount / 360.0)
    counts = times(turns)
    out = [
        (v, f"{r} {c}")
        for v, r in (
            ("spin", "around"),
            ("turn", "in a full circle"),
            ("spin", f"{clock}"),
            ("rotate", f"{clock}"),
            ("turn", f"around to the {side}"),
        )
        for c in counts
    ]
    return [*out, ("turn", f"{360 * turns} degrees to the {side}")]


def _curve(b: Beat, facts: Facts) -> list[Phrase]:
    return _each(("move", "turn"), (f"in a curve to the {b.side}", f"in an arc to the {b.side}"))


def _climb(b: Beat, facts: Facts) -> list[Phrase]:
    stairs = ("the stairs", "some stairs", "steps") if b.amount > 0.3 else ("a step", "a platform")
    out = _each(("walk", "climb", "step", "go"), tuple(f"{b.direction} {s}" for s in stairs))
    return [*out, ("climb", b.direction), ("step", f"{'up onto' if b.direction == 'up' else 'down from'} something")]


def _bend(b: Beat, facts: Facts) -> list[Phrase]:
    out = [*_each(("bend",), ("over", "down", "forward", "forward at the waist")), ("lean", "forward"), ("bow", "down")]
    if b.direction == "backward":
        out = [("lean", "back"), ("bend", "backwards"), ("arch", "{their} back")]
    elif b.direction in ("left", "right"):
        out = _each(("bend", "lean"), (f"to the {b.direction}", f"sideways to the {b.direction}"))
    return out + 2 * _reached(b)


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
    return _each(("kneel down" if b.direction else "kneel", "kneel"), ("", *knees)) + [
        ("go down" if b.direction else "be", k) for k in knees
    ]


def _fours(b: Beat, facts: Facts) -> list[Phrase]:
    verbs = ("get down", "go down") if b.direction else ("be", "stay", "rest")
    return [*_each(verbs, ("on all fours", "on hands and knees")), ("support", "{their} body with both hands on the floor")]


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
    return _each(("stand up", "get up", "stand up"), places)


def _trick(verbs: tuple[Phrase, ...]) -> Callable[[Beat, Facts], list[Phrase]]:
    def words(b: Beat, facts: Facts) -> list[Phrase]:
        return [(v, f"{r} {c}") for v, r in verbs for c in times(b.count)]

    return words


def _flip(b: Beat, facts: Facts) -> list[Phrase]:
    way = "back" if b.direction == "backward" else "front"
    names = {
        "flip": (f"a {way}flip" if way == "back" else "a front flip", f"a {b.direction} somersault in the air", "a flip"),
        "roll": (f"a {b.direction} roll", "a roll on the floor", f"a {b.direction} somersault"),
        "handspring": (f"a {way} handspring", "a handspring", f"a {b.direction} handspring"),
    }[b.label]
    out = _each(("do", "perform"), names)
    return out + ([("roll", f"{b.direction} on the floor")] if b.label == "roll" else [])


def _hands(b: Beat) -> tuple[str, str]:
    """Subject matter for hands and arms of a side."""
    return ("both hands", "both arms") if b.side == "both" else (f"{{their}} {b.side} hand", f"{{their}} {b.side} arm")


def _raise(b: Beat, facts: Facts) -> list[Phrase]:
    hand, arm = _hands(b)
    if b.manner == "head":
        heights = ("above {their} head", "over the head", "up high", "up in the air", "overhead")
    else:
        heights = ("up", "to shoulder height", "above the shoulder" if b.side != "both" else "above the shoulders", "")
    verbs = ("raise", "lift") if b.end - b.start < 3.0 else ("raise", "lift", "hold")
    out = [(v, f"{h} {t}") for v in verbs for h in (hand, arm) for t in heights if v != "hold" or t]
    return [(v, f"{r} {c}") for v, r in out for c in (times(b.count) if b.count > 1 else ("",))]


def _wave(b: Beat, facts: Facts) -> list[Phrase]:
    hand, arm = _hands(b)
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


def _pose(verbs: tuple[str, ...], one: tuple[str, ...], both: tuple[str, ...]) -> Callable[[Beat, Facts], list[Phrase]]:
    def words(b: Beat, facts: Facts) -> list[Phrase]:
        rests = both if b.side == "both" else tuple(r.replace("{side}", b.side) for r in one)
        return _each(verbs, rests)

    return words


def _stroke(b: Beat, facts: Facts) -> list[Phrase]:
    hand, arm = _hands(b)
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
    hand, _ = _hands(b)
    where = {
        "head": ("near {their} head",),
        "chest": ("in front of {their} chest", "in front of the body"),
        "waist": ("in front of {their} body", "at waist height"),
        "low": ("down low",),
    }[b.manner]
    out = [("make", f"small movements with {hand} {w}") for w in (*where, "")]
    out += [("move", f"{hand} slightly {w}") for w in where]
    return out + [("do", f"something with {hand} {w}") for w in where] + [("work", f"with {hand} {w}") for w in where]


def _bow(b: Beat, facts: Facts) -> list[Phrase]:
    return [("bow", ""), ("bow", "slightly"), ("lean", "forward"), ("lean", "forward slightly"), ("bend", "slightly forward")]


def _in_place(b: Beat, facts: Facts) -> list[Phrase]:
    verbs = ("run", "jog") if b.manner == "run" else ("walk", "step", "march") if b.manner == "high" else ("step", "walk")
    return _each(verbs, ("in place", "on the spot"))


WORDS: dict[str, Callable[[Beat, Facts], list[Phrase]]] = {
    "walk": _walk,
    "run": _run,
    "step": _step,
    "hop": _hop,
    "crawl": _crawl,
    "jump": _jump,
    "turn": _turn,
    "curve": _curve,
    "climb": _climb,
    "bending": _bend,
    "crouching": _crouch,
    "sitting": _sit,
    "kneeling": _kneel,
    "all fours": _fours,
    "lying": _lie,
    "stand up": _get_up,
    "in place": _in_place,
    "cartwheel": _trick((("do", "a cartwheel"), ("perform", "a cartwheel"), ("cartwheel", "sideways"))),
    "handstand": _trick((("do", "a handstand"), ("stand", "on {their} hands"), ("perform", "a handstand"))),
    "flip": _flip,
    "handspring": _flip,
    "roll": _flip,
    "upside down": _trick((("be", "upside down"), ("go", "upside down"))),
    "raise": _raise,
    "wave": _wave,
    "punch": _punch,
    "kick": _kick,
    "throw": _throw,
    "swing": _swing,
    "clap": _clap,
    "one leg": _one_leg,
    "hands on hips": _pose(
        ("put", "hold", "rest"),
        ("{their} {side} hand on the hip",),
        ("both hands on {their} hips", "{their} hands on the hips"),
    ),
    "hand to head": _pose(
        ("bring", "hold", "put"),
        ("{their} {side} hand to {their} head", "the {side} hand near the face"),
        ("both hands to {their} head", "both hands at {their} face"),
    ),
    "arms out": _pose(
        ("hold", "stretch"),
        ("{their} {side} arm out to the side",),
        ("both arms out to the sides", "{their} arms out sideways", "{their} arms spread wide"),
    ),
    "arms forward": _pose(
        ("hold", "stretch"),
        ("{their} {side} arm out in front", "the {side} arm forward"),
        ("both arms out in front", "{their} arms forward"),
    ),
    "hands together": _pose(("hold", "keep"), (), ("{their} hands together", "both hands together in front of the body")),
    "stroke": _stroke,
    "fiddle": _fiddle,
    "bow": _bow,
}


def phrases_of(b: Beat, facts: Facts) -> list[Phrase]:
    """All ways to say one beat; none is empty of words."""
    return [(verb, rest.strip()) for verb, rest in WORDS[b.label](b, facts)]


def stance(facts: Facts) -> list[Phrase]:
    """What to say of a body that does nothing told by events: it stands, and its limbs may stir."""
    last = max(facts.postures, key=lambda p: p[2] - p[1])[0] if facts.postures else "standing"
    if last != "standing":
        return [("stay", "in a low position"), ("move", "close to the floor")]
    arms, legs = max(facts.limbs[:2]), max(facts.limbs[2:])
    if arms < 0.15 and facts.energy < 0.12:
        return [("stand", "still"), ("stand", ""), ("stand", "in place"), ("stand", "motionless"), ("remain", "standing")]
    if arms > 0.3:
        which = f"{{their}} {facts.handed} arm" if facts.handed in ("left", "right") else "both arms"
        hand = which.replace("arm", "hand")
        return [
            ("stand", f"moving {which}"),
            ("move", which),
            ("gesture", f"with {hand}"),
            ("move", f"{hand} around while standing"),
        ]
    if legs > 0.2:
        return [("shift", "{their} weight"), ("move", "on the spot"), ("move", "{their} feet while standing")]
    return [("stand", ""), ("stand", "swaying slightly"), ("stand", "almost still"), ("move", "a little while standing")]
