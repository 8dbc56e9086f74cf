# SPDX-License-Identifier: GPL-3.0-or-later
"""A walk made in code, of which is known when each foot stands and where."""

from dataclasses import dataclass

import bodies
import numpy as np

from tmr_blender.motion import quaternion
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget.rest import Stance


@dataclass(frozen=True)
class Walk:
    """What `retarget.performance.Performance` holds of the legs, and the truth.

    down: side -> (frames,) whether the foot stands.
    """

    fps: float
    stance: Stance
    deltas: dict[str, Array]
    positions: dict[str, Array]
    down: dict[str, np.ndarray]


def _stance(size: float) -> Stance:
    roles, _, places = bodies.body(size=size)
    return Stance(dict(zip(roles, places, strict=True)), dict.fromkeys(roles, quaternion.IDENTITY))


def walk(
    frames: int = 180, fps: float = 30.0, size: float = 1.0, lift: float = 0.15, stand: float = 0.55, roll: bool = False
) -> Walk:
    """Steps of 0.6 m twice a second (of a body of size 1); each foot stands for a share of the cycle.

    frames: at 30 a second. roll: the heel rises in the last third of a stance, about the ball.
    """
    stance = _stance(size)
    time = 0.2 + np.arange(round(frames * fps / 30.0)) / fps  # the first stance is under way
    deltas: dict[str, Array] = {}
    positions = {role: np.tile(place, (len(time), 1)) for role, place in stance.positions.items()}
    down = {}
    for side, offset in (("left", 0.0), ("right", 0.5)):
        cycle = time + offset
        phase, number = np.modf(cycle)
        share = np.clip((phase - stand) / (1 - stand), 0.0, 1.0)
        down[side] = phase <= stand
        smooth = share * share * (3 - 2 * share)
        move = np.zeros((len(time), 3))
        move[:, 2] = 1.2 * size * (number + smooth)
        move[:, 1] = lift * size * np.sin(np.pi * share) ** 2
        late = np.clip((phase - 0.65 * stand) / (0.35 * stand), 0.0, 1.0) if roll else np.zeros_like(phase)
        angle = 0.6 * late * late * (1 - smooth)
        turn = quaternion.from_axis_angle(np.broadcast_to([1.0, 0, 0], (len(time), 3)), angle)
        arm = stance.positions[f"{side}_foot"] - stance.positions[f"{side}_ankle"]
        ball = stance.positions[f"{side}_foot"] + move
        positions[f"{side}_foot"] = ball
        positions[f"{side}_ankle"] = ball - quaternion.rotate(turn, np.broadcast_to(arm, ball.shape))
        deltas[f"{side}_ankle"] = turn
    return Walk(fps, stance, deltas, positions, down)


def standing(frames: int, fps: float = 30.0, drift: float = 0.0) -> Walk:
    """Both feet flat on the floor, sliding forward at `drift` metres a second."""
    stance = _stance(1.0)
    move = np.zeros((frames, 3))
    move[:, 2] = drift * np.arange(frames) / fps
    positions = {role: place + move for role, place in stance.positions.items()}
    still = np.tile(quaternion.IDENTITY, (frames, 1))
    deltas = {"left_ankle": still, "right_ankle": still.copy()}
    return Walk(fps, stance, deltas, positions, {side: np.ones(frames, dtype=bool) for side in ("left", "right")})
