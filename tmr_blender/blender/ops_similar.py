# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""A motion as the query, what the active rig does or a result of a search: find takes like it, say what it shows."""

from collections.abc import Mapping
from typing import Any

import bpy
from bpy.props import EnumProperty, IntProperty

from ..errors import QueryProblem, SkeletonProblem, TMRError
from ..library.wire import to_text
from . import language, preferences, told
from .apply import target
from .body import Sampling, span_of
from .jobs import WorkerOperator, show, waits
from .language import marked, worded
from .ops_search import filters_of, filters_property, show_hits, ticked
from .properties import TMR_PG_hit, state
from .sampled import Reading

READING = marked("Reading the rig")
SLICE = 0.05
"""Seconds for which a rig is sampled before the window is drawn again."""


class OfTheRig(WorkerOperator):
    """Mix-in: the motion is what the active rig does. It is sampled first, then sent with the request."""

    poll_message_set: Any
    reading: Reading | None = None
    asked: Mapping[str, Any]
    method = ""

    frames: EnumProperty(
        name="Frames",
        description="Which frames of the rig are looked at, as it plays: with its constraints, drivers and NLA strips",
        items=[
            ("ACTION", "The Action", "From the first to the last key of its action; without one, what its NLA strips cover"),
            ("KEYS", "The Selected Keys", "From the first to the last selected key of its action"),
            ("SCENE", "The Scene's Range", "The preview range where that is on, else from the scene's start to its end"),
        ],
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            rig = target(context)
        except SkeletonProblem as problem:
            cls.poll_message_set(str(problem))
            return False
        if rig.mode == "EDIT":
            cls.poll_message_set(language.told, "Leave the edit mode first: nothing is animated in it")
            return False
        return True

    def sample(self, context: bpy.types.Context, asked: Mapping[str, Any]) -> set[str]:
        """Sample the rig, then send the request with what is `asked` besides."""
        rig = target(context)
        self.asked = asked
        self.reading = Reading(rig, Sampling(rig, span_of(rig, context.scene, self.frames), context.scene))
        return self.read(context, self.reading)

    def read(self, context: bpy.types.Context, reading: Reading) -> set[str]:
        """Wait for the body, or come back and read on; then send the request. What takes one slice is not announced."""
        if reading.run(None if waits(context) else SLICE):
            return self.begin(context, self.method, self._params(reading))
        answer = self.watch(context)
        show(context, READING, reading.progress)
        return answer

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.reading is None or self.request is not None:
            return super().modal(context, event)
        if self.cancelled or (event.type == "ESC" and event.value == "PRESS"):
            self.stop(context)
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if not self.reading.run(SLICE):
                show(context, READING, self.reading.progress)
                return {"PASS_THROUGH"}
            params = self._params(self.reading)
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            self.stop(context)
            return {"CANCELLED"}
        if not self.ask(self.method, params):
            self.stop(context)
            return {"CANCELLED"}
        show(context, self.work, 1.0)
        return {"PASS_THROUGH"}

    def _params(self, reading: Reading) -> dict[str, Any]:
        body = reading.body
        assert body is not None
        return {**self.asked, "positions": to_text(body.positions), "fps": body.fps, "name": body.name}


class AboutAHit(WorkerOperator):
    """Mix-in: it is about a result of a search."""

    poll_message_set: Any

    index: IntProperty(
        name="Result",
        description="Which result, counted from 0; -1 is the one selected in the panel",
        default=-1,
        min=-1,
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(language.told, "Search first, then choose a result")
        return bool(state(context).hits)

    def chosen(self, context: bpy.types.Context) -> TMR_PG_hit:
        """The result. Raises QueryProblem where there is none of that number."""
        shown = state(context)
        index = shown.active if self.index < 0 else self.index
        if not 0 <= index < len(shown.hits):
            raise QueryProblem(f"There is no result {index}: {len(shown.hits)} are listed, counted from 0.")
        return shown.hits[index]


class OfAHit(AboutAHit):
    """Mix-in: the motion is a result of a search, its moment or the whole take."""

    whole: EnumProperty(
        name="Part",
        description="How much of the recording is looked at",
        items=[
            ("MOMENT", "The Moment", "Only the part that the search has found"),
            ("TAKE", "The Whole Take", "The recording from its first to its last frame"),
        ],
    )

    def motion(self, hit: TMR_PG_hit) -> dict[str, Any]:
        """The request's part that says which motion."""
        named = {"library": hit.library, "entry": hit.entry}
        moment = self.whole == "MOMENT" and hit.end > hit.start
        return {**named, "start": hit.start, "end": hit.end} if moment else named


class Similar(WorkerOperator):
    """Mix-in: the answer is listed in place of a search's results."""

    limit: IntProperty(name="Results", description="How many takes to list at most", default=20, min=1, max=1000)
    filters: filters_property()
    work = marked("Searching")
    like = ""
    """What the motion is called."""

    def narrowed(self, context: bpy.types.Context) -> dict[str, Any]:
        """The request's part that says where to look."""
        return {"libraries": ticked(self, context), "limit": self.limit, "filters": filters_of(self, context)}

    def finish(self, context: bpy.types.Context, result: Any) -> set[str]:
        if self.cancelled:
            return {"CANCELLED"}
        shown = state(context)
        # The text would say what these are not the answer to.
        shown.asked = shown.query = ""
        show_hits(context, worded("like {name}", name=self.like), result, like=True)
        self.report({"INFO"}, language.told("{count} motions like {name}", count=len(result), name=self.like))
        return {"FINISHED"}


class Described(WorkerOperator):
    """Mix-in: the answer is a `library.similar.Description`, for the panel, a popup and scripts."""

    limit: IntProperty(name="Captions", description="How many captions to list at most", default=8, min=0, max=100)
    work = marked("Describing")
    action = 0
    """The session_uid of the action that can be renamed by what is said, 0 where there is none."""
    why = ""
    """There is none, though a rig is described."""

    def finish(self, context: bpy.types.Context, result: Any) -> set[str]:
        if self.cancelled:
            return {"CANCELLED"}
        told.keep(state(context), result, self.action, self.why)
        self.report({"INFO"}, told.summary(state(context)))
        if not waits(context):
            told.popup(context)
        return {"FINISHED"}


def _searched(context: bpy.types.Context) -> list[str]:
    """Libraries for captions; a description can do without."""
    return [str(path) for path in preferences.searched(context)]


class TMR_OT_find_similar(OfTheRig, Similar, bpy.types.Operator):
    bl_idname = "tmr.find_similar"
    bl_label = "Find Similar to the Action"
    bl_description = (
        "Find the takes that move as the active rig does, best first. It may be any animation, keyed by hand, baked or of an "
        "NLA strip.\nNothing in the scene changes"
    )
    bl_options = {"REGISTER"}
    method = "similar"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            result = self.sample(context, self.narrowed(context))
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        return result

    def finish(self, context: bpy.types.Context, result: Any) -> set[str]:
        assert self.reading is not None
        self.like = self.reading.sampling.span.name
        return super().finish(context, result)


class TMR_OT_more_like_this(OfAHit, Similar, bpy.types.Operator):
    bl_idname = "tmr.more_like_this"
    bl_label = "More Like This"
    bl_description = "Find other takes that move as this result does at the moment that was found, best first"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            hit = self.chosen(context)
            self.like = hit.name
            params = {**self.motion(hit), **self.narrowed(context)}
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        return self.begin(context, "similar", params)


class TMR_OT_describe_action(OfTheRig, Described, bpy.types.Operator):
    bl_idname = "tmr.describe_action"
    bl_label = "Describe the Action"
    bl_description = (
        "Say what the active rig does: what is measured, and the captions of the takes most like it. Any sentence can then be "
        "searched for.\nNothing in the scene changes"
    )
    bl_options = {"REGISTER"}
    method = "describe"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self.action, self.why = told.nameable(target(context), context.scene.frame_current)
            result = self.sample(context, {"libraries": _searched(context), "limit": self.limit})
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        return result


class TMR_OT_describe_result(OfAHit, Described, bpy.types.Operator):
    bl_idname = "tmr.describe_result"
    bl_label = "Describe"
    bl_description = "Say what this result shows: what is measured, and the captions of the takes most like it"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            params = {**self.motion(self.chosen(context)), "libraries": _searched(context), "limit": self.limit}
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        return self.begin(context, "describe", params)


_CLASSES = (TMR_OT_find_similar, TMR_OT_more_like_this, TMR_OT_describe_action, TMR_OT_describe_result)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
