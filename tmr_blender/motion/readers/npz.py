# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays of an .npz from a stranger: plain numbers and words, never pickles, and no more memory than the file is worth.

`numpy.load` believes an array's header and reserves what it states; here header, directory and limits agree before a byte
is unpacked.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np

from ...errors import FileProblem

MAX_DIRECTORY = 1 << 20
"""Bytes of the archive's directory: some ten thousand members."""
SPARE, RATIO = 64 << 20, 16
"""Bytes that any archive may unpack to, and how many more for each of its own: mocap shrinks to a half at best, rests of zeros
to next to nothing."""

_HEADER = re.compile(
    rb"\s*\{\s*'descr'\s*:\s*'([<>|=]?)([a-zA-Z])(\d{0,6})'\s*,\s*'fortran_order'\s*:\s*(True|False)\s*,"
    rb"\s*'shape'\s*:\s*\(([\d\s,L]{0,200})\)\s*,?\s*\}\s*"
)
_MAX_HEADER = 4096
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The others unpack with libraries of their own, and fail with errors of their own."""
_FAULTS = (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, struct.error)


def names(path: Path) -> list[str]:
    """The arrays in an archive, without reading any. Raises FileProblem."""
    with _opened(path) as archive:
        return [info.filename.removesuffix(".npy") for info in archive.infolist()]


def arrays(path: Path, wanted: Collection[str], spare: int = SPARE) -> dict[str, np.ndarray]:
    """Those of the wanted arrays that the archive holds: numbers, or words (`|S`, `<U`).

    spare: bytes of them that are read from any archive, beside `RATIO` times its size. Raises FileProblem for other
    files, and where a wanted array is damaged, huge, or a pickled object.
    """
    found: dict[str, np.ndarray] = {}
    with _opened(path) as archive:
        left = spare + RATIO * path.stat().st_size
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name not in wanted or name in found:
                continue
            if info.compress_type not in _PACKED:
                raise FileProblem(f"{path.name}: its array {name} is packed in a way that NumPy never uses.")
            left -= info.file_size
            if left < 0:
                raise FileProblem(f"{path.name} would unpack to far more than its size: it is damaged or a trap.")
            try:
                with archive.open(info) as file:
                    found[name] = _array(path, name, file, info.file_size)
            except _FAULTS as problem:
                raise FileProblem(f"{path.name}: its array {name} can't be read ({str(problem)[:80]}).") from problem
    return found


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - 65557, 0))
            tail = file.read()
        at = tail.rfind(b"PK\5\6")
        if at < 0 or len(tail) < at + 22:
            raise FileProblem(f"{path.name} is not an .npz archive, or it is cut short.")
        # A second directory for archives beyond 4 GiB has sizes of its own: nothing that is read here is so large.
        if b"PK\6\7" in tail[max(at - 20, 0) : at] or struct.unpack_from("<I", tail, at + 12)[0] > MAX_DIRECTORY:
            raise FileProblem(f"{path.name} has a directory larger than {MAX_DIRECTORY >> 10} KiB: it is no motion.")
        return zipfile.ZipFile(path)
    except _FAULTS as problem:
        raise FileProblem(f"{path.name} is not an .npz archive, or it is damaged ({str(problem)[:80]}).") from problem


def _array(path: Path, name: str, file: IO[bytes], size: int) -> np.ndarray:
    """One member (numpy.lib.format, versions 1 to 3). Raises ValueError or FileProblem."""
    start = file.read(8)
    if start[:6] != b"\x93NUMPY" or start[6:7] not in (b"\1", b"\2", b"\3"):
        raise ValueError("it is no array")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(file.read(width), "little")
    header = file.read(min(length, _MAX_HEADER + 1))
    if re.search(rb"'descr'\s*:\s*'\|?O", header):
        raise FileProblem(f"{path.name}: its array {name} is a pickled object, which can run code, and is not read.")
    stated = _HEADER.fullmatch(header)
    if stated is None or len(header) != length:
        raise ValueError("its header is not that of a plain array")
    kind = _kind(stated)
    shape = tuple(int(part) for part in stated[5].replace(b"L", b"").split(b",") if part.strip())
    count = 1
    for part in shape:
        count *= part
    if len(shape) > 8 or count * kind.itemsize > size - 8 - width - length:
        raise ValueError("its header states more than it holds")
    data = file.read(count * kind.itemsize)
    if len(data) < count * kind.itemsize:
        raise ValueError("it is cut short")
    return np.frombuffer(data, kind, count).reshape(shape, order="F" if stated[4] == b"True" else "C")


def _kind(stated: re.Match[bytes]) -> np.dtype[Any]:
    order, letter, size = (stated[i].decode("ascii") for i in (1, 2, 3))
    if letter not in "fiubSU" or not size:
        raise ValueError("its values are neither numbers nor words")
    try:
        return np.dtype(order + letter + size)
    except TypeError as problem:
        raise ValueError("its values are neither numbers nor words") from problem
