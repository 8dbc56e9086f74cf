# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexing, re-encoding and getting public libraries in a process of its own, which goes on when its starter ends.

    job = start(place, library, folder)    # at once; the process loads the networks and works
    job = look(place)                      # from a timer, or from another program later: where it stands, or None
    stop(place)                            # it ends soon, and keeps what it has done
    forget(place)                          # once its result has been read

`place` is a folder that holds what is known about the job, never the one with the motions: `job.json`, replaced as a whole at
most ten times a second; `job.stop`, which asks it to end; `job.log`, what its libraries print. A lock tells a process that
works from one that has died, whatever the number of processes since. One job at a time has a place, and the library's own lock
keeps every other writer out.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, Literal, get_args

from .. import errors
from ..errors import LibraryProblem, TMRError
from .client import PACKAGE, child_environment
from .schema import DATABASE, LOCK, lock, model_of
from .sources import Source, from_text

STATUS, STOP, LOG = "job.json", "job.stop", "job.log"
START_SECONDS = 30.0
"""How long a process may take before it has its lock."""
SHOWN_ERRORS = 5
"""Sentences about files that a result carries; the library holds them all."""
GIVE_UP_SECONDS = 5.0
"""How long the status is tried to be written, or the lock to be had, while another program looks at it."""

Task = Literal["index", "reencode", "get"]
Stage = Literal["start", "download", "unpack", "index", "reencode"]


@dataclass(frozen=True)
class Job:
    """What is known about a job.

    task: what was asked for; "get" ends with an index. stage: what it does now, "start" until it has begun. folder: of the
    motions. started: seconds since 1970. progress: of `index.Progress`, `reencode.Progress` or `getting.Progress`, or None.
    result: the same of the end, of an index with "failed", how many files could not be read, and "errors", the first sentences
    about them. problem: the sentence where it failed, and kind: the class of `errors`, or "Defect" for a fault of ours.
    alive: whether the process works.
    """

    id: str
    task: Task
    library: str
    folder: str
    pid: int
    started: float
    stage: Stage = "start"
    progress: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    problem: str = ""
    kind: str = ""
    alive: bool = True

    def raised(self) -> Exception | None:
        """The exception that its end stands for; None while it works and where it has a result."""
        if self.alive or self.result is not None:
            return None
        known = getattr(errors, self.kind, None)
        if isinstance(known, type) and issubclass(known, TMRError):
            return known(self.problem)
        if self.kind:
            return RuntimeError(self.problem)
        work = {"index": "Indexing", "reencode": "Re-encoding the library of", "get": "Getting"}
        what = f"{work[self.task]} {self.folder}"
        return LibraryProblem(f"{what} was cut off: its process has ended. What it had done is kept; start it again to go on.")


_started: dict[str, "subprocess.Popen[Any]"] = {}
"""Processes that this one has started, by the job's id: to be asked for their end, or they would stay zombies."""


def start(
    place: Path,
    library: Path,
    folder: Path,
    task: Task = "index",
    python: str = sys.executable,
    variables: Mapping[str, str] | None = None,
    model: Path | None = None,
    gentle: bool = True,
    source: Source | None = None,
) -> Job:
    """Start bringing the library of `folder` up to date, encoding it anew first where it is of another model; or only that.

    A job that is under way here already is returned as it is. python, model: as in `client.Client.start`; variables: more of
    the environment; gentle: it stands back behind other programs. source: for "get", the public library that is downloaded to
    `folder` first. Raises OSError where the process can't be started.
    """
    held = look(place)
    if held is not None and held.alive:
        return held
    forget(place)
    place.mkdir(parents=True, exist_ok=True)
    job = Job(uuid.uuid4().hex, task, str(library), str(folder), 0, time.time())
    own = ["--id", job.id, "--place", str(place), "--library", str(library), "--folder", str(folder), "--task", task]
    own += ["--gentle"] if gentle else []
    own += ["--source", source.as_text()] if source is not None else []
    with (place / LOG).open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", f"{PACKAGE.name}.library.detached", *own],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place,
            env={**child_environment(model), **(variables or {})},
            **_apart(gentle),
        )
    _started[job.id] = process
    job = replace(job, pid=process.pid)
    if look(place) is None:  # unless it was quicker
        _write(place, job)
    return job


def _apart(gentle: bool) -> dict[str, Any]:
    """What makes a process outlive this one."""
    if sys.platform == "win32":
        names = ("DETACHED_PROCESS", "CREATE_NEW_PROCESS_GROUP", *(("BELOW_NORMAL_PRIORITY_CLASS",) if gentle else ()))
        return {"creationflags": sum(getattr(subprocess, name) for name in names)}
    return {"start_new_session": True}


def look(place: Path) -> Job | None:
    """Where the job of a place stands, None where there is none. Never waits."""
    job = _read(place)
    if job is None or not job.alive:
        return job
    process = _started.get(job.id)
    ended = process is not None and process.poll() is not None
    if not ended and (_locked(place) or (job.stage == "start" and 0.0 <= time.time() - job.started < START_SECONDS)):
        return job
    job = _read(place)  # it may have ended between the two looks
    return replace(job, alive=False) if job is not None else None


def stop(place: Path) -> None:
    """Ask the job to end; what it has stored stays."""
    job = _read(place)
    if job is not None and job.alive:
        with contextlib.suppress(FileNotFoundError):  # it has ended, and another program has taken its result
            (place / STOP).write_text(job.id, encoding="utf-8")


def forget(place: Path) -> None:
    """Remove what is known about a job that has ended, and the place itself if nothing else is in it."""
    for name in (STATUS, STOP, LOG, STATUS + ".new", LOCK, LOCK + "-journal"):
        with contextlib.suppress(OSError):  # on Windows: being looked at by another program this moment
            (place / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        place.rmdir()


def _read(place: Path) -> Job | None:
    try:
        held = json.loads((place / STATUS).read_text(encoding="utf-8"))
        return Job(**held)
    except (OSError, ValueError, TypeError):
        return None


def _write(place: Path, job: Job) -> bool:
    """Replace the status as a whole. Returns whether that could be done: on Windows not while it is being read."""
    draft = place / (STATUS + ".new")
    try:
        draft.write_text(json.dumps(asdict(job)), encoding="utf-8")
        draft.replace(place / STATUS)
    except OSError:
        return False
    return True


def _locked(place: Path) -> bool:
    """Whether a process holds the place's lock (see `schema.lock`)."""
    path = place / LOCK
    if not path.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(path.as_uri() + "?mode=ro", uri=True, timeout=0.0)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    return False


class _Run:
    """The job, in its own process."""

    def __init__(self, place: Path, job: Job, gentle: bool, source: Source | None = None) -> None:
        self.place, self.job, self.gentle, self.source = place, job, gentle, source
        self.asked = threading.Event()
        self.looked = 0.0

    def stopped(self) -> bool:
        """Whether somebody has asked it to end: by the file, looked at now and then, or by a signal."""
        if time.monotonic() - self.looked > 0.1:
            self.looked = time.monotonic()
            try:
                if (self.place / STOP).read_text(encoding="utf-8") == self.job.id:
                    self.asked.set()
            except OSError:
                pass  # nobody has asked
        return self.asked.is_set()

    def signalled(self, _signal: int, _frame: FrameType | None) -> None:
        """A logging-off session, or a person, ends the process: cleanly."""
        self.asked.set()

    def tell(self, **changes: Any) -> bool:
        """Bring the status up to date."""
        self.job = replace(self.job, **changes)
        return _write(self.place, self.job)

    def run(self) -> None:
        """Work, and leave the outcome in the status."""
        try:
            self.tell()
            outcome: dict[str, Any] = {"result": self.work()}
        except TMRError as error:
            outcome = {"problem": str(error), "kind": type(error).__name__}
        except Exception as error:  # noqa: BLE001 (a defect of ours: its traceback is in the log, and the window says so)
            traceback.print_exc()
            outcome = {"problem": f"{type(error).__name__}: {error}", "kind": "Defect"}
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while not self.tell(**outcome, alive=False) and time.monotonic() < deadline:
            time.sleep(0.05)

    def work(self) -> dict[str, Any]:
        """Get what is public, encode anew what is of another model, and index; the result."""
        if self.source is not None:
            from .driving import reported
            from .getting import get

            step = reported(get(self.source, Path(self.job.folder)), lambda step: self.report(step.stage, step), self.stopped)
            if step.stopped:
                return step.as_json()
        return self.indexed()

    def indexed(self) -> dict[str, Any]:
        """Encode anew what is of another model, and index; the result."""
        from ..tmr.encoders import MotionEncoder, TextEncoder
        from .driving import reported
        from .index import index
        from .reencode import reencode

        motion, text = MotionEncoder(), TextEncoder()
        library = Path(self.job.library)
        new = not (library / DATABASE).exists()
        result: dict[str, Any] = {}
        if self.job.task == "reencode" or (not new and model_of(library) not in ("", motion.model_id)):
            step = reported(reencode(library, motion, text), lambda step: self.report("reencode", step), self.stopped)
            result = step.as_json()
            if step.stopped or self.job.task == "reencode":
                return result
        run = index(library, self.job.folder, motion, text, gentle=self.gentle)
        last = reported(run, lambda step: self.report("index", step), self.stopped).as_json()
        broken = _unread(last.pop("errors"))
        if len(broken) >= last["total"] > 0:
            if new:
                shutil.rmtree(library, ignore_errors=True)
            raise LibraryProblem(f"No motion in {self.job.folder} could be read. {broken[0]}")
        os.utime(library / DATABASE)  # when it was last known to be up to date
        return {**last, "failed": len(broken), "errors": broken[:SHOWN_ERRORS]}

    def report(self, stage: Stage, step: Any) -> None:
        """Progress into the status, of sentences about motions their number only: a studio's folder may have thousands."""
        told = step.as_json()
        if "errors" in told:
            told["errors"] = len(_unread(told["errors"]))
        self.tell(stage=stage, progress=told)


def _unread(listed: Sequence[tuple[str, str]]) -> list[str]:
    """The sentences about motions, not about sidecars and folders."""
    from ..motion import readers

    return [sentence for path, sentence in listed if Path(path).suffix.lower() in readers.SUFFIXES]


def _own_lock(place: Path) -> sqlite3.Connection | None:
    """The place's lock, or None where another job has it. Others look whether it is held, each for a moment."""
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            return lock(place)
        except LibraryProblem:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)


def main(arguments: Sequence[str] | None = None) -> int:
    """The process: work under the place's lock. 1 where another job has it; that one's status stays."""
    parser = argparse.ArgumentParser("tmr_blender.library.detached")
    for name in ("--id", "--place", "--library", "--folder"):
        parser.add_argument(name, required=True)
    parser.add_argument("--task", choices=get_args(Task), required=True)
    parser.add_argument("--gentle", action="store_true")
    parser.add_argument("--source", type=from_text)
    options = parser.parse_args(arguments)
    place = Path(options.place)
    held = _own_lock(place)
    if held is None:
        return 1
    with contextlib.closing(held):
        if options.gentle and sys.platform != "win32":
            os.nice(5)
        job = Job(options.id, options.task, options.library, options.folder, os.getpid(), time.time())
        run = _Run(place, job, options.gentle, options.source)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, run.signalled)
        run.run()
    sys.stdout.flush()
    sys.stderr.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
