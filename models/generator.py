# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoder that text to motion is made with: a latent of the search and a length to a motion.

It is trained on its own, after the encoders and with them frozen (`models.decoder`). The decoder of TMR and TEMOS gives one
answer per latent, and the best single answer is the mean of all motions that the latent may stand for: with latents made
for search, which hardly say which foot leads when, that is a still pose that glides. This one draws from those motions
instead: flow matching (Lipman et al., ICLR 2023) from Gaussian noise to the motion, as seen in overlapping windows on
their principal components, with classifier-free guidance (Ho and Salimans 2022). Its first step from pure noise is an
estimate of the mean of all motions given the latent, so the answer of the published decoder is in it, too.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.architecture import Block, sinusoids
from tmr_blender.errors import TMRError
from tmr_blender.motion.features import FPS
from tmr_blender.motion.features import WIDTH as FEATURES

COLUMNS = (*range(67), *range(259, 263))
"""Features that are decoded: what `features.recover` reads, and the contacts. The others follow from the joints."""
SAY = (*(3.0 for _ in range(4)), *(1.0 for _ in range(63)), *(0.7 for _ in range(4)))
"""Weight of those in the components: errors of the root's steps add up along the path."""
HOP = 8
"""Frames from one window to the next; windows are two hops long and fade into each other."""
STEPS, GUIDANCE = 32, 2.5
"""Of a draw: steps from noise to motion, and how far beyond the estimate without the latent each goes."""
TIGHTEST = 8.0
"""Standard deviations at which features are cut."""


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the decoder and how it is trained and drawn from."""

    latent: int
    """Numbers in the latents that it reads: those of the joined encoders."""
    components: int = 96
    """Numbers per window; 96 keep 98.5 % of the variance, 2 cm of a joint's place on held-out takes."""
    width: int = 192
    heads: int = 3
    feedforward: int = 768
    layers: int = 5
    dropout: float = 0.1
    longest: int = 200
    """Frames of a clip trained on: ten seconds, as published."""
    steps: int = 6000
    batch: int = 64
    spoken: float = 0.5
    """Share of clips decoded from the latent of a text instead of their motion's."""
    silent: float = 0.1
    """Share of clips decoded from no latent, for guidance."""
    rate: float = 1e-3
    """Peak learning rate: linear warm-up over a twentieth of the steps, then a cosine to a fiftieth."""
    decay: float = 0.02
    average: float = 0.998
    """Decay per step of the running average of the weights, which is what is kept."""
    noise: float = 0.2
    """Length of a random vector that is added to the unit latents."""
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


class Windows(nn.Module):
    """Features to windows on principal components and back; nothing in it is learned by gradient."""

    mean: Tensor
    scale: Tensor
    middle: Tensor
    basis: Tensor
    spread: Tensor
    columns: Tensor

    def __init__(self, components: int) -> None:
        super().__init__()
        count = len(COLUMNS)
        # As attributes: TorchScript, which the extension runs, sees no globals.
        self.hop, self.features = HOP, FEATURES
        self.register_buffer("columns", torch.tensor(COLUMNS), persistent=False)
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("scale", torch.ones(count))
        self.register_buffer("middle", torch.zeros(2 * HOP * count))
        self.register_buffer("basis", torch.zeros(2 * HOP * count, components))
        self.register_buffer("spread", torch.ones(components))

    def fit(self, mean: Tensor, std: Tensor, motions: list[np.ndarray]) -> None:
        """Statistics (263,) of the features, and components of motions (n_i, 263)."""
        self.mean.copy_(mean[list(COLUMNS)])
        self.scale.copy_(std[list(COLUMNS)].clamp(min=1e-4) / torch.tensor(SAY))
        count, total, square = 0, torch.zeros(len(self.middle)).double(), torch.zeros(2 * [len(self.middle)]).double()
        for motion in motions:
            seen = self._seen(torch.from_numpy(motion)).double()
            count, total, square = count + len(seen), total + seen.sum(dim=0), square + seen.T @ seen
        middle = total / count
        values, vectors = torch.linalg.eigh(square / count - middle[:, None] * middle[None])
        kept = self.basis.shape[1]
        self.middle.copy_(middle)
        self.basis.copy_(vectors.flip(1)[:, :kept])
        # Between the components' own spread and an equal one: what moves most should settle first, but not alone.
        root = values.flip(0)[:kept].clamp(min=1e-6) ** 0.25
        self.spread.copy_(root * (root**2).mean().sqrt())

    def _seen(self, rows: Tensor) -> Tensor:
        """Windows (tokens, 2 HOP * columns) of raw features (n, 263); the ends are held beyond themselves."""
        x = ((rows[:, list(COLUMNS)] - self.mean) / self.scale).clamp(-3.0 * TIGHTEST, 3.0 * TIGHTEST)
        count = tokens(len(rows))
        after = count * HOP - len(rows)
        x = torch.cat([x[:1].expand(HOP, -1), x, x[-1:].expand(after, -1)])
        return torch.stack([x[i * HOP : (i + 2) * HOP] for i in range(count)]).flatten(1)

    def encode(self, rows: Tensor) -> Tensor:
        """(tokens, components) of raw features (n, 263)."""
        return (self._seen(rows) - self.middle) @ self.basis / self.spread

    @torch.jit.export
    def decode(self, windows: Tensor, frames: int) -> Tensor:
        """Raw features (frames, 263) of (tokens, components); the columns that are not decoded are zero."""
        count, hop = windows.shape[0], self.hop
        seen = ((windows * self.spread) @ self.basis.T + self.middle).reshape(count, 2 * hop, len(self.columns))
        fade = 0.5 - 0.5 * torch.cos(math.pi * (torch.arange(2 * hop) + 0.5) / hop)
        total = torch.zeros((count + 1) * hop, len(self.columns))
        for i in range(count):
            total[i * hop : (i + 2) * hop] += seen[i] * fade[:, None]
        out = torch.zeros(frames, self.features)
        out[:, self.columns] = total[hop : hop + frames] * self.scale + self.mean
        return out


def mixing(moment: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of what is given and of what is learned in an estimate, from noise (0) to motion (1).

    With these what is to be learned has unit variance at every moment (the preconditioning of Karras et al., NeurIPS 2022,
    for straight paths).
    """
    power = moment**2 + (1.0 - moment) ** 2
    return moment / power, (1.0 - moment) / power.sqrt()


def tokens(frames: int) -> int:
    """Windows that cover so many frames."""
    return -(-frames // HOP) + 1


class Generator(nn.Module):
    """Unit latents and lengths to motions."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        # As attributes: TorchScript, which the extension runs, sees neither the config nor globals.
        self.width, self.latent, self.hop, self.fps = config.width, config.latent, HOP, FPS
        self.windows = Windows(config.components)
        self.project = nn.Linear(config.components, width)
        self.read = nn.Sequential(nn.Linear(config.latent, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.silence = nn.Parameter(torch.zeros(width))
        self.moment = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.passed = nn.Linear(3, width)
        self.memory = nn.ModuleList(nn.Linear(width, width) for _ in range(config.layers))
        self.layers = nn.ModuleList(
            Block(width, config.heads, config.feedforward, config.dropout) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, config.components)
        # Begins at the mean motion.
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, mixed: Tensor, moment: Tensor, latent: Tensor, spoken: Tensor, frames: Tensor) -> Tensor:
        """Estimates of the motions' windows (b, n, components).

        mixed: (b, n, components), noise by 1 - `moment` and motion by `moment` (b,), 0 to 1. latent: (b, d), which counts
        where `spoken` (b,) bool. frames: (b,) lengths; what lies beyond one has no effect on what lies within.
        """
        at = torch.arange(mixed.shape[1])[None] * self.hop
        share = (at / frames[:, None]).clamp(max=1.0)
        seconds = torch.log(frames / self.fps + 0.1)[:, None].expand_as(share)
        # Unit latents have entries near 1/sqrt(d).
        said = self.read(F.normalize(latent, dim=-1) * self.latent**0.5)
        said = torch.where(spoken[:, None], said, self.silence.to(said.dtype))
        rates = torch.exp(torch.arange(self.width // 2) * (-math.log(1000.0) / (self.width // 2)))
        angle = moment[:, None] * 1000.0 * rates
        said = F.gelu(said + self.moment(torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1)))[:, None]
        x = self.project(mixed) + self.passed(torch.stack([share, 1.0 - share, seconds], dim=-1))
        x = x + sinusoids(mixed.shape[1], self.width, mixed)
        visible = (at < frames[:, None] + self.hop)[:, None, None, :]
        for memory, layer in zip(self.memory, self.layers):  # noqa: B905 (TorchScript knows no `strict`)
            x = layer(x + memory(said), visible)
        keep, change = mixing(moment[:, None, None])
        return keep * mixed + change * self.out(self.norm(x))

    @torch.inference_mode()
    def mean(self, latent: Tensor, frames: Tensor) -> list[Tensor]:
        """Features (n_i, 263) of the mean motion that latents (b, d) stand for: what a plain decoder is trained to give."""
        count, b = tokens(int(frames.max())), len(latent)
        nothing = torch.zeros(b, count, self.config.components)
        made = self(nothing, torch.zeros(b), latent, torch.ones(b, dtype=torch.bool), frames)
        return [self.windows.decode(row[: tokens(n)], n) for row, n in zip(made, frames.tolist(), strict=True)]

    @torch.inference_mode()
    def draw(self, latent: Tensor, frames: Tensor, seed: int, guidance: float = GUIDANCE, steps: int = STEPS) -> list[Tensor]:
        """Features (n_i, 263) of motions that latents (b, d) may stand for; each row is a draw of its own.

        guidance: how far beyond the estimate without the latent; 1 draws as trained, more is surer and less varied.
        """
        b, random = len(latent), torch.Generator().manual_seed(seed)
        x = torch.randn(b, tokens(int(frames.max())), self.config.components, generator=random)
        both = torch.cat([torch.ones(b), torch.zeros(b)]).bool()
        times = torch.linspace(0.0, 1.0, steps + 1)
        for now, then in pairwise(times):
            with_it, without = self(
                torch.cat([x, x]), now.expand(2 * b), torch.cat([latent, latent]), both, torch.cat([frames, frames])
            ).chunk(2)
            goal = without + guidance * (with_it - without)
            x = x + (goal - x) * ((then - now) / (1.0 - now))
        return [self.windows.decode(row[: tokens(n)], n) for row, n in zip(x, frames.tolist(), strict=True)]
