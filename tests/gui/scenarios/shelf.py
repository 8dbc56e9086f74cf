# SPDX-License-Identifier: GPL-3.0-or-later
"""A query becomes assets; from the shelf one is clicked onto the active rig and, since Blender 5.0, dragged onto another."""

import time
from pathlib import Path
from typing import Any

from ..window import Window
from . import scenario
from .drag import actions_of, carry, place_of, press, release, target_of_drag, two_rigs

LIBRARY = Path("/tmp/assets")

# Inside Blender.


def add_asset_library() -> None:
    """An empty asset library of the preferences."""
    import bpy

    LIBRARY.mkdir(exist_ok=True)
    bpy.context.preferences.filepaths.asset_libraries.new(name="Studio", directory=str(LIBRARY))
    bpy.context.view_layer.objects.active = bpy.data.objects["Left"]


def written() -> dict[str, Any]:
    """Files of the library, and how many actions the open file has."""
    import bpy

    return {"files": sorted(path.name for path in LIBRARY.glob("*.blend")), "actions": len(bpy.data.actions)}


def shelf_place() -> list[float]:
    """The middle of the shelf's first picture, from the window's upper left; nothing where the shelf is hidden."""
    import bpy

    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    if not area.spaces.active.show_region_asset_shelf:
        return []
    region = next(region for region in area.regions if region.type == "ASSET_SHELF")
    return [region.x + 55.0, window.height - region.y - region.height / 2]


def version() -> list[int]:
    """Of Blender."""
    import bpy

    return list(bpy.app.version)


# Beside Blender.


@scenario(42, "A query becomes assets, which the shelf puts on rigs")
def shelf(window: Window) -> None:
    window.inside(two_rigs)
    window.inside(add_asset_library)
    window.open_tab()
    window.type_into("tmr.query", "a person waves")
    window.key("Return")
    window.wait("results", lambda state: state["hits"] and not state["work"])
    time.sleep(1.0)
    # A person sees the arrow right of Apply, and the last entry of its menu.
    left, _, width, _ = window.rectangle("VIEW_3D", "UI")
    _, y = window.find("tmr.apply(index=0)", columns=(0.5,))
    window.click((left + 0.81 * width, y))  # tabs take the last tenth
    time.sleep(0.8)
    window.shot("menu")
    window.key("Up", "Return")
    time.sleep(1.5)
    window.shot("dialog")
    start = time.monotonic()
    window.key("Return")
    window.wait("the assets", lambda _: window.inside(written)["files"])
    window.figure("a query as assets", time.monotonic() - start, "s")
    window.check("this file has none of them", window.inside(written)["actions"] == 0, window.inside(written))
    window.check("the shelf is hidden at first", not window.inside(shelf_place))
    window.click(window.find("show_region_asset_shelf", columns=(0.5,)))
    window.wait("the shelf", lambda _: window.inside(shelf_place))
    time.sleep(6.0)  # it is told of the new file, and loads pictures
    window.shot("shelf")
    window.click(tuple(window.inside(shelf_place)))
    window.wait("an action on Left", lambda _: window.inside(actions_of)["Left"])
    window.check("Right is as it was", window.inside(actions_of)["Right"] is None)
    window.shot("clicked")
    if window.inside(version) >= [5, 0]:
        dragged(window)


def dragged(window: Window) -> None:
    """From the shelf onto the rig that is not active; Esc lets go."""
    place, end = window.inside(shelf_place), window.inside(place_of, "Right", "LeftUpLeg")
    press(window, place)
    carry(window, place, end)
    window.check("Right is marked", window.inside(target_of_drag) == ["Right", ""], window.inside(target_of_drag))
    window.shot("over_Right")
    window.key("Escape")
    release()
    window.check("Esc lets go", window.inside(actions_of)["Right"] is None)
    press(window, place)
    carry(window, place, end)
    release()
    window.wait("an action on Right", lambda _: window.inside(actions_of)["Right"])
    window.shot("dropped_on_Right")
    before = window.inside(actions_of)
    window.point(window.middle())
    window.key("ctrl+z")
    time.sleep(0.8)
    now = window.inside(actions_of)
    window.check("one undo takes it off", now == {**before, "Right": None}, now)
