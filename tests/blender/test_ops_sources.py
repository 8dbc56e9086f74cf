# SPDX-License-Identifier: GPL-3.0-or-later
"""A public library in Blender: only online, only with its terms accepted, then downloaded, indexed and listed.

The library is a made one on a server of this machine.
"""

import importlib.util
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import parts
import pytest

ops_sources, watching = parts.ours("blender.ops_sources"), parts.ours("blender.watching")
places, preferences = parts.ours("blender.places"), parts.ours("blender.preferences")
sources, detached, getting = parts.ours("library.sources"), parts.ours("library.detached"), parts.ours("library.getting")


def _serving() -> Any:
    """The server of tests/library, which is on no path here."""
    spec = importlib.util.spec_from_file_location("serving", Path(__file__).parents[1] / "library" / "serving.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["serving"] = module
    spec.loader.exec_module(module)
    return module


serving = _serving()


@pytest.fixture
def site(factory_scene: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    take = parts.write_bvh(tmp_path / "made" / "walk.bvh", "walks").read_bytes()
    noise = random.Random(5).randbytes(100_000)  # which makes the archive longer, and stays inside
    packed = serving.zipped({"top/walk.bvh": take, "top/run.bvh": take + b"\n", "top/LICENSE.txt": "free", "a.mp4": noise})
    monkeypatch.setattr(bpy.context.preferences.system, "use_online_access", True)
    with serving.serving(packed) as site:
        made = sources.Archive(site.url, "motions", len(packed), serving.sha256(packed))
        texts = {name: f"the {name}" for name in ("what", "licence", "terms", "credit", "page", "licence_page")}
        row = sources.Source(name="lafan1", title="Made", takes=2, hours=0.1, archives=(made,), **texts)
        monkeypatch.setattr(sources, "SOURCES", (row,))
        yield site
    folder = str(tmp_path / "to" / "Made")
    if preferences.place_of(bpy.context, folder) >= 0:
        bpy.ops.tmr.remove_library(directory=folder)
    assert watching.watched == {} and not places.kept_for(Path(folder)).exists()


def test_got_indexed_and_listed(site: Any, tmp_path: Path) -> None:
    assert bpy.ops.tmr.get_source(source="lafan1", directory=str(tmp_path / "to"), accept=True) == {"FINISHED"}
    folder = tmp_path / "to" / "Made"
    assert sorted(path.name for path in folder.rglob("*.*")) == ["ABOUT THIS LIBRARY.txt", "LICENSE.txt", "run.bvh", "walk.bvh"]
    assert preferences.place_of(bpy.context, str(folder)) >= 0
    assert bpy.ops.tmr.search(query="someone walks", library=str(places.library_for(folder))) == {"FINISHED"}
    assert len(site.asked) == 1


def test_not_without_the_terms_nor_into_a_folder_in_use(site: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="accept its terms: the licence"):
        bpy.ops.tmr.get_source(source="lafan1", directory=str(tmp_path / "to"))
    with pytest.raises(RuntimeError, match="Choose a folder"):
        bpy.ops.tmr.get_source(source="lafan1", accept=True)
    (tmp_path / "to" / "Made").mkdir(parents=True)
    (tmp_path / "to" / "Made" / "mine.txt").write_text("mine")
    with pytest.raises(RuntimeError, match="holds other files"):
        bpy.ops.tmr.get_source(source="lafan1", directory=str(tmp_path / "to"), accept=True)
    assert site.asked == []


class Layout:
    """What a panel draws, written down: operators with whether they can be pressed, and what they are given."""

    def __init__(self, drawn: list[Any] | None = None) -> None:
        self.drawn: list[Any] = [] if drawn is None else drawn
        self.enabled, self.scale_y, self.operator_context = True, 1.0, ""

    def row(self, **_: Any) -> "Layout":
        return Layout(self.drawn)

    box = column = row

    def label(self, text: str = "", **_: Any) -> None:
        self.drawn.append(text)

    def prop(self, data: Any, name: str, **_: Any) -> None:
        assert hasattr(data, name)

    def operator(self, name: str, **_: Any) -> SimpleNamespace:
        given = SimpleNamespace(name=name, enabled=self.enabled)
        self.drawn.append(given)
        return given


def drawn() -> tuple[Any, list[str]]:
    """The Download button, and the panel's lines."""
    layout = Layout()
    ops_sources.TMR_PT_get_source.draw(SimpleNamespace(layout=layout, bl_label="Get"), bpy.context)
    (button,) = [item for item in layout.drawn if not isinstance(item, str) and item.name == "tmr.get_source"]
    return button, [item for item in layout.drawn if isinstance(item, str)]


def test_download_waits_for_consent_to_these_terms(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = bpy.context.window_manager.tmr_source
    choice.directory, choice.accept = "", False
    choice.directory = str(tmp_path / "to")
    button, lines = drawn()
    assert not button.enabled and "needs your consent" in lines[-1]
    assert any("the licence" in line for line in lines) and any(line.endswith("Made") for line in lines)
    choice.accept = True
    button, lines = drawn()
    assert button.enabled and not any("consent" in line for line in lines)
    choice.source = "lafan1"  # chosen anew: other terms
    assert not choice.accept
    choice.accept = True
    monkeypatch.setattr(bpy.context.preferences.system, "use_online_access", False)
    button, lines = drawn()
    assert not button.enabled and "Allow Online Access" in lines[-1]
    monkeypatch.setattr(bpy.context.preferences.system, "use_online_access", True)
    button, _ = drawn()
    assert bpy.ops.tmr.get_source(source=button.source, directory=button.directory, accept=button.accept) == {"FINISHED"}
    assert not choice.accept and len(site.asked) == 1


def test_offline_nothing_is_asked_of_anybody(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpy.context.preferences.system, "use_online_access", False)
    assert not bpy.ops.tmr.get_source.poll()
    with pytest.raises(RuntimeError, match="Allow Online Access"):
        bpy.ops.tmr.get_source(source="lafan1", directory=str(tmp_path / "to"), accept=True)
    assert site.asked == [] and not (tmp_path / "to").exists()


def test_a_refusal_is_reported(site: Any, tmp_path: Path) -> None:
    site.statuses = [404]
    with pytest.raises(RuntimeError, match="refuses the download: 404"):
        bpy.ops.tmr.get_source(source="lafan1", directory=str(tmp_path / "to"), accept=True)
    assert preferences.place_of(bpy.context, str(tmp_path / "to" / "Made")) < 0


def test_watched_cancelled_and_gone_on_with(site: Any, tmp_path: Path) -> None:
    """As in a window: the operator comes back at once, a watcher shows the download and takes its outcome."""
    folder = tmp_path / "to" / "Made"
    place = places.kept_for(folder)
    site.pause = 0.1
    told = {"variables": places.variables(), "gentle": False, "source": sources.find("lafan1")}
    detached.start(place, places.library_for(folder), folder, "get", **told)
    reports: list[tuple[set[str], str]] = []
    watcher = watching.Watcher()
    watcher.report = lambda kind, sentence: reports.append((kind, sentence))
    watcher.attend(place, None)
    deadline, stopped = time.monotonic() + 60.0, False
    while (answer := watcher.modal(bpy.context, SimpleNamespace(type="TIMER", value="NOTHING"))) == {"PASS_THROUGH"}:
        assert time.monotonic() < deadline
        shown = watching.watched[place]
        if not stopped and " kB of " in shown.sentence:
            assert shown.sentence.startswith("Made: ") and 0.0 < shown.fraction < 1.0
            assert bpy.ops.tmr.cancel(job=str(place)) == {"FINISHED"}
            stopped = True
        time.sleep(0.05)
    assert answer == {"FINISHED"} and stopped
    assert "Get it again to go on" in reports[-1][1]
    assert preferences.place_of(bpy.context, str(folder)) < 0
    site.pause = 0.0
    assert bpy.ops.tmr.get_source(source="lafan1", directory=str(tmp_path / "to"), accept=True) == {"FINISHED"}
    assert site.asked[-1]["Range"].startswith("bytes=")
    assert preferences.place_of(bpy.context, str(folder)) >= 0
