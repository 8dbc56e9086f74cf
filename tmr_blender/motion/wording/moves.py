# SPDX-License-Identifier: GPL-3.0-or-later
"""Words for getting about: walks, runs, jumps, turns, stairs and acrobatics."""

from ..beats import Beat
from ..facts import Facts
from .common import CLOCK, NUMBERS, WAYS, Phrase, Table, each, times, trick


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
        out = each(("walk", "step", "move"), WAYS[b.direction]) + each(
            ("sidestep", "side step", "shuffle"), (f"to the {b.direction}", b.direction)
        )
    elif b.direction == "backward":
        out = each(("walk", "step", "move"), paths)
    else:
        out = [*each(("walk",), paths), ("walk", "")]
    out = [(v, f"{r} {p}") for v, r in out for p in paces]
    if b.manner == "slow":
        out += [("walk slowly", r) for r in paths] + [("stroll", r) for r in paths]
    if b.manner == "fast":
        out += [("walk quickly", r) for r in paths] + [("hurry", r) for r in paths]
    if b.manner == "march":
        exaggerated = ("with exaggerated steps", "kicking {their} legs forward", "throwing {their} legs up")
        out = [("march", r) for r in paths] + [("walk", f"{r} {t}") for r in paths for t in exaggerated]
    if b.manner == "crouched":
        out = each(
            ("walk", "move", "sneak"),
            tuple(f"{r} {t}" for r in paths for t in ("in a crouch", "with bent knees", "crouching down")),
        )
    if 2 <= facts.steps <= 8 and len(facts.of("walk")) == 1 and not b.path.startswith(("circle", "half")):
        steps = f"{NUMBERS[facts.steps]} steps"
        out += each(("take", "walk"), tuple(f"{steps} {w}" for w in WAYS[b.direction]))
    if facts.limp and b.direction == "forward" and b.amount > 2.0:
        out.append(("limp", ""))
        out += each(("walk",), ("with a limp", "with an uneven gait", "unevenly"))
    swing = sum(facts.arm_swing) / 2
    if swing > 1.1 and b.direction == "forward":
        out += each(("walk",), ("swinging {their} arms", "with swinging arms"))
    return out


def _run(b: Beat, facts: Facts) -> list[Phrase]:
    verbs = {"sprint": ("sprint", "run fast", "run", "run very fast"), "jog": ("jog", "run", "run slowly")}.get(
        b.manner, ("run", "run", "jog")
    )
    if b.direction in ("left", "right"):
        return each(("shuffle quickly", "move quickly", "run"), WAYS[b.direction])
    if b.direction == "backward":
        return each(("run", "move quickly"), WAYS[b.direction])
    return each(verbs, (*_paths(b), ""))


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
        return each(
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
        return each(("turn",), (f"slightly to the {side}", f"a bit to the {side}", f"a little {side}", f"slightly {side}"))
    if b.amount < 125.0:
        rests = (side, f"to the {side}", f"90 degrees to the {side}", f"to {{their}} {side}")
        return [*each(("turn",), rests), ("make", f"a {side} turn"), ("make", f"a quarter turn to the {side}")]
    if b.amount < 235.0:
        rests = (
            "around",
            "around",
            "around to the left" if side == "left" else "around to the right",
            "180 degrees",
            f"180 degrees to the {side}",
            f"around {clock}",
        )
        return [*each(("turn",), rests), ("make", f"a half turn to the {side}"), ("turn", "back")]
    if b.amount < 320.0:
        return each(
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
    return each(("move", "turn"), (f"in a curve to the {b.side}", f"in an arc to the {b.side}"))


def _climb(b: Beat, facts: Facts) -> list[Phrase]:
    stairs = ("the stairs", "some stairs", "steps") if b.amount > 0.3 else ("a step", "a platform")
    out = each(("walk", "climb", "step", "go"), tuple(f"{b.direction} {s}" for s in stairs))
    return [*out, ("climb", b.direction), ("step", f"{'up onto' if b.direction == 'up' else 'down from'} something")]


def _in_place(b: Beat, facts: Facts) -> list[Phrase]:
    verbs = ("run", "jog") if b.manner == "run" else ("walk", "step", "march") if b.manner == "high" else ("step", "walk")
    return each(verbs, ("in place", "on the spot"))


def _flip(b: Beat, facts: Facts) -> list[Phrase]:
    way = "back" if b.direction == "backward" else "front"
    names = {
        "flip": (f"a {way}flip" if way == "back" else "a front flip", f"a {b.direction} somersault in the air", "a flip"),
        "roll": (f"a {b.direction} roll", "a roll on the floor", f"a {b.direction} somersault"),
        "handspring": (f"a {way} handspring", "a handspring", f"a {b.direction} handspring"),
    }[b.label]
    out = each(("do", "perform"), names)
    return out + ([("roll", f"{b.direction} on the floor")] if b.label == "roll" else [])


WORDS: Table = {
    "walk": _walk,
    "run": _run,
    "step": _step,
    "hop": _hop,
    "crawl": _crawl,
    "jump": _jump,
    "turn": _turn,
    "curve": _curve,
    "climb": _climb,
    "in place": _in_place,
    "cartwheel": trick((("do", "a cartwheel"), ("perform", "a cartwheel"), ("cartwheel", "sideways"))),
    "handstand": trick((("do", "a handstand"), ("stand", "on {their} hands"), ("perform", "a handstand"))),
    "flip": _flip,
    "handspring": _flip,
    "roll": _flip,
    "upside down": trick((("be", "upside down"), ("go", "upside down"))),
}
