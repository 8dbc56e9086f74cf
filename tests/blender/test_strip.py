# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the strip needs no window: it is there only where there are results, and leaves nothing behind."""

from types import SimpleNamespace
from typing import Any

import bpy
import parts
import pytest

strip, strip_place = parts.ours("blender.strip"), parts.ours("blender.strip_place")


def region(kind: str, side: str, x: int, y: int, width: int, height: int) -> Any:
    return SimpleNamespace(type=kind, alignment=side, x=x, y=y, width=width, height=height)


@pytest.fixture
def context(factory_scene: None) -> Any:
    """Of a 3D view of 1000 x 700 pixels with a sidebar and five results."""
    shown = bpy.context.window_manager.tmr
    shown.hits.clear()
    for number in range(5):
        shown.hits.add().name = f"take {number}"
    window = region("WINDOW", "NONE", 0, 0, 1000, 700)
    regions = [window, region("UI", "RIGHT", 700, 0, 300, 700)]
    area = SimpleNamespace(regions=regions, as_pointer=lambda: 1, tag_redraw=lambda: None)
    system = SimpleNamespace(ui_scale=1.0)
    yield SimpleNamespace(
        area=area, region=window, window_manager=bpy.context.window_manager, preferences=SimpleNamespace(system=system)
    )
    shown.hits.clear()
    strip_place.leftmost.clear()
    strip._hovered.clear()


def test_the_strip_lies_left_of_the_sidebar(context: Any) -> None:
    assert strip_place.layout_of(context).bar[2] <= 700


def test_the_panel_of_the_last_operator_stays_free(context: Any) -> None:
    hud = region("HUD", "FLOAT", 20, 10, 160, 28)
    context.area.regions.append(hud)
    assert strip_place.layout_of(context).bar[1] >= hud.y + hud.height
    hud.height = 400
    assert strip_place.layout_of(context).bar[0] >= hud.x + hud.width


def test_scrolling_stays_in_range(context: Any) -> None:
    context.area.regions[1].x = 400
    layout = strip_place.layout_of(context)
    assert layout.shown < 5
    for by, first in ((-3, 0), (1, 1), (99, 5 - layout.shown), (-1, 4 - layout.shown)):
        strip.scroll(context, by)
        assert strip_place.layout_of(context).start == first


def test_only_news_redraw(context: Any) -> None:
    drawn: list[int] = []
    context.area.tag_redraw = lambda: drawn.append(1)
    for part in (2, 2, 3, -1, -1):
        strip.hover(context, part)
    assert len(drawn) == 3


def test_a_view_without_results_or_gizmos_has_no_strip(factory_scene: None) -> None:
    assert not strip_place.shown(bpy.context)  # no 3D view here


def test_disabling_takes_everything_away(factory_scene: None) -> None:
    strip.unregister()
    try:
        assert not strip._handlers
        assert not hasattr(bpy.types.WindowManager, "tmr_strip")
        assert strip._draw_toggle not in bpy.types.TMR_PT_search._dyn_ui_initialize()
    finally:
        strip.register()
    assert bpy.types.TMR_PT_search._dyn_ui_initialize().count(strip._draw_toggle) == 1
