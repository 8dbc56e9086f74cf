# SPDX-License-Identifier: GPL-3.0-or-later
"""A library encoded anew equals one that the other model has indexed; until it is finished, nothing has changed."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.library.conftest import run
from tests.library.takes import write_take
from tests.tiny_model import make
from tmr_blender.__main__ import main
from tmr_blender.errors import LibraryProblem
from tmr_blender.library import reencode as module
from tmr_blender.library.reencode import reencode
from tmr_blender.library.search import search
from tmr_blender.library.store import Library
from tmr_blender.library.upkeep import check
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model: wider, turned about, and for shorter motions than the first."""
    return make(tmp_path_factory.mktemp("other"), "tiny-2", width=5, seed=3, max_frames=150)


@pytest.fixture(scope="session")
def others(other_model: Path) -> Encoders:
    return MotionEncoder(other_model, threads=1), TextEncoder(other_model, threads=1)


@pytest.fixture
def folder(folder: Path) -> Path:
    """With captions, two of them in the same words."""
    for name in ("01/Take_0001", "Take_0002"):
        (folder / f"{name}.txt").write_text("a happy person walks\n", encoding="utf-8")
    (folder / "Take_0003.txt").write_text("an old man stands\n", encoding="utf-8")
    return folder


def state(library: Path) -> dict[str, bytes]:
    """All that a reader of the library sees."""
    drafts = {module.MOTION_DRAFT, module.TEXT_DRAFT, module.DRAFT_STATE}
    return {path.name: path.read_bytes() for path in library.iterdir() if path.name not in drafts}


def assert_equal(made: Library, wanted: Library) -> None:
    """Entry for entry, window for window, text for text."""
    assert made.meta.model == wanted.meta.model
    assert [entry.name for entry in made.entries] == [entry.name for entry in wanted.entries]
    for name in ("start", "end", "first", "whole"):
        np.testing.assert_array_equal(getattr(made.windows, name), getattr(wanted.windows, name))
    np.testing.assert_allclose(made.motion[made.windows.row], wanted.motion[wanted.windows.row], atol=1e-5)
    assert [text.text for text in made.texts] == [text.text for text in wanted.texts]
    np.testing.assert_allclose(made.text[made.text_rows], wanted.text[wanted.text_rows], atol=1e-5)


def test_it_equals_an_index_by_the_other_model(
    library: Library, folder: Path, others: Encoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_FRAMES", 100)
    run(tmp_path / "wanted", folder, others)
    wanted = Library.open(tmp_path / "wanted")
    numbers = [entry.id for entry in library.entries]
    shutil.rmtree(folder)  # its files are not needed
    steps = list(reencode(library, *others))
    made = Library.open(library.path)
    assert not np.array_equal(library.windows.first, made.windows.first), "the models cut takes differently"
    assert_equal(made, wanted)
    assert [entry.id for entry in made.entries] == numbers
    assert check(library.path).faults == ()
    assert check(library.path).unused == 0
    assert sorted(path.suffix for path in library.path.iterdir() if path.suffix != ".sqlite") == [".bin", ".f32", ".f32"]
    assert [step.done for step in steps] == sorted(step.done for step in steps) and steps[-1].done == steps[-1].total
    assert len(steps) > 3 and not steps[-1].stopped
    assert search([made], "a person walks", others[1])[0].name in {"Take_0001", "Take_0002"}


def test_there_and_back_again(library: Library, folder: Path, encoders: Encoders, others: Encoders) -> None:
    list(reencode(library, *others))
    with pytest.raises(LibraryProblem, match="Re-encode the library"):
        run(library.path, folder, encoders)
    with pytest.raises(LibraryProblem, match="tmr_blender reencode"):
        search([Library.open(library.path)], "a person walks", encoders[1])
    list(reencode(library.path, *encoders))
    assert_equal(Library.open(library.path), library)
    progress = run(library.path, folder, encoders)
    assert progress.unchanged == progress.total, "nothing is read again"


def test_by_its_own_model_nothing_happens(library: Library, encoders: Encoders) -> None:
    before = state(library.path)
    (step,) = reencode(library, *encoders)
    assert step.done == step.total == len(library.entries) + len({text.text for text in library.texts})
    assert state(library.path) == before


def test_stopped_and_gone_on_with(library: Library, others: Encoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_FRAMES", 60)
    before = state(library.path)
    steps = reencode(library, *others)
    assert next(steps).done == 0
    assert next(steps).takes == 1
    assert steps.send(True).stopped
    with pytest.raises(StopIteration):
        next(steps)
    assert state(library.path) == before
    again = list(reencode(library, *others))
    assert again[0].takes == 1, "what was encoded is not encoded again"
    made = Library.open(library.path)
    assert made.meta.model == "tiny-2" and check(library.path).faults == ()
    rows = made.motion[made.windows.row[made.windows.first[:-1]]]
    fresh = others[0].encode([module.rows_of(made.bodies.of(i))[:150] for i in range(len(made.entries))])
    np.testing.assert_allclose(rows[[0, 1, 2]], fresh[[0, 1, 2]], atol=1e-5)


def test_drafts_of_another_state_are_not_used(
    library: Library, folder: Path, encoders: Encoders, others: Encoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_FRAMES", 60)
    steps = reencode(library, *others)
    assert [next(steps).takes, next(steps).takes] == [0, 1]
    steps.send(True)
    steps.close()
    write_take(folder / "00_first.bvh", "jumps", 5.0)
    run(library.path, folder, encoders)
    assert not (library.path / module.DRAFT_STATE).exists()
    assert next(iter(reencode(library.path, *others))).takes == 0
    (library.path / module.DRAFT_STATE).write_text('{"rows": [1, "many"]}', encoding="utf-8")
    assert next(iter(reencode(library.path, *others))).takes == 0


def test_takes_without_poses_have_to_be_indexed_again(library: Library, others: Encoders) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(library.path / "library.sqlite")) as database, database:
        database.execute("UPDATE entries SET poses = 0 WHERE id < 3")
    before = state(library.path)
    with pytest.raises(LibraryProblem, match=r"2 of its 4 takes .* Index its folders"):
        list(reencode(library, *others))
    assert state(library.path) == before


def test_missing_and_empty_libraries(tmp_path: Path, others: Encoders) -> None:
    with pytest.raises(LibraryProblem, match="no motion library"):
        list(reencode(tmp_path / "nowhere", *others))
    Library.open(tmp_path / "empty", create=True)
    *_, last = reencode(tmp_path / "empty", *others)
    assert last.done == last.total == 0
    assert Library.open(tmp_path / "empty").meta.model == "tiny-2"


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.6, 0.9])
def test_killed_it_leaves_the_library_as_it_was(
    library: Library, other_model: Path, others: Encoders, moment: float, tmp_path: Path
) -> None:
    """SIGKILL, at different stages of a run in a process of its own that is slowed down to be met in all of them."""
    if sys.platform == "win32":
        pytest.skip("kills by signal")
    code = f"""
import time
from tmr_blender.library import reencode
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder
reencode.BLOCK_FRAMES = reencode.BLOCK_TEXTS = 1
for step in reencode.reencode({str(library.path)!r}, MotionEncoder({str(other_model)!r}), TextEncoder({str(other_model)!r})):
    print(step.done / step.total, flush=True)
    time.sleep(0.05)
"""
    before = Library.open(library.path)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if float(line) >= moment:
                os.kill(process.pid, signal.SIGKILL)
                break
    found = Library.open(library.path)
    assert_equal(found, before)
    assert check(library.path).faults == ()
    assert next(iter(reencode(library, *others))).takes >= (1 if moment else 0)
    list(reencode(library, *others))
    assert Library.open(library.path).meta.model == "tiny-2" and check(library.path).faults == ()


def test_the_command(library: Library, other_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["reencode", "--library", str(library.path), "--model", str(other_model)]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["takes"] == 4 and told["model"] == "tiny-2" and not told["stopped"]
    assert main(arguments) == 0
    assert "tiny-2" in capsys.readouterr().out
    assert main(["reencode", "--library", str(library.path / "nowhere"), "--model", str(other_model)]) == 2


def test_memory_stays_in_bounds_however_long_the_takes(library: Library, others: Encoders) -> None:
    """Blocks hold whole takes, and no more than one beyond the bound."""
    bodies = [module._Body(i, 0, count, 1.0, 1) for i, count in enumerate([10, 1990, 1, 5000, 7, 7])]
    blocks = [[body.count for body in block] for block in module._blocks(bodies)]
    assert blocks == [[10, 1990], [1], [5000], [7, 7]]
