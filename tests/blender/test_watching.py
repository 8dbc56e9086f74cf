# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexing outlives Blender: it is found again, shown, stopped, and its outcome taken."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import parts
import pytest

detached, watching = parts.ours("library.detached"), parts.ours("blender.watching")
places, preferences = parts.ours("blender.places"), parts.ours("blender.preferences")

TIMER = SimpleNamespace(type="TIMER", value="NOTHING")
ESCAPE = SimpleNamespace(type="ESC", value="PRESS")
COPIES = 40

BLENDER = f"""
import bpy, os, sys, importlib
from pathlib import Path
bpy.ops.preferences.addon_enable(module="{parts.MODULE}")
ours = lambda name: importlib.import_module("{parts.MODULE}." + name)
detached, places, watching = ours("library.detached"), ours("blender.places"), ours("blender.watching")
folder = Path(sys.argv[1])
"""


def blender(code: str, *arguments: str) -> str:
    """Run code in another Blender with the same profile, which ends; what it printed."""
    command = [sys.executable, "-P", "-c", BLENDER + code + "\nsys.stdout.flush()\nos._exit(0)\n", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


class Probe(watching.Watcher):
    """The operator's class without Blender around it."""

    def __init__(self, place: Path, mine: bool = False) -> None:
        self.mine = mine
        self.reports: list[tuple[set[str], str]] = []
        self.seen: list[Any] = []
        self.attend(place, None)

    def report(self, kind: set[str], sentence: str) -> None:
        self.reports.append((kind, sentence))

    def run(self, until: float = 2.0, seconds: float = 240.0) -> set[str]:
        """Tick until it ends or a share of the work is done; no usual tick takes long."""
        ticks: list[float] = []
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            start = time.perf_counter()
            answer = self.modal(bpy.context, TIMER)
            ticks.append(time.perf_counter() - start)
            if answer != {"PASS_THROUGH"}:
                assert sorted(ticks)[len(ticks) // 2] < 0.01
                return answer
            shown = watching.watched[self.where]
            self.seen.append(watching.Shown(shown.sentence, shown.fraction))
            if shown.fraction >= until:
                return answer
            time.sleep(0.05)
        raise AssertionError("the job never ended")


@pytest.fixture
def motions(factory_scene: None, tmp_path: Path) -> Iterator[Path]:
    """A folder that takes some seconds to index; its library is removed afterwards."""
    folder = tmp_path / "motions"
    first = parts.write_bvh(folder / "000.bvh", "walks", frames=200)
    for i in range(1, COPIES):
        (folder / f"{i:03}.bvh").write_bytes(first.read_bytes())
    yield folder
    if preferences.place_of(bpy.context, str(folder)) >= 0:
        bpy.ops.tmr.remove_library(directory=str(folder))
    assert watching.watched == {}
    assert not places.kept_for(folder).exists()


def start(folder: Path) -> Path:
    """What Add Folder does in a window: it comes back while the index begins."""
    detached.start(places.kept_for(folder), places.library_for(folder), folder, variables=places.variables(), gentle=False)
    return places.kept_for(folder)


def test_an_index_outlives_its_blender_and_another_one_sees_it_finish(motions: Path) -> None:
    begun = blender(
        "place, library = places.kept_for(folder), places.library_for(folder)\n"
        "detached.start(place, library, folder, variables=places.variables(), gentle=False)\n"
        "print('PLACE', places.kept_for(folder))",
        str(motions),
    )
    place = places.kept_for(motions)
    assert f"PLACE {place}" in begun
    assert place in watching.found()
    job = detached.look(place)
    assert job.alive, "the first Blender has ended, the index goes on"
    probe = Probe(place)
    assert place not in watching.found(), "it is watched by now"
    assert probe.run() == {"FINISHED"}
    assert [kind for kind, _ in probe.reports] == [{"INFO"}]
    assert f"motions: {COPIES} of {COPIES} files" in probe.reports[0][1]
    assert preferences.place_of(bpy.context, str(motions)) >= 0, "it is listed here, too"
    assert any(f" of {COPIES}" in shown.sentence for shown in probe.seen)
    fractions = [shown.fraction for shown in probe.seen]
    assert fractions == sorted(fractions) and 0.0 < fractions[-1] <= 1.0


def test_an_outcome_of_while_blender_was_closed_is_taken_by_the_next_one(motions: Path) -> None:
    place = start(motions)
    while detached.look(place).alive:
        time.sleep(0.1)
    told = blender(
        "print('FOUND', watching.found())\n"
        "print('ANSWER', watching.take(bpy.context, print, None, detached.look(places.kept_for(folder))))\n"
        "print('LEFT', watching.found())\n"
        "settings = ours('blender.preferences').preferences(bpy.context)\n"
        "print('LISTED', [item.folder for item in settings.libraries])",
        str(motions),
    )
    assert str(place) in told.split("FOUND")[1].split("\n")[0]
    assert "ANSWER {'FINISHED'}" in told and str(place) not in told.split("LEFT")[1]
    assert str(motions) in told.split("LISTED")[1]
    preferences.remember(bpy.context, motions)


def test_cancel_and_escape_stop_it_and_keep_what_is_done(motions: Path) -> None:
    place = start(motions)
    probe = Probe(place, mine=True)
    probe.run(until=0.1)
    assert bpy.ops.tmr.cancel.poll()
    assert probe.modal(bpy.context, SimpleNamespace(type="ESC", value="RELEASE")) == {"PASS_THROUGH"}
    assert probe.modal(bpy.context, ESCAPE) == {"RUNNING_MODAL"}
    assert probe.run() == {"FINISHED"}
    assert "stopped before the end: refresh to go on" in probe.reports[-1][1]

    place = start(motions)
    probe = Probe(place)
    assert probe.modal(bpy.context, ESCAPE) == {"PASS_THROUGH"}, "of a job that was found, only its button stops it"
    bpy.ops.tmr.cancel(job="elsewhere")
    assert not watching.watched[place].stopping
    bpy.ops.tmr.cancel(job=str(place))
    assert watching.watched[place].stopping
    assert probe.run() == {"FINISHED"}


def test_another_file_ends_the_watch_and_not_the_job(motions: Path) -> None:
    place = start(motions)
    probe = Probe(place)
    probe.cancel(bpy.context)
    assert probe.modal(bpy.context, TIMER) == {"CANCELLED"}
    assert place in watching.found()
    with pytest.raises(RuntimeError, match="being indexed"):
        preferences.remember(bpy.context, motions)
        bpy.ops.tmr.remove_library(directory=str(motions))
    assert bpy.ops.tmr.refresh_library(directory=str(motions)) == {"FINISHED"}, "joins the one under way"
    assert place not in watching.found()


def test_a_job_that_died_is_told_and_can_be_gone_on_with(motions: Path) -> None:
    place = start(motions)
    probe = Probe(place)
    probe.run(until=0.05)
    detached._started[detached.look(place).id].kill()
    assert probe.run(seconds=10.0) == {"CANCELLED"}
    assert probe.reports[0][0] == {"ERROR"} and "cut off" in probe.reports[0][1]
    assert bpy.ops.tmr.add_library(directory=str(motions)) == {"FINISHED"}
    assert preferences.place_of(bpy.context, str(motions)) >= 0


def job(stage: str = "index", **progress: Any) -> Any:
    told = {"done": 24, "total": 123, "rate": 3.14, "seconds_left": 66.2, "errors": 2, **progress}
    return SimpleNamespace(folder="/motions/mocap", stage=stage, progress=told)


def test_the_line_is_as_full_as_there_is_room() -> None:
    fraction, lines = watching.lines(job())
    assert fraction == 24 / 123
    assert lines[0] == "mocap: 24 of 123 · 66 s left · 3.1/s · 2 unread"
    shown = watching.Shown(lines[0], fraction, shorter=tuple(lines[1:]))
    assert shown.within(80) == lines[0]
    assert shown.within(40) == "mocap: 24 of 123 · 66 s left · 3.1/s"
    assert shown.within(30) == "mocap: 24 of 123 · 66 s left"
    assert shown.within(16) == "mocap: 24 of 123"
    assert len(shown.within(12)) <= 12, "no line is wider than its bar"


def test_what_can_not_be_told_is_left_out() -> None:
    assert watching.lines(job(rate=0.0, seconds_left=None, errors=0))[1] == ["mocap: 24 of 123"]
    assert watching.lines(SimpleNamespace(folder="/motions/mocap", stage="start", progress=None)) == (0.0, ["mocap: starting"])


def test_a_re_encoding_and_a_download_are_told_as_such() -> None:
    assert watching.lines(job("reencode", errors=0))[1][0] == "mocap: re-encoding, 24 of 123 · 66 s left · 3.1/s"
    told = {"stage": "download", "done": 10_000_000, "total": 40_000_000, "rate": 2e6, "seconds_left": 15.0, "note": ""}
    fraction, lines = watching.lines(SimpleNamespace(folder="/motions/mocap", stage="download", progress=told))
    assert fraction == 0.25 and lines[0].startswith("mocap: ") and "15 s left" in lines[0] and lines[0].endswith("/s")
