# SPDX-License-Identifier: GPL-3.0-or-later
"""What a search can be narrowed to: one table, from which the command line, the worker and the search take theirs.

Filters are given as plain values by name: {"duration": {"min": 2, "max": 10}, "loopable": true, "tag": ["walk"]}.
"""

import math
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import QueryProblem

Mask = NDArray[np.bool_]


class Filtered(Protocol):
    """What filters ask of a library; `store.Library` answers."""

    @property
    def entries(self) -> Sized:
        """All of them."""
        ...

    @property
    def measures(self) -> Mapping[str, NDArray[np.float64]]:
        """(entries,) of each of `MEASURES`, not-a-number where an entry has none; and "captioned" and "tagged", 0 or 1."""
        ...

    def holding(self, column: str, wanted: Callable[[str], bool]) -> Mask:
        """(entries,) whether one of the entry's words in a column is `wanted`; in lower case."""
        ...


@dataclass(frozen=True)
class Filter:
    """One row of the table.

    kind: "range" of a measure, "flag" that is true or false, "any" or "all" of several words.
    source: the measure of `motion.facts`, or the column of words.
    """

    name: str
    kind: Literal["range", "flag", "any", "all"]
    source: str
    help: str


FILTERS = (
    Filter("duration", "range", "duration", "length of the take, seconds"),
    Filter("speed", "range", "speed", "mean speed over the ground, metres a second"),
    Filter("travel", "range", "travel", "length of the path over the ground, metres"),
    Filter("turn", "range", "turning", "all turning, to either side, degrees"),
    Filter("loopable", "flag", "loopable", "the end leads back into the beginning"),
    Filter("captioned", "flag", "captioned", "somebody has written a caption"),
    Filter("tagged", "flag", "tagged", "the networks have put words to it, which may be wrong"),
    Filter("folder", "any", "folder", "folder within the indexed one, with those below it"),
    Filter("skeleton", "any", "convention", "naming convention of the skeleton, such as mixamo"),
    Filter("tag", "all", "tags", "tag, such as walk; several must all be there"),
)
"""A new filter is a new row."""

MEASURES = tuple(row.source for row in FILTERS if row.kind in ("range", "flag") and row.source not in ("captioned", "tagged"))
"""Facts that a snapshot of a library keeps in memory."""

_BY_NAME = {row.name: row for row in FILTERS}


def mask(library: Filtered, filters: Mapping[str, Any]) -> Mask:
    """(entries,) which of the library's entries pass all the filters. Raises QueryProblem for one that is not in the table."""
    kept = np.ones(len(library.entries), bool)
    for name, value in filters.items():
        row = _BY_NAME.get(name)
        if row is None:
            raise QueryProblem(f"There is no filter `{name}`; known are {', '.join(_BY_NAME)}.")
        kept &= _PASS[row.kind](library, row, value)
    return kept


def _range(library: Filtered, row: Filter, value: Any) -> Mask:
    bounds = value if isinstance(value, Mapping) else {}
    low, high = (bounds.get(key, default) for key, default in (("min", -math.inf), ("max", math.inf)))
    numbers = all(isinstance(bound, int | float) and not isinstance(bound, bool) for bound in (low, high))
    if not bounds or set(bounds) - {"min", "max"} or not numbers or not low <= high:
        raise QueryProblem(f'The filter `{row.name}` takes a least and a greatest value, such as {{"min": 1, "max": 5}}.')
    column = library.measures[row.source]
    return (column >= low) & (column <= high)


def _flag(library: Filtered, row: Filter, value: Any) -> Mask:
    if not isinstance(value, bool):
        raise QueryProblem(f"The filter `{row.name}` takes true or false.")
    return library.measures[row.source] == float(value)


def _words(row: Filter, value: Any) -> list[str]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, Sequence) or not words or not all(isinstance(word, str) and word.strip() for word in words):
        raise QueryProblem(f"The filter `{row.name}` takes one word or several.")
    return [word.strip().casefold() for word in words]


def _any(library: Filtered, row: Filter, value: Any) -> Mask:
    wanted = {word.replace("\\", "/").strip("/") for word in _words(row, value)}
    below = tuple(f"{word}/" for word in wanted)
    return library.holding(row.source, lambda word: word in wanted or word.startswith(below))


def _all(library: Filtered, row: Filter, value: Any) -> Mask:
    kept = np.ones(len(library.entries), bool)
    for wanted in _words(row, value):
        kept &= library.holding(row.source, wanted.__eq__)
    return kept


_PASS: dict[str, Callable[[Filtered, Filter, Any], Mask]] = {"range": _range, "flag": _flag, "any": _any, "all": _all}
