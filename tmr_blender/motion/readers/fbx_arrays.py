# SPDX-License-Identifier: GPL-3.0-or-later
"""How much the packed arrays of a binary FBX file say that they become, before anything is unpacked.

ufbx reserves what an array states and fills it, and its Python package has no way to bound that: a file of a megabyte
could take a gigabyte. An array is a letter for its type, three 32-bit counts (values, 1 for "packed", packed bytes), and
a zlib stream.
"""

import re
from pathlib import Path

from ...errors import FileProblem

MAX_UNPACKED = 1 << 30
"""Bytes that all arrays of a file may unpack to: far more than motion needs, at the limits that the readers have."""

_PACKED = re.compile(rb"\x01\0\0\0(?=.{4}[\x08\x18\x28\x38\x48\x58\x68\x78])", re.DOTALL)
_BIG_ENDIAN = re.compile(_PACKED.pattern.replace(rb"\x01\0\0\0", rb"\0\0\0\x01"), re.DOTALL)
_SIZES = {b"f": 4, b"d": 8, b"l": 8, b"i": 4, b"b": 1, b"c": 1}


def check_arrays(path: Path, data: bytes) -> None:
    """Raise FileProblem where the arrays would become larger than `MAX_UNPACKED`."""
    big_endian = data[22:23] == b"\x01"
    total = 0
    for found in (_BIG_ENDIAN if big_endian else _PACKED).finditer(data):
        at = found.start()
        if size := _SIZES.get(data[at - 5 : at - 4]):
            total += int.from_bytes(data[at - 4 : at], "big" if big_endian else "little") * size
        if total > MAX_UNPACKED:
            raise FileProblem(
                f"{path.name} would unpack to more than {MAX_UNPACKED >> 20} MiB. If it is whole, export it without its meshes."
            )
