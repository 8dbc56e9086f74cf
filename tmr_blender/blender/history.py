# SPDX-License-Identifier: GPL-3.0-or-later
"""The descriptions that were searched for last: kept among the user's files, recalled with one click."""

import json
from pathlib import Path

import bpy

from . import places
from .libraries import wrapped

KEPT = 20
MOST_BYTES = 100_000
LONGEST = 500
"""Characters of a description that is kept."""
SHOWN = 60
"""Characters of it in the menu."""

_queries: list[str] | None = None


def queries() -> list[str]:
    """Newest first."""
    global _queries
    if _queries is None:
        _queries = _read(_file())
    return _queries


def add(query: str) -> None:
    """Remember a description; one that is known moves to the top."""
    query = query.strip()[:LONGEST]
    known = queries()
    if not query or (known and known[0] == query):
        return
    known[:] = [query, *(other for other in known if other != query)][:KEPT]
    _write(known)


def clear() -> None:
    """Forget all."""
    queries().clear()
    _write([])


def _file() -> Path:
    return places.user_folder("history") / "queries.json"


def _read(path: Path) -> list[str]:
    """What was kept; nothing where the file is missing or was written by someone else."""
    try:
        with path.open("rb") as file:
            listed = json.loads(file.read(MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(listed, list):
        return []
    return [query for query in listed if isinstance(query, str) and 0 < len(query) <= LONGEST][:KEPT]


def _write(listed: list[str]) -> None:
    path = _file()
    beside = path.with_suffix(".part")
    try:
        beside.write_text(json.dumps(listed, ensure_ascii=False, indent=0), encoding="utf-8")
        beside.replace(path)
    except OSError:
        # A full disk must not end a search: the history then lasts for this session.
        return


class TMR_MT_history(bpy.types.Menu):
    bl_idname = "TMR_MT_history"
    bl_label = "Searched Before"
    bl_description = "The descriptions searched for last, newest first: a click searches again"

    def draw(self, context: bpy.types.Context) -> None:
        known = queries()
        if not known:
            self.layout.label(text="Nothing has been searched for yet", icon="INFO")
            return
        for query in known:
            lines = wrapped(query, SHOWN)
            text = lines[0] + ("…" if len(lines) > 1 else "")
            self.layout.operator("tmr.search", text=text, translate=False, icon="VIEWZOOM").query = query
        self.layout.separator()
        self.layout.operator("tmr.clear_history", icon="X")


class TMR_OT_clear_history(bpy.types.Operator):
    bl_idname = "tmr.clear_history"
    bl_label = "Forget These"
    bl_description = "Forget the descriptions that were searched for, in this menu and on the disk"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        clear()
        return {"FINISHED"}


_CLASSES = (TMR_MT_history, TMR_OT_clear_history)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`; what was read is read anew."""
    global _queries
    _queries = None
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
