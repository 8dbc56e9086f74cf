# SPDX-License-Identifier: GPL-3.0-or-later
"""What was applied is changed in the redo panel, live."""

import time
from typing import Any

from ..window import Failed, Window
from . import scenario

ROW = 22
NUMBER = 60
"""From where a tick is to the middle of a number's field, away from its arrows."""
ROWS = {"speed": 151, "mirror": 300, "feet": 321}
"""Pixels from the panel's upper edge, at a scale of 1."""


def last_operator() -> dict[str, Any]:
    """Identifier and plain properties of what the redo panel shows."""
    import bpy

    done = bpy.context.window_manager.operators
    if not done:
        return {}
    names = ("feet", "mirror", "speed", "loop", "in_place", "whole")
    return {"name": done[-1].bl_idname, **{name: getattr(done[-1].properties, name, None) for name in names}}


@scenario(4, "Options in the redo panel change the motion")
def redo(window: Window) -> None:
    window.inside("rigify_human", timeout=120.0)
    window.open_tab()
    window.type_into("tmr.query", "someone kicks")
    window.key("Return")
    window.wait("results", lambda state: state["hits"] and not state["work"])
    window.click(window.find("tmr.apply("))
    window.wait("an action", lambda state: state["action"])
    unfold_hud(window)
    window.shot("panel")
    for name in ("mirror", "feet"):
        toggled(window, name)
    faster(window)


def unfold_hud(window: Window) -> None:
    """Click the header of the panel at the lower left where it is folded."""
    left, top, _, height = window.rectangle("VIEW_3D", "HUD")
    if height < 3 * ROW:
        window.click((left + 40, top + height / 2))
        time.sleep(1.0)


def toggled(window: Window, name: str) -> None:
    """Tick a box; the action changes at once."""
    before, means = window.inside(last_operator), window.inside("curves")["means"]
    place = box(window, name)
    window.point(place)
    start = time.monotonic()
    window.press()
    window.wait(name, lambda _: window.inside(last_operator)[name] != before[name], timeout=20.0)
    window.figure(f"{name}: from the click to the new motion", time.monotonic() - start, "s")
    after = window.inside("curves")["means"]
    changed = max(abs(after[path] - means[path]) for path in means if path in after)
    window.check(f"{name} changes the motion", changed > 1e-4, f"curves by {changed:.6f}")
    window.check(f"{name} leaves one action", len(window.state()["actions"]) == 1, window.state()["actions"])
    window.shot(name)


def box(window: Window, name: str) -> tuple[float, float]:
    """Where a property of the panel at the lower left is: Blender tells no path of an operator's property."""
    left, top, width, _ = window.rectangle("VIEW_3D", "HUD")
    return left + 0.45 * width, top + ROWS[name]


def faster(window: Window) -> None:
    """Twice the speed, typed."""
    frames = window.inside("curves")["frames"]
    place = box(window, "speed")
    window.click((place[0] + NUMBER, place[1]))
    time.sleep(0.3)
    window.key("ctrl+a")
    window.type("2")
    window.key("Return")
    try:
        window.wait("speed", lambda _: window.inside(last_operator)["speed"] == 2.0, timeout=10.0)
    except Failed:
        window.check("the speed can be typed", False, window.inside(last_operator))
        return
    shorter = window.inside("curves")["frames"]
    ratio = (shorter[1] - shorter[0]) / (frames[1] - frames[0])
    window.check("twice the speed is half the frames", 0.4 < ratio < 0.6, f"{ratio:.2f}")
    window.shot("speed")
