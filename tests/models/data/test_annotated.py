# SPDX-License-Identifier: GPL-3.0-or-later
"""KIT-ML and HumanML3D as annotations of AMASS files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data import LOADERS, annotated, splits
from tests.models.data.feature_files import walk, write, write_json, write_lists
from tmr_blender.errors import FileProblem

PATHS = {"00001": "KIT/3/kick_poses", "00002": "KIT/4/walk_poses", "00003": "KIT/5/turn_poses", "00004": "CMU/01/long_poses"}


def entry(path: str, *said: tuple[str, float, float]) -> dict[str, Any]:
    rows = [{"seg_id": f"x_{i}", "text": text, "start": start, "end": end} for i, (text, start, end) in enumerate(said)]
    return {"path": path, "duration": 10.0, "annotations": rows}


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    folder = tmp_path / "kitml"
    entries = {
        "00001": entry(PATHS["00001"], ("a kick", 0.0, 5.82), ("kicks high", 0.0, 5.82), ("later", 1.25, 3.5), ("blink", 0, 1)),
        "00002": entry(PATHS["00002"], ("a quick walk", 0.0, 1.5), ("another", 0.0, 1.5)),
        "00003": entry(PATHS["00003"], ("too short", 0.0, 1.0), ("turns", 0.0, 4.0), ("turns more", 0.0, 5.0)),
        "00004": entry(PATHS["00004"], ("goes", 2.0, 7.0)),
        "00005": entry(PATHS["00004"], ("stops", 8.0, 9.5)),
    }
    for name in ("00001", "00004", "00005"):
        entries["M" + name] = {**entries[name], "path": f"M/{entries[name]['path']}"}
    write_json(folder / "annotations.json", entries)
    write_lists(folder / "splits", train="00001 M00001 00004 M00004 00099", val="00003", test="00002 00005 M00005")
    for i, path in enumerate(PATHS.values()):
        write(folder / "guoh3dfeats" / f"{path}.npy", walk(120 + 10 * i))
        write(folder / "guoh3dfeats" / "M" / f"{path}.npy", walk(120 + 10 * i, 0.5))
    return folder


def test_rows_of_the_splits(layout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = LOADERS["kitml"](layout, tmp_path / "cache")
    rows = {(row.take, row.start, row.end, row.split): row.texts for row in data.captions}
    kick, walked, turn, long = PATHS.values()
    assert rows == {
        (kick, 0.0, 5.82, "train"): ("a kick", "kicks high"),
        (kick, 1.25, 3.5, "train"): ("later",),
        (f"M/{kick}", 0.0, 5.82, "train"): ("a kick", "kicks high"),
        (f"M/{kick}", 1.25, 3.5, "train"): ("later",),
        (walked, 0.0, 1.5, "test"): ("a quick walk", "another"),
        (turn, 0.0, 4.0, "val"): ("turns",),
        (long, 8.0, 9.5, "test"): ("stops",),
        (f"M/{long}", 8.0, 9.5, "test"): ("stops",),
    }
    said = capsys.readouterr().err
    assert "1 ids with no annotation" in said
    assert "2 ids with a file whose other ids are held out" in said
    assert {row.source for row in data.captions} == {"kit"}
    assert LOADERS["humanml3d_amass"](layout, None).captions[0].source == "humanml3d"


def test_crops_are_those_of_the_published_preparation(layout: Path):
    data = annotated.kitml(layout)
    row = next(row for row in data.captions if row.start == 1.25)
    whole = np.load(layout / "guoh3dfeats" / f"{row.take}.npy")
    assert np.array_equal(data.span(row), whole[25:70])


def test_no_file_is_on_two_sides(layout: Path):
    """A file that two ids of different splits cut belongs to the stricter split, and so does its mirrored copy."""
    data = annotated.kitml(layout)
    chosen = splits.split(data, draw=None)
    tested = {row.take.removeprefix("M/") for row in data.captions if row.split == "test"}
    assert not {take.removeprefix("M/") for take in chosen.train} & tested


def test_the_tree_of_tmr(layout: Path, tmp_path: Path):
    """annotations/kitml beside motions/guoh3dfeats."""
    tree = tmp_path / "datasets"
    (tree / "annotations").mkdir(parents=True)
    (tree / "motions").mkdir()
    (layout / "guoh3dfeats").rename(tree / "motions" / "guoh3dfeats")
    layout.rename(tree / "annotations" / "kitml")
    assert len(annotated.kitml(tree / "annotations" / "kitml").captions) == 8


@pytest.mark.parametrize(
    "missing", ["annotations.json", "splits/val.txt", "guoh3dfeats/KIT/3/kick_poses.npy", "guoh3dfeats/M/KIT/3/kick_poses.npy"]
)
def test_a_missing_file_is_named(layout: Path, missing: str):
    (layout / missing).unlink()
    with pytest.raises(FileProblem, match=f"{Path(missing).name} is missing"):
        annotated.kitml(layout)


@pytest.mark.parametrize(
    "value",
    [
        entry("../../outside"),
        entry("/etc/passwd"),
        entry("C:\\data"),
        {"path": "a", "annotations": [{"text": "x", "start": "soon", "end": 1}]},
        {"path": "a"},
        "text",
    ],
)
def test_bad_entries_are_refused(layout: Path, value: Any):
    write_json(layout / "annotations.json", {"00001": value})
    with pytest.raises(FileProblem, match="00001"):
        annotated.kitml(layout)


def test_json_that_is_none(layout: Path):
    for text in ("[" * 100_000, "[]", "nothing"):
        (layout / "annotations.json").write_text(text, encoding="utf-8")
        with pytest.raises(FileProblem, match=r"annotations\.json"):
            annotated.kitml(layout)
