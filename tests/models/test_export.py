# SPDX-License-Identifier: GPL-3.0-or-later
"""What is exported computes what was trained, and loads without any code of ours."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from models import encode, export, weights
from models.architecture import TMR, Shape
from models.config import Config
from models.ensemble import Ensemble
from models.text import TextStore
from tmr_blender.tmr.encoders import TextEncoder

SMALL = Shape(latent=16, width=32, heads=2, feedforward=64, motion_layers=2, text_layers=1, decoder_layers=1)


@pytest.fixture
def pair() -> list[TMR]:
    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = TMR(SMALL).eval().requires_grad_(False)
        model.set_statistics(torch.randn(263) * 0.1, torch.rand(263) + 0.5)
        made.append(model)
    return made


@pytest.mark.usefixtures("language")
def test_exported_networks_agree_with_the_trained_ones(pair: list[TMR], tmp_path: Path):
    facts = export.export(Ensemble(pair), tmp_path)
    assert facts == json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert facts["latent"] == 32
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(n, 263)).astype(np.float32) for n in (1, 40, 93)]
    said = ["a person walks forward, then turns left", "jump"]
    motion, text = torch.jit.load(tmp_path / "motion_encoder.ts"), torch.jit.load(tmp_path / "text_encoder.ts")
    latents = motion(*encode.padded(clips)).numpy()
    assert latents == pytest.approx(encode.motions(Ensemble(pair), clips), abs=2e-5)
    assert np.linalg.norm(latents, axis=1) == pytest.approx(1.0, abs=1e-5)
    tokens = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokens.enable_padding()
    encoded = tokens.encode_batch(said)
    ids, mask = (torch.tensor([getattr(one, key) for one in encoded]) for key in ("ids", "attention_mask"))
    latent, sentence = text(ids, mask)
    store = TextStore()
    expected = encode.texts(Ensemble(pair), store, said)
    # The store keeps token states in 16 bits.
    assert np.sum(latent.numpy() * expected, axis=1) == pytest.approx(1.0, abs=1e-4)
    assert sentence.numpy() == pytest.approx(store.sentence(said), abs=1e-5)
    background = TextEncoder(tmp_path, threads=1).background
    expected = encode.texts(Ensemble(pair), store, encode.at_large())
    assert background.shape == (encode.AT_LARGE, 32)
    assert np.sum(background * expected, axis=1) == pytest.approx(1.0, abs=1e-4)


def test_the_sentences_at_large_are_always_the_same():
    assert encode.at_large() == encode.at_large()
    assert len(set(encode.at_large())) == encode.AT_LARGE


@pytest.mark.usefixtures("language")
def test_loading_needs_none_of_our_code(pair: list[TMR], tmp_path: Path):
    export.export(Ensemble(pair[:1]), tmp_path)
    code = (
        "import sys, torch; m = torch.jit.load(sys.argv[1] + '/motion_encoder.ts'); "
        "print(tuple(m(torch.zeros(2, 30, 263), torch.tensor([30, 7])).shape), "
        "[n for n in sys.modules if n.startswith(('models', 'tmr'))])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(2, 16) []"


def test_identity_changes_with_the_weights(pair: list[TMR]):
    assert export.identity(Ensemble(pair[:1])) != export.identity(Ensemble(pair[1:]))
    assert export.identity(Ensemble(pair[:1])) == export.identity(Ensemble(pair[:1]))


def test_weights_come_back_from_disk(pair: list[TMR], tmp_path: Path):
    weights.save(tmp_path / "tmr_1.safetensors", pair[0].state_dict(), Config("tmr", SMALL), half=True)
    found = weights.opened(tmp_path)
    assert len(found.models) == 1
    clip = [np.random.default_rng(0).normal(size=(40, 263)).astype(np.float32)]
    assert float(np.sum(encode.motions(found, clip) * encode.motions(Ensemble(pair[:1]), clip))) == pytest.approx(1.0, abs=1e-4)


def test_missing_weights_end_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert export.main(["--out", str(tmp_path / "out"), "--weights", str(tmp_path)]) == 2
    assert "models.train" in capsys.readouterr().err


def test_a_damaged_file_ends_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "tmr.safetensors").write_bytes(b"\x00" * 100)
    assert export.main(["--out", str(tmp_path / "out"), "--weights", str(tmp_path)]) == 2
    assert "does not hold weights" in capsys.readouterr().err


def test_what_is_saved_names_no_place_of_ours(tmp_path: Path):
    network = torch.jit.script(torch.nn.Linear(2, 2).eval())
    saved = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        export._save(network, folder / "net.ts.new")
        saved.append((folder / "net.ts.new").read_bytes())
    assert saved[0] == saved[1] and b".debug_pkl" not in saved[0] and b"site-packages" not in saved[0]
    again = torch.jit.load(tmp_path / "a" / "net.ts.new")
    assert torch.equal(again(torch.ones(1, 2)), network(torch.ones(1, 2)))
