# SPDX-License-Identifier: GPL-3.0-or-later
"""BABEL's labels, and rows in the form of moments.jsonl."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.data import LOADERS, babel, rows
from tests.models.data.feature_files import walk, write, write_json
from tmr_blender.errors import FileProblem


def label(raw: str, processed: str, categories: list[str] | None, **span: float) -> dict[str, Any]:
    return {"raw_label": raw, "proc_label": processed, "seg_id": "x", "act_cat": categories, **span}


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    folder = tmp_path / "babel"
    first = {
        "babel_sid": 1,
        "url": "",
        "feat_p": "CMU/CMU/01/01_06_poses.npz",
        "dur": 5.0,
        "seq_ann": {
            "babel_lid": "x",
            "anntr_id": "x",
            "labels": [label("climbing up", "climb", ["climb", "step"])],
            "mul_act": True,
        },
        "frame_ann": {
            "labels": [
                label("walking", "walk", ["walk"], start_t=0, end_t=2.321),
                label("up", "up", None, start_t=2.0, end_t=5.0),
            ]
        },
    }
    second = {
        "feat_p": "KIT/KIT/4/turn_poses.npz",
        "dur": 4.0,
        "frame_ann": None,
        "seq_ann": {"labels": [label("turn", "turn", ["turn"])]},
    }
    write_json(folder / "val.json", {"1": first})
    write_json(folder / "train.json", {"2": second, "3": {"feat_p": "KIT/KIT/4/none.npz", "seq_ann": {"labels": None}}})
    write(folder / "guoh3dfeats" / "CMU" / "01" / "01_06_poses.npy", walk(100))
    write(folder / "guoh3dfeats" / "KIT" / "4" / "turn_poses.npy", walk(80))
    return folder


def test_labels_and_spans(layout: Path, tmp_path: Path):
    data = LOADERS["babel"](layout, tmp_path / "cache")
    found = [(row.take, row.start, row.end, row.texts, row.split) for row in data.captions]
    assert found == [
        ("KIT/4/turn_poses", None, None, ("turn",), "train"),
        ("CMU/01/01_06_poses", None, None, ("climbing up", "climb"), "val"),
        ("CMU/01/01_06_poses", 0.0, 2.321, ("walking", "walk"), "val"),
        ("CMU/01/01_06_poses", 2.0, 5.0, ("up",), "val"),
    ]
    assert [len(data.span(row)) for row in data.captions] == [80, 100, 46, 60]
    assert babel.read_labels(layout)[1].categories == ("climb", "step")


def test_one_split_suffices(layout: Path):
    (layout / "train.json").unlink()
    assert {row.split for row in babel.load(layout).captions} == {"val"}
    (layout / "val.json").unlink()
    with pytest.raises(FileProblem, match=r"val\.json is missing"):
        babel.load(layout)


def test_missing_features_are_named(layout: Path):
    (layout / "guoh3dfeats" / "CMU" / "01" / "01_06_poses.npy").unlink()
    with pytest.raises(FileProblem, match=r"01_06_poses\.npy is missing: `python -m models\.prepare_amass"):
        babel.load(layout)


@pytest.mark.parametrize("value", [{"dur": 3}, {"feat_p": "CMU/../../x.npz"}, {"feat_p": "x.npz"}, [], 3])
def test_bad_entries_are_refused(layout: Path, value: Any):
    write_json(layout / "val.json", {"7": value})
    with pytest.raises(FileProblem, match=r"val\.json: the entry '7'"):
        babel.load(layout)


def test_rows_of_moments(tmp_path: Path):
    path = tmp_path / "moments.jsonl"
    row = {"motion": "01_06", "start": 2, "end": 6.5, "texts": ["climbs"], "source": "babel", "split": "val"}
    path.write_text(json.dumps(row) + "\n\n" + json.dumps({**row, "start": None, "end": None}) + "\n", encoding="utf-8")
    first, second = rows.read(path)
    assert (first.take, first.start, first.end, first.texts) == ("01_06", 2.0, 6.5, ("climbs",))
    assert (second.start, second.end) == (None, None)
    path.write_text('{"motion": "x"}\n', encoding="utf-8")
    with pytest.raises(FileProblem, match="line 1"):
        rows.read(path)
    with pytest.raises(FileProblem, match="is missing"):
        rows.read(tmp_path / "none.jsonl")


def test_the_labels_of_the_long_takes(shared: Path):
    found = rows.read(shared / "data" / "cmu" / "moments.jsonl")
    assert len(found) == 2191
    assert {row.source for row in found} == {"babel"}
    assert all(row.texts and (row.start is None) == (row.end is None) for row in found)
