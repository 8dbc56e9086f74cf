# SPDX-License-Identifier: GPL-3.0-or-later
"""What was said about a motion: kept for the session, shown in a popup and in the panel, each sentence a query to be."""

from collections.abc import Mapping
from typing import Any

import bpy

from .libraries import columns, wrapped
from .properties import TMR_PG_state, state

POPUP_COLUMNS = 60
SUMMARISED = 3
"""Captions that a report names; the panel lists them all."""


def keep(shown: TMR_PG_state, description: Mapping[str, Any]) -> None:
    """Take over the fields of a `library.similar.Description`."""
    shown.told.clear()
    shown.told_of = description["name"]
    for sentence in description["sentences"]:
        row = shown.told.add()
        row.text, row.kind = sentence, "measured"
    for caption in description["captions"]:
        row = shown.told.add()
        row.text, row.kind, row.score, row.source = caption["text"], "caption", caption["score"], caption["name"]


def summary(shown: TMR_PG_state) -> str:
    """One line of it, for a report."""
    measured = "; ".join(row.text for row in shown.told if row.kind == "measured")
    captions = [f"“{row.text}” ({row.source}, {row.score:.2f})" for row in shown.told if row.kind == "caption"]
    similar = f". Captions of similar takes: {', '.join(captions[:SUMMARISED])}" if captions else ""
    return f"{shown.told_of}: {measured or 'nothing that can be measured'}{similar}"


def popup(context: bpy.types.Context) -> None:
    """Show it beside the pointer; a click on a sentence searches for it."""

    def draw(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
        # A menu's own layout sets each row that holds a column to the right of the one before.
        draw_told(menu.layout.column(), state(context), POPUP_COLUMNS)

    context.window_manager.popup_menu(draw, title=state(context).told_of, icon="INFO")


def draw_told(layout: bpy.types.UILayout, shown: TMR_PG_state, width: int) -> None:
    """Two lists of sentences with a button each. width: in characters."""
    for kind, heading in (("measured", "Measured"), ("caption", "Captions of similar takes")):
        rows = [row for row in shown.told if row.kind == kind]
        if rows:
            layout.label(text=heading)
        for said in rows:
            row = layout.row()
            lines = row.column(align=True)
            ending = f" ({said.score:.2f})" if kind == "caption" else ""
            for line in wrapped(said.text + ending, width):
                lines.label(text=line)
            row.operator("tmr.search", text="", icon="VIEWZOOM", emboss=False).query = said.text


class TMR_PT_told(bpy.types.Panel):
    bl_idname = "TMR_PT_told"
    bl_label = "Description"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "TMR"
    bl_parent_id = "TMR_PT_search"
    bl_order = 1

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(state(context).told)

    def draw(self, context: bpy.types.Context) -> None:
        shown = state(context)
        self.layout.label(text=shown.told_of, icon="ACTION")
        draw_told(self.layout.column(), shown, columns(context) - 4)


def register() -> None:
    """Register the panel, below the search's."""
    bpy.utils.register_class(TMR_PT_told)


def unregister() -> None:
    """Undo `register`."""
    bpy.utils.unregister_class(TMR_PT_told)
