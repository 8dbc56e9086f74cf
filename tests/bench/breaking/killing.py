# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL at random times: while a changing folder is indexed, and while libraries are merged."""

import os
import shutil
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.breaking.studio import (
    BrokenError,
    Count,
    Studio,
    change,
    compare,
    contents,
    differing,
    gone_within,
    kill_group,
    started_by,
)
from tmr_blender.library.schema import DATABASE

MOTION = ("spans", "motion", "poses")


def while_indexing(studio: Studio, rounds: int, seed: int = 1) -> Count:
    """The whole group at once in one round, the command alone in the next: what it has started must end by itself."""
    count = Count("killed while indexing")
    chance = Random(seed)
    folder, library = studio.folder(studio.place / "killed"), studio.place / "killed-library"
    begun = time.monotonic()
    truth = contents_of_pool(studio)
    length = time.monotonic() - begun
    before: dict[str, Any] = {}
    away: set[Path] = set()
    while count.runs < rounds:
        process = studio.start("index", folder, "--library", library, "--json")
        begun, ended = time.monotonic(), True
        try:
            process.wait(chance.uniform(0.0, length))
            length = time.monotonic() - begun  # as long as such a run takes on the machine as it is now
        except subprocess.TimeoutExpired:
            length, ended = 1.05 * length, False
            count.runs += 1
        count.ended("had ended" if ended else "killed")
        started = started_by(process.pid)
        if count.runs % 2:
            kill_group(process)
        elif not ended:
            os.kill(process.pid, signal.SIGKILL)
        # Its readers have groups of their own; they hold its pipe, too, so they come first.
        count.expect("a process that it had started goes on", gone_within(started, 30.0))
        process.communicate()
        if (library / DATABASE).exists():
            count.attempt("after the kill", partial(_after, studio, library, before, truth, away))
        if not ended and (count.runs % 25 == 0 or count.runs == rounds):
            count.attempt("the next run", lambda: studio.same_as_in_one_go(library, folder))
            before, away = studio.whole(library), set()
        away |= change(studio, folder, chance, 12)
    count.note = f"{len(before)} takes in the end"
    return count


def contents_of_pool(studio: Studio) -> list[dict[str, Any]]:
    """What a library holds of each take of the pool."""
    path = studio.place / "pool-library"
    shutil.rmtree(path, ignore_errors=True)
    done = studio.index(studio.place / "pool", path)
    if done.code != 0:
        raise BrokenError(f"the pool can't be indexed: {done.err[-300:]}")
    return list(contents(path).values())


def _after(studio: Studio, library: Path, before: dict[str, Any], truth: list[dict[str, Any]], away: set[Path]) -> None:
    """Make `before` the contents now. Raises BrokenError where what was stored is gone or other, or what is stored is wrong."""
    now = studio.whole(library)
    for key, take in now.items():
        if all(differing(take, one, MOTION) for one in truth):
            raise BrokenError(f"{key} has vectors of none of the takes")
    for key, take in before.items():
        if Path(key.rpartition("#")[0]) in away:  # moved, removed or captioned by us
            continue
        if key not in now:
            raise BrokenError(f"{key} was stored and is lost")
        if parts := differing(now[key], take):
            raise BrokenError(f"{key} was stored and now differs in {', '.join(parts)}")
    before.clear()
    before.update(now)


def while_merging(studio: Studio, rounds: int, seed: int = 2) -> Count:
    """Two shards into one library."""
    count = Count("killed while merging")
    chance = Random(seed)
    folder = studio.folder(studio.place / "merged")
    shards = [studio.place / f"shard-{number}" for number in (1, 2)]
    for number, shard in enumerate(shards, 1):
        studio.run("index", folder, "--library", shard, "--shard", f"{number}/2")
    whole = {**contents(shards[0]), **contents(shards[1])}
    target = studio.place / "merge-target"
    begun = time.monotonic()
    studio.run("merge", *shards, "--into", target)
    length = time.monotonic() - begun
    for _ in range(rounds):
        count.runs += 1
        if chance.random() < 0.5:
            shutil.rmtree(target, ignore_errors=True)
        process = studio.start("merge", *shards, "--into", target)
        time.sleep(chance.uniform(0.3, 1.1) * length)
        count.ended("had ended" if process.poll() is not None else "killed")
        kill_group(process)
        if (target / DATABASE).exists():
            count.attempt("after the kill", lambda: _part(studio.whole(target), whole))
    count.ended(f"then {studio.run('merge', *shards, '--into', target).how}")
    count.attempt("the last merge", lambda: compare(studio.whole(target), whole, "the merged library and its shards"))
    return count


def _part(found: dict[str, Any], whole: dict[str, Any]) -> None:
    compare(found, {key: whole[key] for key in found}, "the part and the whole")
