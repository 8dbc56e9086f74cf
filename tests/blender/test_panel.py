# SPDX-License-Identifier: GPL-3.0-or-later
import parts
import pytest

panel = parts.ours("blender.panel")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a person walks", ["a person", "walks"]),
        ("extraordinarily long", ["extraordinarily", "long"]),
        ("one two  three", ["one two", "three"]),
    ],
)
def test_captions_are_broken_between_words(text: str, lines: list[str]) -> None:
    assert panel.wrapped(text, 9) == lines
