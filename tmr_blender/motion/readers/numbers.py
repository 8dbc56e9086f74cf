# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of numbers as text, fast where it is clean and forgiving where it isn't."""

import re
import warnings

import numpy as np

from ..quaternion import Array
from . import decimals

MAX_DAMAGED = 0.2
"""Share of a table's rows that may hold what isn't a number (1.#QNAN, nan); they are filled from their neighbours."""

_NOT_A_NUMBER = re.compile(rb"[-+]?(\d+\.?\d*#|nan|inf|1e999)", re.IGNORECASE)
_LARGEST = 1e7
_BEHIND = b" \t\r\n\0\x1a"
"""What may stand behind the last number: an old editor's end of file among it."""


class NumberProblem(Exception):
    """A reason without the file's name; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def read_numbers(data: bytes, start: int, columns: int) -> Array:
    """The numbers of data[start:] as (rows, columns) float64; a row may span several lines.

    Raises NumberProblem for a word that is no number, a last row that isn't whole, and too many damaged rows.
    """
    stop = _stop(data, start)
    values = decimals.parse(data, start, stop)
    if values is None:
        text = data[start:stop]
        values = _clean(text)
        if values is None:
            values = _words(data, start, text)
    if len(values) % columns:
        raise _uneven(data, start, data[start:stop], columns, len(values))
    table = values.reshape(-1, columns)
    # Not-a-numbers compare as false, so this finds them too.
    if values.size and not (values.min() >= -_LARGEST and values.max() <= _LARGEST):
        _fill(table, data, start)
    return table


def _stop(data: bytes, start: int) -> int:
    """Where data[start:] ends without what is behind its last number."""
    stop = len(data)
    while stop > start:
        tail = data[max(start, stop - 4096) : stop]
        kept = len(tail.rstrip(_BEHIND))
        stop -= len(tail) - kept
        if kept:
            break
    return stop


def _clean(text: bytes) -> Array | None:
    """The numbers of a text that holds nothing else, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, dtype=np.float64, sep=" ")  # pyright: ignore[reportCallIssue, reportArgumentType]
        except (DeprecationWarning, ValueError):
            return None


def _words(data: bytes, start: int, text: bytes) -> Array:
    """Word by word: decimal commas are numbers, printed not-a-numbers are NaN, anything else is a problem."""
    out: list[float] = []
    for row, line in enumerate(text.split(b"\n")):
        for word in line.split():
            try:
                out.append(float(word.replace(b",", b".")))
            except ValueError:
                if not _NOT_A_NUMBER.match(word):
                    raise NumberProblem(_line(data, start) + row, f"{_shown(word)} is not a number") from None
                out.append(np.nan)
    return np.array(out)


def _uneven(data: bytes, start: int, text: bytes, columns: int, count: int) -> NumberProblem:
    """Says where the rows stop fitting: the first line of another length, or the end."""
    first = _line(data, start)
    lines = [(row, len(line.split())) for row, line in enumerate(text.split(b"\n")) if line.strip()]
    for row, length in lines[:-1]:
        if length != columns:
            return NumberProblem(first + row, f"{length} numbers where a frame has {columns}")
    return NumberProblem(first + lines[-1][0], f"the file is cut short in frame {count // columns + 1}, of {columns} numbers")


def _fill(table: Array, data: bytes, start: int) -> None:
    """Replace what isn't a number by a straight line between the rows around it, column by column."""
    bad = ~(np.abs(table) <= _LARGEST)
    rows = np.arange(len(table))
    damaged = bad.any(axis=1)
    if damaged.sum() > MAX_DAMAGED * len(table):
        raise NumberProblem(_line(data, start), f"{damaged.sum()} of {len(table)} frames hold values that aren't numbers")
    for column in np.flatnonzero(bad.any(axis=0)):
        good = ~bad[:, column]
        table[:, column] = np.interp(rows, rows[good], table[good, column])


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def _shown(word: bytes) -> str:
    return repr(word[:40].decode("latin-1"))
