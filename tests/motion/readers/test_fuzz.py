# SPDX-License-Identifier: GPL-3.0-or-later
"""A few damaged files of every format, the same in every run; `python build.py bench fuzz` takes thousands."""

import sys
from pathlib import Path

import pytest

from tests.bench import fuzz
from tests.bench.breaking import formats

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bounds memory and time by what Linux offers")

FILES = 20


@pytest.mark.parametrize("name", formats.known())
def test_damaged_files_are_read_or_refused(name: str) -> None:
    tally = fuzz.fuzz(name, seed=2026, numbers=range(FILES if name != "library" else 6), keep=None)
    assert tally.counts.total() >= 6
    assert not tally.failures
    assert tally.counts["refused"] > 0


def test_the_harness_sees_what_it_looks_for(tmp_path: Path) -> None:
    found = list(fuzz.outcomes("traps", 0, range(len(formats.TRAPPED)), tmp_path, cpu_seconds=1))
    assert tuple(line["kind"] for line in found) == formats.TRAPPED


@pytest.mark.parametrize("name", [name for name in formats.known() if name != "glb"])  # its second is a rig without motion
def test_seeds_are_whole(name: str, tmp_path: Path) -> None:
    case = formats.named(name)
    for file, data in {**case.beside(), case.file: case.seeds[1]}.items():
        (tmp_path / file).write_bytes(data)
    assert case.read(tmp_path / case.file) > 0


def test_a_number_is_one_file() -> None:
    case = formats.named("bvh")
    assert case.case(1, 7) == case.case(1, 7) != case.case(1, 8)
