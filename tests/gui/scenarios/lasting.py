# SPDX-License-Identifier: GPL-3.0-or-later
"""What many repetitions leave behind. These call operators inside the window: nobody presses a button a thousand times."""

import time
from typing import Any

from ..window import Window
from . import scenario

TIMES = 20
SEARCHES, APPLIES = 1000, 100
CHUNK = 50
GROWTH_MB = 8.0
WORDS = ("walks", "runs", "jumps", "kicks", "punches", "dances", "falls over", "gets up", "turns around", "rolls")


def switch(on: bool) -> None:
    """Enable or disable the extension, as the tick in the preferences does."""
    import bpy

    from ..inside import MODULE, clock

    if on:
        bpy.ops.preferences.addon_enable(module=MODULE)
        clock.look_at_panel()
    else:
        bpy.ops.preferences.addon_disable(module=MODULE)


@scenario(6, f"Disable and enable the extension {TIMES} times")
def leaks(window: Window) -> None:
    window.inside("count_draw_callbacks")
    window.inside(switch, False)  # so that what is registered from now on is noted
    window.inside(switch, True)
    window.open_tab()
    time.sleep(3.0)
    before, memory = window.inside("leftovers"), window.inside("resident")["Blender"]
    off: dict[str, Any] = {}
    for _ in range(TIMES):
        window.inside(switch, False)
        off = window.inside("leftovers")
        time.sleep(0.2)
        window.inside(switch, True)
        time.sleep(0.8)
    time.sleep(3.0)
    after = window.inside("leftovers")
    for kind in off:
        window.check(f"{kind}: none while it is disabled", not off[kind], off[kind])
        window.check(f"{kind}: as before once it is enabled", after[kind] == before[kind], f"{before[kind]} then {after[kind]}")
    window.figure("memory more than before", window.inside("resident")["Blender"] - memory, "MB", limit=GROWTH_MB * 2)
    window.shot("enabled again")
    window.check("a search still works", window.inside(searches, 0, 1) > 0)


def searches(first: int, count: int) -> int:
    """Search for different sentences; how many hits the last one has."""
    import bpy

    for number in range(first, first + count):
        words = f"a person {WORDS[number % len(WORDS)]} and then {WORDS[number // len(WORDS) % len(WORDS)]}"
        with bpy.context.temp_override(window=None):  # so that it waits for its results
            bpy.ops.tmr.search(query=words)
    return len(bpy.context.window_manager.tmr.hits)


def applies(first: int, count: int) -> int:
    """Apply results one after the other, each action taken away again; how many keys the last one had."""
    import bpy

    keyed = 0
    for number in range(first, first + count):
        bpy.ops.tmr.apply(index=number % len(bpy.context.window_manager.tmr.hits))
        action = bpy.context.view_layer.objects.active.animation_data.action
        keyed = int(action.frame_range[1])
        bpy.data.actions.remove(action)
    return keyed


def repeated(window: Window, function: Any, total: int) -> dict[str, list[float]]:
    """Megabytes of both processes after each chunk."""
    grown: dict[str, list[float]] = {}
    for first in range(0, total, CHUNK):
        result = window.inside(function, first, min(CHUNK, total - first), timeout=400.0)
        window.check(f"{function.__name__} from {first} on had a result", result > 0)
        for name, size in window.inside("resident").items():
            grown.setdefault(name, []).append(size)
    return grown


@scenario(7, f"Memory after {SEARCHES:,} searches and {APPLIES} applied motions")
def memory(window: Window) -> None:
    window.inside("rigify_human", timeout=120.0)
    window.open_tab()
    time.sleep(5.0)
    for function, total in ((searches, SEARCHES), (applies, APPLIES)):
        grown = repeated(window, function, total)
        for name, sizes in grown.items():
            half = sizes[(len(sizes) - 1) // 2]  # caches fill in the first half
            window.figure(
                f"{name}: growth in the second half of {total} {function.__name__}", sizes[-1] - half, "MB", GROWTH_MB
            )
            window.figure(f"{name}: memory after {total} {function.__name__}", sizes[-1], "MB")
    window.shot("after all")
