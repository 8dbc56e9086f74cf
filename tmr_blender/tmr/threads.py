# SPDX-License-Identifier: GPL-3.0-or-later
"""How many threads the networks run on while other processes of ours want the cores as well."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited(count: int) -> Iterator[None]:
    """At most `count` threads inside; torch is not imported for it.

    Threads of one matrix product wait for each other in a spin: where they share their cores with processes that
    are as busy, two of them are several times slower than one.
    """
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    if torch is None or before <= count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
