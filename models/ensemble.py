# SPDX-License-Identifier: GPL-3.0-or-later
"""Several networks searched as one.

Their unit latents are set side by side, so that a cosine of the whole is the mean of the networks' cosines, and then brought
to fewer numbers by a matrix that keeps those cosines (see `models.compress`): an index grows with what is stored per window.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from models.architecture import TMR, Words


def combined(latents: list[Tensor], matrix: Tensor) -> Tensor:
    """Latents (b, d_i) of several networks as one unit latent (b, k); `matrix` (sum of d_i, k), or empty to keep all.

    Plain enough for TorchScript, which runs this very function in the exported encoders.
    """
    units = [F.normalize(latent, dim=-1) for latent in latents]
    joined = torch.cat(units, dim=-1)
    if matrix.numel() > 0:
        joined = joined @ matrix
    return F.normalize(joined, dim=-1)


@dataclass(frozen=True)
class Ensemble:
    """Networks in evaluation mode and the matrix that joins their latents."""

    models: Sequence[TMR]
    matrix: Tensor = field(default_factory=lambda: torch.empty(0, 0))
    words: Words | None = None
    """Brings sentence vectors nearer where they speak of the same motion; without it they stay as they are."""

    @property
    def width(self) -> int:
        """Numbers in a latent."""
        return self.matrix.shape[1] if self.matrix.numel() else sum(model.shape.latent for model in self.models)

    @property
    def reads_tokens(self) -> bool:
        """Whether any text encoder needs the token states."""
        return any(model.text.reads_tokens for model in self.models)

    def motion(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Unit latents (b, width) of raw features (b, t, 263)."""
        return combined([model.motion(features, lengths)[0] for model in self.models], self.matrix)

    def text(self, states: Tensor, mask: Tensor, sentence: Tensor) -> Tensor:
        """Unit latents (b, width) of what the frozen language model says of texts."""
        return combined([model.text(states, mask, sentence)[0] for model in self.models], self.matrix)

    def said(self, sentence: Tensor) -> Tensor:
        """Unit sentence vectors (b, 384) as texts are compared with texts, (b, 384)."""
        return sentence if self.words is None else self.words(sentence)

    def draw(self, states: Tensor, mask: Tensor, sentence: Tensor, random: torch.Generator) -> Tensor:
        """As `text`, of a draw from each network's distribution instead of its mean."""
        drawn = []
        for model in self.models:
            mu, logvar = model.text(states, mask, sentence)
            drawn.append(mu + torch.randn(mu.shape, generator=random) * torch.exp(0.5 * logvar))
        return combined(drawn, self.matrix)
