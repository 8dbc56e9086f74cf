# SPDX-License-Identifier: GPL-3.0-or-later
"""Configs: the files of the repository, changes on the command line, mistakes."""

import json
from pathlib import Path

import pytest

from models import config
from tmr_blender.errors import TMRError


@pytest.mark.parametrize("path", sorted(config.FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_config_is_whole_and_named_after_its_file(path: Path):
    found = config.load(path.stem)
    assert found.name == path.stem
    assert config.Config.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    terms = {"contrastive"} if found.objective.contrastive else set()
    assert terms <= set(found.objective.weights)


def test_changes_are_json_and_reach_any_depth():
    found = config.load("tmr", ["training.epochs=3", "objective.contrastive=margin", "objective.weights.kl=0.5"])
    assert found.training.epochs == 3
    assert found.objective.contrastive == "margin"
    assert found.objective.weights["kl"] == 0.5
    assert found.objective.weights["reconstruction"] == 1.0


def test_mistakes_are_named():
    with pytest.raises(TMRError, match="epoch"):
        config.load("tmr", ["training.epoch=3"])
    with pytest.raises(TMRError, match="tmr"):
        config.load("nothing")
    with pytest.raises(TMRError, match="trainig"):
        config.load("tmr", ["trainig.epochs=3"])


def test_a_config_holds_what_differs_from_its_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(config, "FOLDER", tmp_path)
    files = {
        "one": {"name": "one", "training": {"epochs": 7, "batch": 9}, "objective": {"weights": {"kl": 0.5, "latent": 0.25}}},
        "two": {"name": "two", "base": "one", "training": {"batch": 3}, "objective": {"weights": {"kl": 0.0}}},
        "three": {"name": "three", "base": "two", "shape": {"latent": 8}},
        "round": {"name": "round", "base": "about"},
        "about": {"name": "about", "base": "round"},
        "lost": {"name": "lost", "base": "nowhere"},
    }
    for name, data in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")
    found = config.load("three", ["training.epochs=8"])
    assert (found.name, found.shape.latent, found.training.epochs, found.training.batch) == ("three", 8, 8, 3)
    assert found.objective.weights == {"kl": 0.0, "latent": 0.25}
    assert config.load("one").training.batch == 9
    with pytest.raises(TMRError, match="round -> about -> round"):
        config.load("round")
    with pytest.raises(TMRError, match="nowhere"):
        config.load("lost")


def test_members_have_settings_and_seeds_of_their_own():
    found = config.load("tmr", ['members=[{}, {"shape": {"patch": 5}}]', "training.seed=7"])
    first, second = found.member(0), found.member(1)
    assert (first.training.seed, second.training.seed) == (7, 8)
    assert (first.shape.patch, second.shape.patch) == (found.shape.patch, 5)
    assert second.shape.width == found.shape.width
    assert second.members == ({},)
    with pytest.raises(TMRError, match="there is no number 2"):
        found.member(2)


def test_a_member_with_an_unknown_setting():
    with pytest.raises(TMRError, match="colour"):
        config.load("tmr", ['members=[{"shape": {"colour": 1}}]']).member(0)
