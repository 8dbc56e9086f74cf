# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader processes: files are read side by side, and one that kills its reader costs its own line of the report.

A thread of this process looks after each child (`reader`): it hands it a file, waits, and takes what was read. A child
that crashes, is killed, takes too long or too much memory is replaced, and its file read once more, alone.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from ..errors import LibraryProblem
from ..motion.readers import COMPILED, blender_import
from ..tmr import threads
from .client import PACKAGE, child_environment
from .reader import OUTGROWN, READY, receive, send
from .reading import Defect, DefectError, Order, Reading, fault

MEMORY = 8 << 30
"""Bytes that one reader may take (of addresses on Linux, of resident memory on macOS; not bounded on Windows)."""
FILE_SECONDS = 60.0
"""How long a reader may take for a file, beside ..."""
SECONDS_A_MEGABYTE = 2.0
HELD_BYTES = 192 << 20
"""What has been read and waits for the library may take about so much memory before the readers wait, too."""
MOST_AHEAD = 512
"""... and be of so many files."""
# A pool costs its children's start, most of it the import of NumPy: not worth it for fewer bytes than are read meanwhile.
WORTH_BYTES = 4 << 20
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS")
GENTLE = 10
"""How nice the readers are to a window."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_jobs() -> int:
    """Readers for this machine: as many as the environment says, else most cores, the rest are the encoder's; both of two."""
    if (said := threads.chosen(threads.READERS)) is not None:
        return said
    return cores() if cores() <= 2 else cores() - cores() // 3


def seconds_for(order: Order) -> float:
    """How long a reader may take for the file."""
    # A file that ufbx can't read may go to a Blender, which has its own limit.
    other = blender_import.SECONDS if Path(order.file.path).suffix.lower() in COMPILED else 0.0
    return FILE_SECONDS + other + SECONDS_A_MEGABYTE * order.file.size / 2**20


class Pool:
    """A source (`reading.Source`) of `jobs` reader processes. gentle: they yield to whatever a person is doing."""

    ahead = MOST_AHEAD

    def __init__(self, jobs: int, gentle: bool = False, memory: int = MEMORY) -> None:
        self._orders: queue.SimpleQueue[tuple[Order, Future[Reading]] | None] = queue.SimpleQueue()
        self.spare = max(1, cores() - jobs)
        self._room = threading.Condition()
        self._held = 0
        self._readers = [_Reader(gentle, memory) for _ in range(jobs)]
        self._alone = _Alone()
        self._closing = False
        self._threads = [threading.Thread(target=self._serve, args=(reader,), daemon=True) for reader in self._readers]
        for thread in self._threads:
            thread.start()

    def submit(self, order: Order) -> "Future[Reading]":
        """Have the file read by the next reader that is free."""
        future: Future[Reading] = Future()
        self._orders.put((order, future))
        return future

    def take(self, ticket: "Future[Reading]", seconds: float) -> Reading | None:
        """What was read, or None after so many seconds. Raises DefectError, LibraryProblem where no reader can be started."""
        try:
            found = ticket.result(seconds)
        except LateError:
            return None
        self._hold(-found.bytes)
        return found

    def close(self) -> None:
        """End the readers, in the middle of a file if need be."""
        self._closing = True
        self._hold(0)
        for _ in self._threads:
            self._orders.put(None)
        for reader in self._readers:
            reader.end()
        for thread in self._threads:
            thread.join()
        for reader in self._readers:
            reader.end()  # one that was just being started

    def _serve(self, reader: "_Reader") -> None:
        """Runs in a thread for each reader."""
        while (job := self._next()) is not None:
            order, future = job
            try:
                found = self._read(reader, order)
            except Exception as error:  # noqa: BLE001 (raised again by `take`, in the thread that waits)
                future.set_exception(error)
                continue
            self._hold(found.bytes)
            future.set_result(found)

    def _next(self) -> "tuple[Order, Future[Reading]] | None":
        """The next order, once there is room for what it gives. Orders are begun as they came, so the one that all the
        others wait for is never among those that wait here."""
        with self._room:
            self._room.wait_for(lambda: self._held < HELD_BYTES or self._closing)
        job = self._orders.get()
        return None if self._closing else job

    def _hold(self, count: int) -> None:
        with self._room:
            self._held += count
            self._room.notify_all()

    def _read(self, reader: "_Reader", order: Order) -> Reading:
        try:
            with self._alone.beside_others():
                return reader.read(order)
        except _DiedError:
            if self._closing:
                return Reading(absent=True)
        try:
            # It may have been another file's hunger for memory, or the machine's: once more, with all others waiting.
            with self._alone.alone():
                return reader.read(order)
        except _DiedError as death:
            return Reading(error=fault(order.file, str(death)))


class _DiedError(Exception):
    """A reader has ended; the message is the reason, as a sentence about the file."""


class _Alone:
    """Lets many read at a time, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._reading = self._waiting = 0

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """Waits for those who want to be alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting)
            self._reading += 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until nobody reads, and lets nobody begin."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._reading)
            self._reading += 1
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._reading -= 1
            self._changed.notify_all()


class _Reader:
    """One child process, started when it is first needed and again after it has died."""

    def __init__(self, gentle: bool, memory: int) -> None:
        self._gentle, self._memory = gentle, memory
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._ended = self._late = False

    def read(self, order: Order) -> Reading:
        """Have the child read the file. Raises _DiedError, and DefectError for a fault of ours."""
        process = self._started()
        seconds = seconds_for(order)
        self._late = False
        watch = threading.Timer(seconds, self._too_late)
        watch.daemon = True
        watch.start()
        try:
            send(cast(IO[bytes], process.stdin), (order, seconds))
            answer = receive(cast(IO[bytes], process.stdout))
        except OSError:
            answer = None
        finally:
            watch.cancel()
        if answer is None:
            self._kill()
            status = process.wait()
            self._process = None
            raise _DiedError(self._reason(status, seconds))
        if isinstance(answer, Defect):
            raise DefectError(answer.text)
        return answer

    def end(self) -> None:
        """Kill the child; it is not started again."""
        with self._starting:
            self._ended = True
        self._kill()

    def _started(self) -> "subprocess.Popen[bytes]":
        """The child, started if need be. Raises LibraryProblem where that fails."""
        with self._starting:
            if self._ended:
                raise _DiedError("Reading was stopped.")
            if self._process is not None:
                return self._process
            try:
                process = self._process = _start(self._gentle, self._memory)
            except OSError as error:
                raise _no_start(str(error)) from error
        if receive(cast(IO[bytes], process.stdout)) != READY:
            self._kill()
            status = process.wait()
            self._process = None
            raise _DiedError("Reading was stopped.") if self._ended else _no_start(f"status {status}")
        return process

    def _too_late(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        process = self._process
        if process is None:
            return
        if hasattr(os, "killpg"):  # with a Blender that it may have started
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()

    def _reason(self, status: int, seconds: float) -> str:
        if self._late:
            return f"Reading it took more than {seconds:.0f} seconds."
        if status == OUTGROWN:
            return f"Reading it took more than {self._memory / 2**30:.3g} GiB of memory."
        if status < 0 and -status == getattr(signal, "SIGKILL", 0):
            return "What read it was killed, perhaps for want of memory."
        how = signal.Signals(-status).name if -status in set(signal.Signals) else f"status {status}"
        return f"It makes what reads it crash ({how}): the file is damaged, or that is a fault worth reporting."


def _no_start(reason: str) -> LibraryProblem:
    return LibraryProblem(f"A process that reads files could not be started ({reason}). Index with `--jobs 1`.")


def _start(gentle: bool, memory: int) -> "subprocess.Popen[bytes]":
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        flags |= subprocess.BELOW_NORMAL_PRIORITY_CLASS if gentle else 0
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", f"{PACKAGE.name}.library.reader", str(memory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**child_environment(), **dict.fromkeys(THREADS, "1")},
        creationflags=flags,
        start_new_session=sys.platform != "win32",  # Ctrl-C is for the parent, which ends its readers
    )
    if gentle and hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, GENTLE)
    return process
