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
    assert set(manifest["permissions"]) == {"files", "network"}


def test_unregister_leaves_nothing_and_register_works_again() -> None:
    """Not through the preferences: disabling there also removes the wheels, 750 MB, that the other tests need."""
    module = sys.modules[MODULE]
    with_it = _ours()
    assert with_it
    module.unregister()
    try:
        assert _ours() == set()
    finally:
        module.register()
    assert _ours() == with_it


def _ours() -> set[str]:
    """Names of registered Blender classes that come from the extension."""
    known = (getattr(bpy.types, name) for name in dir(bpy.types))
    return {kind.__name__ for kind in known if getattr(kind, "__module__", "").startswith(MODULE)}
