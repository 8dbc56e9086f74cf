# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing 8-bit RGB images as PNG with the standard library (W3C PNG, third edition)."""

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode(image: Image) -> bytes:
    """The PNG file of an image (height, width, 3) uint8."""
    height, width, channels = image.shape
    if channels != 3 or image.dtype != np.uint8:
        raise ValueError("an image is (height, width, 3) uint8")
    # Filter 2 (up) suits flat backgrounds: most differences from the row above are zero.
    rows = np.ascontiguousarray(image).reshape(height, width * 3)
    differences = rows - np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.concatenate([np.full((height, 1), 2, np.uint8), differences], axis=1)
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6)) + _chunk(b"IEND", b"")


def write(path: Path, image: Image) -> None:
    """Write an image (height, width, 3) uint8 as a PNG file."""
    path.write_bytes(encode(image))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
