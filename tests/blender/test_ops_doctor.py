# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor's button in the installed extension."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import parts


def test_the_installed_extension_is_well(factory_scene: None) -> None:
    assert bpy.ops.tmr.doctor() == {"FINISHED"}
    text = bpy.data.texts["TMR Doctor"].as_string()
    assert text.startswith(f"Blender {bpy.app.version_string}")
    assert "torch 2." in text and "finds cartwheel" in text and text.rstrip().endswith("All is well.")
    assert str(Path.home()) not in text.replace("\n", " ") or Path.home() == Path("/")


def test_what_is_wrong_is_in_the_report(factory_scene: None, tmp_path: Path) -> None:
    settings = parts.ours("blender.preferences")
    settings.remember(bpy.context, tmp_path)
    try:
        assert bpy.ops.tmr.doctor() == {"FINISHED"}
    finally:
        settings.forget(bpy.context, str(tmp_path))
    assert "library 1 in" in bpy.data.texts["TMR Doctor"].as_string()
    assert len([text for text in bpy.data.texts if text.name.startswith("TMR Doctor")]) == 1


def test_no_torch_came_in(factory_scene: None) -> None:
    import sys

    bpy.ops.tmr.doctor()
    assert "torch" not in sys.modules


def test_a_check_under_way_can_be_stopped_and_ends_with_the_extension(factory_scene: None) -> None:
    ops_doctor, jobs = parts.ours("blender.ops_doctor"), parts.ours("blender.jobs")
    kind = ops_doctor.TMR_OT_doctor
    # What Blender would make of the class in a window.
    members = {name: value for name, value in vars(kind).items() if not name.startswith(("__", "bl_"))}
    for ended_by in ("interrupt", "cancel"):
        check: Any = type("Check", (), members)()
        check._start(bpy.context)
        jobs.enter(bpy.context, check, "Checking")
        process = check.process
        assert process.poll() is None and jobs.running()
        if ended_by == "cancel":
            check.cancel(bpy.context)
        else:
            jobs.interrupt(bpy.context)
            process.wait(60)
            assert check.modal(bpy.context, SimpleNamespace(type="TIMER", value="NOTHING")) == {"CANCELLED"}
        assert process.poll() is not None and not jobs.running()
        assert bpy.data.texts.get("TMR Doctor") is None
