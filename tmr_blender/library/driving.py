# SPDX-License-Identifier: GPL-3.0-or-later
"""Running long work, `index` or `reencode`, step by step: how it is told to stop and when it is reported."""

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Protocol, TypeVar

REPORT_SECONDS = 0.1
"""Shortest time between two reports of progress: a window shows no more, and thousands of errors make them long."""


class Step(Protocol):
    """What long work yields."""

    def as_json(self) -> dict[str, Any]:
        """The step as plain values."""
        ...


P = TypeVar("P", bound=Step)
R = TypeVar("R")


def returned(run: Generator[Any, None, R]) -> R:
    """What work returns in the end, where nobody looks at its progress."""
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value


def driven(run: Generator[P, bool | None, None], stop: Callable[[], bool]) -> Iterator[P]:
    """The steps of work that is told to stop as soon as `stop` says so."""
    try:
        yield next(run)
        while True:
            yield run.send(stop())
    except StopIteration:
        return


def reported(run: Generator[P, bool | None, None], report: Callable[[P], None], stop: Callable[[], bool]) -> P:
    """Drive work to its end, with a report now and then; the last step."""
    last, due = None, 0.0
    for last in driven(run, stop):
        if time.monotonic() >= due:
            report(last)
            due = time.monotonic() + REPORT_SECONDS
    assert last is not None, "long work yields at least once"
    return last
