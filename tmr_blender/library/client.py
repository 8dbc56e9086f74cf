# SPDX-License-Identifier: GPL-3.0-or-later
"""The parent's side of the worker: start it, send requests, read replies without ever blocking a window.

    client = Client.start()
    request = client.request("search", {"query": "a person waves", "libraries": [path], "limit": 20})
    ...                       # from a timer: reply = request.poll(), until request.done
    hits = request.wait(30)   # or block, in background mode and in scripts

Only the standard library is used here, so that a window pays nothing for importing it.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from .. import errors

PACKAGE = Path(__file__).resolve().parents[1]
CLOSE_SECONDS = 5.0
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Of NumPy's products, which are a matrix by a vector: a second thread spins beside torch's, and a search over 100,000 windows
took 25 instead of 17 ms with it."""


@dataclass(frozen=True)
class Reply:
    """One message of the worker about one request.

    kind: "progress" any number of times, then once "result" or "error".
    value: the progress fields, the result, or (for an error) the sentence.
    error: the class name in `tmr_blender.errors`, or "Defect" where the worker failed through a fault of ours.
    """

    kind: Literal["progress", "result", "error"]
    value: Any
    error: str = ""

    def raised(self) -> Exception:
        """The exception that an "error" reply stands for."""
        known = getattr(errors, self.error, None)
        if isinstance(known, type) and issubclass(known, errors.TMRError):
            return known(self.value)
        return RuntimeError(self.value)


class Request:
    """A request under way; made by `Client.request`."""

    def __init__(self, client: "Client", number: int) -> None:
        self._client = client
        self._replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self.number = number
        self.done = False
        """Whether the result or error has been taken by `poll` or `wait`."""

    def poll(self) -> Reply | None:
        """The next reply that has arrived, or None. Never blocks."""
        return self._next(None)

    def within(self, seconds: float) -> Reply | None:
        """The next reply, waiting for it for so long at most."""
        return self._next(seconds)

    def wait(self, timeout: float | None = None) -> Any:
        """Block until the result; progress on the way is dropped.

        Raises the worker's TMRError, TimeoutError after `timeout` seconds, RuntimeError for a fault of ours.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = 3600.0 if deadline is None else deadline - time.monotonic()
            reply = self._next(max(left, 0.0))
            if reply is None and deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"The search process did not answer within {timeout:g} seconds.")
            if reply is None or reply.kind == "progress":
                continue
            if reply.kind == "error":
                raise reply.raised()
            return reply.value

    def cancel(self) -> None:
        """Ask the worker to stop this request; what an index has stored stays. A reply still comes."""
        self._client._send({"cancel": self.number})

    def _next(self, timeout: float | None) -> Reply | None:
        if self.done:
            raise RuntimeError("This request has already been answered.")
        try:
            reply = self._replies.get_nowait() if timeout is None else self._replies.get(timeout=timeout)
        except queue.Empty:
            return None
        self.done = reply.kind != "progress"
        return reply


class Client:
    """A running worker process. One thread of this process reads its answers; nothing else is shared."""

    def __init__(self, process: "subprocess.Popen[str]", log: IO[bytes]) -> None:
        self._process = process
        self._log = log
        self._lock = threading.Lock()
        self._requests: dict[int, Request] = {}
        self._number = 0
        self._reader = threading.Thread(target=self._read, name="tmr-worker-reader", daemon=True)
        self._reader.start()

    @classmethod
    def start(
        cls, python: str = sys.executable, model: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> "Client":
        """Start a worker with the interpreter `python`; `model` is a folder of weights other than the default, `variables`
        are more of its environment.

        Returns at once: the worker loads torch at its first search. Raises OSError where `python` can't be run.
        """
        log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the client)
        try:
            process = subprocess.Popen(
                [python, "-m", f"{PACKAGE.name}.library.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                bufsize=1,
                env={**child_environment(model), **(variables or {})},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError:
            log.close()
            raise
        return cls(process, log)

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def idle(self) -> bool:
        """Whether it has answered before, and everything: what it needs is loaded, and nothing is in the way."""
        with self._lock:
            return self._number > 0 and not self._requests

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> Request:
        """Send a request; the answer is read from what is returned.

        Methods and their params are listed in `worker.METHODS`. A worker that has died answers with an error.
        """
        with self._lock:
            self._number += 1
            request = Request(self, self._number)
            self._requests[request.number] = request
        if not self._send({"id": request.number, "method": method, "params": dict(params or {})}):
            self._fail_all()
        return request

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """End the worker: its input is closed, which it obeys; after `timeout` seconds it is killed."""
        with contextlib.suppress(OSError), self._lock:
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.terminate()
        self._reader.join(CLOSE_SECONDS)
        self._log.close()

    def terminate(self) -> None:
        """Kill the worker now. A library it was writing stays whole."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> "Client":
        """The client itself; leaving closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _send(self, message: Mapping[str, Any]) -> bool:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            with self._lock:
                stdin.write(json.dumps(message) + "\n")
                stdin.flush()
        except (OSError, ValueError):  # the process has ended, or close() was called
            return False
        return True

    def _read(self) -> None:
        """Runs in the reader's thread until the worker's output ends."""
        stdout = self._process.stdout
        assert stdout is not None
        for line in stdout:
            message = json.loads(line)
            final = "progress" not in message
            with self._lock:
                request = self._requests.pop(message["id"], None) if final else self._requests.get(message["id"])
            if request is not None:
                request._replies.put(_reply(message))
        stdout.close()
        self._process.wait()
        self._fail_all()

    def _fail_all(self) -> None:
        """Answer every open request with the reason of the worker's end."""
        with self._lock:
            orphans, self._requests = list(self._requests.values()), {}
        for request in orphans:
            request._replies.put(Reply("error", self._last_words(), "Defect"))

    def _last_words(self) -> str:
        """The end of what the dead worker wrote on stderr, for a report."""
        words = ""
        if not self._log.closed:
            size = self._log.seek(0, os.SEEK_END)
            self._log.seek(max(size - 2000, 0))
            words = self._log.read().decode("utf-8", "replace").strip()
        return f"The search process ended unexpectedly (status {self._process.poll()}). {words}".strip()


def _reply(message: Mapping[str, Any]) -> Reply:
    if "progress" in message:
        return Reply("progress", message["progress"])
    if "error" in message:
        return Reply("error", message["error"]["message"], message["error"]["kind"])
    return Reply("result", message["result"])


def child_environment(model: Path | None = None) -> dict[str, str]:
    """The environment in which the child imports the very packages that this process sees.

    This package's parent comes last on the path: in an extension's folder its neighbours are other people's
    extensions, whose names must not hide a library.
    """
    places = [place for place in sys.path if place and Path(place).exists()]
    parent = str(PACKAGE.parent)
    unique = dict.fromkeys(place for place in places if place != parent)
    path = os.pathsep.join([*unique, parent])
    # Safe path: the folder that the parent happens to work in, a user's own, must not hide a module either.
    environment = {
        **os.environ,
        **dict.fromkeys(BLAS_THREADS, "1"),
        "PYTHONPATH": path,
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
    }
    if model is not None:
        environment["TMR_MODEL"] = str(model)
    return environment
