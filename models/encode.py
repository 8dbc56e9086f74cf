# SPDX-License-Identifier: GPL-3.0-or-later
"""Latents of many motions and texts with networks in training form."""

import random
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from models.data import wording
from models.ensemble import Ensemble
from models.text import TextStore

Array = NDArray[np.float32]
MOST_FRAMES = 2400
"""Two minutes: a longer span is encoded as the mean of equal parts."""
AT_LARGE = 400
"""Sentences about motion at large that the similarities of a motion are measured against."""


def padded(clips: Sequence[Array]) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips (n_i, 263) as one tensor (b, longest, 263) and their lengths (b,)."""
    lengths = torch.tensor([len(clip) for clip in clips])
    out = np.zeros((len(clips), int(lengths.max()), clips[0].shape[1]), np.float32)
    for i, clip in enumerate(clips):
        out[i, : len(clip)] = clip
    return torch.from_numpy(out), lengths


def motions(networks: Ensemble, clips: Sequence[Array], batch: int = 32) -> Array:
    """Unit latents (clips, d), the means of the distributions of all the networks. Clips of like length share a batch."""
    parts = [(i, part) for i, clip in enumerate(clips) for part in np.array_split(clip, -(-len(clip) // MOST_FRAMES))]
    parts.sort(key=lambda pair: len(pair[1]))
    total = np.zeros((len(clips), networks.width), np.float32)
    with torch.inference_mode():
        for at in range(0, len(parts), batch):
            chosen = parts[at : at + batch]
            latents = networks.motion(*padded([part for _, part in chosen]))
            for (i, _), latent in zip(chosen, latents.numpy(), strict=True):
                total[i] += latent
    return total / np.linalg.norm(total, axis=1, keepdims=True)


def texts(networks: Ensemble, store: TextStore, said: Sequence[str], batch: int = 256) -> Array:
    """Unit latents (texts, d); each unique text is encoded once, so that equal texts tie exactly."""
    store.add(said)
    unique = sorted(dict.fromkeys(said), key=lambda text: len(store.states[store.rows[text]]))
    rows = {text: i for i, text in enumerate(unique)}
    found = np.zeros((len(unique), networks.width), np.float32)
    with torch.inference_mode():
        for at in range(0, len(unique), batch):
            chosen = unique[at : at + batch]
            given = store.inputs(chosen, networks.reads_tokens)
            found[at : at + batch] = networks.text(*given).numpy()
    return found[[rows[text] for text in said]]


def at_large() -> list[str]:
    """Sentences about motion at large: always the same draw of our own captions."""
    ours = sorted({text for texts in wording.paraphrases().values() for text in texts})
    return random.Random(0).sample(ours, min(AT_LARGE, len(ours)))


def said(networks: Ensemble, store: TextStore) -> Callable[[Sequence[str]], Array]:
    """An encoder of texts the store holds to the unit vectors (texts, 384) that texts are compared with texts by."""

    def encoder(texts: Sequence[str]) -> Array:
        with torch.inference_mode():
            return networks.said(torch.from_numpy(store.sentence(texts))).numpy()

    return encoder
