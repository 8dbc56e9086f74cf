# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers read thousands at once have the bits that `float` gives them, whatever they look like."""

import random

import numpy as np
import pytest

from tmr_blender.motion.readers import decimals
from tmr_blender.motion.readers.numbers import read_numbers

FORMATS = ("%.4f", "%.6f", "%g", "%.7f", "%.8f", "%.17g", "%d", "%.2e", "%.5E", "%+.3f", "%.0f", "%e", "%.10f", "%.3f")


def word(chance: random.Random) -> str:
    value = chance.choice(
        [
            chance.uniform(-360, 360),
            chance.gauss(0, 1) * 10.0 ** chance.randint(-30, 30),
            chance.uniform(-1e8, 1e8),
            0.0,
            -0.0,
            float(chance.randint(-(10**9), 10**9)),
        ]
    )
    written = chance.choice(FORMATS) % value
    kind = chance.randrange(20)
    if kind == 0:
        return written.replace("0.", ".")
    if kind == 1:
        return written.split(".")[0] + "."
    return "0" * chance.randint(1, 12) + written.lstrip("-+") if kind == 2 else written


def same_bits(one: np.ndarray | None, other: np.ndarray) -> bool:
    return one is not None and np.array_equal(one.view(np.int64), other.view(np.int64))


@pytest.mark.parametrize("piece", [64, 300, 1 << 16])
def test_words_of_any_form_have_the_bits_of_float(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(decimals, "PIECE", piece)
    monkeypatch.setattr(decimals, "MOST_ODD", 1.0)
    chance = random.Random(piece)
    for _ in range(60):
        words = [word(chance) for _ in range(chance.choice([1, 5, 40, 400]))]
        text = "".join(one + chance.choice([" ", "\n", "  ", "\t", "\r\n", "\v"]) for one in words).encode()
        expected = []
        try:
            expected = [float(one) for one in words]
        except ValueError:
            assert decimals.parse(text, 0, len(text)) is None
            continue
        assert same_bits(decimals.parse(text, 0, len(text)), np.array(expected))
        assert same_bits(decimals.parse(b"Frame Time: 0.0083333\n" + text, 22, 22 + len(text.rstrip())), np.array(expected))


@pytest.mark.parametrize("form", ["%.4f", "%.6f", "%d", "%.5e", "%g"])
def test_tables_of_one_form_are_read_at_once(form: str) -> None:
    values = np.random.default_rng(1).uniform(-400.0, 400.0, (300, 60))
    text = "\n".join(" ".join(form % value for value in row) for row in values).encode() + b"\n"
    expected = np.array([float(one) for one in text.split()])
    assert same_bits(decimals.parse(text, 0, len(text)), expected)


def test_bytes_that_are_no_numbers_are_left_to_others() -> None:
    chance = random.Random(3)
    read = 0
    for _ in range(20_000):
        text = bytes(chance.choices(b"0123456789.-+eE \nx,#_/:\0;", [6] * 17 + [1] * 8, k=chance.randint(1, 24)))
        try:
            expected = np.array([float(one) for one in text.split()])
        except ValueError:
            assert decimals.parse(text, 0, len(text)) is None
            continue
        found = decimals.parse(text, 0, len(text))
        if found is not None:  # a piece of nothing but odd words
            assert same_bits(found, expected)
            read += 1
    assert read > 300


def test_a_word_longer_than_a_piece_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decimals, "PIECE", 64)
    assert decimals.parse(b"1 " + b"0" * 100 + b"1 2 ", 0, 105) is None


def test_many_digits_are_read_as_before() -> None:
    values = np.random.default_rng(2).normal(size=(50, 6))
    text = "\n".join(" ".join(repr(float(value)) for value in row) for row in values).encode()
    np.testing.assert_array_equal(read_numbers(text, 0, 6), values)


def test_what_follows_the_last_number_is_skipped() -> None:
    np.testing.assert_array_equal(read_numbers(b"1 2.5\n3 4" + b" \r\n\0\x1a" * 3000, 0, 2), [[1.0, 2.5], [3.0, 4.0]])
