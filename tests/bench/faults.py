# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on purpose: `python build.py bench faults [--only NAMES] [--kills N] [--seed N]`.

The real command line indexes folders that change, into libraries on disks that fill up, is killed, shares a library with
others, and loses its folder midway. After every fault: `check` finds nothing, all that was stored is there and equal, a
search works, the next run completes, and the result equals a library made in one run. Nothing may be written inside the
folders of motions: every run compares a full listing of them. Linux; what needs root (small file systems, other users)
says so where it can't be done.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.bench.breaking import disks, killing, sharing, vanishing
from tests.bench.breaking.studio import Count, Studio

FAULTS: dict[str, Callable[[Studio, argparse.Namespace], Count]] = {
    "kill": lambda studio, options: killing.while_indexing(studio, options.kills, options.seed),
    "kill-merge": lambda studio, options: killing.while_merging(studio, max(options.kills // 4, 2), options.seed),
    "disk": lambda studio, options: disks.full_disk(studio),
    "file-size": lambda studio, options: disks.small_files(studio),
    "read-only": lambda studio, options: disks.read_only(studio),
    "two": lambda studio, options: sharing.two_indexers(studio, options.rounds, options.seed),
    "merge": lambda studio, options: sharing.merge_and_index(studio, options.rounds, options.seed),
    "search": lambda studio, options: sharing.search_meanwhile(studio, options.rounds),
    "folder": lambda studio, options: vanishing.folder_goes(studio, options.rounds, options.seed),
    "mount": lambda studio, options: vanishing.mount_goes(studio, options.rounds, options.seed),
    "files": lambda studio, options: vanishing.files_go(studio, options.rounds, options.seed),
    "permission": lambda studio, options: vanishing.no_permission(studio),
    "no-files": lambda studio, options: vanishing.no_files(studio),
    "names": lambda studio, options: vanishing.strange_names(studio),
}
"""Name on the command line -> the fault. A new fault is a row here."""


def report(count: Count, seconds: float) -> None:
    """A row of the table, and what was found."""
    ends = ", ".join(f"{times} x {how}" for how, times in sorted(count.outcomes.items()))
    print(
        f"{count.name:<24}{count.runs:>6}{len(count.broken):>8}{seconds:>9.0f}  {ends}{'; ' if count.note else ''}{count.note}"
    )
    for text in count.broken[:10]:
        print(f"    FAULT {text}")
    sys.stdout.flush()


def main() -> int:
    """The command line; 1 where a fault did harm."""
    parser = argparse.ArgumentParser(prog="build.py bench faults", description=__doc__)
    parser.add_argument("--only", default=",".join(FAULTS), help=f"of {', '.join(FAULTS)}")
    parser.add_argument("--kills", type=int, default=100, help="how often indexing is killed; merging a quarter as often")
    parser.add_argument("--rounds", type=int, default=5, help="of everything else that goes by chance")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wanted = options.only.split(",")
    if unknown := set(wanted) - set(FAULTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(FAULTS)}")
    counts = []
    print(f"{'fault':<24}{'runs':>6}{'harm':>8}{'seconds':>9}  how the commands ended")
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        studio = Studio(Path(place).resolve())
        for name in wanted:
            begun = time.monotonic()
            count = FAULTS[name](studio, options)
            counts.append(count)
            report(count, time.monotonic() - begun)
        written = Count("folders written to", studio.untouched, broken=studio.written)
        counts.append(written)
        report(written, 0.0)
    if options.json:
        options.json.write_text(json.dumps([asdict(count) for count in counts], indent=1) + "\n", encoding="utf-8")
    return 1 if any(count.broken for count in counts) else 0


if __name__ == "__main__":
    sys.exit(main())
