# SPDX-License-Identifier: GPL-3.0-or-later
"""How the body is carried: standing, sitting, lying, upside down, and the changes between them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .kinematics import FPS, SIDES, Body, J, extremum, smooth, spans
from .quaternion import Array

POSTURES = ("standing", "bending", "crouching", "sitting", "kneeling", "all fours", "lying")
LOW = ("sitting", "kneeling", "all fours", "lying")

# Metres and shares of a body with legs of 0.82 m.
LYING_CHEST = 0.38  # the chest of someone on their side is a shoulder's width (0.35) above the floor
LYING_PELVIS = 0.35
FLOOR_HAND = 0.22  # a wrist over a flat hand is 0.1 above the floor, over a fist or a raised palm 0.2
KNEE_DOWN = 0.18  # the joint of a knee on the floor is 0.05 to 0.15 above it
CROUCHED = 0.82  # of the standing height: a deep step lowers the pelvis by a tenth
SEATED = 0.80
BEHIND = -0.10  # centre of mass this far behind the ankles: no one stands like that without a seat
BENT = np.cos(np.radians(52.0))  # trunk to vertical; runners and fighters lean up to 50 degrees
BOWED = np.cos(np.radians(60.0))  # that a bend must reach
BOW = 22.0  # degrees out of the upright; walks and gestures lean by 10 to 15
PERCHED = 0.93  # of the standing height on a high stool
SHORTEST = 0.35  # seconds a posture must last
ROLL_HEAD = 0.27  # metres: a roll goes over the neck, a handspring keeps the head off the floor
KNELT = 0.8  # seconds on a knee; the knees pass as low in deep landings
ON_HANDS = 1.0  # seconds on the hands; reaching down to the floor is shorter


@dataclass(frozen=True)
class Event:
    """Something that happens once.

    label: what (see `facts.LABELS`); start, end: seconds; side: "left", "right", "both" or ""; amount: degrees of turns,
    metres of travel, jumps and climbs, counts of repeated things, else 0; direction: "forward", "backward", "left",
    "right", "up", "down" or ""; manner: one word more, such as the speed of a walk or the kind of jump, or "".
    """

    label: str
    start: float
    end: float
    side: str = ""
    amount: float = 0.0
    direction: str = ""
    manner: str = ""


def event(
    label: str, span: tuple[int, int], side: str = "", amount: float = 0.0, direction: str = "", manner: str = ""
) -> Event:
    """An event of a half-open frame span."""
    return Event(label, round(span[0] / FPS, 2), round(span[1] / FPS, 2), side, round(float(amount), 2), direction, manner)


def classify(body: Body) -> np.ndarray:
    """Index into POSTURES of every frame, spells shorter than `SHORTEST` given to what came before."""
    above, upright = body.above, body.torso[:, 1]
    chest, pelvis = above[:, J["spine3"]], above[:, 0]
    knees = np.sort(above[:, [J["left_knee"], J["right_knee"]]], axis=1)
    hands = above[:, [J["left_wrist"], J["right_wrist"]]]
    height = body.height
    quiet = smooth(body.speed, 0.2) < 0.6
    out = np.zeros(body.frames, dtype=np.int64)
    out[(upright < BENT) & (height > 0.65)] = 1
    out[(height < CROUCHED) & (upright >= BENT)] = 2
    out[(height <= 0.65) & (upright < BENT)] = 2
    thigh = np.abs(body.local[:, [J["left_knee"], J["right_knee"]], 1]).mean(axis=1)
    seat = (height < SEATED) & (upright > 0.7) & (thigh < 0.27) & quiet
    out[seat & (smooth(body.balance, 0.2) < BEHIND)] = 3
    # On a high stool the legs are half bent, but no one holds that upright without a lean of the trunk.
    forward = body.local[:, [J["left_knee"], J["right_knee"]], 2].min(axis=1) > 0.3
    still = smooth(body.speed, 0.2) < 0.2
    out[(height < PERCHED) & (upright > 0.93) & forward & still & (smooth(body.balance, 0.2) < 0.03)] = 3
    out[(pelvis < 0.32) & (upright > 0.5)] = 3
    out[(knees[:, 0] < KNEE_DOWN) & (pelvis > 0.3) & (height < 0.75) & (upright > 0.6)] = 4
    floor_hands = hands.max(axis=1) < FLOOR_HAND
    out[floor_hands & (upright < 0.65) & (height < 0.85) & (above[:, J["head"]] < 1.0)] = 5
    out[(chest < LYING_CHEST) & (pelvis < LYING_PELVIS) & (upright < 0.6) & ~(floor_hands & (chest > 0.3))] = 6
    out[body.inverted] = 0
    out = steady(out)
    for name, start, end in segments(out):
        shallow = name == "bending" and upright[start:end].min() > BOWED
        if name == "kneeling" and end - start < KNELT * FPS:
            out[start:end] = 2
        brief = name == "all fours" and end - start < ON_HANDS * FPS and upright[max(start - 20, 0) : end + 20].max() > 0.8
        if shallow or brief:
            out[start:end] = 0 if shallow else 1
    return out


def steady(states: np.ndarray, shortest: float = SHORTEST) -> np.ndarray:
    """Spells shorter than `shortest` seconds are given to the state before them; the first to the state after."""
    cuts = np.flatnonzero(np.diff(states)) + 1
    bounds = [0, *cuts.tolist(), len(states)]
    kept: list[tuple[int, int]] = []
    out = states.copy()
    for start, end in pairwise(bounds):
        if end - start < shortest * FPS and kept:
            out[start:end] = out[start - 1]
        else:
            kept.append((start, end))
            if len(kept) == 1 and end - start < shortest * FPS and end < len(states):
                out[start:end] = states[end]
    return out


def segments(states: np.ndarray) -> list[tuple[str, int, int]]:
    """Posture name and half-open frame span, in order."""
    cuts = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
    return [(POSTURES[int(states[a])], a, b) for a, b in pairwise(cuts) if b > a]


def changes(body: Body, states: np.ndarray) -> list[Event]:
    """Sitting down, lying down, kneeling, bending, crouching and getting up, in order."""
    listed = segments(states)
    found: list[Event] = []
    for i, (name, start, end) in enumerate(listed):
        before = listed[i - 1][0] if i else ""
        if name == "standing":
            low = next((n for n, _, _ in reversed(listed[:i]) if n not in ("bending", "crouching")), "")
            # Crouching on the way up belongs to getting up.
            if low in LOW and before != "standing" and not _stood_since(listed[:i]):
                found.append(event("stand up", (max(start - 10, 0), start + 5), manner=low))
            continue
        if name in ("bending", "crouching"):
            found += _dip(body, listed, i)
            continue
        manner = lying_side(body, start, end) if name == "lying" else ""
        if name == "kneeling":
            both = (body.above[start:end][:, [J["left_knee"], J["right_knee"]]] < KNEE_DOWN).mean(axis=0) > 0.5
            side = "both" if both.all() else ("left" if both[0] else "right")
        else:
            side = ""
        found.append(event(name, (start, end), side=side, manner=manner, direction="down" if i else ""))
    return found


def bows(body: Body, states: np.ndarray) -> list[Event]:
    """Leans of the trunk, forward and back up again, too small for a bend; the amount is the angle in degrees."""
    lean = body.turned(body.torso)
    angle = smooth(np.degrees(np.arctan2(lean[:, 2], np.maximum(lean[:, 1], 1e-3))), 0.15)
    upright = extremum(angle, 2.5, largest=False)
    found = []
    for start, end in spans((angle - upright > BOW) & (states == 0) & (body.speed < 0.35), 0.4, gap=0.2):
        around = states[max(start - 6, 0) : end + 6]
        deepest = float((angle - upright)[start:end].max())
        if (around == 0).all() and angle[start:end].max() > BOW and end - start < 6.0 * FPS:
            found.append(event("bow", (start, end), amount=deepest, direction="forward"))
    return found


def _stood_since(listed: list[tuple[str, int, int]]) -> bool:
    """Whether the last upright spell is later than the last low one."""
    for name, _, _ in reversed(listed):
        if name in LOW:
            return False
        if name == "standing":
            return True
    return True


def _dip(body: Body, listed: list[tuple[str, int, int]], i: int) -> list[Event]:
    """A bend or crouch of its own; none on the way from or to sitting, lying or kneeling."""
    name, start, end = listed[i]
    around = {listed[i - 1][0] if i else "standing", listed[i + 1][0] if i + 1 < len(listed) else "standing"}
    if around & set(LOW) and end - start < 1.2 * FPS:
        return []
    if (name == "crouching" and i and listed[i - 1][0] == "bending") or (
        name == "bending" and i and listed[i - 1][0] == "crouching"
    ):
        return []
    following = end
    for other, _, last in listed[i + 1 :]:
        if other not in ("bending", "crouching"):
            break
        following = last
    window = slice(start, following)
    hands = {s: float(body.above[window, J[f"{s}_wrist"]].min()) for s in SIDES}
    side = "both" if max(hands.values()) < 0.45 else min(hands, key=lambda s: hands[s]) if min(hands.values()) < 0.45 else ""
    lean = body.turned(body.torso)[window]
    deepest = lean[np.argmin(lean[:, 1])]
    direction = (
        "forward"
        if abs(deepest[2]) > abs(deepest[0]) and deepest[2] > 0
        else "backward"
        if abs(deepest[2]) > abs(deepest[0])
        else ""
    )
    if not direction:
        direction = "left" if deepest[0] > 0 else "right"
    depth = 1.0 - float(body.height[window].min())
    return [event(name, (start, following), side=side, amount=depth, direction=direction)]


def lying_side(body: Body, start: int, end: int) -> str:
    """ "back", "belly" or "side": where the chest faces over a span."""
    up = float(np.median(body.front[start:end, 1]))
    return "back" if up > 0.5 else "belly" if up < -0.5 else "side"


def _turning(body: Body) -> tuple[Array, Array]:
    """Rate of the trunk's rotation (frames,) in rad/s about its own across axis (forwards positive) and its front axis."""
    torso, across, front = body.torso, body.across, body.front
    step = np.cross(torso[:-1], torso[1:]) * FPS
    # Forwards is from +Y to +Z, which is about -X when left is +X... the axis of the right-hand rule is the left side.
    pitch = np.concatenate([np.sum(step * across[:-1], axis=-1), [0.0]])
    tilt = np.concatenate([np.sum(step * front[:-1], axis=-1), [0.0]])
    return pitch, tilt


def acrobatics(body: Body) -> list[Event]:
    """Cartwheels, handstands, flips, handsprings and rolls."""
    pitch, tilt = _turning(body)
    hands = np.minimum(body.above[:, J["left_wrist"]], body.above[:, J["right_wrist"]])
    found: list[Event] = []
    for start, end in spans(body.inverted, 0.1, gap=0.25):
        first, last = max(start - 12, 0), min(end + 12, body.frames)
        about_across, about_front = float(pitch[first:last].sum() / FPS), float(tilt[first:last].sum() / FPS)
        on_hands = hands[start:end].min() < 0.3
        seconds = (end - start) / FPS
        way = "forward" if about_across > 0 else "backward"
        head = body.above[start:end, J["head"]].min()
        if on_hands and seconds > 1.2:
            found.append(event("handstand", (start, end)))
        elif head < ROLL_HEAD and body.above[start:end].min() < 0.1:
            found.append(event("roll", (first, last), direction=way))
        elif on_hands and abs(about_front) > 1.2 * abs(about_across):
            found.append(event("cartwheel", (first, last), side="left" if about_front < 0 else "right"))
        elif abs(about_across) + abs(about_front) > 2.0:
            found.append(event("handspring" if on_hands else "flip", (first, last), direction=way))
        else:
            found.append(event("upside down", (start, end)))
    return found + _rolls(body, pitch, found)


def _rolls(body: Body, pitch: Array, known: list[Event]) -> list[Event]:
    """Somersaults over the back on the floor, which never put the feet above the head for long."""
    low = extremum(body.above[:, J["head"]], 0.3, largest=False) < 0.5
    found: list[Event] = []
    for start, end in spans(low & (body.above[:, 0] < 0.75) & (np.abs(smooth(pitch, 0.1)) > 1.0), 0.3, gap=0.3):
        turned = float(pitch[start:end].sum() / FPS)
        near = any(e.start - 1.0 < start / FPS < e.end + 1.0 for e in known)
        if abs(turned) > 3.6 and not near:
            found.append(event("roll", (start, end), direction="forward" if turned > 0 else "backward"))
    return found
