# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of sentence vectors: what it learns, and what it leaves alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models import weights, words
from models.architecture import TMR, Shape, Words
from models.config import Config
from models.data import cmu, splits
from models.data.clips import Clip
from models.ensemble import Ensemble
from models.text import TextStore
from tmr_blender.errors import ModelProblem, TMRError

HOW = words.Fitting(steps=60, batch=32)


def invented(count: int) -> tuple[list[Clip], TextStore]:
    """Takes whose captions and descriptions have sentence vectors that a fixed rotation brings together, and nothing else."""
    random = np.random.default_rng(0)
    turn = np.linalg.qr(random.normal(size=(384, 384)))[0]
    asked = random.normal(size=(count, 384))
    vectors = np.concatenate([asked, asked @ turn])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"{kind} {i}" for kind in ("caption", "description") for i in range(count)]
    store = TextStore(rows={name: i for i, name in enumerate(names)}, sentences=vectors.astype(np.float32))
    return [Clip(f"take {i}", 0, 9, people=(f"caption {i}",), labels=(f"description {i}",)) for i in range(count)], store


def recalled(net: Words | None, store: TextStore, numbers: range) -> float:
    """Share of the captions whose own description comes first among those of the numbers."""
    said = [torch.from_numpy(store.sentence([f"{kind} {i}" for i in numbers])) for kind in ("caption", "description")]
    asked, told = said if net is None else [net(vectors) for vectors in said]
    return float(((asked @ told.T).argmax(dim=1) == torch.arange(len(numbers))).float().mean())


def test_texts_of_one_take_meet():
    whole, store = invented(200)
    fitted = words.fit(whole, store, how=HOW)
    assert recalled(None, store, range(200)) < 0.1
    assert recalled(fitted, store, range(200)) > 0.5


def test_the_same_seed_gives_the_same_network():
    whole, store = invented(40)
    first, second = (words.fit(whole, store, seed=3, how=words.Fitting(steps=3)).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_captions_by_people_are_drawn_more_often():
    one = Clip("a", 0, 9, people=("p",), ours=("o",), labels=("d",))
    other = Clip("b", 0, 9, ours=("o", "q"), labels=("d",))
    lone = Clip("c", 0, 9, ours=("o",))
    found = words.pairs([one, other, lone], words.Fitting(people_takes=3, people_texts=2))
    assert [take for take, _, _ in found] == ["a", "a", "a", "b"]
    assert found[0][1] == ("p", "p", "o")


def test_nothing_to_learn_by():
    with pytest.raises(TMRError, match="caption and a description"):
        words.fit([Clip("a", 0, 9, labels=("walk",))], TextStore())


def test_before_training_it_is_the_identity():
    sentence = torch.nn.functional.normalize(torch.randn(5, 384), dim=-1)
    assert torch.allclose(Words().eval()(sentence), sentence, atol=1e-6)
    assert torch.equal(Ensemble([]).said(sentence), sentence)


def test_a_folder_of_weights_holds_it_beside_the_networks(tmp_path: Path):
    shape = Shape(latent=8, width=16, heads=2, feedforward=32, motion_layers=1, text_layers=1, decoder_layers=0)
    weights.save(tmp_path / "tmr_0.safetensors", TMR(shape).state_dict(), Config("tmr", shape))
    assert weights.opened(tmp_path).words is None
    whole, store = invented(20)
    fitted = words.fit(whole, store, how=words.Fitting(steps=2))
    prints = weights.fingerprint(tmp_path)
    weights.save_words(tmp_path, fitted)
    opened = weights.opened(tmp_path)
    assert len(opened.models) == 1
    assert opened.words is not None
    sentence = torch.from_numpy(store.sentence(["caption 1"]))
    assert torch.allclose(opened.said(sentence), fitted(sentence), atol=2e-3)
    # A decoder reads latents only: words are none of its business.
    assert weights.fingerprint(tmp_path) == prints
    save_file({"x": torch.zeros(3)}, tmp_path / weights.WORDS)
    with pytest.raises(ModelProblem, match="sentence vectors"):
        weights.opened(tmp_path)


@pytest.mark.usefixtures("language")
def test_the_command_prints_what_it_does_for_a_draw(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = cmu.load(folder)
    captions = splits.split(data, 1).validation
    found = words.searched(Words().eval(), data, captions)
    # Before any training the words are the sentence vectors themselves.
    assert found["plain"] is not None
    assert found["plain"] == found["words"]
    assert (
        words.main(["--data", str(folder), "--draw", "1", "--held-out", "9", "--weights", str(tmp_path), "--threads", "1"]) == 0
    )
    said = capsys.readouterr().out
    assert str(tmp_path / weights.WORDS) in said
    assert '"plain"' in said
