# SPDX-License-Identifier: GPL-3.0-or-later
"""Small BVH takes written by hand: a body that glides forward ("walks"), bobs ("jumps") or does nothing ("stands")."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

FPS = 30.0
ARM = [("Arm", (14, 0, 0)), ("ForeArm", (28, 0, 0)), ("Hand", (26, 0, 0))]
LEG = [("UpLeg", (9, 0, 0)), ("Leg", (0, -42, 0)), ("Foot", (0, -42, 0)), ("ToeBase", (0, -6, 14))]


def hierarchy() -> tuple[str, int]:
    """A BVH hierarchy in centimetres and its joint count."""
    lines = ["HIERARCHY", "ROOT Hips", "{", "OFFSET 0 0 0"]
    lines.append("CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")
    count = 1
    chains = [[(side + name, (sign * x, y, z)) for name, (x, y, z) in LEG] for side, sign in (("Left", 1), ("Right", -1))]
    for chain in chains:
        count += _chain(lines, chain)
    count += _open(lines, "Spine", (0, 20, 0))
    count += _open(lines, "Spine1", (0, 30, 0))
    count += _chain(lines, [("Neck", (0, 8, 0)), ("Head", (0, 12, 0))])
    for side, sign in (("Left", 1), ("Right", -1)):
        count += _chain(lines, [(side + name, (sign * x, y, z)) for name, (x, y, z) in ARM])
    lines += ["}", "}", "}"]
    return "\n".join(lines) + "\n", count


def _open(lines: list[str], name: str, offset: tuple[float, float, float]) -> int:
    lines += [f"JOINT {name}", "{", "OFFSET {} {} {}".format(*offset), "CHANNELS 3 Zrotation Xrotation Yrotation"]
    return 1


def _chain(lines: list[str], chain: Sequence[tuple[str, tuple[float, float, float]]]) -> int:
    for name, offset in chain:
        _open(lines, name, offset)
    lines += ["End Site", "{", "OFFSET 0 0 5", "}"] + ["}"] * len(chain)
    return len(chain)


def numbers(kind: str, seconds: float) -> np.ndarray:
    """Root positions (frames, 3), centimetres."""
    time = np.arange(max(round(seconds * FPS), 1)) / FPS
    root = np.zeros((len(time), 3))
    root[:, 1] = 90.0
    if kind == "walks":
        root[:, 2] = 120.0 * time
    elif kind == "jumps":
        root[:, 1] += 40.0 * np.abs(np.sin(np.pi * time))
    return root


def write_take(path: Path, kind: str | list[tuple[str, float]], seconds: float = 3.0) -> Path:
    """A take of one kind, or of several (kind, seconds) one after the other."""
    parts = [(kind, seconds)] if isinstance(kind, str) else kind
    root = np.zeros((0, 3))
    for name, length in parts:
        part = numbers(name, length)
        if len(root):
            part[:, [0, 2]] += root[-1, [0, 2]]
        root = np.concatenate([root, part])
    text, count = hierarchy()
    rows = np.zeros((len(root), 3 + 3 * count))
    rows[:, :3] = root
    # Arms hang a little, and sway too little to matter: no two takes are the same to the byte.
    rows[:, 8] = np.linspace(0.0, 0.5, len(root))
    motion = "\n".join(" ".join(f"{value:.4f}" for value in row) for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}MOTION\nFrames: {len(root)}\nFrame Time: {1 / FPS:.8f}\n{motion}\n", encoding="utf-8")
    return path
