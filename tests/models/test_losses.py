# SPDX-License-Identifier: GPL-3.0-or-later
"""Each loss term where its value is known."""

import math

import pytest
import torch

from models import losses


def test_kl_of_known_gaussians():
    standard = (torch.zeros(4, 3), torch.zeros(4, 3))
    moved = (torch.full((4, 3), 2.0), torch.zeros(4, 3))
    wide = (torch.zeros(4, 3), torch.full((4, 3), math.log(4.0)))
    assert losses.kl(standard) == 0.0
    assert losses.kl(moved) == pytest.approx(2.0)
    assert losses.kl(wide) == pytest.approx(0.5 * (4 - 1 - math.log(4.0)))
    assert losses.kl(standard, wide) == pytest.approx(0.5 * (math.log(4.0) + 0.25 - 1), abs=1e-6)
    assert losses.kl_terms(moved, standard) == pytest.approx(6.0)


def test_info_nce_of_unrelated_pairs_is_the_logarithm_of_the_batch():
    text, motion = torch.eye(8)[:4], torch.eye(8)[4:]
    none = torch.zeros(4, 4, dtype=torch.bool)
    assert losses.info_nce(text, motion, 0.1, none) == pytest.approx(math.log(4))


def test_info_nce_does_not_push_captions_that_are_alike():
    latents = torch.eye(4)
    latents[1] = latents[0]
    alike = torch.zeros(4, 4, dtype=torch.bool)
    before = losses.info_nce(latents, latents, 0.1, alike)
    alike[0, 1] = alike[1, 0] = True
    after = losses.info_nce(latents, latents, 0.1, alike)
    assert before == pytest.approx(math.log(2) / 2, abs=1e-3)
    assert after < 1e-3


def test_margin_pulls_pairs_and_pushes_strangers():
    text = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    none = torch.zeros(2, 2, dtype=torch.bool)
    assert losses.margin(text, text, 3.0, none) == pytest.approx(4.0, abs=1e-4)
    assert losses.margin(text, text, 0.5, none) == pytest.approx(0.0, abs=1e-4)
    assert losses.margin(text, text + 2.0, 0.0, none) == pytest.approx(8.0)


def test_reconstruction_ignores_padding():
    real = torch.zeros(2, 4, 263)
    made = torch.zeros(2, 4, 263)
    made[0, 3] = 100.0
    assert losses.reconstruction(made, real, torch.tensor([3, 4])) == 0.0
    made[1, 0] = 2.0
    # One frame of the seven is off by 2, which smooth L1 counts as 1.5.
    assert losses.reconstruction(made, real, torch.tensor([3, 4])) == pytest.approx(1.5 / 7)
