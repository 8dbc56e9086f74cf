# SPDX-License-Identifier: GPL-3.0-or-later
"""What arms and legs do apart from getting the body about: raises, waves, punches, kicks and the like."""

from dataclasses import replace

import numpy as np

from .kinematics import FPS, SIDES, Body, J, peaks, rate, smooth, spans, swings
from .postures import Event, event

RAISED = 0.4  # seconds that a raised hand is told from a swing
PUNCH_SPEED = 1.9  # m/s of the wrist; reaching for things is below 1.5, and 12 fps takes a third off a punch
KICK_SPEED = 2.6  # m/s of the ankle relative to the pelvis
BALL_KICK = 4.2  # m/s of a low kick; the leg of a walk swings at 2.5
THROW_SPEED = 2.6  # m/s of the wrist; arms of a walk swing at 1.5
SWING_SPEED = 1.8  # m/s of both wrists
NEAR_FACE = 0.36  # metres from the wrist to the middle of the head: a cup at the mouth keeps it 0.3 to 0.36 away
STROKE_SPEED, FIDDLE_SPEED = 0.35, 0.17  # m/s of the wrist about its place; arms of someone standing sway at 0.1
ONE_LEG = 1.2  # seconds on one leg that gait does not have
HOLD = 0.8  # seconds a pose of the arms must last to be told


def raises(body: Body) -> list[Event]:
    """Hands held above the shoulder or the head."""
    found: list[Event] = []
    masks = {}
    for side in SIDES:
        wrist, shoulder = body.local[:, J[f"{side}_wrist"], 1], body.local[:, J[f"{side}_shoulder"], 1]
        elbow = body.local[:, J[f"{side}_elbow"], 1]
        # A hand held up beside the shoulder counts as well, if the forearm points up.
        up = (wrist > shoulder + 0.02) | ((wrist > shoulder - 0.1) & (wrist > elbow + 0.15))
        masks[side] = up & (body.torso[:, 1] > 0.5)
    both = masks["left"] & masks["right"]
    for start, end in spans(both, RAISED, gap=0.3):
        found.append(event("raise", (start, end), side="both", manner=_how_high(body, "left", start, end, "right")))
    for side, other in (SIDES, SIDES[::-1]):
        for start, end in spans(masks[side], RAISED, gap=0.3):
            if masks[other][start:end].mean() < 0.5:
                found.append(event("raise", (start, end), side=side, manner=_how_high(body, side, start, end)))
    return sorted(found, key=lambda e: e.start)


def _how_high(body: Body, side: str, start: int, end: int, other: str = "") -> str:
    """ "head" when the hands get above the head, else "shoulder"."""
    names = [f"{s}_wrist" for s in (side, other) if s]
    over = min(float(np.percentile(body.local[start:end, J[n], 1] - body.face[start:end, 1], 80)) for n in names)
    return "head" if over > 0.05 else "shoulder"


def waves(body: Body) -> list[Event]:
    """A raised hand swinging to and fro from the elbow at least twice."""
    found: list[Event] = []
    for side in SIDES:
        wrist, elbow = body.local[:, J[f"{side}_wrist"]], body.local[:, J[f"{side}_elbow"]]
        shoulder = body.local[:, J[f"{side}_shoulder"], 1]
        up = (wrist[:, 1] > elbow[:, 1] + 0.05) & (wrist[:, 1] > shoulder - 0.12) & (body.torso[:, 1] > 0.7)
        for start, end in spans(up, 0.8, gap=0.15):
            fore = wrist[start:end] - elbow[start:end]
            across = smooth(fore[:, 0], 0.05)
            turns = swings(across - smooth(across, 0.6), 0.06)
            seconds = (turns[-1] - turns[0]) / FPS if len(turns) > 3 else 0.0
            sway = float(np.std(fore[:, 2])) if len(fore) else 0.0
            upright = float((fore[:, 1] / np.maximum(np.linalg.norm(fore, axis=-1), 1e-6)).mean()) > 0.55
            if (
                upright
                and len(turns) >= 4
                and 1.2 < (len(turns) - 1) / max(seconds, 0.1) < 9.0
                and float(np.std(across)) > 0.6 * sway
            ):
                found.append(event("wave", (start + turns[0], start + turns[-1] + 1), side=side, amount=len(turns) // 2))
    return _both(found)


def punches(body: Body) -> list[Event]:
    """Straight thrusts of a fist, gathered into bouts; the amount counts them."""
    return _bouts("punch", sorted((frame, side) for side in SIDES for frame in _thrusts(body, side)), 2.0)


def _thrusts(body: Body, side: str) -> list[int]:
    """Frames in which a hand shoots forward and the arm stretches."""
    wrist = J[f"{side}_wrist"]
    speed, forward = body.limb_speed[:, wrist], body.limb_velocity[:, wrist, 2]
    extension = body.extension(side)
    found = []
    # Only the way out: the fist comes back as fast as it went.
    for frame in peaks(np.where(forward > 0.55 * speed, speed, 0.0), PUNCH_SPEED, 0.3, prominence=1.0):
        before, after = max(frame - 6, 0), min(frame + 7, body.frames)
        reached = frame + int(np.argmax(extension[frame:after]))
        stretch = float(extension[reached] - extension[before : frame + 1].min())
        place = body.local[reached, wrist]
        if stretch > 0.2 and extension[reached] > 0.78 and place[1] > 0.15 and place[2] > 0.3:
            found.append(frame)
    return found


def _bouts(label: str, hits: list[tuple[int, str]], pause: float) -> list[Event]:
    """Hits no more than `pause` seconds apart become one event."""
    groups: list[list[tuple[int, str]]] = []
    for hit in hits:
        if groups and hit[0] - groups[-1][-1][0] <= pause * FPS:
            groups[-1].append(hit)
        else:
            groups.append([hit])
    found = []
    for group in groups:
        sides = {side for _, side in group}
        side = "both" if len(sides) > 1 else sides.pop()
        found.append(event(label, (max(group[0][0] - 5, 0), group[-1][0] + 6), side=side, amount=len(group)))
    return found


def kicks(body: Body) -> list[Event]:
    """A foot thrown forward or sideways, off the ground, the knee stretching."""
    hits = []
    for i, side in enumerate(SIDES):
        ankle = J[f"{side}_ankle"]
        speed = body.limb_speed[:, ankle]
        local = body.local
        reach = np.linalg.norm(local[:, ankle] - local[:, J[f"{side}_hip"]], axis=-1) / 0.82
        out = np.hypot(local[:, ankle, 0], np.maximum(local[:, ankle, 2], 0.0))
        for frame in peaks(speed, KICK_SPEED, 0.4, prominence=1.0):
            b = min(frame + 8, body.frames)
            a = max(frame - 4, 0)
            top = a + int(np.argmax(out[a:b]))
            high = body.feet[top, i] > 0.32 and out[top] > 0.42 and reach[top] > 0.75
            # A ball on the ground is kicked low but hard.
            hard = (
                speed[frame] > BALL_KICK
                and body.limb_velocity[frame, ankle, 2] > 0.7 * speed[frame]
                and body.speed[frame] < 1.8
            )
            ahead = local[a:b, ankle, 2].max() > 0.3  # dancers throw a leg to the back or side
            if ahead and (high or (hard and out[top] > 0.35)) and body.torso[top, 1] > 0.3:
                hits.append((top, side))
    return _bouts("kick", sorted(set(hits)), 1.5)


def throws(body: Body) -> list[Event]:
    """One hand flung forward from behind the trunk."""
    found: list[Event] = []
    for i, side in enumerate(SIDES):
        wrist, other = J[f"{side}_wrist"], J[f"{SIDES[1 - i]}_wrist"]
        speed = body.limb_speed[:, wrist]
        forward = body.limb_velocity[:, wrist, 2]
        for frame in peaks(np.where(forward > 0.65 * speed, speed, 0.0), THROW_SPEED, 0.6, prominence=1.0):
            a, b = max(frame - 10, 0), min(frame + 8, body.frames)
            depth = body.local[a:b, wrist, 2]
            alone = body.limb_speed[frame, other] < 0.6 * speed[frame]
            if alone and depth.min() < -0.05 and depth.max() > 0.42 and body.torso[frame, 1] > 0.4:
                found.append(event("throw", (a, b), side=side))
    return found


def two_handed_swings(body: Body) -> list[Event]:
    """Both hands, close together, swung through a wide arc: a bat, a club, an axe."""
    wrists = body.local[:, [J["left_wrist"], J["right_wrist"]]]
    apart = np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=-1)
    speeds = body.limb_speed[:, [J["left_wrist"], J["right_wrist"]]]
    together = (smooth(apart, 0.1) < 0.26) & (speeds.min(axis=1) > SWING_SPEED)
    found: list[Event] = []
    for start, end in spans(together, 0.1, gap=0.3):
        a, b = max(start - 8, 0), min(end + 8, body.frames)
        middle = wrists[a:b].mean(axis=1)
        if float(np.linalg.norm(np.ptp(middle, axis=0))) > 0.7:
            found.append(event("swing", (a, b), side="both", direction="left" if middle[-1, 0] > middle[0, 0] else "right"))
    return found


def claps(body: Body) -> list[Event]:
    """Hands meeting again and again."""
    apart = np.linalg.norm(body.local[:, J["left_wrist"]] - body.local[:, J["right_wrist"]], axis=-1)
    marks = swings(apart, 0.12)
    meets = [f for f in marks if apart[f] < 0.24]
    return [e for e in _bouts("clap", [(f, "both") for f in meets], 1.0) if e.amount >= 3]


def holds(body: Body) -> list[Event]:
    """Poses of the arms that last: on the hips, at the head, stretched out, in front, together."""
    found: list[Event] = []
    local = body.local
    masks: dict[tuple[str, str], np.ndarray] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        wrist, elbow, shoulder = (local[:, J[f"{side}_{n}"]] for n in ("wrist", "elbow", "shoulder"))
        hip = local[:, J[f"{side}_hip"]]
        calm = smooth(body.limb_speed[:, J[f"{side}_wrist"]], 0.2) < 0.6
        masks["hands on hips", side] = (
            (np.linalg.norm(wrist - hip, axis=-1) < 0.27)
            & (sign * (elbow - wrist)[:, 0] > 0.08)
            & (body.extension(side) < 0.86)
            & calm
        )
        masks["hand to head", side] = (np.linalg.norm(wrist - body.face, axis=-1) < NEAR_FACE) & calm
        level = np.abs(wrist[:, 1] - shoulder[:, 1]) < 0.22
        stretched = body.extension(side) > 0.8
        masks["arms out", side] = level & stretched & (sign * (wrist - shoulder)[:, 0] > 0.33) & calm
        masks["arms forward", side] = level & stretched & ((wrist - shoulder)[:, 2] > 0.35) & calm
    for label in ("hands on hips", "hand to head", "arms out", "arms forward"):
        found += _sided(label, masks[label, "left"], masks[label, "right"])
    wrists = local[:, [J["left_wrist"], J["right_wrist"]]]
    close = np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=-1) < 0.28
    front = close & (wrists[..., 2].mean(axis=1) > 0.15) & (wrists[..., 1].mean(axis=1) > 0.0)
    found += [event("hands together", span, side="both") for span in spans(front, HOLD, gap=0.3)]
    return found


def _sided(label: str, left: np.ndarray, right: np.ndarray) -> list[Event]:
    found = [event(label, span, side="both") for span in spans(left & right, HOLD, gap=0.3)]
    for mask, other, side in ((left, right, "left"), (right, left, "right")):
        for start, end in spans(mask, HOLD, gap=0.3):
            if other[start:end].mean() < 0.5:
                found.append(event(label, (start, end), side=side))
    return found


def legs(body: Body) -> list[Event]:
    """Standing on one leg, and knees or feet lifted high."""
    found: list[Event] = []
    for i in range(2):
        up = (body.feet[:, i] > 0.1) & (body.feet[:, 1 - i] < 0.06) & (body.height > 0.8) & (body.speed < 0.4)
        for span in spans(up, ONE_LEG, gap=0.1):
            found.append(event("one leg", span, side=SIDES[1 - i]))
    return found


def strokes(body: Body) -> list[Event]:
    """A hand moving to and fro: wiping, sawing, stirring ("stroke"), or in small moves, as at a workbench ("fiddle").

    Direction: "up", "side", "front" or "circle"; the manner is where: "head", "chest", "waist" or "low"; the amount counts.
    """
    large = _both([e for side in SIDES for e in _to_and_fro(body, side, "stroke", STROKE_SPEED, 0.08)])
    small = _both([e for side in SIDES for e in _to_and_fro(body, side, "fiddle", FIDDLE_SPEED, 0.035)])
    return large + [
        e for e in small if not any(min(e.end, o.end) - max(e.start, o.start) > 0.3 * (e.end - e.start) for o in large)
    ]


def _to_and_fro(body: Body, side: str, label: str, speed: float, prominence: float) -> list[Event]:
    """Spans in which a wrist keeps moving about its place, faster than `speed` m/s and further than `prominence` metres."""
    wrist = body.local[:, J[f"{side}_wrist"]] - body.local[:, J["spine3"]]
    fast = wrist - smooth(wrist, 0.7)
    busy = smooth(np.linalg.norm(rate(fast), axis=-1), 0.3) > speed
    found = []
    for start, end in spans(busy & (body.speed < 0.4), 1.2, gap=0.5):
        piece = fast[start:end]
        spread = np.linalg.svd(piece - piece.mean(axis=0), full_matrices=False)
        axis, share = spread[2][0], spread[1] ** 2 / max(float((spread[1] ** 2).sum()), 1e-9)
        turns = swings(piece @ axis, prominence)
        if len(turns) < 5 or (len(turns) - 1) / ((turns[-1] - turns[0]) / FPS) < 0.9:
            continue
        direction = "circle" if share[1] > 0.3 else ("side", "up", "front")[int(np.argmax(np.abs(axis)))]
        height = float(np.median(body.local[start:end, J[f"{side}_wrist"], 1]))
        where = "head" if height > 0.55 else "chest" if height > 0.22 else "waist" if height > -0.25 else "low"
        span = (start + turns[0], start + turns[-1] + 1)
        found.append(event(label, span, side=side, amount=len(turns) // 2, direction=direction, manner=where))
    return found


def _both(found: list[Event]) -> list[Event]:
    """The same stroke of both hands at once is one of both."""
    out: list[Event] = []
    for e in sorted(found, key=lambda e: e.start):
        twin = next(
            (o for o in out if o.side != e.side and min(o.end, e.end) - max(o.start, e.start) > 0.6 * (e.end - e.start)), None
        )
        if twin is None:
            out.append(e)
        elif twin.side != "both":
            out[out.index(twin)] = replace(twin, side="both", end=max(twin.end, e.end))
    return out
