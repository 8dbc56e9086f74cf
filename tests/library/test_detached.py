# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in processes of their own: they outlive who started them, can be stopped, and tell when they have died."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.library.takes import write_take
from tests.tiny_model import make
from tmr_blender.errors import LibraryProblem, ModelProblem
from tmr_blender.library import detached
from tmr_blender.library.detached import Job
from tmr_blender.library.schema import lock
from tmr_blender.library.store import Library
from tmr_blender.library.upkeep import check

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder that takes some seconds to index."""
    first = write_take(tmp_path / "many" / "000.bvh", "walks", 20.0)
    for i in range(1, 250):
        (first.parent / f"{i:03}.bvh").write_bytes(first.read_bytes())
    return first.parent


def until(place: Path, wanted: str = "end", seconds: float = 120.0) -> Job:
    """Look until the job has read some files ("index") or has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = detached.look(place)
        assert job is not None
        if not job.alive or (wanted == "index" and job.progress is not None and job.progress["done"] > 5):
            return job
        time.sleep(0.02)
    raise AssertionError(f"the job never came to its {wanted}")


def test_it_indexes_and_says_so(folder: Path, tmp_path: Path, tiny_model: Path) -> None:
    (folder / "broken.bvh").write_text("HIERARCHY nonsense", encoding="utf-8")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    place = tmp_path / "jobs"
    assert detached.look(place) is None
    job = detached.start(place, place / "library", folder, model=tiny_model)
    assert job.alive and job.stage == "start" and detached.look(place) is not None
    job = until(place)
    assert job.result is not None and job.raised() is None
    assert (job.result["takes"], job.result["failed"], job.result["stopped"]) == (4, 1, False)
    assert "broken.bvh" in job.result["errors"][0]
    assert len(Library.open(place / "library").entries) == 4
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    detached.forget(place)
    assert [path.name for path in place.iterdir()] == ["library"]


def test_it_outlives_who_started_it(many: Path, tmp_path: Path, tiny_model: Path) -> None:
    place = tmp_path / "jobs"
    code = f"""
import sys
from pathlib import Path
from tmr_blender.library import detached
detached.start(Path({str(place)!r}), Path({str(place / "library")!r}), Path({str(many)!r}), model=Path({str(tiny_model)!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
    job = detached.look(place)
    assert job is not None and job.alive
    job = until(place)
    assert job.result is not None and job.result["takes"] == 250
    assert (place / detached.LOG).read_bytes() == b""


def test_a_job_under_way_is_returned_as_it_is(many: Path, tmp_path: Path, tiny_model: Path) -> None:
    place = tmp_path / "jobs"
    first = detached.start(place, place / "library", many, model=tiny_model)
    until(place, "index")
    second = detached.start(place, place / "library", many, model=tiny_model)
    assert second.id == first.id
    job = until(place)
    assert job.id == first.id and job.result is not None and job.result["takes"] == 250


def test_a_process_that_comes_too_late_leaves_all_as_it_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "jobs"
    place.mkdir()
    (place / detached.STATUS).write_text("of the job that has the place")
    monkeypatch.setattr(detached, "GIVE_UP_SECONDS", 0.2)
    own = ["--id", "another", "--place", str(place), "--library", str(place / "library"), "--folder", str(folder)]
    with closing(lock(place)):
        assert detached.main([*own, "--task", "index"]) == 1
    assert (place / detached.STATUS).read_text() == "of the job that has the place"
    assert not (place / "library").exists()


def test_stopped_it_keeps_what_it_has_and_the_next_goes_on(many: Path, tmp_path: Path, tiny_model: Path) -> None:
    place = tmp_path / "jobs"
    detached.start(place, place / "library", many, model=tiny_model)
    until(place, "index")
    detached.stop(place)
    job = until(place)
    assert job.result is not None and job.result["stopped"]
    kept = len(Library.open(place / "library").entries)
    assert 5 < kept == job.result["takes"] < 250 and check(place / "library").faults == ()
    detached.start(place, place / "library", many, model=tiny_model)
    job = until(place)
    assert job.result is not None and job.result["unchanged"] == kept
    assert len(Library.open(place / "library").entries) == 250


@pytest.mark.skipif(sys.platform == "win32", reason="by signal")
def test_a_signal_stops_it_cleanly(many: Path, tmp_path: Path, tiny_model: Path) -> None:
    place = tmp_path / "jobs"
    detached.start(place, place / "library", many, model=tiny_model)
    os.kill(until(place, "index").pid, signal.SIGTERM)
    job = until(place)
    assert job.result is not None and job.result["stopped"]


@pytest.mark.skipif(sys.platform == "win32", reason="by signal")
def test_killed_it_is_found_dead_and_can_be_gone_on_with(many: Path, tmp_path: Path, tiny_model: Path) -> None:
    place = tmp_path / "jobs"
    job = detached.start(place, place / "library", many, model=tiny_model)
    os.kill(until(place, "index").pid, signal.SIGKILL)
    dead = until(place, seconds=5.0)
    assert dead.id == job.id and dead.result is None
    assert isinstance(dead.raised(), LibraryProblem) and "cut off" in str(dead.raised())
    detached.start(place, place / "library", many, model=tiny_model)
    job = until(place)
    assert job.result is not None and len(Library.open(place / "library").entries) == 250


def test_a_status_without_its_process_is_dead(tmp_path: Path) -> None:
    """As after a power cut: the number of the process may be another one's by now."""
    job = Job("x", "index", str(tmp_path / "library"), "/motions", os.getpid(), time.time() - 5.0, "index")
    assert detached._write(tmp_path, job)
    found = detached.look(tmp_path)
    assert found is not None and not found.alive
    with closing(lock(tmp_path)):
        pass
    found = detached.look(tmp_path)
    assert found is not None and not found.alive
    (tmp_path / detached.STATUS).write_text('{"foreign": 1}', encoding="utf-8")
    assert detached.look(tmp_path) is None


@pytest.mark.parametrize(("problem", "kind"), [("folder", LibraryProblem), ("model", ModelProblem), ("broken", LibraryProblem)])
def test_what_goes_wrong_is_a_sentence(problem: str, kind: type, folder: Path, tmp_path: Path, tiny_model: Path) -> None:
    place, motions = tmp_path / "jobs", folder
    if problem == "folder":
        motions = tmp_path / "nowhere"
    elif problem == "broken":
        motions = tmp_path / "broken"
        motions.mkdir()
        (motions / "bad.bvh").write_text("HIERARCHY nonsense", encoding="utf-8")
    model = tmp_path / "no model" if problem == "model" else tiny_model
    detached.start(place, place / "library", motions, model=model)
    error = until(place).raised()
    assert isinstance(error, kind)
    assert {"folder": "nowhere", "model": "No model in", "broken": "bad.bvh"}[problem] in str(error)
    detached.forget(place)
    assert not place.exists(), "nothing was made, so nothing is left"


def test_a_library_of_another_model_is_encoded_anew_first(folder: Path, tmp_path: Path, tiny_model: Path) -> None:
    place = tmp_path / "jobs"
    other = make(tmp_path / "other", "tiny-2", seed=5)
    detached.start(place, place / "library", folder, model=tiny_model)
    until(place)
    detached.start(place, place / "library", folder, "reencode", model=other)
    job = until(place)
    assert job.task == "reencode" and job.result is not None and job.result["takes"] == 4
    assert Library.open(place / "library").meta.model == "tiny-2"
    write_take(folder / "new.bvh", "walks", 4.0)
    detached.start(place, place / "library", folder, model=tiny_model)
    job = until(place)
    assert job.result is not None and (job.result["takes"], job.result["unchanged"]) == (1, 4)
    library = Library.open(place / "library")
    assert library.meta.model == "tiny-1" and len(library.entries) == 5 and check(library.path).faults == ()


def test_the_status_is_whole_whenever_it_is_read_and_not_written_too_often(
    many: Path, tmp_path: Path, tiny_model: Path
) -> None:
    place = tmp_path / "jobs"
    detached.start(place, place / "library", many, model=tiny_model)
    until(place, "index")
    seen, begun = set(), time.monotonic()
    while True:
        text = (place / detached.STATUS).read_text(encoding="utf-8")
        seen.add(text)
        if not json.loads(text)["alive"]:
            break
    assert len(seen) <= 10.0 * (time.monotonic() - begun) + 3
