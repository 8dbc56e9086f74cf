# SPDX-License-Identifier: GPL-3.0-or-later
"""How many threads the networks run on while other processes of ours want the cores as well."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_held: int | None = None


@contextmanager
def limited(count: int) -> Iterator[None]:
    """At most `count` threads inside; torch is not imported for it, and where it is imported inside, `held` tells.

    Threads of one matrix product wait for each other in a spin: where they share their cores with processes that
    are as busy, two of them are several times slower than one.
    """
    global _held
    torch = sys.modules.get("torch")
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
    return _held
