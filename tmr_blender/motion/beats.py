# SPDX-License-Identifier: GPL-3.0-or-later
"""From measured events to what is worth telling: neighbours joined, repeats counted, each with a weight."""

from dataclasses import dataclass, replace

from .facts import Facts
from .postures import Event


@dataclass(frozen=True)
class Beat:
    """One thing to tell: an event or several alike in a row.

    weight: how likely a viewer is to mention it. count: how often it happens. path: of moves, "", "curve left", "circle right"
    and so on. back: whether it retraces the way after a half turn. The rest as in `postures.Event`.
    """

    label: str
    start: float
    end: float
    side: str = ""
    amount: float = 0.0
    direction: str = ""
    manner: str = ""
    count: int = 1
    weight: float = 1.0
    path: str = ""
    back: bool = False


# How much a viewer cares, from reading what people write about mocap: the rare and the whole-bodied first.
WEIGHTS: dict[str, float] = {
    **dict.fromkeys(("cartwheel", "handstand", "flip", "handspring", "roll"), 12.0),
    "upside down": 5.0,
    **dict.fromkeys(("jump", "kick", "punch", "crawl", "sitting", "lying", "kneeling", "hop", "all fours", "wave"), 7.0),
    **dict.fromkeys(("run", "climb", "throw", "clap", "swing", "in place", "stand up"), 6.0),
    **dict.fromkeys(("walk", "bending"), 5.0),
    **dict.fromkeys(("crouching", "one leg", "stroke"), 4.0),
    **dict.fromkeys(("step", "raise", "turn"), 3.0),
    **dict.fromkeys(("arms out", "arms forward"), 3.0),
    **dict.fromkeys(("curve", "hands on hips", "hand to head", "hands together"), 2.0),
}
JOINED = {
    **dict.fromkeys(("wave", "raise", "jump"), 1.6),
    **dict.fromkeys(("kick", "cartwheel", "flip", "handspring", "stroke", "hand to head", "hands together"), 2.0),
    **dict.fromkeys(("punch", "fiddle", "bow"), 3.0),
    **dict.fromkeys(("throw", "bending", "crouching", "hands on hips"), 4.0),
}
"""Labels whose repeats are counted, and the pause in seconds that still joins them."""
COUNTED_INSIDE = ("punch", "kick", "clap", "wave", "stroke", "fiddle")
"""Labels whose amount is already a count."""
MOVES = ("walk", "run", "hop", "crawl", "step")


def beats(facts: Facts) -> list[Beat]:
    """Everything worth telling, in order of start."""
    listed = [_beat(e) for e in facts.events]
    listed = _bent_paths(listed, facts)
    listed = _joined(listed)
    listed = _retraced(listed)
    listed = [b for b in listed if not _hidden(b, listed)]
    return [replace(b, weight=_weight(b, facts)) for b in sorted(listed, key=lambda b: (b.start, b.end))]


def _beat(e: Event) -> Beat:
    count = max(1, round(e.amount)) if e.label in COUNTED_INSIDE else 1
    return Beat(e.label, e.start, e.end, e.side, e.amount, e.direction, e.manner, count)


def _bent_paths(listed: list[Beat], facts: Facts) -> list[Beat]:
    """Walks take over the curves in them."""
    out = []
    curves = [b for b in listed if b.label == "curve"]
    for b in listed:
        if b.label in ("walk", "run", "crawl", "hop"):
            inside = [c for c in curves if min(b.end, c.end) - max(b.start, c.start) > 0.5 * (c.end - c.start)]
            net = sum(c.amount if c.side == "left" else -c.amount for c in inside)
            side = "left" if net > 0 else "right"
            whole = b.amount > 0.7 * sum(m.amount for m in listed if m.label in MOVES)
            if abs(net) > 270.0:
                b = replace(b, path=f"circle {side}")
            elif whole and facts.path.startswith("circle"):
                b = replace(b, path=facts.path)
            elif abs(net) > 35.0:
                b = replace(b, path=f"{'half circle' if abs(net) > 140.0 else 'curve'} {side}")
            elif whole and facts.path.startswith(("curve", "straight")):
                b = replace(b, path=facts.path)
        out.append(b)
    moves = [b for b in out if b.label in MOVES]
    return [
        b
        for b in out
        if b.label != "curve" or not any(min(b.end, m.end) - max(b.start, m.start) > 0.5 * (b.end - b.start) for m in moves)
    ]


def _joined(listed: list[Beat]) -> list[Beat]:
    """Repeats in a row become one beat with a count."""
    out: list[Beat] = []
    latest: dict[tuple[str, ...], int] = {}
    for b in sorted(listed, key=lambda b: b.start):
        key = (b.label, b.side if b.label not in ("punch", "kick", "jump") else "", b.direction if b.label != "jump" else "")
        i = latest.get(key)
        if i is not None and _joins(out[i], b, listed):
            out[i] = _merged(out[i], b)
            continue
        latest[key] = len(out)
        out.append(b)
    return out


def _joins(a: Beat, b: Beat, listed: list[Beat]) -> bool:
    """Whether b goes on with a: soon after it, of its kind, and without a real turn between moves."""
    move = b.label in MOVES
    if b.start - a.end > (2.5 if move else JOINED.get(b.label, -1.0)) or (a.manner != b.manner and not move):
        return False
    return not (move and _between(listed, a, b))


def _merged(a: Beat, b: Beat) -> Beat:
    """Both as one beat: counts and distances added, what they don't share left out."""
    move = b.label in MOVES
    return replace(
        a,
        end=b.end,
        count=1 if move else a.count + b.count,
        amount=a.amount + b.amount if move or b.label in COUNTED_INSIDE else max(a.amount, b.amount),
        side=a.side if a.side == b.side else "both" if b.label in ("punch", "kick") else "",
        direction=a.direction if a.direction == b.direction else "",
        manner=a.manner if a.amount >= b.amount else b.manner,
        path=a.path if a.path == b.path else "",
    )


def _between(listed: list[Beat], a: Beat, b: Beat) -> bool:
    """Whether a real turn separates two moves."""
    if a.label not in MOVES:
        return False
    return any(t.label == "turn" and t.amount > 60.0 and a.end - 1.0 <= t.start and t.end <= b.start + 1.0 for t in listed)


def _retraced(listed: list[Beat]) -> list[Beat]:
    """Marks walks that go back over the way of the walk before, after a half turn."""
    out: list[Beat] = []
    last: Beat | None = None
    for b in listed:
        if b.label in ("walk", "run", "hop", "crawl"):
            if last is not None:
                turned = [
                    t for t in listed if t.label == "turn" and last.start < t.start and t.end < b.end and t.end > last.end - 1.5
                ]
                net = sum(t.amount if t.side == "left" else -t.amount for t in turned)
                if 140.0 < abs(net) < 220.0 and last.direction == b.direction:
                    b = replace(b, back=not last.back)
            last = b
        out.append(b)
    return out


def _hidden(b: Beat, listed: list[Beat]) -> bool:
    """Whether another beat tells the same better."""

    def inside(labels: tuple[str, ...], share: float = 0.6) -> bool:
        length = max(b.end - b.start, 1e-6)
        return any(
            o.label in labels and min(b.end, o.end) - max(b.start, o.start) > share * length for o in listed if o is not b
        )

    if b.label == "jump" and inside(("hop", "run")) and b.amount < 0.45:
        return True
    if b.label in ("step", "turn") and inside(("jump", "hop", "kick")):
        return True
    if b.label == "turn" and any(o.label == "jump" and o.manner and b.start < o.end and o.start < b.end for o in listed):
        return True
    if b.label == "raise" and inside(("hand to head",), 0.4):
        return True
    if b.label == "punch" and inside(("throw",)):
        return True
    if b.label in ("raise", "hand to head", "arms forward") and inside(
        ("wave", "punch", "throw", "swing", "clap", "lying", "all fours", "crawl")
    ):
        return True
    if b.label in ("walk", "step") and inside(("sitting", "lying", "kneeling", "stand up")):
        return True
    if b.label in ("stroke", "fiddle") and inside(("wave", "clap", "punch", "in place")):
        return True
    return b.label in ("crouching", "bending") and inside(("stand up", "climb", "crawl"))


def _weight(b: Beat, facts: Facts) -> float:
    """Base weight, more for what lasts or repeats."""
    share = min((b.end - b.start) / max(facts.duration, 0.1), 1.0)
    weight = WEIGHTS.get(b.label, 2.0) * (0.5 + 0.5 * min(1.0, 2.0 * share))
    if b.label == "turn":
        weight *= 0.4 if b.amount < 55.0 else 1.5 if b.amount > 140.0 else 1.0
    if b.label == "raise" and b.manner == "head":
        weight *= 1.4
    if (b.label == "walk" and b.amount < 1.0) or (b.label == "punch" and b.count == 1):
        weight *= 0.6
    return weight * (1.0 + 0.1 * min(b.count - 1, 5))


def summary(facts: Facts) -> Beat | None:
    """One beat for many walks or runs to and fro or about, where there are at least three; or for a figure eight."""
    moves = [e for e in facts.of("walk", "run") if e.direction == "forward"]
    many = len(moves) >= 3 and facts.path in ("back and forth", "wandering")
    if not moves or not (many or facts.path == "figure eight"):
        return None
    longest = max(moves, key=lambda e: e.amount)
    return Beat(longest.label, moves[0].start, moves[-1].end, direction="forward", manner=longest.manner, path=facts.path)
