# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker as a process, through its client and over bare pipes."""

import base64
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import trained_decoder
from tests.library.takes import write_take
from tmr_blender.errors import LibraryProblem, ModelProblem, QueryProblem
from tmr_blender.library import wire
from tmr_blender.library.client import PACKAGE, Client, child_environment
from tmr_blender.library.store import Library
from tmr_blender.motion import humanoid, readers


@pytest.fixture
def client(tiny_model: Path) -> Iterator[Client]:
    with Client.start(model=tiny_model) as client:
        yield client


def test_searching_and_indexing_at_once(client: Client, library: Library, tmp_path: Path) -> None:
    for i in range(20):
        write_take(tmp_path / "more" / f"jump_{i}.bvh", "jumps")
    indexing = client.request("index", {"folder": str(tmp_path / "more"), "library": str(tmp_path / "second")})
    params = {"query": "a person walks", "libraries": [str(library.path)], "limit": 3}
    hits = client.request("search", params).wait(60)
    assert [hit["name"] for hit in hits][:1] == ["Take_0001"] and len(hits) == 3
    assert Path(hits[0]["path"]).is_file() and hits[0]["matched"] == "motion"
    progress = []
    while not indexing.done:
        reply = indexing.poll()
        if reply is not None:
            progress.append(reply)
        time.sleep(0.01)
    assert [reply.kind for reply in progress[-2:]] == ["progress", "result"], progress[-1]
    assert progress[-1].value["takes"] == 20
    done = [reply.value["done"] for reply in progress]
    assert done == sorted(done)
    with pytest.raises(RuntimeError, match="already"):
        indexing.poll()
    # What was indexed since is found without being told.
    more = {"query": "jumps", "libraries": [str(library.path), str(tmp_path / "second")], "limit": 50}
    hits = client.request("search", more).wait(60)
    # The twenty show the same, as one of the first library does, and appear as one.
    assert sum(1 + len(hit["twins"]) for hit in hits) == 24
    assert max(len(hit["twins"]) for hit in hits) == 20
    shutil.rmtree(tmp_path / "more")


def test_filters_check_and_remove(client: Client, library: Library, folder: Path) -> None:
    params = {"query": "a person walks", "libraries": [str(library.path)], "filters": {"duration": {"min": 10}}}
    assert [hit["name"] for hit in client.request("search", params).wait(60)] == ["Take_0004"]
    health = client.request("check", {"library": str(library.path)}).wait(60)
    assert health["faults"] == [] and health["entries"] == 4
    assert client.request("remove", {"library": str(library.path), "places": [str(folder / "01")]}).wait(60) == {"removed": 1}
    assert client.request("info", {"library": str(library.path)}).wait(60)["takes"] == 3


def test_a_motion_as_the_query(client: Client, library: Library, folder: Path) -> None:
    place = str(library.path)
    number = next(entry.id for entry in library.entries if entry.name == "Take_0004")
    span = {"library": place, "entry": number, "start": 6.0, "end": 11.0}
    hits = client.request("similar", {**span, "libraries": [place], "limit": 2}).wait(60)
    assert hits[0]["name"] == "Take_0001" and len(hits) == 2
    path = str(folder / "Take_0002.bvh")
    hits = client.request("similar", {"path": path, "libraries": [place], "filters": {"duration": {"max": 5}}}).wait(60)
    assert {hit["name"] for hit in hits} == {"Take_0001", "Take_0003"}
    told = client.request("describe", {"path": path, "libraries": [place]}).wait(60)
    assert told["sentences"] and told["captions"] == [] and told["duration"] == 3.0
    for params in ({"library": place, "entry": number}, {"path": str(folder / "17s" / "Take_0004.bvh")}):
        moments = client.request("moments", {**params, "query": "walks", "limit": 2}).wait(60)
        assert 5.0 <= moments[0]["start"] < moments[0]["end"] <= 12.0
    with pytest.raises(QueryProblem, match="no entry"):
        client.request("moments", {"library": place, "entry": 99, "query": "walks"}).wait(60)


def test_a_body_as_the_query(client: Client, library: Library, folder: Path) -> None:
    clip = readers.read(folder / "17s" / "Take_0004.bvh")[0].cut(6.0, 11.0)
    body = {"positions": wire.to_text(humanoid.body_positions(clip)), "fps": clip.fps, "name": "mine"}
    place = str(library.path)
    hits = client.request("similar", {**body, "libraries": [place], "limit": 2}).wait(60)
    assert {hit["name"] for hit in hits} == {"Take_0001", "Take_0004"}
    told = client.request("describe", {**body, "libraries": [place]}).wait(60)
    assert told["name"] == "mine" and told["duration"] == pytest.approx(5.0, abs=0.1) and told["sentences"]
    number = next(entry.id for entry in library.entries if entry.name == "Take_0004")
    (folder / "17s" / "Take_0004.bvh").unlink()
    span = {"library": place, "entry": number, "start": 6.0, "end": 11.0}
    entry = client.request("describe", span).wait(60)
    assert entry["name"] == "Take_0004" and entry["sentences"] == told["sentences"]
    for wrong in ({"fps": None}, {"fps": 1e-9}, {"positions": "AAAA"}, {"positions": 3}, {"name": 3}):
        with pytest.raises(QueryProblem):
            client.request("describe", {**body, **wrong}).wait(60)


def test_a_curve_over_a_body(client: Client, library: Library, folder: Path) -> None:
    clip = readers.read(folder / "17s" / "Take_0004.bvh")[0]
    body = {"positions": wire.to_text(humanoid.body_positions(clip)), "fps": clip.fps, "name": "mine"}
    asking = client.request("curve", {**body, "query": "walks"})
    shares = []
    while (reply := asking.poll()) is None or reply.kind == "progress":
        if reply is not None:
            shares.append(reply.value)
        time.sleep(0.01)
    found = reply.value
    assert shares == sorted(shares) and shares[0] > 0.0 and shares[-1] == pytest.approx(1.0)
    assert 5.0 <= found["moments"][0]["start"] < found["moments"][0]["end"] <= 12.0
    assert len(found["scores"]) == pytest.approx(17.0 / found["step"], abs=2)
    assert 6.0 <= np.argmax(found["scores"]) * found["step"] <= 11.0
    # The windows are kept: another query about it reports nothing, and the answers do not change.
    again = client.request("curve", {**body, "query": "jumps"})
    while (reply := again.poll()) is None:
        time.sleep(0.01)
    assert reply.kind == "result" and reply.value != found
    number = next(entry.id for entry in library.entries if entry.name == "Take_0004")
    entry = {"library": str(library.path), "entry": number}
    (best,) = client.request("curve", {**entry, "query": "walks", "limit": 1}).wait(60)["moments"]
    assert best["start"] == pytest.approx(found["moments"][0]["start"], abs=0.1)
    assert client.request("curve", {**body, "query": "walks"}).wait(60) == found
    for wrong in ({"query": " "}, {"query": 3}, {"query": "walks", "limit": 0}, {"query": "walks", "positions": "AAAA"}):
        with pytest.raises(QueryProblem):
            client.request("curve", {**body, **wrong}).wait(60)


def test_a_curve_can_be_stopped(client: Client) -> None:
    positions = np.random.default_rng(0).normal(0.0, 0.2, (6000, 22, 3)).cumsum(axis=0) * 0.01
    body = {"positions": wire.to_text(positions), "fps": 20.0}
    asking = client.request("curve", {**body, "query": "walks"})
    while (reply := asking.poll()) is None:
        time.sleep(0.01)
    assert reply.kind == "progress"
    asking.cancel()
    assert asking.wait(60)["moments"] == []


def test_what_the_window_shows_of_an_entry(client: Client, library: Library) -> None:
    place = str(library.path)
    first, second = library.entries[0], library.entries[1]
    pictures = client.request("pictures", {"library": place, "entries": [second.id, first.id]}).wait(60)
    stored = library.thumbnails([1, 0])
    assert [base64.b64decode(picture) for picture in pictures] == stored and stored[0].startswith(b"\x89PNG")
    shown = client.request("motion", {"library": place, "entry": first.id, "start": 0.5, "end": 1.5}).wait(60)
    positions, fps = wire.from_text(shown["positions"], shown["fps"])
    assert fps == 20.0
    np.testing.assert_allclose(positions, library.poses(0)[10:30], atol=1e-6)
    strip = client.request("strip", {"library": place, "entry": first.id, "start": 0.5, "end": 1.5, "panels": 3}).wait(60)
    assert len(strip) == 3 and all(base64.b64decode(panel).startswith(b"\x89PNG") for panel in strip)
    for method, params in (
        ("strip", {"entry": 999}),
        ("strip", {"entry": first.id, "panels": 1000}),
        ("pictures", {"entries": [999]}),
        ("pictures", {"entries": "all"}),
        ("pictures", {"entries": [first.id] * 1001}),
        ("motion", {"entry": 999}),
        ("motion", {"entry": first.id, "start": 1e6}),
    ):
        with pytest.raises(QueryProblem):
            client.request(method, {"library": place, **params}).wait(60)


def test_problems_come_back_as_what_they_are(client: Client, library: Library, tmp_path: Path) -> None:
    place = [str(library.path)]
    for method, params, problem in (
        ("search", {"query": " ", "libraries": place}, QueryProblem),
        ("search", {"query": "walks", "libraries": []}, QueryProblem),
        ("search", {"query": "walks"}, QueryProblem),
        ("search", {"libraries": place}, QueryProblem),
        ("search", {"query": "walks", "libraries": place, "limit": "3"}, QueryProblem),
        ("search", {"query": "walks", "libraries": [str(tmp_path / "none")]}, LibraryProblem),
        ("search", {"query": "walks", "libraries": place, "filters": [3]}, QueryProblem),
        ("remove", {"library": str(library.path), "entries": ["1"]}, QueryProblem),
        ("check", {"library": str(tmp_path / "none")}, LibraryProblem),
        ("index", {"folder": str(tmp_path / "none"), "library": str(tmp_path / "new")}, LibraryProblem),
        ("explode", {}, QueryProblem),
    ):
        with pytest.raises(problem):
            client.request(method, params).wait(60)
    assert client.request("info", {"library": str(library.path)}).wait(60)["takes"] == 4


def test_cancelling_an_index_keeps_what_was_read(client: Client, tmp_path: Path) -> None:
    for i in range(200):
        write_take(tmp_path / "many" / f"{i:03}.bvh", "walks", 4.0)
    request = client.request("index", {"folder": str(tmp_path / "many"), "library": str(tmp_path / "library")})
    while (reply := request.poll()) is None or not reply.value["done"]:
        time.sleep(0.01)
    request.cancel()
    result = request.wait(60)
    assert result["stopped"] and 0 < result["done"] < 200
    assert len(Library.open(tmp_path / "library").entries) == result["done"]
    request.cancel()  # too late, and no harm


def test_a_missing_model_is_a_sentence(tmp_path: Path, library: Library) -> None:
    with Client.start(model=tmp_path) as client:
        assert client.request("status").wait(60)["model"] is None
        with pytest.raises(ModelProblem, match=r"model\.json"):
            client.request("search", {"query": "walks", "libraries": [str(library.path)]}).wait(60)


def test_starting_is_quick_and_loads_no_torch(client: Client) -> None:
    status = client.request("status").wait(60)
    assert status["loaded"] is False
    modules = "tmr_blender.library.worker, tmr_blender.library.client"
    script = f"import sys, {modules}; print('torch' in sys.modules, 'numpy' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert printed.stdout.split() == ["False", "False"]


def test_a_dead_worker_answers_with_its_last_words(client: Client) -> None:
    client.request("status").wait(60)
    client.terminate()
    with pytest.raises(RuntimeError, match="ended unexpectedly"):
        client.request("status").wait(10)
    assert not client.alive


def test_waiting_has_an_end(client: Client, library: Library) -> None:
    request = client.request("search", {"query": "walks", "libraries": [str(library.path)]})
    with pytest.raises(TimeoutError):
        request.wait(0.001)
    assert len(request.wait(60)) == 4


def test_closing_ends_the_process(tiny_model: Path) -> None:
    client = Client.start(model=tiny_model)
    client.request("status").wait(60)
    client.close()
    assert not client.alive
    with pytest.raises(RuntimeError):
        client.request("status").wait(5)


def test_a_package_without_its_checkout(tmp_path: Path, tiny_model: Path, library: Library) -> None:
    """As installed: the package alone in a folder of extensions, one of which has the name of a library."""
    home = tmp_path / "user_default"
    shutil.copytree(PACKAGE, home / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    (home / "numpy.py").write_text("raise RuntimeError('an extension that hides NumPy')")
    shutil.copytree(tiny_model, home / PACKAGE.name / "weights")
    script = f"""
import sys
sys.path.append({str(home)!r})
from tmr_blender.library import wire
from tmr_blender.library.client import Client
with Client.start() as client:
    print(client.request("status").wait(60)["model"])
    print(client.request("search", {{"query": "walks", "libraries": [{str(library.path)!r}]}}).wait(60)[0]["name"])
"""
    printed = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert printed.stdout.split() == [str(home / PACKAGE.name / "weights"), "Take_0001"], printed.stderr


class TestBarePipes:
    @pytest.fixture
    def pipes(self, tiny_model: Path) -> Iterator["subprocess.Popen[str]"]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tmr_blender.library.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=child_environment(tiny_model),
        )
        yield process
        process.kill()
        process.wait()

    def test_bad_lines_are_answered_and_survived(self, pipes: "subprocess.Popen[str]") -> None:
        assert pipes.stdin is not None and pipes.stdout is not None
        lines = ["not json", "[]", "{}", '{"id": "x", "method": "status"}', '{"id": 4}', '{"cancel": "x"}', '{"cancel": 99}']
        lines += ["[" * 100_000, '{"id": 5, "method": "__init__"}', '{"id": 6, "method": "status", "params": 3}', ""]
        for line in [*lines, '{"id": 7, "method": "status"}']:
            pipes.stdin.write(line + "\n")
        pipes.stdin.flush()
        answers = [json.loads(pipes.stdout.readline()) for _ in range(9)]
        assert [answer["id"] for answer in answers] == [None, None, None, None, 4, None, 5, 6, 7]
        assert all("error" in answer for answer in answers[:-1])
        assert answers[-1]["result"]["loaded"] is False

    def test_it_ends_with_its_input(self, pipes: "subprocess.Popen[str]") -> None:
        assert pipes.stdin is not None
        pipes.stdin.close()
        assert pipes.wait(20) == 0

    def test_input_ending_during_an_index_keeps_what_was_read(self, pipes: "subprocess.Popen[str]", tmp_path: Path) -> None:
        assert pipes.stdin is not None and pipes.stdout is not None
        for i in range(100):
            write_take(tmp_path / "many" / f"{i:03}.bvh", "walks", 4.0)
        params = {"folder": str(tmp_path / "many"), "library": str(tmp_path / "library")}
        pipes.stdin.write(json.dumps({"id": 1, "method": "index", "params": params}) + "\n")
        pipes.stdin.flush()
        while not json.loads(pipes.stdout.readline())["progress"]["done"]:
            pass
        pipes.stdin.close()
        assert pipes.wait(60) == 0
        assert 0 < len(Library.open(tmp_path / "library").entries) < 100


@pytest.fixture
def inventor(tmp_path: Path) -> Iterator[Client]:
    """A worker whose model can make up motions."""
    with Client.start(model=trained_decoder.make(tmp_path / "model")) as client:
        yield client


def test_motions_are_made_up_with_progress_and_repeat(inventor: Client) -> None:
    asked = {"query": "a person walks", "seconds": 2, "seed": 5, "draws": 2}
    request = inventor.request("synthesise", asked)
    shares = []
    while not request.done:
        reply = request.poll()
        if reply is not None:
            shares.append(reply)
        time.sleep(0.01)
    made = shares.pop().value
    assert len(shares) > 5 and [reply.value for reply in shares] == sorted(reply.value for reply in shares)
    positions, fps = wire.from_text(made["positions"], made["fps"])
    assert positions.shape == (40, 22, 3) and fps == 20.0
    assert -1.0 <= made["score"] <= 1.0 and "tiny" in made["model"]
    assert inventor.request("synthesise", asked).wait(60) == made
    assert inventor.request("synthesise", {**asked, "seed": 6}).wait(60)["positions"] != made["positions"]


def test_making_up_a_motion_can_be_stopped_and_bad_requests_are_sentences(inventor: Client) -> None:
    request = inventor.request("synthesise", {"query": "a person walks", "seconds": 20, "draws": 16})
    request.cancel()
    assert request.wait(60) is None
    for wrong in ({"seconds": 0}, {"seed": -1}, {"draws": 1.5}, {"seconds": "5"}, {"query": " "}):
        with pytest.raises(QueryProblem):
            inventor.request("synthesise", {"query": "a person walks", **wrong}).wait(60)


def test_a_model_without_a_decoder_says_so_and_searches_on(client: Client, library: Library) -> None:
    with pytest.raises(ModelProblem, match="not make up motions"):
        client.request("synthesise", {"query": "a person walks"}).wait(60)
    assert client.request("search", {"query": "a person walks", "libraries": [str(library.path)]}).wait(60)
