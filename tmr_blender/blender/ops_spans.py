# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Where in the take of a result it happens, before the take is on a rig: its best spans, of which one is taken with a click.

The spans belong to one result and one description; another search, or another result asked about, replaces them.
"""

from collections.abc import Mapping
from typing import Any

import bpy
from bpy.props import CollectionProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from ..errors import QueryProblem, TMRError
from . import changes, moments, units
from .language import marked, told
from .libraries import wrapped
from .ops_similar import AboutAHit
from .properties import TMR_PG_hit, TMR_PG_state, state

LOOKING = marked("Looking through the take")
LEAST = 4.0
"""Seconds of a take below which the button is not offered: all of it is one moment."""
SAME = 0.01
"""Seconds by which the ends of a span may differ from those of the result and still be its: properties hold 32 bits."""


class TMR_PG_span(bpy.types.PropertyGroup):
    """A `library.moments.Moment`, seconds of the take."""

    start: FloatProperty()
    end: FloatProperty()
    score: FloatProperty()


class TMR_PG_spans(bpy.types.PropertyGroup):
    """What was found in one take, best first."""

    query: StringProperty()
    library: StringProperty()
    entry: IntProperty()
    items: CollectionProperty(type=TMR_PG_span)


def kept(context: bpy.types.Context) -> TMR_PG_spans:
    """What was found last."""
    return context.window_manager.tmr_spans


def belongs(found: TMR_PG_spans, hit: TMR_PG_hit) -> bool:
    """Whether the spans are of the result's take."""
    return len(found.items) > 0 and (found.library, found.entry) == (hit.library, hit.entry)


def _forget_library(library: str) -> None:
    found = kept(bpy.context)
    if found.library == library:
        found.items.clear()


class TMR_OT_moments_of_result(AboutAHit, bpy.types.Operator):
    bl_idname = "tmr.moments_of_result"
    bl_label = "Moments in This Take"
    bl_description = (
        "Look closely through the whole take for what you described, and list its best spans. A click on one previews it, and "
        "Apply then takes just that span.\nNothing in the scene changes; Esc stops it"
    )
    bl_options = {"REGISTER"}

    query: StringProperty(
        name="Moment", description="What happens, in words; empty takes the last search's", options={"SKIP_SAVE"}
    )
    limit: IntProperty(name="Moments", description="How many spans to list at most", default=5, min=1, max=100)
    work = LOOKING

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        shown = state(context)
        query = self.query.strip() or shown.asked.strip() or shown.query.strip()
        try:
            if not query:
                raise QueryProblem("Describe the moment first: type it into the search field.")
            hit = self.chosen(context)
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        self.about = query, hit.library, hit.entry, hit.name
        return self.begin(context, "curve", {"query": query, "limit": self.limit, "library": hit.library, "entry": hit.entry})

    def describe(self, progress: Any) -> tuple[float, str]:
        return float(progress), LOOKING

    def finish(self, context: bpy.types.Context, result: Mapping[str, Any]) -> set[str]:
        if self.cancelled or not result["moments"]:
            return {"CANCELLED"}
        found = kept(context)
        found.items.clear()
        found.query, found.library, found.entry, name = self.about
        for moment in result["moments"]:
            row = found.items.add()
            row.start, row.end, row.score = moment["start"], moment["end"], moment["score"]
        best = found.items[0]
        self.report(
            {"INFO"},
            told(
                "“{query}” in {name}: best at {span}, {verdict}",
                query=found.query,
                name=name,
                span=units.span(context, best.start, best.end),
                verdict=moments.verdict(best.score),
            ),
        )
        return {"FINISHED"}


class TMR_OT_take_span(bpy.types.Operator):
    bl_idname = "tmr.take_span"
    bl_label = "Take This Moment"
    bl_description = "Preview this span of the take; Apply takes just that. -1 goes back to the whole take"
    bl_options = {"REGISTER"}

    span: IntProperty(name="Moment", description="Counted from 0, the best; -1 is the whole take", default=-1, min=-1)
    poll_message_set: Any

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(told, "Find the moments of a result first")
        return bool(kept(context).items) and bool(state(context).hits)

    def execute(self, context: bpy.types.Context) -> set[str]:
        shown, found = state(context), kept(context)
        at = next((i for i, hit in enumerate(shown.hits) if belongs(found, hit)), -1)
        if at < 0:
            self.report({"ERROR"}, "The result that these moments are of is no longer listed: find them again.")
            return {"CANCELLED"}
        if self.span >= len(found.items):
            sentence = "There is no moment {index}: {count} are listed, counted from 0."
            self.report({"ERROR"}, told(sentence, index=self.span, count=len(found.items)))
            return {"CANCELLED"}
        hit = shown.hits[at]
        if self.span < 0:
            hit.start, hit.end = 0.0, hit.duration
        else:
            hit.start, hit.end = found.items[self.span].start, min(found.items[self.span].end, hit.duration)
        # Setting it previews it, with the span that it has now.
        shown.active = at
        return {"FINISHED"}


def draw(layout: bpy.types.UILayout, shown: TMR_PG_state, columns: int) -> None:
    """The button, and the spans where they are of the selected result."""
    hit, found = shown.hits[shown.active], kept(bpy.context)
    if hit.duration < LEAST or not (shown.asked or shown.query or belongs(found, hit)):
        return
    column = layout.column(align=True)
    column.operator("tmr.moments_of_result", icon="TIME").index = shown.active
    if not belongs(found, hit):
        return
    if found.query != shown.asked:
        for line in wrapped(found.query, columns):
            column.label(text=line, translate=False)
    for i, item in enumerate(found.items):
        chosen = abs(item.start - hit.start) < SAME and abs(min(item.end, hit.duration) - hit.end) < SAME
        text = f"{units.span(bpy.context, item.start, item.end)}:  {moments.verdict(item.score)}"
        column.operator("tmr.take_span", text=text, depress=chosen, translate=False).span = i
    whole = hit.start < SAME and abs(hit.end - hit.duration) < SAME
    column.operator("tmr.take_span", text="The Whole Take", depress=whole).span = -1


_CLASSES = (TMR_PG_span, TMR_PG_spans, TMR_OT_moments_of_result, TMR_OT_take_span)


def register() -> None:
    """Register the classes, and hang what is found on the window manager."""
    changes.on_change.append(_forget_library)
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.WindowManager.tmr_spans = PointerProperty(type=TMR_PG_spans, options={"SKIP_SAVE"})


def unregister() -> None:
    """Undo `register`."""
    changes.on_change.remove(_forget_library)
    del bpy.types.WindowManager.tmr_spans
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
