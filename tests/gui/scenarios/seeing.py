# SPDX-License-Identifier: GPL-3.0-or-later
"""What is selected or pointed at plays as a ghost; a scene without a rig is offered one, and one with several is asked."""

import importlib
import time
from typing import Any

from ..window import Window
from . import drag, scenario

MODULE = "bl_ext.user_default.tmr_blender"

# Inside Blender.


def ghost() -> dict[str, Any]:
    """What plays, and whether anything of it runs."""
    import bpy

    module = importlib.import_module(f"{MODULE}.blender.ghost")
    return {
        "name": module.playing[2] if module.playing is not None else None,
        "ticks": bpy.app.timers.is_registered(module._tick),
        "handlers": len(module._handlers),
        "problem": module.problem,
    }


def data() -> dict[str, Any]:
    """What the file holds, and how many steps there are to undo, as Blender prints them."""
    import bpy

    kinds = ("objects", "meshes", "actions", "armatures", "materials", "images", "collections", "scenes", "texts")
    return {
        **{kind: sorted(item.name for item in getattr(bpy.data, kind)) for kind in kinds},
        "dirty": bpy.data.is_dirty,
        "matrices": [[list(row) for row in item.matrix_world] for item in bpy.data.objects],
    }


def empty() -> None:
    """A scene with nothing in it but a marker, which is active."""
    import bpy

    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    marker = bpy.data.objects.new("Marker", None)
    marker.location = (-2.0, 0.0, 0.0)
    bpy.context.collection.objects.link(marker)
    bpy.context.view_layer.objects.active = marker
    bpy.ops.ed.undo_push(message="Nothing")


def rigs() -> list[str]:
    """The armatures of the scene."""
    import bpy

    return [item.name for item in bpy.data.objects if item.type == "ARMATURE"]


def another() -> None:
    """A second armature; none is active."""
    import bpy

    rig = next(item for item in bpy.data.objects if item.type == "ARMATURE")
    copy = rig.copy()
    copy.name, copy.location.x = "Second", 2.0
    bpy.context.collection.objects.link(copy)
    for item in bpy.context.view_layer.objects:
        item.select_set(False)
    bpy.context.view_layer.objects.active = None
    bpy.ops.ed.undo_push(message="Two")


def playing(window: Window, name: str | None, seconds: float = 20.0) -> None:
    """Wait until that plays."""
    window.wait(f"the ghost of {name}", lambda _: window.inside(ghost)["name"] == name, timeout=seconds)


@scenario(8, "The ghost of what is selected or pointed at; a rig for a scene without one")
def seeing(window: Window) -> None:
    window.inside(empty)
    window.open_tab()
    window.shot("nothing yet")
    before = window.inside(data)
    window.type_into("tmr.query", "a person does a cartwheel")
    window.key("Return")
    names = window.wait("results", lambda state: state["hits"] and not state["work"])["names"]
    playing(window, names[0])
    time.sleep(1.0)
    window.shot("selected")
    hovered(window, names)
    ended(window, names)
    window.check("the file is untouched", window.inside(data) == before, window.inside(data))
    offered(window)
    asked(window)


def hovered(window: Window, names: list[str]) -> None:
    """The pointer rests on results of the strip, and goes."""
    third = window.inside(drag.cell, 2)
    window.point(third)
    start = time.monotonic()
    playing(window, names[2])
    window.figure("from resting on a result to its ghost, with the pointer's way", time.monotonic() - start, "s")
    time.sleep(0.7)
    window.shot("pointed at")
    window.check("pointing does not select", window.state()["active"] == 0)
    left, top, width, height = window.rectangle()
    window.move(left + 0.4 * width, top + 0.3 * height)
    playing(window, names[0])
    window.point(window.inside(drag.cell, 1))
    playing(window, names[1])
    left, top, width, height = window.rectangle("VIEW_3D", "UI")
    window.move(left + 0.5 * width, top + 0.9 * height)
    playing(window, names[0])
    window.check("it goes back when the pointer leaves the view", True)


def ended(window: Window, names: list[str]) -> None:
    """Esc over the view; nothing runs; pointing still shows."""
    window.point(window.middle())
    window.key("Escape")
    time.sleep(0.5)
    found = window.inside(ghost)
    window.check("Esc ends it, and nothing runs", found["name"] is None and not found["ticks"] and not found["handlers"], found)
    window.point(window.inside(drag.cell, 1))
    playing(window, names[1])
    window.point(window.middle())
    time.sleep(0.5)
    found = window.inside(ghost)
    window.check("then nothing is gone back to", found["name"] is None and not found["ticks"], found)


def offered(window: Window) -> None:
    """A rig, by a click, and the motion on it; each is one step to undo."""
    window.click(window.find("tmr.add_rig"))
    window.wait("a rig", lambda _: len(window.inside(rigs)) == 1)
    window.shot("a rig")
    window.point(window.middle())  # off the button that took the place of the one clicked
    window.click(window.find("tmr.apply("))
    window.wait("an action", lambda state: state["action"])
    window.point(window.middle())
    window.shot("applied")
    window.key("ctrl+z")
    window.wait("no action", lambda state: state["action"] is None and len(window.inside(rigs)) == 1)
    window.key("ctrl+z")
    window.wait("no rig", lambda _: not window.inside(rigs))
    window.check("two steps were undone", True)


def asked(window: Window) -> None:
    """Of two rigs none is active: a menu asks."""
    window.click(window.find("tmr.add_rig"))
    window.wait("a rig", lambda _: len(window.inside(rigs)) == 1)
    window.inside(another)
    window.point(window.middle())  # off the button that took the place of the one clicked
    window.click(window.find("tmr.apply("))
    time.sleep(1.0)
    window.shot("which rig")
    window.key("Return")
    chosen = window.wait("an action", lambda _: any(window.inside(drag.actions_of).values()))
    window.check("the rig that got it is active", chosen["action"] is not None, window.inside(drag.actions_of))
    window.shot("on that rig")
