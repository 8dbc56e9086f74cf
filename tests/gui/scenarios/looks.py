# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels in the light theme, at twice the size and in a narrow sidebar: for the eyes, so mostly pictures."""

import time

from ..window import Failed, Window
from . import scenario

QUERY = "a person walks"
GRIP = 4
"""Pixels from the sidebar's left border to where the mouse takes hold of it."""
PANELS = ("TMR_PT_libraries", "TMR_PT_moments")  # that of rigs has its own scenario


def light() -> bool:
    """Blender's own light theme."""
    from pathlib import Path

    import bpy

    folders = bpy.utils.preset_paths("interface_theme")
    found = [path for folder in folders for path in Path(folder).glob("*[Ll]ight*.xml")]
    if found:
        bpy.ops.script.execute_preset(filepath=str(found[0]), menu_idname="USERPREF_MT_interface_theme_presets")
    return bool(found)


def scale(factor: float) -> float:
    """The interface at another size."""
    import bpy

    bpy.context.preferences.view.ui_scale = factor
    return bpy.context.preferences.view.ui_scale


def pages(window: Window, what: str, most: int = 3) -> None:
    """The sidebar from its upper end on."""
    window.scroll_up()
    window.shot(f"{what} from above")
    for page in range(1, most):
        window.scroll(steps=10)
        window.shot(f"{what} page {page + 1}")


@scenario(15, "Light theme, twice the size, a narrow sidebar")
def looks(window: Window) -> None:
    window.inside("rigify_human", timeout=120.0)
    window.open_tab()
    for panel in PANELS:
        try:
            window.unfold(panel)
        except Failed as problem:
            window.check(f"{panel} unfolds", False, problem)
        window.scroll_up()
    window.type_into("tmr.query", QUERY)
    window.key("Return")
    window.wait("results", lambda state: state["hits"] and not state["work"])
    time.sleep(1.5)  # until their pictures are there
    pages(window, "dark")
    window.check("there is a light theme", window.inside(light))
    time.sleep(1.0)
    pages(window, "light")
    narrow(window)
    pages(window, "narrow")
    window.inside(scale, 2.0)
    time.sleep(2.0)
    pages(window, "twice the size")


def narrow(window: Window) -> None:
    """The sidebar's left edge is dragged to the left, then to the right: as narrow as this Blender has it."""
    widths = []
    for way in (-160, 260):
        left, top, _, height = window.rectangle("VIEW_3D", "UI")
        # Just inside: on the border itself it is the view's, and only inside is the handle.
        window.drag((left + GRIP, top + 0.8 * height), (left + GRIP + way, top + 0.8 * height))
        time.sleep(0.8)
        widths.append(window.rectangle("VIEW_3D", "UI")[2])
        if way < 0:
            window.scroll_up()
            window.shot("wide")
    window.check("the sidebar is narrower", 1 < widths[1] < widths[0] - 50, widths)
