# SPDX-License-Identifier: GPL-3.0-or-later
"""Several programs at one library: two that index, one that merges meanwhile, and many that search."""

import shutil
import time
from random import Random

from tests.bench.breaking.studio import Count, Studio, finish
from tmr_blender.library.search import search
from tmr_blender.library.store import Library


def two_indexers(studio: Studio, rounds: int, seed: int = 3) -> Count:
    """The second one is told, or comes so late that it may; the library is that of one run."""
    count = Count("two indexers")
    chance = Random(seed)
    folder, library = studio.folder(studio.place / "two"), studio.place / "two-library"
    for _ in range(rounds):
        count.runs += 1
        shutil.rmtree(library, ignore_errors=True)
        processes = []
        for _ in range(2):
            processes.append(studio.start("index", folder, "--library", library, "--json"))
            time.sleep(chance.choice((0.0, 0.0, 0.3, 1.0)))
        for done in map(finish, processes):
            count.ended(done.how)
            if done.code != 0:
                count.attempt("the second one", done.sentence)
        count.attempt("afterwards", lambda: studio.same_as_in_one_go(library, folder))
    return count


def merge_and_index(studio: Studio, rounds: int, seed: int = 4) -> Count:
    """Into one library at the same time."""
    count = Count("merge while indexing")
    chance = Random(seed)
    folder, library, other = studio.folder(studio.place / "both"), studio.place / "both-library", studio.place / "both-shard"
    studio.run("index", folder, "--library", other, "--shard", "1/2")
    for _ in range(rounds):
        count.runs += 1
        shutil.rmtree(library, ignore_errors=True)
        indexing = studio.start("index", folder, "--library", library, "--json")
        time.sleep(chance.uniform(0.0, 3.0))
        for name, done in (("merge", studio.run("merge", other, "--into", library)), ("index", finish(indexing))):
            count.ended(f"{name}: {done.how}")
            if done.code != 0:
                count.attempt(name, done.sentence)
        count.attempt("afterwards", lambda: studio.same_as_in_one_go(library, folder))
    return count


def search_meanwhile(studio: Studio, rounds: int) -> Count:
    """Open and search again and again while the library is made, and while it is compacted."""
    count = Count("search while indexing")
    folder, library = studio.folder(studio.place / "searched"), studio.place / "searched-library"
    for number in range(rounds):
        if number % 2:  # most files gone: what is left is compacted
            for path in sorted(folder.rglob("*.bvh"))[::4] + sorted(folder.rglob("*.bvh"))[1::4]:
                path.unlink()
        process = studio.start("index", folder, "--library", library, "--json")
        searches = 0
        while process.poll() is None:
            if (library / "library.sqlite").exists():
                count.runs += 1
                searches += 1
                count.attempt("a search meanwhile", lambda: _searched(studio, library))
            time.sleep(0.02)
        done = finish(process)
        count.ended(f"index: {done.how}")
        count.expect(done.err[-300:], done.code == 0)
        studio.folder(folder)
    count.attempt("afterwards", lambda: studio.same_as_in_one_go(library, folder))
    return count


def _searched(studio: Studio, library: object) -> None:
    opened = Library.open(str(library))
    if len(opened.entries):
        search([opened], "a person walks", studio.encoder, 5)
        opened.texts_of(0)
