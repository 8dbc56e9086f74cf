# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage to zip archives of NumPy arrays (.npz) by people who know both formats."""

import io
import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from random import Random

import numpy as np

from tests.bench.breaking.mutations import INTEGERS, Mutator

BOMB = 2 << 30
"""Bytes that a packed member becomes."""
_HEADERS = (b"PK\3\4", b"PK\1\2", b"PK\5\6")


_DAMAGE = (zipfile.BadZipFile, ValueError, OSError, LookupError, EOFError, RuntimeError, MemoryError)
_DAMAGE += (zlib.error, lzma.LZMAError, struct.error)


def _members(data: bytes) -> list[tuple[str, bytes]] | None:
    """Names and contents, or None for what is no archive any more or has grown a bomb."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > 8 << 20:
                return None
            return [(info.filename, archive.read(info)) for info in archive.infolist()]
    except _DAMAGE:
        return None


def _packed(members: Sequence[tuple[str, bytes]], chance: Random) -> bytes:
    stream = io.BytesIO()
    methods = (zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(stream, "w", chance.choice(methods)) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, archive.compression)
    return stream.getvalue()


def _array(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=array.dtype.hasobject)
    return stream.getvalue()


def arrays(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """Members that hold other arrays: of other shapes, types and values, none at all, objects."""
    members = _members(data)
    if not members:
        return data
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(members))
        name, content = members[at]
        try:
            old = np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, OSError, EOFError, MemoryError, SyntaxError, tokenize.TokenError):
            continue  # what an earlier mutation has made of it, NumPy can't read
        members[at] = (name, _array(_other(old, chance)))
    return _packed(members, chance)


def _other(old: np.ndarray, chance: Random) -> np.ndarray:
    extreme = chance.choice((np.nan, np.inf, -np.inf, 1e308, -1e30, 0.0, -1.0, 1e7, 1e-320, 1000.0))
    match chance.randrange(9):
        case 0 if old.dtype.kind == "f" and old.size:
            out = old.copy()
            out.flat[chance.sample(range(old.size), min(old.size, chance.choice((1, 5, old.size))))] = extreme
            return out
        case 1:
            return old[..., : chance.randrange(1 + (old.shape[-1] if old.ndim else 1))] if old.ndim else np.array(extreme)
        case 2:
            return old[: chance.choice((0, 1, 2, 7))] if old.ndim else np.zeros(0)
        case 3:
            return (
                old.astype(chance.choice(("f2", "f4", ">f8", "i2", "S8", "U4", "c16", "?")))
                if old.dtype.kind == "f"
                else old[None]
            )
        case 4:
            return old.reshape(chance.choice(((-1,), (1, *old.shape), (*old.shape, 1))))
        case 5:
            return np.array(chance.choice(("x", b"y", [], None, {"a": 1}, 3 + 4j, "neutral", float("nan"))))
        case 6:
            return np.zeros(chance.choice(((0,), (1,), (100_000, 1), (0, 165), (3, 0), (1, 1, 1, 1, 1), (2000, 165))))
        case 7:
            return np.asfortranarray(old)
        case _:
            return np.full(old.shape, extreme)


def npy_headers(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """The text in which an array says its shape and type, edited; a header that says another length."""
    members = _members(data)
    if not members:
        return data
    at = chance.randrange(len(members))
    name, content = members[at]
    shape = chance.choice(
        (
            "(1000000000,)",
            "(-1,)",
            "(0,)",
            "(4611686018427387904, 8)",
            "(1,) * 9",
            "(" * 300,
            "()",
            "(165, 20)",
            "'x'",
            "(1e3,)",
        )
    )
    kind = chance.choice(
        ("'|O'", "'<f8'", "'<f4'", "'|S1000000000'", "[('a', '<f8')]", "'<U3'", "'<M8[s]'", "__import__('os')", "'|V8'")
    )
    new = f"{{'descr': {kind}, 'fortran_order': {chance.choice(('False', 'True', '7'))}, 'shape': {shape}, }}".encode()
    length = chance.choice((len(new), len(new), chance.choice(INTEGERS) % 65_536))
    body = (
        content[10 + struct.unpack_from("<H", content, 8)[0] :]
        if content[:6] == b"\x93NUMPY" and len(content) > 10
        else content
    )
    version = chance.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\xff\xff"))
    members[at] = (name, b"\x93NUMPY" + version + struct.pack("<H", length) + new + body)
    return _packed(members, chance)


def members(data: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """Members taken away, doubled, renamed, exchanged, added by the thousand, or packed bombs."""
    held = _members(data)
    if not held:
        return data
    at, other = chance.randrange(len(held)), chance.randrange(len(held))
    match chance.randrange(7):
        case 0:
            del held[at]
        case 1:
            held[at] = (held[other][0], held[at][1])
        case 2:
            name = chance.choice(
                ("../../poses.npy", "/poses.npy", "poses", "", "x" * 60_000, "poses.npy/", "pösés.npy", "a\0b.npy")
            )
            held[at] = (name, held[at][1])
        case 3:
            held += _members(chance.choice(others)) or [] if others else []
        case 4:
            held += [(f"x{number}.npy", b"") for number in range(chance.choice((10, 3000)))]
        case 5:
            stream = io.BytesIO()
            np.lib.format.write_array_header_1_0(
                stream, {"descr": "<f8", "fortran_order": False, "shape": (BOMB // 8 // 165, 165)}
            )
            held[at] = (held[at][0], stream.getvalue())
            return _bomb(held, at)
        case _:
            chance.shuffle(held)
    return _packed(held, chance)


def _bomb(held: Sequence[tuple[str, bytes]], at: int) -> bytes:
    """The archive with a member of two gigabytes, most of them zeros, in two megabytes."""
    stream = io.BytesIO()
    name, begin = f"{held[at][0][:100]}" or "x", zlib.compressobj(9, zlib.DEFLATED, -15)
    content = begin.compress(held[at][1]) + begin.flush(zlib.Z_FULL_FLUSH) + _MEGABYTE * (BOMB >> 20) + b"\3\0"
    with zipfile.ZipFile(stream, "w") as archive:
        for number, (other, data) in enumerate(held):
            if number != at:
                archive.writestr(zipfile.ZipInfo(other), data)
        info = zipfile.ZipInfo(name)
        archive.writestr(info, content)
    out = bytearray(stream.getvalue())
    size = (len(held[at][1]) + BOMB).to_bytes(4, "little")
    # Written as it is and then called packed, in both places. Its checksum is wrong, which shows at the end alone.
    for head, method, length in ((info.header_offset, 8, 22), (out.rindex(b"PK\1\2"), 10, 24)):
        out[head + method : head + method + 2] = b"\x08\0"
        out[head + length : head + length + 4] = size
    return bytes(out)


def _zeros() -> bytes:
    """A megabyte of zeros as a block that can follow itself."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)


_MEGABYTE = _zeros()


def lies(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """A size, an offset, a method, a flag or a length in the records of the archive made wrong."""
    out = bytearray(data)
    places = [at for head in _HEADERS for at in _found(data, head)]
    for _ in range(chance.choice((1, 1, 2, 5))):
        if places:
            at = chance.choice(places) + 4 + 2 * chance.randrange(21)
            size = chance.choice((2, 4))
            old = int.from_bytes(out[at : at + size], "little")
            new = chance.choice((old + 1, old - 1, old ^ 1, chance.choice(INTEGERS), len(data))) % (1 << 8 * size)
            out[at : at + size] = new.to_bytes(size, "little")
    return bytes(out)


def _found(data: bytes, head: bytes) -> list[int]:
    out, at = [], data.find(head)
    while at >= 0:
        out.append(at)
        at = data.find(head, at + 1)
    return out


NPZ: tuple[Mutator, ...] = (arrays, arrays, npy_headers, members, lies)
