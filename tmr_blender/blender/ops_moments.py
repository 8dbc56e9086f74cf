# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Find a described moment in what the active rig does, go from one to the next, keep one as an action."""

from collections.abc import Mapping
from typing import Any

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from ..errors import QueryProblem, SkeletonProblem, TMRError
from . import action as action_writer
from . import moments
from .apply import target
from .baking import baked
from .body import Sampling, Span, span_of
from .cut import Made, copied
from .language import marked, told
from .ops_similar import OfTheRig
from .sampled import Reading

LOOKING = marked("Looking through the motion")


class Finding(OfTheRig):
    """Mix-in: what a search for a moment does, in a window or without one."""

    query: str
    limit: int
    method = "curve"
    work = LOOKING
    source: moments.Source
    scene_uid = 0

    def look(self, context: bpy.types.Context) -> set[str]:
        rig, scene = target(context), context.scene
        self.asked = {"query": self.query, "limit": self.limit}
        sampling = Sampling(rig, _span(rig, scene, self.frames), scene)
        self.scene_uid, self.source = scene.session_uid, moments.source_of(rig, sampling.span.first)
        self.reading = Reading(rig, sampling)
        return self.read(context, self.reading)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "TIMER":
            moments.redraw(context)  # their panels show the progress, too
        return super().modal(context, event)

    def describe(self, progress: Any) -> tuple[float, str]:
        return float(progress), LOOKING

    def finish(self, context: bpy.types.Context, result: Mapping[str, Any]) -> set[str]:
        if self.cancelled:
            return {"CANCELLED"}
        scene = next((scene for scene in bpy.data.scenes if scene.session_uid == self.scene_uid), None)
        if scene is None:
            raise QueryProblem("The scene has been removed meanwhile: search again in another one.")
        moments.put(scene, self.query, self.source, result)
        moments.redraw(context)
        best = moments.of(scene).items[0]
        self.report(
            {"INFO"},
            told(
                "“{query}”: best in frames {start} to {end}, {verdict}; {count} marked",
                query=self.query,
                start=best.start,
                end=best.end,
                verdict=moments.verdict(best.score),
                count=len(result["moments"]),
            ),
        )
        return {"FINISHED"}


class TMR_OT_find_moments(Finding, bpy.types.Operator):
    bl_idname = "tmr.find_moments"
    bl_label = "Find Moments"
    bl_description = (
        "Look through what the active rig does for what you describe: the best spans get timeline markers, the best one the "
        "preview range, and the editors of time show how well each frame fits.\nAnother description of the same motion takes "
        "no time. Only these markers are replaced by the next search, never yours"
    )
    # Without REGISTER: a redo panel would sample the rig again with every touch.
    bl_options = {"UNDO"}

    query: StringProperty(
        name="Moment",
        description="What happens, in words; empty takes what the panel's text field says",
        options={"SKIP_SAVE"},
    )
    limit: IntProperty(name="Moments", description="How many spans to mark at most", default=5, min=1, max=100)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.properties.is_property_set("query"):
            self.query = moments.asked(context).query
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        self.query = self.query.strip()
        if not self.query:
            self.report({"ERROR"}, "Describe the moment first, such as: someone kicks")
            return {"CANCELLED"}
        try:
            return self.look(context)
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}


def _span(rig: bpy.types.Object, scene: bpy.types.Scene, frames: str) -> Span:
    """As `span_of`; but a preview range that an earlier search has set is not meant by the scene's."""
    if frames == "SCENE" and moments.previewed(scene):
        name = span_of(rig, scene, frames).name
        return Span(scene.frame_start, scene.frame_end, name)
    return span_of(rig, scene, frames)


def _named(rig: str) -> bpy.types.Object:
    """The rig of that name. Raises SkeletonProblem where it has gone."""
    found = bpy.data.objects.get(rig)
    if found is None or found.pose is None:
        raise SkeletonProblem(f"There is no rig “{rig}” any more: find the moments again.")
    return found


class OfMoments:
    """Mix-in of an operator that needs moments."""

    poll_message_set: Any

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(told, "Find a moment first: describe it in the Moments panel")
        return bool(moments.of(context.scene).items)


def _go(context: bpy.types.Context, index: int) -> set[str]:
    """Show a moment, at its first frame."""
    scene = context.scene
    moments.show(scene, index)
    scene.frame_set(moments.of(scene).items[index].start)
    moments.redraw(context)
    return {"FINISHED"}


class TMR_OT_next_moment(OfMoments, bpy.types.Operator):
    bl_idname = "tmr.next_moment"
    bl_label = "Next Moment"
    bl_description = "Jump to the next moment that was found and make it the preview range, so that Play repeats it"
    bl_options = {"UNDO_GROUPED"}
    bl_undo_group = "TMR_MOMENT"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _go(context, moments.next_to(context.scene, forward=True))


class TMR_OT_previous_moment(OfMoments, bpy.types.Operator):
    bl_idname = "tmr.previous_moment"
    bl_label = "Previous Moment"
    bl_description = "Jump to the moment before and make it the preview range, so that Play repeats it"
    bl_options = {"UNDO_GROUPED"}
    bl_undo_group = "TMR_MOMENT"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _go(context, moments.next_to(context.scene, forward=False))


class OfOne(OfMoments):
    """Mix-in of an operator on one of the moments."""

    index: IntProperty(
        name="Moment",
        description="Which moment, counted from 0, the best; -1 is the one shown, or the one at the current frame",
        default=-1,
        min=-1,
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def chosen(self, scene: bpy.types.Scene) -> int:
        """The moment's index. Raises QueryProblem where there is none of that number."""
        index, count = self.index if self.index >= 0 else moments.at_frame(scene), len(moments.of(scene).items)
        if not 0 <= index < count:
            raise QueryProblem(f"There is no moment {index}: {count} are marked, counted from 0.")
        return index


class TMR_OT_show_moment(OfOne, bpy.types.Operator):
    bl_idname = "tmr.show_moment"
    bl_label = "Show Moment"
    bl_description = "Jump to this moment and make it the preview range, so that Play repeats it"
    bl_options = {"UNDO_GROUPED"}
    bl_undo_group = "TMR_MOMENT"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            return _go(context, self.chosen(context.scene))
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}


class TMR_OT_keep_moment(OfOne, bpy.types.Operator):
    bl_idname = "tmr.keep_moment"
    bl_label = "Keep This Moment"
    bl_description = (
        "Make a new action of just this moment and give it to the rig. Its keys are copied, with new ones at both ends so that "
        "each frame looks as before; what NLA strips or other objects move is baked.\nThe long action stays in the file, whole"
    )
    bl_options = {"REGISTER", "UNDO"}

    at: EnumProperty(
        name="Frames",
        description="Where on the timeline the new action begins",
        items=[
            ("STAY", "Where They Are", "Nothing moves in time: every frame of the moment looks as before"),
            ("START", "At the Scene's Start", "The moment begins with the first frame of the scene"),
            ("CURRENT", "At the Current Frame", "The moment begins where the playhead is"),
        ],
    )
    how: EnumProperty(
        name="Keys",
        description="How the new action comes to its keys",
        items=[
            ("AUTO", "As It Needs", "A copy of the keys where an action moves the rig, baked where something else does"),
            ("COPY", "Copied", "The keys of the action, with their curves and handles"),
            (
                "BAKE",
                "Baked",
                "A key in every frame of all that is animated; what follows other objects is released from them",
            ),
        ],
    )
    action_name: StringProperty(
        name="Name",
        description="Of the new action; empty names it after the description",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        kept = moments.of(context.scene)
        if kept.rig not in bpy.data.objects:
            cls.poll_message_set(told("The rig “{rig}” is gone: find the moments of another one", rig=kept.rig))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        try:
            item = moments.of(scene).items[self.chosen(scene)]
            rig = _named(moments.of(scene).rig)
            action_writer.check(rig)
            action, slot = self._made(scene, rig, item.start, item.end)
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        action_writer.assign(rig, action, slot)
        start, end = (round(at) for at in action.frame_range)
        values = {"action": action.name, "start": start, "end": end, "rig": rig.name}
        self.report({"INFO"}, told("“{action}” has frames {start} to {end} of “{rig}”", **values))
        return {"FINISHED"}

    def _made(self, scene: bpy.types.Scene, rig: bpy.types.Object, first: int, last: int) -> Made:
        kept = moments.of(scene)
        source = _source(kept)
        name = self.action_name.strip() or kept.query
        shift = {"STAY": first, "START": scene.frame_start, "CURRENT": scene.frame_current}[self.at] - first
        strips = rig.animation_data is not None and bool(rig.animation_data.nla_tracks)
        how = self.how if self.how != "AUTO" else "BAKE" if source is None or (strips and shift) else "COPY"
        if how == "BAKE":
            made = baked(rig, scene, source, first, last, name, shift)
            # Over the strips, which it has taken the place of.
            assert rig.animation_data is not None
            rig.animation_data.action_blend_type, rig.animation_data.action_influence = "REPLACE", 1.0
            return made
        if source is None:
            raise QueryProblem(f"No action moves “{rig.name}”, so there are no keys to copy: bake them.")
        return copied(*source, first, last, name, shift)


def _source(kept: moments.TMR_PG_moments) -> Made | None:
    """The action that was looked through, and its slot; None where there was none. Raises QueryProblem where it has gone."""
    if not kept.action:
        return None
    action: Any = bpy.data.actions.get(kept.action)
    if action is None:
        raise QueryProblem(f"The action “{kept.action}” is gone or has another name: find the moments again.")
    slot = next((one for one in action.slots if one.handle == kept.slot), None) if hasattr(action, "slots") else None
    if hasattr(action, "slots") and slot is None:
        raise QueryProblem(f"“{kept.action}” no longer has the slot of “{kept.rig}”: find the moments again.")
    return action, slot


class TMR_OT_clear_moments(OfMoments, bpy.types.Operator):
    bl_idname = "tmr.clear_moments"
    bl_label = "Clear Moments"
    bl_description = "Remove the markers and the curve of the last search, and put the preview range back. Your markers stay"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        moments.clear(context.scene)
        moments.redraw(context)
        return {"FINISHED"}


_CLASSES = (
    TMR_OT_find_moments,
    TMR_OT_next_moment,
    TMR_OT_previous_moment,
    TMR_OT_show_moment,
    TMR_OT_keep_moment,
    TMR_OT_clear_moments,
)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
