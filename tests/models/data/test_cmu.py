# SPDX-License-Identifier: GPL-3.0-or-later
"""The loader and the splits on a small folder in the genuine form."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.data import cmu, rows, splits
from tmr_blender.errors import FileProblem


def test_a_folder_is_read_and_kept(folder: Path, tmp_path: Path):
    data = cmu.load(folder, tmp_path)
    assert len(data.takes) == 24
    assert data.takes["walk_00"].seconds == pytest.approx(2.0, abs=0.15)
    assert data.takes["walk_00"].features[:, 2].mean() > 0.03
    again = cmu.load(folder, tmp_path)
    assert np.array_equal(again.takes["spin_03"].features, data.takes["spin_03"].features)
    assert np.array_equal(cmu.load(folder).takes["wave_01"].features, data.takes["wave_01"].features)


@pytest.mark.parametrize("missing", ["motions.npz", "captions.jsonl"])
def test_a_missing_file_is_named(folder: Path, tmp_path: Path, missing: str):
    shutil.copytree(folder, tmp_path / "part")
    (tmp_path / "part" / missing).unlink()
    with pytest.raises(FileProblem, match=missing.replace(".", r"\.")):
        cmu.load(tmp_path / "part")


def test_a_bad_row_is_named(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "bad")
    with (tmp_path / "bad" / "captions.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"motion": "walk_00"}\n')
    with pytest.raises(FileProblem, match="line 49"):
        rows.read(tmp_path / "bad" / "captions.jsonl")


def test_a_caption_of_a_take_that_is_not_there(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "odd")
    with (tmp_path / "odd" / "captions.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"motion": "none", "texts": ["x"], "source": "kit", "split": "train"}\n')
    with pytest.raises(FileProblem, match="none"):
        cmu.load(tmp_path / "odd")


def test_splits_go_by_take(folder: Path):
    data = cmu.load(folder)
    chosen = splits.split(data, draw=3, held_out=9)
    held = {caption.take for caption in chosen.validation}
    tested = {caption.take for caption in chosen.test}
    assert len(held) == 9
    assert len(tested) == 6
    assert {f"{kind}_05" for kind in ("walk", "wave", "spin")} <= held
    assert not held & tested
    assert not chosen.train & (held | tested)
    assert chosen.train | held | tested == set(data.takes)
    assert splits.split(data, draw=3, held_out=9) == chosen
    assert splits.split(data, draw=4, held_out=9) != chosen
    assert splits.split(data, draw=None).train == set(data.takes) - tested


def test_spans_stay_inside_the_take(folder: Path):
    data = cmu.load(folder)
    caption = next(c for c in data.captions if c.take == "walk_00")
    whole = data.span(caption)
    part = data.span(type(caption)(caption.take, 0.5, 1.0, caption.texts, caption.source, caption.split))
    beyond = data.span(type(caption)(caption.take, 90.0, 99.0, caption.texts, caption.source, caption.split))
    assert len(part) == 10
    assert np.array_equal(part, whole[10:20])
    assert len(beyond) == 1
