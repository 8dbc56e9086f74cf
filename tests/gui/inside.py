# SPDX-License-Identifier: GPL-3.0-or-later
"""Called inside Blender: what window, extension and scene are like now, and how the time went by. Answers are JSON."""

import gc
import importlib
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

MODULE = "bl_ext.user_default.tmr_blender"


class Clock:
    """When the event loop came round, the extension's panel was drawn and its state changed; all by time.monotonic()."""

    def __init__(self) -> None:
        self.ticks: list[float] = []
        self.sidebar: list[float] = []
        self.panel: list[tuple[float, int]] = []
        self.changes: list[tuple[float, dict[str, Any]]] = []
        self.redraw = False

    def look_at_panel(self) -> None:
        """Be called when the panel has been drawn; again after the extension was enabled anew."""
        panel = getattr(bpy.types, "TMR_PT_search", None)
        if panel is not None:
            panel.append(_panel_drawn)

    def tick(self) -> None:
        """Once every round of the event loop that the probe's timer is due in."""
        now = time.monotonic()
        self.ticks.append(now)
        self.look(now)
        if self.redraw:
            for region in _regions("VIEW_3D", "UI"):
                region.tag_redraw()

    def look(self, now: float) -> None:
        """Note the state where it has changed: on every tick, and when the panel is drawn, which may be before the next."""
        shown = brief()
        if not self.changes or self.changes[-1][1] != shown:
            self.changes.append((now, shown))


clock = Clock()


def _panel_drawn(panel: bpy.types.Panel, context: bpy.types.Context) -> None:
    shown, now = getattr(context.window_manager, "tmr", None), time.monotonic()
    clock.look(now)
    clock.sidebar.append(now)
    clock.panel.append((now, len(shown.hits) if shown is not None else 0))


def _window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def brief() -> dict[str, Any]:
    """What is looked at on every tick."""
    shown = getattr(bpy.context.window_manager, "tmr", None)
    if shown is None:
        return {}
    return {
        "query": shown.query,
        "asked": shown.asked,
        "searched": shown.searched,
        "hits": len(shown.hits),
        "like": shown.like,
        "work": shown.work,
        "told": len(shown.told),
        "active": shown.active,
        "jobs": jobs(),
    }


def jobs() -> list[str]:
    """What the extension says about indexing under way."""
    watching = sys.modules.get(f"{MODULE}.blender.watching")
    return [shown.sentence for shown in watching.watched.values()] if watching is not None else []


def state() -> dict[str, Any]:
    """What the panel and the active rig show."""
    shown = bpy.context.window_manager.tmr
    rig = _active()
    data = rig.animation_data if rig is not None else None
    return {
        **brief(),
        "names": [hit.name for hit in shown.hits],
        "scores": [hit.score for hit in shown.hits],
        "sentences": [said.text for said in shown.told],
        "rig": rig.name if rig is not None else None,
        "action": data.action.name if data is not None and data.action is not None else None,
        "actions": [action.name for action in bpy.data.actions],
        "frame": bpy.context.scene.frame_current,
        "end": bpy.context.scene.frame_end,
        "markers": [[marker.name, marker.frame] for marker in bpy.context.scene.timeline_markers],
        "libraries": [item.folder for item in bpy.context.preferences.addons[MODULE].preferences.libraries],
        "category": next((region.active_panel_category for region in _regions("VIEW_3D", "UI") if region.width > 1), ""),
    }


def _active() -> bpy.types.Object | None:
    view_layer = _window().view_layer
    return view_layer.objects.active


def action_of(name: str) -> str | None:
    """The name of an object's action."""
    data = bpy.data.objects[name].animation_data
    return data.action.name if data is not None and data.action is not None else None


def pose(name: str | None = None) -> dict[str, list[float]]:
    """Heads of the deforming bones of an armature, the active one by default, in the world, as evaluated now."""
    rig = bpy.data.objects[name] if name else _active()
    assert rig is not None
    evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    bones = [bone for bone in evaluated.pose.bones if bone.bone.use_deform]
    return {bone.name: list(evaluated.matrix_world @ bone.head) for bone in bones}


def curves() -> dict[str, Any]:
    """Of the active rig's action: its frames, and the mean value of each curve."""
    rig = _active()
    data = rig.animation_data if rig is not None else None
    action = data.action if data is not None else None
    if data is None or action is None:
        return {"frames": [0.0, 0.0], "means": {}}
    found: Any = getattr(action, "fcurves", None)  # gone in 5.0
    if found is None:
        bag = action.layers[0].strips[0].channelbag(data.action_slot)
        found = bag.fcurves if bag is not None else []
    means = {}
    for curve in found:
        values = [point.co[1] for point in curve.keyframe_points]
        means[f"{curve.data_path}[{curve.array_index}]"] = sum(values) / max(len(values), 1)
    return {"frames": list(action.frame_range), "means": means}


def reports() -> list[str]:
    """What Blender's Info editor would list, last."""
    window = _window()
    area = window.screen.areas[0]
    former = area.type
    with bpy.context.temp_override(window=window, area=area):
        area.type = "INFO"
        region = next(region for region in area.regions if region.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.info.select_all(action="SELECT")
            bpy.ops.info.report_copy()
        area.type = former
    return bpy.context.window_manager.clipboard.splitlines()


# Where things are, and what is under the mouse.


def _regions(area_type: str, region_type: str) -> list[bpy.types.Region]:
    areas = [area for area in _window().screen.areas if area.type == area_type]
    return [region for area in areas for region in area.regions if region.type == region_type]


def rectangle(area_type: str, region_type: str) -> list[int]:
    """left, top, width, height of a region in the window's pixels, from its upper left; all 0 where it is hidden."""
    window = _window()
    found = [region for region in _regions(area_type, region_type) if region.width > 1 and region.height > 1]
    if not found:
        return [0, 0, 0, 0]
    region = found[0]
    return [region.x, window.height - region.y - region.height, region.width, region.height]


def under(area_type: str, region_type: str) -> str:
    """The button that the mouse is over: the call of its operator, the path of its property, or ""."""
    window = _window()
    for area in (area for area in window.screen.areas if area.type == area_type):
        for region in (region for region in area.regions if region.type == region_type):
            with bpy.context.temp_override(window=window, area=area, region=region):
                if bpy.ops.ui.copy_python_command_button.poll():
                    bpy.ops.ui.copy_python_command_button()
                    return bpy.context.window_manager.clipboard
                if bpy.ops.ui.copy_data_path_button.poll():
                    bpy.ops.ui.copy_data_path_button(full_path=True)
                    return bpy.context.window_manager.clipboard
    return ""


def panel_draws() -> dict[str, int]:
    """How often each panel of the extension was drawn open since this was first asked; have them drawn again soon."""
    names = [name for name in dir(bpy.types) if name.startswith("TMR_PT_")]
    for name in names:
        if name not in _draws:
            _draws[name] = 0
            getattr(bpy.types, name).append(_counter(name))
    for area in _window().screen.areas:
        area.tag_redraw()
    return dict(_draws)


_draws: dict[str, int] = {}


def _counter(name: str) -> Callable[[Any, Any], None]:
    def count(panel: Any, context: Any) -> None:
        _draws[name] += 1

    return count


# Time and memory.


def begin_gaps(redraw: bool) -> None:
    """Forget earlier times. redraw: have the sidebar drawn on every tick, to see whether it can be."""
    clock.ticks.clear()
    clock.sidebar.clear()
    clock.redraw = redraw


def gaps() -> dict[str, float]:
    """Longest and 99th of 100 times between rounds of the event loop, and drawings of the panel, since `begin_gaps`."""
    clock.redraw = False
    made: dict[str, float] = {"seconds": clock.ticks[-1] - clock.ticks[0]}
    for name, times in (("tick", clock.ticks), ("draw", clock.sidebar)):
        steps = sorted(b - a for a, b in itertools.pairwise(times)) or [0.0]
        made[name], made[f"{name} p99"], made[f"{name}s"] = steps[-1], steps[int(0.99 * (len(steps) - 1))], float(len(steps))
    return made


def changes() -> list[Any]:
    """Every change of `brief` so far: [time, state]."""
    return clock.changes


def panel_times() -> list[Any]:
    """[time, hits] of every drawing of the extension's panel."""
    return clock.panel


def resident() -> dict[str, float]:
    """Megabytes of memory in use by Blender and by the extension's search process."""
    module = sys.modules.get(f"{MODULE}.blender.jobs")
    client = module._client if module is not None else None
    gc.collect()
    found = {"Blender": _resident("self")}
    if client is not None:
        found["worker"] = _resident(str(client._process.pid))
    return found


def _resident(process: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024.0 for line in lines if line.startswith("VmRSS"))


# What an extension can leave behind.


def leftovers() -> dict[str, Any]:
    """What of the extension Blender knows: classes, handlers, properties, menu entries, threads, child processes, modules."""
    import threading

    kinds = (bpy.types.Operator, bpy.types.Panel, bpy.types.UIList, bpy.types.PropertyGroup, bpy.types.Menu)
    kinds += (bpy.types.AddonPreferences, bpy.types.Header)
    classes = [cls.__name__ for kind in kinds for cls in _subclasses(kind) if cls.__module__.startswith(MODULE) and _alive(cls)]
    handlers = [
        f"{name}: {handler.__module__}.{handler.__name__}"
        for name in dir(bpy.app.handlers)
        if isinstance(functions := getattr(bpy.app.handlers, name), list)
        for handler in functions
        if getattr(handler, "__module__", "").startswith(MODULE)
    ]
    properties = [
        f"{kind}.{name}"
        for kind in ("Scene", "WindowManager", "Object", "Action", "Armature", "PoseBone")
        for name in dir(getattr(bpy.types, kind))
        if "tmr" in name.lower()
    ]
    draws = [
        f"{kind}: {function.__qualname__}"
        for kind in dir(bpy.types)
        if hasattr(cls := getattr(bpy.types, kind), "draw") and hasattr(cls.draw, "_draw_funcs")
        for function in cls.draw._draw_funcs
        if getattr(function, "__module__", "").startswith(MODULE)
    ]
    return {
        "classes": sorted(classes),
        "handlers": handlers,
        "properties": properties,
        "menu entries": draws,
        "operators": sorted(name for name in dir(bpy.ops.tmr) if not name.startswith("_")),
        "timers": timers(),
        "draw callbacks": draw_callbacks(),
        "keymap items": keymap_items(),
        "threads": sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("tmr")),
        "children": children(),
    }


def _alive(cls: type) -> bool:
    return bool(getattr(cls, "is_registered", False))


def _subclasses(kind: type) -> list[type]:
    found: list[type] = []
    for cls in kind.__subclasses__():
        found += [cls, *_subclasses(cls)]
    return list(dict.fromkeys(found))


def timers() -> list[str]:
    """Functions of the extension that a timer would call."""
    found: list[str] = []
    for name, module in list(sys.modules.items()):
        if name.startswith(MODULE):
            for key, value in list(vars(module).items()):
                own = callable(value) and not isinstance(value, type) and getattr(value, "__module__", "") == name
                if own and bpy.app.timers.is_registered(value):
                    found.append(f"{name.removeprefix(MODULE)}.{key}")
    return found


_handles: dict[int, str] = {}


def count_draw_callbacks() -> None:
    """From now on note every draw handler that is added and removed; Blender itself lists none."""
    names = [name for name in dir(bpy.types) if name.startswith("Space") and name != "Space"]
    spaces = [space for name in names if hasattr(space := getattr(bpy.types, name), "draw_handler_add")]
    for space, add, remove in [(space, space.draw_handler_add, space.draw_handler_remove) for space in spaces]:
        _note_handlers(space, add, remove)


def _note_handlers(space: Any, add: Callable[..., Any], remove: Callable[..., Any]) -> None:
    def adding(function: Any, *more: Any) -> Any:
        handle = add(function, *more)
        _handles[id(handle)] = (
            f"{space.__name__}: {getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"
        )
        return handle

    def removing(handle: Any, region: str) -> None:
        _handles.pop(id(handle), None)
        remove(handle, region)

    space.draw_handler_add, space.draw_handler_remove = staticmethod(adding), staticmethod(removing)


def draw_callbacks() -> list[str]:
    """Draw handlers of the extension's that Blender would call; see `count_draw_callbacks`."""
    return sorted(name for name in _handles.values() if MODULE in name)


def keymap_items() -> list[str]:
    """Keys that call the extension's operators."""
    configuration = bpy.context.window_manager.keyconfigs.addon
    maps = configuration.keymaps if configuration is not None else []
    return [item.idname for keymap in maps for item in keymap.keymap_items if item.idname.startswith("tmr.")]


def children() -> int:
    """How many processes Blender has started that still run."""
    import os

    mine = os.getpid()
    count = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        count += int(fields[1]) == mine and fields[0] != "Z"
    return count


# Scenes.


def rigify_human() -> str:
    """A generated Rigify human instead of the cube, active, in object mode; its name."""
    importlib.import_module("addon_utils").enable("rigify", default_set=True)
    for item in list(bpy.data.objects):
        if item.type == "MESH":
            bpy.data.objects.remove(item)
    window = _window()
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.object.armature_human_metarig_add()
        metarig = bpy.context.view_layer.objects.active
        bpy.ops.pose.rigify_generate()
        rig = metarig.data.rigify_target_rig
        bpy.data.objects.remove(metarig)
        rig.name = "Human"
        for item in bpy.context.view_layer.objects:
            item.select_set(item == rig)
        bpy.context.view_layer.objects.active = rig
        bpy.ops.view3d.view_selected()
        bpy.ops.ed.undo_push(message="A rig")
    return rig.name
