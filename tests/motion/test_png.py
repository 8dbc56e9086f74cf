# SPDX-License-Identifier: GPL-3.0-or-later
import struct
import zlib

import numpy as np
import pytest

from tmr_blender.errors import FileProblem
from tmr_blender.motion import png


def image(height: int = 7, width: int = 5) -> png.Image:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def test_what_is_written_is_read_back() -> None:
    np.testing.assert_array_equal(png.decode(png.encode(image())), image())


def made(width: int, height: int, kind: tuple[int, ...], rows: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, *kind))
    return png.SIGNATURE + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_rows_without_a_filter() -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in image())
    np.testing.assert_array_equal(png.decode(made(5, 7, (8, 2, 0, 0, 0), rows)), image())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        png.SIGNATURE,
        png.encode(image())[:60],
        made(5, 7, (8, 6, 0, 0, 0), bytes(7 * 21)),  # transparency
        made(5, 7, (8, 2, 0, 0, 1), bytes(7 * 16)),  # interlaced
        made(5, 7, (8, 2, 0, 0, 0), bytes(6 * 16)),  # a row less
        made(5, 7, (8, 2, 0, 0, 0), bytes([4]) + bytes(7 * 16 - 1)),  # another filter
        made(0, 7, (8, 2, 0, 0, 0), b""),
        made(100_000, 100_000, (8, 2, 0, 0, 0), bytes(1000)),
    ],
)
def test_strangers_files_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(FileProblem, match="PNG"):
        png.decode(data)
