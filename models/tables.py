# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of finished runs, and the tables that `models.ablate` makes of them."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models import evaluate, metrics
from models.architecture import TMR
from models.config import Config
from models.variants import BASE, Variant, variants
from tmr_blender.errors import TMRError

Record = dict[str, Any]
Runs = dict[tuple[int, int], Record]
"""Records by seed and draw."""
PLAIN = 2.0
"""Standard errors from which a difference is called one."""
NOTE = (
    "Mean (lowest to highest) over seeds and draws. `to base` is the mean difference of log rank between runs of the same seed"
    " and draw, and in brackets how many standard errors (SE) that is, by the greater one of the row's own and that pooled over"
    f" all rows. Below {PLAIN:g} the row is within the spread: it shows nothing. Of twenty rows that make no difference, one"
    " passes by chance. Draws share a part of their takes, and the spread is that of training: it doesn't say how another"
    " laboratory's takes would rank. Other batches see as many clips, with the learning rate scaled by the square root."
)


def path_of(out: Path, key: str) -> Path:
    """Where the figures of a run are kept."""
    return out / "runs" / f"{key}.json"


def write(path: Path, record: Record) -> None:
    """Writes beside and moves into place, so that a file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(record, indent=1), encoding="utf-8")
    fresh.replace(path)


def read(path: Path) -> Record:
    """The figures of a run. Raises TMRError if the file doesn't hold any."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        Config.from_dict(record["config"])
        missing = sorted({"report", "log_rank", "draw", "name", "material"} - record.keys())
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise TMRError(f"{path} does not hold the figures of a run ({error!r}): delete it.") from error
    if missing:
        raise TMRError(f"{path} does not hold the figures of a run (no {', '.join(missing)}): delete it.")
    return record


def read_all(out: Path) -> list[Record]:
    """Every run below `out`. Raises TMRError where those of one draw were trained on different texts."""
    records = [read(path) for path in sorted((out / "runs").glob("*.json"))]
    for draw in {record["draw"] for record in records}:
        if len({record["material"] for record in records if record["draw"] == draw}) > 1:
            raise TMRError(f"The runs of draw {draw} in {out} were trained on different texts: they can't be compared.")
    return records


def ablation(records: Sequence[Record]) -> tuple[str, Record]:
    """The table of the variants of whatever config the runs called `base` have: Markdown, and the same as JSON."""
    bases = [record for record in records if record["name"] == BASE]
    if not bases:
        return "No run of the base is finished yet.", {"rows": []}
    base = _unseeded(bases[0])
    found = [(row, _runs(records, row.applied(base))) for row in variants(base)]
    known = [id(record) for _, runs in found for record in runs.values()]
    strange = sorted({record["name"] for record in records if id(record) not in known})
    if strange:
        raise TMRError(f"These runs don't differ from the base in what they are called after: {', '.join(strange)}.")
    compared = _compared([(row, runs) for row, runs in found if runs], found[0][1])
    lines = [
        *_setting(base, list(found[0][1].values())),
        "",
        "| question | variant | runs | log rank | to base | t2m R@10 | t2m MedR | m2t R@10 | steps | core minutes |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_line(row) for row in compared),
        "",
        NOTE,
    ]
    missing = [row.name for row, runs in found if not runs]
    if missing:
        lines += ["", f"Not run: {'; '.join(missing)}."]
    return "\n".join(lines), {"config": base.to_dict(), "rows": compared}


def _unseeded(record: Record) -> Config:
    config = Config.from_dict(record["config"])
    return replace(config, training=replace(config.training, seed=0))


def _runs(records: Sequence[Record], config: Config) -> Runs:
    return {_pair(record): record for record in records if _unseeded(record) == config}


def _pair(record: Record) -> tuple[int, int]:
    return record["config"]["training"]["seed"], record["draw"]


def _setting(base: Config, runs: list[Record]) -> list[str]:
    """What the figures were measured on, and what chance and text search get there."""
    lines = [
        f"Base: `{base.name}`, {base.training.epochs} epochs, one network a run. Held-out takes with captions by people:",
        "",
    ]
    for draw in sorted({record["draw"] for record in runs}):
        record = next(record for record in runs if record["draw"] == draw)
        size = record["report"]["gallery"]
        said = [
            f"chance log rank {float(np.log2(np.arange(1, size + 1)).mean()):.2f}, R@10 {record['report']['chance']['R10']}"
        ]
        if record["text_search"]:
            text = record["text_search"]
            said.append(f"text search over descriptions {text['log_rank']:.2f}, t2m R@10 {text['all']['t2m']['R10']}")
        lines.append(f"* draw {draw}: gallery {size} captions of {record['report']['takes']} takes; {'; '.join(said)}")
    return lines


MEASURES: dict[str, Callable[[Record], float]] = {
    "log_rank": lambda record: record["log_rank"],
    "t2m_R10": lambda record: record["report"]["all"]["t2m"]["R10"],
    "t2m_MedR": lambda record: record["report"]["all"]["t2m"]["MedR"],
    "m2t_R10": lambda record: record["report"]["all"]["m2t"]["R10"],
    "steps": lambda record: record["steps"],
    "core_minutes": lambda record: record["cpu_minutes"],
}


def _compared(found: list[tuple[Variant, Runs]], base: Runs) -> list[Record]:
    """Per row the spread of every measure, and the difference to the base in standard errors."""
    gaps = [
        np.array([runs[at]["log_rank"] - base[at]["log_rank"] for at in sorted(runs.keys() & base.keys())]) for _, runs in found
    ]
    gaps = [np.zeros(0) if runs is base or runs == base else gap for gap, (_, runs) in zip(gaps, found, strict=True)]
    freedom = sum(len(gap) - 1 for gap in gaps if len(gap) > 1)
    pooled = np.sqrt(sum(((gap - gap.mean()) ** 2).sum() for gap in gaps if len(gap) > 1) / freedom) if freedom else None
    rows = []
    for (row, runs), gap in zip(found, gaps, strict=True):
        measured = {name: _spread([measure(record) for record in runs.values()]) for name, measure in MEASURES.items()}
        difference = None
        if len(gap):
            own = float(gap.std(ddof=1)) if len(gap) > 1 else 0.0
            error = None if pooled is None else max(own, float(pooled)) / len(gap) ** 0.5
            difference = {"mean": round(float(gap.mean()), 4), "error": error and round(error, 4), "pairs": len(gap)}
        rows.append(
            {"question": row.question, "name": row.name, "changes": list(row.changes), "runs": len(runs)}
            | {"is_base": runs == base, **measured, "to_base": difference}
        )
    return rows


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"mean": round(float(np.mean(values)), 4), "lowest": min(values), "highest": max(values)}


def _cell(spread: dict[str, float], places: int) -> str:
    """Mean, and the range if there is one."""
    if spread["lowest"] == spread["highest"]:
        return f"{spread['mean']:.{places}f}"
    return f"{spread['mean']:.{places}f} ({spread['lowest']:.{places}f} to {spread['highest']:.{places}f})"


def _line(row: Record) -> str:
    name = row["name"] if not row["is_base"] or row["name"] == BASE else f"{row['name']} (= base)"
    cells = [_cell(row[key], 2 if key == "log_rank" else 0 if key == "steps" else 1) for key in MEASURES]
    return "| " + " | ".join([row["question"], name, str(row["runs"]), cells[0], _verdict(row), *cells[1:]]) + " |"


def _verdict(row: Record) -> str:
    """The difference to the base in words that claim no more than the runs show."""
    gap = row["to_base"]
    if gap is None:
        return "" if row["is_base"] else "no common runs"
    if not gap["error"]:
        return f"{gap['mean']:+.2f} (spread unknown)"
    errors = abs(gap["mean"]) / gap["error"]
    word = "within the spread" if errors < PLAIN else "better" if gap["mean"] < 0 else "worse"
    return f"{gap['mean']:+.2f} ({errors:.1f} SE), {word}"


TITLES = {
    "all": "all",
    "threshold": f"all with threshold (cosine above {evaluate.ALIKE})",
    "dissimilar": "dissimilar subset",
    "small_batches": "small batches of 32",
}
KEYS = (*(f"R{k}" for k in metrics.KS), "MedR")
WAYS = {"t2m": "text to motion", "m2t": "motion to text"}


@dataclass(frozen=True)
class _Source:
    """Whose figures a line of the table of models shows."""

    name: str
    of: Callable[[Record, str, str], metrics.Metrics]
    """Record, protocol and direction to R1 ... MedR."""
    records: list[Record]

    def spread(self, protocol: str, way: str) -> dict[str, dict[str, float]]:
        """R1 ... MedR with their spread over the records."""
        given = [self.of(record, protocol, way) for record in self.records]
        return {key: _spread([one[key] for one in given]) for key in KEYS}


def models(names: Sequence[str], records: Sequence[Record]) -> tuple[str, Record]:
    """Four protocols in both directions for every model, beside chance and text search: Markdown, and the same as JSON."""
    runs = {name: own for name in names if (own := [record for record in records if record["name"] == name])}
    if not runs:
        return "No run is finished yet.", {}
    mixed = [name for name, own in runs.items() if any(_unseeded(record) != _unseeded(own[0]) for record in own)]
    if mixed:
        raise TMRError(f"The runs of {', '.join(mixed)} differ in more than seed and draw: they can't be compared.")
    found: Record = {name: [_cost(record) for record in own] for name, own in runs.items()}
    galleries = {record["draw"]: record["report"]["gallery"] for own in runs.values() for record in own}
    sizes = "; ".join(f"draw {draw}: {size}" for draw, size in sorted(galleries.items()))
    lines = [f"Captions by people on held-out takes, {sizes}; one network each; mean (lowest to highest) of the runs."]
    for way, title in WAYS.items():
        names_of = " | ".join(key if key == "MedR" else f"R@{key[1:]}" for key in KEYS)
        lines += ["", f"| {title} | model | {names_of} |", "|---" * (len(KEYS) + 2) + "|"]
        for protocol, spoken in TITLES.items():
            for source in _sources(runs):
                spread = source.spread(protocol, way)
                found.setdefault(protocol, {}).setdefault(way, {})[source.name] = spread
                lines.append(f"| {spoken} | {source.name} | " + " | ".join(_cell(spread[key], 1) for key in KEYS) + " |")
    return "\n".join([*lines, "", *_costs(runs)]), found


def _sources(runs: dict[str, list[Record]]) -> list[_Source]:
    """The models, then what needs no network: one record a draw shows that."""
    found = [_Source(name, lambda record, protocol, way: record["report"][protocol][way], own) for name, own in runs.items()]
    draws = list({record["draw"]: record for own in runs.values() for record in own}.values())
    if all(record["text_search"] for record in draws):
        found.append(_Source("text search", lambda record, protocol, way: record["text_search"][protocol][way], draws))
    return [*found, _Source("chance", lambda record, protocol, way: record["chance"][protocol][way], draws)]


def _cost(record: Record) -> Record:
    """What a run was and took."""
    model = TMR(Config.from_dict(record["config"]).shape)
    parts = {"motion encoder": model.motion, "text encoder": model.text, "decoder": model.decoder}
    sizes = {name: 0 if part is None else sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    seed, draw = _pair(record)
    kept = {key: record[key] for key in ("steps", "minutes", "cpu_minutes", "log_rank")}
    return {"seed": seed, "draw": draw, "epochs": record["config"]["training"]["epochs"], "parameters": sizes, **kept}


def _costs(runs: dict[str, list[Record]]) -> list[str]:
    lines = [
        "| model | runs | log rank | motion encoder, text encoder, decoder (M parameters) | epochs | steps | core minutes |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, records in runs.items():
        costs = [_cost(record) for record in records]
        sizes = ", ".join(f"{size / 1e6:.2f}" for size in costs[0]["parameters"].values())
        spreads = [_spread([cost[key] for cost in costs]) for key in ("log_rank", "steps", "cpu_minutes")]
        lines.append(
            f"| {name} | {len(costs)} | {_cell(spreads[0], 2)} | {sizes} | {costs[0]['epochs']} |"
            f" {_cell(spreads[1], 0)} | {_cell(spreads[2], 1)} |"
        )
    return lines
