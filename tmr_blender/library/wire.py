# SPDX-License-Identifier: GPL-3.0-or-later
"""A body's motion as text, for a request to the worker: float32, little endian, in base64."""

import base64
import binascii
import math
from typing import Any

import numpy as np

from ..errors import QueryProblem
from ..motion.quaternion import Array

MOST_SECONDS = 1800.0
MOST_FRAMES = 60_000
"""Of one motion; 16 MB as float32."""
RATES = (1.0, 1000.0)
"""Frames a second that are believed: what is below would be drawn out without end at 20."""
FURTHEST = 1e5
"""Metres from the origin."""

_POSE = 22 * 3


def to_text(positions: Array) -> str:
    """Of joint positions (frames, 22, 3), metres."""
    return base64.b64encode(np.ascontiguousarray(positions, "<f4").tobytes()).decode("ascii")


def from_text(text: Any, fps: Any) -> tuple[Array, float]:
    """Positions (frames, 22, 3) and frames a second of what a request says they are. Raises QueryProblem."""
    if type(fps) not in (int, float) or not RATES[0] <= fps <= RATES[1]:
        raise QueryProblem(f"A motion's fps must be a number from {RATES[0]:g} to {RATES[1]:g}.")
    longest = 4 * math.ceil(MOST_FRAMES * _POSE * 4 / 3)
    if not isinstance(text, str) or len(text) > longest:
        raise QueryProblem(f"A motion's positions must be text, of {MOST_FRAMES} frames at most.")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:  # ValueError: beyond ASCII
        raise QueryProblem("A motion's positions must be base64.") from error
    frames, rest = divmod(len(data), 4 * _POSE)
    if rest or not 1 <= frames <= MOST_FRAMES or frames / fps > MOST_SECONDS:
        raise QueryProblem(
            f"A motion's positions must be float32 of shape (frames, 22, 3), {MOST_FRAMES} frames or "
            f"{MOST_SECONDS / 60:.0f} minutes at most."
        )
    positions = np.frombuffer(data, "<f4").reshape(frames, 22, 3).astype(np.float64)
    if not (np.abs(positions) < FURTHEST).all():
        raise QueryProblem("A motion's positions must be finite numbers, in metres.")
    return positions, float(fps)
