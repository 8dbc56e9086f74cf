# SPDX-License-Identifier: GPL-3.0-or-later
"""A result dragged from the strip in the viewport onto one of two rigs."""

import importlib
import subprocess
import time
from pathlib import Path
from typing import Any

from ..window import Window
from . import scenario

MODULE = "bl_ext.user_default.tmr_blender"
MOST_DRAWING = 0.01
"""Seconds of one drawing of the strip."""

# Inside Blender.


def two_rigs() -> list[str]:
    """Two mannequins 2 m apart: one is bones alone, the other has a skin; a cube is active. The view is from the front."""
    import bpy

    bpy.ops.object.select_all(action="SELECT")
    bpy.ops.object.delete()
    for name, x in (("Left", -1.0), ("Right", 1.0)):
        _human(name).location.x = x
    skin = _skin(bpy.data.objects["Right"])
    cube = bpy.data.objects.new("Marker", None)
    cube.location = (0.0, 0.0, 2.6)
    bpy.context.collection.objects.link(cube)
    bpy.context.view_layer.objects.active = cube
    area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")
    view = area.spaces.active.region_3d
    view.view_rotation = (0.7071068, 0.7071068, 0.0, 0.0)
    view.view_location, view.view_distance = (0.0, 0.0, 0.7), 7.0
    return [item.name for item in bpy.data.objects] + [skin.name]


def _human(name: str) -> Any:
    import bpy

    rows: list[tuple[Any, ...]] = [
        ("Hips", None, (0, 0, 0.95), (0, 0, 1.05)),
        ("Spine", "Hips", (0, 0, 1.05), (0, 0, 1.2)),
        ("Spine1", "Spine", (0, 0, 1.2), (0, 0, 1.42)),
        ("Neck", "Spine1", (0, 0, 1.45), (0, 0, 1.55)),
        ("Head", "Neck", (0, 0, 1.55), (0, 0, 1.75)),
    ]
    for side, sign in (("Left", 1), ("Right", -1)):
        for bone, parent, head, tail in (
            ("Shoulder", "Spine1", (0.03, 0, 1.42), (0.16, 0, 1.42)),
            ("Arm", "Shoulder", (0.16, 0, 1.42), (0.44, 0, 1.42)),
            ("ForeArm", "Arm", (0.44, 0, 1.42), (0.7, 0, 1.42)),
            ("Hand", "ForeArm", (0.7, 0, 1.42), (0.85, 0, 1.42)),
            ("UpLeg", "Hips", (0.1, 0, 0.93), (0.1, -0.01, 0.5)),
            ("Leg", "UpLeg", (0.1, -0.01, 0.5), (0.1, 0.01, 0.09)),
            ("Foot", "Leg", (0.1, 0.01, 0.09), (0.1, -0.12, 0.02)),
            ("ToeBase", "Foot", (0.1, -0.12, 0.02), (0.1, -0.2, 0.02)),
        ):
            above = parent if parent in {"Hips", "Spine1"} else side + parent
            rows.append((side + bone, above, (sign * head[0], *head[1:]), (sign * tail[0], *tail[1:])))
    data = bpy.data.armatures.new(name)
    rig = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for bone, parent, head, tail in rows:
        made = data.edit_bones.new(bone)
        made.head, made.tail = head, tail
        made.parent = data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def _skin(rig: Any) -> Any:
    """A box round each bone, weighted to it."""
    import bpy

    corners: list[tuple[float, ...]] = []
    faces: list[tuple[int, ...]] = []
    owners: list[str] = []
    for bone in rig.data.bones:
        low = [min(a, b) - 0.05 for a, b in zip(bone.head_local, bone.tail_local, strict=True)]
        high = [max(a, b) + 0.05 for a, b in zip(bone.head_local, bone.tail_local, strict=True)]
        first = len(corners)
        corners += [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
        sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
        faces += [tuple(first + corner for corner in side) for side in sides]
        owners += [bone.name] * 8
    mesh = bpy.data.meshes.new("Skin")
    mesh.from_pydata(corners, [], faces)
    skin = bpy.data.objects.new("Skin", mesh)
    bpy.context.collection.objects.link(skin)
    skin.parent = rig
    for number, name in enumerate(owners):
        group = skin.vertex_groups.get(name) or skin.vertex_groups.new(name=name)
        group.add([number], 1.0, "REPLACE")
    skin.modifiers.new("Armature", "ARMATURE").object = rig
    return skin


def _view() -> tuple[Any, Any, Any]:
    import bpy

    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area, next(region for region in area.regions if region.type == "WINDOW")


def cell(index: int) -> list[float] | None:
    """The middle of a result's picture in the strip, from the window's upper left."""
    import bpy

    window, area, region = _view()
    strip = importlib.import_module(f"{MODULE}.blender.strip_place")
    with bpy.context.temp_override(window=window, area=area, region=region):
        place = strip.layout_of(bpy.context).picture(index) if strip.shown(bpy.context) else None
    if place is None:
        return None
    return [region.x + (place[0] + place[2]) / 2, window.height - region.y - (place[1] + place[3]) / 2]


def first_shown() -> int:
    """The leftmost result in the strip."""
    import bpy

    window, area, region = _view()
    strip = importlib.import_module(f"{MODULE}.blender.strip_place")
    with bpy.context.temp_override(window=window, area=area, region=region):
        return strip.layout_of(bpy.context).start


def place_of(name: str, bone: str) -> list[float]:
    """Where the middle of a bone is, from the window's upper left."""
    import bpy
    from bpy_extras import view3d_utils

    window, _, region = _view()
    rig = bpy.data.objects[name]
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones[bone]
    x, y = view3d_utils.location_3d_to_region_2d(region, region.data, rig.matrix_world @ ((posed.head + posed.tail) / 2))
    return [region.x + x, window.height - region.y - y]


def target_of_drag() -> list[str]:
    """The rig that is marked and why nothing would happen, while something is dragged; else nothing."""
    ops_drag = importlib.import_module(f"{MODULE}.blender.ops_drag")
    return [
        text
        for operator in ops_drag._handlers
        for text in (operator.target.name if operator.target is not None else "", operator.why)
    ]


def actions_of() -> dict[str, Any]:
    """Rig -> its action."""
    import bpy

    rigs = [item for item in bpy.data.objects if item.type == "ARMATURE"]
    return {rig.name: _name(rig.animation_data) for rig in rigs}


def _name(data: Any) -> str | None:
    return data.action.name if data is not None and data.action is not None else None


def ghost_hidden() -> bool:
    """Whether the ghost is kept out of the way."""
    return importlib.import_module(f"{MODULE}.blender.ghost").hidden


def time_drawing() -> bool:
    """From now on every drawing of the strip and of what is dragged is timed."""
    import bpy

    strip = importlib.import_module(f"{MODULE}.blender.strip")
    original, times = strip.draw, _times

    def timed() -> None:
        start = time.perf_counter()
        original()
        times.append(time.perf_counter() - start)

    bpy.types.SpaceView3D.draw_handler_remove(strip._handlers.pop(), "WINDOW")
    strip._handlers.append(bpy.types.SpaceView3D.draw_handler_add(timed, (), "WINDOW", "POST_PIXEL"))
    ops_drag = importlib.import_module(f"{MODULE}.blender.ops_drag")
    look = ops_drag.Dragging._look

    def looked(self: Any, context: Any) -> None:
        start = time.perf_counter()
        look(self, context)
        _looks.append(time.perf_counter() - start)

    ops_drag.Dragging._look = looked
    return True


_times: list[float] = []
_looks: list[float] = []


def drawing_times() -> list[list[float]]:
    """Seconds of each drawing, and of each look for the rig under the pointer."""
    return [_times, _looks]


def drop_file(name: str, kind: str) -> list[float]:
    """What Blender does when a file is dropped at the mouse: its operator is invoked there. Returns where that is."""
    import bpy

    window, area, region = _view()
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.tmr.drop_files("INVOKE_DEFAULT", directory="/out/data/" + kind, files=[{"name": name}])
    return [0.0]


# Beside Blender.


def press(window: Window, place: Any) -> None:
    """Press on a place and keep the button down."""
    window.point(tuple(place))
    subprocess.run(["xdotool", "mousedown", "1"], check=True)
    time.sleep(0.2)


def carry(window: Window, start: Any, end: Any, steps: int = 10) -> None:
    """Move with the button down."""
    for step in range(1, steps + 1):
        window.move(*(a + (b - a) * step / steps for a, b in zip(start, end, strict=True)))
        time.sleep(0.08)
    time.sleep(0.6)


def release() -> None:
    """Let go of the button."""
    subprocess.run(["xdotool", "mouseup", "1"], check=True)
    time.sleep(0.8)


@scenario(40, "Drag a result from the strip onto one of two rigs")
def drag(window: Window) -> None:
    window.inside(two_rigs)
    window.open_tab()
    window.type_into("tmr.query", "a person waves")
    window.key("Return")
    window.wait("results", lambda state: state["hits"] and not state["work"])
    time.sleep(2.0)
    window.inside(time_drawing)
    window.shot("strip")
    first = window.inside(cell, 0)
    if first is None:
        window.check("the strip is shown", False)
        return
    for name, bone, other in (("Left", "Spine1", "Right"), ("Right", "LeftUpLeg", "Left")):
        start, end = window.inside(cell, 1), window.inside(place_of, name, bone)
        press(window, start)
        carry(window, start, end)
        window.check(f"{name} is marked", window.inside(target_of_drag) == [name, ""], window.inside(target_of_drag))
        window.check(f"no ghost stands in the way to {name}", window.inside(ghost_hidden))
        window.shot(f"over_{name}")
        released = time.monotonic()
        release()
        shown = window.wait(f"an action on {name}", lambda state, name=name: window.inside(actions_of)[name])
        window.figure(f"from release to action on {name}", time.monotonic() - released - 0.8, "s")
        window.check(f"{name} is active", shown["rig"] == name, shown["rig"])
        window.shot(f"dropped_on_{name}")
        if name == "Left":
            window.check(f"{other} is as it was", window.inside(actions_of)[other] is None)
    before = window.inside(actions_of)
    window.point(window.middle())
    window.key("ctrl+z")
    time.sleep(0.8)
    now = window.inside(actions_of)
    window.check("one undo takes the second off and leaves the first", now == {**before, "Right": None}, now)
    cancelled(window)
    beside(window)
    scrolled(window)
    timed(window)


def cancelled(window: Window) -> None:
    """Esc and the right button let go."""
    before = window.inside(actions_of)
    for how in ("Escape", "right button"):
        start, end = window.inside(cell, 0), window.inside(place_of, "Right", "Spine1")
        press(window, start)
        carry(window, start, end)
        if how == "Escape":
            window.key(how)
        else:
            subprocess.run(["xdotool", "click", "3"], check=True)
        time.sleep(0.5)
        window.check(f"{how}: nothing is carried", window.inside(target_of_drag) == [] and not window.inside(ghost_hidden))
        release()
        window.check(f"{how}: nothing is changed", window.inside(actions_of) == before, window.inside(actions_of))
    window.shot("cancelled")


def beside(window: Window) -> None:
    """Released where there is no rig it says why, and nothing happens."""
    before = window.inside(actions_of)
    start, end = window.inside(cell, 0), window.inside(place_of, "Left", "Head")
    end[1] -= 80
    press(window, start)
    carry(window, start, end)
    said = window.inside(target_of_drag)
    window.check("the pointer says why not", len(said) == 2 and "no rig under" in said[1], said)
    window.shot("beside")
    release()
    window.check("beside a rig nothing is changed", window.inside(actions_of) == before)
    window.shot("beside_released")


def scrolled(window: Window) -> None:
    """The wheel goes on in the strip; a click chooses."""
    place = window.inside(cell, 1)
    window.click(place)
    time.sleep(0.5)
    window.check("a click chooses the result", window.state()["active"] == 1, window.state()["active"])
    for _ in range(3):
        window.click(place, button=5, counted=False)
    time.sleep(0.5)
    window.check("the wheel scrolls the strip", window.inside(first_shown) == 3, window.inside(first_shown))
    time.sleep(1.0)
    window.shot("scrolled")


def timed(window: Window) -> None:
    """What it cost."""
    drawing, looking = (sorted(times) for times in window.inside(drawing_times))
    window.check("drawings were timed", len(drawing) > 20 and len(looking) > 10, (len(drawing), len(looking)))
    if not drawing or not looking:
        return
    window.figure("one drawing of the strip, median", drawing[len(drawing) // 2], "s", limit=MOST_DRAWING)
    window.figure("one drawing of the strip, longest", drawing[-1], "s")
    window.figure("looking for the rig under the pointer, median", looking[len(looking) // 2], "s", limit=MOST_DRAWING)
    window.figure("looking for the rig under the pointer, longest", looking[-1], "s")


@scenario(41, "Drop a motion file onto a rig", needs=("mocap",))
def drop(window: Window) -> None:
    window.inside(two_rigs)
    folder = Path("/out/data/mocap")
    path = next(iter(sorted(folder.rglob("*.bvh"))))
    window.point(tuple(window.inside(place_of, "Left", "Spine1")))
    window.inside(drop_file, path.name, str(path.parent.relative_to("/out/data")))
    time.sleep(0.8)
    window.shot("menu")
    window.key("Return")  # the first entry is under the mouse
    time.sleep(2.0)
    window.shot("dropped")
    window.check("the rig it was dropped on has the motion", window.inside(actions_of)["Left"], window.inside(actions_of))
