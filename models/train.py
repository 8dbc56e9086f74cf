# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains TMR and its baselines: `python -m models.train --config tmr --data ../shared/data/cmu`.

An interrupted run continues where it was when the same command is given again. The same seed gives the same batches; sums
in floating point may differ between machines and numbers of threads.
"""

import argparse
import itertools
import json
import math
import random
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models import config as configs
from models import encode, losses, metrics, running, weights
from models.architecture import TMR, draw
from models.config import Config
from models.data import LOADERS, clips, kinematics, splits, wording
from models.data.takes import Caption, DataSet
from models.ensemble import Ensemble
from models.text import TextStore
from tmr_blender.errors import TMRError

CACHE = Path(__file__).parent.parent / ".cache"
MICRO = 64
"""Clips encoded at once: a batch is cut into such groups of like length, and contrasted as a whole."""
DECODED_FRAMES = 200


def statistics(data: DataSet, takes: frozenset[str]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (263,) of the features of the takes and their mirror images."""
    total, square, count = np.zeros(263), np.zeros(263), 0
    for name in sorted(takes):
        rows = np.asarray(data.takes[name].features, dtype=np.float32)
        for side in (rows, clips.mirror(rows)):
            total += side.sum(axis=0, dtype=np.float64)
            square += (side.astype(np.float64) ** 2).sum(axis=0)
            count += len(side)
    mean = total / count
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(
        np.sqrt(np.maximum(square / count - mean**2, 0)), dtype=torch.float32
    )


def alike(samples: list[clips.Sample], sentences: Tensor, view: int, objective: configs.Objective) -> Tensor:
    """(b, b) bool: pairs whose captions in this view mean nearly the same, or that are spans of one take."""
    both = torch.tensor([sample.kinematic[view] for sample in samples])
    limit = torch.where(both[:, None] & both[None], objective.alike_kinematic, objective.alike)
    takes = np.array([sample.take for sample in samples])
    same_take = torch.from_numpy(takes[:, None] == takes[None]) & ~(both[:, None] & both[None])
    return (sentences @ sentences.T > limit) | same_take


def batch_loss(model: TMR, samples: list[clips.Sample], store: TextStore, config: Config) -> dict[str, Tensor]:
    """The terms of the loss for one batch; `total` is their weighted sum."""
    samples = sorted(samples, key=lambda sample: len(sample.features))
    groups = [samples[i : i + MICRO] for i in range(0, len(samples), MICRO)]
    inputs = [encode.padded([sample.features for sample in group]) for group in groups]
    encoded = [model.motion(*batch) for batch in inputs]
    motion = (torch.cat([mu for mu, _ in encoded]).float(), torch.cat([log for _, log in encoded]).float())
    objective, views = config.objective, config.training.views
    drawn = draw(*motion)
    parts: dict[str, list[Tensor]] = {"kl": [], "latent": [], "contrastive": [], "reconstruction": []}
    first_text = drawn
    for view in range(views):
        said = [sample.texts[view] for sample in samples]
        states, mask, sentences = store.inputs(said, model.text.reads_tokens)
        mu, logvar = model.text(states, mask, sentences)
        text = (mu.float(), logvar.float())
        drawn_text = draw(*text)
        first_text = drawn_text if view == 0 else first_text
        parts["kl"].append(losses.kl_terms(text, motion))
        parts["latent"].append(losses.latent_distance(drawn_text, drawn))
        pair = (drawn_text, drawn) if objective.sampled else (text[0], motion[0])
        skip = alike(samples, sentences, view, objective)
        if objective.contrastive == "infonce":
            parts["contrastive"].append(losses.info_nce(*pair, objective.temperature, skip))
        elif objective.contrastive == "margin":
            parts["contrastive"].append(losses.margin(*pair, objective.gap, skip))
    if model.decoder is not None and config.training.decoded:
        parts["reconstruction"].append(_reconstruction(model, samples, (first_text, drawn), config.training.decoded))
    terms = {name: torch.stack(values).mean() for name, values in parts.items() if values}
    terms["total"] = torch.stack([objective.weights.get(name, 0.0) * value for name, value in terms.items()]).sum()
    return terms


def _reconstruction(model: TMR, samples: list[clips.Sample], latents: tuple[Tensor, Tensor], count: int) -> Tensor:
    """Decoded from text and from motion, summed; of a random choice of the clips that are short enough."""
    short = [i for i, sample in enumerate(samples) if len(sample.features) <= DECODED_FRAMES]
    chosen = sorted(random.sample(short, min(count, len(short))))
    if not chosen or model.decoder is None:
        return latents[0].new_zeros(())
    raw, lengths = encode.padded([samples[i].features for i in chosen])
    real = ((raw - model.motion.mean) * model.motion.scale).clamp(-8.0, 8.0)
    made = [model.decoder(latent[chosen], lengths, raw.shape[1]).float() for latent in latents]
    return losses.reconstruction(made[0], real, lengths) + losses.reconstruction(made[1], real, lengths)


@dataclass
class Run:
    """A training run: the networks, their running average, and where they stand."""

    config: Config
    model: TMR
    average: TMR
    optimizer: torch.optim.Optimizer
    steps: int
    step: int = 0
    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    def advance(self, samples: list[clips.Sample], store: TextStore) -> dict[str, float]:
        """One step of the optimiser; returns the terms of the loss."""
        how = self.config.training
        ramp = min((self.step + 1) / max(how.warmup * self.steps, 1.0), 1.0)
        wave = 0.5 * (1.0 + math.cos(math.pi * min(self.step / self.steps, 1.0)))
        for group in self.optimizer.param_groups:
            group["lr"] = how.rate * ramp * (0.02 + 0.98 * wave)
        self.model.train()
        with torch.autocast("cpu", torch.bfloat16):
            terms = batch_loss(self.model, samples, store, self.config)
        self.optimizer.zero_grad(set_to_none=True)
        terms["total"].backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), how.clip)
        self.optimizer.step()
        self.step += 1
        running.follow(self.average, self.model, how.average, self.step)
        return {name: float(value.detach()) for name, value in terms.items()}

    def save(self, folder: Path) -> None:
        """Everything needed to go on, as safetensors and JSON; written beside and then moved into place."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(running.packed(self.model, self.average, self.optimizer), folder / "state.new")
        meta = {"config": self.config.to_dict(), "step": self.step, "epoch": self.epoch, "history": self.history}
        (folder / "state.json.new").write_text(json.dumps(meta, indent=1), encoding="utf-8")
        (folder / "state.new").replace(folder / "state.safetensors")
        (folder / "state.json.new").replace(folder / "state.json")

    def resume(self, folder: Path) -> bool:
        """Takes up a saved run of the same config; False if there is none."""
        if not (folder / "state.json").is_file():
            return False
        meta = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        if meta["config"] != json.loads(json.dumps(self.config.to_dict())):
            raise TMRError(f"{folder} holds a run with another config: name another folder with --out, or delete it.")
        running.unpack(load_file(folder / "state.safetensors"), self.model, self.average, self.optimizer)
        self.step, self.epoch, self.history = meta["step"], meta["epoch"], meta["history"]
        return True


def validate(model: TMR, data: DataSet, captions: tuple[Caption, ...], store: TextStore) -> dict[str, float]:
    """Both directions on the captions, and the mean of log2(rank) over them, which varies least between runs."""
    said = [caption.texts[0] for caption in captions]
    alone = Ensemble([model])
    scores = encode.texts(alone, store, said) @ encode.motions(alone, [data.span(caption) for caption in captions]).T
    found = metrics.both_ways(scores)
    result = {f"{way}_{key}": found[way][key] for way in found for key in ("R1", "R3", "R10", "MedR")}
    return {"log_rank": metrics.log_rank(scores), **result}


def start(config: Config, material: "Material", per_epoch: int) -> Run:
    """Fresh networks, seeded, with the statistics of the training takes."""
    torch.manual_seed(config.training.seed)
    model, average = TMR(config.shape), TMR(config.shape)
    model.set_statistics(*material.statistics)
    average.load_state_dict(model.state_dict())
    average.eval().requires_grad_(False)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.training.decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=config.training.rate)
    return Run(config, model, average, optimizer, config.training.epochs * per_epoch)


def epoch_clips(whole: list[clips.Clip], windows: list[clips.Clip], config: Config, epoch: int) -> list[clips.Clip]:
    """The clips of an epoch in a shuffled order that seed and epoch decide."""
    chance = random.Random(f"{config.training.seed} {epoch}")
    count = min(int(config.training.windows * len(whole)), len(windows))
    again = [clip for clip in whole if clip.people] * (config.training.people_copies - 1)
    order = whole + again + chance.sample(windows, count)
    chance.shuffle(order)
    return order


@dataclass(frozen=True)
class Material:
    """What networks are trained on, encoded as far as it stays the same."""

    data: DataSet
    chosen: splits.Split
    whole: list[clips.Clip]
    windows: list[clips.Clip]
    store: TextStore
    statistics: tuple[Tensor, Tensor]
    """Mean and standard deviation (263,) of the training takes' features."""

    def permitted(self, variation: clips.Variation) -> Self:
        """The same with only those texts that the variation draws from: a share of 0 leaves out the whole source."""
        whole = _permitted(self.whole, variation)
        if not whole:
            raise TMRError("None of the takes to train on has a text that the config lets take part.")
        return replace(self, whole=whole, windows=_permitted(self.windows, variation))


def _permitted(found: list[clips.Clip], variation: clips.Variation) -> list[clips.Clip]:
    """Clips without the sources of text that have no share."""
    if all((variation.people, variation.ours, variation.labels, variation.paraphrases, variation.widened, variation.kinematic)):
        return found
    reworded = frozenset() if variation.paraphrases else frozenset(itertools.chain(*wording.paraphrases().values()))
    fewer = [
        replace(
            clip,
            people=clip.people if variation.people else (),
            ours=clip.ours if variation.ours and (variation.widened or clip.people) else (),
            labels=tuple(text for text in clip.labels if text not in reworded) if variation.labels else (),
            kinematic=clip.kinematic if variation.kinematic else (),
        )
        for clip in found
    ]
    return [clip for clip in fewer if clip.worded or clip.kinematic]


def gather(config: Config, data: DataSet, chosen: splits.Split, sentences: Path) -> Material:
    """Clips and text features; sentences from the motion are kept in the file `sentences`."""
    known = kinematics.of(data, sorted(chosen.train), sentences) if config.variation.kinematic else {}
    found, store = clips.clips_of(data, chosen.train, known), TextStore.open(CACHE / "texts.npz")
    material = Material(data, chosen, *found, store, statistics(data, chosen.train)).permitted(config.variation)
    said = clips.texts_of([*material.whole, *material.windows])
    store.add([*said, *(caption.texts[0] for caption in chosen.validation)])
    print(f"{len(material.whole)} clips, {len(material.windows)} windows, {len(store.rows)} texts", flush=True)
    return material


def train(config: Config, material: Material, folder: Path, every: int, minutes: float) -> Run:
    """Trains one network to the end of the config's epochs, or until the minutes are up but for one epoch at least.

    Saves and validates every few epochs and at the end.
    """
    chosen, how = material.chosen, config.training
    # A set smaller than a batch is one batch; otherwise an incomplete one at the end is left for another epoch's order.
    per_epoch = max(len(epoch_clips(material.whole, material.windows, config, 0)) // how.batch, 1)
    run = start(config, material, per_epoch)
    if run.resume(folder):
        print(f"continues after epoch {run.epoch}", flush=True)
    began, worked = time.monotonic(), time.process_time()
    before = [run.history[-1].get(key, 0.0) if run.history else 0.0 for key in ("minutes", "cpu_minutes")]
    late = False
    while run.epoch < how.epochs and not late:
        line = one_epoch(run, material, per_epoch)
        line["minutes"] = round(before[0] + (time.monotonic() - began) / 60.0, 2)
        line["cpu_minutes"] = round(before[1] + (time.process_time() - worked) / 60.0, 2)
        late = time.monotonic() - began >= 60.0 * minutes
        if run.epoch % every == 0 or run.epoch == how.epochs or late:
            if chosen.validation:
                line |= validate(run.average, material.data, chosen.validation, material.store)
            run.history.append(line)
            run.save(folder)
        print(json.dumps(line), flush=True)
    return run


def one_epoch(run: Run, material: Material, steps: int) -> dict[str, float]:
    """Trains one epoch, which seed and number of the epoch decide; returns the mean terms of the loss."""
    how = run.config.training
    # Streams of different seeds and epochs have nothing in common, so that networks of neighbouring seeds differ.
    stream = f"{how.seed} {run.epoch}"
    torch.manual_seed(random.Random(stream).getrandbits(62))
    random.seed(stream)
    sampler = clips.Sampler(material.data, run.config.variation, stream)
    order = epoch_clips(material.whole, material.windows, run.config, run.epoch)
    sums: dict[str, float] = {}
    for at in range(0, steps * how.batch, how.batch):
        samples = [sampler.draw(clip, how.views) for clip in order[at : at + how.batch]]
        for name, value in run.advance(samples, material.store).items():
            sums[name] = sums.get(name, 0.0) + value / steps
    run.epoch += 1
    return {"epoch": run.epoch, **{name: round(value, 4) for name, value in sums.items()}}


def train_networks(config: Config, material: Material, folder: Path, options: argparse.Namespace) -> None:
    """Trains the config's networks one after another, each from its own seed, and writes their weights."""
    for i in range(len(config.members)) if options.network is None else [options.network]:
        own = config.member(i)
        print(f"network {i}, seed {own.training.seed}", flush=True)
        run = train(own, material.permitted(own.variation), folder / f"network_{i}", options.every, options.minutes)
        path = folder / f"{config.name}_{i}.safetensors"
        weights.save(path, run.average.state_dict(), own, half=True)
        print(f"weights: {path}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description=__doc__)
    parser.add_argument("--config", default="tmr", help="a name in models/configs or a JSON file")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting, e.g. training.epochs=5"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with motions.npz and captions.jsonl")
    parser.add_argument("--form", default="cmu", choices=sorted(LOADERS))
    parser.add_argument("--draw", type=int, help="hold out this draw of validation takes; without it, train on all but test")
    parser.add_argument("--held-out", type=int, default=240)
    parser.add_argument("--out", type=Path, help="folder of the run (default: .cache/runs/CONFIG)")
    parser.add_argument("--kinematics", type=Path, help="file of sentences made before (default: made by the present rules)")
    parser.add_argument("--every", type=int, default=5, help="epochs between saving and validating")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so long; the same command goes on")
    parser.add_argument("--network", type=int, help="train only this one of the config's networks, counted from 0")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        config = configs.load(options.config, options.set)
        folder = options.out or CACHE / "runs" / (config.name if options.draw is None else f"{config.name}_draw{options.draw}")
        data = LOADERS[options.form](options.data, CACHE / "features")
        sentences = options.kinematics or kinematics.default_path(CACHE)
        material = gather(config, data, splits.split(data, options.draw, options.held_out), sentences)
        train_networks(config, material, folder, options)
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
