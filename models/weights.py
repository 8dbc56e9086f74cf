# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights on disk: safetensors with the config of the run in the header, halved in precision where it costs nothing."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.architecture import TMR
from models.config import Config
from tmr_blender.errors import ModelProblem

FOLDER = Path(__file__).parent / "weights"


def save(path: Path, state: dict[str, Tensor], config: Config, half: bool = False) -> None:
    """Writes a state; with `half`, float tensors but the statistics are kept in 16 bits."""
    kept = {}
    for name, value in state.items():
        small = half and value.is_floating_point() and not name.endswith((".mean", ".scale"))
        kept[name] = (value.half() if small else value).contiguous()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(kept, path, {"config": json.dumps(config.to_dict())})


def load(path: Path) -> tuple[TMR, Config]:
    """Networks in evaluation mode and their config. Raises ModelProblem for a file that is missing or something else."""
    if not path.is_file():
        raise ModelProblem(
            f"The weights {path} are missing: train them with `python -m models.train --config tmr --data FOLDER`."
        )
    try:
        with safe_open(path, framework="pt") as file:
            config = Config.from_dict(json.loads((file.metadata() or {})["config"]))
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        model = TMR(config.shape)
        model.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in state.items()})
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ModelProblem(f"{path} does not hold weights of these networks: {error}") from error
    return model.eval().requires_grad_(False), config


def shipped(folder: Path = FOLDER) -> list[TMR]:
    """The networks whose latents are searched together, in the order of their files."""
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise ModelProblem(f"{folder} holds no weights (*.safetensors): train them with `python -m models.train`.")
    return [load(path)[0] for path in paths]


def joined(latents: Sequence[Tensor]) -> Tensor:
    """Unit latents (b, d) of several networks as one unit latent: its cosines are the mean of theirs."""
    return torch.cat(list(latents), dim=-1) * (1.0 / len(latents)) ** 0.5
