# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that the window starts with: answers questions from outside through files, tick by tick, until told to quit.

A question is `/out/asked.json`, {"id", "module", "function", "arguments"}; the answer `/out/told.json`, {"id", "value"} or
{"id", "problem"}. Both are renamed into place when they are whole.
"""

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

import bpy

OUT = Path(os.environ["TMR_OUT"])
TICK = 0.02
SETTLE = 1.0
"""Seconds until the window has drawn itself once."""

sys.path.insert(0, str(OUT / "harness"))
inside = importlib.import_module("gui.inside")


def answer(asked: Path) -> None:
    """Take the question away, call what it names and leave what that returns."""
    question = json.loads(asked.read_text(encoding="utf-8"))
    asked.unlink()
    told = {"id": question["id"]}
    try:
        function = getattr(importlib.import_module(question["module"]), question["function"])
        told["value"] = function(*question["arguments"])
    except Exception:  # noqa: BLE001 - whatever it is, the driver is told
        told["problem"] = traceback.format_exc()
    draft = OUT / "told.part"
    draft.write_text(json.dumps(told), encoding="utf-8")
    draft.replace(OUT / "told.json")


def tick() -> float | None:
    """One look at the clock and at what is asked."""
    inside.clock.tick()
    if (OUT / "quit").exists():
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
            bpy.ops.wm.quit_blender()
        return None
    if (OUT / "asked.json").exists():
        answer(OUT / "asked.json")
    return TICK


def ready() -> None:
    """The window may be used."""
    inside.clock.look_at_panel()
    (OUT / "ready").write_text("ready", encoding="utf-8")


# What Blender asks when it quits with unsaved work would keep the window open.
bpy.context.preferences.view.use_save_prompt = False
bpy.app.timers.register(tick, first_interval=TICK, persistent=True)
bpy.app.timers.register(ready, first_interval=SETTLE, persistent=True)
