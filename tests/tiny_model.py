# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of encoders with the signature of the trained ones, small enough to be built in a test.

It knows three words. Text and motion meet in three numbers: travel ("walks"), rise and fall ("jumps"), and
rest ("stands"). Sentence vectors are sums of fixed random vectors, one a word, so texts that share words are near.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

ID = "tiny-1"
WORDS = ("walks", "jumps", "stands")
OTHERS = ("a", "person", "happy", "sad", "cartwheel", "old", "man", "turns", "left", "right", "kick", "and", "then")


class Text(nn.Module):
    """ids (b, l), mask (b, l) -> latent (b, 3), sentence (b, 384)."""

    def __init__(self) -> None:
        super().__init__()
        count = 1 + len(WORDS) + len(OTHERS)
        meaning = torch.full((count, 3), 0.01)
        meaning[1:4] += torch.eye(3)
        self.meaning = nn.Embedding.from_pretrained(meaning)
        self.word = nn.Embedding.from_pretrained(torch.randn(count, 384, generator=torch.Generator().manual_seed(0)))

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        weight = mask.unsqueeze(-1).to(torch.float32)
        return (self.meaning(ids) * weight).sum(1), (self.word(ids) * weight).sum(1)


class Motion(nn.Module):
    """features (b, t, 263), lengths (b,) -> (b, 3): travel, rise and fall, rest."""

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        weight = (torch.arange(features.shape[1]).unsqueeze(0) < lengths.unsqueeze(1)).to(torch.float32)
        count = weight.sum(1)
        travel = (features[:, :, 1:3].pow(2).sum(-1).sqrt() * weight).sum(1) / count * 20.0
        height = features[:, :, 3]
        mean = (height * weight).sum(1) / count
        rise = (((height - mean.unsqueeze(1)) * weight).pow(2).sum(1) / count).sqrt() * 10.0
        return torch.stack([travel, rise, torch.full_like(travel, 0.2)], 1)


def make(folder: Path, model_id: str = ID) -> Path:
    """Write the five files of a model into `folder` and return it."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Whitespace

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: i for i, word in enumerate(("[UNK]", *WORDS, *OTHERS))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_padding(length=32)  # as sentence-transformers' file does; the encoder must not pay for it
    tokenizer.save(str(folder / "tokenizer.json"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Text().eval()).save(str(folder / "text_encoder.ts"))
        torch.jit.script(Motion().eval()).save(str(folder / "motion_encoder.ts"))
    np.save(folder / "background.npy", (np.eye(3) + 0.01).astype(np.float16))  # each of the words by itself
    (folder / "model.json").write_text(json.dumps({"id": model_id, "max_tokens": 32}), encoding="utf-8")
    return folder
