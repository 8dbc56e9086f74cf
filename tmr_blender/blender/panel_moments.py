# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a moment: in the sidebar of the 3D view, and of the editors that show time."""

from typing import Any

import bpy

from . import moments
from .language import worded
from .properties import state


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The description, and what was found by it."""
    asked, kept = moments.asked(context), moments.of(context.scene)
    row = layout.row(align=True)
    row.prop(asked, "query", text="", placeholder="someone kicks")
    row.operator("tmr.find_moments", text="", icon="VIEWZOOM")
    row.operator_menu_enum("tmr.find_moments", "frames", text="", icon="DOWNARROW_HLT")
    row.prop(asked, "show_curve", text="", icon="FCURVE")
    if not kept.items:
        layout.label(text="Marks where it happens in the action", icon="INFO")
        return
    _draw_found(layout, context.scene)


def _draw_found(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    kept = moments.of(scene)
    row = layout.row(align=True)
    row.operator("tmr.previous_moment", text="", icon="PREV_KEYFRAME")
    row.operator("tmr.next_moment", text="", icon="NEXT_KEYFRAME")
    row.label(text=f"{kept.query} · {kept.rig}", translate=False)
    row.operator("tmr.clear_moments", text="", icon="X", emboss=False)
    column = layout.column(align=True)
    for index, item in enumerate(kept.items):
        shown = index == kept.active
        row = column.row(align=True)
        words = worded("{start} to {end}", start=item.start, end=item.end) + f":  {moments.verdict(item.score)}"
        row.operator("tmr.show_moment", text=words, depress=shown).index = index
        row.operator("tmr.keep_moment", text="", icon="ACTION").index = index
    layout.operator("tmr.keep_moment", icon="ACTION")


class TMR_PT_moments(bpy.types.Panel):
    bl_idname = "TMR_PT_moments"
    bl_label = "Moments"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "TMR"
    bl_parent_id = "TMR_PT_search"
    bl_order = 2
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        draw(self.layout, context)


class InTime:
    """Mix-in: the same panel in an editor that shows time, with what is under way."""

    layout: Any
    bl_label = "Moments"
    bl_region_type = "UI"
    bl_category = "TMR"

    def draw(self, context: bpy.types.Context) -> None:
        draw(self.layout, context)
        shown = state(context)
        if shown.work:
            row = self.layout.row(align=True)
            row.progress(factor=shown.progress, text=shown.work)
            row.operator("tmr.cancel", text="", icon="X")


class TMR_PT_moments_dopesheet(InTime, bpy.types.Panel):
    bl_idname = "TMR_PT_moments_dopesheet"
    bl_space_type = "DOPESHEET_EDITOR"


class TMR_PT_moments_graph(InTime, bpy.types.Panel):
    bl_idname = "TMR_PT_moments_graph"
    bl_space_type = "GRAPH_EDITOR"


class TMR_PT_moments_nla(InTime, bpy.types.Panel):
    bl_idname = "TMR_PT_moments_nla"
    bl_space_type = "NLA_EDITOR"


_CLASSES = (TMR_PT_moments, TMR_PT_moments_dopesheet, TMR_PT_moments_graph, TMR_PT_moments_nla)


def register() -> None:
    """Register the panels."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
