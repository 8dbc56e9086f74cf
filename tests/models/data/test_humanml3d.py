# SPDX-License-Identifier: GPL-3.0-or-later
"""HumanML3D in its own layout."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.data import LOADERS, humanml3d
from tests.models.data.feature_files import walk, write, write_lists
from tmr_blender.errors import FileProblem

WALKS = "a man walks ahead.#a/DET man/NOUN walk/VERB ahead/ADV#0.0#0.0\n"


def write_motion(folder: Path, name: str, frames: int, text: str = WALKS) -> None:
    write(folder / "new_joint_vecs" / f"{name}.npy", walk(frames))
    (folder / "texts").mkdir(exist_ok=True)
    (folder / "texts" / f"{name}.txt").write_text(text, encoding="utf-8")


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    folder = tmp_path / "HumanML3D"
    spans = WALKS + "he goes on#he/PRON go/VERB on/ADV#nan#nan\nsteps C# scale#step/VERB#1.0#4.5\nblinks#blink/VERB#1.0#1.5\n"
    write_motion(folder, "000001", 120, spans)
    write_motion(folder, "M000001", 120, spans)
    write_motion(folder, "000002", 60, "first part#x/X#0.0#2.5\n" + WALKS)
    write_motion(folder, "M000002", 60)
    write_motion(folder, "000003", 30)
    write_motion(folder, "000004", 80)
    write_motion(folder, "007975", 80)
    broken = walk(80)
    broken[10] = np.nan
    write(folder / "new_joint_vecs" / "007975.npy", broken)
    write_lists(folder, train="000001 M000001 M000002 000003 007975", val="000004", test="000002", all="000001 000002")
    return folder


def test_captions_spans_and_splits(layout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = LOADERS["humanml3d"](layout, tmp_path / "cache")
    assert set(data.takes) == {"000001", "M000001", "000002", "M000002", "000004"}
    rows = [caption for caption in data.captions if caption.take == "000001"]
    assert [(row.start, row.end, row.texts) for row in rows] == [
        (None, None, ("a man walks ahead.", "he goes on")),
        (1.0, 4.5, ("steps C# scale",)),
    ]
    assert len(data.span(rows[1])) == 70
    said = capsys.readouterr().err
    assert "1 motions with values that are not finite, 1 motions with fewer than 40 frames" in said
    assert "2 spans of fewer than 40 frames" in said


def test_test_ids_have_their_first_caption(layout: Path):
    data = humanml3d.load(layout)
    (row,) = (caption for caption in data.captions if caption.take == "000002")
    assert (row.texts, row.start, row.end, row.split) == (("first part",), 0.0, 2.5, "test")


def test_mirrored_copies_stay_with_their_original(layout: Path):
    """train.txt names M000002, whose original is in test.txt."""
    splits = {caption.take: caption.split for caption in humanml3d.load(layout).captions}
    assert splits == {"000001": "train", "M000001": "train", "000002": "test", "M000002": "test", "000004": "val"}


@pytest.mark.parametrize("missing", ["train.txt", "test.txt", "new_joint_vecs/000001.npy", "texts/000004.txt"])
def test_a_missing_file_is_named(layout: Path, missing: str):
    (layout / missing).unlink()
    with pytest.raises(FileProblem, match=f"{Path(missing).name} is missing"):
        humanml3d.load(layout)


def test_a_bad_line_and_bad_lists_are_named(layout: Path):
    text = layout / "texts" / "000001.txt"
    text.write_text(WALKS + "no tags here\n", encoding="utf-8")
    with pytest.raises(FileProblem, match=r"000001\.txt, line 2"):
        humanml3d.load(layout)
    write_lists(layout, val="000004 000002")
    with pytest.raises(FileProblem, match="000002 is also in"):
        humanml3d.load(layout)
    write_lists(layout, val="../../secret")
    with pytest.raises(FileProblem, match="is no id"):
        humanml3d.load(layout)


def test_genuine_features(shared: Path, tmp_path: Path):
    for name in ("012314", "007005", "009548"):
        write_motion(tmp_path, name, 40)
        shutil.copy(shared / "features" / f"{name}_features.npy", tmp_path / "new_joint_vecs" / f"{name}.npy")
    write_lists(tmp_path, train="012314", val="007005", test="009548")
    data = humanml3d.load(tmp_path, tmp_path / "cache")
    for name, take in data.takes.items():
        assert np.array_equal(take.features, np.load(shared / "features" / f"{name}_features.npy"))
    assert {name: len(take.features) for name, take in data.takes.items()} == {"012314": 170, "007005": 199, "009548": 199}
