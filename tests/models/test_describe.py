# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion to text, on a data set made in code and on a file."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models import describe, weights
from models.architecture import TMR, Shape
from models.config import Config
from models.data import LOADERS, wording
from models.data.takes import Caption
from tests.library.takes import write_take
from tmr_blender.errors import QueryProblem

SMALL = Shape(latent=16, width=32, heads=2, feedforward=64, motion_layers=1, text_layers=1, decoder_layers=0)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One caption of ours, and no cache of the project's."""
    row = Caption("walk_00", 0.5, 1.5, ("two steps",), "ours", "train")
    monkeypatch.setattr(wording, "of_takes", lambda: [row])
    monkeypatch.setattr(describe, "CACHE", tmp_path / "cache" / "features")


@pytest.mark.usefixtures("few")
def test_the_gallery_holds_training_captions_of_other_takes(folder: Path) -> None:
    data = LOADERS["cmu"](folder, None)
    everything = describe.gallery(data, [], None)
    assert set(everything) == {
        "a person walks forward",
        "someone waves the right hand",
        "a human turns around to the left",
        "two steps",
    }
    assert {row.split for row in everything.values()} == {"train"}
    own = describe.gallery(data, [Caption("x", None, None, ("more",), "me", "train")], "walk_00")
    assert {"two steps"} == set(everything) - set(own)
    assert own["a person walks forward"].take == "walk_01"
    assert own["more"].take == "x"


def test_the_nearest_come_first() -> None:
    texts = {text: Caption(text, None, None, (text,), "ours", "train") for text in ("far", "near", "nearer")}
    encoded = np.array([[0.0, 1.0], [0.6, 0.8], [0.8, 0.6]], np.float32)
    found = describe.nearest(np.array([1.0, 0.0], np.float32), texts, encoded, 2)
    assert [(said.text, said.take, said.cosine) for said in found] == [("nearer", "nearer", 0.8), ("near", "near", 0.6)]


def test_spans_of_takes(folder: Path) -> None:
    data = LOADERS["cmu"](folder, None)
    assert len(describe.of_take(data, "walk_07", 1.0, 2.0).rows) == 20
    for name, start in (("walk_77", None), ("walk_07", 60.0)):
        with pytest.raises(QueryProblem, match=name):
            describe.of_take(data, name, start, None)


@pytest.mark.usefixtures("language", "few")
def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    weights.save(tmp_path / "tmr_a.safetensors", TMR(SMALL).state_dict(), Config("tmr", SMALL))
    out = tmp_path / "out.json"
    arguments = ["--weights", str(tmp_path), "--json", str(out), "--limit", "9"]
    assert describe.main(["--data", str(folder), "--take", "walk_00", *arguments]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["take"] == "walk_00"
    assert found["sentences"]
    assert "walk_00" not in {said["take"] for said in found["captions"]}
    assert len(found["captions"]) == 3
    assert "encoding 4 captions" in capsys.readouterr().err
    assert describe.main(["--data", str(folder), "--take", "walk_00", "--own", *arguments]) == 0
    assert "two steps  (walk_00, 0.5 to 1.5 s, ours)" in (shown := capsys.readouterr()).out
    assert not shown.err
    path = write_take(tmp_path / "somebody.bvh", "walks", 3.0)
    assert describe.main([str(path), *arguments]) == 0
    assert [said["text"] for said in json.loads(out.read_text(encoding="utf-8"))["captions"]] == ["two steps"]
    for wrong, reason in (
        ([], "Name a motion file"),
        ([str(path), "--take", "x"], "by number"),
        ([str(path), "--limit", "0"], "one"),
    ):
        assert describe.main([*arguments, *wrong]) == 2
        assert reason in capsys.readouterr().err
