# SPDX-License-Identifier: GPL-3.0-or-later
"""What an interrupted training goes on from."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from models import running


def trained(seed: int, steps: int) -> tuple[nn.Linear, nn.Linear, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model, average = nn.Linear(3, 2), nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(steps):
        advance(model, optimizer)
    return model, average, optimizer


def advance(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.ones(4, 3)).square().sum().backward()
    optimizer.step()


def test_training_goes_on_as_if_it_had_not_stopped(tmp_path: Path):
    one, two = trained(1, 3), trained(2, 0)
    save_file(running.packed(*one), tmp_path / "state.safetensors")
    running.unpack(load_file(tmp_path / "state.safetensors"), *two)
    for model, _, optimizer in (one, two):
        advance(model, optimizer)
    assert torch.equal(one[0].weight, two[0].weight)
    assert torch.equal(one[1].weight, two[1].weight)


def test_the_average_follows_quickly_at_first():
    for step, decay, expected in ((0, 0.9, 1.0), (10, 0.9, 0.5), (10_000, 0.9, 0.1)):
        average, model = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        nn.init.zeros_(average.weight)
        nn.init.ones_(model.weight)
        running.follow(average, model, decay, step)
        assert abs(float(average.weight) - expected) < 1e-6
