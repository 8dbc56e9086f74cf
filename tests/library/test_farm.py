# SPDX-License-Identifier: GPL-3.0-or-later
"""A scheduler and workers in processes of their own, on this machine."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.library.equal import same
from tests.library.takes import write_take
from tests.tiny_model import make
from tmr_blender.errors import LibraryProblem, ModelProblem, QueryProblem
from tmr_blender.library import farm as farms
from tmr_blender.library.farm import Farm
from tmr_blender.library.folder import Found
from tmr_blender.library.index import Progress, index
from tmr_blender.library.reading import Order
from tmr_blender.library.store import Library
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

pytest.importorskip("distributed", reason="needs dask and distributed")
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0

Encoders = tuple[MotionEncoder, TextEncoder]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler, which does not see this package."""
    process, where = scheduler(tmp_path_factory.mktemp("scheduler"))
    yield where
    process.kill()
    process.wait()


def scheduler(place: Path) -> tuple["subprocess.Popen[bytes]", str]:
    file = place / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show", "--scheduler-file", str(file)]
    process = start("distributed.cli.dask_scheduler", *options, cwd=place)
    until = time.monotonic() + START_SECONDS
    while not file.exists() or not file.read_text():
        assert process.poll() is None and time.monotonic() < until, "no scheduler"
        time.sleep(0.05)
    return process, json.loads(file.read_text())["address"]


def start(module: str, *options: str, cwd: Path, **environment: str) -> "subprocess.Popen[bytes]":
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "TMR_MODEL")}
    return subprocess.Popen(
        [sys.executable, "-m", module, *options],
        cwd=cwd,
        env={**clean, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def worker(address: str, tmp_path: Path, tiny_model: Path) -> Iterator[Start]:
    """Starts workers with one thread each, which end with the test."""
    processes = []

    def begin(packages: Path = ROOT, model: Path = tiny_model, address: str = address) -> "subprocess.Popen[bytes]":
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", "--local-directory", str(tmp_path)]
        environment = {"PYTHONPATH": str(packages), "TMR_MODEL": str(model)}
        process = start("distributed.cli.dask_worker", address, *options, cwd=tmp_path, **environment)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()
    alone(address)


def alone(address: str) -> None:
    """Wait until the scheduler has noticed that its workers are gone."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        until = time.monotonic() + START_SECONDS
        while client.nthreads() and time.monotonic() < until:
            time.sleep(0.05)


def run(library: Path, folder: Path, encoders: Encoders, farm: Farm | None) -> Progress:
    *_, last = index(library, folder, *encoders, source=farm, jobs=1)
    return last


@pytest.fixture
def many(folder: Path) -> Path:
    for i in range(36):
        write_take(folder / "more" / f"old man {i:02}.bvh", ("walks", "jumps")[i % 2], 2.0 + i % 5)
    (folder / "broken.bvh").write_text("HIERARCHY")
    (folder / "Take_0002.txt").write_text("happy kick\nkick left\n")
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_two_workers_one_of_them_killed_make_what_one_machine_makes(
    tmp_path: Path, many: Path, encoders: Encoders, tiny_model: Path, address: str, worker: Start
) -> None:
    one = run(tmp_path / "one", many, encoders, None)
    first, second = worker(), worker()
    with closing(Farm(address, *encoders, tiny_model)) as farm:
        farm._client.wait_for_workers(2, timeout=START_SECONDS)
        for step in (steps := index(tmp_path / "farm", many, *encoders, source=farm)):
            if step.done >= 6 and len([place for place, tasks in farm._client.processing().items() if tasks]) == 2:
                break
            assert step.done < 30, "both workers should have had something to do by now"
        second.kill()
        *_, last = steps
    assert (last.done, last.takes, last.errors) == (one.done, one.takes, one.errors) and one.takes == 40
    assert first.poll() is None
    same(tmp_path / "one", tmp_path / "farm")


def test_a_cluster_that_goes_away_is_a_sentence(
    tmp_path: Path, many: Path, encoders: Encoders, tiny_model: Path, worker: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farms, "CONNECT_SECONDS", 5.0)  # for so long, it is looked for
    process, address = scheduler(tmp_path)
    worker(address=address)
    try:
        with closing(Farm(address, *encoders, tiny_model)) as farm:
            steps = index(tmp_path / "library", many, *encoders, source=farm)
            while next(steps).done < 3:
                pass
            process.kill()
            with pytest.raises(LibraryProblem, match=r"is gone\. What was stored is kept"):
                list(steps)
    finally:
        process.kill()
        process.wait()
    assert Library.open(tmp_path / "library").entries is not None


def test_what_a_worker_lacks_is_a_sentence(
    tmp_path: Path, folder: Path, encoders: Encoders, tiny_model: Path, address: str, worker: Start
) -> None:
    def told(problem: type[Exception], sentence: str) -> None:
        with closing(Farm(address, *encoders, tiny_model)) as farm, pytest.raises(problem, match=sentence):
            run(tmp_path / "library", folder, encoders, farm)

    other = make(tmp_path / "other", "tiny-2")
    bare = worker(packages=tmp_path)
    told(LibraryProblem, "lacks the package tmr_blender")
    bare.kill()
    alone(address)
    worker(model=other)
    there = tiny_model.rename(tmp_path / "away")
    try:
        # The farm is made with the weights that this process finds, which the worker does not.
        with closing(Farm(address, *encoders, there)) as farm:
            farm._about = (str(tiny_model), *farm._about[1:])
            with pytest.raises(ModelProblem, match="has the model tiny-2"):
                run(tmp_path / "library", folder, encoders, farm)
        with closing(Farm(address, *encoders, there)) as farm:
            ticket = farm.submit(Order(tmp_path / "elsewhere", Found("a.bvh", 1, 1, ()), 200))
            with pytest.raises(LibraryProblem, match="can't see the folder"):
                while farm.take(ticket, 1.0) is None:
                    pass
    finally:
        there.rename(tiny_model)
    assert len(Library.open(tmp_path / "library").entries) == 0


def test_no_cluster_is_a_sentence(encoders: Encoders, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(farms, "CONNECT_SECONDS", 0.5)
    with pytest.raises(LibraryProblem, match="has no worker"):
        Farm(address, *encoders, tiny_model)
    for nowhere in ("tcp://127.0.0.1:9", "somewhere", "tcp://no.such.host.invalid:8786"):
        with pytest.raises(LibraryProblem, match="No Dask scheduler answers"):
            Farm(nowhere, *encoders, tiny_model)


def test_without_dask_there_is_a_sentence(encoders: Encoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(QueryProblem, match="pip install distributed"):
        Farm(None, *encoders)


def test_importing_a_farm_imports_no_dask() -> None:
    script = "import sys, tmr_blender.library.farm; print('distributed' in sys.modules, 'torch' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.split() == ["False", "False"]
