# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences about how the body moves, computed from each take and from windows of it, kept on disk."""

import hashlib
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from models.data.takes import DataSet
from tmr_blender.motion import facts, features, phrases
from tmr_blender.motion.features import FPS
from tmr_blender.motion.quaternion import Array

SHORTEST, LONGEST = 2.0, 10.0
"""Seconds of a window: the span of annotations that the published method trains on."""
WHOLE_WORDINGS, WINDOW_WORDINGS, MOST_WINDOWS = 8, 2, 5
SEED = 0


@dataclass(frozen=True)
class Kinematics:
    """Sentences of a whole take, and (first frame, frame after the last, sentences) of its windows."""

    whole: tuple[str, ...]
    windows: tuple[tuple[int, int, tuple[str, ...]], ...]


def default_path(cache: Path) -> Path:
    """Where sentences of the present rules are kept: the name changes with the code that makes them."""
    code = b"".join(file.read_bytes() for file in (Path(__file__), *sorted(Path(facts.__file__).parent.glob("*.py"))))
    return cache / f"kinematics_{hashlib.sha256(code).hexdigest()[:12]}.json"


def of(data: DataSet, names: Iterable[str], path: Path) -> dict[str, Kinematics]:
    """Kinematics of the takes; those that `path` does not hold yet are computed and added to it."""
    names = list(names)
    kept: dict[str, list] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    missing = [name for name in names if name not in kept or kept[name][2] != len(data.takes[name].features)]
    for done, name in enumerate(missing, 1):
        kept[name] = _describe(data, name)
        if done % 200 == 0:
            print(f"sentences from the motion: {done} of {len(missing)} takes", flush=True)
    if missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept), encoding="utf-8")
    return {
        name: Kinematics(tuple(kept[name][0]), tuple((first, last, tuple(said)) for first, last, said in kept[name][1]))
        for name in names
    }


def _describe(data: DataSet, name: str) -> list:
    """[sentences, [[first, last, sentences], ...], frames]; the positions are recovered from the features."""
    rows = data.takes[name].features
    positions = features.recover(rows)
    chance = random.Random(f"{SEED} {name}")
    windows = []
    for _ in range(min(max(int(len(rows) / FPS / 5.0), 1), MOST_WINDOWS)):
        count = int(chance.uniform(SHORTEST, LONGEST) * FPS)
        if count < len(rows):
            first = chance.randint(0, len(rows) - count)
            windows.append([first, first + count, _said(positions[first : first + count], WINDOW_WORDINGS, chance)])
    return [_said(positions, WHOLE_WORDINGS, chance), windows, len(rows)]


def _said(positions: Array, wordings: int, chance: random.Random) -> list[str]:
    """Up to so many different sentences."""
    return list(dict.fromkeys(phrases.sentences(facts.measure(positions, FPS), chance, wordings)))
