# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of a benchmark: measured, compared with what one would use instead, printed and written.

The benchmarks run in Blender as a module with the built zip installed: `python build.py bench NAME [--json FILE]`.
"""

import argparse
import importlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

MODULE = "bl_ext.user_default.tmr_blender"
SHARED = Path(__file__).resolve().parents[3] / "shared"


@dataclass(frozen=True)
class Figure:
    """One measured value; less is better, except in `unit`s that end in "/s".

    baseline: what the alternative took in the same run, in the same unit; None where there is no alternative.
    goal: the value that is good enough, in the same unit.
    """

    name: str
    value: float
    unit: str
    baseline: float | None
    goal: float

    @property
    def ok(self) -> bool:
        """Whether the goal is reached."""
        return self.value >= self.goal if self.unit.endswith("/s") else self.value <= self.goal


def seconds(action: Callable[[], object], repeats: int = 5) -> float:
    """Least wall time of an action, after one run that is not counted: what else the machine does only adds to it."""
    action()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return min(taken)


def enable() -> tuple[Any, Path]:
    """Enable the installed extension; bpy, and the extension's folder."""
    bpy = importlib.import_module("bpy")
    bpy.ops.preferences.addon_enable(module=MODULE)
    return bpy, Path(str(importlib.import_module(MODULE).__file__)).parent


def ours(name: str) -> ModuleType:
    """A module of the installed extension, such as "motion.readers"."""
    return importlib.import_module(f"{MODULE}.{name}")


def finish(rows: Sequence[Figure], note: str) -> int:
    """Print the table, write the JSON that the command line asks for; the exit code, 1 where a goal is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    target: Path | None = parser.parse_args().json
    table(rows, note)
    if target is not None:
        write(target, content(rows))
    return 0 if all(row.ok for row in rows) else 1


def table(rows: Sequence[Figure], note: str) -> None:
    """Print the figures beside their baselines and goals."""
    print(f"{note}\n{'figure':<58} {'value':>10} {'baseline':>10} {'goal':>10} unit")
    for row in rows:
        baseline = "-" if row.baseline is None else f"{row.baseline:.4g}"
        print(
            f"{row.name:<58} {row.value:>10.4g} {baseline:>10} {row.goal:>10.4g} {row.unit:<8} {'ok' if row.ok else 'MISSED'}"
        )


def content(rows: Sequence[Figure]) -> list[dict[str, object]]:
    """The figures as they are written."""
    return [{**asdict(row), "ok": row.ok} for row in rows]


def write(target: Path, value: object) -> None:
    """Write JSON."""
    target.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
