# SPDX-License-Identifier: GPL-3.0-or-later
"""Enabling and disabling: nothing is left behind, nothing slow is imported."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import bpy
import parts

MODULE = parts.MODULE
jobs = parts.ours("blender.jobs")


def traces() -> dict[str, int]:
    """Everything of ours, or that grows, that Blender and the process hold."""
    handlers = [getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)]
    kinds = [getattr(bpy.types, name, None) for name in dir(bpy.types)]
    return {
        "handlers": sum(len(item) for item in handlers if isinstance(item, list)),
        "classes": sum(getattr(kind, "__module__", "").startswith(MODULE) for kind in kinds),
        "menu entries": len(bpy.types.TOPBAR_MT_file_import._dyn_ui_initialize()),
        "operators": len(dir(bpy.ops.tmr)),
        "state": int(hasattr(bpy.types.WindowManager, "tmr")),
        "children": len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()),
    }


def test_twenty_times_off_and_on_leak_nothing(factory_scene: None) -> None:
    module = sys.modules[MODULE]
    jobs.end_client()
    before = traces()
    assert before["classes"] >= 10
    for _ in range(20):
        # Each round starts the child process, so that each has one to end.
        process = jobs.client()._process
        assert process.poll() is None
        module.unregister()
        assert process.poll() is not None
        gone = traces()
        assert gone["classes"] == gone["state"] == 0
        module.register()
        gc.collect()
        assert traces() == before


def test_enabling_imports_no_network(installed: Path) -> None:
    """In a process of its own, started as Blender starts: what is imported by then is what enabling costs."""
    code = f"""
import bpy, os, sys
bpy.ops.preferences.addon_enable(module="{MODULE}")
assert "{MODULE}" in bpy.context.preferences.addons
print("HEAVY", [name for name in ("torch", "tokenizers", "scipy", "ufbx") if name in sys.modules], flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert "HEAVY []" in done.stdout


def test_results_stay_out_of_the_saved_file(factory_scene: None, tmp_path: Path) -> None:
    shown = bpy.context.window_manager.tmr
    shown.query = "unmistakable query"
    shown.hits.add().name = "unmistakable take"
    path = tmp_path / "scene.blend"
    parts.human()
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=False)
    assert b"unmistakable" not in path.read_bytes()


def test_every_operator_teaches(factory_scene: None) -> None:
    names = [name for name in dir(bpy.ops.tmr) if not name.startswith("_")]
    assert {"search", "apply", "import_clip", "add_library", "refresh_library", "remove_library", "cancel"} <= set(names)
    for name in names:
        assert len(getattr(bpy.ops.tmr, name).get_rna_type().description) > 30, name
