# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Make up a motion for a text where the libraries have none, and put it on the rig, marked as generated."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import bpy
from bpy.props import FloatProperty, IntProperty, StringProperty

from ..errors import QueryProblem, TMRError
from ..library import wire
from ..tmr import synthesis
from . import ghost, wording
from .apply import apply, target
from .jobs import WorkerOperator, running
from .language import marked, told, worded
from .libraries import columns, wrapped
from .placing import DESCRIPTION, Placing, said
from .properties import TMR_PG_state, state

GENERATED = "tmr_generated"
"""The action's property that says it was generated, and by what: {"query", "seconds", "seed", "draws", "model"}."""
KEPT = 8
"""Motions that are kept for the redo panel, which puts the same one on again with every change of another choice."""
NAME_BYTES = 58
"""Of an action's name: Blender 4 cuts at 63, and numbers those that are there already."""
ABOUT = (
    "Makes up a motion for the text above. It knows everyday movement of 2 to 10 seconds, one action at a time: no hands, no "
    "objects, and sequences or acrobatics mostly fail. Prefer a recording where there is one."
)

_made: OrderedDict[tuple[str, float, int, int], Mapping[str, Any]] = OrderedDict()


class TMR_OT_synthesise(Placing, WorkerOperator, bpy.types.Operator):
    bl_idname = "tmr.synthesise"
    bl_label = "Generate Motion"
    bl_description = (
        "Make up a motion for the text and put it on the active rig as a new action, named and marked as generated.\n"
        "For everyday movement of 2 to 10 seconds, one action at a time. It is no recording: expect sliding and weightless "
        "moments, no hands and no objects. The panel at the lower left gives it another length or another try"
    )
    bl_options = {"REGISTER", "UNDO"}

    query: StringProperty(
        name="Motion",
        description="The motion in words; empty takes what the panel's text field says",
        options={"SKIP_SAVE"},
    )
    seconds: FloatProperty(
        name="Length",
        description="Seconds. What is longer than 10 moves as if slowed down",
        default=5.0,
        min=synthesis.SHORTEST,
        max=synthesis.LONGEST,
        soft_max=10.0,
        step=50,
        subtype="TIME_ABSOLUTE",
        options={"SKIP_SAVE"},
    )
    seed: IntProperty(
        name="Seed",
        description="Another number makes another motion for the same text, the same number the same one",
        default=0,
        min=0,
        max=synthesis.LAST_SEED,
        options={"SKIP_SAVE"},
    )
    draws: IntProperty(
        name="Tries",
        description="How many motions are made to choose the one from that the networks find nearest to the text",
        default=4,
        min=1,
        max=synthesis.MOST_DRAWS,
        options={"SKIP_SAVE"},
    )
    work = marked("Generating")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if reason := synthesis.lacking():
            cls.poll_message_set(reason)
            return False
        if running():
            cls.poll_message_set(told, "Something else is under way: wait for it or cancel it in the panel")
            return False
        return super().poll(context)

    def describe(self, progress: Any) -> tuple[float, str]:
        return float(progress), self.work

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.query.strip():
            self.query = state(context).query
        if not self.query.strip():
            return context.window_manager.invoke_props_dialog(
                self, title=worded("Generate a Motion"), confirm_text=worded("Generate")
            )
        return self.execute(context) if self._key in _made else self.begin(context, "synthesise", self._asked())

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            if self._key in _made:
                return self._put(context, _made[self._key])
            if not self.query.strip():
                raise QueryProblem("Describe the motion first, such as: a person walks in a circle")
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        # Waited for, in a window too: the redo panel, which calls this, needs the motion there and then.
        return self.settle(context) if self.ask("synthesise", self._asked()) else {"CANCELLED"}

    @property
    def _key(self) -> tuple[str, float, int, int]:
        return " ".join(self.query.split()), round(self.seconds, 3), self.seed, self.draws

    def _asked(self) -> dict[str, Any]:
        return dict(zip(("query", "seconds", "seed", "draws"), self._key, strict=True))

    def finish(self, context: bpy.types.Context, result: Any) -> set[str]:
        if self.cancelled or result is None:
            return {"CANCELLED"}
        _made[self._key] = result
        while len(_made) > KEPT:
            _made.popitem(last=False)
        return self._put(context, result)

    def _put(self, context: bpy.types.Context, made: Mapping[str, Any]) -> set[str]:
        """Apply the motion and mark the action."""
        words = self._key[0]
        positions, _ = wire.from_text(made["positions"], made["fps"])
        rig, end, placement = target(context), context.scene.frame_end, self.placement(context.scene)
        action = apply(context, rig, synthesis.clip(positions, words), named(words), placement)
        ghost.stop()  # of what was near at best: the rig itself shows a motion now
        action[GENERATED] = {**self._asked(), "model": made["model"]}
        action[DESCRIPTION] = f"Generated, not recorded: {words}"
        self.report({"INFO"}, said(rig, action, placement, end))
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.label(text="Generated, not recorded", icon="INFO")
        for name in ("query", "seconds", "seed", "draws"):
            column.prop(self, name)
        self.draw_placement(layout, without=("trim_start", "trim_end"))


def named(words: str) -> str:
    """The name of the action: the text, cut where it would push the remark out, and "(generated)"."""
    mark, cut = f" ({synthesis.MARK})", words
    while len(f"{cut}{mark}".encode()) > NAME_BYTES:
        cut = cut[:-2].rstrip() + "…"
    return cut + mark


class TMR_PT_synthesise(bpy.types.Panel):
    bl_idname = "TMR_PT_synthesise"
    bl_label = "Generate"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "TMR"
    bl_parent_id = "TMR_PT_search"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for line in wrapped(ABOUT, columns(context)):
            column.label(text=line)
        draw_button(self.layout, context)


def draw_button(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The button, for the text of the panel."""
    layout.operator_context = "INVOKE_DEFAULT"
    layout.operator("tmr.synthesise", text="Generate", icon="SHADERFX").query = state(context).query


def offered(shown: TMR_PG_state) -> bool:
    """Whether there was a search in words and nothing close was found."""
    far = not shown.hits or shown.hits[0].score < wording.CLOSE
    return bool(shown.searched) and not shown.like and not shown.work and far


def draw_offer(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Above the results: the button, where none of them is close to the text."""
    shown = state(context)
    if not offered(shown):
        return
    row = layout.row(align=True)
    row.label(text="Nothing close" if shown.hits else "Nothing found", icon="INFO")
    draw_button(row, context)


def _menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator_context = "INVOKE_DEFAULT"
    menu.layout.operator("tmr.synthesise", text="Generate Motion…")


_CLASSES = (TMR_OT_synthesise, TMR_PT_synthesise)
_MENUS = ("VIEW3D_MT_object_animation", "VIEW3D_MT_pose")


def register() -> None:
    """Register the classes and the entries of Object > Animation and Pose."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    for name in _MENUS:
        getattr(bpy.types, name).append(_menu)


def unregister() -> None:
    """Undo `register`, and forget what was made."""
    for name in _MENUS:
        getattr(bpy.types, name).remove(_menu)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
    _made.clear()
