# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching libraries of 100,000 and of a million windows of real motion, through the worker process as Blender does.

The libraries are made by `python build.py bench million --windows 100000`, and the same for 1000000 (see million.py); rows of
one that has not been made are left out. Times are medians over all queries, text encoding and the pipe included.
"""

import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import figures
from figures import Figure

MADE = Path(__file__).resolve().parents[2] / ".cache" / "million"
GOALS = {100_000: 0.015, 1_000_000: 0.060}
"""Windows -> seconds a query may take."""
MEMORY = 1e9
FIRST = 3.0
LIMIT = 20
REPEATS = 5
QUERIES = (
    "walk",
    "cartwheel",
    "a person walks forward",
    "someone limps, then sits down",
    "a man kicks with the right leg and then turns around to the left",
    "a person waves with both hands while standing, then crosses the arms and walks away slowly",
    "someone dances, spinning on the spot with raised arms",
    "an old man climbs stairs holding a rail",
    "Take_00123",
    "final",
    "xyzzy plugh",
)
FILTERS: tuple[Mapping[str, Any], ...] = (
    {"duration": {"min": 5.0, "max": 60.0}, "tag": ["walk"]},
    {"captioned": True, "speed": {"min": 0.5}},
    {"folder": ["session_49", "session_05"]},
    {"turn": {"min": 180.0}, "travel": {"max": 5.0}, "skeleton": ["mixamo"], "loopable": False},
)


def places() -> Iterator[tuple[int, Path]]:
    """The libraries that have been made, by their size."""
    for size in GOALS:
        place = MADE / f"library-{size}"
        if (place / "library.sqlite").is_file():
            yield size, place
        else:
            print(f"left out: {place}, which `python build.py bench million --windows {size}` makes")


def median(worker: Any, libraries: list[Path], filters: Mapping[str, Any] | None = None) -> float:
    """Seconds a query takes, each asked once uncounted."""
    taken = []
    for query in QUERIES:
        params = {"query": query, "libraries": [str(path) for path in libraries], "limit": LIMIT, "filters": filters}
        worker.request("search", params).wait(120)
        for _ in range(REPEATS):
            start = time.perf_counter()
            worker.request("search", params).wait(120)
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def memory(pid: int) -> dict[str, float] | None:
    """Bytes of a process that are in memory: {"VmRSS": all, "RssAnon": those of no file, "VmHWM": the most so far}."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        return None
    rows = dict(line.split(":", 1) for line in lines if ":" in line)
    return {key: float(rows[key].split()[0]) * 1024.0 for key in ("VmRSS", "RssAnon", "VmHWM")}


def first(place: Path, sketched: bool) -> float:
    """Seconds from starting the worker to its first answer: Python, torch, weights, library. The disk's cache is warm."""
    if not sketched:
        for kept in place.glob("sketch-*"):
            kept.unlink()
    start = time.perf_counter()
    with figures.ours("library.client").Client.start() as worker:
        worker.request("search", {"query": QUERIES[2], "libraries": [str(place)], "limit": LIMIT}).wait(120)
        return time.perf_counter() - start


def differing(place: Path) -> tuple[int, float]:
    """How many of the best takes differ from those of comparing all vectors, and the seconds that comparing takes."""
    scores: Any = figures.ours("library.scores")
    search = figures.ours("library.search").search
    library, encoder = figures.ours("library.store").Library.open(place), figures.ours("tmr.encoders").TextEncoder()
    threshold, wrong, taken = scores.SKETCHED, 0, []
    for filters in (None, *FILTERS):
        for query in QUERIES:
            found = []
            for scores.SKETCHED in (0, len(library.windows.row)):
                start = time.perf_counter()
                hits = search([library], query, encoder, LIMIT, filters)
                taken.append(time.perf_counter() - start)
                # Sums of float32 in another order differ in the last digits, so equals may trade places.
                found.append({(hit.entry, hit.start, hit.end) for hit in hits})
            wrong += len(found[0] ^ found[1])
    scores.SKETCHED = threshold
    return wrong, statistics.median(taken[1::2])


def rows_of(size: int, place: Path) -> list[Figure]:
    """All figures of one library."""
    wrong, whole = differing(place)
    asked = len(QUERIES) * (1 + len(FILTERS))
    name, goal = f"{size:,} windows", GOALS[size]
    made = [Figure(f"search {name}: hits of {asked} queries unlike comparing all", float(wrong), "hits", None, 0.0)]
    made.append(Figure(f"first search, {name}, no sketch kept", first(place, sketched=False), "s", None, FIRST))
    made.append(Figure(f"first search, {name}", first(place, sketched=True), "s", None, FIRST))
    with figures.ours("library.client").Client.start() as worker:
        taken = median(worker, [place])
        made.append(Figure(f"search {name}; baseline: comparing all", taken, "s", whole, goal))
        for filters in FILTERS:
            made.append(
                Figure(f"search {name}, filters {', '.join(filters)}", median(worker, [place], filters), "s", None, goal)
            )
        held = memory(worker.request("status").wait(10)["pid"])
    if held is not None:
        made.append(Figure(f"memory of the worker, {name}", held["VmRSS"], "B", None, MEMORY))
        made.append(Figure(f"... at most so far, {name}", held["VmHWM"], "B", None, MEMORY))
        made.append(Figure(f"... without pages of files, {name}", held["RssAnon"], "B", None, MEMORY))
    return made


def rows() -> list[Figure]:
    """Of all libraries that have been made, each alone and then together."""
    found = list(places())
    made = [row for size, place in found for row in rows_of(size, place)]
    if len(found) > 1:
        with figures.ours("library.client").Client.start() as worker:
            together = [place for _, place in found]
            made.append(Figure("search both libraries as one", median(worker, together), "s", None, sum(GOALS.values())))
    return made


def main() -> int:
    """Measure and report."""
    figures.enable()
    return figures.finish(rows(), f"{len(QUERIES)} queries, the best {LIMIT}, {os.cpu_count()} processors.")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Blender 4.5 as a module hangs at a normal exit
