# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender as a module, in a process of its own, for tests that need it."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MODULE = ROOT / ".venv-bpy" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


@pytest.fixture
def blender(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Python with the module bpy, or the program that TMR_BLENDER names; readers fall back on it during the test."""
    program = Path(os.environ.get("TMR_BLENDER") or MODULE)
    if not program.is_file():
        pytest.skip("needs Blender: .venv-bpy, or a program that TMR_BLENDER names")
    monkeypatch.setenv("TMR_BLENDER", str(program))
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path))
    return program
