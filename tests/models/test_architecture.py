# SPDX-License-Identifier: GPL-3.0-or-later
"""What the networks promise about shapes, padding and paths."""

import math

import numpy as np
import pytest
import torch

from models.architecture import PATH_COLUMNS, TMR, Shape, path_features, read_columns
from tests.models.conftest import performance
from tmr_blender.motion import features

SMALL = Shape(latent=16, width=32, heads=2, feedforward=64, motion_layers=2, text_layers=1, decoder_layers=1)


@pytest.fixture
def model() -> TMR:
    torch.manual_seed(0)
    return TMR(SMALL).eval()


def test_motion_latents_do_not_depend_on_padding(model: TMR):
    clip = torch.randn(1, 37, 263)
    alone, _ = model.motion(clip, torch.tensor([37]))
    padded = torch.cat([torch.cat([clip, torch.full((1, 30, 263), 9.0)], dim=1), torch.randn(1, 67, 263)])
    together, _ = model.motion(padded, torch.tensor([37, 67]))
    assert torch.allclose(alone[0], together[0], atol=1e-5)


def test_one_frame_is_a_motion(model: TMR):
    mu, logvar = model.motion(torch.randn(1, 1, 263), torch.tensor([1]))
    assert mu.shape == logvar.shape == (1, 16)
    assert torch.isfinite(mu).all()


@pytest.mark.parametrize("text_input", ["tokens", "sentence", "tokens+sentence"])
def test_text_latents_do_not_depend_on_padding(text_input: str):
    torch.manual_seed(0)
    text = TMR(Shape(**{**vars(SMALL), "text_input": text_input})).text.eval()
    states, sentence = torch.randn(1, 5, 384), torch.randn(1, 384)
    alone, _ = text(states, torch.ones(1, 5, dtype=torch.int64), sentence)
    mask = torch.tensor([[1] * 5 + [0] * 3])
    padded, _ = text(torch.cat([states, torch.randn(1, 3, 384)], dim=1), mask, sentence)
    assert torch.allclose(alone, padded, atol=1e-5)


def test_decoder_is_silent_beyond_the_length(model: TMR):
    assert model.decoder is not None
    made = model.decoder(torch.randn(2, 16), torch.tensor([5, 20]), 20)
    assert made.shape == (2, 20, 263)
    assert made[0, 5:].abs().max() == 0
    assert made[1, 19].abs().max() > 0


def test_columns_leave_out_joints_that_are_not_measured():
    columns = read_columns()
    assert len(columns) == len(set(columns)) == 4 + 16 * 3 + 17 * 3 + 4
    assert not any(67 <= column < 193 for column in columns)


def test_statistics_ignore_columns_that_never_move(model: TMR):
    std = torch.full((263,), 2.0)
    std[7] = 0.0
    model.set_statistics(torch.ones(263), std)
    assert model.motion.scale[7] == 0.0
    assert model.motion.scale[8] == 0.5


def test_path_is_where_the_motion_goes():
    # The path that the encoder sees is the one that the features recover to.
    from tmr_blender.motion.humanoid import from_cmu20

    joints = from_cmu20(performance("walk", 4.0, 1))
    angle = np.linspace(0.0, 1.5, len(joints))
    turn = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], axis=-1).reshape(-1, 2, 2)
    joints[..., [0, 2]] = np.einsum("tij,tkj->tki", turn, joints[..., [0, 2]])
    rows = features.extract(joints, 12.0)
    path = path_features(torch.from_numpy(rows)[None], torch.tensor([len(rows)]))[0].numpy()
    assert path.shape == (len(rows), PATH_COLUMNS)
    root = features.recover(rows)[:, 0]
    # Steps lead to the next frame, so the sum at a frame is where the next one is.
    assert np.sinh(path[:-1, 3]) * 2.0 == pytest.approx(root[1:, 0], abs=2e-3)
    assert np.sinh(path[:-1, 4]) * 2.0 == pytest.approx(root[1:, 2], abs=2e-3)
    assert np.sinh(path[-1, 2]) * math.pi == pytest.approx(2.0 * float(rows[:, 0].sum()), abs=1e-3)
