# SPDX-License-Identifier: GPL-3.0-or-later
"""Zero-shot action recognition on hand-made scores."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models import actions, weights
from models.architecture import TMR, Shape
from models.config import Config
from models.data.babel import Label
from models.data.takes import Caption

SMALL = Shape(latent=16, width=32, heads=2, feedforward=64, motion_layers=1, text_layers=1, decoder_layers=0)


def test_accuracy_counts_the_best_of_a_takes_own_labels():
    scores = np.array([[0.9, 0.1, 0.2, 0.0, 0.0, 0.0], [0.9, 0.8, 0.7, 0.6, 0.5, 0.1], [0.9, 0.8, 0.7, 0.6, 0.5, 0.1]])
    truth = np.zeros((3, 6), bool)
    truth[0, 0] = truth[1, 5] = truth[2, [4, 5]] = True
    assert actions.accuracy(scores, truth) == {"top1": 33.33, "top5": 66.67}


def test_ties_share_their_places():
    truth = np.eye(3, 8, dtype=bool)
    assert actions.accuracy(np.zeros((3, 8)), truth) == {"top1": 0.0, "top5": 100.0}
    assert actions.accuracy(np.zeros((3, 20)), np.eye(3, 20, dtype=bool))["top5"] == 0.0


def test_chance_is_what_random_scores_get():
    truth = np.zeros((2, 10), bool)
    truth[0, 0] = truth[1, [1, 2, 3]] = True
    found = actions.chance(truth)
    assert found == {"top1": 20.0, "top5": pytest.approx(100 * (0.5 + 1 - 21 / 252) / 2, abs=0.01)}
    rng = np.random.default_rng(0)
    drawn = [actions.accuracy(rng.random((2, 10)), truth) for _ in range(4000)]
    for key, expected in found.items():
        assert np.mean([one[key] for one in drawn]) == pytest.approx(expected, abs=2.0)


def test_majority_is_counted_on_all_takes():
    counted = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], bool)
    assert actions.majority(counted[2:], counted)["top1"] == 0.0
    assert actions.majority(counted, counted) == {"top1": 66.67, "top5": 100.0}


def test_labels_of_whole_takes_only():
    rows = [
        Caption("a", None, None, ("walk", "walking about"), "babel", "val"),
        Caption("a", 0.0, 1.0, ("jump",), "babel", "val"),
        Caption("a", None, None, ("run",), "babel", "val"),
        Caption("b", None, None, ("walk",), "babel", "val"),
    ]
    assert actions.labels_of(rows) == {"a": {"walk", "run"}, "b": {"walk"}}
    given = [Label("a", None, None, "up", "up", ("climb", "step"), "val"), Label("a", 0.0, 1.0, "x", "x", ("walk",), "val")]
    assert actions.categories_of(given) == {"a": {"climb", "step"}}


@pytest.mark.usefixtures("language")
def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    torch.manual_seed(0)
    weights.save(tmp_path / "tmr_a.safetensors", TMR(SMALL).state_dict(), Config("tmr", SMALL))
    given = [
        {"motion": f"{kind}_{i:02d}", "start": None, "end": None, "texts": [kind], "source": "babel", "split": "val"}
        for kind in ("walk", "wave", "spin")
        for i in (0, 7)
    ]
    (tmp_path / "moments.jsonl").write_text("".join(json.dumps(one) + "\n" for one in given), encoding="utf-8")
    out = tmp_path / "out.json"
    arguments = [
        "--data",
        str(folder),
        "--labels",
        str(tmp_path / "moments.jsonl"),
        "--weights",
        str(tmp_path),
        "--json",
        str(out),
    ]
    assert actions.main(arguments) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["labels"] == 3
    assert [found[name]["takes"] for name in ("all", "unseen", "seen")] == [6, 3, 3]
    assert found["all"]["chance"]["top1"] == 33.33
    assert "unseen" in capsys.readouterr().out
    given = [{**one, "start": 0.0, "end": 1.0} for one in given]
    (tmp_path / "moments.jsonl").write_text("".join(json.dumps(one) + "\n" for one in given), encoding="utf-8")
    assert actions.main(arguments) == 2
    assert "whole take" in capsys.readouterr().err
