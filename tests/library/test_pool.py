# SPDX-License-Identifier: GPL-3.0-or-later
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.library.conftest import run
from tests.library.equal import same
from tests.library.takes import write_take
from tmr_blender.errors import LibraryProblem
from tmr_blender.library import pool as pools
from tmr_blender.library.folder import Found
from tmr_blender.library.index import index
from tmr_blender.library.pool import Pool
from tmr_blender.library.reading import DefectError, Order, Reading, read
from tmr_blender.library.store import Library
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]
ROOT = Path(__file__).resolve().parents[2]
needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.fixture
def many(folder: Path) -> Path:
    """Takes of different lengths, the longest first by name, and broken ones."""
    for i in range(20):
        write_take(folder / "more" / f"old man {i:02}.bvh", ("walks", "jumps")[i % 2], 20.0 - i)
    (folder / "broken.bvh").write_text("HIERARCHY")
    (folder / "Take_0002.txt").write_text("happy kick\nkick left\n")
    return folder


def order(path: Path) -> Order:
    return Order(path.parent, Found(path.name, path.stat().st_size, 0, ()), 200)


def result(pool: Pool, path: Path, seconds: float = 30.0) -> Reading:
    found = pool.take(pool.submit(order(path)), seconds)
    assert found is not None
    return found


def test_a_pool_makes_the_library_that_one_process_makes(tmp_path: Path, many: Path, encoders: Encoders) -> None:
    *_, one = index(tmp_path / "one", many, *encoders, jobs=1)
    steps = list(index(tmp_path / "three", many, *encoders, jobs=3))
    assert (steps[-1].takes, steps[-1].errors) == (one.takes, one.errors) and one.takes == 24
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert {step.done for step in steps} >= set(range(1, 26))
    same(tmp_path / "one", tmp_path / "three")
    assert run(tmp_path / "three", many, encoders).unchanged == 25


def test_what_a_child_reads_is_what_this_process_reads(folder: Path) -> None:
    with closing(Pool(1)) as pool:
        there, here = result(pool, folder / "Take_0002.bvh"), read(order(folder / "Take_0002.bvh"))
    assert here.takes[0].facts == there.takes[0].facts and here.takes[0].thumbnail == there.takes[0].thumbnail
    assert here.takes[0].poses.tobytes() == there.takes[0].poses.tobytes()
    assert np.array_equal(here.rows[0], there.rows[0])


# Stands in for the package that reads FBX, and does what the file says.
_FAULTY = """
import os, signal, time
from pathlib import Path

class UfbxError(Exception):
    pass

class Anything:
    def __getattr__(self, name):
        return self

def __getattr__(name):
    return Anything()

def load_memory(content, **options):
    what, *more = content.decode().split()
    print("this must not get among the answers")
    if what == "once" and not Path(more[0]).exists():
        Path(more[0]).touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "leave":
        os._exit(3)
    if what == "hang":
        time.sleep(600)
    if what == "grow":
        bytearray(8 << 30)
    if what == "defect":
        raise AssertionError("a fault of ours")
    raise UfbxError("read to its end")
"""


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers import the stand-in: they see the very packages that this process sees."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "ufbx.py").write_text(_FAULTY)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.setenv("TMR_BLENDER", "")


@needs_signals
@pytest.mark.parametrize(
    ("what", "reason"),
    [("crash", "crash (SIGSEGV)"), ("killed", "was killed"), ("leave", "crash (status 3)"), ("hang", "more than 1 seconds")],
)
def test_a_file_that_ends_its_reader_costs_one_line(
    what: str, reason: str, faulty: None, folder: Path, tmp_path: Path, encoders: Encoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "seconds_for", lambda order: 1.0 if order.file.path.endswith(".fbx") else 60.0)
    (folder / "Take_0001.fbx").write_text(what)
    last = run(tmp_path / "library", folder, encoders)
    assert last.takes == 4
    ((path, sentence),) = last.errors
    assert path == "Take_0001.fbx" and path in sentence and reason in sentence
    assert run(tmp_path / "library", folder, encoders).unchanged == 5


@needs_signals
def test_a_reader_that_died_by_chance_is_replaced(faulty: None, tmp_path: Path) -> None:
    (tmp_path / "a.fbx").write_text(f"once {tmp_path / 'seen'}")
    with closing(Pool(2)) as pool:
        found = result(pool, tmp_path / "a.fbx")
    assert (tmp_path / "seen").exists() and "read to its end" in str(found.error)


@pytest.mark.skipif(sys.platform != "linux", reason="a bound on addresses")
def test_memory_is_bounded(faulty: None, tmp_path: Path) -> None:
    (tmp_path / "a.fbx").write_text("grow")
    with closing(Pool(1, memory=2 << 30)) as pool:
        assert result(pool, tmp_path / "a.fbx").error == "a.fbx: reading it takes more memory than there is."


def test_a_defect_keeps_its_traceback(faulty: None, tmp_path: Path) -> None:
    (tmp_path / "a.fbx").write_text("defect")
    with closing(Pool(1)) as pool, pytest.raises(DefectError, match="a fault of ours"):
        result(pool, tmp_path / "a.fbx")


def test_readers_that_can_not_start_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    with closing(Pool(1)) as pool, pytest.raises(LibraryProblem, match="--jobs 1"):
        result(pool, folder / "Take_0002.bvh")


def test_stopping_ends_readers_in_the_middle_of_a_file(faulty: None, tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    (folder / "Take_0003.fbx").write_text("hang")
    steps = index(tmp_path / "library", folder, *encoders, jobs=2)
    for step in steps:
        if step.done == 3:
            break
    began = time.monotonic()
    last = steps.send(True)
    assert last.stopped and last.done == 3 and time.monotonic() - began < 10.0
    with pytest.raises(StopIteration):
        next(steps)
    assert children() == []
    assert len(Library.open(tmp_path / "library").entries) == 3


# An index that hangs in a file; its readers' process ids are told.
_HANGING = """
import sys
from concurrent.futures import Future
from pathlib import Path
from tmr_blender.library.folder import Found
from tmr_blender.library.pool import Pool
from tmr_blender.library.reading import Order
pool = Pool(2)
for name in ("a.fbx", "b.fbx"):
    pool.submit(Order(Path(sys.argv[1]), Found(name, 1, 0, ()), 200))
while not all(reader._process for reader in pool._readers):
    pass
print(*(reader._process.pid for reader in pool._readers), flush=True)
sys.stdin.read()
"""


@needs_signals
def test_readers_never_outlive_their_parent(faulty: None, tmp_path: Path) -> None:
    for name in ("a.fbx", "b.fbx"):
        (tmp_path / name).write_text("hang")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path / 'packages'}{os.pathsep}{ROOT}"}
    parent = subprocess.Popen(
        [sys.executable, "-c", _HANGING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert parent.stdin is not None and parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    time.sleep(1.0)  # until they are amid their files
    assert len(pids) == 2 and all(alive(pid) for pid in pids)
    parent.kill()
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    until = time.monotonic() + 10.0
    while any(alive(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids)


def test_a_few_small_files_need_no_pool(
    tmp_path: Path, folder: Path, encoders: Encoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "Pool", lambda *_: pytest.fail("a pool for four small files"))
    assert run(tmp_path / "library", folder, encoders).takes == 4


def test_what_is_held_is_bounded(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "HELD_BYTES", 1)
    with closing(Pool(2)) as pool:
        futures = [pool.submit(order(folder / "Take_0002.bvh")) for _ in range(12)]
        assert pool.take(futures[0], 30.0) is not None
        time.sleep(1.0)
        assert sum(future.done() for future in futures) <= 5
        assert all(pool.take(future, 30.0) is not None for future in futures[1:])


def test_readers_import_no_torch_and_keep_to_one_thread() -> None:
    script = "import sys, tmr_blender.library.reader; print('torch' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.split() == ["False"]


def alive(pid: int) -> bool:
    """Whether the process runs, and is not merely waited for."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip()) and not done.stdout.strip().startswith("Z")


def children() -> list[str]:
    """Readers that this process has started and that run."""
    done = subprocess.run(["ps", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if "library.reader" in line]
