# SPDX-License-Identifier: GPL-3.0-or-later
"""What only a machine that has built the extension holds."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def pybullet() -> Path:
    """pybullet's wheel, or the folder it is installed in; the test skips where neither is."""
    given = os.environ.get("TMR_PYBULLET")
    for place in [Path(given)] if given else sorted((ROOT / ".cache" / "wheels").glob("**/pybullet-*.whl")):
        if place.exists():
            return place
    pytest.skip("needs pybullet's wheel in .cache/wheels, or its place in TMR_PYBULLET")


@pytest.fixture(scope="session")
def trained() -> Path:
    """The trained encoders, exported; the test skips where they are not."""
    folder = ROOT / ".cache" / "model"
    if not (folder / "model.json").is_file():
        pytest.skip("needs the trained encoders in .cache/model: run `python build.py package`")
    return folder
