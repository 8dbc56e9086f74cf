# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""What a search in the window is narrowed to: properties and their drawing, made from the table `library.filters.FILTERS`."""

from collections.abc import Callable
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..library.filters import FILTERS, Filter
from .language import worded

BOUNDS = (("min", "At Least"), ("max", "At Most"))
_SWITCH = (("ANY", "Any", "Takes of both kinds"), ("YES", "Yes", "Only these"), ("NO", "No", "Only the others"))


def _ticked(name: str) -> Callable[[Any, Any], None]:
    def update(filters: Any, _context: Any) -> None:
        setattr(filters, f"use_{name}", True)

    return update


def _properties(row: Filter) -> dict[str, Any]:
    """The properties of one row of the table, by name."""
    words = row.help[0].upper() + row.help[1:]
    if row.kind == "flag":
        return {row.name: EnumProperty(name=row.name.capitalize(), description=words, items=_SWITCH)}
    if row.kind != "range":
        own = StringProperty(name=row.name.capitalize(), description=f"{words}. Several are set apart by commas")
        return {row.name: own}
    made: dict[str, Any] = {}
    for key, label in BOUNDS:
        name = f"{key}_{row.name}"
        made[f"use_{name}"] = BoolProperty(name=label, description=f"{words}: {label.lower()} this")
        made[name] = FloatProperty(
            name=label, description=words, min=0.0, soft_max=600.0, step=50, precision=1, update=_ticked(name)
        )
    return made


class TMR_PG_filters(bpy.types.PropertyGroup):
    """For a range NAME: use_min_NAME, min_NAME, use_max_NAME, max_NAME; for a flag and for words: NAME."""

    __annotations__ = {name: kind for row in FILTERS for name, kind in _properties(row).items()}


def chosen(filters: TMR_PG_filters) -> dict[str, Any]:
    """The filters as a search takes them, by name; those that are not set are left out."""
    found: dict[str, Any] = {}
    for row in FILTERS:
        if row.kind == "range":
            value: Any = {
                key: getattr(filters, f"{key}_{row.name}") for key, _ in BOUNDS if getattr(filters, f"use_{key}_{row.name}")
            }
        elif row.kind == "flag":
            switch = getattr(filters, row.name)
            value = None if switch == "ANY" else switch == "YES"
        else:
            value = [word.strip() for word in getattr(filters, row.name).split(",") if word.strip()]
        if value not in (None, {}, []):
            found[row.name] = value
    return found


def draw(layout: bpy.types.UILayout, filters: TMR_PG_filters) -> None:
    """All rows of the table."""
    for row in FILTERS:
        if row.kind == "range":
            _draw_range(layout, filters, row)
            continue
        split = layout.split(factor=0.34)
        split.label(text=row.name.capitalize())
        if row.kind == "flag":
            split.row(align=True).prop(filters, row.name, expand=True)
        else:
            split.prop(filters, row.name, text="")


def _draw_range(layout: bpy.types.UILayout, filters: TMR_PG_filters, row: Filter) -> None:
    """The bounds of a measure, with a tick each; setting one ticks it."""
    column = layout.column(align=True)
    column.label(text=f"{worded(row.name.capitalize())} ({worded(row.help.rpartition(', ')[2])})")
    line = column.row(align=True)
    for key, label in BOUNDS:
        name = f"{key}_{row.name}"
        line.prop(filters, f"use_{name}", text="", icon="CHECKBOX_HLT" if getattr(filters, f"use_{name}") else "CHECKBOX_DEHLT")
        bound = line.row(align=True)
        bound.active = getattr(filters, f"use_{name}")
        bound.prop(filters, name, text=label)


class TMR_OT_clear_filters(bpy.types.Operator):
    bl_idname = "tmr.clear_filters"
    bl_label = "Clear Filters"
    bl_description = "Search all takes again, whatever their length, speed, folder or tags"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        filters = context.window_manager.tmr.filters
        for name in TMR_PG_filters.__annotations__:
            filters.property_unset(name)
        return {"FINISHED"}


_CLASSES = (TMR_PG_filters, TMR_OT_clear_filters)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
