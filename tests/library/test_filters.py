# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.library.conftest import run
from tmr_blender.errors import QueryProblem
from tmr_blender.library.filters import FILTERS, mask
from tmr_blender.library.search import search
from tmr_blender.library.store import Library
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]


@pytest.fixture
def captioned(tmp_path: Path, folder: Path, encoders: Encoders) -> Library:
    row = {"file": "01/Take_0001", "text": "an old man", "tags": ["Älter", 'walk "slow"']}
    (folder / "captions.json").write_text(json.dumps([row]), encoding="utf-8")
    run(tmp_path / "captioned", folder, encoders)
    return Library.open(tmp_path / "captioned")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {1, 2, 3, 4}),
        ({"duration": {"min": 3.5}}, {4}),
        ({"duration": {"max": 3.5}}, {1, 2, 3}),
        ({"travel": {"min": 2.0, "max": 4.0}}, {1}),
        ({"speed": {"min": 1.0}}, {1}),
        ({"captioned": True}, {1}),
        ({"captioned": False}, {2, 3, 4}),
        ({"folder": "01"}, {1}),
        ({"folder": ["01", "17S/"]}, {1, 4}),
        ({"folder": "0"}, set()),
        ({"tag": "älter"}, {1}),
        ({"tag": ["Älter", 'walk "slow"']}, {1}),
        ({"tag": ["Älter", "on the spot"]}, set()),
        ({"skeleton": "klingon"}, set()),
        ({"turn": {"min": 90}}, set()),
        ({"travel": {"min": 1}, "duration": {"max": 4}}, {1}),
    ],
)
def test_each_filter_keeps_what_it_says(captioned: Library, filters: dict[str, Any], expected: set[int]) -> None:
    kept = {int(captioned.entries[i].name[-1]) for i in np.flatnonzero(mask(captioned, filters))}
    assert kept == expected


def test_they_agree_with_the_facts_of_every_entry(captioned: Library) -> None:
    facts = captioned.facts(range(4))
    for row in FILTERS:
        if row.kind == "range":
            middle = float(np.median([f[row.source] for f in facts]))
            kept = mask(captioned, {row.name: {"min": middle}})
            assert kept.tolist() == [f[row.source] >= middle for f in facts] and kept.any()
    for wanted in (True, False):
        assert mask(captioned, {"loopable": wanted}).tolist() == [f["loopable"] is wanted for f in facts]
    convention = captioned.entries[0].convention
    assert mask(captioned, {"skeleton": convention.upper()}).tolist() == [e.convention == convention for e in captioned.entries]


def test_an_entry_without_a_fact_passes_no_filter_on_it(captioned: Library) -> None:
    captioned.measures["speed"][0] = np.nan
    assert not mask(captioned, {"speed": {"min": -1e9}})[0]
    assert not mask(captioned, {"speed": {"max": 1e9}})[0]


@pytest.mark.parametrize(
    "filters",
    [
        {"colour": "red"}, {"duration": 3}, {"duration": {}}, {"duration": {"least": 3}}, {"duration": {"min": "3"}},
        {"duration": {"min": 3, "max": 2}}, {"duration": {"min": float("nan")}}, {"duration": {"min": True}},
        {"loopable": "yes"}, {"tag": []}, {"tag": [3]}, {"tag": ""}, {"folder": {}},
    ],
)  # fmt: skip
def test_what_is_no_filter_is_a_sentence(captioned: Library, encoders: Encoders, filters: dict[str, Any]) -> None:
    with pytest.raises(QueryProblem):
        search([captioned], "walks", encoders[1], filters=filters)
