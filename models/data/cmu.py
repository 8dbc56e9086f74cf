# SPDX-License-Identifier: GPL-3.0-or-later
"""The `data/cmu` form: motions.npz with 20 joint positions per frame and captions.jsonl.

motions.npz: `joints` int16 (frames, 20, 3), all takes one after another, metres = joints * `scale`; `name`, `start`, `length`,
`fps` per take. captions.jsonl: motion, start, end (seconds or null), texts, source, split.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from models.data import rows as caption_rows
from models.data.takes import DataSet, Take
from tmr_blender.errors import FileProblem
from tmr_blender.motion import features, humanoid

_CODE = (Path(features.__file__), Path(humanoid.__file__))


def load(folder: Path, cache: Path | None = None) -> DataSet:
    """Every take and caption row of `folder`; features are kept in `cache` and made anew when data or feature code change.

    Raises FileProblem, naming what is missing and where it goes.
    """
    captions = caption_rows.read(folder / "captions.jsonl")
    takes = _features(folder, cache)
    unknown = sorted({caption.take for caption in captions} - takes.keys())
    if unknown:
        raise FileProblem(f"{folder / 'captions.jsonl'} names takes that motions.npz does not hold: {', '.join(unknown[:5])}.")
    return DataSet(takes, tuple(captions))


def _features(folder: Path, cache: Path | None) -> dict[str, Take]:
    path = folder / "motions.npz"
    if not path.is_file():
        raise FileProblem(f"{path} is missing: the folder must hold captions.jsonl and motions.npz.")
    if cache is None:
        parts = _extract(path)
        return {name: Take(name, rows) for name, rows in parts.items()}
    digest = hashlib.sha256(b"".join(code.read_bytes() for code in (path, *_CODE))).hexdigest()[:16]
    table, index = cache / f"features_{digest}.npy", cache / f"features_{digest}.json"
    if not (table.is_file() and index.is_file()):
        parts = _extract(path)
        cache.mkdir(parents=True, exist_ok=True)
        # Written beside and moved into place: another process may be reading, or making the same file.
        fresh = table.with_name(f"{table.stem}.{os.getpid()}.npy")
        np.save(fresh, np.concatenate(list(parts.values())))
        fresh.replace(table)
        fresh.write_text(json.dumps({name: len(rows) for name, rows in parts.items()}), encoding="utf-8")
        fresh.replace(index)
    rows = np.load(table, mmap_mode="r", allow_pickle=False)
    takes, at = {}, 0
    for name, count in json.loads(index.read_text(encoding="utf-8")).items():
        takes[name] = Take(name, rows[at : at + count])
        at += count
    return takes


def positions(path: Path) -> dict[str, tuple[np.ndarray, float]]:
    """Joint positions (frames, 22, 3) in metres and the frame rate of every take in a motions.npz."""
    with np.load(path, allow_pickle=False) as data:
        joints, scale = data["joints"], float(data["scale"])
        table = zip(data["name"].tolist(), data["start"].tolist(), data["length"].tolist(), data["fps"].tolist(), strict=True)
        return {
            str(name): (humanoid.from_cmu20(joints[start : start + length].astype(np.float64) * scale), float(fps))
            for name, start, length, fps in table
        }


def _extract(path: Path) -> dict[str, np.ndarray]:
    return {name: features.extract(joints, fps) for name, (joints, fps) in positions(path).items()}
