# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Put a found motion, or one from a file, on a rig."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..errors import SkeletonProblem, TMRError
from ..motion import readers
from ..motion.clip import Clip
from .apply import Placement, apply, read_take, target
from .properties import state


class PlacedMotion:
    """Mix-in: the choices about where a motion goes, as the redo panel shows them."""

    report: Any
    poll_message_set: Any

    at: EnumProperty(
        name="Start",
        description="Where on the timeline the motion starts",
        items=[
            ("CURRENT", "Current Frame", "The first key is at the frame shown now"),
            ("START", "Scene Start", "The first key is at the first frame of the scene"),
        ],
    )
    in_place: BoolProperty(
        name="In Place",
        description="Keep the body over where it stands: for cycles that the game engine moves. Jumps keep their height",
        default=False,
    )
    heading: EnumProperty(
        name="Facing",
        description="Which way the motion starts out",
        items=[
            ("rig", "As the Rig", "Turn the motion so that it starts facing where the rig faces"),
            ("take", "As the Take", "Keep the directions of the recording, so that several takes of one session fit together"),
        ],
    )
    feet: BoolProperty(
        name="Plant Feet",
        description="Hold the feet in place while they stand in the recording. Legs bend as that takes",
        default=False,
    )
    mirror: BoolProperty(name="Mirror", description="Exchange left and right", default=False)
    speed: FloatProperty(
        name="Speed",
        description="How many times as fast as recorded",
        default=1.0,
        min=0.05,
        soft_min=0.25,
        soft_max=4.0,
        max=20.0,
    )
    loop: BoolProperty(
        name="Loop",
        description="Keep only the part that repeats best, its end blended into its beginning, and mark the action as cyclic",
        default=False,
    )
    tolerance: FloatProperty(
        name="Key Tolerance",
        description="Fewer keys, on Bezier curves: how many degrees bones may be off, and 5 mm for each. 0 keys every frame",
        default=0.0,
        min=0.0,
        soft_max=5.0,
        max=20.0,
    )
    extent: EnumProperty(
        name="Frame Range",
        description="What happens to the scene's start and end frames",
        items=[
            ("EXTEND", "Extend", "Move the end frame if the motion is longer, so that playback shows all of it"),
            ("FIT", "Fit", "Start and end exactly with the motion"),
            ("KEEP", "Keep", "Leave both as they are; what goes beyond the end does not play"),
        ],
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            rig = target(context)
        except SkeletonProblem as problem:
            cls.poll_message_set(str(problem))
            return False
        if context.mode not in {"OBJECT", "POSE"}:
            cls.poll_message_set("Leave the edit mode first: a motion is put on in object or pose mode")
            return False
        if rig.library is not None and rig.override_library is None:
            cls.poll_message_set(f"{rig.name} is linked: make a library override of it first (Object > Library Override)")
            return False
        return True

    def put(self, context: bpy.types.Context, clip: Clip, name: str) -> set[str]:
        """Apply the clip to the target rig and say so."""
        scene = context.scene
        first = scene.frame_current if self.at == "CURRENT" else scene.frame_start
        end = scene.frame_end
        rig = target(context)
        placement = Placement(
            first,
            self.extent,
            self.heading,
            travel=not self.in_place,
            feet=self.feet,
            mirror=self.mirror,
            speed=self.speed,
            loop=self.loop,
            tolerance=self.tolerance,
        )
        action = apply(context, rig, clip, name, placement)
        grown = f"; the scene now ends at frame {scene.frame_end}" if scene.frame_end != end else ""
        self.report({"INFO"}, f"{action.name} is on {rig.name}{grown}")
        return {"FINISHED"}

    def draw_placement(self, layout: bpy.types.UILayout) -> None:
        """The choices, in the redo panel and in the file browser."""
        layout.use_property_split = True
        for name in ("at", "heading", "in_place", "feet", "mirror", "speed", "loop", "tolerance", "extent"):
            layout.prop(self, name)


class TMR_OT_apply(PlacedMotion, bpy.types.Operator):
    bl_idname = "tmr.apply"
    bl_label = "Apply Motion"
    bl_description = (
        "Put this motion on the active rig as a new action, at the current frame.\n"
        "The rig's former action is kept. The panel at the lower left then changes what was applied"
    )
    bl_options = {"REGISTER", "UNDO"}

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

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self._choose(context)
            clip = read_take(Path(self.path), self.take)
            if self.whole == "MOMENT" and self.end > self.start:
                clip = clip.cut(self.start, self.end)
            return self.put(context, clip, self.action_name or clip.name)
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

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

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "whole")
        self.draw_placement(self.layout)


class TMR_OT_import_clip(PlacedMotion, bpy.types.Operator):
    bl_idname = "tmr.import_clip"
    bl_label = "Motion onto Rig"
    bl_description = "Read a motion file (BVH, FBX, glTF, AMASS) and put it on the active rig as a new action"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
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
    menu.layout.operator("tmr.import_clip", text="Motion onto Rig (" + "/".join(sorted(readers.SUFFIXES)) + ")")


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
