# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""What was said about a motion: kept for the session, shown in a popup and in the panel.

Each sentence is a query to be, and a name to be for the action that was described.
"""

from collections.abc import Mapping
from typing import Any

import bpy
from bpy.props import StringProperty

from ..errors import QueryProblem, TMRError
from ..library.naming import MOST_BYTES, short_name
from . import language, moments
from .body import playing
from .libraries import columns, wrapped
from .properties import TMR_PG_state, state

BUTTON = 5
"""Characters that a button beside a sentence takes the room of."""
POPUP_COLUMNS = 60
KINDS = (("measured", language.marked("Measured")), ("caption", language.marked("Captions of similar takes")))
SUMMARISED = 3
"""Captions that a report names; the panel lists them all."""


def keep(shown: TMR_PG_state, description: Mapping[str, Any], action: int = 0, why: str = "") -> None:
    """Take over the fields of a `library.similar.Description`.

    action: the session_uid of the one that can be renamed by it, 0 for none; why: there is none, though a rig was described.
    """
    shown.told.clear()
    shown.told_action, shown.told_why = _signed(action), why
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
    similar = (
        language.told(". Captions of similar takes: {captions}", captions=", ".join(captions[:SUMMARISED])) if captions else ""
    )
    return f"{shown.told_of}: {measured or language.told('nothing that can be measured')}{similar}"


def popup(context: bpy.types.Context) -> None:
    """Show it beside the pointer; a click on a sentence searches for it."""

    def draw(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
        # Entries alone: Blender 5.2 sets rows inside a menu beside each other, like stairs.
        shown = state(context)
        for kind, heading in KINDS:
            rows = [row for row in shown.told if row.kind == kind]
            if rows:
                menu.layout.label(text=heading)
            for said in rows:
                line = said.text if len(said.text) <= POPUP_COLUMNS else f"{said.text[: POPUP_COLUMNS - 1].rstrip()}…"
                menu.layout.operator("tmr.search", text=line, icon="VIEWZOOM", translate=False).query = said.text

    context.window_manager.popup_menu(draw, title=state(context).told_of, icon="INFO")


def draw_told(layout: bpy.types.UILayout, shown: TMR_PG_state, width: int) -> None:
    """Two lists of sentences with a button each. width: in characters."""
    for kind, heading in KINDS:
        rows = [row for row in shown.told if row.kind == kind]
        if rows:
            layout.label(text=heading)
        for said in rows:
            row = layout.row()
            lines = row.column(align=True)
            ending = f" ({said.score:.2f})" if kind == "caption" else ""
            for line in wrapped(said.text + ending, width):
                lines.label(text=line, translate=False)
            row.operator("tmr.search", text="", icon="VIEWZOOM", emboss=False).query = said.text
            if shown.told_action or shown.told_why:
                row.operator("tmr.rename_action", text="", icon="GREASEPENCIL", emboss=False).text = said.text


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
        named = described(shown)
        self.layout.label(text=named.name if named is not None else shown.told_of, icon="ACTION", translate=False)
        buttons = 2 if shown.told_action or shown.told_why else 1
        draw_told(self.layout.column(), shown, columns(context) - buttons * BUTTON)


def _signed(uid: int) -> int:
    """A session_uid, of 32 bits, as Blender's integer properties hold it."""
    return uid - (1 << 32) if uid >= 1 << 31 else uid


def nameable(rig: bpy.types.Object, frame: int) -> tuple[int, str]:
    """The session_uid of the action that a description of the rig is about, or 0 and why there is none.

    It is the one that the rig has, else the one of all strips or of those that play at the frame.
    """
    data = rig.animation_data
    if data is None or data.action is not None:
        return (0, "") if data is None else (data.action.session_uid, "")
    strips = [strip for strip in playing(data) if strip.action is not None]
    here = [strip for strip in strips if strip.frame_start <= frame <= strip.frame_end]
    for some in (strips, here):
        if len(found := {strip.action.session_uid for strip in some}) == 1:
            return found.pop(), ""
    if not strips:
        return 0, ""
    values = {"rig": rig.name, "frame": frame}
    if not here:
        return 0, language.told("No strip of “{rig}” plays at frame {frame}: go to one, then describe it again", **values)
    return 0, language.told("Several actions play on “{rig}” at frame {frame}: mute all but one, then describe again", **values)


def described(shown: TMR_PG_state) -> bpy.types.Action | None:
    """The action that was described last; None where it was something else, or has been removed."""
    return next((one for one in bpy.data.actions if _signed(one.session_uid) == shown.told_action), None)


class TMR_OT_rename_action(bpy.types.Operator):
    bl_idname = "tmr.rename_action"
    bl_label = "Rename the Action"
    bl_description = (
        "Name the action that was described by this sentence, without who does it and cut to what lists show.\n"
        "Everything that uses the action goes on using it. The name can be edited below"
    )
    bl_options = {"REGISTER", "UNDO"}

    text: StringProperty(name="Sentence", description="What the name is made of", options={"HIDDEN", "SKIP_SAVE"})
    action_name: StringProperty(
        name="Name", description="The action's new name; empty makes it of the sentence", options={"SKIP_SAVE"}
    )
    poll_message_set: Any

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        why = state(context).told_why
        if why:
            cls.poll_message_set(why)
        else:
            cls.poll_message_set(language.told, "Describe the action of a rig first: only an action can be renamed")
        return described(state(context)) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        action = described(state(context))
        try:
            if action is None:
                raise QueryProblem("The action that was described is gone: describe another one.")
            self.action_name = self.action_name.strip() or short_name(self.text)
            former = renamed(action, self.action_name)
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        now = language.told("“{former}” is now “{name}”", former=former, name=action.name)
        self.report({"INFO"}, now + _besides(action, self.action_name))
        return {"FINISHED"}


def renamed(action: bpy.types.Action, name: str) -> str:
    """Give an action a name, and what speaks of it by name; its former one. Raises QueryProblem where it can't have it."""
    if not action.is_editable:
        raise QueryProblem(f"“{action.name}” is linked from another file: make it local first, or rename it there.")
    if not name:
        raise QueryProblem("There is no word in that to name the action by.")
    former, action.name = action.name, name.encode()[:MOST_BYTES].decode(errors="ignore")
    for scene in bpy.data.scenes:
        kept = moments.of(scene)
        if kept.action == former and not scene.library:
            kept.action = action.name
    return former


def _besides(action: bpy.types.Action, wanted: str) -> str:
    """What else there is to say about a new name."""
    told = []
    if action.name != wanted:
        told.append(language.told("“{name}” is taken", name=wanted))
    users = action.users - (1 if action.use_fake_user else 0)
    if users > 1:
        told.append(language.told("it is used in {count} places", count=users))
    if action.asset_data is not None:
        told.append(language.told("as an asset, too"))
    return f" ({'; '.join(told)})" if told else ""


_CLASSES = (TMR_OT_rename_action, TMR_PT_told)


def register() -> None:
    """Register the operator, and the panel below the search's."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
