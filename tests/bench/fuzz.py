# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged files for every reader: `python build.py bench fuzz [--count N] [--formats A,B] [--seed N] [--seconds S]`.

Files are damaged and read in a child process with bounds on memory and time, so that a crash, a hang or a blow-up is
known, belongs to one file, and stops nothing. A file passes where the reader gives whole clips, refuses it with one
line, or raises what the index turns into one line (`reading.DATA_FAULTS`, counted apart). What fails is kept in `out/fuzz`
with its seed and number, and `--only NUMBER` reads it again. Linux only: it bounds by setrlimit and looks in /proc.
"""

import argparse
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.breaking import formats

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out" / "fuzz"
MEGABYTES = 1536
"""Address space above what the process has before it reads."""
CPU_SECONDS = 30
"""Of the processor, for one file; one that waits for something else is ended after `WALL_SECONDS`."""
WALL_SECONDS = 90.0
BATCH = 1000
KEPT = 5
"""Files kept of one failure."""

PASSED = ("read", "refused", "fault")
FAILED = ("sentence", "unsound", "raised", "crash", "hang", "memory")


@dataclass
class Tally:
    """What came of the files of a format. faults, failures: where -> how often, and an example's number and text."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, dict[str, Any]] = field(default_factory=dict)
    slowest: float = 0.0
    peak: int = 0

    def add(self, found: dict[str, Any]) -> bool:
        """Count one outcome; whether its file should be kept."""
        kind = found["kind"]
        self.counts[kind] += 1
        self.slowest = max(self.slowest, found.get("seconds", 0.0))
        self.peak = max(self.peak, found.get("peak", 0))
        if kind in ("read", "refused"):
            return False
        table = self.faults if kind == "fault" else self.failures
        row = table.setdefault(f"{kind}: {found.get('where', '')}", {"times": 0, "numbers": [], "text": found.get("text", "")})
        row["times"] += 1
        if len(row["numbers"]) < KEPT:
            row["numbers"].append(found["number"])
            return kind != "fault"
        return False

    @property
    def failed(self) -> int:
        """How many files failed."""
        return sum(self.counts[kind] for kind in FAILED)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        counts = {kind: self.counts[kind] for kind in (*PASSED, *FAILED)}
        figures = {"files": self.counts.total(), **counts, "slowest_seconds": self.slowest, "largest_peak_mb": self.peak}
        return {"format": self.name, **figures, "faults": self.faults, "failures": self.failures}


def outcomes(name: str, seed: int, numbers: range, folder: Path, cpu_seconds: int = CPU_SECONDS) -> Iterator[dict[str, Any]]:
    """What comes of the files with these numbers; a child that dies is followed by another, at the next file."""
    first = numbers.start
    while first < numbers.stop:
        last = min(first + BATCH, numbers.stop)
        for found in _batch(name, seed, range(first, last), folder, cpu_seconds):
            first = found["number"] + 1
            yield found


def _batch(name: str, seed: int, numbers: range, folder: Path, cpu_seconds: int) -> Iterator[dict[str, Any]]:
    """The outcomes of one child, the last of them its death where it dies."""
    command = [sys.executable, "-m", "tests.bench.breaking.child", name, folder]
    for key, value in (("seed", seed), ("first", numbers.start), ("last", numbers.stop)):
        command += [f"--{key}", value]
    command += ["--megabytes", MEGABYTES, "--seconds", cpu_seconds]
    errors = folder / "errors"
    with errors.open("wb") as stream:
        child = subprocess.Popen([str(part) for part in command], cwd=ROOT, stdout=subprocess.PIPE, stderr=stream, text=True)
    current, reading, killed = numbers.start, False, False
    try:
        for line in _lines(child):
            if line is None:
                killed = True
                break
            found = json.loads(line)
            current, reading = found["number"], "kind" not in found
            if not reading:
                yield found
                current += 1
    finally:
        child.kill()
        child.wait()
    if current < numbers.stop:
        text = errors.read_text(errors="replace")
        if not reading:
            raise SystemExit(f"The child ended outside of any file:\n{text[-2000:]}")
        hung = killed or child.returncode == -signal.SIGPROF
        where = _place(text) or f"exit {child.returncode}"
        yield {"number": current, "kind": "hang" if hung else "crash", "where": where, "text": text[-1500:]}


def _lines(child: "subprocess.Popen[str]") -> Iterator[str | None]:
    """The child's lines until it ends; None where it is silent for too long and does nothing, either.

    On a busy machine it may get little of the processor, and its own bound is on that.
    """
    assert child.stdout is not None
    spent = 0.0
    while True:
        if not select.select([child.stdout], [], [], WALL_SECONDS)[0]:
            before, spent = spent, _processor(child.pid)
            if spent - before < 0.1:
                yield None
                return
            continue
        line = child.stdout.readline()
        if not line.endswith("\n"):
            return
        yield line


def _processor(process: int) -> float:
    """Seconds of the processor that a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _place(text: str) -> str:
    """The innermost frame of ours that faulthandler names."""
    frames = [line.split('"')[1:] for line in text.splitlines() if line.lstrip().startswith('File "') and "tmr_blender" in line]
    return f"{Path(frames[0][0]).name}{frames[0][1].replace(', line ', ':')}" if frames else ""


def fuzz(name: str, seed: int, numbers: range, until: float = float("inf"), keep: Path | None = OUT) -> Tally:
    """Read the damaged files with these numbers, or as many as there is time for; failures are kept in the folder `keep`."""
    tally = Tally(name)
    with tempfile.TemporaryDirectory() as place:
        for found in outcomes(name, seed, numbers, Path(place)):
            if tally.add(found) and keep is not None:
                target = keep / f"{name}-{seed}-{found['number']}"
                shutil.rmtree(target, ignore_errors=True)
                case = formats.named(name)
                target.mkdir(parents=True)
                for file, data in case.case(seed, found["number"]).items():
                    (target / file).write_bytes(data)
                (target / "outcome.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
            if time.monotonic() > until:
                break
    return tally


def report(tallies: Sequence[Tally]) -> None:
    """The table, then what failed and what was a fault."""
    columns = (*PASSED, *FAILED)
    print(f"{'format':<15}{'files':>8}" + "".join(f"{name:>9}" for name in columns) + f"{'slowest':>10}{'peak MB':>9}")
    for tally in tallies:
        cells = "".join(f"{tally.counts[name]:>9}" for name in columns)
        print(f"{tally.name:<15}{tally.counts.total():>8}{cells}{tally.slowest:>9.1f}s{tally.peak:>9}")
    for tally in tallies:
        for title, table in (("FAILED", tally.failures), ("fault", tally.faults)):
            for where, row in sorted(table.items(), key=lambda item: -item[1]["times"]):
                text = row["text"].strip().splitlines()[-1:] or [""]
                print(f"{title} {tally.name} {row['times']}x {where}, such as {row['numbers'][:3]}: {text[0][:150]}")


def main() -> int:
    """The command line; 1 where a file failed."""
    known = formats.known()
    parser = argparse.ArgumentParser(prog="build.py bench fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="files of each format")
    parser.add_argument("--formats", default=",".join(known), help=f"of {', '.join(known)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number to begin with")
    parser.add_argument("--only", type=int, help="one number: what comes of it, in full")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="at most, for each format")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wanted = options.formats.split(",")
    if unknown := set(wanted) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    numbers = (
        range(options.first, options.first + options.count) if options.only is None else range(options.only, options.only + 1)
    )
    tallies = []
    for name in wanted:
        tallies.append(fuzz(name, options.seed, numbers, time.monotonic() + options.seconds))
        report(tallies[-1:])
        sys.stdout.flush()
    if options.json:
        content = {"seed": options.seed, "megabytes": MEGABYTES, "cpu_seconds": CPU_SECONDS}
        options.json.write_text(json.dumps({**content, "formats": [tally.as_json() for tally in tallies]}, indent=1) + "\n")
    print("\nAll formats:")
    report(tallies)
    return 1 if any(tally.failed for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
