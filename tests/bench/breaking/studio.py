# SPDX-License-Identifier: GPL-3.0-or-later
"""A studio for breaking things in: folders of takes that change, the real command line, and what a library must hold."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.library.takes import write_take
from tests.tiny_model import make
from tmr_blender.library.search import search
from tmr_blender.library.store import Library
from tmr_blender.library.upkeep import check
from tmr_blender.tmr.encoders import TextEncoder

ROOT = Path(__file__).resolve().parents[3]
POOL = 40
"""Different takes; files are copies of them."""
WAIT = 300.0
"""Seconds after which a command counts as one that hangs."""


class BrokenError(Exception):
    """A fault that was found; the text says which."""


@dataclass
class Count:
    """What happened in one kind of fault. runs: how often it was caused. outcomes: how the commands ended.

    broken: what must not be.
    """

    name: str
    runs: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    note: str = ""

    def ended(self, how: str) -> None:
        """Count one ending."""
        self.outcomes[how] = self.outcomes.get(how, 0) + 1

    def expect(self, what: str, good: bool) -> None:
        """Note down what must not be."""
        if not good:
            self.broken.append(f"run {self.runs}: {what}")

    def attempt(self, what: str, action: Callable[[], object]) -> None:
        """Do what may raise BrokenError or anything else, all of which is noted down."""
        try:
            action()
        except Exception as problem:  # noqa: BLE001 - whatever goes wrong is what is looked for
            self.broken.append(f"run {self.runs}: {what}: {type(problem).__name__}: {str(problem)[:300]}")


@dataclass(frozen=True)
class Done:
    """A command that has ended. code: negative for a signal, None where it had to be ended after `WAIT`."""

    code: int | None
    out: str
    err: str

    @property
    def how(self) -> str:
        """In a few words."""
        return "hung" if self.code is None else f"exit {self.code}"

    def sentence(self) -> str:
        """The one line of an exit with 2. Raises BrokenError where it is none."""
        lines = [line for line in self.err.strip().splitlines() if not line.startswith("left out:")]
        if self.code != 2 or len(lines) != 1 or not lines[0].endswith("."):
            raise BrokenError(f"{self.how} instead of one sentence and 2: {self.err[-300:]!r}")
        return lines[0]


class Studio:
    """A place with a model, a pool of takes, and commands to run."""

    def __init__(self, place: Path, pool: int = POOL) -> None:
        self.place = place
        self.model = make(place / "model")
        self.pool = [self._take(place / "pool" / f"{number:02}.bvh", number) for number in range(pool)]
        self.untouched = 0
        self.written: list[str] = []

    @cached_property
    def encoder(self) -> TextEncoder:
        """For searches in this process."""
        return TextEncoder(self.model, threads=1)

    def _take(self, path: Path, number: int) -> Path:
        """A take that is long in seconds and short in bytes, so that there are many commits: at two frames a second."""
        kinds = ("walks", "jumps", "stands")
        write_take(path, [(kinds[number % 3], 1.0), (kinds[number // 3 % 3], 1.0 + 0.05 * number)])
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("Frame Time: 0.03333333", "Frame Time: 0.5"), encoding="utf-8")
        return path

    def copy(self, folder: Path, name: str, number: int) -> None:
        """Put a take of the pool into a folder."""
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.pool[number % len(self.pool)], folder / name)

    def folder(self, path: Path, count: int | None = None) -> Path:
        """A folder of takes (as many as the pool has), some in folders of their own and some with captions."""
        for number in range(len(self.pool) if count is None else count):
            name = f"{number % 5}/walk_{number:02}.bvh"
            self.copy(path, name, number)
            if number % 7 == 0:
                (path / name).with_suffix(".txt").write_text(f"a person walks, number {number}\n", encoding="utf-8")
        return path

    def start(self, *arguments: str | Path, limits: Callable[[], None] | None = None) -> "subprocess.Popen[str]":
        """The command line in a process group of its own."""
        command = [sys.executable, "-m", "tmr_blender", *map(str, arguments)]
        if arguments[0] in ("index", "search"):
            command += ["--model", str(self.model), "--threads", "1"]
        pipe = subprocess.PIPE
        variables = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(
            command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True, preexec_fn=limits, env=variables
        )

    def run(self, *arguments: str | Path, limits: Callable[[], None] | None = None) -> Done:
        """The command line, to its end."""
        return finish(self.start(*arguments, limits=limits))

    def index(self, folder: Path, library: Path, limits: Callable[[], None] | None = None) -> Done:
        """Index, and see that the folder is not written to."""
        before = listing(folder)
        done = self.run("index", folder, "--library", library, "--json", limits=limits)
        if before != listing(folder):
            self.written.append(f"{folder} was changed")
        self.untouched += 1
        return done

    def whole(self, library: Path) -> dict[str, Any]:
        """The contents of a library without a fault, in which a search finds something. Raises BrokenError."""
        health = check(library)
        if health.faults:
            raise BrokenError(" ".join(health.faults))
        found = contents(library)
        if found:
            hits = search([Library.open(library)], "a person walks", self.encoder, 5)
            if not hits or not all(hit.path and 0.0 <= hit.score <= 1.0 for hit in hits):
                raise BrokenError("a search finds nothing")
        return found

    def same_as_in_one_go(self, library: Path, folder: Path) -> None:
        """Index to the end, and compare with a library made in one run. Raises BrokenError."""
        done = self.index(folder, library)
        if done.code != 0:
            raise BrokenError(f"the next run does not complete: {done.how} {done.err[-300:]}")
        fresh = self.place / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        if self.index(folder, fresh).code != 0:
            raise BrokenError("a library in one run could not be made")
        compare(self.whole(library), self.whole(fresh), "the library and one made in one run")


def finish(process: "subprocess.Popen[str]") -> Done:
    """Wait for a command; its whole group is ended where it hangs."""
    try:
        out, err = process.communicate(timeout=WAIT)
    except subprocess.TimeoutExpired:
        kill_group(process)
        return Done(None, "", "")
    return Done(process.returncode, out, err)


def kill_group(process: "subprocess.Popen[str]") -> None:
    """SIGKILL to the command and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def started_by(process: int) -> list[int]:
    """The processes that it has started, and those that they have."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(place.parent.name)] = int(place.read_text().rpartition(")")[2].split()[1])
    found = [process]
    for number in found:
        found += [child for child, parent in parents.items() if parent == number]
    return found[1:]


def alive(process: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_within(processes: Sequence[int], seconds: float) -> bool:
    """Whether they all end by themselves in that time; those that do not are ended."""
    end = time.monotonic() + seconds
    while left := [number for number in processes if alive(number)]:
        if time.monotonic() > end:
            for number in left:
                os.kill(number, signal.SIGKILL)
            return False
        time.sleep(0.1)
    return True


def listing(folder: Path) -> dict[str, tuple[int, ...]]:
    """Everything below a folder with its size, times, owner and mode; times of access aside."""
    out = {}
    for place, _, names in os.walk(folder):
        for path in (Path(place), *(Path(place) / name for name in names)):
            status = path.lstat()
            kept = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_uid, status.st_ino)
            out[str(path)] = kept
    return out


def contents(path: Path) -> dict[str, Any]:
    """All that is stored of every take, by file and number: what was measured, said, and the vectors and poses."""
    library = Library.open(path)
    facts = library.facts(range(len(library.entries)))
    windows, out = library.windows, {}
    for number, entry in enumerate(library.entries):
        rows = slice(*windows.first[number : number + 2])
        texts = library.texts_of(number)
        out[f"{entry.path}#{entry.take}"] = {
            "plain": [entry.name, entry.fps, entry.duration, entry.convention, sorted(entry.tags), json.dumps(facts[number])],
            "spans": windows.start[rows].tolist() + windows.end[rows].tolist(),
            "motion": np.array(library.motion[windows.row[rows]]),
            "texts": sorted((text.text, text.kind, str(text.start), str(text.end)) for text in texts),
            "text": np.array([library.text[text.row] for text in sorted(texts, key=lambda text: (text.text, text.kind))]),
            "poses": np.array(library.poses(number)),
        }
    return out


def compare(found: dict[str, Any], wanted: dict[str, Any], what: str) -> None:
    """Raise BrokenError unless two contents are the same; vectors to what the order of additions may change."""
    if set(found) != set(wanted):
        raise BrokenError(f"{what} hold other takes: {sorted(set(found) ^ set(wanted))[:3]}")
    for key, take in wanted.items():
        if differences := differing(found[key], take):
            raise BrokenError(f"{what} differ in {', '.join(differences)} of {key}")


def differing(one: dict[str, Any], other: dict[str, Any], keys: Sequence[str] = ()) -> list[str]:
    """In which of its parts a take is not the same."""
    return [
        key
        for key in keys or other
        if (isinstance(other[key], np.ndarray) and not _close(one[key], other[key]))
        or (not isinstance(other[key], np.ndarray) and one[key] != other[key])
    ]


def _close(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, atol=1e-4))


def change(studio: Studio, folder: Path, chance: Random, times: int) -> set[Path]:
    """Add, rename, move, remove, rewrite and touch takes, and write captions; the files that were there and no longer are."""
    away: set[Path] = set()
    for _ in range(times):
        paths = sorted(folder.rglob("*.bvh"))
        path = chance.choice(paths)
        match chance.randrange(7):
            case 0 if len(paths) > 20:
                path.unlink()
                away.add(path)
            case 1 | 2:
                place = folder / str(chance.randrange(6))
                place.mkdir(exist_ok=True)
                path.rename(place / f"moved_{chance.randrange(10**6)}.bvh")
                away.add(path)
            case 3:
                os.utime(path, (chance.randrange(10**9), chance.randrange(10**9)))
            case 4:
                path.with_suffix(".txt").write_text(f"someone jumps {chance.randrange(9)}\n", encoding="utf-8")
                away.add(path)
            case _:
                studio.copy(folder, f"{chance.randrange(6)}/new_{chance.randrange(10**6)}.bvh", chance.randrange(POOL))
    return away
