# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting takes on rigs: what comes of it, against what one does with Blender alone, and how long it takes.

Real takes of the shared folder onto Rigify's rigs, those of the shared folder and every sample of `tests/rigs`, by the
extension (without and with feet locked, and under inverse kinematics where a rig has it) and by constraints and `nla.bake`
(see `retargeting.baseline`). What is measured is said in `retargeting.metrics` and `retargeting.planted`, nothing of which
uses the extension. Film strips of five takes on three rigs are left in out/retarget.
"""

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import figures
from figures import Figure
from retargeting import comparing, speed
from retargeting.comparing import BACK, INVERSE, LOCKED, MATCHED, OURS, THEIRS, Comparison, Row, Sources
from retargeting.rigs import Subject, subjects
from retargeting.speed import Timing
from retargeting.takes import TAKES, Take

OUT = Path(__file__).resolve().parents[2] / "out" / "retarget"
DRAWN = ("human_male", "Rigify human", "Mixamo")
"""Rigs that film strips are made of, and that the baseline is matched by hand for."""
QUICK = ("Rigify human", "Mixamo", "UE5 mannequin")
STRIPS = 5

BODIES = {take.name: take.body.name for take in TAKES}

SLIDE, TENTH, POPS = 5.0, 0.1, 1.2
"""Bars: mm per second of contact, the share of what it is without locking, joint speeds over the source's."""


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every row there")
    parser.add_argument("--rigs", metavar="NAMES", help="only these, separated by commas")
    parser.add_argument("--takes", metavar="NAMES", help="only these, separated by commas")
    parser.add_argument("--quick", action="store_true", help="three rigs, two takes and one bake: enough to see that all runs")
    parser.add_argument("--no-speed", action="store_true", help="leave out the timings")
    return parser.parse_args()


def chosen(wanted: argparse.Namespace) -> tuple[list[Subject], list[Take]]:
    """The rigs and takes that the command line asks for."""
    rigs, takes = subjects(), list(TAKES)
    if wanted.quick:
        rigs, takes = [rig for rig in rigs if rig.name in QUICK], takes[:2]
    if wanted.rigs:
        rigs = [rig for rig in subjects() if rig.name in wanted.rigs.split(",")]
    if wanted.takes:
        takes = [take for take in TAKES if take.name in wanted.takes.split(",")]
    return rigs, takes


def of(rows: Sequence[Row], how: str) -> list[Row]:
    """The rows of one way of doing it that were not refused."""
    return [row for row in rows if row.how == how and not row.refused]


def mean(rows: Sequence[Row], value: Callable[[Row], float | None]) -> float:
    """Over the rows that have it; NaN where none has."""
    there = [found for row in rows if (found := value(row)) is not None and not math.isnan(found)]
    return statistics.fmean(there) if there else math.nan


def most(rows: Sequence[Row], value: Callable[[Row], float | None]) -> float:
    """The largest of the rows; NaN where none has it."""
    there = [found for row in rows if (found := value(row)) is not None and not math.isnan(found)]
    return max(there, default=math.nan)


def sliding(rows: Sequence[Row]) -> float:
    """Millimetres per second of contact over all rows together."""
    there = [(row.slide, row.contact) for row in rows if row.slide is not None]
    seconds = sum(contact for _, contact in there)
    return sum(slide * contact for slide, contact in there) / seconds if seconds else math.nan


COLUMNS: tuple[tuple[str, Callable[[Sequence[Row]], float], str], ...] = (
    ("limbs", lambda rows: mean(of(rows, OURS), lambda r: r.mean), "5.2f"),
    ("p95", lambda rows: most(of(rows, OURS), lambda r: r.p95), "5.2f"),
    ("IK", lambda rows: mean(of(rows, INVERSE), lambda r: r.mean), "5.2f"),
    ("back", lambda rows: mean(of(rows, BACK), lambda r: r.mean), "5.2f"),
    ("palm", lambda rows: mean(of(rows, OURS), lambda r: r.palm), "5.1f"),
    ("gaze", lambda rows: mean(of(rows, OURS), lambda r: r.gaze), "5.1f"),
    ("neck", lambda rows: mean(of(rows, OURS), lambda r: r.neck), "5.1f"),
    ("sole", lambda rows: mean(of(rows, LOCKED), lambda r: r.sole), "5.1f"),
    ("lost", lambda rows: most(of(rows, OURS), lambda r: max(r.drift.values(), default=math.nan)), "5.2f"),
    ("slide", lambda rows: sliding(of(rows, OURS)), "5.0f"),
    ("locked", lambda rows: sliding(of(rows, LOCKED)), "6.1f"),
    ("pops", lambda rows: most(of(rows, LOCKED), lambda r: r.pops), "5.2f"),
    ("flips", lambda rows: sum(r.flips for r in (*of(rows, OURS), *of(rows, LOCKED))), "5.0f"),
    ("breaks", lambda rows: sum(r.broken for r in (*of(rows, OURS), *of(rows, LOCKED))), "6.0f"),
    ("hips", lambda rows: most(of(rows, OURS), lambda r: r.way) * 100.0, "5.1f"),
    ("ms", lambda rows: mean(of(rows, OURS), lambda r: r.milliseconds), "5.0f"),
    ("theirs", lambda rows: mean(of(rows, THEIRS), lambda r: r.mean), "6.1f"),
    ("p95", lambda rows: most(of(rows, THEIRS), lambda r: r.p95), "5.1f"),
    ("palm", lambda rows: mean(of(rows, THEIRS), lambda r: r.palm), "5.1f"),
    ("gaze", lambda rows: mean(of(rows, THEIRS), lambda r: r.gaze), "5.1f"),
    ("neck", lambda rows: mean(of(rows, THEIRS), lambda r: r.neck), "5.1f"),
    ("sole", lambda rows: mean(of(rows, THEIRS), lambda r: r.sole), "5.1f"),
    ("slide", lambda rows: sliding(of(rows, THEIRS)), "5.0f"),
    ("hips", lambda rows: most(of(rows, THEIRS), lambda r: r.way) * 100.0, "5.1f"),
    ("ms", lambda rows: mean(of(rows, THEIRS), lambda r: r.milliseconds), "5.0f"),
    ("matched", lambda rows: mean(of(rows, MATCHED), lambda r: r.mean), "7.2f"),
    ("palm", lambda rows: mean(of(rows, MATCHED), lambda r: r.palm), "5.1f"),
    ("slide", lambda rows: sliding(of(rows, MATCHED)), "5.0f"),
)
"""Of the table, one line a rig: heading, value of the rig's rows, format. From "theirs" on: Blender's own means."""


def compact(compared: Sequence[Comparison]) -> None:
    """Print one line a rig: means over the takes, where a column is of an extreme the largest of them."""
    widths = [int(form.split(".")[0]) for _, _, form in COLUMNS]
    heads = " ".join(f"{name:>{width}}" for (name, _, _), width in zip(COLUMNS, widths, strict=True))
    print(f"{'rig':<22} {heads}")
    for each in compared:
        cells = []
        for (_, value, form), width in zip(COLUMNS, widths, strict=True):
            found = value(each.rows)
            cells.append(f"{'-':>{width}}" if math.isnan(found) else f"{found:{form}}")
        print(f"{each.subject.name:<22} {' '.join(cells)}")


def figures_of(each: Comparison) -> list[Figure]:
    """The bars of one rig."""
    name, rows = each.subject.name, each.rows
    free, locked, theirs = of(rows, OURS), of(rows, LOCKED), of(rows, THEIRS)
    loose, held = sliding(free), sliding(locked)
    made = [
        Figure(f"{name}: limb angle, mean", most(free, lambda r: r.mean), "degrees", most(theirs, lambda r: r.mean), 1.0),
        Figure(f"{name}: limb angle, 95th", most(free, lambda r: r.p95), "degrees", most(theirs, lambda r: r.p95), 3.0),
        Figure(f"{name}: planted slide, locked", held, "mm a second", sliding(theirs), SLIDE),
        Figure(f"{name}: slide, locked over free", held / max(loose, 1e-9), "", None, TENTH),
        Figure(f"{name}: joint speed", most(locked, lambda r: r.pops), "source's", most(theirs, lambda r: r.pops), POPS),
        Figure(f"{name}: knee and elbow flips", float(sum(r.flips for r in (*free, *locked))), "frames", None, 0.0),
        Figure(f"{name}: keys the long way round", float(sum(r.broken for r in (*free, *locked))), "keys", None, 0.0),
        Figure(f"{name}: other data changed", float(len(each.changed)), "", None, 0.0),
        Figure(f"{name}: refused", float(sum(bool(r.refused) for r in rows)), "takes", None, 0.0),
    ]
    for body in dict.fromkeys(take.body.name for take in TAKES):
        back = [row for row in of(rows, BACK) if BODIES[row.take] == body]
        if back:
            made.append(Figure(f"{name}: there and back on {body}", most(back, lambda r: r.mean), "degrees", None, 1.0))
    if each.subject.inverse:
        made.append(Figure(f"{name}: limb angle under IK", most(of(rows, INVERSE), lambda r: r.mean), "degrees", None, 1.0))
    return made


def missed(compared: Sequence[Comparison]) -> None:
    """Print what is behind the bars that are missed: which take, which bone; rigs of which the same is said together."""
    said: dict[str, list[str]] = {}
    for each in compared:
        if each.changed:
            said.setdefault(f"changed {', '.join(each.changed)}", []).append(each.subject.name)
        for row in each.rows:
            for fault in [row.refused] if row.refused else faults(row):
                said.setdefault(f"{row.take}, {row.how}: {fault}", []).append(row.rig)
    for fault, rigs in said.items():
        print(f"{fault} [{', '.join(rigs) if len(rigs) < 4 else f'{rigs[0]} and {len(rigs) - 1} more'}]")


def faults(row: Row) -> list[str]:
    """What is over a bar in a row of ours."""
    if row.how in (THEIRS, MATCHED):
        return []
    out = []
    if row.how in (OURS, BACK, INVERSE) and (row.mean > 1.0 or row.p95 > 3.0):
        out.append(f"limbs {row.mean:.2f}, 95th {row.p95:.2f}, worst {row.worst}")
    if row.how == OURS and max(row.drift.values(), default=0.0) > 1.0:
        out.append("lost turning of " + ", ".join(f"{part} {v:.1f}" for part, v in row.drift.items() if v > 1.0))
    if row.how == LOCKED and row.slide is not None and row.slide > SLIDE:
        out.append(f"slides {row.slide:.1f} mm/s in {row.contact:.1f} s (source {row.source_slide:.0f})")
    if row.how in (LOCKED, INVERSE) and row.pops > POPS:
        out.append(f"{row.popping} is {row.pops:.2f} times as fast")
    if row.flips:
        out.append(f"{row.flips} flipped frames")
    if row.broken:
        out.append(f"{row.broken} keys the long way round, of {row.breaking}")
    return out


def grouped(over: Sequence[Figure]) -> list[str]:
    """One line for each bar that is missed, with the rig that is worst off."""
    bars: dict[str, list[Figure]] = {}
    for row in over:
        bars.setdefault(row.name.split(": ", 1)[-1], []).append(row)
    lines = []
    for bar, rows in bars.items():
        worst = max(rows, key=lambda row: row.value)
        name = worst.name.removesuffix(f": {bar}")
        lines.append(f"  {bar}: {len(rows)} rigs, worst {worst.value:.4g} {worst.unit} on {name}, goal {worst.goal:.4g}")
    return lines


def timed_figures(found: Sequence[Timing]) -> list[Figure]:
    """The bars of time."""
    small, human, tall = found
    return [
        Figure(f"{small.rig}: time of {small.frames} frames", small.own, "ms", small.theirs, (small.theirs or 0.0) / 50.0),
        Figure(f"{human.rig}: time of {human.frames} frames", human.own, "ms", human.theirs, (human.theirs or 0.0) / 100.0),
        Figure(f"{tall.rig}, {tall.bones} bones: time of {tall.frames} frames", tall.own, "ms", tall.theirs, 60.0),
    ]


def print_timings(found: Sequence[Timing]) -> None:
    """One line a case."""
    for each in found:
        steps = ", ".join(f"{name} {value:.1f}" for name, value in each.steps.items())
        print(
            f"{each.rig}, {each.bones} bones, {each.frames} frames: {each.own:.1f} ms ({each.locked:.1f} with feet locked), by "
            f"constraints and bake {each.theirs or math.nan:.0f} ms, {each.times or math.nan:.0f} times; reading "
            f"{each.own_reading:.1f} ms, importing {each.their_reading or math.nan:.0f} ms. Of ours: {steps}"
        )


def main() -> int:
    """Measure and report."""
    wanted = options()
    bpy, _ = figures.enable()
    bpy.ops.preferences.addon_enable(module="io_anim_bvh")
    if not figures.SHARED.is_dir():
        print("This benchmark needs the folder `shared` beside the repository.", file=sys.stderr)
        return 2
    rigs, takes = chosen(wanted)
    sources = Sources(bpy, OUT / "takes")
    compared: list[Comparison] = []
    start = time.perf_counter()
    for subject in rigs:
        each = Comparison(bpy, sources, subject)
        shown = subject.name in DRAWN
        each.run(takes, True, shown, takes[:STRIPS] if shown else [])
        for name, strip in each.strips.items():
            strip.write(OUT / f"{subject.name} {name}.png".replace(" ", "_"))
        compared.append(each)
        print(f"{subject.name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    timings = [] if wanted.no_speed else speed.timings(bpy, sources, wanted.quick)
    rows = [figure for each in compared for figure in figures_of(each)] + (timed_figures(timings) if timings else [])
    names = ", ".join(take.name for take in takes)
    print(f"Degrees, mm per second of contact, % of the way of the hips; over {len(takes)} takes ({names}).")
    compact(compared)
    print_timings(timings)
    missed(compared)
    over = [row for row in rows if not row.ok]
    print(f"{len(rows) - len(over)} of {len(rows)} bars are kept; missed:")
    for line in grouped(over):
        print(line)
    if wanted.json is not None:
        figures.write(wanted.json, comparing.content(rows, compared, timings))
    return 1 if over else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Blender 4.5 as a module hangs at a normal exit
