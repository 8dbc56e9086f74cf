# SPDX-License-Identifier: GPL-3.0-or-later
"""BABEL (Punnakkal et al., CVPR 2021): what happens when in AMASS files. Shipped weights never train on it.

train.json and val.json map an id to {"feat_p", "dur", "seq_ann": {"labels": [{"raw_label", "proc_label", "act_cat"}]},
"frame_ann": {"labels": [{..., "start_t", "end_t"}]}}; either annotation may be null. feat_p is the archive's name and then the
path into AMASS, so features of `CMU/CMU/01/01_06_poses.npz` are guoh3dfeats/CMU/01/01_06_poses.npy.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.data import annotated, arrays
from models.data.takes import Caption, DataSet
from tmr_blender.errors import FileProblem

SOURCE = "babel"


@dataclass(frozen=True)
class Label:
    """One label of a take: the annotator's words, the processed words, and the action categories; whole takes have no span."""

    take: str
    start: float | None
    end: float | None
    raw: str
    processed: str
    categories: tuple[str, ...]
    split: str


def load(folder: Path, cache: Path | None = None) -> DataSet:
    """The labelled takes of train.json and val.json, one row a label, raw words first.

    Raises FileProblem, naming what is missing and where it goes.
    """
    labels = read_labels(folder)
    base = annotated.features_folder(folder)
    files = {take: base / f"{take}.npy" for take in dict.fromkeys(label.take for label in labels)}
    takes = arrays.takes(files, annotated.ORIGIN, cache)
    rows = (
        Caption(label.take, label.start, label.end, tuple(dict.fromkeys((label.raw, label.processed))), SOURCE, label.split)
        for label in labels
        if label.take in takes
    )
    return DataSet(takes, tuple(rows))


def read_labels(folder: Path) -> list[Label]:
    """The labels of train.json and val.json, of which one may be missing. Raises FileProblem for what can't be read."""
    paths = [folder / f"{split}.json" for split in ("train", "val")]
    present = [path for path in paths if path.is_file()]
    if not present:
        raise FileProblem(f"{paths[1]} is missing: BABEL's train.json and val.json belong there.")
    found: list[Label] = []
    for path in present:
        for name, entry in annotated.read_json(path, "BABEL's labels belong there").items():
            try:
                found.extend(_labels(entry, path.stem))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise FileProblem(f"{path}: the entry {name!r} is not of BABEL's form: {error!r}.") from error
    return found


def _labels(entry: dict[str, Any], split: str) -> list[Label]:
    take = annotated.inside(entry["feat_p"].partition("/")[2]).removesuffix(".npz")
    found = []
    for part, spans in (("seq_ann", False), ("frame_ann", True)):
        for row in (entry.get(part) or {}).get("labels") or ():
            start, end = (float(row["start_t"]), float(row["end_t"])) if spans else (None, None)
            raw = str(row["raw_label"])
            categories = tuple(map(str, row.get("act_cat") or ()))
            found.append(Label(take, start, end, raw, str(row.get("proc_label") or raw), categories, split))
    return found
