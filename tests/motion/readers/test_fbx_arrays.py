# SPDX-License-Identifier: GPL-3.0-or-later
import struct
import zlib
from pathlib import Path

import pytest

from tests.bench.breaking import fbx_binary, seeds
from tmr_blender.errors import FileProblem
from tmr_blender.motion import readers
from tmr_blender.motion.readers import fbx_arrays


def with_array(data: bytes, times: int, count: int) -> bytes:
    """The file with further packed arrays that state `count` numbers of eight bytes each."""
    version, root = fbx_binary.parse(data)
    content = zlib.compress(bytes(1000))
    array = b"d" + struct.pack("<III", count, 1, len(content)) + content
    root.children.append(fbx_binary.Node(b"Extra", [], [fbx_binary.Node(b"Values", [array]) for _ in range(times)]))
    return fbx_binary.write(version, root)


def test_what_would_unpack_to_gigabytes_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.fbx"
    path.write_bytes(with_array(seeds.fbx()[0], 1, 1 << 29))
    with pytest.raises(FileProblem, match=r"^bomb\.fbx would unpack to more than 1024 MiB"):
        readers.read(path)
    path.write_bytes(with_array(seeds.fbx()[0], 20, 1 << 24))  # each of them is modest
    with pytest.raises(FileProblem, match="would unpack"):
        readers.read(path)


def test_ordinary_files_pass(tmp_path: Path) -> None:
    for number, data in enumerate(seeds.fbx()):
        fbx_arrays.check_arrays(tmp_path / f"{number}.fbx", data)
    fbx_arrays.check_arrays(tmp_path / "few.fbx", with_array(seeds.fbx()[0], 1, 125))
