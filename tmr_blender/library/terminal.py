# SPDX-License-Identifier: GPL-3.0-or-later
"""What long commands have in common: a line of progress, and a Ctrl-C that lets them end in good order."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""The exit status of what Ctrl-C has ended."""
LINE = 110
"""Characters of the progress line."""


def show_line(line: str) -> None:
    """A line that the next one overwrites, where a person watches."""
    if sys.stdout.isatty():
        print("\r" + line[:LINE].ljust(LINE), end="" if line else "\r", flush=True)


@contextmanager
def interrupt_flag() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets instead of raising KeyboardInterrupt."""
    flag = threading.Event()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        flag.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)
