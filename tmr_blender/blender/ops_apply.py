# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Put a found motion, or one from a file, on a rig."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, StringProperty

from ..errors import TMRError
from ..motion import readers
from ..motion.clip import Clip
from . import ghost
from .apply import apply, armatures, read_take, target, undecided
from .language import told, worded
from .placing import DESCRIPTION, Placing, refusal, said
from .properties import state


class PlacedMotion(Placing):
    """Mix-in: an operator that puts one motion on the target rig."""

    report: Any

    caption: StringProperty(
        description="What the action was found by, which an asset made of it is described by",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def put(self, context: bpy.types.Context, clip: Clip, name: str) -> set[str]:
        """Apply the clip to the target rig and say so."""
        rig, end, placement = target(context), context.scene.frame_end, self.placement(context.scene)
        former = rig.animation_data.action if rig.animation_data is not None else None
        action = apply(context, rig, clip, name, placement)
        ghost.stop()  # the rig itself shows the motion now
        if self.caption:
            action[DESCRIPTION] = self.caption
        pushed = ""
        if former is not None and placement.goes == "strip":
            pushed = told("; {action} became a strip below", action=former.name)
        self.report({"INFO"}, said(rig, action, placement, end) + pushed)
        return {"FINISHED"}


class ChosenMotion(Placing):
    """Mix-in: which motion an operator is about, a result of a search or a take of a file, and how much of it."""

    layout: Any

    whole: EnumProperty(
        name="Part",
        description="How much of the recording goes on the rig",
        items=[
            ("MOMENT", "The Moment", "Only the part that matches the description"),
            ("TAKE", "The Whole Take", "The recording from its first to its last frame"),
        ],
    )
    index: IntProperty(
        name="Result",
        description="Which result, counted from 0; -1 is the one selected in the panel",
        default=-1,
        min=-1,
        options={"HIDDEN", "SKIP_SAVE"},
    )
    path: StringProperty(
        description="The motion file, instead of a result of a search", options={"HIDDEN", "SKIP_SAVE"}, subtype="FILE_PATH"
    )
    take: IntProperty(description="Which take of the file, counted from 0", min=0, options={"HIDDEN", "SKIP_SAVE"})
    start: FloatProperty(description="Where the moment starts, seconds in the take", min=0.0, options={"HIDDEN", "SKIP_SAVE"})
    end: FloatProperty(description="Where the moment ends; 0 is the end of the take", min=0.0, options={"HIDDEN", "SKIP_SAVE"})
    action_name: StringProperty(description="Name of the new action; empty for the take's own", options={"HIDDEN", "SKIP_SAVE"})

    def motion(self, context: bpy.types.Context) -> tuple[Clip, str]:
        """The clip and what its action is called. Raises TMRError where there is none."""
        self._choose(context)
        clip = read_take(Path(self.path), self.take)
        if self.whole == "MOMENT" and self.end > self.start:
            clip = clip.excerpt(self.start, self.end)
        return clip, self.action_name or clip.name

    def _choose(self, context: bpy.types.Context) -> None:
        """Take over what the chosen result says, so that a redo repeats it whatever is searched meanwhile."""
        if self.path:
            return
        shown = state(context)
        chosen = shown.active if self.index < 0 else self.index
        if chosen >= len(shown.hits):
            raise TMRError(
                "Search first: there is no such result to apply." if shown.hits else "Search first, then apply a result."
            )
        hit = shown.hits[chosen]
        self.path, self.take, self.start, self.end, self.action_name = hit.path, hit.take, hit.start, hit.end, hit.name
        if hasattr(self, "caption"):
            self.caption = hit.caption or ("" if shown.like else shown.searched)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "whole")
        self.draw_placement(layout)


class TMR_OT_apply(ChosenMotion, PlacedMotion, bpy.types.Operator):
    bl_idname = "tmr.apply"
    bl_label = "Apply Motion"
    bl_description = (
        "Put this motion on the active rig as a new action, at the current frame; where none of several rigs is active, "
        "choose one.\nThe rig's former action is kept. The panel at the lower left then changes what was applied"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not undecided(context):
            return super().poll(context)
        if context.mode not in {"OBJECT", "POSE"}:
            cls.poll_message_set(refusal(context, undecided(context)[0]))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not undecided(context):
            return self.execute(context)
        try:
            self._choose(context)
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        names = ("path", "take", "start", "end", "action_name", "caption", "whole")
        ask(context, {name: getattr(self, name) for name in names})
        return {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            return self.put(context, *self.motion(context))
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}


def ask(context: bpy.types.Context, motion: Mapping[str, Any]) -> None:
    """Beside the pointer, a menu of the rigs of the scene: the one that is clicked gets the motion."""

    def draw(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
        for rig in armatures(context):
            column = menu.layout.column()
            column.enabled = rig.visible_get() and not refusal(context, rig)
            chosen = column.operator("tmr.drop_on", text=rig.name, translate=False, icon="OUTLINER_OB_ARMATURE")
            chosen.rig = rig.name
            for name, value in motion.items():
                setattr(chosen, name, value)

    context.window_manager.popup_menu(draw, title=worded("Put It on"), icon="ARMATURE_DATA")


class TMR_OT_import_clip(PlacedMotion, bpy.types.Operator):
    bl_idname = "tmr.import_clip"
    bl_label = "Motion onto Rig"
    bl_description = "Read a motion file (BVH, FBX, glTF, AMASS) and put it on the active rig as a new action"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="File", description="The motion file; its first take goes on the rig", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: StringProperty(default="*" + ";*".join(sorted(readers.SUFFIXES)), options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            path = Path(bpy.path.abspath(self.filepath))
            return self.put(context, read_take(path), path.stem)
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

    def draw(self, context: bpy.types.Context) -> None:
        self.draw_placement(self.layout)


def _menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    menu.layout.operator(
        "tmr.import_clip", text=worded("Motion onto Rig ({suffixes})", suffixes="/".join(sorted(readers.SUFFIXES)))
    )


_CLASSES = (TMR_OT_apply, TMR_OT_import_clip)


def register() -> None:
    """Register the classes and the entry in File > Import."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.TOPBAR_MT_file_import.append(_menu)


def unregister() -> None:
    """Undo `register`."""
    bpy.types.TOPBAR_MT_file_import.remove(_menu)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
