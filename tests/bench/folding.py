# SPDX-License-Identifier: GPL-3.0-or-later
"""How well twins are told (`library.twins`): `python build.py bench folding [--json FILE]`.

Material: the takes of ../shared/mocap (BVH and FBX, up to 120 fps), and all CMU takes as joint positions (12 fps, another
conversion of the same recordings). A file and the take of its name are a true pair; so are CMU takes that the data base holds
twice to the last digit. All other pairs that last equally long are others; each is looked at mirrored, too.
Counted beside them are every file with itself mirrored, and with itself put onto a body of average proportions, the bones of
which can't point where the performer's did.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.data import cmu
from tmr_blender.library import poses, twins
from tmr_blender.motion import body, humanoid, readers, rigid

SHARED = Path(__file__).resolve().parents[3] / "shared"
VERBATIM = 0.002
"""Mean distance of bones up to which two takes of the data base are one: nothing lies between this and what noise leaves."""
_SWAP = np.array([body.INDEX[body.mirrored(name)] for name in body.JOINTS])


@dataclass(frozen=True)
class Recording:
    """key: what it is a recording of. half: the performer's number is even (0) or odd (1), or it is none of CMU's (2)."""

    key: str
    half: int
    stored: poses.Poses

    @property
    def mirrored(self) -> "Recording":
        """Left and right exchanged."""
        return Recording(self.key, self.half, poses.pack(poses.unpack(self.stored)[:, _SWAP] * [-1.0, 1.0, 1.0], 20.0))

    @property
    def average(self) -> "Recording":
        """On a body of average proportions."""
        clip = rigid.clip(poses.unpack(self.stored), 20.0, self.key)
        return Recording(self.key, self.half, poses.pack(humanoid.body_positions(clip), clip.fps))


def files() -> list[Recording]:
    """The takes of ../shared/mocap."""
    found = []
    for path in sorted((SHARED / "mocap").rglob("*.*")):
        if path.suffix in readers.SUFFIXES:
            key = path.stem.removeprefix("0") if path.parent.name == "cmu_iclone" else path.stem
            clip = readers.read(path)[0]
            half = int(key.split("_")[0]) % 2 if path.parent.name.startswith("cmu") else 2
            found.append(Recording(key, half, poses.pack(humanoid.body_positions(clip), clip.fps)))
    return found


def database() -> list[Recording]:
    """All CMU takes as joint positions."""
    held = cmu.positions(SHARED / "data" / "cmu" / "motions.npz")
    return [Recording(name, int(name.split("_")[0]) % 2, poses.pack(joints, fps)) for name, (joints, fps) in held.items()]


def lasting(takes: list[Recording]) -> Iterator[tuple[int, int]]:
    """All pairs that last equally long, as far as twins do."""
    frames = [len(take.stored) for take in takes]
    order = sorted(range(len(takes)), key=frames.__getitem__)
    for place, i in enumerate(order):
        for j in order[place + 1 :]:
            if not twins.lasting(frames[i] / 20.0, frames[j] / 20.0):
                break
            yield min(i, j), max(i, j)


def distance(one: Recording, other: Recording) -> float:
    """Mean distance of the directions of bones."""
    seconds = (min(len(one.stored), len(other.stored)) - 1) / 20.0
    return twins.apart(*(twins.figure(twins.Stored.of(take.stored), seconds) for take in (one, other)))


def alike(one: Recording, other: Recording) -> str | None:
    """How a search folds them."""
    first, last = (twins.Stored.of(take.stored) for take in (one, other))
    outlines = [twins.outlines(take.reader, np.zeros(1, np.int64), np.array([take.count]))[0] for take in (first, last)]
    return twins.alike(first, last) if twins.roughly(*outlines) else None


def same_takes(takes: list[Recording]) -> dict[str, str]:
    """Every key that the data base holds verbatim under another key, too -> the first of them."""
    first: dict[str, str] = {}
    for i, j in lasting(takes):
        one, other = sorted((takes[i].key, takes[j].key))
        if one != other and other not in first and distance(takes[i], takes[j]) <= VERBATIM:
            first[other] = first.get(one, one)
    return first


def main() -> None:
    """Print the counts as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    shown, held = files(), database()
    first = same_takes(held)
    takes = shown + held
    names = ("performers of even number", "performers of odd number", "pairs of both, and others")
    counts = {name: {"true": 0, "folded": 0, "other": 0, "wrongly": 0} for name in names}
    missed, wrong = [], []
    for i, j in lasting(takes):
        one, other = takes[i], takes[j]
        true = first.get(one.key, one.key) == first.get(other.key, other.key)
        row = counts[names[one.half if one.half == other.half else 2]]
        how = alike(one, other)
        row["true" if true else "other"] += 1
        row["folded" if true else "wrongly"] += how == "same" if true else how is not None
        if true and how != "same":
            missed.append((one.key, other.key))
        if not true and how is not None:
            wrong.append((one.key, other.key, how))
    copies = {
        "mirrored": sum(alike(take, take.mirrored) == "mirrored" for take in shown),
        "average": sum(alike(take, take.average) == "same" for take in shown),
        "of": len(shown),
    }
    report = json.dumps({"pairs": counts, "copies": copies, "missed": missed, "wrong": wrong}, indent=1)
    print(report)
    if options.json:
        options.json.write_text(report + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
