# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Many at once: motions in sequence, one motion onto many rigs, many motions onto one rig."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..errors import QueryProblem, SkeletonProblem, TMRError
from ..library import folder
from ..motion import readers
from ..motion.clip import Clip
from . import apply, ghost
from .apply import Placement, target
from .background import SlicedOperator, Work
from .language import marked, told, worded
from .ops_apply import ChosenMotion
from .placing import Placing, refusal, said
from .properties import state
from .scenes import scene_fps
from .several import SeveralMotions, Source

NO_RESULT = marked("There is no result {index}: the list has {count}, counted from 0.")
MOST_NAMED, MOST_TOLD = 3, 20
"""Names in a report, and problems that are told one by one."""

MOST_LETTERS = 60
"""Of an action's name; Blender cuts what is longer."""


class TMR_OT_mark_result(bpy.types.Operator):
    bl_idname = "tmr.mark_result"
    bl_label = "Mark Result"
    bl_description = "Choose this motion, to put several on a rig: one after another in the order of marking, or each by itself"
    bl_options = {"INTERNAL"}

    index: IntProperty(name="Result", description="Counted from 0; -1 takes all marks away", default=-1, min=-1)

    def execute(self, context: bpy.types.Context) -> set[str]:
        hits = state(context).hits
        if self.index >= len(hits):
            self.report({"ERROR"}, told(NO_RESULT, index=self.index, count=len(hits)))
            return {"CANCELLED"}
        if self.index >= 0:
            hit = hits[self.index]
            hit.mark = 0 if hit.mark else 1 + max(other.mark for other in hits)
        else:
            for hit in hits:
                hit.mark = 0
        for place, hit in enumerate(sorted((hit for hit in hits if hit.mark), key=lambda hit: hit.mark), 1):
            hit.mark = place
        return {"FINISHED"}


class TMR_OT_apply_sequence(SeveralMotions, bpy.types.Operator):
    bl_idname = "tmr.apply_sequence"
    bl_label = "Apply in Sequence"
    bl_description = (
        "Put the marked motions on the active rig one after another, as one action.\n"
        "Each starts where and facing as the one before ends, and fades into it"
    )
    bl_options = {"REGISTER", "UNDO"}

    overlap: FloatProperty(
        name="Overlap",
        description="Seconds in which two motions play, one fading into the next; less where one is shorter than twice that",
        default=0.3,
        min=0.0,
        soft_max=2.0,
        max=60.0,
        step=10,
        subtype="TIME_ABSOLUTE",
    )
    markers: BoolProperty(
        name="Markers", description="Set a timeline marker with its name where each motion begins", default=False
    )
    action_name: StringProperty(description="Name of the new action; empty joins those of the motions", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        rig, scene, end = target(context), context.scene, context.scene.frame_end
        placement = replace(self.placement(scene), overlap=self.overlap)
        try:
            sources = self.sources(context)
            made = [item for source in sources for item in _contents(source)]
            name = self.action_name or ", ".join(source.name for source in sources)[:MOST_LETTERS]
            action, starts = apply.sequence(context, rig, made, name, placement)
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        ghost.stop()  # the rig itself shows the motions now
        if self.markers:
            for source, frame in zip(sources, starts, strict=True):
                scene.timeline_markers.new(source.name, frame=frame)
        self.report({"INFO"}, said(rig, action, placement, end) + told(", {count} motions in sequence", count=len(sources)))
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        column = self.layout.column(align=True)
        column.prop(self, "overlap")
        column.prop(self, "markers")
        self.draw_placement(self.layout, without=("loop",))


def _contents(source: Source) -> list[Clip | bpy.types.Action]:
    """A clip, or an action of the rig. Raises TMRError."""
    if not source.action:
        return list(source.clips())
    action = bpy.data.actions.get(source.action)
    if action is None:
        raise QueryProblem(f"There is no action {source.action}.")
    return [action]


class TMR_OT_apply_to_selected(ChosenMotion, bpy.types.Operator):
    bl_idname = "tmr.apply_to_selected"
    bl_label = "Apply to Selected Rigs"
    bl_description = (
        "Put this motion on every selected rig, each with an action of its own, where it stands.\n"
        "Rigs that can't take it are named, the others get it"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not selected_rigs(context):
            cls.poll_message_set(told, "Select the rigs, or their meshes, that this motion goes to")
            return False
        if context.mode not in {"OBJECT", "POSE"}:
            cls.poll_message_set(told, "Leave the edit mode first: a motion is put on in object or pose mode")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        placement = self.placement(context.scene)
        problems: list[str] = []
        done: list[str] = []
        try:
            clip, name = self.motion(context)
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for rig in selected_rigs(context):
            try:
                _check(context, rig)
                apply.apply(context, rig, clip, name, placement)
                done.append(rig.name)
            except TMRError as error:
                problems.append(str(error))
        _report(self, problems, done)
        if not done:
            return {"CANCELLED"}
        ghost.stop()
        self.report({"INFO"}, told("{name} is on {rigs}", name=name, rigs=_counted(done, RIGS)))
        return {"FINISHED"}


def selected_rigs(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected armatures and those of selected meshes, each once."""
    found = (item if item.type == "ARMATURE" else item.find_armature() for item in context.selected_objects)
    return list({rig.name_full: rig for rig in found if rig is not None}.values())


def _check(context: bpy.types.Context, rig: bpy.types.Object) -> None:
    reason = refusal(context, rig)
    if reason:
        raise SkeletonProblem(f"{reason}.")


class EachMotion(SlicedOperator):
    """Mix-in: make an action of the target rig from each of many motions."""

    arrange: EnumProperty(
        name="Arrange",
        description="What becomes of the actions",
        items=[
            ("ACTIONS", "Action List", "Each starts at the same frame; the rig keeps the action it has, or gets the first"),
            ("STRIPS", "NLA Strips", "One strip after another; with Blend In, each goes on from the one before"),
        ],
    )
    layout: Any
    done: list[str]
    problems: list[str]
    total = 0
    read = 0

    def each(self, context: bpy.types.Context, sources: list[Source], placement: Placement) -> set[str]:
        """Begin with them."""
        self.done, self.problems, self.total = [], [], len(sources)
        placement = replace(placement, goes="strip" if self.arrange == "STRIPS" else "action")
        return self.begin(context, _each(self, context, target(context).session_uid, sources, placement))

    def describe(self) -> tuple[float, str]:
        return self.read / max(self.total, 1), told(
            "{done} of {total}, {actions}", done=self.read, total=self.total, actions=_counted(self.done, ACTIONS)
        )

    def finish(self, context: bpy.types.Context) -> set[str]:
        _report(self, self.problems, self.done)
        if not self.done:
            return {"CANCELLED"}
        ghost.stop()
        stopped = told("; stopped after {done} of {total}", done=self.read, total=self.total) if self.cancelled else ""
        self.report({"INFO"}, told("{actions} made", actions=_counted(self.done, ACTIONS)) + stopped)
        return {"FINISHED"}


class TMR_OT_apply_each(EachMotion, SeveralMotions, bpy.types.Operator):
    bl_idname = "tmr.apply_each"
    bl_label = "Apply Each"
    bl_description = (
        "Make an action of the active rig from each of the marked motions.\n"
        "All are kept in the file; Esc stops, and keeps what is done"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            return self.each(context, self.sources(context), self.placement(context.scene))
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

    def draw(self, context: bpy.types.Context) -> None:
        _draw_each(self)


class TMR_OT_apply_folder(EachMotion, Placing, bpy.types.Operator):
    bl_idname = "tmr.apply_folder"
    bl_label = "Folder onto Rig"
    bl_description = (
        "Make an action of the active rig from every take of every motion file in a folder and below it.\n"
        "All are kept in the file; Esc stops, and keeps what is done"
    )
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(
        name="Folder",
        description="The folder of motion files, with its subfolders",
        options={"SKIP_SAVE"},
        subtype="DIR_PATH",
    )
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        root = Path(bpy.path.abspath(self.directory))
        try:
            found = folder.listing(root, tuple(readers.SUFFIXES)).files
            sources = [Source(Path(file.path).stem, str(root / file.path), -1) for file in found]
            return self.each(context, sources, self.placement(context.scene))
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

    def draw(self, context: bpy.types.Context) -> None:
        _draw_each(self)


def _draw_each(operator: Any) -> None:
    operator.layout.use_property_split = True
    operator.layout.prop(operator, "arrange")
    operator.draw_placement(operator.layout, without=("goes",) if operator.arrange == "STRIPS" else ("goes", "blend_in"))


def _each(operator: EachMotion, context: bpy.types.Context, uid: int, sources: Iterable[Source], placement: Placement) -> Work:
    """Read, compose and put motion after motion: the first two in a thread."""
    stage: apply.Stage | None = None
    for source in sources:
        try:
            clips = yield source.clips, ()
        except TMRError as problem:
            operator.problems.append(str(problem))
            clips = []
        for clip in clips:
            try:
                placement = _beside(_rig(uid), placement)
                # What a strip goes on from is known only when the one before lies there.
                if stage is None or placement.goes == "strip":
                    stage = apply.read_stage(context, _rig(uid), placement)
                composed = yield apply.compose, ([clip], stage, placement, scene_fps(context.scene))
                action = apply.put(context, _rig(uid), composed, clip.name, placement, stage.plays)
            except TMRError as problem:
                operator.problems.append(str(problem))
                continue
            action.use_fake_user = True
            operator.done.append(action.name)
            if placement.goes == "strip":
                placement = replace(placement, at=placement.at + max(1, composed.keys.frames - placement.blend))
        operator.read += 1


def _beside(rig: bpy.types.Object, placement: Placement) -> Placement:
    """An action stays beside the one that the rig has."""
    if placement.goes == "action" and rig.animation_data is not None and rig.animation_data.action is not None:
        return replace(placement, goes="file")
    return placement


def _rig(uid: int) -> bpy.types.Object:
    """The rig, which may have been removed or undone between two slices."""
    rig = next((item for item in bpy.data.objects if item.session_uid == uid), None)
    if rig is None:
        raise SkeletonProblem("The rig has been removed meanwhile.")
    return rig


RIGS = (marked("{count} rig ({names})"), marked("{count} rigs ({names})"))
ACTIONS = (marked("{count} action ({names})"), marked("{count} actions ({names})"))


def _counted(names: list[str], what: tuple[str, str]) -> str:
    """A number of things and the names of the first; what: the words for one and for several."""
    shown = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
    return told(what[len(names) != 1], count=len(names), names=shown)


def _report(operator: Any, problems: list[str], done: list[str]) -> None:
    """A warning for each problem, or where nothing went well an error: to a script that is an exception."""
    rest = [told("and {count} more like these.", count=len(problems) - MOST_TOLD)] if len(problems) > MOST_TOLD else []
    shown = [*problems[:MOST_TOLD], *rest]
    if not done:
        operator.report({"ERROR"}, "\n".join(shown) or told("There was nothing to do."))
        return
    for sentence in shown:
        operator.report({"WARNING"}, sentence)


def _menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    menu.layout.operator("tmr.apply_folder", text="Folder of Motions onto Rig")


class TMR_MT_several(bpy.types.Menu):
    bl_idname = "TMR_MT_several"
    bl_label = "Apply Otherwise"
    bl_description = "One motion onto many rigs, many motions onto one, and actions as assets"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        count = sum(1 for hit in state(context).hits if hit.mark)
        layout.operator("tmr.apply_to_selected", icon="OUTLINER_OB_ARMATURE").index = state(context).active
        layout.separator()
        layout.label(text=worded("{count} Marked", count=count) if count else "Marked: none yet")
        layout.operator("tmr.apply_sequence", icon="NLA")
        layout.operator("tmr.apply_each", icon="ACTION")
        layout.operator("tmr.mark_result", text="Clear Marks", icon="X").index = -1
        layout.separator()
        layout.operator("tmr.apply_folder", icon="FILE_FOLDER")
        layout.separator()
        layout.operator("tmr.mark_asset", icon="ASSET_MANAGER")
        layout.operator("tmr.export_assets", icon="EXPORT")


_CLASSES = (
    TMR_OT_mark_result,
    TMR_OT_apply_sequence,
    TMR_OT_apply_to_selected,
    TMR_OT_apply_each,
    TMR_OT_apply_folder,
    TMR_MT_several,
)


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
