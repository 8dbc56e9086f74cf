# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices that a library on the disk is no longer what it was, so that what is remembered of its entries is forgotten.

An entry is known by its number, which is its own only while the library stays as it is: when files are indexed anew, or a
library is removed and its folder added again, another take may get that number.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from ..library.store import DATABASE

on_change: list[Callable[[str], None]] = []
"""Called with the folder of a library that has been written since it was last noticed."""

_stamps: dict[str, int] = {}


def stamp(library: Path) -> int:
    """Another number whenever a library has been written; 0 where there is none."""
    try:
        return (library / DATABASE).stat().st_mtime_ns
    except OSError:
        return 0


def notice(libraries: Iterable[str]) -> None:
    """Look at the libraries whose entries are about to be shown."""
    for library in set(libraries):
        now = stamp(Path(library))
        if _stamps.setdefault(library, now) != now:
            _stamps[library] = now
            for call in on_change:
                call(library)


def register() -> None:
    """Nothing: the first search notices."""


def unregister() -> None:
    """Forget."""
    _stamps.clear()
