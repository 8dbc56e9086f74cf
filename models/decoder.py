# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the decoder of text to motion: `python -m models.decoder --data FOLDER --weights FOLDER --out FILE`.

The second stage: the encoders stay as they are, their latents of clips and of texts are computed once, and a decoder of its
own size learns to bring both back to the motion. An interrupted run continues where it was when the same command is given
again; the same seed gives the same batches.
"""

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models import encode, train, weights
from models.data import LOADERS, clips, kinematics, splits, wording
from models.data.takes import DataSet
from models.ensemble import Ensemble
from models.generator import DecoderConfig, Generator
from models.text import TextStore
from tmr_blender.errors import TMRError

CACHE = train.CACHE
SHORTEST = 30
"""Frames: shorter spans are left out, unless a take is no longer."""
TEXTS = 6
"""Most texts of a kind that are drawn from, per clip."""
PACE = 5.0
"""Normalised positions change by about a fifth of their spread from one frame to the next where a body moves."""
STEP = 2
"""Frames between the moments that a target may be moved to."""
SHARES = {
    "root": (0, 4, 5.0),
    "places": (4, 67, 1.0),
    "turns": (67, 193, 0.1),
    "steps": (193, 259, 0.5),
    "contacts": (259, 263, 3.0),
}
"""Columns and weight of each kind of feature in the loss; local rotations are not read when a motion is recovered."""

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
    """What a decoder trains on: pieces with unit latents (pieces, d), and unit latents of texts (texts, d)."""

    data: DataSet
    pieces: list[Piece]
    motions: Tensor
    texts: Tensor

    def features(self, piece: Piece, shift: int) -> tuple[Array, int]:
        """Features of the piece and of up to `shift` frames to either side, and how many came before it."""
        rows = self.data.takes[piece.take].features
        first, last = max(piece.first - shift, 0), min(piece.last + shift, len(rows))
        part = np.array(rows[first:last])
        return (clips.mirror(part) if piece.mirrored else part), piece.first - first


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
    """Encodes every piece and every text once."""
    known = kinematics.of(data, sorted(takes), sentences)
    pieces, said = pieces_of(data, takes, known, config)
    if not any(piece.texts for piece in pieces):
        raise TMRError("None of the takes to train on has a text.")
    print(f"{len(pieces)} spans, {len(said)} texts", flush=True)
    bank = Bank(data, pieces, torch.empty(0), torch.empty(0))
    latents = [
        encode.motions(networks, [bank.features(piece, 0)[0] for piece in pieces[at : at + 2000]])
        for at in range(0, len(pieces), 2000)
    ]
    # Read, but not written: what the encoders were trained on is in it.
    store = replace(TextStore.open(CACHE / "texts.npz"), path=None)
    texts = encode.texts(networks, store, said)
    return Bank(data, pieces, torch.from_numpy(np.concatenate(latents)), torch.from_numpy(texts))


@dataclass(frozen=True)
class Batch:
    """Latents (b, d), the truth with what lies around it, and where in it each piece begins."""

    latents: Tensor
    lengths: Tensor
    around: Tensor
    """(b, frames, 263) normalised."""
    inside: Tensor
    """(b, frames) bool: where there is a truth."""
    before: Tensor
    """(b,) frames of `around` before the piece."""


def batch_of(bank: Bank, model: Generator, chance: random.Random) -> Batch:
    """A batch that the random state decides: each piece with the latent of its motion or of one of its texts."""
    config = model.config
    chosen = sorted(chance.sample(range(len(bank.pieces)), min(config.batch, len(bank.pieces))))
    parts = [bank.features(bank.pieces[i], config.shift) for i in chosen]
    raw, counts = encode.padded([rows for rows, _ in parts])
    latents = []
    for i in chosen:
        said = bank.pieces[i].texts
        spoken = said and chance.random() < config.spoken
        latents.append(bank.texts[chance.choice(said)] if spoken else bank.motions[i])
    return Batch(
        torch.stack(latents),
        torch.tensor([bank.pieces[i].last - bank.pieces[i].first for i in chosen]),
        model.normalised(raw),
        torch.arange(raw.shape[1])[None] < counts[:, None],
        torch.tensor([before for _, before in parts]),
    )


def column_weights() -> Tensor:
    """(263,) weights of the columns, with mean one."""
    out = torch.zeros(263)
    for first, last, weight in SHARES.values():
        out[first:last] = weight
    return out / out.mean()


def loss(made: Tensor, batch: Batch, config: DecoderConfig) -> Tensor:
    """Smooth L1 to the truth (b,), moved in time by up to `shift` frames to where it fits best; `made` is (b, t, 263).

    A latent tells that somebody walks, hardly which foot leads at which moment. Against one fixed truth the best answer is
    the mean over all phases: a body that glides. Against the best of several moments it is a walk in one of the phases.
    The choice is made without a gradient. A piece may be moved by a quarter of its length at most.
    """
    with torch.no_grad():
        moves = torch.arange(-(config.shift // STEP), config.shift // STEP + 1) * STEP
        far = moves.abs()[None] > batch.lengths[:, None] // 4
        tried = torch.stack([_apart(made, batch, move.expand(len(made)), slice(0, 67), 3) for move in moves], dim=1)
        best = moves[tried.masked_fill(far, math.inf).argmin(dim=1)]
    still = _apart(made, batch, best, slice(0, 263), 1)
    return still + config.velocity * _paces_apart(made, batch, best)


def _moved(batch: Batch, by: Tensor, at: Tensor, columns: slice) -> tuple[Tensor, Tensor]:
    """The truth (b, t, k) at the frames `at` (t,) of the pieces moved `by` (b,) frames, and where there is one (b, t) bool."""
    index = batch.before[:, None] + by[:, None] + at[None]
    last = batch.around.shape[1] - 1
    here = (index >= 0) & (index <= last) & (at[None] < batch.lengths[:, None])
    rows = torch.arange(len(by))[:, None]
    index = index.clamp(0, last)
    return batch.around[rows, index][..., columns], here & batch.inside[rows, index]


def _apart(made: Tensor, batch: Batch, by: Tensor, columns: slice, stride: int) -> Tensor:
    """Weighted smooth L1 (b,) to the truth moved `by` (b,) frames, over every so many frames."""
    at = torch.arange(0, made.shape[1], stride)
    real, here = _moved(batch, by, at, columns)
    weight = column_weights()[columns]
    each = F.smooth_l1_loss(made[:, ::stride, columns], real, reduction="none") @ (weight / weight.sum())
    return (each * here).sum(dim=1) / here.sum(dim=1).clamp(min=1)


def _paces_apart(made: Tensor, batch: Batch, by: Tensor) -> Tensor:
    """Smooth L1 (b,) between how root height and positions change from frame to frame."""
    columns = slice(3, 67)
    real, here = _moved(batch, by, torch.arange(made.shape[1]), columns)
    pace, true = torch.diff(made[..., columns], dim=1) * PACE, torch.diff(real, dim=1) * PACE
    both = here[:, 1:] & here[:, :-1]
    return (F.smooth_l1_loss(pace, true, reduction="none").mean(dim=2) * both).sum(dim=1) / both.sum(dim=1).clamp(min=1)


@dataclass
class Run:
    """A training run: the decoder, its running average, and where it stands."""

    model: Generator
    average: Generator
    optimizer: torch.optim.Optimizer
    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def start(cls, config: DecoderConfig, statistics: tuple[Tensor, Tensor]) -> "Run":
        """Fresh weights of the config's seed."""
        torch.manual_seed(config.seed)
        model, average = Generator(config), Generator(config)
        model.set_statistics(*statistics)
        average.load_state_dict(model.state_dict())
        average.eval().requires_grad_(False)
        return cls(model, average, torch.optim.AdamW(model.parameters(), lr=config.rate, weight_decay=config.decay))

    def advance(self, bank: Bank) -> float:
        """One step, which seed and number of the step decide; returns the loss."""
        config = self.model.config
        stream = random.Random(f"{config.seed} {self.step}")
        torch.manual_seed(stream.getrandbits(62))
        ramp = min((self.step + 1) / (0.05 * config.steps), 1.0)
        wave = 0.5 * (1.0 + math.cos(math.pi * self.step / config.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = config.rate * ramp * (0.02 + 0.98 * wave)
        batch = batch_of(bank, self.model, stream)
        self.model.train()
        noisy = batch.latents + torch.randn_like(batch.latents) * (config.noise / config.latent**0.5)
        with torch.autocast("cpu", torch.bfloat16):
            made = self.model(noisy, batch.lengths, int(batch.lengths.max()))
        total = loss(made.float(), batch, config).mean()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        share = min(config.average, self.step / (self.step + 10.0))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(now, 1.0 - share)
        return float(total.detach())

    def save(self, folder: Path) -> None:
        """Everything needed to go on; written beside and then moved into place."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"average.{k}": v for k, v in self.average.state_dict().items()}
        tensors |= {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for i, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{key}": value for key, value in state.items()}
        meta = {"config": json.dumps(self.model.config.to_dict()), "step": str(self.step), "history": json.dumps(self.history)}
        save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "state.new", meta)
        (folder / "state.new").replace(folder / "state.safetensors")

    def resume(self, folder: Path) -> bool:
        """Takes up a saved run of the same config; False if there is none."""
        path = folder / "state.safetensors"
        if not path.is_file():
            return False
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
        if json.loads(meta["config"]) != self.model.config.to_dict():
            raise TMRError(f"{folder} holds a run with another config: name another file with --out, or delete the folder.")
        tensors = load_file(path)

        def part(prefix: str) -> dict[str, Tensor]:
            return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}

        self.average.load_state_dict(part("average."))
        self.model.load_state_dict(part("model."))
        whole = self.optimizer.state_dict()
        whole["state"] = {}
        for key, value in part("optimizer.").items():
            index, name = key.split(".", 1)
            whole["state"].setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(whole)
        self.step, self.history = int(meta["step"]), json.loads(meta["history"])
        return True


def fit(run: Run, bank: Bank, folder: Path, every: int, minutes: float) -> None:
    """Trains to the config's last step, or for so many minutes; saves every few steps."""
    began, recent = time.monotonic(), []
    while run.step < run.model.config.steps and time.monotonic() - began < 60.0 * minutes:
        recent.append(run.advance(bank))
        if run.step % every == 0 or run.step == run.model.config.steps:
            spent = round((time.monotonic() - began) / 60.0, 2)
            run.history.append({"step": run.step, "loss": round(float(np.mean(recent)), 4), "minutes": spent})
            print(json.dumps(run.history[-1]), flush=True)
            recent = []
            run.save(folder)
    run.save(folder)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.decoder", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with motions.npz and captions.jsonl")
    parser.add_argument("--form", default="cmu", choices=sorted(LOADERS))
    parser.add_argument(
        "--weights", type=Path, default=weights.FOLDER, help="the encoders: folder of *.safetensors, or one file"
    )
    parser.add_argument("--out", type=Path, help="file to write (default: decoder.safetensors beside the encoders)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting, e.g. steps=500")
    parser.add_argument("--draw", type=int, help="hold out this draw of validation takes; without it, train on all but test")
    parser.add_argument("--held-out", type=int, default=240)
    parser.add_argument("--kinematics", type=Path, help="file of sentences made before (default: made by the present rules)")
    parser.add_argument("--every", type=int, default=100, help="steps between saving")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so long; the same command goes on")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        networks = weights.opened(options.weights)
        config = DecoderConfig.from_dict({"latent": networks.width, **_changes(options.set)})
        out = options.out or weights.decoder_path(options.weights)
        data = LOADERS[options.form](options.data, CACHE / "features")
        takes = splits.split(data, options.draw, options.held_out).train
        run, folder = Run.start(config, train.statistics(data, takes)), out.with_suffix(".run")
        if run.resume(folder):
            print(f"continues after step {run.step}", flush=True)
        bank = gather(networks, data, takes, config, options.kinematics or kinematics.default_path(CACHE))
        fit(run, bank, folder, options.every, options.minutes)
        weights.save_decoder(out, run.average, weights.fingerprint(options.weights))
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"weights: {out}", flush=True)
    return 0


def _changes(given: list[str]) -> dict[str, float]:
    """Settings given as KEY=VALUE."""
    found = {}
    for change in given:
        key, _, value = change.partition("=")
        try:
            found[key] = json.loads(value)
        except json.JSONDecodeError as error:
            raise TMRError(f"{change} is no setting: write KEY=NUMBER, e.g. steps=500.") from error
    return found


if __name__ == "__main__":
    raise SystemExit(main())
