# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Drag a result from the strip onto a rig in the viewport."""

from typing import Any

import blf
import bpy
import gpu
import numpy as np
from bpy.props import IntProperty, StringProperty
from gpu_extras.batch import batch_for_shader

from ..errors import SkeletonProblem, TMRError
from . import ghost, picking, redraw, strip, strip_place, textures
from .language import plain, told, worded
from .ops_apply import ChosenMotion, PlacedMotion
from .placing import refusal
from .properties import state
from .strip_layout import NEXT, NOTHING, PREVIOUS

PICTURE = 64.0
"""Pixels, at a user interface scale of 1, of what hangs on the pointer."""


def dropped_on(context: bpy.types.Context, name: str) -> bpy.types.Object:
    """The rig of that name, as one that can receive a motion now. Raises SkeletonProblem."""
    rig = context.scene.objects.get(name)
    if rig is None or rig.type != "ARMATURE":
        raise SkeletonProblem(f"There is no rig {name} in this scene.")
    reason = refusal(context, rig)
    if reason:
        raise SkeletonProblem(reason)
    return rig


class TMR_OT_drop_on(ChosenMotion, PlacedMotion, bpy.types.Operator):
    bl_idname = "tmr.drop_on"
    bl_label = "Put Motion on This Rig"
    bl_description = (
        "Put a motion on the rig that it was dropped on, as a new action at the current frame.\n"
        "The rig's former action is kept. The panel at the lower left then changes what was applied"
    )
    bl_options = {"REGISTER", "UNDO"}

    rig: StringProperty(name="Rig", description="The name of the armature", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        # Not the poll of the other operators that apply, which asks for a target: this one is told.
        if context.mode not in {"OBJECT", "POSE"}:
            cls.poll_message_set(told, "Leave the edit mode first: a motion is put on in object or pose mode")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            rig = dropped_on(context, self.rig)
            clip, name = self.motion(context)
            with context.temp_override(active_object=rig, object=rig):
                outcome = self.put(bpy.context, clip, name)
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        activate(context, rig)
        return outcome


def activate(context: bpy.types.Context, rig: bpy.types.Object) -> None:
    """Select a rig alone, as a click would; in pose mode the selection stays, it is of bones."""
    if context.mode != "OBJECT" or rig.name not in context.view_layer.objects:
        return
    for item in context.view_layer.objects.selected:
        item.select_set(False)
    rig.select_set(True)
    context.view_layer.objects.active = rig


class Dragging:
    """Mix-in of an operator that carries a motion to a rig: the rig under the pointer is marked, Esc and the right button
    let go of it, and where the button is released `drop` is called.

    `label` and `picture` are shown at the pointer.
    """

    report: Any
    label = ""
    picture: textures.Key | None = None

    def drop(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        """Put it on the rig, in a context of the view that it was dropped in."""
        raise NotImplementedError

    def begin_drag(self, context: bpy.types.Context, event: bpy.types.Event, at_once: bool = False) -> set[str]:
        """Take hold of it; it moves with the pointer once that is further away than a click's. at_once: it moves already."""
        self.start = (event.mouse_x, event.mouse_y)
        self.at: tuple[int, int] | None = None
        self.dragging, self.area, self.region = False, None, None
        self.target: bpy.types.Object | None = None
        self.why = ""
        self.handler: Any = None
        context.window_manager.modal_handler_add(self)
        if at_once:
            self._lift(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS":
            self.let_go(context)
            return {"CANCELLED"}
        if event.type in {"MOUSEMOVE", "INBETWEEN_MOUSEMOVE"}:
            self._move(context, event)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self._move(context, event)
            return self._released(context)
        elif event.type in {"WHEELUPMOUSE", "WHEELDOWNMOUSE", "TIMER"}:
            return {"PASS_THROUGH"}
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator."""
        self.let_go(context)

    def let_go(self, context: bpy.types.Context) -> None:
        """Nothing is carried any more."""
        if self.handler is not None:
            bpy.types.SpaceView3D.draw_handler_remove(self.handler, "WINDOW")
            self.handler = None
            _handlers.discard(self)
            ghost.hidden = False
        if context.window is not None and self.dragging:
            context.window.cursor_modal_restore()
            context.workspace.status_text_set(None)
        self.dragging = False
        redraw.views()

    def _lift(self, context: bpy.types.Context) -> None:
        self.dragging = ghost.hidden = True
        self.handler = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")
        _handlers.add(self)
        context.window.cursor_modal_set("HAND")
        hint = told("{name}: release over a rig to put it on. Esc or right mouse: cancel", name=self.label)
        context.workspace.status_text_set(hint)

    def _move(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        x, y = event.mouse_x, event.mouse_y
        if not self.dragging:
            inputs = context.preferences.inputs
            far = inputs.drag_threshold_mouse * context.preferences.system.ui_scale
            if max(abs(x - self.start[0]), abs(y - self.start[1])) < far:
                return
            self._lift(context)
        self.area, self.region = view_at(context.window, x, y)
        self.target, self.why, self.at = None, "Drop the motion in a 3D view, on a rig", None
        if self.region is not None:
            self.at = (x - self.region.x, y - self.region.y)
            with context.temp_override(window=context.window, area=self.area, region=self.region):
                self._look(bpy.context)
        redraw.views()

    def _look(self, context: bpy.types.Context) -> None:
        """What is under the pointer, in the view of the context."""
        assert self.at is not None
        if strip_place.shown(context) and strip_place.layout_of(context).at(*self.at) != NOTHING:
            self.why = ""  # put back where it was taken
            return
        view = picking.View(context.region, context.region_data, context.space_data)
        scale = context.preferences.system.ui_scale
        self.target, self.why = picking.under(context.scene, context.view_layer, view, self.at, scale)
        if self.target is not None:
            self.why = refusal(context, self.target)

    def _released(self, context: bpy.types.Context) -> set[str]:
        was, target, why, area, region = self.dragging, self.target, self.why, self.area, self.region
        self.let_go(context)
        if not was:
            return {"FINISHED"}
        if target is None or why:
            if why:
                self.report({"WARNING"}, why)
            return {"CANCELLED"}
        with context.temp_override(window=context.window, area=area, region=region):
            return self.drop(bpy.context, target)

    def _draw(self) -> None:
        """The rig under the pointer, marked, and what hangs on the pointer."""
        context = bpy.context
        if self.at is None or context.region != self.region:
            return
        theme, scale = context.preferences.themes[0].user_interface, context.preferences.system.ui_scale
        colour = (*theme.wcol_toolbar_item.inner_sel[:3], 1.0)
        can = self.target is not None and not self.why
        if self.target is not None:
            mark(context, self.target, colour if can else (*theme.wcol_tooltip.text[:3], 0.5))
        said = worded("onto {rig}", rig=self.target.name) if can and self.target is not None else self.why
        _draw_carried(self.at, scale, self.label, said, self.picture, colour if can else None)


_handlers: set[Any] = set()
"""The operators whose drawing is on."""


def view_at(window: bpy.types.Window, x: int, y: int) -> tuple[bpy.types.Area | None, bpy.types.Region | None]:
    """The 3D view and its region at a point of the window, unless a sidebar or header lies over it there."""
    for area in window.screen.areas:
        if area.type != "VIEW_3D" or not _inside(area, x, y):
            continue
        # The toolbar's region is mostly empty: one sees, and drops on, what is behind it.
        if any(region.type not in {"WINDOW", "HUD", "TOOLS"} and _inside(region, x, y) for region in area.regions):
            return None, None
        return area, next((r for r in area.regions if r.type == "WINDOW" and _inside(r, x, y)), None)
    return None, None


def _inside(box: bpy.types.Area | bpy.types.Region, x: int, y: int) -> bool:
    return box.width > 1 and box.height > 1 and box.x <= x < box.x + box.width and box.y <= y < box.y + box.height


def mark(context: bpy.types.Context, rig: bpy.types.Object, colour: strip.Colour) -> None:
    """Draw a rig's bones, those that deform, in a colour over everything, and corners round all of it."""
    heads, tails = picking.bones(rig.evaluated_get(context.view_layer.depsgraph), deforming=True)
    if not len(heads):
        return
    view = picking.View(context.region, context.region_data)
    ends, _ = view.pixels(np.concatenate([heads, tails]))
    pairs = np.stack(np.split(ends, 2), axis=1)
    pairs = pairs[np.isfinite(pairs).all(axis=(1, 2))]
    if not len(pairs):
        return
    scale = context.preferences.system.ui_scale
    lines(context, pairs.reshape(-1, 2), colour, 4.0 * scale)
    lines(context, corners(pairs.reshape(-1, 2), 14.0 * scale, 22.0 * scale), colour, 3.0 * scale)


def corners(points: np.ndarray, margin: float, length: float) -> np.ndarray:
    """Ends (16, 2) of the eight strokes at the corners of the box round points (n, 2)."""
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    strokes = []
    for x, inwards_x in ((low[0], 1.0), (high[0], -1.0)):
        for y, inwards_y in ((low[1], 1.0), (high[1], -1.0)):
            strokes += [(x, y), (x + inwards_x * length, y), (x, y), (x, y + inwards_y * length)]
    return np.array(strokes)


def lines(context: bpy.types.Context, ends: np.ndarray, colour: strip.Colour, width: float) -> None:
    """Draw segments, two ends (x, y) each, in pixels of the region."""
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    gpu.state.blend_set("ALPHA")
    shader.uniform_float("viewportSize", (context.region.width, context.region.height))
    shader.uniform_float("lineWidth", width)
    shader.uniform_float("color", colour)
    points = [(float(x), float(y), 0.0) for x, y in ends]
    batch_for_shader(shader, "LINES", {"pos": points}).draw(shader)
    gpu.state.blend_set("NONE")


def _draw_carried(
    at: tuple[int, int], scale: float, label: str, said: str, key: textures.Key | None, colour: strip.Colour | None
) -> None:
    """The picture and name of what is carried, and what would become of it. colour: of its frame, None where it can't."""
    painter = strip.Painter(bpy.context)
    blf.size(0, 12.0 * scale)
    side = PICTURE * scale if key is not None else 0.0
    wide = max(blf.dimensions(0, label)[0], blf.dimensions(0, said)[0], side) + 12 * scale
    # Beside the pointer, and further to the left where the sentence would end below the sidebar.
    x, y = min(at[0] + 14 * scale, strip_place.free(bpy.context)[2] - wide), at[1] - 14 * scale
    high = side + 40 * scale
    if colour is not None:
        edge = 2 * scale
        painter.rectangle((x - edge, y - high - edge, x + wide + edge, y + edge), colour)
    painter.rectangle((x, y - high, x + wide, y), (*painter.ground[:3], 1.0 if colour is not None else 0.86))
    painter.flush()
    texture = textures.texture(key) if key is not None else None
    if texture is not None:
        left = x + 6 * scale
        painter.picture((left, y - 4 * scale - side, left + side, y - 4 * scale), texture)
    painter.write(label, (x + 6 * scale, y - high + 23 * scale), painter.text, wide, 12.0)
    painter.write(said, (x + 6 * scale, y - high + 7 * scale), painter.faint if colour is None else painter.text, wide, 12.0)
    gpu.state.blend_set("NONE")


class TMR_OT_drag_result(Dragging, bpy.types.Operator):
    bl_idname = "tmr.drag_result"
    bl_label = "Drag Result"
    bl_description = "Click to select this motion. Drag it onto a rig in the view to put it on; Esc cancels"
    bl_options = {"INTERNAL"}

    index: IntProperty(name="Result", description="Which one, counted from 0", default=-1, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(told, "Search first, and have the strip of results shown in a 3D view")
        return context.region is not None and strip_place.shown(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        layout = strip_place.layout_of(context)
        part = layout.at(event.mouse_region_x, event.mouse_region_y)
        if part in (PREVIOUS, NEXT):
            strip.scroll(context, (layout.shown if part == NEXT else -layout.shown))
            return {"FINISHED"}
        if part < 0:
            return {"FINISHED"}
        hit = state(context).hits[part]
        state(context).active = self.index = part
        self.label, self.picture = hit.name, (hit.library, hit.entry)
        redraw.views()
        return self.begin_drag(context, event)

    def drop(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        return put_on(self, rig, index=self.index)


def put_on(operator: Any, rig: bpy.types.Object, **motion: Any) -> set[str]:
    """Call `tmr.drop_on` as a step of its own to undo and to redo; what it says is said by the calling operator."""
    try:
        # True: an undo step.
        outcome = bpy.ops.tmr.drop_on("EXEC_DEFAULT", True, rig=rig.name, **motion)
    except RuntimeError as error:  # how Blender hands on an operator's error
        operator.report({"ERROR"}, plain(error))
        return {"CANCELLED"}
    data = rig.animation_data
    if "FINISHED" in outcome and data is not None and data.action is not None:
        operator.report({"INFO"}, told("{action} is on {rig}", action=data.action.name, rig=rig.name))
    return outcome


_CLASSES = (TMR_OT_drop_on, TMR_OT_drag_result)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Let go of what is being dragged and undo `register`."""
    for operator in list(_handlers):
        operator.let_go(bpy.context)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
