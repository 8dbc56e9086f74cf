# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator does in a window, driven here by hand: Blender in the background has no events."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import parts
import pytest

jobs, places = parts.ours("blender.jobs"), parts.ours("blender.places")

TIMER = SimpleNamespace(type="TIMER", value="NOTHING")
ESCAPE = SimpleNamespace(type="ESC", value="PRESS")


class Probe(jobs.WorkerOperator):
    """An operator's class without Blender around it."""

    work = "Probing"

    def __init__(self, method: str, params: dict[str, Any]) -> None:
        self.reports: list[tuple[set[str], str]] = []
        self.results: list[Any] = []
        self.seen: list[Any] = []
        self.arrivals: list[Any] = []
        self.request = jobs.client().request(method, params)
        jobs._running.append(self)

    def report(self, kind: set[str], sentence: str) -> None:
        self.reports.append((kind, sentence))

    def describe(self, progress: Any) -> tuple[float, str]:
        self.seen.append(progress)
        return progress["done"] / progress["total"], f"{progress['done']} done"

    def arrived(self, context: bpy.types.Context, result: Any) -> None:
        self.arrivals.append(result)

    def finish(self, context: bpy.types.Context, result: Any) -> set[str]:
        self.results.append(result)
        return {"FINISHED"}

    def run(self, before: SimpleNamespace | None = None) -> tuple[set[str], float]:
        """Tick until it ends: the answer, and how long the usual tick took."""
        ticks: list[float] = []
        if before is not None:
            assert self.modal(bpy.context, before) == {"RUNNING_MODAL"}
        for _ in range(6000):  # two minutes: a busy machine loads the networks slowly
            start = time.perf_counter()
            answer = self.modal(bpy.context, TIMER)
            ticks.append(time.perf_counter() - start)
            if answer != {"PASS_THROUGH"}:
                # The median: a busy machine may hold up any single one.
                return answer, sorted(ticks)[len(ticks) // 2]
            time.sleep(0.02)
        raise AssertionError("the operator never ended")


@pytest.fixture
def motions(factory_scene: None, tmp_path: Path) -> Iterator[Path]:
    parts.write_bvh(tmp_path / "motions" / "a.bvh", "waves")
    for name in "bcdefgh":
        (tmp_path / "motions" / f"{name}.bvh").write_bytes((tmp_path / "motions" / "a.bvh").read_bytes())
    yield tmp_path / "motions"
    assert jobs._running == []
    assert bpy.context.window_manager.tmr.work == ""


def test_progress_is_shown_and_no_tick_blocks(motions: Path, tmp_path: Path) -> None:
    probe = Probe("index", {"folder": str(motions), "library": str(tmp_path / "library")})
    answer, usual = probe.run()
    assert answer == {"FINISHED"}
    assert probe.seen[0]["done"] < 8
    assert probe.results[0]["done"] == 8
    assert probe.results[0]["takes"] == 8
    assert usual < 0.01


def test_other_events_pass_through(motions: Path, tmp_path: Path) -> None:
    probe = Probe("index", {"folder": str(motions), "library": str(tmp_path / "library")})
    assert probe.modal(bpy.context, SimpleNamespace(type="MOUSEMOVE", value="NOTHING")) == {"PASS_THROUGH"}
    assert probe.modal(bpy.context, SimpleNamespace(type="ESC", value="RELEASE")) == {"PASS_THROUGH"}
    assert not probe.cancelled
    probe.run()


def test_escape_stops_cleanly(motions: Path, tmp_path: Path) -> None:
    probe = Probe("index", {"folder": str(motions), "library": str(tmp_path / "library")})
    answer, _ = probe.run(before=ESCAPE)
    assert answer == {"FINISHED"}
    assert probe.results[0]["stopped"]
    assert probe.results[0]["done"] < 8


def test_an_error_is_reported_and_cancels(motions: Path, tmp_path: Path) -> None:
    probe = Probe("index", {"folder": str(tmp_path / "nowhere"), "library": str(tmp_path / "library")})
    answer, _ = probe.run()
    assert answer == {"CANCELLED"}
    ((kind, sentence),) = probe.reports
    assert kind == {"ERROR"}
    assert "nowhere" in sentence
    assert not probe.results


def test_a_child_that_dies_is_a_defect_and_the_next_request_starts_another(motions: Path, tmp_path: Path) -> None:
    first = jobs.client()
    probe = Probe("index", {"folder": str(motions), "library": str(tmp_path / "library")})
    first.terminate()
    with pytest.raises(RuntimeError, match="ended unexpectedly"):
        probe.run()
    assert jobs.client() is not first
    assert jobs.client().request("status").wait(30)["pid"] > 0


def test_only_what_takes_a_while_is_announced(motions: Path, tmp_path: Path) -> None:
    shown = bpy.context.window_manager.tmr
    probe = Probe("index", {"folder": str(motions), "library": str(tmp_path / "library")})
    probe.shown_from = time.monotonic() + 60.0
    probe.modal(bpy.context, TIMER)
    assert shown.work == ""
    assert jobs.expecting()
    probe.shown_from = time.monotonic()
    probe.modal(bpy.context, TIMER)
    assert shown.work == "Probing"
    assert not jobs.expecting()
    probe.run()


def test_what_is_answered_at_once_is_shown_at_once_and_ends_on_the_next_tick(
    motions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "AT_ONCE", 60.0)
    pid = jobs.client().request("status").wait(60)["pid"]
    assert jobs.client().idle
    probe = Probe("status", {})
    probe.expect(bpy.context)
    assert [shown["pid"] for shown in probe.arrivals] == [pid]
    assert probe.results == []
    assert probe.modal(bpy.context, TIMER) == {"FINISHED"}
    assert probe.results == probe.arrivals


def test_an_error_that_comes_at_once_is_reported_on_the_next_tick(
    motions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "AT_ONCE", 60.0)
    probe = Probe("info", {"library": str(tmp_path / "nowhere")})
    probe.expect(bpy.context)
    assert probe.reports == []
    assert probe.modal(bpy.context, TIMER) == {"CANCELLED"}
    ((kind, sentence),) = probe.reports
    assert kind == {"ERROR"}
    assert "nowhere" in sentence
    assert probe.arrivals == []


def test_a_child_that_has_answered_nothing_is_not_waited_for(motions: Path) -> None:
    jobs.end_client()
    fresh = jobs.client()
    assert not fresh.idle
    request = fresh.request("status")
    assert not fresh.idle
    request.wait(60)
    assert fresh.idle


def test_loading_a_file_ends_the_operator(motions: Path, tmp_path: Path) -> None:
    probe = Probe("index", {"folder": str(motions), "library": str(tmp_path / "library")})
    probe.cancel(bpy.context)
    assert probe.request is None
    assert probe.modal(bpy.context, TIMER) == {"CANCELLED"}


def test_cancelled_searches_leave_the_results_alone(motions: Path) -> None:
    assert not bpy.ops.tmr.cancel.poll()
    bpy.ops.tmr.add_library(directory=str(motions))
    bpy.ops.tmr.search(query="a person", library=str(places.library_for(motions)))
    search = parts.ours("blender.ops_search").TMR_OT_search
    shown = bpy.context.window_manager.tmr
    late = SimpleNamespace(cancelled=True, query="something else", report=None)
    assert search.finish(late, bpy.context, []) == {"CANCELLED"}
    assert shown.searched == "a person"
    assert len(shown.hits) == 1, "eight copies of one take are one hit"
    bpy.ops.tmr.remove_library(directory=str(motions))
