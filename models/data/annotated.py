# SPDX-License-Identifier: GPL-3.0-or-later
"""Annotations that point into AMASS: annotations.json, splits/, and features of whole AMASS files in guoh3dfeats/.

annotations.json maps an id to {"path", "duration", "annotations": [{"seg_id", "text", "start", "end"}]}; the path, seconds and
all, is into AMASS. KIT-ML and HumanML3D exist in this form (Petrovich's annotation unifier, which TMR trains on).
"""

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from models.data import arrays, id_lists
from models.data.takes import Caption, DataSet
from tmr_blender.errors import FileProblem

SHORTEST, LONGEST = 2.0, 10.0
"""Seconds of an annotation that trains or validates; test annotations have any length."""
MOST_BYTES = 1 << 28
FEATURES = "guoh3dfeats"
ORIGIN = "`python -m models.prepare_amass --amass DIR --body-models DIR --out FOLDER` makes these files in FOLDER/guoh3dfeats."


@dataclass(frozen=True)
class Entry:
    """What annotations.json says of one id: a file below guoh3dfeats without its ending, and (text, start, end) of it."""

    path: str
    said: tuple[tuple[str, float, float], ...]


def kitml(folder: Path, cache: Path | None = None) -> DataSet:
    """KIT-ML (Plappert et al. 2016) in the form of `load`."""
    return load(folder, cache, "kit")


def humanml3d(folder: Path, cache: Path | None = None) -> DataSet:
    """HumanML3D in the form of `load`."""
    return load(folder, cache, "humanml3d")


def load(folder: Path, cache: Path | None, source: str) -> DataSet:
    """Takes are whole AMASS files, cropped per caption by int(start * 20) : int(end * 20).

    Training ids have a row per annotated span; val and test ids one row, their first annotation, as published. Ids may cut the
    same file, so a file and its mirrored copy belong to the strictest split that any id of them has (test, val, train), and
    rows of other splits on it are left out with a note. guoh3dfeats/ lies in `folder`, or where TMR's tree has it
    (annotations/NAME/ beside motions/guoh3dfeats/). Raises FileProblem, naming what is missing and where it goes.
    """
    splits = id_lists.read(folder / "splits")
    entries = read_annotations(folder / "annotations.json")
    counts = {"no annotation": sum(name not in entries for name in splits), "a file whose other ids are held out": 0}
    owner: dict[str, str] = {}
    for name in splits.keys() & entries.keys():
        original = entries[name].path.removeprefix("M/")
        owner[original] = max(owner.get(original, "train"), splits[name], key=id_lists.SPLITS.index)
    chosen = [name for name in splits if name in entries]
    kept = [name for name in chosen if owner[entries[name].path.removeprefix("M/")] == splits[name]]
    counts["a file whose other ids are held out"] = len(chosen) - len(kept)
    rows = [row for name in kept for row in _rows(entries[name], splits[name], source)]
    base = features_folder(folder)
    paths = dict.fromkeys(row.take for row in rows)
    takes = arrays.takes({path: base / f"{path}.npy" for path in paths}, ORIGIN, cache)
    arrays.note(counts, "ids with")
    return DataSet(takes, tuple(row for row in rows if row.take in takes))


def features_folder(folder: Path) -> Path:
    """guoh3dfeats in `folder`, or else in the `motions` folder beside TMR's `annotations`, if it is there."""
    beside = folder.absolute().parent.parent / "motions" / FEATURES
    return folder / FEATURES if (folder / FEATURES).is_dir() or not beside.is_dir() else beside


def inside(path: str) -> str:
    """A relative path that stays inside its folder. Raises ValueError for any other."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or ":" in path or "\0" in path:
        raise ValueError(f"{path[:60]!r} leads out of the folder of features")
    return path


def read_annotations(path: Path) -> dict[str, Entry]:
    """The entries by id. Raises FileProblem for a missing file or an entry that can't be read."""
    found = {}
    for name, entry in read_json(path, "the unified annotations of the data set belong there").items():
        try:
            said = tuple((str(row["text"]), float(row["start"]), float(row["end"])) for row in entry["annotations"])
            found[name] = Entry(inside(entry["path"]), said)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileProblem(f"{path}: the entry {name!r} is not of the unified form: {error!r}.") from error
    return found


def read_json(path: Path, purpose: str) -> dict[str, Any]:
    """The object in a JSON file. Raises FileProblem, with `purpose` if it is missing."""
    if not path.is_file():
        raise FileProblem(f"{path} is missing: {purpose}.")
    if path.stat().st_size > MOST_BYTES:
        raise FileProblem(f"{path} is larger than {MOST_BYTES >> 20} MiB.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileProblem(f"{path} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise FileProblem(f"{path} holds no JSON object.")
    return found


def _rows(entry: Entry, split: str, source: str) -> list[Caption]:
    usable = [row for row in entry.said if split == "test" or SHORTEST <= row[2] - row[1] <= LONGEST]
    spans: dict[tuple[float, float], list[str]] = {}
    for text, start, end in usable:
        spans.setdefault((start, end), []).append(text)
    rows = [Caption(entry.path, start, end, tuple(texts), source, split) for (start, end), texts in spans.items()]
    return rows if split == "train" else rows[:1]
