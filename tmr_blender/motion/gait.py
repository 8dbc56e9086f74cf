# SPDX-License-Identifier: GPL-3.0-or-later
"""How the body gets about: walks and runs, turns, jumps, steps and stairs."""

from itertools import pairwise

import numpy as np

from .kinematics import FPS, SIDES, Body, J, extremum, smooth, spans, swings
from .postures import LOW, POSTURES, Event, event, steady
from .quaternion import Array

MOVING = 0.22  # m/s of the pelvis's path; weight shifts of someone standing stay below
STEPS_AWAY = 0.35  # metres: less is a shift of weight, unless a foot is set down elsewhere
FOOT_MOVED = 0.2  # metres
DIAGONAL = 0.55  # tangent of the angle to the nearer axis, from about 29 degrees
RUN_SPEED = 1.9  # m/s: adults change from walking to running at 2.0 to 2.3, and starts and stops count
RUN_ARMS = 0.88  # stretch of the arms between that of walks (0.93 to 0.98) and of runs (0.55 to 0.86)
JOG_SPEED, SURELY_RUN = 1.5, 2.9  # nobody runs below the one or walks above the other
FLIGHT = 0.035  # metres of both feet above their standing height
FALLING, FREE_FALL = -3.5, -5.0  # m/s^2 of the pelvis throughout and at the least; walking stays above -2.6
SLOW, FAST, SPRINT = 0.75, 1.65, 4.2  # m/s of walks and runs

TURN_RATE = np.radians(28.0)  # per second: gait alone sways the body by less
TURN = 35.0  # degrees: less is not told as a turn
CURVE_RADIUS, WIDE_RADIUS, CURVE_RATE = 0.55, 1.2, 70.0  # metres: a turn on a wider path is a curve; degrees per second

LIMP_STEPS, LIMP_TIME, LIMP_HEIGHT = 8, 0.15, 0.025  # steps in a row; share of a step's time; metres of the pelvis

JUMP_FLIGHT = 0.18  # seconds of both feet off the ground
JUMP_CLEARANCE = 0.05  # metres of the lower foot at the top
LEAP_CLEARANCE, LEAP_FLIGHT = 0.17, 0.35  # one of them while running, where every step has a flight


def turns(body: Body) -> list[Event]:
    """Turns on the spot (label "turn") and curves of the path (label "curve"), amounts in degrees, in order."""
    heading = smooth(body.heading, 0.25)
    pace = np.gradient(heading) * FPS if body.frames > 1 else np.zeros(1)
    found: list[Event] = []
    for sign, side in ((1.0, "left"), (-1.0, "right")):
        for start, end in spans(sign * pace > TURN_RATE, 0.15, gap=0.35):
            # The smoothing takes the ends off a quick turn: measure between the moments of rest around it.
            a, b = max(start - 4, 0), min(end + 4, body.frames) - 1
            angle = abs(float(np.degrees(heading[b] - heading[a])))
            if angle < TURN:
                continue
            length = float(np.linalg.norm(np.diff(body.root[a : b + 1, [0, 2]], axis=0), axis=-1).sum())
            radius = length / np.radians(angle)
            slowly = angle / ((end - start) / FPS) < CURVE_RATE
            label = "curve" if radius > (CURVE_RADIUS if slowly else WIDE_RADIUS) else "turn"
            before, after = float(np.median(heading[max(a - 16, 0) : a + 1])), float(np.median(heading[b : b + 17]))
            # A twist of the trunk comes back at once; a turn stays.
            if angle < 100.0 and sign * np.degrees(after - before) < 0.6 * angle:
                continue
            found.append(event(label, (start, end), side=side, amount=angle))
    return sorted(found, key=lambda e: e.start)


def airborne(body: Body) -> list[tuple[int, int]]:
    """Half-open spans of flight: the pelvis falls freely while both feet are off the ground."""
    found = []
    for start, end in spans((body.lift < FALLING) & ~body.inverted, 0.1, gap=0.05):
        up = body.feet[start:end].min(axis=1)
        rest = body.feet[max(start - 6, 0) : start + 1].min()
        if body.lift[start:end].min() < FREE_FALL and up.max() - min(rest, 0.05) > FLIGHT:
            found.append((max(start - 1, 0), end))
    return found


def _directions(body: Body) -> np.ndarray:
    """0 still, 1 forward, 2 backward, 3 left, 4 right for every frame."""
    velocity = smooth(body.velocity, 0.35)
    side, front = velocity[:, 0], velocity[:, 2]
    out = np.where(front >= 0.0, 1, 2)
    # Sideways only when it is clearly so: people look where they go, and curves drift outwards.
    sideways = np.abs(side) > 1.2 * np.abs(front)
    out = np.where(sideways, np.where(side > 0.0, 3, 4), out)
    return np.where(np.hypot(side, front) > MOVING, out, 0)


NAMES = ("", "forward", "backward", "left", "right")


def travels(body: Body, states: np.ndarray, turned: list[Event], flights: list[tuple[int, int]]) -> list[Event]:
    """Walks, runs, crawls and the like, split where the direction or the heading changes."""
    moving = _directions(body)
    moving[body.inverted] = 0
    moving = steady(moving, 0.5)
    steps = body.steps
    found: list[Event] = []
    cuts = sorted(round((e.start + e.end) / 2 * FPS) for e in turned if e.label == "turn" and e.amount > 60.0)
    for code in range(1, 5):
        for start, end in spans(moving == code, 0.45, gap=0.6):
            inside = [start, *(c for c in cuts if start + 6 < c < end - 6), end]
            for a, b in pairwise(inside):
                one = _travel(body, states, (a, b), NAMES[code], steps, flights)
                if one is not None:
                    found.append(one)
    return sorted(found, key=lambda e: e.start)


def _travel(
    body: Body, states: np.ndarray, span: tuple[int, int], direction: str, steps: list[int], flights: list[tuple[int, int]]
) -> Event | None:
    start, end = span
    path = body.root[start:end, [0, 2]]
    length = float(np.linalg.norm(np.diff(path, axis=0), axis=-1).sum())
    if end - start < 6 or (length < STEPS_AWAY and (length < 0.2 or _feet_moved(body, span).max() < FOOT_MOVED)):
        return None
    speed = length / ((end - start) / FPS)
    state = POSTURES[int(np.bincount(states[start:end]).argmax())]
    count = sum(start <= s < end for s in steps)
    if state in ("all fours", "kneeling", "sitting", "lying"):
        if length < 0.5:
            return None
        return event("crawl", span, amount=length, direction=direction, manner=state)
    air = [min(b, end) - max(a, start) for a, b in flights if a < end and b > start]
    share = sum(air) / (end - start)
    top = float(np.percentile(body.speed[start:end], 80.0))
    both = _together(body, span)
    if not both and _runs(body, start, end, top):
        manner = "sprint" if top > SPRINT else "jog" if top < RUN_SPEED + 0.3 else ""
        return event("run", span, amount=length, direction=direction, manner=manner)
    if share > 0.22 and len(air) >= 2:
        return event("hop", span, amount=length, direction=direction, manner="both" if both else "")
    if count <= 2 and length < 1.2:
        return event("step", span, amount=length, direction=_diagonal(body, span, direction), side=_stepping_foot(body, span))
    return event("walk", span, amount=length, direction=direction, manner=_manner(body, span, speed))


def _runs(body: Body, start: int, end: int, top: float) -> bool:
    """Runs are fast, bounce, and carry the arms bent; none of the three alone tells them from brisk walks."""
    if top < JOG_SPEED or top > SURELY_RUN:
        return top > SURELY_RUN
    bounce = float((body.lift[start:end] < FALLING).mean())
    arms = float(np.mean([body.extension(s)[start:end].mean() for s in SIDES]))
    return (top - RUN_SPEED) / 0.5 + (RUN_ARMS - arms) / 0.1 + min((bounce - 0.05) / 0.16, 0.3) > 0.0


def _together(body: Body, span: tuple[int, int]) -> bool:
    """Whether both feet move as one, as in two-legged hops."""
    feet = body.local[span[0] : span[1], [J["left_ankle"], J["right_ankle"]], 2]
    apart, each = np.std(feet[:, 0] - feet[:, 1]), np.std(feet, axis=0).mean()
    return bool(apart < 0.1 or apart < 0.8 * each)


def _diagonal(body: Body, span: tuple[int, int], direction: str) -> str:
    """ "forward left" and the like where a step goes both ways, else the direction as it is."""
    velocity = body.velocity[span[0] : span[1]].mean(axis=0)
    side, front = float(velocity[0]), float(velocity[2])
    if min(abs(side), abs(front)) < DIAGONAL * max(abs(side), abs(front)):
        return direction
    return f"{'forward' if front > 0 else 'backward'} {'left' if side > 0 else 'right'}"


def _feet_moved(body: Body, span: tuple[int, int]) -> Array:
    """How far (2,) the left and right ankle are from where they were half a second before, half a second after; metres."""
    first, last = max(span[0] - 10, 0), min(span[1] + 9, body.frames - 1)
    return np.array([np.linalg.norm(body.at(f"{s}_ankle")[last] - body.at(f"{s}_ankle")[first]) for s in SIDES])


def _stepping_foot(body: Body, span: tuple[int, int]) -> str:
    """The foot that makes a step, or makes the first of two."""
    moved = _feet_moved(body, span)
    first = [float(np.argmax(body.feet[span[0] : span[1], i] > 0.03)) for i in range(2)]
    if abs(moved[0] - moved[1]) > 0.2:
        return SIDES[int(moved[1] > moved[0])]
    return SIDES[int(first[1] < first[0])]


def _manner(body: Body, span: tuple[int, int], speed: float) -> str:
    """How a walk looks: crouched, stiff and careful, slow or fast."""
    window = slice(span[0], span[1])
    if float(np.median(body.height[window])) < 0.86:
        return "crouched"
    if speed < SLOW:
        return "slow"
    return "fast" if speed > FAST else ""


def jumps(body: Body, states: np.ndarray, flights: list[tuple[int, int]]) -> list[Event]:
    """Jumps, leaps and hops with their height (metres), feet, direction and turn in the air."""
    found: list[Event] = []
    low = np.isin(states, [POSTURES.index(n) for n in LOW])
    pelvis = body.at("pelvis")[:, 1]
    for start, end in flights:
        if low[start:end].mean() > 0.5 or (end - start) / FPS > 1.3:
            continue
        clearance = float(body.feet[start:end].min(axis=1).max())
        fast = float(body.speed[start:end].max()) > JOG_SPEED
        around = slice(max(start - 6, 0), min(end + 6, body.frames))
        rise = float(pelvis[start:end].max() - min(pelvis[around.start], pelvis[around.stop - 1]))
        seconds = (end - start) / FPS
        enough = (clearance > LEAP_CLEARANCE or seconds > LEAP_FLIGHT) if fast else clearance > JUMP_CLEARANCE
        if not enough or seconds < JUMP_FLIGHT or rise < 0.04:
            continue
        a, b = max(start - 4, 0), min(end + 4, body.frames - 1)
        moved = body.turned(np.repeat((body.root[b] - body.root[a])[None], body.frames, axis=0))[start]
        turned = float(np.degrees(body.heading[b] - body.heading[a]))
        distance = float(np.hypot(moved[0], moved[2]))
        direction = "up"
        if distance > 0.35:
            direction = (
                ("left" if moved[0] > 0 else "right")
                if abs(moved[0]) > abs(moved[2])
                else "forward"
                if moved[2] > 0
                else "backward"
            )
        manner = "turn left" if turned > 100 else "turn right" if turned < -100 else ""
        found.append(
            event(
                "jump",
                (start, end),
                side=_feet_of(body, start, end),
                amount=max(rise, clearance),
                direction=direction,
                manner=manner,
            )
        )
    return found


def _feet_of(body: Body, start: int, end: int) -> str:
    """The feet a jump takes off from and lands on: "both", or one."""
    before, after = max(start - 3, 0), min(end + 2, body.frames - 1)
    down = body.feet[[before, after]] < 0.06
    if down[:, 0].all() and not down[:, 1].any():
        return "left"
    if down[:, 1].all() and not down[:, 0].any():
        return "right"
    return "both" if down[0].all() or down[1].all() else ""


def climbs(body: Body, states: np.ndarray) -> list[Event]:
    """Stairs, ladders and platforms: the level that carries the body rises or sinks while it stands."""
    upright = np.isin(states, [0, 1, 2])
    feet = np.stack([body.at(f"{s}_foot") for s in SIDES], axis=1)
    quiet = np.linalg.norm(np.gradient(feet, 1.0 / FPS, axis=0), axis=-1) < 0.35 if body.frames > 1 else np.ones((1, 2), bool)
    heights = np.where(quiet, feet[..., 1], np.nan)
    known = ~np.isnan(heights).all(axis=1) & upright
    if known.sum() < 4:
        return []
    frames = np.flatnonzero(known)
    level = np.interp(np.arange(body.frames), frames, np.nanmin(heights[frames], axis=1))
    # The pelvis must follow, or only a foot was put up somewhere.
    level = np.minimum(smooth(level, 0.3), extremum(body.at("pelvis")[:, 1] - 0.55, 0.3, largest=True))
    turning = swings(level, 0.14)
    marks = [0, *turning, body.frames - 1]
    found: list[Event] = []
    for a, b in pairwise(marks):
        rise = float(level[b] - level[a])
        pelvis = float(body.root[b, 1] - body.root[a, 1])
        if not upright[max(a - 10, 0) : b + 10].all() or body.inverted[a : b + 1].any():
            continue
        if b > a and abs(rise) > 0.17 and rise * pelvis > 0 and abs(pelvis) > 0.1:
            # Only the part in which the level changes.
            inner = np.flatnonzero(np.abs(level[a : b + 1] - level[a]) > 0.1 * abs(rise))
            outer = np.flatnonzero(np.abs(level[b] - level[a : b + 1]) > 0.1 * abs(rise))
            if len(inner) and len(outer):
                found.append(
                    event(
                        "climb",
                        (a + int(inner[0]), a + int(outer[-1]) + 1),
                        amount=abs(rise),
                        direction="up" if rise > 0 else "down",
                    )
                )
    return found


def in_place(body: Body) -> list[Event]:
    """Stepping, marching or running on the spot: the feet lift in turn while the pelvis stays."""
    apart = body.feet[:, 0] - body.feet[:, 1]
    marks = np.array(swings(apart, 0.1), dtype=np.int64)
    if len(marks) < 5:
        return []
    stepping = np.zeros(body.frames, dtype=bool)
    for a, b in zip(marks[:-1].tolist(), marks[1:].tolist(), strict=True):
        # Each foot in its turn: one high, then the other.
        upright = body.torso[a : b + 1, 1].min() > 0.7
        if upright and b - a < 1.0 * FPS and apart[a] * apart[b] < 0 and body.speed[a : b + 1].mean() < 0.35:
            stepping[a : b + 1] = True
    found = []
    for start, end in spans(stepping & (body.height > 0.75), 1.8):
        knees = body.local[start:end, [J["left_knee"], J["right_knee"]], 1]
        fall = float((body.lift[start:end] < FALLING).mean())
        manner = "run" if fall > 0.15 else "high" if float(np.percentile(knees, 95)) > -0.15 else ""
        found.append(event("in place", (start, end), amount=int(((marks >= start) & (marks < end)).sum()), manner=manner))
    return found


def uneven(body: Body, travelling: list[Event]) -> bool:
    """Whether walks limp: steps of one foot take longer, or the pelvis is carried higher over one foot."""
    steps = np.array(body.steps, dtype=np.int64)
    ratios, heights = [], []
    for move in travelling:
        walks = move.label == "walk" and move.direction == "forward"
        inside = steps[(steps >= move.start * FPS) & (steps < move.end * FPS)] if walks else steps[:0]
        if len(inside) < LIMP_STEPS:
            continue
        times, pelvis = np.diff(inside), body.joints[inside, 0, 1]
        odd, even = float(np.median(times[::2])), float(np.median(times[1::2]))
        ratios.append(max(odd, even) / max(min(odd, even), 1.0) - 1.0)
        heights.append(abs(float(np.median(pelvis[::2]) - np.median(pelvis[1::2]))))
    if not ratios:
        return False
    return float(np.mean(ratios)) / LIMP_TIME + float(np.mean(heights)) / LIMP_HEIGHT > 1.4
