# SPDX-License-Identifier: GPL-3.0-or-later
"""What a viewer could say about a motion, measured: travel, turns, postures, gestures, in order and in physical units.

Rules, not learning: the thresholds stand with their reasons beside the rules, in `postures`, `gait` and `gestures`.
Everything is scaled to an adult's size first (legs of 0.82 m), so a child's or a giant's walk reads as a walk.
"""

from dataclasses import dataclass, replace

import numpy as np

from . import gait, gestures, postures
from .kinematics import ARM, FPS, SIDES, Body, J, smooth, spans
from .postures import Event
from .quaternion import Array

LABELS = (
    *("walk", "run", "step", "hop", "crawl", "jump", "turn", "curve", "climb"),
    *("bending", "crouching", "sitting", "kneeling", "all fours", "lying", "stand up", "bow", "in place"),
    *("cartwheel", "handstand", "flip", "handspring", "roll", "upside down"),
    *("raise", "wave", "punch", "kick", "throw", "swing", "clap", "stroke", "fiddle", "one leg"),
    *("hands on hips", "hand to head", "arms out", "arms forward", "hands together"),
)

STILL_SPEED = 0.12  # m/s of all joints on average: breathing and swaying stay below
REPEATS = 0.55  # autocorrelation of the pose at which a viewer sees a rhythm
LOOPABLE = 0.10  # metres between first and last pose, half of a walk's swing
ROUND = 0.5  # of a circle; a square has 0.79, a walk to and fro next to nothing
ONE_SIDED = 1.6  # ratio at which one arm is said to do the work
TRAVELS = ("walk", "run", "step", "hop", "crawl")


@dataclass(frozen=True)
class Facts:
    """Everything measured; plain numbers, strings and tuples, so that `dataclasses.asdict` is ready for JSON.

    duration: seconds. travel, displacement: metres along the path and between its ends. direction: of the displacement,
    in the first facing: "forward", "backward", "left", "right", "". speed, top_speed: m/s of the pelvis, mean and 98th
    percentile. gait: the way of getting about that takes most time, "standing" where there is none. steps: of walks and runs.
    turned, turning: degrees, net (left positive) and in all. path: "on the spot", "straight", "curve left", "curve right",
    "circle left", "circle right", "figure eight", "back and forth", "wandering". postures: (name, start, end). events: in
    order of start. arm_swing: left and right, share of an arm's length. limbs: mean speeds of left arm, right arm, left leg and
    right leg relative to the pelvis, m/s. handed: "left", "right" or "both" arm doing the work, "" when still. period,
    repeats: seconds and count of a rhythm, 0 without one. still: spans in seconds. limp: whether the walks are uneven. seam:
    metres between the first and the last pose (mean over joints, heading aside) plus a tenth of the difference of velocities.
    energy: mean speed of all joints, m/s. scale: factor to an adult's size.
    """

    duration: float
    travel: float
    displacement: float
    direction: str
    speed: float
    top_speed: float
    gait: str
    steps: int
    turned: float
    turning: float
    path: str
    postures: tuple[tuple[str, float, float], ...]
    events: tuple[Event, ...]
    arm_swing: tuple[float, float]
    limbs: tuple[float, float, float, float]
    handed: str
    period: float
    repeats: int
    still: tuple[tuple[float, float], ...]
    limp: bool
    seam: float
    energy: float
    scale: float

    @property
    def loopable(self) -> bool:
        """Whether the end leads back into the beginning without a visible jump."""
        return self.duration > 0.5 and self.energy > STILL_SPEED and self.seam < LOOPABLE

    def of(self, *labels: str) -> list[Event]:
        """The events with these labels, in order."""
        return [e for e in self.events if e.label in labels]


def measure(positions: Array, fps: float) -> Facts:
    """Facts of joint positions (frames, 22, 3), metres, Y up, at any rate; raises TMRError for useless positions."""
    body = Body.of(positions, fps)
    states = postures.classify(body)
    events = tuple(_events(body, states))
    travelling = [e for e in events if e.label in TRAVELS]
    seconds = {label: sum(e.end - e.start for e in travelling if e.label == label) for label in TRAVELS}
    moved = body.turned(np.repeat((body.root[-1] - body.root[0])[None], body.frames, axis=0))[0]
    displacement = float(np.hypot(moved[0], moved[2]))
    pace = np.linalg.norm(np.diff(body.root[:, [0, 2]], axis=0), axis=-1)
    turns = [e for e in events if e.label in ("turn", "curve")]
    period, repeats = _rhythm(body)
    limbs = _limbs(body)
    return Facts(
        duration=round(len(positions) / fps, 3),
        travel=_round(pace.sum()),
        displacement=_round(displacement),
        direction=_direction(moved) if displacement > 0.4 else "",
        speed=_round(pace.mean() * FPS if len(pace) else 0.0),
        top_speed=_round(np.percentile(body.speed, 98)),
        gait=max(seconds, key=lambda k: seconds[k]) if travelling else "standing",
        steps=_steps(body, travelling),
        turned=_round(np.degrees(body.heading[-1] - body.heading[0])),
        turning=_round(sum(e.amount for e in turns)),
        path=_path(body, list(events), displacement),
        postures=tuple((name, round(a / FPS, 2), round(b / FPS, 2)) for name, a, b in postures.segments(states)),
        events=events,
        arm_swing=_arm_swing(body, travelling),
        limbs=limbs,
        handed=_handed(limbs),
        period=_round(period),
        repeats=repeats,
        still=tuple((round(a / FPS, 2), round(b / FPS, 2)) for a, b in spans(_activity(body) < STILL_SPEED, 0.8)),
        limp=gait.uneven(body, travelling),
        seam=_round(_seam(body)),
        energy=_round(_activity(body).mean()),
        scale=_round(body.scale),
    )


def _round(value: float | np.floating) -> float:
    return round(float(value), 3)


def _events(body: Body, states: np.ndarray) -> list[Event]:
    """All events in order; what is only a part of another one is left out."""
    turns = gait.turns(body)
    flights = gait.airborne(body)
    tricks = postures.acrobatics(body)
    jumps = [e for e in gait.jumps(body, states, flights) if not _within(e, tricks)]
    moves = gait.travels(body, states, turns, flights)
    moves = [
        m
        for m in (_as_hops(m, jumps) for m in moves)
        if not _within(m, tricks) and not (m.label == "step" and _within(m, jumps))
    ]
    changes = [e for e in postures.changes(body, states) + postures.bows(body, states) if not _within(e, tricks)]
    listed = tricks + jumps + moves + changes
    listed += [e for e in turns if not _within(e, tricks)]
    listed += [e for e in gait.climbs(body, states) if not _within(e, tricks)]
    listed += gait.in_place(body)
    # Limbs fly about in runs and jumps without meaning it.
    runs = tricks + [e for e in moves if e.label == "run"]
    quick = runs + [replace(j, start=j.start - 0.6, end=j.end + 0.4) for j in jumps]
    listed += [e for e in gestures.throws(body) + gestures.two_handed_swings(body) if not _within(e, quick)]
    kicks = [e for e in gestures.kicks(body) if not _within(e, runs)]
    marches = [k for k in kicks if k.side == "both" and k.amount >= 4.0]
    walks = [m for m in moves if m.label == "walk" and m.direction == "forward" and m.amount > 1.5 and _within(m, marches, 0.3)]
    listed = [replace(e, manner="march") if e in walks else e for e in listed]
    listed += [k for k in kicks if not (k in marches and _within(k, walks))]
    for found in (gestures.raises, gestures.waves, gestures.punches, gestures.claps, gestures.strokes):
        listed += [e for e in found(body) if not _within(e, tricks)]
    listed += gestures.holds(body) + gestures.legs(body)
    return sorted(listed, key=lambda e: (e.start, e.end))


def _within(event: Event, others: list[Event], share: float = 0.5) -> bool:
    """Whether an event overlaps one of the others for most of its time."""
    length = max(event.end - event.start, 1e-6)
    return any(min(event.end, o.end) - max(event.start, o.start) > share * length for o in others)


def _as_hops(move: Event, jumps: list[Event]) -> Event:
    """A walk made of jumps is a hop."""
    inside = [j for j in jumps if move.start - 0.2 <= j.start and j.end <= move.end + 0.2]
    if move.label == "walk" and len(inside) >= 2 and move.amount / len(inside) < 1.3:
        sides = {j.side for j in inside}
        side = sides.pop() if len(sides) == 1 else ""
        return Event("hop", move.start, move.end, side, move.amount, move.direction, "both" if side == "both" else "")
    return move


def _direction(moved: Array) -> str:
    if abs(moved[0]) > abs(moved[2]):
        return "left" if moved[0] > 0 else "right"
    return "forward" if moved[2] > 0 else "backward"


def _span(event: Event) -> slice:
    return slice(round(event.start * FPS), max(round(event.end * FPS), round(event.start * FPS) + 1))


def _steps(body: Body, travelling: list[Event]) -> int:
    on_foot = [_span(e) for e in travelling if e.label in ("walk", "run", "step")]
    return sum(any(s.start <= f < s.stop for s in on_foot) for f in body.steps)


def _path(body: Body, events: list[Event], displacement: float) -> str:
    """The shape of the whole path on the floor."""
    length = sum(e.amount for e in events if e.label in TRAVELS and (e.label != "step" or e.amount > 0.8))
    path = smooth(body.root[:, [0, 2]], 0.2)
    # The direction of the path itself, not of the face: side steps in a line are straight.
    step = np.gradient(path, axis=0) if body.frames > 1 else np.zeros_like(path)
    going = np.hypot(step[:, 0], step[:, 1]) * FPS > gait.MOVING
    if length < 1.0 or going.sum() < 6:
        return "on the spot"
    course = np.unwrap(np.arctan2(step[going, 0], step[going, 1]))
    bend = float(np.degrees(course[-3:].mean() - course[:3].mean()))
    wander = float(np.degrees(np.abs(np.diff(course)).sum()))
    side = "left" if bend > 0 else "right"
    curves = {s: sum(e.amount for e in events if e.label == "curve" and e.side == s) for s in SIDES}
    if min(curves.values()) > 200.0 and max(curves.values()) < 2.5 * min(curves.values()):
        return "figure eight"
    if abs(bend) > 270.0 and _roundness(path[going]) * abs(bend) / 360.0 > ROUND:
        return f"circle {side}"
    reversals = np.abs(np.diff(course, prepend=course[0])) > np.radians(100.0)
    if displacement < 0.5 * length and (reversals.any() or abs(bend) > 130.0 or wander > 300.0):
        extent = np.ptp(path @ np.linalg.svd(path - path.mean(axis=0), full_matrices=False)[2].T, axis=0)
        return "back and forth" if extent[1] < 0.35 * extent[0] else "wandering"
    if abs(bend) < 30.0 and displacement > 0.85 * length:
        return "straight"
    if abs(bend) >= 30.0 and wander < 1.8 * abs(bend) + 30.0:
        return f"curve {side}"
    return "straight" if displacement > 0.85 * length else "wandering"


def _roundness(path: Array) -> float:
    """4 pi area / perimeter^2 of the closed path (frames, 2): 1 for one round of a circle, 1/k for k rounds, 0 for a line."""
    after = np.roll(path, -1, axis=0)
    area = abs(float(np.sum(path[:, 0] * after[:, 1] - path[:, 1] * after[:, 0]))) / 2.0
    perimeter = float(np.linalg.norm(after - path, axis=-1).sum())
    return 4.0 * np.pi * area / max(perimeter, 1e-6) ** 2


def _activity(body: Body) -> Array:
    """Mean speed (frames,) of all joints in the world, m/s."""
    if body.frames < 2:
        return np.zeros(body.frames)
    velocity = np.gradient(body.joints[:, [0, 4, 5, 7, 8, 15, 18, 19, 20, 21]], 1.0 / FPS, axis=0)
    return smooth(np.linalg.norm(velocity, axis=-1).mean(axis=1), 0.15)


def _limbs(body: Body) -> tuple[float, float, float, float]:
    names = [
        ("left_wrist", "left_elbow"),
        ("right_wrist", "right_elbow"),
        ("left_ankle", "left_knee"),
        ("right_ankle", "right_knee"),
    ]
    mean = [_round(body.limb_speed[:, [J[a], J[b]]].mean()) for a, b in names]
    return mean[0], mean[1], mean[2], mean[3]


def _handed(limbs: tuple[float, float, float, float]) -> str:
    left, right = limbs[0], limbs[1]
    if max(left, right) < 0.15:
        return ""
    return "left" if left > ONE_SIDED * right else "right" if right > ONE_SIDED * left else "both"


def _arm_swing(body: Body, travelling: list[Event]) -> tuple[float, float]:
    walks = [e for e in travelling if e.label in ("walk", "run")]
    if not walks:
        return 0.0, 0.0
    z = body.local[_span(max(walks, key=lambda e: e.end - e.start))][..., 2]
    out = [np.ptp(np.percentile(z[:, J[f"{s}_wrist"]] - z[:, J[f"{s}_shoulder"]], [5, 95])) / ARM for s in SIDES]
    return _round(out[0]), _round(out[1])


def _rhythm(body: Body) -> tuple[float, int]:
    """Period in seconds and number of repeats of the pose, by autocorrelation; (0, 0) without a rhythm."""
    if body.frames < 2 * FPS:
        return 0.0, 0
    pose = body.local[:, [4, 5, 7, 8, 18, 19, 20, 21]].reshape(body.frames, -1)
    pose = np.concatenate([pose, body.above[:, :1]], axis=1)
    pose = pose - smooth(pose, 2.0)
    power = float((pose**2).sum())
    if power / body.frames < 0.01:
        return 0.0, 0
    size = 2 ** int(np.ceil(np.log2(2 * body.frames)))
    spectrum = np.abs(np.fft.rfft(pose, size, axis=0)) ** 2
    lags = np.fft.irfft(spectrum.sum(axis=1), size)[: body.frames // 2]
    share = lags / power * body.frames / np.arange(body.frames, body.frames - len(lags), -1)
    first, last = round(0.35 * FPS), min(len(share) - 1, round(4.0 * FPS))
    inner = share[first : last + 1]
    tops = [i for i in range(1, len(inner) - 1) if inner[i] >= inner[i - 1] and inner[i] > inner[i + 1] and inner[i] > REPEATS]
    if not tops:
        return 0.0, 0
    best = max(inner[i] for i in tops)
    lag = next(i for i in tops if inner[i] > 0.9 * best) + first
    return lag / FPS, round(body.frames / lag)


def _seam(body: Body) -> float:
    """How far the last pose is from the first, metres; heights count, place and heading do not."""
    if body.frames < 3:
        return 0.0
    pose = body.local.copy()
    pose[:, 0, 1] = body.joints[:, 0, 1]
    apart = np.linalg.norm(pose[0] - pose[-1], axis=-1).mean()
    velocity = np.concatenate([body.limb_velocity, body.velocity[:, None]], axis=1)
    return float(apart + 0.1 * np.linalg.norm(velocity[1] - velocity[-2], axis=-1).mean())


def tags(facts: Facts) -> list[str]:
    """Words to filter by, the same for all motions of a kind, sorted."""
    found: set[str] = set()
    for e in facts.events:
        name = {"bending": "bend", "crouching": "crouch", "sitting": "sit", "kneeling": "kneel", "lying": "lie"}.get(
            e.label, e.label
        )
        found.add(name)
        if e.label in ("walk", "run", "step", "hop", "crawl") and e.direction in ("backward", "left", "right"):
            found.add("backwards" if e.direction == "backward" else "sideways")
        if e.label in ("turn", "curve"):
            found.add(f"turn {e.side}")
    if facts.path.startswith(("circle", "figure")):
        found.add(facts.path.removesuffix(" left").removesuffix(" right"))
    if facts.path == "on the spot":
        found.add("on the spot")
    if facts.gait == "walk" and facts.limp:
        found.add("limp")
    for word, true in (
        ("loop", facts.loopable),
        ("rhythmic", facts.repeats >= 3),
        ("still", facts.energy < STILL_SPEED),
        ("fast", facts.energy > 1.6),
        ("slow", STILL_SPEED <= facts.energy < 0.35),
    ):
        if true:
            found.add(word)
    return sorted(found)
