# SPDX-License-Identifier: GPL-3.0-or-later
"""A child process that reads motion files for `pool`: orders over stdin, what was read over stdout.

Both ends are this package, of one version, on one machine: messages are pickles of `reading.Order` and `reading.Reading`
behind their length. The child ends with its input, and so with its parent, however that ended, and in the middle of a file.
"""

import faulthandler
import os
import pickle
import queue
import signal
import struct
import sys
import threading
import time
import traceback
from typing import IO, Any

from .reading import Defect, Order, Reading, read

LENGTH = struct.Struct("<Q")
OUTGROWN = 77
"""Exit status of a reader that has taken more memory than it may."""
READY = "ready"
"""The first message, without an order."""
WATCH_SECONDS = 0.25
GRACE_SECONDS = 10.0
"""The parent ends a reader that takes too long; where it is no longer there to do it, the reader ends so much later."""


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message. Raises OSError where nobody listens any more."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one message; None where the stream has ended, even amid a message."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        return None
    return pickle.loads(data)  # noqa: S301 (from a process of ours over a pipe of ours, never from a file)


def main(memory: int) -> None:
    """Serve until stdin ends. memory: bytes that the process may take."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not get among the answers
    _bound(memory)
    send(output, READY)
    orders: queue.SimpleQueue[tuple[Order, float]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    while True:
        order, seconds = orders.get()
        faulthandler.dump_traceback_later(seconds + GRACE_SECONDS, exit=True)
        answer = _answer(order)
        faulthandler.cancel_dump_traceback_later()
        try:
            send(output, answer)
        except OSError:
            _end()


def _answer(order: Order) -> Reading | Defect:
    try:
        return read(order)
    except Exception:  # noqa: BLE001 (a defect of ours: it is raised again in the process that writes)
        return Defect(traceback.format_exc())


def _listen(orders: "queue.SimpleQueue[tuple[Order, float]]") -> None:
    """Runs in a thread of its own, so that the end of the input is noticed while a file is read."""
    while (order := receive(sys.stdin.buffer)) is not None:
        orders.put(order)
    _end()


def _end() -> None:
    """End this process and all that it started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():  # it leads a group of its own
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _bound(memory: int) -> None:
    """Let no file take more memory than that: an allocation fails, or the process ends; see `pool.MEMORY`."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
        return
    # Elsewhere the limit on addresses is not kept; the peak of resident memory is watched instead.
    unit = 1 if sys.platform == "darwin" else 1024

    def watch() -> None:
        while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit <= memory:
            time.sleep(WATCH_SECONDS)
        os._exit(OUTGROWN)  # the parent ends what else there is

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
