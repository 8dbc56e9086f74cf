# SPDX-License-Identifier: GPL-3.0-or-later
"""A moment found on the timeline of a long action, and what an action shows, in words."""

import time
from typing import Any

from ..window import Window
from . import scenario

TAKE = "/out/data/mocap/cmu/49_02.bvh"
"""Walking, hops and jumps: 17 s at 120 fps."""
QUERY = "a person jumps"
OTHER = "a person walks forward"


def performing(path: str) -> list[Any]:
    """An armature with a long recording as its action, as Blender's own importer makes it; its name and the action's length."""
    import bpy

    bpy.ops.object.select_all(action="SELECT")
    bpy.ops.object.delete()
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.import_anim.bvh(filepath=path, global_scale=0.056, use_fps_scale=True, update_scene_duration=True)
        rig = bpy.context.view_layer.objects.active
        bpy.ops.view3d.view_selected()
        bpy.ops.ed.undo_push(message="A recording")
    return [rig.name, round(rig.animation_data.action.frame_range[1])]


def moments() -> dict[str, Any]:
    """What the scene keeps of the last search for a moment."""
    import bpy

    scene = bpy.context.window_manager.windows[0].scene
    kept = scene.tmr_moments
    return {
        "query": kept.query,
        "spans": [[item.start, item.end, item.score] for item in kept.items],
        "active": kept.active,
        "curve": len(kept.curve),
        "preview": [scene.frame_preview_start, scene.frame_preview_end] if scene.use_preview_range else None,
        "markers": len(scene.timeline_markers),
        "frame": scene.frame_current,
    }


def undo_steps() -> bool:
    """Whether Blender would still undo something."""
    import bpy

    return bool(bpy.ops.ed.undo.poll())


def undo(window: Window) -> None:
    """One Ctrl Z over the viewport."""
    window.point(window.middle())
    window.key("ctrl+z")
    time.sleep(1.0)


def whole_timeline(window: Window, what: str) -> None:
    """A photograph of the timeline as large as the window, by the key for that, and back."""
    window.point(window.middle("DOPESHEET_EDITOR"))
    window.key("ctrl+space")
    time.sleep(1.5)
    window.key("Home")  # all of the action
    time.sleep(1.0)
    window.shot(what)
    window.key("ctrl+space")
    window.wait("the other editors", lambda _: window.rectangle("VIEW_3D")[2])


@scenario(10, "Find a moment in a long action", needs=("mocap/cmu",))
def timeline(window: Window) -> None:
    rig, frames = window.inside(performing, TAKE)
    window.check("the action is long", frames > 300, frames)
    window.open_tab()
    window.unfold("TMR_PT_moments")
    cancelled(window)
    window.type_into("tmr_moments.query", QUERY)
    asked = time.monotonic()
    window.key("Return")
    window.wait("markers", lambda state: state["markers"] and not state["work"])
    window.figure(f"from Enter to the markers, {frames} frames", time.monotonic() - asked, "s")
    found = window.inside(moments)
    window.check("spans are marked", found["spans"] and found["markers"] == len(found["spans"]), found)
    best = found["spans"][0] if found["spans"] else [0, 0, 0.0]
    window.check("the best is the preview range", found["preview"] == best[:2], found)
    window.check("the score over time is kept", found["curve"] > 0, found["curve"])
    window.shot("found")
    whole_timeline(window, "timeline")
    between(window, found)
    kept(window, rig)
    another(window)


def cancelled(window: Window) -> None:
    """Esc while it searches leaves nothing."""
    window.type_into("tmr_moments.query", QUERY)
    window.key("Return")
    window.point(window.middle())
    window.key("Escape")
    shown = window.wait("an end", lambda state: not state["work"], timeout=30.0)
    window.check("Esc while it searches leaves no marker", not shown["markers"], shown["markers"])


def between(window: Window, found: dict[str, Any]) -> None:
    """Next and previous, by key."""
    window.point(window.middle())
    before = window.inside(moments)
    window.key("ctrl+shift+period")
    time.sleep(0.8)
    after = window.inside(moments)
    starts = [span[0] for span in found["spans"]]
    window.check("the key goes to the next", after["frame"] == min(start for start in starts if start > before["frame"]), after)
    window.check("the preview range goes along", after["preview"] and after["preview"][0] == after["frame"], after)
    window.shot("next")
    window.key("ctrl+shift+comma")
    time.sleep(0.8)
    back = window.inside(moments)
    window.check("the key goes back", back["frame"] == max(start for start in starts if start < after["frame"]), back)


def kept(window: Window, rig: str) -> None:
    """Keep the moment as an action of its own; one undo takes that back."""
    before, marked = window.state(), window.inside(moments)
    window.click(window.find("tmr.keep_moment"))
    shown = window.wait("an action of the moment", lambda state: state["action"] != before["action"], timeout=30.0)
    first, last = window.inside("curves")["frames"]
    start, end, _ = marked["spans"][marked["active"]]
    window.check("it has the moment's frames", [round(first), round(last)] == [start, end], (first, last, start, end))
    window.check("the long one is still there", before["action"] in shown["actions"], shown["actions"])
    window.shot("kept")
    undo(window)
    after = window.state()
    window.check(f"one undo gives {rig} the long action back", after["action"] == before["action"], after["action"])
    window.check("and leaves the moments", window.inside(moments)["markers"] == marked["markers"], window.inside(moments))


def another(window: Window) -> None:
    """Another description takes the place of the first; one undo takes it back."""
    before = window.inside(moments)
    window.scroll_up()
    window.type_into("tmr_moments.query", OTHER)
    asked = time.monotonic()
    window.key("Return")
    window.wait("other moments", lambda _: window.inside(moments)["query"] == OTHER)
    window.figure("another description of the same motion", time.monotonic() - asked, "s")
    time.sleep(0.8)  # panels below one whose height changes glide to their places
    window.shot("another")
    undo(window)
    after = window.inside(moments)
    window.check("one undo brings the first back", after["query"] == before["query"], after)
    window.check("with its markers", after["markers"] == before["markers"], after)


@scenario(11, "Describe an action and rename it", needs=("mocap/cmu",))
def describing(window: Window) -> None:
    window.inside(performing, TAKE)
    window.open_tab()
    before = window.state()
    window.click(window.find("tmr.describe_action"))
    told = window.wait("a description", lambda state: state["sentences"] and not state["work"])
    window.check("something is measured and said", len(told["sentences"]) > 1, told["sentences"])
    time.sleep(0.5)
    window.shot("popup")
    window.key("Escape")  # closes the popup
    window.point(window.middle())
    time.sleep(0.8)
    window.shot("panel")
    window.click(window.find("tmr.rename_action"))
    shown = window.wait("another name", lambda state: state["action"] != before["action"], timeout=30.0)
    begin = shown["action"][:12].lower()  # names begin with a capital letter, without "a person"
    window.check("the name is one of the sentences", any(begin in said.lower() for said in told["sentences"]), shown["action"])
    window.shot("renamed")
    undo(window)
    window.check("one undo gives the name back", window.state()["action"] == before["action"], window.state()["action"])
