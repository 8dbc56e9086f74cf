# SPDX-License-Identifier: GPL-3.0-or-later
"""Our BERT against what the model is known to say."""

from pathlib import Path

import numpy as np
import pytest

from models import minilm, text
from tmr_blender.errors import ModelProblem


@pytest.mark.usefixtures("language")
def test_known_similarities():
    # The example of the model's public page: 0.695, 0.943, 0.257.
    said = ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    _, vectors = text.encode(said)
    assert (vectors @ vectors.T)[0, 1:] == pytest.approx([0.695, 0.943, 0.257], abs=1e-3)


@pytest.mark.usefixtures("language")
def test_padding_changes_nothing():
    short, long = "walk", "a person walks slowly in a wide circle and then sits down on the floor"
    alone_states, alone = text.encode([short])
    states, both = text.encode([short, long])
    assert both[0] == pytest.approx(alone[0], abs=1e-5)
    assert np.abs(states[0].astype(np.float32) - alone_states[0].astype(np.float32)).max() < 2e-3


def test_other_weights_are_refused(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(ModelProblem, match="SHA-256"):
        minilm.load(tmp_path)


@pytest.mark.usefixtures("language")
def test_a_store_gives_back_what_it_kept(tmp_path: Path):
    store = text.TextStore.open(tmp_path / "texts.npz")
    store.add(["walk", "a person sits down"])
    store.add(["walk", "jump"])
    again = text.TextStore.open(tmp_path / "texts.npz")
    assert list(again.rows) == ["walk", "a person sits down", "jump"]
    tokens, mask = again.tokens(["jump", "a person sits down"])
    assert mask.sum(dim=1).tolist() == [3, 6]
    assert tokens[0, 3:].abs().max() == 0
    assert np.array_equal(again.sentence(["jump"]), store.sentence(["jump"]))
