# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark as a command, on a small folder and networks of random weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models import evaluate, weights
from models.architecture import TMR, Shape
from models.config import Config
from models.data import cmu, splits
from models.text import TextStore

SMALL = Shape(latent=16, width=32, heads=2, feedforward=64, motion_layers=1, text_layers=1, decoder_layers=0)


@pytest.fixture
def random_weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    weights.save(tmp_path / "tmr_a.safetensors", TMR(SMALL).state_dict(), Config("tmr", SMALL))
    return tmp_path / "tmr_a.safetensors"


@pytest.mark.usefixtures("language")
def test_the_command_writes_every_figure(
    folder: Path, random_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "figures.json"
    assert evaluate.main(["--data", str(folder), "--json", str(out), "--weights", str(random_weights)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["gallery"] == 6
    for protocol in (*evaluate.PROTOCOLS, "text_search", "hybrid"):
        for way in ("t2m", "m2t"):
            assert set(found[protocol][way]) == {"R1", "R2", "R3", "R5", "R10", "MedR"}
    assert found["chance"]["R1"] == pytest.approx(16.67)
    # Two takes of each kind share caption and description: they tie, and a tie of two counts as found.
    assert found["text_search"]["t2m"]["R1"] == 100.0
    # Finding either of the two counts here, so chance is twice as high.
    assert found["threshold"]["t2m"]["R2"] >= found["all"]["t2m"]["R2"]
    assert "gallery 6" in capsys.readouterr().out


@pytest.mark.usefixtures("language")
def test_takes_without_descriptions_get_no_preference(folder: Path):
    data = cmu.load(folder)
    captions = evaluate.rows_of(data, "test")
    known = tuple(c for c in data.captions if not (c.split == "all" and c.take == captions[0].take))
    store = TextStore()
    store.add([text for caption in data.captions for text in caption.texts])
    scores = evaluate.description_scores(type(data)(data.takes, known), captions, store.sentence)
    assert scores is not None
    others = [i for i in range(len(captions)) if captions[i].take != captions[0].take]
    assert np.all(scores[:, 0] <= scores[:, others].max(axis=1))
    assert evaluate.description_scores(type(data)(data.takes, captions), captions, store.sentence) is None


@pytest.mark.usefixtures("language")
def test_a_draw_of_validation_takes(folder: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["--data", str(folder), "--weights", str(random_weights), "--protocol", "all"]
    assert evaluate.main([*arguments, "--draw", "1"]) == 0
    held = splits.split(cmu.load(folder), 1).validation
    assert f"gallery {len(held)} captions" in capsys.readouterr().out


def test_a_split_that_is_not_there(folder: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]):
    assert evaluate.main(["--data", str(folder), "--split", "none", "--weights", str(random_weights)]) == 2
    assert "none" in capsys.readouterr().err


def test_missing_weights(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert evaluate.main(["--data", str(folder), "--weights", str(tmp_path / "nothing")]) == 2
    assert "models.train" in capsys.readouterr().err
