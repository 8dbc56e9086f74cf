# SPDX-License-Identifier: GPL-3.0-or-later
"""8-bit RGB images as PNG, written and read back, with the standard library (W3C PNG, third edition)."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import FileProblem

Image = NDArray[np.uint8]

MOST_PIXELS = 1024
"""Width and height that are read."""
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


def decode(data: bytes, most: int = MOST_PIXELS) -> Image:
    """The image (height, width, 3) uint8 of a PNG file as `encode` makes them. It may come from a stranger's library.

    Raises FileProblem for what is damaged, of another kind (a palette, transparency, interlacing, other filters than none and
    up) or wider or higher than `most` pixels.
    """
    try:
        if not data.startswith(SIGNATURE + b"\x00\x00\x00\rIHDR"):
            raise ValueError("it does not begin as one")
        width, height, *kind = struct.unpack_from(">2I5B", data, len(SIGNATURE) + 8)
        if kind != [8, 2, 0, 0, 0] or not (0 < width <= most and 0 < height <= most):
            raise ValueError(f"{width} x {height} pixels of kind {kind}")
        size = height * (width * 3 + 1)
        inflater = zlib.decompressobj()
        rows = inflater.decompress(b"".join(_pixel_data(data)), size)
        if len(rows) != size:
            raise ValueError("rows are missing")
    except (ValueError, struct.error, zlib.error) as problem:
        raise FileProblem(f"A picture is no PNG file that can be shown here: {problem}.") from problem
    filtered = np.frombuffer(rows, np.uint8).reshape(height, width * 3 + 1)
    if (filtered[:, 0] == 2).all():
        # Each row is what it adds to the one above, modulo 256.
        return np.cumsum(filtered[:, 1:], axis=0, dtype=np.uint8).reshape(height, width, 3)
    if not filtered[:, 0].any():
        return filtered[:, 1:].reshape(height, width, 3).copy()
    raise FileProblem("A picture is a PNG file with filters that are not read here.")


def _pixel_data(data: bytes) -> Iterator[bytes]:
    """What the IDAT chunks of a file hold. Raises struct.error where it is cut off."""
    at = len(SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            yield data[at + 8 : at + 8 + length]
        if kind == b"IEND":
            return
        at += 12 + length


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
