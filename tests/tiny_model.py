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
    """ids (b, l), mask (b, l) -> latent (b, width), sentence (b, 384)."""

    def __init__(self, turn: Tensor, seed: int) -> None:
        super().__init__()
        count = 1 + len(WORDS) + len(OTHERS)
        meaning = torch.full((count, 3), 0.01)
        meaning[1:4] += torch.eye(3)
        self.meaning = nn.Embedding.from_pretrained(meaning)
        self.word = nn.Embedding.from_pretrained(torch.randn(count, 384, generator=torch.Generator().manual_seed(seed)))
        self.turn = nn.Parameter(turn)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        weight = mask.unsqueeze(-1).to(torch.float32)
        return (self.meaning(ids) * weight).sum(1) @ self.turn, (self.word(ids) * weight).sum(1)


class Motion(nn.Module):
    """features (b, t, 263), lengths (b,) -> (b, width): travel, rise and fall, rest, turned."""

    def __init__(self, turn: Tensor) -> None:
        super().__init__()
        self.turn = nn.Parameter(turn)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        weight = (torch.arange(features.shape[1]).unsqueeze(0) < lengths.unsqueeze(1)).to(torch.float32)
        count = weight.sum(1)
        travel = (features[:, :, 1:3].pow(2).sum(-1).sqrt() * weight).sum(1) / count * 20.0
        height = features[:, :, 3]
        mean = (height * weight).sum(1) / count
        rise = (((height - mean.unsqueeze(1)) * weight).pow(2).sum(1) / count).sqrt() * 10.0
        return torch.stack([travel, rise, torch.full_like(travel, 0.2)], 1) @ self.turn


def make(folder: Path, model_id: str = ID, width: int = 3, seed: int = 0, max_frames: int = 200) -> Path:
    """Write the five files of a model into `folder` and return it.

    width, seed, max_frames: of a model whose vectors differ from the first one's: longer, turned, of shorter motions.
    """
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
    # Rows at right angles keep all cosines; the first model's are the axes themselves.
    random = torch.randn(width, width, generator=torch.Generator().manual_seed(seed))
    turn = torch.linalg.qr(random)[0][:3] if seed else torch.eye(3, width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Text(turn, seed).eval()).save(str(folder / "text_encoder.ts"))
        torch.jit.script(Motion(turn).eval()).save(str(folder / "motion_encoder.ts"))
    np.save(folder / "background.npy", ((np.eye(3) + 0.01) @ turn.numpy()).astype(np.float16))  # each of the words by itself
    card = {"id": model_id, "max_tokens": 32, "max_frames": max_frames}
    (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
    return folder
