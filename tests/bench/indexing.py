# SPDX-License-Identifier: GPL-3.0-or-later
"""One hour of 120 fps mocap, indexed by the command line in a fresh process on two cores: seconds, and where they go.

    python -m tests.bench.indexing [--minutes 60] [--json FILE]

The hour is made of the 120 fps takes of `mocap/cmu` in the shared folder, over and over, each time elsewhere on the floor: no
two files are alike, so nothing is spared as known. `rows` is for `bench library`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared"
FPS = 120.0
GOAL_SECONDS = 60.0
"""For an hour, on two cores."""
GIGAFLOPS_A_FRAME = 2.18 / 200
"""Of the motion encoder, as TMR's paper has it; see the guide in the shared folder."""

# The command line itself in one process, with a clock around each stage; what other stages do inside one is theirs.
TIMED = """
import functools, importlib, json, sys, time
package, out, *arguments = sys.argv[1:]
part = lambda name: importlib.import_module(package + "." + name)
seconds, frames, inner = {}, [0], [0.0]

def timed(owner, name, stage):
    whole = getattr(owner, name)
    @functools.wraps(whole)
    def run(*given, **named):
        before, inner[0], began = inner[0], 0.0, time.perf_counter()
        try:
            return whole(*given, **named)
        finally:
            spent = time.perf_counter() - began
            seconds[stage] = seconds.get(stage, 0.0) + spent - inner[0]
            inner[0] = before + spent
    setattr(owner, name, run)

takes, encoders, writer = part("library.takes"), part("tmr.encoders"), part("library.writer").Writer
began = time.perf_counter()
timed(encoders, "_load_network", "load the networks")
timed(part("motion.readers"), "read", "read")
timed(takes.humanoid, "recognise", "recognise the body")
timed(takes.humanoid, "body_positions", "recognise the body")
timed(takes, "pack", "features")
timed(takes, "rows_of", "features")
timed(takes.facts, "measure", "facts")
timed(takes, "thumbnail", "thumbnail")
timed(encoders.TextEncoder, "encode", "encode texts")
timed(encoders.MotionEncoder, "encode", "encode motion")
timed(writer, "commit", "store")
timed(writer, "compact", "store")
encode = encoders.MotionEncoder.encode
def counted(self, motions):
    frames[0] += sum(map(len, motions))
    return encode(self, motions)
encoders.MotionEncoder.encode = counted
status = part("__main__").main(arguments)
seconds["everything else"] = time.perf_counter() - began - sum(seconds.values())
import torch
torch.set_num_threads(1)
a = torch.ones(1024, 1024)
rates = []
for _ in range(6):
    start = time.perf_counter()
    for _ in range(8):
        a @ a
    rates.append(8 * 2 * 1024**3 / (time.perf_counter() - start) / 1e9)
with open(out, "w") as file:
    json.dump({"seconds": seconds, "frames": frames[0], "gigaflops": max(rates)}, file)
sys.exit(status)
"""


@dataclass(frozen=True)
class Measured:
    """minutes of motion in `files` files of `megabytes`; seconds with two jobs, and with one, by stage (`stages`) and in all.

    floor: seconds that the motion encoder's arithmetic alone takes two cores, at the rate of a large matrix product here.
    cores: that were to be had. load: processes that wanted to run on this machine before it began.
    """

    minutes: float
    files: int
    megabytes: float
    seconds: float
    one_job: float
    stages: Mapping[str, float]
    floor: float
    cores: int
    load: float

    @property
    def ideal(self) -> float:
        """Seconds in which two cores could do what one did, but for loading the networks, which waits for nobody."""
        load = self.stages.get("load the networks", 0.0)
        return load + (sum(self.stages.values()) - load) / 2


def corpus(folder: Path, minutes: float, source: Path = SHARED / "mocap" / "cmu") -> tuple[float, int]:
    """Write so much mocap into the folder; minutes and files written."""
    takes = [(path, *_parted(path)) for path in sorted(source.glob("*.bvh"))]
    takes = [take for take in takes if abs(take[-1] - 1.0 / FPS) < 1e-4]
    written, files, lap = 0.0, 0, 0
    while written < minutes * 60.0:
        for path, head, rows, seconds in takes:
            if written >= minutes * 60.0:
                break
            place = folder / f"{lap:03}" / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(head + "".join(_moved(row, 0.5 + lap) for row in rows), encoding="utf-8")
            written, files = written + len(rows) * seconds, files + 1
        lap += 1
    return written / 60.0, files


def _parted(path: Path) -> tuple[str, list[str], float]:
    """A BVH file's text up to its rows, the rows, and the seconds between them."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r"Frame Time:\s*(\S+)\s*\n", text)
    assert found is not None, path
    return text[: found.end()], text[found.end() :].splitlines(keepends=True), float(found[1])


def _moved(row: str, along: float) -> str:
    """A row of a root whose first channel is its position along X, so much further."""
    first, space, rest = row.partition(" ")
    return f"{float(first) + along:.4f}{space}{rest}" if first.strip() else row


def measure(minutes: float, package: str = "tmr_blender", environment: Mapping[str, str] | None = None) -> Measured:
    """Index so much mocap with two jobs and with one, in processes that have `environment` and at most two cores."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    with tempfile.TemporaryDirectory() as name, _two_cores() as cores:
        place = Path(name)
        length, files = corpus(place / "mocap", minutes)
        size = sum(path.stat().st_size for path in (place / "mocap").rglob("*.bvh")) / 2**20
        arguments = ["index", str(place / "mocap"), "--json", "--library"]

        def timed(*command: str) -> float:
            start = time.perf_counter()
            done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=True)
            taken = time.perf_counter() - start
            told = json.loads(done.stdout)
            assert (told["takes"], told["errors"]) == (files, []), told["errors"]
            return taken

        two = timed("-m", package, *arguments, str(place / "two"), "--jobs", "2")
        out = place / "stages.json"
        one = timed("-c", TIMED, package, str(out), *arguments, str(place / "one"), "--jobs", "1")
        told = json.loads(out.read_text())
    floor = told["frames"] * GIGAFLOPS_A_FRAME / told["gigaflops"] / 2
    return Measured(length, files, size, two, one, told["seconds"], floor, cores, load)


class _two_cores:  # noqa: N801 (used like a function)
    """Within it, this process and those it starts have two cores at most; gives how many."""

    def __enter__(self) -> int:
        if not hasattr(os, "sched_getaffinity"):
            return os.cpu_count() or 1
        self._before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(self._before)[:2])
        return min(len(self._before), 2)

    def __exit__(self, *_: object) -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self._before)


def report(found: Measured, say: Callable[[str], None] = print) -> None:
    """What was measured, for a person."""
    say(
        f"{found.minutes:.1f} minutes of {FPS:.0f} fps mocap in {found.files} files ({found.megabytes:.0f} MiB), "
        f"{found.cores} cores, load {found.load:.1f} before"
    )
    total = sum(found.stages.values())
    for stage, seconds in sorted(found.stages.items(), key=lambda item: -item[1]):
        say(f"  {stage:<20} {seconds:7.1f} s  {100 * seconds / total:4.0f} %")
    say(f"  one job {found.one_job:.1f} s, two jobs {found.seconds:.1f} s; the same work spread evenly {found.ideal:.1f} s")
    say(f"  arithmetic of the motion encoder on two cores {found.floor:.1f} s")


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.minutes)
    report(found)
    if options.json is not None:
        options.json.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
    return 0 if found.seconds <= GOAL_SECONDS * found.minutes / 60.0 else 1


if __name__ == "__main__":
    sys.exit(main())
