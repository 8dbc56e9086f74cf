# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to damage bytes and texts of any format; what a format alone knows is in `structures`.

A mutator takes the data, the chance, and the format's other seeds, and returns other data. The same `Random` gives the
same result, on every machine.
"""

import re
from collections.abc import Callable, Sequence
from random import Random

Mutator = Callable[[bytes, Random, Sequence[bytes]], bytes]

LARGEST = 4 << 20
"""Bytes of a mutated file: what a small file can do is the question."""

INTEGERS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
NUMBERS = (
    *("0", "-1", "1", "2", "3", "1e308", "-1e308", "1e999", "nan", "-nan", "inf", "1e-320", "1.#QNAN", "0x10", "1,5", "--1"),
    *("4294967295", "4294967296", "9223372036854775807", "99999999999999999999", "1e12", "1e7", "-0.0", "1_000", "", "\uff19"),
)
_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")


def _place(data: bytes, chance: Random) -> tuple[int, int]:
    """Where a piece begins and ends: mostly short, sometimes most of the file, often near the beginning."""
    start = int(len(data) * chance.random() ** chance.choice((1, 1, 4)))
    return start, min(len(data), start + 1 + int(chance.choice((4, 64, 1024, len(data))) * chance.random()))


def flip(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """A few bits turned over."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        if out:
            out[_place(data, chance)[0] % len(out)] ^= 1 << chance.randrange(8)
    return bytes(out)


def noise(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """A piece replaced by random bytes, zeros or ones."""
    start, end = _place(data, chance)
    length = min(end - start, 65_536)
    filling = chance.choice((chance.randbytes(length), bytes(length), b"\xff" * length))
    return data[:start] + filling + data[start + length :]


def truncate(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """The beginning of the file, or all but its last bytes."""
    return data[: chance.choice((_place(data, chance)[0], max(len(data) - chance.randint(1, 40), 0)))]


def remove(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """Without a piece."""
    start, end = _place(data, chance)
    return data[:start] + data[end:]


def repeat(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """A piece twice, or many times."""
    start, end = _place(data, chance)
    times = min(chance.choice((1, 1, 2, 100, 10_000)), max((LARGEST - len(data)) // (end - start + 1), 1))
    return data[:end] + data[start:end] * times + data[end:]


def splice(data: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """The beginning of one file and the end of another."""
    other = chance.choice(others) if others else data
    return data[: _place(data, chance)[0]] + other[_place(other, chance)[0] :]


def integer(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """A little- or big-endian integer of an extreme value over what was there."""
    size = chance.choice((1, 2, 4, 4, 8, 8))
    start = _place(data, chance)[0]
    value = chance.choice(INTEGERS) % (1 << (8 * size))
    return data[:start] + value.to_bytes(size, chance.choice(("little", "little", "big"))) + data[start + size :]


def number(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """A number of a text made extreme, or none."""
    return _replaced(data, list(_NUMBER.finditer(data[: 1 << 16])), chance)


def late_number(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """The same anywhere in the file."""
    start = _place(data, chance)[0]
    found = _NUMBER.search(data, start)
    return _replaced(data, [found] if found else [], chance)


def _replaced(data: bytes, found: "list[re.Match[bytes]]", chance: Random) -> bytes:
    if not found:
        return data
    match = found[min(int(len(found) * chance.random() ** 2), len(found) - 1)]
    return data[: match.start()] + chance.choice(NUMBERS).encode() + data[match.end() :]


def lines(data: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """A line taken away, moved, repeated or taken from another file."""
    rows = data.split(b"\n")
    at, other = (int(len(rows) * chance.random() ** chance.choice((1, 3))) for _ in range(2))
    match chance.randrange(5):
        case 0:
            del rows[at]
        case 1:
            rows.insert(other, rows.pop(at))
        case 2:
            count = min(chance.choice((1, 2, 50, 5000)), LARGEST // (len(rows[at]) + 1) + 1)
            rows[at:at] = [rows[at]] * count
        case 3:
            rows.insert(at, chance.choice((chance.choice(others) if others else data).split(b"\n")))
        case _:
            rows[at] = rows[at] + b" " + rows[other]
    return b"\n".join(rows)


def words(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """A word replaced by another of the file, a very long one, or one that is no text."""
    found = list(re.finditer(rb"[A-Za-z_][\w.]*|[{}\[\]\":,]", data[: 1 << 16]))
    if not found:
        return data
    match = chance.choice(found)
    strange = (
        b"\xff\xfe",
        b"\0",
        b"A" * 200_000,
        "\u202e\u0000é".encode(),
        b"%s%n",
        b"../../x",
        b'"',
        b"{" * 5000,
        b"[" * 5000,
    )
    new = chance.choice((chance.choice(found)[0], chance.choice(strange)))
    return data[: match.start()] + new + data[match.end() :]


BYTES: tuple[Mutator, ...] = (flip, noise, truncate, remove, repeat, splice, integer)
TEXT: tuple[Mutator, ...] = (number, late_number, lines, words, number, lines)


def mutated(data: bytes, others: Sequence[bytes], own: Sequence[Mutator], chance: Random, share: float = 0.6) -> bytes:
    """The data after one mutation or several; `own`: those of the format, a `share` of them; the others are those of bytes."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        table = own if own and chance.random() < share else BYTES
        data = chance.choice(table)(data, chance, others)[:LARGEST]
    return data
