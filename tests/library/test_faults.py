# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on purpose, once each, with the real command line; `python build.py bench faults` causes them often."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.breaking import disks, killing, vanishing
from tests.bench.breaking.studio import Count, Studio, compare

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, pipes and limits as Linux has them")


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path, pool=8)


@pytest.mark.parametrize(
    "fault",
    [
        lambda studio: killing.while_indexing(studio, 2),
        lambda studio: disks.small_files(studio, (0,)),
        vanishing.no_files,
        vanishing.strange_names,
    ],
    ids=["killed", "full", "no files", "names"],
)
def test_nothing_is_lost(studio: Studio, fault: Callable[[Studio], Count]) -> None:
    count = fault(studio)
    assert count.runs > 0
    assert not count.broken
    assert not studio.written


def test_a_difference_is_seen(studio: Studio) -> None:
    folder, library = studio.folder(studio.place / "mocap", 3), studio.place / "library"
    assert studio.index(folder, library).code == 0
    whole = studio.whole(library)
    other = {key: {**take, "motion": take["motion"] + 0.1} for key, take in whole.items()}
    with pytest.raises(Exception, match="differ in motion"):
        compare(other, whole, "two")
    with pytest.raises(Exception, match="hold other takes"):
        compare({}, whole, "two")
