# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""The keyboard's way to everything: a dialog that asks for the motion, and a menu of all there is, in every editor's reach.

A letter of each entry is underlined in an open menu; it is pressed to choose it.
"""

from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from . import jobs, redraw
from .language import plain, told, worded
from .properties import state

LISTED = 20
"""Results in the menu."""
DRAWN_SECONDS = 0.05
DRAWN_TRIES = 40
"""How often, and how many times, it is looked whether a sidebar that was opened has been drawn."""
MENUS = ("VIEW3D_MT_object", "VIEW3D_MT_pose")
"""Where the menu is an entry, so that Blender's own search (F3) finds all that is in it."""

_turning: list[tuple[bpy.types.Area, int]] = []
"""The view whose sidebar shall show our tab once it has been drawn, and tries left."""


class TMR_OT_search_popup(bpy.types.Operator):
    bl_idname = "tmr.search_popup"
    bl_label = "Search for a Motion"
    bl_description = (
        "Ask for a motion in words, without touching the mouse: type what somebody does and press Enter twice.\n"
        "The results are listed in the sidebar, which is opened if it is hidden, and the best one plays as a ghost"
    )
    bl_options = {"INTERNAL"}

    query: StringProperty(
        name="Motion", description="Who does what, how, in which order. Enter ends the sentence", options={"SKIP_SAVE"}
    )
    sidebar: BoolProperty(name="Show the Sidebar", description="Open the tab that lists the results", default=True)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.query = self.query or state(context).query
        wide = {"width": 420, "title": worded("Search for a Motion"), "confirm_text": worded("Search")}
        return context.window_manager.invoke_props_dialog(self, **wide)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.activate_init = True  # the text field takes what is typed
        self.layout.prop(self, "query", text="", placeholder="someone limps, then sits down", icon="VIEWZOOM")
        self.layout.prop(self, "sidebar")

    def execute(self, context: bpy.types.Context) -> set[str]:
        if self.sidebar:
            _show_sidebar(context)
        return _hand_over(self, context, bpy.ops.tmr.search, self.query)


def _hand_over(asking: Any, context: bpy.types.Context, operator: Any, query: str) -> set[str]:
    """Have another operator take the sentence that a dialog has asked for; the dialog's answer."""
    try:
        done = operator("EXEC_DEFAULT" if jobs.waits(context) else "INVOKE_DEFAULT", query=query)
    except RuntimeError as error:  # what it has reported as an error
        asking.report({"ERROR"}, plain(error))
        return {"CANCELLED"}
    return {"FINISHED"} if done & {"FINISHED", "RUNNING_MODAL"} else {"CANCELLED"}


def _show_sidebar(context: bpy.types.Context) -> None:
    """Open the tab in the 3D view of the context, else in the first one of the window."""
    areas = context.window.screen.areas if context.window is not None else ()
    views = [area for area in (context.area, *areas) if area is not None and area.type == "VIEW_3D"]
    if not views:
        return
    views[0].spaces.active.show_region_ui = True
    if not _turned_to_tab(views[0]) and not bpy.app.timers.is_registered(_turn):
        _turning[:] = [(views[0], DRAWN_TRIES)]
        bpy.app.timers.register(_turn, first_interval=DRAWN_SECONDS)


def _turned_to_tab(view: bpy.types.Area) -> bool:
    """Show our tab in a view's sidebar; whether it could be: before its first drawing it has no tabs to choose from."""
    panel = getattr(bpy.types, "TMR_PT_search", None)
    for region in view.regions:
        drawn = region.type == "UI" and region.width > 1 and not region.is_property_readonly("active_panel_category")
        if drawn and panel is not None:
            region.active_panel_category = panel.bl_category
            return True
    return False


def _turn() -> float | None:
    """The same after the sidebar's next drawings, for a timer; seconds until the next try, None for no more."""
    view, tries = _turning.pop()
    open_now = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    if view not in open_now or view.type != "VIEW_3D" or _turned_to_tab(view) or not tries:
        return None
    _turning.append((view, tries - 1))
    return DRAWN_SECONDS


class StepsResults:
    """Mix-in: select another result, which plays as a ghost."""

    step = 1
    poll_message_set: Any

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(told, "Search first: there are no results to choose from")
        return bool(state(context).hits)

    def execute(self, context: bpy.types.Context) -> set[str]:
        shown = state(context)
        shown.active = min(max(shown.active + self.step, 0), len(shown.hits) - 1)
        redraw.sidebars()
        return {"FINISHED"}


class TMR_OT_next_result(StepsResults, bpy.types.Operator):
    bl_idname = "tmr.next_result"
    bl_label = "Next Result"
    bl_description = "Select the next motion of the list, without going there by mouse; its ghost plays if Preview is on"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)


class TMR_OT_previous_result(StepsResults, bpy.types.Operator):
    bl_idname = "tmr.previous_result"
    bl_label = "Previous Result"
    bl_description = "Select the motion before in the list, without going there by mouse; its ghost plays if Preview is on"
    bl_options = {"INTERNAL"}
    step = -1

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)


class TMR_OT_toggle_preview(bpy.types.Operator):
    bl_idname = "tmr.toggle_preview"
    bl_label = "Preview On or Off"
    bl_description = "Have the selected result play as a ghost in the 3D view, or no result at all"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        shown = state(context)
        shown.preview = not shown.preview
        redraw.sidebars()
        return {"FINISHED"}


class TMR_MT_results(bpy.types.Menu):
    bl_idname = "TMR_MT_results"
    bl_label = "Results"
    bl_description = "Select one of the motions that were found, best first; its ghost plays"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(state(context).hits)

    def draw(self, context: bpy.types.Context) -> None:
        for index, hit in enumerate(state(context).hits[:LISTED]):
            icon = "LAYER_ACTIVE" if index == state(context).active else "LAYER_USED"
            row = self.layout.operator("tmr.preview", text=hit.name, translate=False, icon=icon)
            row.index = index


class TMR_MT_moments(bpy.types.Menu):
    bl_idname = "TMR_MT_moments"
    bl_label = "Moments"
    bl_description = "Find a described moment in what the active rig does, and go from one to the next"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("tmr.find_moments_popup", icon="VIEWZOOM")
        layout.separator()
        layout.operator("tmr.next_moment", icon="NEXT_KEYFRAME")
        layout.operator("tmr.previous_moment", icon="PREV_KEYFRAME")
        layout.operator("tmr.keep_moment", icon="ACTION")
        layout.operator("tmr.clear_moments", icon="X")


class TMR_OT_find_moments_popup(bpy.types.Operator):
    bl_idname = "tmr.find_moments_popup"
    bl_label = "Find a Moment"
    bl_description = "Ask what happens at the moment you look for in the active rig's motion, and mark where it does"
    bl_options = {"INTERNAL"}

    query: StringProperty(name="Moment", description="What happens, in words. Enter ends it", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.ops.tmr.find_moments.poll():
            cls.poll_message_set(told, "Make a rig active whose motion is to be looked through")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        wide = {"width": 420, "title": worded("Find a Moment"), "confirm_text": worded("Find")}
        return context.window_manager.invoke_props_dialog(self, **wide)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.activate_init = True
        self.layout.prop(self, "query", text="", placeholder="someone kicks", icon="VIEWZOOM")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _hand_over(self, context, bpy.ops.tmr.find_moments, self.query)


class TMR_MT_main(bpy.types.Menu):
    bl_idname = "TMR_MT_main"
    bl_label = "Motion Search"
    bl_description = "All that can be done with motions: search, choose, apply, describe, moments, libraries"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("tmr.search_popup", icon="VIEWZOOM")
        layout.menu("TMR_MT_history")
        layout.menu("TMR_MT_results")
        layout.operator("tmr.next_result", icon="TRIA_DOWN")
        layout.operator("tmr.previous_result", icon="TRIA_UP")
        layout.operator("tmr.toggle_preview", icon="HIDE_OFF" if state(context).preview else "HIDE_ON")
        layout.operator("tmr.apply", icon="ARMATURE_DATA")
        layout.menu("TMR_MT_several")
        layout.separator()
        layout.operator("tmr.more_like_this", icon="VIEWZOOM")
        layout.operator("tmr.find_similar", icon="ACTION")
        layout.operator("tmr.describe_action", icon="INFO")
        layout.operator("tmr.synthesise", icon="EXPERIMENTAL")
        layout.menu("TMR_MT_moments")
        layout.separator()
        layout.operator("tmr.import_clip", icon="IMPORT")
        layout.operator("tmr.add_library", icon="FILE_FOLDER")
        layout.operator("tmr.get_source", icon="IMPORT")
        layout.operator("tmr.cancel", icon="X")


def _entry(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.menu("TMR_MT_main")


_CLASSES = (
    TMR_OT_search_popup,
    TMR_OT_next_result,
    TMR_OT_previous_result,
    TMR_OT_toggle_preview,
    TMR_OT_find_moments_popup,
    TMR_MT_results,
    TMR_MT_moments,
    TMR_MT_main,
)


def register() -> None:
    """Register the classes and the entries in Blender's menus."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    for name in MENUS:
        getattr(bpy.types, name).append(_entry)


def unregister() -> None:
    """Undo `register`."""
    if bpy.app.timers.is_registered(_turn):
        bpy.app.timers.unregister(_turn)
    _turning.clear()
    for name in MENUS:
        getattr(bpy.types, name).remove(_entry)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
