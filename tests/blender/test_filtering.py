# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's filters: what they say is what a search is narrowed to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import parts
import pytest

filtering, places = parts.ours("blender.filtering"), parts.ours("blender.places")
FILTERS = parts.ours("library.filters").FILTERS


def panel() -> Any:
    """The panel's filters; loading a file gives another window manager, and with it others."""
    return bpy.context.window_manager.tmr.filters


@pytest.fixture
def filters(factory_scene: None) -> Iterator[Any]:
    yield panel()
    bpy.ops.tmr.clear_filters()


def test_nothing_is_set_at_first(filters: Any) -> None:
    assert filtering.chosen(filters) == {}


def test_every_row_of_the_table_can_be_set(filters: Any) -> None:
    for row in FILTERS:
        if row.kind == "range":
            setattr(filters, f"min_{row.name}", 1.0)
        elif row.kind == "flag":
            setattr(filters, row.name, "NO")
        else:
            setattr(filters, row.name, " walk, old man ,")
    found = filtering.chosen(filters)
    assert set(found) == {row.name for row in FILTERS}
    assert found["duration"] == {"min": 1.0}
    assert found["loopable"] is False
    assert found["tag"] == ["walk", "old man"]


def test_a_search_obeys_them_and_can_be_told_others(factory_scene: None, tmp_path: Path) -> None:
    motions = tmp_path / "motions"
    parts.write_bvh(motions / "first.bvh", "waves", "a person waves")
    parts.write_bvh(motions / "second.bvh", "walks")
    assert bpy.ops.tmr.add_library(directory=str(motions)) == {"FINISHED"}
    try:
        shown, index = bpy.context.window_manager.tmr, str(places.library_for(motions))

        def names(**options: str) -> list[str]:
            bpy.ops.tmr.search(query="a person moves", library=index, **options)
            return sorted(hit.name for hit in shown.hits)

        assert names() == ["first", "second"]
        filters = panel()
        filters.captioned = "YES"
        assert names() == ["first"]
        assert names(filters='{"captioned": false}') == ["second"]
        assert names(filters="{}") == ["first", "second"]
        filters.min_duration = 500.0
        assert names() == []
        bpy.ops.tmr.clear_filters()
        assert filtering.chosen(filters) == {} and names() == ["first", "second"]
        with pytest.raises(RuntimeError, match="no JSON"):
            names(filters="{")
    finally:
        bpy.ops.tmr.remove_library(directory=str(motions))
