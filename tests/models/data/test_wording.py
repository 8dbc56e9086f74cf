# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of captions."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models.data import wording
from tmr_blender.errors import FileProblem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A person turns left.", "A person turns right."),
        ("Right hand up, LEFT foot out", "Left hand up, RIGHT foot out"),
        ("walks clockwise", "walks counterclockwise"),
        ("a counter-clockwise circle", "a clockwise circle"),
        ("turns anticlockwise", "turns clockwise"),
        ("bends leftwards", "bends rightwards"),
        ("stands upright in bright light", "stands upright in bright light"),
        ("turns at right angles", "turns at right angles"),
        ("from left to right", "from right to left"),
    ],
)
def test_mirrored(text: str, expected: str):
    assert wording.mirrored(text) == expected


def test_descriptions_that_say_nothing():
    assert not wording.says_something("19.5lb")
    assert not wording.says_something("#3")
    assert wording.says_something("Yoga")


def test_words_that_were_run_together():
    assert wording.spaced("JumpForward") == "jump forward"
    assert wording.spaced("Walk8") == "walk 8"
    assert wording.spaced("walk on uneven terrain") == "walk on uneven terrain"


@pytest.mark.parametrize(
    ("name", "key", "read"), [("cmu", "description", wording.paraphrases), ("takes", "motion", wording.of_takes)]
)
def test_our_captions(tmp_path: Path, name: str, key: str, read: Callable[[Path], dict[str, list[str]]]):
    assert read(tmp_path) == {}
    path = tmp_path / f"{name}.jsonl"
    path.write_text(f'{{"{key}": "walk", "texts": ["someone walks"]}}\n\n', encoding="utf-8")
    assert read(tmp_path) == {"walk": ["someone walks"]}
    path.write_text('{"texts": []}\n', encoding="utf-8")
    with pytest.raises(FileProblem, match="line 1"):
        read(tmp_path)
