# SPDX-License-Identifier: GPL-3.0-or-later
"""Small files of features as data sets have them, made in code."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tmr_blender.motion import body, features

REST = np.zeros((22, 3))
for _joint in range(1, 22):
    REST[_joint] = REST[body.PARENTS[_joint]] + features.REST[_joint] * features.BONES[_joint]
"""The rest pose of HumanML3D's bones, pelvis at the origin."""


def walk(frames: int, speed: float = 1.0) -> np.ndarray:
    """Features (frames, 263) of somebody who glides ahead at so many metres a second."""
    joints = np.repeat(REST[None], frames + 1, axis=0)
    joints[..., 2] += speed * np.arange(frames + 1)[:, None] / features.FPS
    joints[:, 20, 1] += 0.2 * np.sin(np.arange(frames + 1) / 3.0)
    return features.extract(joints, features.FPS)


def write(path: Path, rows: np.ndarray) -> None:
    """Writes features, and the folders on the way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, rows)


def write_lists(folder: Path, **ids: str) -> None:
    """Writes NAME.txt with one id a line for each keyword."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, listed in ids.items():
        (folder / f"{name}.txt").write_text("".join(f"{one}\n" for one in listed.split()), encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Writes JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
