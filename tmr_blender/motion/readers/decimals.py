# SPDX-License-Identifier: GPL-3.0-or-later
"""Decimal numbers of a text, thousands at once: eight digits lie in one machine word and are summed up in it.

`float` and `np.fromstring` take a number at a time; here every step is one NumPy operation over all numbers of a piece of
the text. What stands before and behind the point are two whole numbers of few digits, so the value is a whole number
below 2^53 divided by a power of ten up to 10^22: both are exact in float64 and the quotient is rounded once, to the same
bits as `float` gives (Clinger 1990, the fast path). Words of another form (more digits, not-a-numbers) are left to `float`.
"""

import numpy as np

from ..quaternion import Array

PIECE = 1 << 16
"""Bytes taken at a time: what is held of them stays in a processor's second cache."""

MOST_ODD = 0.3
"""Share of a piece's words up to which `float` is asked for each odd one; a text of others is for `np.fromstring`."""

_WORD = 16  # bytes that are looked at of a number, from its end
_DIGITS, _DECIMALS, _POWER = 8, 7, 22  # at most before the point, behind it, and of the ten that is divided by
_EXPONENT = 4  # bytes of "e-07"
_SPACE = np.isin(np.arange(256), np.frombuffer(b" \t\r\n\v\f", np.uint8))
_BITS = np.arange(_WORD + 1, dtype=np.uint64) * np.uint64(8)  # in so many bytes
_LAST = ~np.uint64(0) << (np.uint64(64) - _BITS[: _DIGITS + 1])  # of eight bytes so many
_TENS = 10 ** np.arange(_DIGITS + 1, dtype=np.uint64)
_POWERS = np.array([float(10**power) for power in range(_POWER + 1)])

# Of eight bytes in one word: "0" in each, what lifts all but 0..9 to the highest bit, and that bit.
_ZEROS, _LIFT, _HIGH = (np.uint64(0x0101010101010101 * byte) for byte in (0x30, 0x76, 0x80))
_PAIRS = np.uint64(0x000000FF000000FF)
_HUNDREDS, _UNITS = np.uint64(100 + (1_000_000 << 32)), np.uint64(1 + (10_000 << 32))


def parse(data: bytes, start: int, stop: int) -> Array | None:
    """All numbers of data[start:stop], which are separated by white space, as (n,) float64.

    None where a word is no number, or too many are of a form that is better read otherwise.
    """
    if start < _WORD or stop == len(data):
        # Before the end of the first number there have to be as many bytes as are looked at, behind the last a separator.
        data, start, stop = b" " * _WORD + data[start:stop] + b" ", _WORD, _WORD + stop - start
    text = np.frombuffer(data, np.uint8)
    parts = []
    while start < stop:
        ends = np.flatnonzero(text[start : min(start + PIECE, stop) + 1] <= ord(" ")) + start
        marks = text[ends]
        if not len(ends) or not _SPACE[marks[marks != ord(" ")]].all():
            return None
        values = _piece(data, text, start, ends)
        if values is None:
            return None
        parts.append(values)
        start = int(ends[-1]) + 1
    return np.concatenate(parts) if parts else np.empty(0)


def _piece(data: bytes, text: np.ndarray, start: int, ends: np.ndarray) -> Array | None:
    """The numbers between `start` and the separators at `ends`, or None."""
    last = int(ends[-1])
    starts = np.empty_like(ends)
    starts[0] = start
    np.add(ends[:-1], 1, out=starts[1:])
    words = starts < ends
    if not words.all():
        starts, ends = starts[words], ends[words]
    if not len(ends):
        return np.empty(0)
    points = _points(np.flatnonzero(text[start:last] == ord(".")) + start, starts, ends)
    first = text[starts]
    negative = first == ord("-")
    begins = starts + (negative | (first == ord("+")))
    values, odd = _values(data, begins, points, ends)
    if len(odd):
        values[odd], left = _exponents(data, text, begins[odd], points[odd], ends[odd])
        odd = odd[left]
    # The sign bit: several times faster than to negate where there is a minus, and right for -0, too.
    values.view(np.uint64)[:] |= negative.astype(np.uint64) << np.uint64(63)
    if len(odd) > MOST_ODD * len(ends):
        return None
    for i in odd.tolist():
        try:
            values[i] = float(data[starts[i] : ends[i]])
        except ValueError:
            return None
    return values


def _points(dots: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Where the decimal point of each word is; its end where it has none."""
    if len(dots) == len(ends) and np.all(dots >= starts) and np.all(dots < ends):
        return dots
    if not len(dots):
        return ends
    before = np.searchsorted(dots, ends)
    nearest = dots[np.maximum(before - 1, 0)]
    return np.where((before > 0) & (nearest >= starts), nearest, ends)


def _exponents(
    data: bytes, text: np.ndarray, begins: np.ndarray, points: np.ndarray, ends: np.ndarray
) -> tuple[Array, np.ndarray]:
    """As `_values`, of words among which are numbers with an exponent of two digits; those of another form are left."""
    values, left = np.zeros(len(ends)), np.ones(len(ends), bool)
    mark, sign, tens, units = (text[ends - _EXPONENT + i] for i in range(_EXPONENT))
    fits = ((mark == ord("e")) | (mark == ord("E"))) & ((sign == ord("-")) | (sign == ord("+")))
    # Bytes wrap around, so what is below "0" is far above 9, too.
    fits &= (tens - np.uint8(48) < 10) & (units - np.uint8(48) < 10) & (begins < ends - _EXPONENT)
    at = np.flatnonzero(fits)
    if len(at):
        power = (tens[at].astype(np.int64) - 48) * 10 + (units[at].astype(np.int64) - 48)
        power = np.where(sign[at] == ord("-"), power, -power)
        end = ends[at] - _EXPONENT
        values[at], odd = _values(data, begins[at], np.minimum(points[at], end), end, power)
        left[at] = False
        left[at[odd]] = True
    return values, np.flatnonzero(left)


def _values(
    data: bytes, begins: np.ndarray, points: np.ndarray, ends: np.ndarray, power: np.ndarray | int = 0
) -> tuple[Array, np.ndarray]:
    """Values of words from behind their signs to their ends, and which words are not of the form digits.digits.

    points: of each word, or its end. power: of the ten that each value is divided by.
    """
    digits, behind = points - begins, ends - points
    if behind.min() == behind.max():
        behind = behind[:1]  # most files are written with a fixed number of decimals
    decimals = np.maximum(behind - 1, 0)
    odd = np.zeros(1, bool)
    if digits.max() > _DIGITS or decimals.max() > _DECIMALS or (digits + decimals).min() < 1:
        odd = (digits > _DIGITS) | (decimals > _DECIMALS) | (digits + decimals < 1)
        digits, behind, decimals = (np.where(odd, 0, part) for part in (digits, behind, decimals))
    windows = np.ndarray((len(data) - _WORD + 1,), f"V{_WORD}", data, strides=(1,))
    pair = windows[ends - _WORD].view("<u8").reshape(-1, 2)
    # The bytes before the point, moved to the end of a word, and those behind it, which are there already.
    back = _BITS[behind]
    whole = pair[:, 1] << back
    whole |= pair[:, 0] >> (np.uint64(64) - back)
    part = pair[:, 1] ^ _ZEROS
    part &= _LAST[decimals]
    whole ^= _ZEROS
    whole &= _LAST[digits]
    faults = whole + _LIFT
    faults |= part + _LIFT
    faults |= whole
    faults |= part
    faults &= _HIGH
    total = _sum(whole)
    total *= _TENS[decimals]
    total += _sum(part)
    values = total.view(np.int64).astype(np.float64)
    tens = decimals + power
    if np.min(tens) < 0 or np.max(tens) > _POWER:
        odd = odd | (tens < 0) | (tens > _POWER)
        tens = np.where(odd, 0, tens)
    values /= _POWERS[tens]
    return values, np.flatnonzero(odd | (faults != 0))


def _sum(word: np.ndarray) -> np.ndarray:
    """The number of eight digits, the first in the lowest byte: pairs, fours, then all, in place of eight steps."""
    pairs = word * np.uint64(10)
    word >>= np.uint64(8)
    pairs += word
    fours = pairs >> np.uint64(16)
    pairs &= _PAIRS
    fours &= _PAIRS
    pairs *= _HUNDREDS
    fours *= _UNITS
    pairs += fours
    pairs >>= np.uint64(32)
    return pairs
