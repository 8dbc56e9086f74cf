# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor's button in the installed extension."""

from pathlib import Path

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
