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
