# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts as the language model sees them: token states and sentence vectors, computed once and kept on disk."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models import minilm


def encode(texts: Sequence[str], batch: int = 128) -> tuple[list[NDArray[np.float16]], NDArray[np.float32]]:
    """Token states, one (tokens, 384) array per text, and unit sentence vectors (texts, 384).

    Texts of like length share a batch, so that hardly anything is padding.
    """
    model, tokens = minilm.load(), minilm.tokenizer()
    ids = [encoding.ids for encoding in tokens.encode_batch(list(texts))]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    states: list[NDArray[np.float16]] = [np.zeros((0, minilm.WIDTH), np.float16)] * len(ids)
    sentences = np.zeros((len(ids), minilm.WIDTH), np.float32)
    for at in range(0, len(order), batch):
        chosen = order[at : at + batch]
        longest = max(len(ids[i]) for i in chosen)
        padded = torch.tensor([ids[i] + [0] * (longest - len(ids[i])) for i in chosen])
        mask = torch.tensor([[1] * len(ids[i]) + [0] * (longest - len(ids[i])) for i in chosen])
        with torch.inference_mode():
            hidden = model(padded, mask)
            sentences[chosen] = minilm.pool(hidden, mask).numpy()
        for row, i in enumerate(chosen):
            states[i] = hidden[row, : len(ids[i])].half().numpy()
    return states, sentences


@dataclass
class TextStore:
    """Features of every text seen so far, in memory and, after `save`, in one file on disk."""

    path: Path | None = None
    rows: dict[str, int] = field(default_factory=dict)
    states: list[NDArray[np.float16]] = field(default_factory=list)
    sentences: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, minilm.WIDTH), np.float32))

    @classmethod
    def open(cls, path: Path) -> "TextStore":
        """The store kept at `path` (an .npz), empty if there is none yet."""
        if not path.is_file():
            return cls(path)
        with np.load(path, allow_pickle=False) as kept:
            texts, lengths = kept["texts"].tolist(), kept["lengths"]
            states = np.split(kept["states"], np.cumsum(lengths)[:-1])
            return cls(path, {text: i for i, text in enumerate(texts)}, list(states), kept["sentences"])

    def add(self, texts: Iterable[str]) -> None:
        """Encodes the texts that are new and saves the store."""
        new = [text for text in dict.fromkeys(texts) if text not in self.rows]
        if not new:
            return
        states, sentences = encode(new)
        self.rows.update({text: len(self.states) + i for i, text in enumerate(new)})
        self.states.extend(states)
        self.sentences = np.concatenate([self.sentences, sentences])
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lengths = np.array([len(state) for state in self.states])
            # Written beside and moved into place: another process may be reading.
            fresh = self.path.with_name(f"{self.path.stem}.{os.getpid()}.npz")
            np.savez(
                fresh,
                texts=np.array(list(self.rows)),
                lengths=lengths,
                states=np.concatenate(self.states),
                sentences=self.sentences,
            )
            fresh.replace(self.path)

    def sentence(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit sentence vectors (texts, 384)."""
        return self.sentences[[self.rows[text] for text in texts]]

    def tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Padded token states (texts, longest, 384) float32 and their mask (texts, longest) int64."""
        chosen = [self.states[self.rows[text]] for text in texts]
        longest = max(len(state) for state in chosen)
        padded = np.zeros((len(chosen), longest, minilm.WIDTH), np.float32)
        mask = np.zeros((len(chosen), longest), np.int64)
        for i, state in enumerate(chosen):
            padded[i, : len(state)] = state
            mask[i, : len(state)] = 1
        return torch.from_numpy(padded), torch.from_numpy(mask)

    def inputs(self, texts: Sequence[str], tokens: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What a text encoder takes: states, mask, sentences; with `tokens` false one empty state stands for all of them."""
        sentences = torch.from_numpy(self.sentence(texts))
        if tokens:
            return (*self.tokens(texts), sentences)
        return torch.zeros(len(texts), 1, minilm.WIDTH), torch.ones(len(texts), 1, dtype=torch.int64), sentences
