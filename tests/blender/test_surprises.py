# SPDX-License-Identifier: GPL-3.0-or-later
"""A session of use opens no connection and writes only among the extension's own files."""

import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import bpy
import parts

_HOOKED: list[tuple[str, tuple[Any, ...]]] = []
_watching = False
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request"):
        _HOOKED.append((event, arguments))
    if _watching and event == "open" and isinstance(arguments[0], str | bytes) and (arguments[2] or 0) & WRITING:
        _HOOKED.append((event, (os.fsdecode(arguments[0]),)))


sys.addaudithook(_hook)  # there is no taking it away again


def test_the_audit_would_tell(tmp_path: Path) -> None:
    global _watching
    _HOOKED.clear()
    _watching = True
    try:
        (tmp_path / "seen").write_text("x")
        with socket.socket() as own:
            own.bind(("127.0.0.1", 0))
    finally:
        _watching = False
    assert {event for event, _ in _HOOKED} == {"open", "socket.bind"}


def test_a_session_of_use(factory_scene: None, tmp_path: Path) -> None:
    """Searching, applying and indexing, in Blender's own process."""
    global _watching
    folder = tmp_path / "mocap"
    take = parts.write_bvh(folder / "walk.bvh", "walks", "a person walks")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    parts.human()
    _HOOKED.clear()
    _watching = True
    try:
        assert bpy.ops.tmr.add_library(directory=str(folder)) == {"FINISHED"}
        assert bpy.ops.tmr.search(query="a person walks") == {"FINISHED"}
        assert bpy.ops.tmr.apply(path=str(take), whole="TAKE") == {"FINISHED"}
    finally:
        _watching = False
        parts.ours("blender.preferences").forget(bpy.context, str(folder))
    assert [event for event, _ in _HOOKED if event != "open"] == []
    own = (Path(bpy.utils.resource_path("USER")).resolve(), Path(tempfile.gettempdir()).resolve())
    written = {Path(name[0]).resolve() for event, name in _HOOKED if event == "open"} - {Path(os.devnull)}
    elsewhere = [path for path in written if not any(path.is_relative_to(place) for place in own)]
    assert elsewhere == [] and not [path for path in written if path.is_relative_to(folder)]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
