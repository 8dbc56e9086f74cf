# SPDX-License-Identifier: GPL-3.0-or-later
"""What the decoder of text to motion trains on, computed once: windows of motions, and latents of motions and texts."""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from models import encode, train
from models.data import clips, kinematics, wording
from models.data.takes import DataSet
from models.ensemble import Ensemble
from models.generator import DecoderConfig, Windows, tokens
from models.text import TextStore
from tmr_blender.errors import TMRError

SHORTEST = 30
"""Frames: shorter spans are left out, unless a take is no longer."""
TEXTS = 6
"""Most texts of a kind that are drawn from, per clip."""
SAMPLED = 2000
"""Pieces that the principal components are computed from."""
FILE = "bank.safetensors"

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Piece:
    """A span of a take, perhaps mirrored, and the rows of the texts that are true of it."""

    take: str
    first: int
    last: int
    mirrored: bool
    texts: tuple[int, ...]


@dataclass(frozen=True)
class Bank:
    """Pieces by number: their frames, windows (tokens, components), unit latents (pieces, d), and the rows of their texts.

    texts: unit latents (texts, d). codec: the state of the `Windows` that the windows were made with.
    """

    frames: list[int]
    windows: list[Tensor]
    motions: Tensor
    texts: Tensor
    said: list[list[int]]
    codec: dict[str, Tensor]

    def save(self, folder: Path, config: DecoderConfig, task: str) -> None:
        """Keeps the bank for a run that goes on later; windows and latents in 16 bits."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            "frames": torch.tensor(self.frames),
            "windows": torch.cat(self.windows).half(),
            "motions": self.motions.half(),
            "texts": self.texts.half(),
            "counts": torch.tensor([len(said) for said in self.said]),
            "said": torch.tensor([row for said in self.said for row in said]),
            **{f"codec.{name}": value for name, value in self.codec.items()},
        }
        fresh = folder / f"{FILE}.new"
        save_file(
            {k: v.contiguous() for k, v in tensors.items()}, fresh, {"task": task, "config": json.dumps(config.to_dict())}
        )
        fresh.replace(folder / FILE)

    @classmethod
    def load(cls, folder: Path, config: DecoderConfig, task: str) -> "Bank | None":
        """The bank kept for a run of this config; None if there is none. Raises TMRError if it belongs to another task."""
        path = folder / FILE
        if not path.is_file():
            return None
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
        if (meta.get("task"), meta.get("config")) != (task, json.dumps(config.to_dict())):
            raise TMRError(f"{folder} holds a run on other encoders, takes or settings: name another --out, or delete it.")
        return cls.kept(folder)

    @classmethod
    def kept(cls, folder: Path) -> "Bank":
        """The bank of a run's folder, where there is one."""
        kept = load_file(folder / FILE)
        frames, counts = kept["frames"].tolist(), kept["counts"].tolist()
        return cls(
            frames,
            list(kept["windows"].float().split([tokens(count) for count in frames])),
            kept["motions"].float(),
            kept["texts"].float(),
            [rows.tolist() for rows in kept["said"].split(counts)],
            {name[6:]: value for name, value in kept.items() if name.startswith("codec.")},
        )


def features_of(data: DataSet, piece: Piece) -> Array:
    """Raw features (n, 263) of a piece."""
    part = np.array(data.takes[piece.take].features[piece.first : piece.last])
    return clips.mirror(part) if piece.mirrored else part


def pieces_of(
    data: DataSet, takes: frozenset[str], known: dict[str, kinematics.Kinematics], config: DecoderConfig
) -> tuple[list[Piece], list[str]]:
    """Spans of at most `longest` frames with their texts, each once as it is and once mirrored.

    Words of people and descriptions are taken to be true of any part of a long take; sentences computed from the motion are
    used with exactly their span. Returns pieces with text rows, and the texts.
    """
    chance = random.Random(f"pieces {config.seed}")
    rows: dict[str, int] = {}
    whole, windows = clips.clips_of(data, takes, known)
    spans: list[tuple[str, int, int, tuple[str, ...]]] = []
    for clip in [*whole, *windows]:
        count, words = clip.last - clip.first, _some(clip.worded, chance)
        if count <= config.longest:
            spans.append((clip.take, clip.first, clip.last, (*words, *_some(clip.kinematic, chance))))
            continue
        for _ in range(math.ceil(count / config.longest)):
            length = chance.randint(config.longest // 2, config.longest)
            first = clip.first + chance.randint(0, count - length)
            spans.append((clip.take, first, first + length, words))
    found = []
    for take, first, last, texts in spans:
        if last - first < min(SHORTEST, len(data.takes[take].features)):
            continue
        for mirrored in (False, True):
            said = [wording.mirrored(text) for text in texts] if mirrored else texts
            found.append(Piece(take, first, last, mirrored, tuple(rows.setdefault(text, len(rows)) for text in said)))
    return found, list(rows)


def _some(texts: Sequence[str], chance: random.Random) -> tuple[str, ...]:
    """At most TEXTS of them."""
    return tuple(texts) if len(texts) <= TEXTS else tuple(chance.sample(list(texts), TEXTS))


def gather(networks: Ensemble, data: DataSet, takes: frozenset[str], config: DecoderConfig, sentences: Path) -> Bank:
    """Fits windows to the takes, and encodes every piece and every text once."""
    known = kinematics.of(data, sorted(takes), sentences)
    pieces, said = pieces_of(data, takes, known, config)
    if not said:
        raise TMRError("None of the takes to train on has a text.")
    print(f"{len(pieces)} spans, {len(said)} texts", flush=True)
    sample = random.Random(f"windows {config.seed}").sample(pieces, min(SAMPLED, len(pieces)))
    codec = Windows(config.components)
    codec.fit(*train.statistics(data, takes), [features_of(data, piece) for piece in sample])
    windows, motions = [], []
    for at in range(0, len(pieces), 1000):
        rows = [features_of(data, piece) for piece in pieces[at : at + 1000]]
        windows += [codec.encode(torch.from_numpy(part)) for part in rows]
        motions.append(encode.motions(networks, rows))
    # Read, but not written: what the encoders were trained on is in it.
    store = replace(TextStore.open(train.CACHE / "texts.npz"), path=None)
    return Bank(
        [piece.last - piece.first for piece in pieces],
        windows,
        torch.from_numpy(np.concatenate(motions)),
        torch.from_numpy(encode.texts(networks, store, said)),
        [list(piece.texts) for piece in pieces],
        codec.state_dict(),
    )
