# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of takes, encoders, and an indexed library."""

from pathlib import Path

import pytest

from tests.library.takes import write_take
from tmr_blender.library.index import Progress, index
from tmr_blender.library.store import Library
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder


@pytest.fixture(scope="session")
def encoders(tiny_model: Path) -> tuple[MotionEncoder, TextEncoder]:
    return MotionEncoder(tiny_model, threads=1), TextEncoder(tiny_model, threads=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four takes in two folders."""
    root = tmp_path / "mocap"
    write_take(root / "01" / "Take_0001.bvh", "walks")
    write_take(root / "Take_0002.bvh", "jumps")
    write_take(root / "Take_0003.bvh", "stands")
    write_take(root / "17s" / "Take_0004.bvh", [("stands", 6.0), ("walks", 5.0), ("stands", 6.0)])
    return root


def run(library: Path, folder: Path, encoders: tuple[MotionEncoder, TextEncoder]) -> Progress:
    """Index to the end; the last progress."""
    *_, last = index(library, folder, *encoders)
    return last


@pytest.fixture
def library(tmp_path: Path, folder: Path, encoders: tuple[MotionEncoder, TextEncoder]) -> Library:
    run(tmp_path / "library", folder, encoders)
    return Library.open(tmp_path / "library")
