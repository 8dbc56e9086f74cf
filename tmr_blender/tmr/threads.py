# SPDX-License-Identifier: GPL-3.0-or-later
"""How many threads the networks run on while other processes of ours want the cores as well."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

THREADS, READERS = "TMR_THREADS", "TMR_READERS"
"""Variables of the environment: the most threads of the networks, and how many processes read files for an index."""
MOST = 1024

_held: int | None = None


@contextmanager
def limited(count: int) -> Iterator[None]:
    """At most `count` threads inside; torch is not imported for it, and where it is imported inside, `held` tells.

    Threads of one matrix product wait for each other in a spin: where they share their cores with processes that
    are as busy, two of them are several times slower than one.
    """
    global _held
    torch = sys.modules.get("torch")
    if not hasattr(torch, "set_num_threads"):
        torch = None  # not imported, or half: another thread is at it, and asks `held` as soon as it has it
    before = torch.get_num_threads() if torch else 0
    outer, _held = _held, count
    try:
        if torch is not None and before > count:
            torch.set_num_threads(count)
        yield
    finally:
        _held = outer
        if torch is not None and before > count:
            torch.set_num_threads(before)


def held() -> int | None:
    """The most threads that a network loaded now may run on, None for as many as torch likes."""
    limits = [limit for limit in (_held, chosen(THREADS)) if limit is not None]
    return min(limits) if limits else None


def chosen(variable: str) -> int | None:
    """What the environment says, `THREADS` or `READERS`; None where it says nothing, or no number of 1 to 1024."""
    text = os.environ.get(variable, "")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 5 and 0 < int(text) <= MOST else None
