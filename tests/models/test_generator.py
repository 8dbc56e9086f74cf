# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoder of text to motion: windows, padding, the mean and draws."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models import weights
from models.generator import COLUMNS, DecoderConfig, Generator, Windows, tokens
from tmr_blender.errors import ModelProblem, TMRError
from tmr_blender.motion import features

TINY = DecoderConfig(latent=8, components=12, width=32, heads=2, feedforward=64, layers=2)


def motion(seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    """Features that sway in six ways: their windows fill 96 dimensions."""
    random = np.random.default_rng(seed)
    count = round(seconds * features.FPS)
    time = np.arange(count)[:, None] / features.FPS
    sway = np.sin(time * random.uniform(1.0, 3.0, (1, 6)) + random.uniform(0.0, 6.0, (1, 6)))
    return (sway @ np.random.default_rng(99).normal(0.0, 0.1, (6, features.WIDTH))).astype(np.float32)


def fitted(components: int) -> Windows:
    rows = [motion(seed=i) for i in range(20)]
    whole = torch.from_numpy(np.concatenate(rows))
    windows = Windows(components)
    windows.fit(whole.mean(dim=0), whole.std(dim=0), rows)
    return windows


@pytest.mark.parametrize("frames", [1, 7, 8, 9, 77])
def test_windows_bring_a_motion_back(frames: int):
    rows = torch.from_numpy(motion()[:frames])
    windows = fitted(96)
    codes = windows.encode(rows)
    assert codes.shape == (tokens(frames), 96)
    back = windows.decode(codes, frames)
    assert torch.allclose(back[:, list(COLUMNS)], rows[:, list(COLUMNS)], atol=0.02)
    assert (back[:, 67:259] == 0).all()


def test_more_components_keep_more():
    rows = torch.from_numpy(motion())
    apart = [(w.decode(w.encode(rows), len(rows)) - rows)[:, list(COLUMNS)].abs().mean() for w in (fitted(2), fitted(12))]
    assert apart[1] < 0.5 * apart[0]


def ready() -> Generator:
    torch.manual_seed(0)
    model = Generator(TINY).eval()
    model.windows.load_state_dict(fitted(12).state_dict())
    # The output begins at zero: give it something to say.
    torch.nn.init.normal_(model.out.weight, std=0.1)
    return model


def test_what_lies_beyond_a_length_has_no_effect():
    model, latents = ready(), torch.randn(2, 8)
    alone = model.mean(latents[:1], torch.tensor([40]))[0]
    beside = model.mean(latents, torch.tensor([40, 120]))[0]
    assert alone.shape == (40, features.WIDTH)
    assert torch.allclose(alone, beside, atol=1e-5)


def test_a_draw_repeats_from_its_seed_and_others_differ():
    model, latent = ready(), torch.randn(1, 8)
    one, same, other = (model.draw(latent, torch.tensor([60]), seed, steps=4)[0] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.allclose(one, other, atol=1e-3)


def test_a_decoder_comes_back_from_its_file(tmp_path: Path):
    model = ready()
    weights.save_decoder(tmp_path / "decoder.safetensors", model, "abc")
    back = weights.decoder(tmp_path / "decoder.safetensors", "abc")
    latent = torch.randn(1, 8)
    assert torch.allclose(back.mean(latent, torch.tensor([50]))[0], model.mean(latent, torch.tensor([50]))[0], atol=0.02)


def test_a_decoder_of_other_networks_is_refused(tmp_path: Path):
    weights.save_decoder(tmp_path / "decoder.safetensors", ready(), "abc")
    with pytest.raises(ModelProblem, match="other networks"):
        weights.decoder(tmp_path / "decoder.safetensors", "abd")


def test_a_missing_or_broken_decoder_is_named(tmp_path: Path):
    with pytest.raises(ModelProblem, match=r"models\.decoder"):
        weights.decoder(tmp_path / "decoder.safetensors", "abc")
    (tmp_path / "decoder.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelProblem, match="does not hold"):
        weights.decoder(tmp_path / "decoder.safetensors", "abc")


def test_an_unknown_setting_is_named():
    with pytest.raises(TMRError, match="stepz"):
        DecoderConfig.from_dict({"latent": 8, "stepz": 3})
