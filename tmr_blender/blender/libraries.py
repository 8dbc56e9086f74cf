# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of libraries, in the panel and in the preferences: what each holds, what is wrong with it, what to do about it."""

import time
from pathlib import Path

import bpy

from ..library.info import Summary
from . import places, preferences, summaries, watching
from .language import worded

SHOWN_SENTENCES = 12
TAGS = (("tag", "BOOKMARKS"), ("untag", "LOOP_BACK"))
ICON = 8
"""Characters that an icon and the box around it take."""


class TMR_UL_libraries(bpy.types.UIList):
    bl_idname = "TMR_UL_libraries"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: preferences.TMR_preferences,
        item: preferences.TMR_PG_library,
        icon: int,
        active_data: preferences.TMR_preferences,
        active_property: str,
        index: int = 0,
        flt_flag: int = 0,
    ) -> None:
        known = summaries.of(places.library_for(Path(item.folder)))
        row = layout.row(align=True)
        row.prop(item, "use", text="")
        row.label(text=item.name, translate=False)
        right = row.row(align=True)
        right.alignment = "RIGHT"
        if places.kept_for(Path(item.folder)) in watching.watched:
            right.label(text="", icon="TIME")
        elif known is not None and (known.problem or summaries.outdated(known)):
            right.label(text="", icon="ERROR")
        elif known is not None:
            right.label(text=worded("{count:,} takes", count=known.takes))


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The starter library, the list, and all about the selected one."""
    settings = preferences.preferences(context)
    layout.row().prop(settings, "use_starter")
    if settings.libraries:
        rows = min(max(len(settings.libraries), 2), 6)
        layout.template_list("TMR_UL_libraries", "", settings, "libraries", settings, "active", rows=rows)
    layout.operator("tmr.add_library", icon="FILE_FOLDER")
    layout.operator_context = "INVOKE_DEFAULT"
    layout.operator("tmr.get_source", text="Get a Public Library…", icon="IMPORT")
    if context.area.type == "PREFERENCES":  # in the sidebar the panel above shows them
        watching.draw(layout)
    if 0 <= settings.active < len(settings.libraries):
        _draw_library(layout.box(), settings, settings.libraries[settings.active].folder, columns(context))


def _draw_library(layout: bpy.types.UILayout, settings: preferences.TMR_preferences, folder: str, width: int) -> None:
    """The selected library: counts, problems, and buttons."""
    known = summaries.of(places.library_for(Path(folder)))
    column = layout.column(align=True)
    for line in wrapped(folder, width):
        column.label(text=line, translate=False)
    outdated = summaries.outdated(known)
    busy = places.kept_for(Path(folder)) in watching.watched
    if known is not None:
        for line in described(known):
            for part in wrapped(line, width):
                column.label(text=part)
        if outdated and not busy:
            _draw_offer(layout, known, folder, width)
    grid = layout.grid_flow(row_major=True, columns=2 if width < 60 else 4, even_columns=True, align=True)
    grid.enabled = not busy
    for name, icon in (("refresh", "FILE_REFRESH"), ("reencode", "FILE_CACHE"), ("check", "CHECKMARK"), ("remove", "X"), *TAGS):
        if name != "reencode" or outdated:
            grid.operator(f"tmr.{name}_library", icon=icon).directory = folder
    if known is not None and known.failed:
        _draw_unread(layout, settings, known, folder, width)


def described(known: Summary) -> list[str]:
    """Lines about what a library holds."""
    if known.problem:
        return [known.problem]
    hours = known.seconds / 3600.0
    minutes = worded("{count:.1f} minutes", count=known.seconds / 60.0)
    length = worded("{count:.1f} hours", count=hours) if hours >= 1.0 else minutes
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(known.updated))
    return [worded("{count:,} takes, {length}", count=known.takes, length=length), worded("Last indexed {when}", when=when)]


def _draw_offer(layout: bpy.types.UILayout, known: Summary, folder: str, width: int) -> None:
    """What to do about a library of other networks."""
    column = layout.column(align=True)
    column.alert = True
    text = worded(
        "Encoded by other networks ({model}) than those installed: "
        "it can't be searched until it is re-encoded. No file is read for that.",
        model=known.model,
    )
    for i, line in enumerate(wrapped(text, width - ICON)):
        column.label(text=line, icon="ERROR" if i == 0 else "BLANK1")
    row = layout.row()
    row.scale_y = 1.3
    row.operator("tmr.reencode_library", icon="FILE_CACHE").directory = folder


def _draw_unread(
    layout: bpy.types.UILayout, settings: preferences.TMR_preferences, known: Summary, folder: str, width: int
) -> None:
    """The files that could not be read, and why."""
    column = layout.column(align=True)
    icon = "TRIA_DOWN" if settings.show_unread else "TRIA_RIGHT"
    text = worded(
        "{count:,} file could not be read" if known.failed == 1 else "{count:,} files could not be read", count=known.failed
    )
    column.prop(settings, "show_unread", text=text, icon=icon, emboss=False)
    if not settings.show_unread:
        return
    for sentence in known.sentences[:SHOWN_SENTENCES]:
        for i, line in enumerate(wrapped(sentence, width - ICON)):
            column.label(text=line, icon="DOT" if i == 0 else "BLANK1")
    if known.failed > SHOWN_SENTENCES:
        column.label(text=worded("and {count} more", count=known.failed - SHOWN_SENTENCES))
    column.operator("tmr.list_unread", icon="TEXT").directory = folder


def columns(context: bpy.types.Context) -> int:
    """How many characters fit beside each other in the region, about."""
    scale = context.preferences.system.ui_scale
    return max(int((context.region.width / scale - 50.0) / 5.8), 12)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, broken between words or, in a long one such as a path, inside; Blender's labels
    don't wrap."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
        while len(lines[-1]) > width and "/" in lines[-1]:
            cut = lines[-1].rfind("/", 1, width) + 1 or width
            lines[-1:] = [lines[-1][:cut], lines[-1][cut:]]
    return lines


_CLASSES = (TMR_UL_libraries,)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
