# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file from a stranger may ask for, and what the readers share in refusing it."""

from collections.abc import Iterable
from pathlib import Path

from ...errors import FileProblem

MAX_BYTES = 512 << 20
MAX_JOINTS = 4096
MAX_CLIPS = 256
MAX_FPS = 1000.0
MAX_CELLS = 16_000_000
"""Frames times joints of one clip: an hour at 120 fps of 37 joints; about 1 GB of rotations and translations."""

MAX_SECONDS = 2 * 3600.0
"""Of all clips of a file together. What is worked out of a motion grows with its seconds, not with its frames: a wrong
frame time makes days of a short file."""


def check_duration(path: Path, seconds: float) -> None:
    """Raise FileProblem where the clips of a file would last too long."""
    if not seconds <= MAX_SECONDS:
        raise FileProblem(
            f"{path.name} lasts {seconds / 3600.0:.4g} hours; the limit is {MAX_SECONDS / 3600.0:g}. Is its frame time right? "
            "Else cut it in parts."
        )


def check_size(path: Path, frames: int, joints: int) -> None:
    """Raise FileProblem where a clip would have too many joints, or too many frames for them."""
    if joints > MAX_JOINTS:
        raise FileProblem(f"{path.name} has {joints} joints; the limit is {MAX_JOINTS}.")
    if frames * joints > MAX_CELLS:
        limit = MAX_CELLS // joints
        raise FileProblem(f"{path.name} has {frames} frames of {joints} joints; the limit is {limit} frames. Cut it in parts.")


def unique(names: Iterable[str]) -> tuple[str, ...]:
    """The names in order; one that came before gets the next free of .001, .002 ... behind it."""
    taken: dict[str, int] = {}
    for name in names:
        chosen, number = name, taken.get(name, 0)
        while chosen in taken:
            number += 1
            chosen = f"{name}.{number:03d}"
        taken[name] = number
        taken.setdefault(chosen, 0)
    return tuple(taken)
