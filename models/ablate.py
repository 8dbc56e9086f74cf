# SPDX-License-Identifier: GPL-3.0-or-later
"""Ablations in one command and one table: `python -m models.ablate --data ../shared/data/cmu`.

Every variant of `models.variants` is trained from several seeds on several draws of validation takes, one network a run, by
the functions of `models.train`, and scored by those of `models.evaluate`. A run that is finished is one JSON file below
OUT/runs; the same command goes on with what is missing, and `--share 1/2` beside `--share 2/2` divides the runs between two
processes. `--models tmr temos guo` compares configs instead, each with its own epochs, in the four protocols. `--table`
prints what is there. Where texts are new, let the first share begin alone: it encodes them for both.
"""

import argparse
import hashlib
import json
import math
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models import config as configs
from models import evaluate, metrics, tables, train
from models.config import Config
from models.data import LOADERS, kinematics, splits
from models.data.clips import Variation
from models.ensemble import Ensemble
from models.variants import BASE, Variant, variants
from tmr_blender.errors import TMRError

EPOCHS = 12
"""Of an ablation, where the config's own would take too long for so many runs."""


@dataclass(frozen=True)
class Job:
    """One network to train: a variant, where its config came from, and the draw of validation takes."""

    variant: Variant
    config: Config
    draw: int

    @property
    def key(self) -> str:
        """What the files of the run are called."""
        return f"{self.variant.slug}_{self.config.training.seed}_{self.draw}"


def table_of(options: argparse.Namespace) -> list[tuple[Variant, Config]]:
    """Every row with the config that it stands for."""
    one = "members=[{}]"
    if options.models:
        own = [] if options.epochs is None else [f"training.epochs={options.epochs}"]
        return [(Variant("model", name), configs.load(name, [*options.set, *own, one])) for name in options.models]
    epochs = EPOCHS if options.epochs is None else options.epochs
    base = configs.load(options.config, [*options.set, f"training.epochs={epochs}", one])
    return [(row, row.applied(base)) for row in variants(base)]


def jobs_of(rows: list[tuple[Variant, Config]], options: argparse.Namespace) -> list[Job]:
    """The runs in their order: draw by draw, seed by seed; rows of equal configs are one run."""
    rows = _unlike(rows)
    if options.only:
        unknown = sorted(set(options.only) - {row.name for row, _ in rows} - {row.question for row, _ in rows})
        if unknown:
            known = ", ".join(row.name for row, _ in rows)
            raise TMRError(f"There is nothing called {', '.join(unknown)} to train: there are {known}.")
        rows = [(row, config) for row, config in rows if {row.name, row.question} & {BASE, *options.only}]
    return [
        Job(row, replace(config, training=replace(config.training, seed=config.training.seed + seed)), draw)
        for draw in options.draws
        for seed in range(options.seeds)
        for row, config in rows
    ]


def _unlike(rows: list[tuple[Variant, Config]]) -> list[tuple[Variant, Config]]:
    found: list[tuple[Variant, Config]] = []
    for row, config in rows:
        if all(config != other for _, other in found):
            found.append((row, config))
    return found


def share_of(jobs: list[Job], share: str) -> list[Job]:
    """The jobs of one process of several: `1/2` is every other one from the first."""
    part, _, parts = share.partition("/")
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise TMRError(f"--share {share} is no share: 1/2 and 2/2 are the halves.")
    return jobs[int(part) - 1 :: int(parts)]


def digest(material: train.Material) -> str:
    """Tells materials apart: clips with their texts, and validation captions."""
    said = repr((material.whole, material.windows, material.chosen.validation))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def run_all(rows: list[tuple[Variant, Config]], options: argparse.Namespace) -> None:
    """Trains and scores what has no figures yet, until the minutes are up."""
    jobs = share_of(jobs_of(rows, options), options.share)
    data = LOADERS[options.form](options.data, train.CACHE / "features")
    sentences = options.kinematics or kinematics.default_path(train.CACHE)
    # One gathering for all, of every source of texts that any row draws from; what a row leaves out is taken away again.
    variation = Variation(kinematic=any(config.variation.kinematic for _, config in rows))
    everything = replace(rows[0][1], variation=variation)
    until = time.monotonic() + 60.0 * options.minutes
    for draw in dict.fromkeys(job.draw for job in jobs):
        own = [job for job in jobs if job.draw == draw and not _is_done(job, None, options.out)]
        if not own or time.monotonic() >= until:
            continue
        material = train.gather(everything, data, splits.split(data, draw, options.held_out), sentences)
        mark = digest(material)
        for job in own:
            if not _is_done(job, mark, options.out) and time.monotonic() < until:
                run_one(job, material, mark, (until - time.monotonic()) / 60.0, options.out)


def _is_done(job: Job, mark: str | None, out: Path) -> bool:
    """Whether the figures are there. Raises TMRError if they are of something else; without `mark` texts aren't compared."""
    path = tables.path_of(out, job.key)
    if not path.is_file():
        return False
    record = tables.read(path)
    if record["config"] != _plain(job.config) or mark not in (None, record["material"]):
        raise TMRError(f"{path} is a run of another config or of other texts: name another folder with --out, or delete it.")
    return True


def _plain(config: Config) -> dict[str, Any]:
    return json.loads(json.dumps(config.to_dict()))


def run_one(job: Job, material: train.Material, mark: str, minutes: float, out: Path) -> None:
    """Trains one network and writes its figures; a run that the minutes cut short keeps its state and goes on next time."""
    print(f"{job.key}: {' '.join(job.variant.changes)}", flush=True)
    folder, how = out / "state" / job.key, job.config.training
    run = train.train(job.config, material.permitted(job.config.variation), folder, max(how.epochs // 3, 1), minutes)
    if run.epoch < how.epochs:
        return
    scores = evaluate.score(Ensemble([run.average]), material.data, material.chosen.validation)
    record = {
        "question": job.variant.question,
        "name": job.variant.name,
        "draw": job.draw,
        "config": _plain(job.config),
        "material": mark,
        "steps": run.step,
        "minutes": run.history[-1]["minutes"],
        "cpu_minutes": run.history[-1]["cpu_minutes"],
        "history": run.history,
        **figures(scores),
    }
    tables.write(tables.path_of(out, job.key), record)
    shutil.rmtree(folder)
    print(f"{job.key}: log rank {record['log_rank']}, {run.history[-1]['minutes']} minutes", flush=True)


def figures(scores: evaluate.Scores) -> dict[str, Any]:
    """What a record keeps of the scores: the report, and in the same protocols text search and chance."""
    near = (scores.alikeness > evaluate.ALIKE) | np.eye(len(scores.captions), dtype=bool)
    report = evaluate.report(scores)
    found = {
        "log_rank": metrics.log_rank(scores.motion),
        "report": report,
        "chance": {
            "all": _both(report["chance"]),
            "threshold": {"t2m": metrics.chance_with(near), "m2t": metrics.chance_with(near.T)},
            "dissimilar": _both(metrics.chance(report["dissimilar"]["gallery"])),
            "small_batches": _both(metrics.chance(min(32, len(scores.captions)))),
        },
    }
    if scores.description is None:
        return {**found, "text_search": None}
    searched = evaluate.report(replace(scores, motion=scores.description))
    text = {name: searched[name] for name in evaluate.PROTOCOLS}
    return {**found, "text_search": {**text, "log_rank": metrics.log_rank(scores.description)}}


def _both(expected: metrics.Metrics) -> dict[str, metrics.Metrics]:
    return {"t2m": expected, "m2t": expected}


def show(out: Path, names: list[str] | None) -> None:
    """Prints the table of what is there and writes it beside the runs, as Markdown and JSON."""
    records = tables.read_all(out)
    text, found = tables.models(names, records) if names else tables.ablation(records)
    print(text)
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    (out / "table.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(prog="python -m models.ablate", description=__doc__)
    found.add_argument("--data", type=Path, help="folder with motions.npz and captions.jsonl")
    found.add_argument("--form", default="cmu", choices=sorted(LOADERS))
    found.add_argument("--config", default="tmr", help="the base that variants change")
    found.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting of every run")
    found.add_argument("--models", nargs="+", metavar="CONFIG", help="compare whole configs, in the four protocols")
    found.add_argument("--draws", nargs="+", type=int, default=[1, 2], help="draws of validation takes")
    found.add_argument("--held-out", type=int, default=240)
    found.add_argument("--seeds", type=int, default=2, help="runs of each variant and draw")
    found.add_argument("--epochs", type=int, help=f"default: {EPOCHS}, with --models the config's own")
    found.add_argument("--only", nargs="+", metavar="NAME", help="these variants or questions, and the base")
    found.add_argument("--kinematics", type=Path, help="file of sentences made before (default: made by the present rules)")
    found.add_argument("--out", type=Path, help="folder (default: .cache/ablation, with --models .cache/baselines)")
    found.add_argument("--minutes", type=float, default=math.inf, help="stop after so long; the same command goes on")
    found.add_argument("--share", default="1/1", metavar="I/N", help="do every N-th run, from the I-th")
    found.add_argument("--threads", type=int, default=1)
    found.add_argument("--table", action="store_true", help="only print the table of what is there")
    return found


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = parser().parse_args(arguments)
    options.out = options.out or train.CACHE / ("baselines" if options.models else "ablation")
    torch.set_num_threads(options.threads)
    try:
        if not options.table:
            if options.data is None:
                raise TMRError("--data FOLDER is missing: the folder with motions.npz and captions.jsonl.")
            run_all(table_of(options), options)
        show(options.out, options.models)
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
