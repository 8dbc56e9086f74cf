# SPDX-License-Identifier: GPL-3.0-or-later
"""A .gltf is told by its numbers, too, which lie in a file beside it."""

import os
from pathlib import Path

from tmr_blender.library.contents import hash_of, parts, status


def test_a_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "walk.bvh"
    path.write_text("HIERARCHY")
    (tmp_path / "walk.bin").write_bytes(b"another's")
    os.utime(path, ns=(5, 5))
    assert (parts(path), status(path)) == ([path], (9, 5))


def test_numbers_beside(tmp_path: Path) -> None:
    path, numbers = tmp_path / "walk.gltf", tmp_path / "walk.bin"
    path.write_text("{}")
    alone = hash_of(path)
    numbers.write_bytes(b"123")
    os.utime(path, ns=(5, 5))
    os.utime(numbers, ns=(7, 7))
    assert status(path) == (5, 7)
    before = hash_of(path)
    numbers.write_bytes(b"124")
    assert len({alone, before, hash_of(path)}) == 3


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "walk.bvh")
    assert status(tmp_path / "walk.bvh") is None
