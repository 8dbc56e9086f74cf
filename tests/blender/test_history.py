# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Iterator
from pathlib import Path

import bpy
import parts
import pytest

history = parts.ours("blender.history")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "queries.json"
    monkeypatch.setattr(history, "_file", lambda: path)
    monkeypatch.setattr(history, "_queries", None)
    yield path
    history._queries = None


def test_newest_first_each_once_and_twenty_at_most(file: Path) -> None:
    for number in range(30):
        history.add(f"someone walks {number}")
    history.add("  someone walks 25 ")
    assert history.queries()[:2] == ["someone walks 25", "someone walks 29"]
    assert len(history.queries()) == history.KEPT == len(set(history.queries()))


def test_it_is_there_again_after_a_restart(file: Path) -> None:
    history.add("jemand hüpft 跳")
    history._queries = None
    assert history.queries() == ["jemand hüpft 跳"]


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', '[1, null, "", "' + "x" * 600 + '"]', "[" * 90_000, "\xff\xfe"])
def test_a_damaged_file_is_an_empty_history(file: Path, text: str) -> None:
    file.write_bytes(text.encode("latin-1"))
    assert history.queries() == []
    history.add("someone jumps")
    history._queries = None
    assert history.queries() == ["someone jumps"]


def test_forgetting(file: Path) -> None:
    history.add("someone jumps")
    assert bpy.ops.tmr.clear_history() == {"FINISHED"}
    history._queries = None
    assert history.queries() == []


def test_nothing_is_remembered_of_nothing(file: Path) -> None:
    history.add("   ")
    assert history.queries() == [] and not file.exists()


def test_a_disk_that_can_not_be_written_ends_no_search(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_file", lambda: file / "not a folder" / "queries.json")
    history.add("someone jumps")
    assert history.queries() == ["someone jumps"]
