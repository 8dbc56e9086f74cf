# SPDX-License-Identifier: GPL-3.0-or-later
"""Training as a command, on a small folder: it learns, repeats, and goes on where it was."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models import train, weights
from models.data import clips, cmu, splits
from models.text import TextStore
from tmr_blender.errors import TMRError

TINY = [
    *("shape.latent=16", "shape.width=32", "shape.heads=2", "shape.feedforward=64", "shape.motion_layers=1"),
    *("shape.text_layers=1", "shape.decoder_layers=1", "training.batch=4", "training.decoded=4", "training.rate=2e-3"),
    "variation.kinematic=false",
]


def command(folder: Path, out: Path, *more: str, config: str = "tmr") -> int:
    changes = [part for change in (*TINY, *more) for part in ("--set", change)]
    paths = ["--data", str(folder), "--out", str(out), "--draw", "1", "--held-out", "9", "--every", "1", "--threads", "1"]
    return train.main(["--config", config, *paths, *changes])


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: Path) -> None:
    monkeypatch.setattr(train, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("TMR_MINILM", str(language))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def history(out: Path) -> list[dict[str, float]]:
    return json.loads((out / "network_0" / "state.json").read_text(encoding="utf-8"))["history"]


def test_it_learns_what_tells_three_motions_apart(folder: Path, tmp_path: Path):
    assert command(folder, tmp_path / "run", "training.epochs=40") == 0
    first, last = history(tmp_path / "run")[0], history(tmp_path / "run")[-1]
    assert last["contrastive"] < first["contrastive"]
    assert last["reconstruction"] < first["reconstruction"]
    # Held out are three takes of each kind, with one caption for the three: a perfect model ranks the truth second of nine.
    assert last["t2m_MedR"] <= 2.5


def test_an_interrupted_run_goes_on_as_if_it_had_not_stopped(folder: Path, tmp_path: Path):
    assert command(folder, tmp_path / "whole", "training.epochs=4") == 0
    changes = [part for change in (*TINY, "training.epochs=4") for part in ("--set", change)]
    paths = ["--data", str(folder), "--out", str(tmp_path / "cut"), "--draw", "1", "--held-out", "9", "--every", "1"]
    arguments = ["--config", "tmr", *paths, "--threads", "1", *changes]
    for _ in range(4):
        assert train.main([*arguments, "--minutes", "0.000001"]) == 0
    one, _ = weights.load(tmp_path / "whole" / "tmr_0.safetensors")
    two, _ = weights.load(tmp_path / "cut" / "tmr_0.safetensors")
    assert history(tmp_path / "cut")[-1]["epoch"] == 4
    for (name, a), (_, b) in zip(one.state_dict().items(), two.state_dict().items(), strict=True):
        assert np.allclose(a.numpy(), b.numpy(), atol=1e-6), name


def test_a_folder_of_another_run_is_not_overwritten(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert command(folder, tmp_path / "run", "training.epochs=1") == 0
    assert command(folder, tmp_path / "run", "training.epochs=2") == 2
    assert "another config" in capsys.readouterr().err


def test_networks_of_one_config_differ_and_are_searched_together(folder: Path, tmp_path: Path):
    assert command(folder, tmp_path / "run", "training.epochs=1", "members=[{}, {}]") == 0
    one, two = weights.opened(tmp_path / "run").models
    assert not np.allclose(one.motion.project.weight.numpy(), two.motion.project.weight.numpy())


@pytest.mark.parametrize("config", ["temos", "guo"])
def test_baselines_train_in_the_same_code(folder: Path, tmp_path: Path, config: str):
    assert command(folder, tmp_path / config, "training.epochs=2", config=config) == 0
    found = history(tmp_path / config)[-1]
    assert ("contrastive" in found) == (config == "guo")
    assert np.isfinite(found["total"])


def test_a_source_without_a_share_is_left_out_whole(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(train.wording, "paraphrases", lambda: {"walk": ["strolling along"]})
    whole = [
        clips.Clip("a", 0, 9, ("a person walks",), ("she ambles",), ("walk", "strolling along"), ("moves 2 m",)),
        clips.Clip("b", 0, 9, ours=("he waits",)),
        clips.Clip("c", 0, 9, kinematic=("stands",)),
    ]
    data = cmu.load(folder)
    nothing = torch.zeros(263)
    material = train.Material(data, splits.split(data, 1), whole, whole[2:], TextStore(), (nothing, nothing))
    assert material.permitted(clips.Variation()).whole == whole
    own = material.permitted(clips.Variation(ours=0.0))
    assert own.whole == [replace(whole[0], ours=()), whole[2]]
    own = material.permitted(clips.Variation(ours=0.0, paraphrases=False))
    assert own.whole == [replace(whole[0], ours=(), labels=("walk",)), whole[2]]
    own = material.permitted(clips.Variation(widened=False))
    assert own.whole == [whole[0], whole[2]]
    worded = material.permitted(clips.Variation(kinematic=False))
    assert (worded.whole, worded.windows) == ([replace(whole[0], kinematic=()), whole[1]], [])
    with pytest.raises(TMRError, match="text"):
        material.permitted(clips.Variation(people=0.0, ours=0.0, labels=0.0, kinematic=False))


def test_an_unknown_setting_is_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert command(folder, tmp_path / "run", "training.epoch=2") == 2
    assert "epoch" in capsys.readouterr().err


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert command(tmp_path / "nowhere", tmp_path / "run") == 2
    assert "captions.jsonl" in capsys.readouterr().err
