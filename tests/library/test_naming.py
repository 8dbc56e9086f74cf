# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmr_blender.library.naming import LONGEST, MOST_BYTES, short_name


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("a person walks forward slowly.", "Walks forward slowly"),
        ("The man is limping,  slowly!", "Limping, slowly"),
        ("someone is on the floor", "Is on the floor"),
        ("walk", "Walk"),
        ("he", "He"),
        ("figure skating", "Figure skating"),
        ("  \n\t ", ""),
        ("?!…", ""),
        ("a person\nsits\x00down", "Sits down"),
        ("они идут вперёд", "Они идут вперёд"),
        (
            "a person walks four steps forward with their arms hanging down and then turns to the left",
            "Walks four steps forward with their arms hanging",
        ),
        ("a person picks something up from the ground and then puts it away", "Picks something up from the ground"),
    ],
)
def test_names(sentence: str, name: str) -> None:
    assert short_name(sentence) == name


def test_a_word_without_an_end_is_cut() -> None:
    assert short_name("x" * 500) == "X" + "x" * (LONGEST - 1)
    assert len(short_name("语" * 500).encode()) <= MOST_BYTES


@given(st.text())
def test_any_text_becomes_a_name_that_fits(sentence: str) -> None:
    name = short_name(sentence)
    assert len(name.encode()) <= MOST_BYTES + 4  # capitals may take more bytes than small letters
    assert name == name.strip()
    assert name.isprintable()
    assert bool(name) <= any(letter.isalnum() for letter in sentence)
    assert name or not any(letter.isalnum() for letter in sentence)
