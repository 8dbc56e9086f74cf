# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of captions."""

from pathlib import Path

import pytest

from models.data import rows, wording
from models.data.takes import Caption
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


def test_sentences_of_ours_for_descriptions(tmp_path: Path):
    assert wording.paraphrases(tmp_path) == {}
    path = tmp_path / "cmu.jsonl"
    path.write_text('{"description": "walk", "texts": ["someone walks"]}\n\n', encoding="utf-8")
    assert wording.paraphrases(tmp_path) == {"walk": ["someone walks"]}
    path.write_text('{"texts": []}\n', encoding="utf-8")
    with pytest.raises(FileProblem, match="line 1"):
        wording.paraphrases(tmp_path)


def test_captions_of_ours_for_takes_and_spans(tmp_path: Path):
    assert wording.of_takes(tmp_path) == []
    row = '{"motion": "a", "start": 1.0, "end": 2.5, "texts": ["someone walks"], "source": "ours", "split": "train"}'
    (tmp_path / "takes.jsonl").write_text(row + "\n", encoding="utf-8")
    assert wording.of_takes(tmp_path) == [Caption("a", 1.0, 2.5, ("someone walks",), wording.OURS, "train")]


def test_captions_that_are_shipped_describe_no_test_take(shared: Path):
    tested = {row.take for row in rows.read(shared / "data" / "cmu" / "captions.jsonl") if row.split == "test"}
    written = wording.of_takes()
    assert written
    assert not tested & {row.take for row in written}
    assert all(row.source == wording.OURS and row.texts for row in written)
