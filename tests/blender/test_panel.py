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


def test_a_higher_score_never_gets_a_weaker_word() -> None:
    words = [word for _, word in panel.VERDICTS]
    given = [panel.verdict(score / 100).split(" (")[0] for score in range(100, -1, -1)]
    assert [word for place, word in enumerate(given) if place == 0 or word != given[place - 1]] == words
    assert panel.verdict(0.912).endswith("(0.91)")
