# SPDX-License-Identifier: GPL-3.0-or-later
"""HumanML3D (Guo et al., CVPR 2022) as its own scripts make it: new_joint_vecs/, texts/, and lists of ids per split."""

import math
from itertools import islice
from pathlib import Path

from models.data import arrays, id_lists
from models.data.takes import Caption, DataSet
from tmr_blender.errors import FileProblem
from tmr_blender.motion.features import FPS

SHORTEST, LONGEST = 40, 200
"""Frames: shorter motions, and spans not below the longest, are left out as upstream leaves them out."""
_ORIGIN = "HumanML3D's own scripts write new_joint_vecs/ID.npy and texts/ID.txt for every id of its lists."


def load(folder: Path, cache: Path | None = None) -> DataSet:
    """Every usable motion of train.txt, val.txt and test.txt with its captions.

    A take is one motion file, and mirrored files are takes of their own in the split of their original. Training takes have a
    row per captioned span; val and test takes one row, that of their first caption, which is the published protocol.
    Raises FileProblem, naming what is missing and where it goes.
    """
    splits = id_lists.read(folder)
    takes = arrays.takes({name: folder / "new_joint_vecs" / f"{name}.npy" for name in splits}, _ORIGIN, cache, SHORTEST)
    counts = {f"fewer than {SHORTEST} frames, or {LONGEST} and more": 0}
    captions: list[Caption] = []
    for name in takes:
        spans = _read_texts(folder / "texts" / f"{name}.txt")
        usable = [span for span in spans if span == (None, None) or SHORTEST <= _frames(*span) < LONGEST]
        counts[next(iter(counts))] += len(spans) - len(usable)
        for span in usable if splits[name] == "train" else islice(usable, 1):
            captions.append(Caption(name, *span, tuple(spans[span]), "humanml3d", splits[name]))
    arrays.note(counts, "spans of")
    return DataSet(takes, tuple(captions))


def _frames(start: float | None, end: float | None) -> int:
    return int((end or 0.0) * FPS) - int((start or 0.0) * FPS)


def _read_texts(path: Path) -> dict[tuple[float | None, float | None], list[str]]:
    """(start, end) in seconds to captions, in the order of the lines `caption#tokens#start#end`; 0 to 0 is the whole."""
    if not path.is_file():
        raise FileProblem(f"{path} is missing: {_ORIGIN}")
    found: dict[tuple[float | None, float | None], list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            text, _, first, last = line.rsplit("#", 3)
            # A few lines upstream say `nan` where they mean the whole motion.
            start, end = (0.0 if math.isnan(value) else value for value in (float(first), float(last)))
        except ValueError as error:
            raise FileProblem(f"{path}, line {number}, is not of the form caption#tokens#start#end.") from error
        if text.strip():
            span = (None, None) if start == end == 0.0 else (start, end)
            found.setdefault(span, []).append(text.strip())
    return found
