# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar tab of the 3D view: describe, see, apply."""

from pathlib import Path

import bpy

from ..library.showing import PANELS
from . import (
    filtering,
    jobs,
    libraries,
    ops_preview,
    ops_spans,
    ops_synthesise,
    panel_empty,
    places,
    preferences,
    summaries,
    thumbnails,
    units,
    watching,
    wording,
)
from .apply import armatures, undecided
from .language import worded
from .libraries import ICON, columns, wrapped
from .properties import TMR_PG_hit, TMR_PG_state, state

TWINS = 4
"""Takes folded into a hit that are listed with it."""

ROWS = 4
PICTURE = 2.6
"""Of a row, in units of the interface (20 points at its default scale)."""
NARROW = 26
"""Characters that fit beside each other; below that a row's picture and the film strip's panels are smaller and fewer."""
ROOM, ROOM_NARROW = 22, 17
"""Characters that picture, buttons and scroll bar take of a row, and where it is narrow."""
PUT_ON = ("TMR_OT_apply", "TMR_OT_drop_on")
"""Operators after which what was applied can be adjusted."""


class TMR_UL_hits(bpy.types.UIList):
    bl_idname = "TMR_UL_hits"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: TMR_PG_state,
        item: TMR_PG_hit,
        icon: int,
        active_data: TMR_PG_state,
        active_property: str,
        index: int = 0,
        flt_flag: int = 0,
    ) -> None:
        narrow = columns(context) < NARROW
        row = layout.row(align=True)
        row.template_icon(thumbnails.icon(item), scale=PICTURE)  # 0 leaves its place free
        lines = row.column(align=True)
        top = lines.row(align=True)
        room = columns(context) - (ROOM_NARROW if narrow else ROOM)
        title = item.ending if narrow else item.title
        # A caption's beginning tells, and Blender cuts its end; of a name the end tells.
        text = title if title and not title.endswith(item.ending) else wording.shortened(title or item.name, room)
        top.label(text=text, translate=False)
        buttons = top.row(align=True)
        buttons.alignment = "RIGHT"
        if not narrow:
            buttons.operator("tmr.more_like_this", text="", icon="VIEWZOOM", emboss=False).index = index
        buttons.operator("tmr.apply", text="", icon="ARMATURE_DATA", emboss=False).index = index
        below = lines.row(align=True)
        score = f"{item.score:.2f}" if narrow else wording.verdict(item.score, data.like)
        # The list selects by a click on a row's first line alone: this is for the second.
        facts = below.row(align=True)
        facts.alignment, facts.active = "LEFT", False
        text = f"{units.lasting(context, item.duration)} · {score}"
        facts.operator("tmr.preview", text=text, translate=False, emboss=False).index = index
        box = "CHECKBOX_HLT" if item.mark else "CHECKBOX_DEHLT"
        mark = below.row(align=True)
        mark.alignment = "RIGHT"
        mark.operator("tmr.mark_result", text=str(item.mark or ""), icon=box, emboss=False).index = index

    def draw_filter(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        """Nothing: the list is ranked by the search."""


class TMR_PT_search(bpy.types.Panel):
    bl_idname = "TMR_PT_search"
    bl_label = "Motion Search"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "TMR"

    def draw(self, context: bpy.types.Context) -> None:
        jobs.warm_up()
        shown = state(context)
        row = self.layout.row(align=True)
        row.prop(shown, "query", text="", placeholder="someone limps, then sits down")
        row.operator("tmr.search", text="", icon="VIEWZOOM")
        row.menu("TMR_MT_history", text="", icon="DOWNARROW_HLT")
        if shown.work:
            row = self.layout.row(align=True)
            row.progress(factor=shown.progress, text=shown.work)
            row.operator("tmr.cancel", text="", icon="X")
        _draw_action(self.layout)
        watching.draw(self.layout)
        _draw_outdated(self.layout, context)
        if shown.like:
            self.layout.label(text=shown.searched[:1].upper() + shown.searched[1:], icon="ACTION")
        ops_synthesise.draw_offer(self.layout, context)
        if shown.hits:
            _draw_hits(self.layout, context, shown)
        elif not shown.work or shown.searched:
            panel_empty.draw(self.layout, context, shown)


def _draw_action(layout: bpy.types.UILayout) -> None:
    """What the active rig does as the query."""
    row = layout.row(align=True)
    row.operator("tmr.find_similar", text="Like the Action", icon="ACTION")
    row.operator_menu_enum("tmr.find_similar", "frames", text="", icon="DOWNARROW_HLT")
    row.operator("tmr.describe_action", text="", icon="INFO")


def _draw_outdated(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The offer to re-encode what the installed networks can't search."""
    for item in preferences.preferences(context).libraries:
        folder = Path(item.folder)
        if not item.use or places.kept_for(folder) in watching.watched:
            continue
        if summaries.outdated(summaries.of(places.library_for(folder))):
            row = layout.row(align=True)
            row.alert = True
            row.operator(
                "tmr.reencode_library", text=worded("Re-encode {library}", library=item.name), icon="ERROR"
            ).directory = item.folder


def _draw_hits(layout: bpy.types.UILayout, context: bpy.types.Context, shown: TMR_PG_state) -> None:
    """The ranked list, and all about the selected one."""
    width = columns(context)
    ops_preview.draw(layout, shown, width)
    layout.template_list("TMR_UL_hits", "", shown, "hits", shown, "active", rows=ROWS)
    if not 0 <= shown.active < len(shown.hits):
        return
    hit = shown.hits[shown.active]
    box = layout.box()
    _draw_strip(box, hit, width)
    column = box.column(align=True)
    for i, line in enumerate(wrapped(hit.name, width - ICON)):
        column.label(text=line, icon="ACTION" if i == 0 else "BLANK1", translate=False)
    for line in wrapped(hit.caption, width) if hit.caption else ():
        column.label(text=line, translate=False)
    for line in wrapped(worded("Tagged: {tags}", tags=hit.tagged), width) if hit.tagged else ():
        column.label(text=line, translate=False)
    column.separator()
    for sentence in _about(hit, shown.like):
        for line in wrapped(sentence, width):
            column.label(text=line)
    _draw_apply(box, context, shown)
    _draw_twins(box, hit)
    row = box.row(align=True)
    row.operator("tmr.more_like_this", icon="VIEWZOOM").index = shown.active
    row.operator("tmr.describe_result", icon="INFO").index = shown.active
    ops_spans.draw(box, shown, width)


def _draw_apply(layout: bpy.types.UILayout, context: bpy.types.Context, shown: TMR_PG_state) -> None:
    """The button, what to do where there is no rig to apply to, and how to change what was applied."""
    row = layout.row(align=True)
    row.scale_y = 1.4
    if not armatures(context):
        row.operator("tmr.add_rig", icon="OUTLINER_OB_ARMATURE")
    asks = len(undecided(context)) > 1
    row.operator("tmr.apply", text="Apply to…" if asks else "Apply", icon="ARMATURE_DATA").index = shown.active
    row.menu("TMR_MT_several", text="", icon="DOWNARROW_HLT")
    done = context.window_manager.operators
    if done and done[-1].bl_idname in PUT_ON:
        row = layout.row()
        row.active = False
        row.operator("screen.redo_last", text="Adjust It… (F9)", emboss=False)


def _about(hit: TMR_PG_hit, like: bool) -> list[str]:
    """How near a hit is and why, and where in its take, as lines."""
    verdict = wording.verdict(hit.score, like)
    near = verdict[:1].upper() + verdict[1:]
    if not wording.far(hit.score, like):  # else it is the nearest there is, which is no reason
        near += f": {worded(wording.MATCHED.get(str(hit.matched), str(hit.matched)))}"
    if hit.end - hit.start > hit.duration - 0.1:
        return [near, worded("The whole take, {length}", length=units.lasting(bpy.context, hit.duration))]
    return [near, units.within(bpy.context, hit.start, hit.end, hit.duration)]


def _draw_strip(layout: bpy.types.UILayout, hit: TMR_PG_hit, columns: int) -> None:
    """The moment in a few pictures, or the take's one until they are there, or their place: nothing below moves."""
    shown = 2 if columns < NARROW else PANELS
    panels = thumbnails.strip(hit) or [thumbnails.icon(hit)]
    if columns < NARROW and len(panels) > 2:
        panels = [panels[0], panels[-1]]
    row = layout.row(align=True)
    row.alignment = "CENTER"
    # A character is about 5.8 points wide and a unit of pictures 20.
    scale = min(max(columns * 5.8 / 20.0 / shown, 1.5), 6.0)
    for panel in panels:
        row.template_icon(panel, scale=scale)


def _draw_twins(layout: bpy.types.UILayout, hit: TMR_PG_hit) -> None:
    """The takes that show the same, each to be applied instead."""
    if not hit.twins:
        return
    column = layout.column(align=True)
    column.label(text="The same performance:")
    for twin in hit.twins[:TWINS]:
        name = worded("{name} (mirrored)", name=twin.name) if twin.mirrored else twin.name
        row = column.operator("tmr.apply", text=name, translate=False, icon="MOD_MIRROR" if twin.mirrored else "COPYDOWN")
        row.path, row.take, row.action_name = twin.path, twin.take, twin.name
        # Twins last equally long, so what happens in one happens in the other at the same time.
        row.start, row.end = hit.start, hit.end
    if len(hit.twins) > TWINS:
        column.label(text=worded("and {count} more", count=len(hit.twins) - TWINS))


class TMR_PT_filters(bpy.types.Panel):
    bl_idname = "TMR_PT_filters"
    bl_label = "Filters"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "TMR"
    bl_parent_id = "TMR_PT_search"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        count = len(filtering.chosen(state(context).filters))
        if count:
            self.layout.operator("tmr.clear_filters", text=worded("{count} set", count=count), icon="X", emboss=False)

    def draw(self, context: bpy.types.Context) -> None:
        filtering.draw(self.layout, state(context).filters)


class TMR_PT_libraries(bpy.types.Panel):
    bl_idname = "TMR_PT_libraries"
    bl_label = "Libraries"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "TMR"
    bl_parent_id = "TMR_PT_search"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        libraries.draw(self.layout, context)


_CLASSES = (TMR_UL_hits, TMR_PT_search, TMR_PT_filters, TMR_PT_libraries)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
