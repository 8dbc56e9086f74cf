# SPDX-License-Identifier: GPL-3.0-or-later
"""What the search panel shows where there are no results: what keeps a search from finding anything, and the next step."""

from pathlib import Path

import bpy

from . import filtering, places, preferences, summaries, watching
from .language import marked, worded
from .libraries import ICON, columns, wrapped
from .ops_search import EXAMPLES
from .properties import TMR_PG_state

TICKS = 5
"""Libraries that are offered to be ticked; the list has them all."""


def draw(layout: bpy.types.UILayout, context: bpy.types.Context, shown: TMR_PG_state) -> None:
    """In place of the results, before a search or after one without any."""
    width, settings = columns(context), preferences.preferences(context)
    used = [Path(item.folder) for item in settings.libraries if item.use]
    if shown.searched and filtering.chosen(shown.filters):
        text(layout, "No motion passes the filters", width, "INFO")
        layout.operator("tmr.clear_filters", icon="X")
        return
    if shown.searched:
        text(layout, "Nothing found", width, "INFO")
    if not settings.use_starter and not used:
        _draw_unticked(layout, settings, width)
        return
    waiting = [folder for folder in used if _unindexed(folder)]
    for folder in waiting:
        _draw_unindexed(layout, folder, width)
    if settings.use_starter or len(waiting) < len(used):
        _draw_examples(layout, width)
    elif not settings.use_starter:
        layout.prop(settings, "use_starter", text="Search the Starter Library", toggle=True, icon="ADD")
    _draw_where(layout, settings, used, width)


def text(layout: bpy.types.UILayout, words: str, width: int, icon: str = "") -> None:
    """Words in as many lines as they need; with an icon they are short of its place."""
    column = layout.column(align=True)
    for i, line in enumerate(wrapped(worded(words), width - ICON if icon else width)):
        column.label(text=line, icon="BLANK1" if icon and i else icon or "NONE")


def _unindexed(folder: Path) -> bool:
    known = summaries.of(places.library_for(folder))
    return known is not None and (bool(known.problem) or not known.takes)


def _draw_unticked(layout: bpy.types.UILayout, settings: preferences.TMR_preferences, width: int) -> None:
    """Nothing is ticked: all there is to tick."""
    text(layout, "No library is ticked. Search in:", width, "INFO")
    column = layout.column(align=True)
    column.prop(settings, "use_starter", toggle=True, icon="ADD")
    for item in list(settings.libraries)[:TICKS]:
        column.prop(item, "use", text=item.name, translate=False, toggle=True, icon="ADD")
    _draw_add(layout)


INDEXING = marked("{library} is being indexed, and is searched as soon as it has motions")


def _draw_unindexed(layout: bpy.types.UILayout, folder: Path, width: int) -> None:
    """A library that holds nothing yet: why, and what to do."""
    if places.kept_for(folder) in watching.watched:
        text(layout, worded(INDEXING, library=folder.name), width, "TIME")
        return
    known = summaries.of(places.library_for(folder))
    why = known.problem if known is not None and known.problem else worded("No motions were found in it")
    text(layout, f"{folder.name}: {why}", width, "ERROR")
    layout.operator("tmr.refresh_library", icon="FILE_REFRESH").directory = str(folder)


def _draw_examples(layout: bpy.types.UILayout, width: int) -> None:
    text(layout, "Describe what somebody does, then press Enter. For example:", width)
    column = layout.column(align=True)
    for example in EXAMPLES:
        column.operator("tmr.search", text=example, icon="VIEWZOOM", translate=False).query = example


def _draw_where(layout: bpy.types.UILayout, settings: preferences.TMR_preferences, used: list[Path], width: int) -> None:
    """How much is searched, and how to have more."""
    found = [places.STARTER] if settings.use_starter else []
    known = [summaries.of(library) for library in (*found, *map(places.library_for, used))]
    takes = sum(summary.takes for summary in known if summary is not None)
    if settings.use_starter and not used:
        text(layout, worded("Only the starter library is searched, {count:,} takes", count=takes), width)
    elif takes:
        text(layout, worded("{count:,} takes are searched", count=takes), width)
    _draw_add(layout)


def _draw_add(layout: bpy.types.UILayout) -> None:
    column = layout.column(align=True)
    column.operator("tmr.add_library", text="Add a Folder of Motions", icon="FILE_FOLDER")
    column.operator_context = "INVOKE_DEFAULT"
    column.operator("tmr.get_source", text="Get a Public Library…", icon="IMPORT")
