# SPDX-License-Identifier: GPL-3.0-or-later
"""Registering and unregistering leaves nothing of ours in Blender, and no memory."""

import gc
import inspect
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import bpy
import parts
import pytest

TIMES = 20
GROWTH = 4 << 20
"""Bytes that the last ten rounds may take; a class that stays takes far less than that, so that is counted, too."""


def named(kind: str) -> Any:
    return getattr(bpy.types, kind)


def traces() -> dict[str, Counter[str]]:
    """By kind: all of ours that Blender holds."""
    found: dict[str, Counter[str]] = {}
    handlers = [(name, getattr(bpy.app.handlers, name)) for name in dir(bpy.app.handlers)]
    found["handlers"] = Counter(
        f"{name}: {call.__module__}.{call.__qualname__}"
        for name, calls in handlers
        if isinstance(calls, list)
        for call in calls
        if parts.MODULE in getattr(call, "__module__", "")
    )
    modules = [(name, module) for name, module in list(sys.modules.items()) if name.startswith(parts.MODULE)]
    found["timers"] = Counter(
        f"{name}.{key}"
        for name, module in modules
        for key, value in list(vars(module).items())
        if inspect.isfunction(value) and bpy.app.timers.is_registered(value)
    )
    kinds = [kind for kind in dir(bpy.types) if isinstance(named(kind), type)]
    found["classes"] = Counter(kind for kind in kinds if getattr(named(kind), "__module__", "").startswith(parts.MODULE))
    found["draws"] = Counter(
        f"{kind}: {call.__qualname__}"
        for kind in kinds
        for call in getattr(getattr(named(kind), "draw", None), "_draw_funcs", ())
        if call.__module__.startswith(parts.MODULE)
    )
    maps = bpy.context.window_manager.keyconfigs.addon.keymaps
    found["keys"] = Counter(
        f"{keymap.name}: {item.idname} {item.to_string()}" for keymap in maps for item in keymap.keymap_items
    )
    found["properties"] = Counter(
        f"{kind.__name__}.{name}"
        for kind in (bpy.types.WindowManager, bpy.types.Scene, bpy.types.Object, bpy.types.Action, bpy.types.Armature)
        for name, _ in kind.bl_rna.properties.items()
        if name.startswith("tmr")
    )
    found["operators"] = Counter(name for name in dir(bpy.ops.tmr) if not name.startswith("_"))
    return found


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads memory from /proc")
def test_twenty_rounds_leave_nothing(factory_scene: None) -> None:
    module = sys.modules[parts.MODULE]
    before = traces()
    assert all(before[kind] for kind in ("classes", "draws", "keys", "properties", "operators"))
    sizes = []
    for _ in range(TIMES):
        module.unregister()
        left = traces()
        assert {kind: held for kind, held in left.items() if held and kind != "keys"} == {}
        assert not [item for item in left["keys"] if "tmr." in item]
        module.register()
        assert traces() == before
        gc.collect()
        sizes.append(resident())
    assert sizes[-1] - sizes[TIMES // 2 - 1] < GROWTH, sizes


def test_previews_are_given_back(factory_scene: None) -> None:
    import bpy.utils.previews

    thumbnails = parts.ours("blender.thumbnails")
    module = sys.modules[parts.MODULE]
    module.unregister()
    held = [value for value in vars(thumbnails).values() if isinstance(value, bpy.utils.previews.ImagePreviewCollection)]
    assert not held
    module.register()
