# SPDX-License-Identifier: GPL-3.0-or-later
"""Several motions in a row or at once, and one that is made up."""

import time
from typing import Any

from ..window import Window
from . import scenario
from .timeline import undo

QUERY = "a person kicks"
ABSURD = "a walrus assembles a wardrobe underwater"


def marks() -> int:
    """How many results are marked."""
    import bpy

    return sum(1 for hit in bpy.context.window_manager.tmr.hits if hit.mark)


def generated() -> dict[str, Any]:
    """What the active rig's action says of its being generated."""
    import bpy

    data = bpy.context.window_manager.windows[0].view_layer.objects.active.animation_data
    mark = data.action.get("tmr_generated") if data is not None and data.action is not None else None
    return dict(mark.items()) if mark is not None else {}


def choose(window: Window, operator: str) -> None:
    """An entry of the menu beside Apply, which the extension's menu holds as well."""
    window.point(window.middle())
    window.command(operator)
    time.sleep(1.0)
    window.shot(f"asked for {operator}")


@scenario(12, "Motions in sequence, and each as an action; Esc")
def several(window: Window) -> None:
    window.inside("rigify_human", timeout=120.0)
    window.open_tab()
    window.type_into("tmr.query", QUERY)
    window.key("Return")
    window.wait("results", lambda state: state["hits"] > 2 and not state["work"])
    for index in range(3):
        place = window.find(f"tmr.mark_result(index={index}", columns=(0.73, 0.88, 0.82))
        for _ in range(2):  # a view that plays a preview in software may lose a press
            window.click(place)
            time.sleep(0.8)
            if window.inside(marks) > index:
                break
    window.check("three are marked", window.inside(marks) == 3, window.inside(marks))
    window.shot("marked")
    choose(window, "Apply in Sequence")
    shown = window.wait("an action", lambda state: state["action"] and not state["work"], timeout=120.0)
    window.check("the sequence is one action", len(shown["actions"]) == 1, shown["actions"])
    window.shot("sequence")
    undo(window)
    after = window.state()
    window.check("one undo takes the sequence off", after["action"] is None, after["action"])
    stopped(window)


def stopped(window: Window) -> None:
    """Esc during Apply Each ends it, and keeps what is done."""
    choose(window, "Apply Each")
    window.wait("work", lambda state: state["work"] or state["actions"], timeout=30.0)
    window.point(window.middle())
    window.key("Escape")
    shown = window.wait("an end", lambda state: not state["work"], timeout=60.0)
    window.check("no more than the three marked", len(shown["actions"]) <= 3, shown["actions"])
    window.figure("actions that were made before Esc", len(shown["actions"]), "")
    window.shot("stopped")


@scenario(13, "A motion made up for what no library has")
def generating(window: Window) -> None:
    window.inside("rigify_human", timeout=120.0)
    window.open_tab()
    window.type_into("tmr.query", ABSURD)
    window.key("Return")
    shown = window.wait("an answer", lambda state: state["searched"] == ABSURD and not state["work"])
    window.check("nothing close is there", not shown["scores"] or shown["scores"][0] < 0.8, shown["scores"][:2])
    window.shot("nothing close")
    asked = time.monotonic()
    window.click(window.find("tmr.synthesise(", columns=(0.8, 0.65)))
    shown = window.wait("a motion", lambda state: state["action"], timeout=120.0)
    window.figure("from the click to the motion", time.monotonic() - asked, "s")
    window.check("the action is called generated", "(generated)" in shown["action"], shown["action"])
    mark = window.inside(generated)
    window.check("and says from what", mark.get("query") == ABSURD and mark.get("model"), mark)
    window.shot("generated")
    undo(window)
    after = window.state()
    window.check("one undo takes it off", after["action"] is None, after["action"])
