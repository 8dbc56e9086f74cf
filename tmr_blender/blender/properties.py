# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""What the window shows: the query, the hits and the work under way.

It lives on the window manager, so that a search never enters the scene, its undo steps or other scenes.
"""

from collections.abc import Callable

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import filtering

on_choice: list[Callable[[], None]] = []
"""Called when another result is selected, or how results are previewed is changed."""


class TMR_PG_twin(bpy.types.PropertyGroup):
    """A `library.search.Twin`, a take that shows what a hit shows."""

    path: StringProperty()
    take: IntProperty()
    library: StringProperty()
    entry: IntProperty()
    mirrored: BoolProperty()


class TMR_PG_hit(bpy.types.PropertyGroup):
    """A `library.search.Hit`; `name` comes with every property group."""

    caption: StringProperty()
    title: StringProperty(description="What it is called in the list, told apart from the others there")
    ending: StringProperty(description="Its name without the beginning that all names there have")
    score: FloatProperty()
    start: FloatProperty()
    end: FloatProperty()
    duration: FloatProperty()
    path: StringProperty()
    take: IntProperty()
    matched: StringProperty()
    library: StringProperty()
    entry: IntProperty()
    mark: IntProperty(description="Its place among the marked results, from 1; 0 is not marked")
    tagged: StringProperty()
    twins: CollectionProperty(type=TMR_PG_twin)


class TMR_PG_said(bpy.types.PropertyGroup):
    """A sentence about a motion. kind: "measured", or "caption" of a similar take, the `source`, with its score."""

    text: StringProperty()
    kind: StringProperty()
    score: FloatProperty()
    source: StringProperty()


def _typed(state: "TMR_PG_state", context: bpy.types.Context) -> None:
    """Enter in the text field searches; a query that the search itself shows does not search again."""
    query = state.query.strip()
    if query and query != state.asked and not bpy.app.background and context.window is not None:
        bpy.ops.tmr.search("INVOKE_DEFAULT", query=query)


def _chosen(state: "TMR_PG_state", context: bpy.types.Context) -> None:
    for call in on_choice:
        call()


class TMR_PG_state(bpy.types.PropertyGroup):
    query: StringProperty(
        name="Motion",
        description="What you would tell a friend you see: who does what, how, in which order. Press Enter to search",
        update=_typed,
        options={"SKIP_SAVE"},
    )
    asked: StringProperty(description="The query sent last", options={"SKIP_SAVE"})
    searched: StringProperty(description="What the hits answer: a query, or such as “like Walk_01”", options={"SKIP_SAVE"})
    like: BoolProperty(description="Whether the hits answer a motion", options={"SKIP_SAVE"})
    hits: CollectionProperty(type=TMR_PG_hit, options={"SKIP_SAVE"})
    active: IntProperty(
        name="Result", description="The motion that Apply puts on the rig", update=_chosen, options={"SKIP_SAVE"}
    )
    preview: BoolProperty(
        name="Preview",
        description=(
            "Play the selected result in the 3D view, as a ghost as tall as the active rig. Nothing in the scene changes.\n"
            "Arrow keys over the list go to the next result, Esc over the view ends it"
        ),
        default=True,
        update=_chosen,
        options={"SKIP_SAVE"},
    )
    preview_at: EnumProperty(
        name="Ghost",
        description="Where the ghost of the selected result stands",
        items=[
            ("BESIDE", "Beside", "Beside the active rig, so that both can be seen"),
            ("ON", "On", "Where the active rig stands: the way that the motion would go from there"),
        ],
        update=_chosen,
        options={"SKIP_SAVE"},
    )
    told: CollectionProperty(type=TMR_PG_said, options={"SKIP_SAVE"})
    told_of: StringProperty(description="The motion that was described", options={"SKIP_SAVE"})
    told_why: StringProperty(description="Why what was described of a rig can't be renamed", options={"SKIP_SAVE"})
    told_action: IntProperty(description="The session_uid of the action that was described, else 0", options={"SKIP_SAVE"})
    work: StringProperty(description="What is under way, for people; empty when idle", options={"SKIP_SAVE"})
    filters: PointerProperty(type=filtering.TMR_PG_filters, options={"SKIP_SAVE"})
    progress: FloatProperty(subtype="FACTOR", min=0.0, max=1.0, options={"SKIP_SAVE"})
    sent: BoolProperty(description="Whether results were sent to an asset library", options={"SKIP_SAVE"})


_CLASSES = (TMR_PG_twin, TMR_PG_hit, TMR_PG_said, TMR_PG_state)


def state(context: bpy.types.Context) -> TMR_PG_state:
    """The extension's state in this session."""
    return context.window_manager.tmr


def register() -> None:
    """Register the classes and hang the state on the window manager."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.WindowManager.tmr = PointerProperty(type=TMR_PG_state, options={"SKIP_SAVE"})


def unregister() -> None:
    """Undo `register`."""
    del bpy.types.WindowManager.tmr
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
