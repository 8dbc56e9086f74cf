# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip as Blender installed it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import bpy

MODULE = "bl_ext.user_default.tmr_blender"


def test_comes_from_the_profile(installed: Path) -> None:
    assert Path(bpy.utils.resource_path("USER")) in installed.parents
    assert not (installed / "tests").exists()


def test_wheels_come_from_the_profile() -> None:
    """torch and the rest are those of the zip, not of this environment."""
    code = "import torch, tokenizers, ufbx; print(torch.__file__, tokenizers.__file__, ufbx.__file__, sep='\\n')"
    site = next(path for path in sys.path if path.startswith(bpy.utils.resource_path("USER")) and "site-packages" in path)
    found = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": site}, capture_output=True, text=True, check=True, timeout=120
    )
    assert [Path(line).is_relative_to(site) for line in found.stdout.split()] == [True, True, True]


def test_enabling_imports_no_torch() -> None:
    assert "torch" not in sys.modules, "tests in this process must search through the worker"


def test_manifest_lists_its_wheels(installed: Path) -> None:
    manifest = tomllib.loads((installed / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert not any("numpy" in wheel for wheel in manifest["wheels"])
    assert any("torch-" in wheel for wheel in manifest["wheels"])
    assert "network" not in manifest["permissions"]


def test_disable_and_enable_again() -> None:
    """In a process of its own: the other tests hold the modules of the first time."""
    code = f"""
import bpy, os
for _ in range(2):
    bpy.ops.preferences.addon_enable(module="{MODULE}")
    assert "{MODULE}" in bpy.context.preferences.addons
    bpy.ops.preferences.addon_disable(module="{MODULE}")
    assert "{MODULE}" not in bpy.context.preferences.addons
print("twice", flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert "twice" in done.stdout, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
