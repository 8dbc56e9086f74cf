# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""The ghost of a result: started, ended, and stepped through by keys and scripts; and its row of the panel."""

import bpy
from bpy.props import IntProperty

from . import ghost, redraw
from .language import told
from .libraries import wrapped
from .properties import TMR_PG_state, state


class TMR_OT_preview(bpy.types.Operator):
    bl_idname = "tmr.preview"
    bl_label = "Preview"
    bl_description = (
        "Select a result and play it in the 3D view, as a ghost as tall as the active rig.\n"
        "Nothing in the scene changes; Esc over the view ends it"
    )
    bl_options = {"INTERNAL"}

    index: IntProperty(name="Result", description="Counted from 0; -1 is the selected one", default=-1, options={"SKIP_SAVE"})
    step: IntProperty(name="Step", description="How many results to go on in the list from there", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(told, "Search first, then choose a result")
        return bool(state(context).hits)

    def execute(self, context: bpy.types.Context) -> set[str]:
        shown = state(context)
        index = (shown.active if self.index < 0 else self.index) + self.step
        if not self.step and index >= len(shown.hits):
            sentence = "There is no result {index}: {count} are listed, counted from 0"
            self.report({"ERROR"}, told(sentence, index=index, count=len(shown.hits)))
            return {"CANCELLED"}
        if not shown.preview:
            shown.preview = True
        # Setting it shows it, even where it was selected before.
        shown.active = min(max(index, 0), len(shown.hits) - 1)
        return {"FINISHED"}


class TMR_OT_end_preview(bpy.types.Operator):
    bl_idname = "tmr.end_preview"
    bl_label = "End Preview"
    bl_description = "Take the ghost away until another result is selected"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(told, "No result is being previewed")
        return ghost.playing is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        ghost.stop()
        redraw.sidebars()
        return {"FINISHED"}


def draw(layout: bpy.types.UILayout, shown: TMR_PG_state, columns: int) -> None:
    """The toggle, where the ghost stands, and why there is none."""
    row = layout.row(align=True)
    row.prop(shown, "preview", icon="HIDE_OFF" if shown.preview else "HIDE_ON")
    if shown.preview:
        row.prop(shown, "preview_at", expand=True)
        row.operator("tmr.end_preview" if ghost.playing else "tmr.preview", text="", icon="PAUSE" if ghost.playing else "PLAY")
    if shown.preview and ghost.problem:
        column = layout.column(align=True)
        for i, line in enumerate(wrapped(ghost.problem, columns - 8)):
            column.label(text=line, icon="ERROR" if i == 0 else "BLANK1")


_CLASSES = (TMR_OT_preview, TMR_OT_end_preview)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
