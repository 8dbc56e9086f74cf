# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios: every function marked with `scenario` in any module of this package."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scenario:
    """number: in file names and in the order they run. needs: a folder of `shared` that it reads, copied to /out/data."""

    number: int
    name: str
    title: str
    run: Callable[[Any], None]
    needs: tuple[str, ...] = ()


_known: dict[int, Scenario] = {}


def scenario(number: int, title: str, needs: tuple[str, ...] = ()) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Mark a function that takes a `Window` as a scenario."""

    def mark(function: Callable[[Any], None]) -> Callable[[Any], None]:
        if number in _known:
            raise ValueError(f"{function.__name__} and {_known[number].name} are both scenario {number}.")
        _known[number] = Scenario(number, function.__name__, title, function, needs)
        return function

    return mark


def known() -> list[Scenario]:
    """All scenarios in order."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return [_known[number] for number in sorted(_known)]
