# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Search the libraries for a described motion."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import bpy
from bpy.props import IntProperty, StringProperty

from ..errors import LibraryProblem, QueryProblem, TMRError
from . import changes, filtering, history, preferences, textures, wording
from .jobs import WorkerOperator
from .language import marked, told
from .properties import state

EXAMPLES = ("a person does a cartwheel", "someone gets up from the floor", "a person jogs straight ahead")
"""Queries that the starter library has an answer to."""
FOUND = marked("{count} motions for “{query}”")
NOTHING_CLOSE = marked("Nothing close to “{query}” among {count} motions")


def filters_property() -> Any:
    """The property of an operator that lists hits; see `filters_of`."""
    return StringProperty(
        name="Filters",
        description='As JSON, such as {"duration": {"min": 2}, "tag": ["walk"]}; empty takes those of the panel, {} none',
        options={"SKIP_SAVE"},
    )


class TMR_OT_search(WorkerOperator, bpy.types.Operator):
    bl_idname = "tmr.search"
    bl_label = "Search"
    bl_description = (
        "Find the motions that look like the description, best first.\n"
        "The first search of a session takes a few seconds while the networks load"
    )
    bl_options = {"REGISTER"}

    query: StringProperty(name="Motion", description="The motion in words; empty takes what the panel's text field says")
    limit: IntProperty(name="Results", description="How many takes to list at most", default=20, min=1, max=1000)
    library: StringProperty(
        name="Library",
        description="Search this one alone, instead of those that are ticked",
        options={"SKIP_SAVE"},
    )
    filters: filters_property()
    work = marked("Searching")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.properties.is_property_set("query"):
            self.query = state(context).query
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        query = self.query.strip()
        if not query:
            self.report({"ERROR"}, told("Describe a motion first, such as: {example}", example=EXAMPLES[0]))
            return {"CANCELLED"}
        try:
            libraries = [self.library] if self.library else ticked(self, context)
            params = {"filters": filters_of(self, context)}
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        shown = state(context)
        # `asked` first: showing the query would search again otherwise.
        shown.asked = query
        if shown.query != query:
            shown.query = query  # which has the whole window drawn
        return self.begin(context, "search", {**params, "query": query, "libraries": libraries, "limit": self.limit})

    def arrived(self, context: bpy.types.Context, result: Any) -> None:
        show_hits(context, self.query.strip(), result)

    def finish(self, context: bpy.types.Context, result: Any) -> set[str]:
        if self.cancelled:
            return {"CANCELLED"}
        history.add(self.query)
        near = any(hit["score"] >= wording.CLOSE for hit in result)
        self.report({"INFO"}, told(FOUND if near else NOTHING_CLOSE, count=len(result), query=self.query.strip()))
        return {"FINISHED"}


def filters_of(operator: Any, context: bpy.types.Context) -> Any:
    """What the search is narrowed to: by the operator's `filters`, else by the panel's. Raises QueryProblem for no JSON."""
    if not operator.filters.strip():
        return filtering.chosen(state(context).filters)
    try:
        return json.loads(operator.filters)
    except ValueError as error:
        raise QueryProblem(f'The filters are no JSON ({error}), such as {{"duration": {{"min": 2}}}}.') from error


def ticked(operator: Any, context: bpy.types.Context) -> list[str]:
    """The libraries that are ticked. Raises LibraryProblem where none is; the operator warns of those that are too old."""
    for sentence in preferences.left_out(context):
        operator.report({"WARNING"}, sentence)
    found = [str(path) for path in preferences.searched(context)]
    if not found:
        raise LibraryProblem("There is no library to search: tick one under Libraries, or add a folder of motions.")
    return found


def show_hits(context: bpy.types.Context, searched: str, hits: Sequence[Mapping[str, Any]], like: bool = False) -> None:
    """List what was found. searched: what it answers, a description, or such as “like Walk_01” where a motion was the query."""
    changes.notice(item["library"] for hit in hits for item in (hit, *hit["twins"]))
    shown = state(context)
    shown.searched, shown.like = searched, like
    shown.hits.clear()
    shown.active = 0
    for hit in hits:
        row = shown.hits.add()
        _fill(row, {name: value for name, value in hit.items() if name != "twins"})
        for twin in hit["twins"]:
            _fill(row.twins.add(), twin)
    wording.entitle(shown.hits)
    shown.active = 0  # now that it is there, it can be previewed
    textures.redraw_soon()  # the strip; the sidebar comes first


def _fill(group: bpy.types.PropertyGroup, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        setattr(group, name, value)


_CLASSES = (TMR_OT_search,)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
