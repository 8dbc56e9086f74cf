# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in real Blender run against the installed zip, never against the source folder.

`python build.py test` installs the zip into a private profile and starts these tests with that profile. The extension's
modules are imported as Blender knows them: `from bl_ext.user_default.tmr_blender.blender import rig`.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MODULE = "bl_ext.user_default.tmr_blender"
_outcome: list[int] = []

if not os.environ.get("BLENDER_USER_RESOURCES"):
    collect_ignore_glob = ["*"]
    print("tests/blender: left out, as no Blender profile is given; `python build.py test` sets one up.", file=sys.stderr)
else:
    if importlib.util.find_spec("tmr_blender") is not None:
        raise pytest.UsageError("The source folder is on the path: start these tests with python -P, outside any PYTHONPATH.")
    bpy = importlib.import_module("bpy")
    # The modules under test are imported when pytest collects, so the extension has to be enabled by then.
    bpy.ops.preferences.addon_enable(module=MODULE)
    if MODULE not in bpy.context.preferences.addons:
        raise pytest.UsageError("The extension is not installed in this profile; `python build.py test` does that.")


@pytest.fixture
def factory_scene() -> Iterator[None]:
    """An empty file with the extension enabled, before and after the test."""
    _empty()
    yield
    _empty()


def _empty() -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.preferences.addon_enable(module=MODULE)


@pytest.fixture(scope="session")
def installed() -> Path:
    """The folder of the installed extension."""
    module = sys.modules[MODULE]
    assert module.__file__ is not None
    return Path(module.__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    """Remember the outcome for `pytest_unconfigure`."""
    _outcome.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Leave at once: Blender 4.5 as a module hangs, and 4.2 crashes, at a normal exit with references to bpy alive."""
    if _outcome and "bpy" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_outcome[0])
