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
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models import running, train, weights
from models.data import LOADERS, kinematics, splits
from models.decoder_data import Bank, gather
from models.generator import HOP, DecoderConfig, Generator, mixing
from tmr_blender.errors import TMRError

CACHE = train.CACHE
LATEST = 0.99
"""Share of the motion in the mixture up to which the decoder is trained; the last step of a draw begins earlier."""


@dataclass(frozen=True)
class Batch:
    """Latents (b, d) and whether they count (b,), windows (b, n, components) and how many frames each motion has."""

    latents: Tensor
    spoken: Tensor
    windows: Tensor
    frames: Tensor


def batch_of(bank: Bank, config: DecoderConfig, chance: random.Random) -> Batch:
    """A batch that the random state decides: each piece with the latent of its motion or of one of its texts, or without."""
    chosen = chance.sample(range(len(bank.frames)), min(config.batch, len(bank.frames)))
    latents, counts = [], []
    for i in chosen:
        said = bank.said[i]
        from_text = said and chance.random() < config.spoken
        latents.append(bank.texts[chance.choice(said)] if from_text else bank.motions[i])
        counts.append(chance.random() >= config.silent)
    frames = [bank.frames[i] for i in chosen]
    windows = nn.utils.rnn.pad_sequence([bank.windows[i] for i in chosen], batch_first=True)
    return Batch(torch.stack(latents), torch.tensor(counts), windows, torch.tensor(frames))


def loss(model: Generator, batch: Batch) -> Tensor:
    """Flow matching: how far the estimate of the motion is off, in units of what there is to learn at that moment."""
    b, n, _ = batch.windows.shape
    moment = torch.rand(b) * LATEST
    mixed = torch.lerp(torch.randn_like(batch.windows), batch.windows, moment[:, None, None])
    noise = torch.randn_like(batch.latents) * (model.config.noise / model.config.latent**0.5)
    with torch.autocast("cpu", torch.bfloat16):
        made = model(mixed, moment, batch.latents + noise, batch.spoken, batch.frames)
    inside = torch.arange(n)[None] * HOP < batch.frames[:, None] + HOP
    apart = ((made.float() - batch.windows) ** 2).mean(dim=2) / mixing(moment)[1][:, None] ** 2
    return (apart * inside).sum() / inside.sum()


@dataclass
class Run:
    """A training run: the decoder, its running average, and where it stands."""

    model: Generator
    average: Generator
    optimizer: torch.optim.Optimizer
    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def start(cls, config: DecoderConfig) -> "Run":
        """Fresh weights of the config's seed."""
        torch.manual_seed(config.seed)
        model, average = Generator(config), Generator(config)
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
        self.model.train()
        total = loss(self.model, batch_of(bank, config, stream))
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        running.follow(self.average, self.model, config.average, self.step)
        return float(total.detach())

    def save(self, folder: Path) -> None:
        """Everything needed to go on; written beside and then moved into place."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = running.packed(self.model, self.average, self.optimizer)
        meta = {"config": json.dumps(self.model.config.to_dict()), "step": str(self.step), "history": json.dumps(self.history)}
        save_file(tensors, folder / "state.new", meta)
        (folder / "state.new").replace(folder / "state.safetensors")

    def resume(self, folder: Path) -> bool:
        """Takes up a saved run of the same config; False if there is none."""
        path = folder / "state.safetensors"
        if not path.is_file():
            return False
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
        if json.loads(meta["config"]) != self.model.config.to_dict():
            raise TMRError(f"{folder} holds a run with another config: name another file with --out, or delete it.")
        running.unpack(load_file(path), self.model, self.average, self.optimizer)
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
        run, folder = Run.start(config), out.with_suffix(".run")
        if run.resume(folder):
            print(f"continues after step {run.step}", flush=True)
        sentences = options.kinematics or kinematics.default_path(CACHE)
        task = f"{weights.fingerprint(options.weights)} {options.form} draw {options.draw} of {options.held_out}"
        bank = Bank.load(folder, config, task)
        if bank is None:
            gather(networks, data, takes, config, sentences).save(folder, config, task)
            # As kept, in 16 bits: a run that is interrupted trains on the same numbers as one that is not.
            bank = Bank.kept(folder)
        for model in (run.model, run.average):
            model.windows.load_state_dict(bank.codec)
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
