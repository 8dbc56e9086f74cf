# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
from pathlib import Path

import pytest

from tests.library.conftest import run
from tests.library.equal import same
from tests.library.takes import write_take
from tests.tiny_model import make
from tmr_blender.errors import LibraryProblem, QueryProblem
from tmr_blender.library.index import in_shard, index
from tmr_blender.library.merge import merge
from tmr_blender.library.search import search
from tmr_blender.library.store import Library
from tmr_blender.library.upkeep import check
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]


def shards(place: Path, folder: Path, encoders: Encoders, count: int) -> list[Library]:
    paths = [place / f"shard-{i}" for i in range(1, count + 1)]
    for i, path in enumerate(paths, 1):
        list(index(path, folder, *encoders, shard=(i, count)))
    return [Library.open(path) for path in paths]


def test_merged_shards_are_what_one_machine_makes(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    for i in range(9):
        write_take(folder / "more" / f"old man {i}.bvh", ("walks", "jumps")[i % 2], 2.0 + 0.3 * i)
    (folder / "captions.json").write_text(json.dumps({"Take_0002": ["happy kick", "kick left"]}))
    (folder / "broken.bvh").write_text("HIERARCHY")
    (folder / "17s" / "captions.json").write_text("{broken")
    run(tmp_path / "whole", folder, encoders)
    parts = shards(tmp_path, folder, encoders, 3)
    assert all(len(part.entries) for part in parts)
    assert merge(tmp_path / "merged", parts) == 15
    whole, merged = Library.open(tmp_path / "whole"), Library.open(tmp_path / "merged")
    same(tmp_path / "whole", tmp_path / "merged")
    for query in ("walks", "a happy kick", "old man"):
        ours, theirs = ({h.name: h for h in search([held], query, encoders[1])} for held in (merged, whole))
        assert set(ours) == set(theirs)
        for name, hit in ours.items():  # in any order: takes that are alike tie but for rounding
            assert (hit.matched, hit.caption) == (theirs[name].matched, theirs[name].caption)
            assert hit.score == pytest.approx(theirs[name].score, abs=2e-4)
    assert check(tmp_path / "merged").faults == ()
    last = run(tmp_path / "merged", folder, encoders)
    assert (last.takes, last.unchanged) == (0, 14)


def test_shards_share_the_files() -> None:
    paths = [f"take_{i}.bvh" for i in range(1000)]
    shares = [[path for path in paths if in_shard(path, i, 4)] for i in (1, 2, 3, 4)]
    assert sorted(path for share in shares for path in share) == sorted(paths)
    assert all(200 < len(share) < 300 for share in shares)
    for i, n in ((0, 4), (5, 4), (1, 0)):
        with pytest.raises(QueryProblem, match="no shard"):
            in_shard("a", i, n)


def test_a_shard_forgets_only_what_is_gone(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    run(tmp_path / "library", folder, encoders)
    (folder / "Take_0003.bvh").unlink()
    *_, last = index(tmp_path / "library", folder, *encoders, shard=(1, 2))
    assert last.removed == 1 and last.total < 4
    assert len(Library.open(tmp_path / "library").entries) == 3


def test_the_newer_of_two_versions_is_taken(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    run(tmp_path / "old", folder, encoders)
    write_take(folder / "Take_0002.bvh", "walks", 5.0)
    os.utime(folder / "Take_0002.bvh", ns=(2**62, 2**62))
    run(tmp_path / "new", folder, encoders)
    old, new = Library.open(tmp_path / "old"), Library.open(tmp_path / "new")
    assert merge(tmp_path / "one", [new, old]) == 4
    assert merge(tmp_path / "one", [old]) == 0
    assert merge(tmp_path / "old", [new]) == 1
    for path in ("one", "old"):
        durations = {entry.name: round(entry.duration, 3) for entry in Library.open(tmp_path / path).entries}
        assert durations["Take_0002"] == 5.0 and len(durations) == 4


def test_what_can_not_be_merged(tmp_path: Path, library: Library, folder: Path) -> None:
    model = make(tmp_path / "model", "tiny-2")
    run(tmp_path / "other", folder, (MotionEncoder(model, 1), TextEncoder(model, 1)))
    other = Library.open(tmp_path / "other")
    with pytest.raises(LibraryProblem, match="one and the same model"):
        merge(tmp_path / "both", [library, other])
    assert not (tmp_path / "both").exists()
    with pytest.raises(LibraryProblem, match="into itself"):
        merge(library.path, [library])
    with pytest.raises(LibraryProblem, match="indexed with the model"):
        merge(library.path, [other])
    assert len(Library.open(library.path).entries) == 4
