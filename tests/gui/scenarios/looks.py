# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels in the dark and the light theme and at twice the size: for the eyes, so mostly pictures."""

import time

from ..window import Failed, Window
from . import scenario

QUERY = "a person walks"
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


@scenario(15, "Light theme, twice the size")
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
    window.inside(scale, 2.0)
    time.sleep(2.0)
    pages(window, "twice the size")
