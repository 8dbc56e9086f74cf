# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoder that text to motion is made with: a latent of the search and a length to motion features.

It is trained on its own, after the encoders and with them frozen (`models.decoder`), because the one that is trained jointly
serves the encoders and sees few clips. Like that one it is the decoder of TMR and TEMOS (Petrovich et al., ECCV 2022) in
which attention to a memory of one token is written as the linear map that it is; here every token also knows which share
of the whole has passed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.architecture import Block, sinusoids
from tmr_blender.errors import TMRError
from tmr_blender.motion.features import FPS
from tmr_blender.motion.features import WIDTH as FEATURES


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the decoder and how it is trained."""

    latent: int
    """Numbers in the latents that it reads: those of the joined encoders."""
    width: int = 192
    heads: int = 3
    feedforward: int = 768
    layers: int = 4
    patch: int = 10
    """Frames that come out of one token."""
    dropout: float = 0.1
    longest: int = 200
    """Frames of a clip trained on: ten seconds, as published."""
    steps: int = 4000
    batch: int = 32
    """Clips a step."""
    spoken: float = 0.5
    """Share of clips that are decoded from the latent of a text, not of their motion."""
    rate: float = 1e-3
    """Peak learning rate: linear warm-up over a twentieth of the steps, then a cosine to a fiftieth."""
    decay: float = 0.02
    average: float = 0.995
    """Decay per step of the running average of the weights, which is what is kept."""
    noise: float = 0.2
    """Length of a random vector that is added to the unit latents."""
    velocity: float = 0.5
    """Weight of the term on how heights and positions change from frame to frame, against that on the features."""
    shift: int = 12
    """Frames by which the truth may be moved in time to meet what was decoded; see `models.decoder.loss`."""
    seed: int = 1234

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The config of a JSON object; an unknown key raises TMRError naming it."""
        try:
            return cls(**data)
        except TypeError as error:
            raise TMRError(f"The decoder's config can't be used: {error}.") from error

    def to_dict(self) -> dict[str, Any]:
        """The JSON object with every default filled in."""
        return asdict(self)


class Generator(nn.Module):
    """Unit latents and lengths to features; the statistics that undo the normalisation are part of it."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(FEATURES))
        self.read = nn.Sequential(nn.Linear(config.latent, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.passed = nn.Linear(3, width)
        self.memory = nn.ModuleList(nn.Linear(width, width) for _ in range(config.layers))
        self.layers = nn.ModuleList(
            Block(width, config.heads, config.feedforward, config.dropout) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.frames = nn.Linear(width, config.patch * FEATURES)
        # Begins near the mean pose, not far from it in every frame.
        nn.init.normal_(self.frames.weight, std=0.1 / width**0.5)
        nn.init.zeros_(self.frames.bias)

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Mean and standard deviation (263,) of the features over the training takes; a column that never moves gets 0."""
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(std > 1e-4, std, torch.zeros_like(std)))

    def normalised(self, features: Tensor) -> Tensor:
        """What `forward` should give for raw features (..., 263)."""
        inverse = torch.where(self.scale > 0.0, 1.0 / self.scale.clamp(min=1e-4), torch.zeros_like(self.scale))
        return ((features - self.mean) * inverse).clamp(-8.0, 8.0)

    def forward(self, latent: Tensor, lengths: Tensor, frames: int) -> Tensor:
        """`latent` (b, d), `lengths` (b,) int64 frames, to (b, frames, 263), normalised; nothing beyond a length counts."""
        patch, tokens = self.config.patch, -(-frames // self.config.patch)
        at = torch.arange(tokens, device=latent.device)[None] * patch
        share = (at / lengths[:, None]).clamp(max=1.0)
        seconds = torch.log(lengths / FPS + 0.1)[:, None].expand_as(share)
        # Unit latents have entries near 1/sqrt(d).
        said = F.gelu(self.read(F.normalize(latent, dim=-1) * self.config.latent**0.5))[:, None]
        x = sinusoids(tokens, self.config.width, latent) + self.passed(torch.stack([share, 1.0 - share, seconds], dim=-1))
        visible = (at < lengths[:, None])[:, None, None, :]
        for memory, layer in zip(self.memory, self.layers, strict=True):
            x = layer(x + memory(said), visible)
        return self.frames(self.norm(x)).reshape(len(latent), tokens * patch, FEATURES)[:, :frames]

    @torch.inference_mode()
    def features(self, latent: Tensor, lengths: Tensor) -> list[Tensor]:
        """Raw features, (n_i, 263) each, of latents (b, d) and lengths (b,)."""
        made = self(latent, lengths, int(lengths.max())) * self.scale + self.mean
        return [rows[:count] for rows, count in zip(made, lengths.tolist(), strict=True)]
