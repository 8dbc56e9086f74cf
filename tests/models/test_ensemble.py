# SPDX-License-Identifier: GPL-3.0-or-later
"""Several networks as one, and the matrix that makes their latents short."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models import compress, weights
from models.architecture import TMR, Shape
from models.config import Config
from models.ensemble import combined
from tmr_blender.errors import ModelProblem

SMALL = Shape(latent=8, width=16, heads=2, feedforward=32, motion_layers=1, text_layers=1, decoder_layers=0)


def test_a_joined_cosine_is_the_mean_of_the_networks_cosines():
    torch.manual_seed(0)
    one, two = torch.randn(5, 8), torch.randn(5, 6)
    joined = combined([one, two], torch.empty(0, 0))
    cosines = [torch.nn.functional.normalize(x, dim=1) @ torch.nn.functional.normalize(x, dim=1).T for x in (one, two)]
    assert torch.allclose(joined @ joined.T, (cosines[0] + cosines[1]) / 2, atol=1e-6)


def test_directions_keep_the_cosines_of_what_lies_in_few_dimensions():
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(20, 4)))[0]
    motions, texts = (rng.normal(size=(n, 4)) @ basis.T for n in (50, 30))
    motions, texts = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (motions, texts))
    matrix, kept = compress.directions(motions, texts, 4)
    assert kept == pytest.approx(1.0)
    assert (texts @ matrix) @ (motions @ matrix).T == pytest.approx(texts @ motions.T, abs=1e-9)
    assert compress.directions(motions, texts, 2)[1] < 0.95


def save_two(folder: Path) -> None:
    for seed in (1, 2):
        torch.manual_seed(seed)
        weights.save(folder / f"tmr_{seed}.safetensors", TMR(SMALL).state_dict(), Config("tmr", SMALL))


def test_a_folder_opens_with_its_matrix(tmp_path: Path):
    save_two(tmp_path)
    assert weights.opened(tmp_path).width == 16
    weights.save_projection(tmp_path, torch.linalg.qr(torch.randn(16, 5))[0])
    found = weights.opened(tmp_path)
    assert (len(found.models), found.width) == (2, 5)
    latents = found.motion(torch.randn(3, 20, 263), torch.tensor([20, 10, 1]))
    assert latents.shape == (3, 5)
    assert torch.linalg.norm(latents, dim=1) == pytest.approx(1.0, abs=1e-5)


def test_a_matrix_of_other_networks_is_refused(tmp_path: Path):
    save_two(tmp_path)
    weights.save_projection(tmp_path, torch.eye(8))
    with pytest.raises(ModelProblem, match=r"models\.compress"):
        weights.opened(tmp_path)
    (tmp_path / weights.PROJECTION).write_bytes(b"nothing")
    with pytest.raises(ModelProblem, match="does not hold a projection"):
        weights.opened(tmp_path)


@pytest.mark.parametrize("matrix", [torch.empty(0, 0), torch.eye(16)[:, :4]])
def test_torchscript_runs_the_same_join(matrix: torch.Tensor):
    latents = [torch.randn(3, 8), torch.randn(3, 8)]
    assert torch.equal(torch.jit.script(combined)(latents, matrix), combined(latents, matrix))
