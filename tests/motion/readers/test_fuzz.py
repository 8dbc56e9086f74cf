# SPDX-License-Identifier: GPL-3.0-or-later
"""A few damaged files of every format, the same in every run; `python build.py bench fuzz` takes thousands."""

import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bench import fuzz
from tests.bench.breaking import formats
from tmr_blender.errors import TMRError

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


@pytest.mark.parametrize("name", formats.known())
def test_seeds_are_whole(name: str, tmp_path: Path) -> None:
    case, read = formats.named(name), []
    for number, seed in enumerate(case.seeds):
        folder = tmp_path / str(number)
        folder.mkdir()
        for file, data in {**case.beside(), case.file: seed}.items():
            (folder / file).write_bytes(data)
        with suppress(TMRError):  # some hold no person, or no motion
            read.append(case.read(folder / case.file))
    assert len(read) > len(case.seeds) / 3
    assert min(read) > 0


def test_a_number_is_one_file() -> None:
    case = formats.named("bvh")
    assert case.case(1, 7) == case.case(1, 7) != case.case(1, 8)
