# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss terms of TMR, TEMOS and Guo et al., each over a batch of pairs."""

import torch
import torch.nn.functional as F
from torch import Tensor

Gaussian = tuple[Tensor, Tensor]
"""mu and logvar, (b, d) each."""


def kl(a: Gaussian, b: Gaussian | None = None) -> Tensor:
    """Mean over batch and dimensions of KL(a || b); b is the standard normal if None."""
    mu_a, log_a = a
    mu_b, log_b = b if b is not None else (torch.zeros_like(mu_a), torch.zeros_like(log_a))
    return 0.5 * (log_b - log_a + (torch.exp(log_a) + (mu_a - mu_b) ** 2) * torch.exp(-log_b) - 1.0).mean()


def kl_terms(text: Gaussian, motion: Gaussian) -> Tensor:
    """The four KL terms of TEMOS: each distribution to the other and both to the standard normal."""
    return kl(text, motion) + kl(motion, text) + kl(text) + kl(motion)


def reconstruction(made: Tensor, real: Tensor, lengths: Tensor) -> Tensor:
    """Smooth L1 between normalised features (b, t, 263), averaged over the frames inside `lengths`.

    The published code also averages over padding, where both sides are zero; here padding has no say, so that the weight of
    the term doesn't depend on how batches are formed.
    """
    inside = (torch.arange(real.shape[1], device=real.device)[None] < lengths[:, None])[:, :, None].to(real.dtype)
    total = F.smooth_l1_loss(made * inside, real * inside, reduction="sum")
    return total / (inside.sum() * real.shape[2]).clamp(min=1.0)


def latent_distance(text: Tensor, motion: Tensor) -> Tensor:
    """Smooth L1 between paired latents (b, d)."""
    return F.smooth_l1_loss(text, motion)


def info_nce(text: Tensor, motion: Tensor, temperature: float, alike: Tensor) -> Tensor:
    """Symmetric InfoNCE (van den Oord et al. 2018) over cosines of paired latents (b, d).

    `alike` (b, b) bool marks pairs that are no negatives, because their captions mean nearly the same (TMR, section
    3.3); its diagonal is ignored.
    """
    scores = F.normalize(text, dim=-1) @ F.normalize(motion, dim=-1).T / temperature
    keep = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    scores = scores.masked_fill(alike & ~keep, float("-inf"))
    target = torch.arange(len(scores), device=scores.device)
    return 0.5 * (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target))


def margin(text: Tensor, motion: Tensor, gap: float, alike: Tensor) -> Tensor:
    """Contrastive loss with a margin on distances (Hadsell et al. 2006), as in the retrieval model of Guo et al. 2022.

    Pairs are drawn together; every other pair of the batch that is not `alike` is pushed `gap` apart.
    """
    distance = torch.cdist(text, motion)
    same = torch.eye(len(distance), dtype=torch.bool, device=distance.device)
    apart = F.relu(gap - distance)[~same & ~alike]
    pulled = (distance.diagonal() ** 2).mean()
    return pulled + ((apart**2).mean() if apart.numel() else distance.new_zeros(()))
