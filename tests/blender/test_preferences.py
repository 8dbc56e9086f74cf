# SPDX-License-Identifier: GPL-3.0-or-later
"""Where indexes live, and what our processes are told."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import parts
import pytest

moving = parts.ours("library.moving")
jobs = parts.ours("blender.jobs")
ops_moving = parts.ours("blender.ops_moving")
places = parts.ours("blender.places")
pool = parts.ours("library.pool")
preferences = parts.ours("blender.preferences")
store = parts.ours("library.store")
threads = parts.ours("tmr.threads")
units = parts.ours("blender.units")
watching = parts.ours("blender.watching")


@pytest.fixture
def settings(factory_scene: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Preferences as they are at first, with the user's own folder in a temporary one."""
    own = tmp_path / "user"

    def user_folder(name: str) -> Path:
        (own / name).mkdir(parents=True, exist_ok=True)
        return own / name

    monkeypatch.setattr(places, "user_folder", user_folder)
    found = preferences.preferences(bpy.context)
    names = ("index_folder", "indexes_in", "former", "index_problem", "threads", "readers", "times")
    kept = [(item.name, item.folder, item.use) for item in found.libraries]
    yield found
    for name in names:
        found.property_unset(name)
    found.libraries.clear()
    for name, folder, use in kept:
        item = found.libraries.add()
        item.name, item.folder, item.use = name, folder, use


def kept(tmp_path: Path, name: str) -> Path:
    """An empty library of a folder of motions, listed; the folder."""
    folder = tmp_path / "motions" / name
    folder.mkdir(parents=True)
    store.Library.open(places.library_for(folder), create=True)
    preferences.remember(bpy.context, folder)
    return folder


def test_another_folder_keeps_what_is_elsewhere_searchable(settings: Any, tmp_path: Path) -> None:
    old = kept(tmp_path, "old")
    before = places.library_for(old)
    settings.index_folder = str(tmp_path / "large")
    assert settings.index_problem == ""
    assert places.index_folders() == [tmp_path / "large", tmp_path / "user" / "libraries"]
    assert places.library_for(old) == before
    new = kept(tmp_path, "new")
    assert places.kept_for(new).parent == tmp_path / "large"
    assert ops_moving.elsewhere() == [before.parent]
    settings.index_folder = str(tmp_path / "larger")
    assert places.kept_for(new).parent == tmp_path / "large"
    assert settings.former == str(tmp_path / "large")


def test_moving_takes_all_there(settings: Any, tmp_path: Path) -> None:
    folders = [kept(tmp_path, name) for name in ("one", "two")]
    shown = bpy.context.window_manager.tmr
    shown.preview = False
    hit = shown.hits.add()
    hit.library = str(places.library_for(folders[0]))
    assert bpy.ops.tmr.move_indexes(directory=str(tmp_path / "a")) == {"FINISHED"}
    assert [places.kept_for(folder).parent for folder in folders] == [tmp_path / "a"] * 2
    assert hit.library == str(places.library_for(folders[0]))
    assert ops_moving.elsewhere() == []
    for folder in folders:
        store.Library.open(places.library_for(folder))
    assert bpy.ops.tmr.move_indexes(directory=str(tmp_path / "b")) == {"FINISHED"}
    assert settings.former == ""
    assert places.index_folders() == [tmp_path / "b", tmp_path / "user" / "libraries"]
    settings.index_folder = ""
    assert bpy.ops.tmr.move_indexes() == {"FINISHED"}
    assert [places.kept_for(folder).parent for folder in folders] == [tmp_path / "user" / "libraries"] * 2
    assert places.index_folders() == [tmp_path / "user" / "libraries"]
    shown.hits.clear()


@pytest.mark.parametrize("where", ["motions/one", "motions/one/deep", "file", "file/in"])
def test_a_folder_that_can_not_be_it_changes_nothing(settings: Any, tmp_path: Path, where: str) -> None:
    folder = kept(tmp_path, "one")
    (tmp_path / "file").write_bytes(b"")
    before = places.library_for(folder)
    with pytest.raises(RuntimeError, match="choose"):
        bpy.ops.tmr.move_indexes(directory=str(tmp_path / where))
    assert settings.index_problem
    assert places.index_folders() == [tmp_path / "user" / "libraries"]
    assert places.library_for(folder) == before
    store.Library.open(before)
    settings.index_folder = ""
    assert settings.index_problem == ""


def test_the_folder_in_use_is_nothing_to_move(settings: Any, tmp_path: Path) -> None:
    folder = kept(tmp_path, "one")
    own = str(places.user_folder("libraries"))
    assert bpy.ops.tmr.move_indexes(directory=own) == {"FINISHED"}
    assert places.index_folders() == [Path(own)]
    store.Library.open(places.library_for(folder))


def test_one_that_can_not_be_moved_stays_and_the_others_go(settings: Any, tmp_path: Path) -> None:
    first, second = (kept(tmp_path, name) for name in ("one", "two"))
    taken = tmp_path / "a" / places.kept_for(first).name
    taken.mkdir(parents=True)
    before = places.library_for(first)
    with pytest.raises(RuntimeError, match="there already"):
        bpy.ops.tmr.move_indexes(directory=str(tmp_path / "a"))
    store.Library.open(before)
    assert places.kept_for(second).parent == tmp_path / "a"


def test_nothing_is_moved_while_something_is_under_way(settings: Any, tmp_path: Path) -> None:
    watching.watched[tmp_path] = watching.Shown("walks: 1 of 2")
    try:
        assert not bpy.ops.tmr.move_indexes.poll()
    finally:
        del watching.watched[tmp_path]
    assert bpy.ops.tmr.move_indexes.poll()


def test_our_processes_are_told_the_limits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {threads.THREADS, threads.READERS}.isdisjoint(places.variables())
    automatic = pool.default_jobs()
    settings.threads, settings.readers = 3, 7
    told = places.variables()
    assert told[threads.THREADS] == "3"
    assert told[threads.READERS] == "7"
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert threads.held() == 3
    assert pool.default_jobs() == 7
    with threads.limited(2):
        assert threads.held() == 2
    for wrong in ("", "0", "many", "-1", "99999", "2.5"):
        monkeypatch.setenv(threads.READERS, wrong)
        assert pool.default_jobs() == automatic


def environment_of(client: Any) -> dict[str, str]:
    lines = Path(f"/proc/{client._process.pid}/environ").read_bytes().split(b"\0")
    return dict(line.decode().split("=", 1) for line in lines if b"=" in line)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_another_number_of_threads_starts_the_search_process_anew(settings: Any) -> None:
    jobs.end_client()
    first = jobs.client()
    assert jobs.client() is first
    settings.threads = 1
    busy = object()
    jobs._running.append(busy)
    assert jobs.client() is first  # it still works for somebody
    jobs._running.remove(busy)
    second = jobs.client()
    assert second is not first
    assert not first.alive
    assert environment_of(second)[threads.THREADS] == "1"
    assert jobs.client() is second
    jobs.end_client()


def test_times_are_told_in_seconds_or_frames(settings: Any) -> None:
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.001
    assert units.lasting(bpy.context, 2.5) == "2.5 s"
    assert units.within(bpy.context, 1.0, 2.5, 8.0) == "1.0 to 2.5 s of 8.0 s"
    settings.times = "FRAMES"
    assert units.lasting(bpy.context, 2.5) == "75 frames"
    scene.render.fps, scene.render.fps_base = 60, 1.0
    assert units.within(bpy.context, 1.0, 2.5, 8.0) == "60 to 150 of 480 frames"


def test_a_library_of_an_unwritable_folder_is_refused(settings: Any, tmp_path: Path) -> None:
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("this user may write everywhere")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    settings.index_folder = str(closed / "in")
    assert "can be written" in settings.index_problem
    assert settings.indexes_in == ""


class Recorder:
    """A layout: it takes every call, and notes the properties and operators that are drawn."""

    def __init__(self, drawn: list[str]) -> None:
        self.drawn = drawn

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **_: Any) -> "Recorder":
            self.drawn += [str(argument) for argument in arguments if isinstance(argument, str)]
            return Recorder(self.drawn)

        return call


def test_what_is_drawn_about_indexes(settings: Any, tmp_path: Path) -> None:
    def drawn() -> list[str]:
        found: list[str] = []
        ops_moving.draw(Recorder(found), settings)
        return found

    assert drawn() == ["index_folder"]
    kept(tmp_path, "one")
    settings.index_folder = str(tmp_path / "large")
    assert "tmr.move_indexes" in drawn()
    assert bpy.ops.tmr.move_indexes() == {"FINISHED"}
    assert drawn() == ["index_folder"]


def test_every_key_is_drawn_where_there_is_a_users_keymap(settings: Any) -> None:
    keys = parts.ours("blender.keys")
    found: list[str] = []
    keys.draw(Recorder(found), bpy.context)
    users = bpy.context.window_manager.keyconfigs.user.keymaps
    there = [item for keymap in users for item in keymap.keymap_items if keys._is_ours(item)]
    assert bool(found) == bool(there)
