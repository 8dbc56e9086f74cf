# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request to the worker says, checked: it may come from any script."""

from collections.abc import Mapping
from typing import Any

from ..errors import QueryProblem

Params = Mapping[str, Any]


def text_of(params: Params, key: str) -> str:
    """A text. Raises QueryProblem, as all of these do for what is not as it should be."""
    value = params.get(key)
    if not isinstance(value, str):
        raise QueryProblem(f"The request lacks `{key}`.")
    return value


def places_of(params: Params) -> list[str]:
    """The folders of the libraries to search."""
    places = params.get("libraries")
    if not isinstance(places, list) or not places or not all(isinstance(place, str) for place in places):
        raise QueryProblem("Choose at least one library to search.")
    return places


def limit_of(params: Params) -> int:
    """How many results are asked for."""
    return whole_of(params, "limit", 20)


def whole_of(params: Params, key: str, default: int) -> int:
    """A whole number."""
    value = params.get(key, default)
    if type(value) is not int:
        raise QueryProblem(f"The {key} must be a whole number.")
    return value


def seconds_of(params: Params, key: str) -> float | None:
    """A number of seconds, None for none."""
    value = params.get(key)
    if value is not None and type(value) not in (int, float):
        raise QueryProblem(f"The {key} must be a number of seconds.")
    return value


def filters_of(params: Params) -> dict[str, Any]:
    """Filters by name."""
    filters = params.get("filters") or {}
    if not isinstance(filters, dict):
        raise QueryProblem("Filters must be given by name.")
    return filters
