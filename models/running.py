# SPDX-License-Identifier: GPL-3.0-or-later
"""What an interrupted training goes on from, as named tensors: a network, its running average, and its optimiser's state."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def packed(model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Everything by name, contiguous, for one safetensors file."""
    tensors = {f"average.{k}": v for k, v in average.state_dict().items()}
    tensors |= {f"model.{k}": v for k, v in model.state_dict().items()}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{key}": value for key, value in state.items()}
    return {k: v.contiguous() for k, v in tensors.items()}


def unpack(tensors: Mapping[str, Tensor], model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Puts what `packed` gave back into a network, average and optimiser of the same shapes."""

    def part(prefix: str) -> dict[str, Tensor]:
        return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}

    average.load_state_dict(part("average."))
    model.load_state_dict(part("model."))
    whole = optimizer.state_dict()
    whole["state"] = {}
    for key, value in part("optimizer.").items():
        index, name = key.split(".", 1)
        whole["state"].setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(whole)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Moves a running average of the weights towards the network, faster in the first steps."""
    share = min(decay, step / (step + 10.0))
    for mean, now in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(now, 1.0 - share)
