# SPDX-License-Identifier: GPL-3.0-or-later
"""Moment retrieval on hand-made spans and scores."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models import moments, weights
from models.architecture import TMR, Shape
from models.config import Config
from models.data.takes import Caption, DataSet, Take

SMALL = Shape(latent=16, width=32, heads=2, feedforward=64, motion_layers=1, text_layers=1, decoder_layers=0)


def label(take: str, start: float | None, end: float | None, text: str = "walks", split: str = "val") -> Caption:
    return Caption(take, start, end, (text,), "babel", split)


def scored(
    truth: tuple[float, float], spans: list[tuple[float, float]], scores: list[float], take: str = "a"
) -> moments.Scored:
    return moments.Scored(label(take, *truth), np.array(spans), np.array(scores, np.float32), 10.0)


def test_recall_in_the_first_and_the_first_five():
    found = [np.array([[0.0, 2.0], [5.0, 7.0]]), np.array([[0.0, 2.0], [5.0, 6.0]]), np.array([[0.0, 1.2]])]
    truth = np.array([[0.0, 2.0], [5.0, 7.0], [0.0, 2.0]])
    assert moments.recall(found, truth) == {
        "R1": {"0.3": 66.67, "0.5": 66.67, "0.7": 33.33},
        "R5": {"0.3": 100.0, "0.5": 100.0, "0.7": 33.33},
    }


def test_chance_is_what_random_spans_get():
    """A span of one length in a take twice as long: starts within a third of the length meet at an IoU of a half."""
    n = 200
    truth = np.tile([1.0, 3.0], (n, 1))
    found = moments.chance(truth, np.full(n, 4.0), np.array([2.0]))
    # start - 1 is uniform on -1..1; IoU >= 1/2 within 2/3 on either side.
    assert found["R1"]["0.5"] == pytest.approx(66.7, abs=1.0)
    assert found["R5"]["0.5"] == pytest.approx(100.0 * (1 - (1 / 3) ** 5), abs=1.0)
    whole = moments.chance(truth[:1], np.array([2.0]), np.array([9.0]))
    assert whole["R1"]["0.7"] == 0.0


def test_the_middle():
    (spans,) = moments.middle(np.array([10.0]), np.array([1.0, 2.0, 3.0]))
    assert spans[0].tolist() == [4.0, 6.0]
    assert np.allclose(spans.mean(axis=1), 5.0)
    assert moments.middle(np.array([1.0]), np.array([4.0]))[0][0].tolist() == [0.0, 1.0]


def test_a_network_that_knows_and_one_that_does_not():
    spans = [(float(i), float(i + 2)) for i in range(9)]
    knowing = [scored((i, i + 2), spans, [-abs(i - j) for j in range(9)]) for i in range(9)]
    wrong = [scored((i, i + 2), spans, [abs(i - j) for j in range(9)]) for i in range(9)]
    lengths = np.full(9, 2.0)
    assert moments.report(knowing, lengths)["model"]["R1"] == {"0.3": 100.0, "0.5": 100.0, "0.7": 100.0}
    found = moments.report(wrong, lengths)
    assert found["model"]["R1"]["0.3"] == 0.0
    # Nine windows, of which the two neighbours (IoU 1/3) count too at 0.3: 25 of 81.
    assert found["windows_in_random_order"]["R1"]["0.3"] == pytest.approx(100 * 25 / 81, abs=9.0)
    assert found["middle"]["R1"]["0.7"] == pytest.approx(100 / 9, abs=0.01)


def test_labels_that_can_be_searched_for():
    take = Take("a", np.zeros((100, 263), np.float32))
    rows = [label("a", 1.0, 2.0), label("a", None, None), label("a", 2.0, 2.0), label("a", 6.0, 7.0), label("a", 1.0, 2.0, "")]
    assert moments.usable(DataSet({"a": take}, ()), rows) == rows[:1]


def test_takes_that_weights_may_have_seen_are_apart():
    data = DataSet({}, (label("a", None, None, split="test"), label("b", None, None, split="train")))
    found = moments.groups(data, ["a", "b", "c"])
    assert found == {"all": {"a", "b", "c"}, "unseen": {"a"}, "seen": {"b", "c"}}
    assert set(moments.groups(data, ["b"])) == {"all"}


@pytest.mark.usefixtures("language")
def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    torch.manual_seed(0)
    weights.save(tmp_path / "tmr_a.safetensors", TMR(SMALL).state_dict(), Config("tmr", SMALL))
    row = {"motion": "walk_07", "start": 0.5, "end": 1.5, "texts": ["walking"], "source": "babel", "split": "val"}
    given = [row, {**row, "motion": "wave_00", "texts": ["waves"]}, {**row, "start": None, "end": None}]
    (tmp_path / "moments.jsonl").write_text("".join(json.dumps(one) + "\n" for one in given), encoding="utf-8")
    arguments = ["--data", str(folder), "--weights", str(tmp_path), "--json", str(tmp_path / "out.json")]
    assert moments.main([*arguments, "--labels", str(tmp_path / "moments.jsonl")]) == 0
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert {name: (part["labels"], part["takes"]) for name, part in found.items()} == {
        "all": (2, 2),
        "unseen": (1, 1),
        "seen": (1, 1),
    }
    assert set(found["unseen"]["model"]["R5"]) == {"0.3", "0.5", "0.7"}
    assert "unseen: 1 labels of 1 takes" in capsys.readouterr().out
    assert moments.main(arguments) == 2
    assert "--labels" in capsys.readouterr().err
    (tmp_path / "moments.jsonl").write_text(json.dumps({**row, "motion": "elsewhere"}) + "\n", encoding="utf-8")
    assert moments.main([*arguments, "--labels", str(tmp_path / "moments.jsonl")]) == 2
    assert "elsewhere" in capsys.readouterr().err
