# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""A strip of the results along the lower edge of the 3D view: pictures to look at, to click and to drag onto a rig.

Pointer and clicks reach it as a gizmo, so that nothing runs while it is merely shown.
"""

from typing import Any

import blf
import bpy
import gpu
from bpy.props import BoolProperty
from gpu_extras.batch import batch_for_shader

from . import ghost, redraw, textures, units, wording
from .language import told
from .properties import TMR_PG_hit, state
from .strip_layout import NEXT, NOTHING, PREVIOUS, Layout, Rectangle
from .strip_place import layout_of, leftmost, shown

_hovered: dict[int, int] = {}
"""By area: what the pointer is on."""
_handlers: list[Any] = []

Colour = tuple[float, float, float, float]


def scroll(context: bpy.types.Context, by: int) -> None:
    """Show results further to the right, or to the left for a negative number."""
    layout = layout_of(context)
    last = max(layout.count - layout.shown, 0)
    leftmost[context.area.as_pointer()] = min(max(layout.start + by, 0), last)
    context.area.tag_redraw()


def hover(context: bpy.types.Context, part: int, gizmo: bpy.types.Gizmo | None = None) -> None:
    """Remember what the pointer is on, and redraw if that is new; a result plays in the view as long as the pointer is on it.

    gizmo: that met the pointer; it loses its highlight when the pointer leaves the region.
    """
    area = context.area
    if _hovered.get(area.as_pointer(), NOTHING) != part:
        _hovered[area.as_pointer()] = part
        area.tag_redraw()
        ghost.hover(part if part >= 0 else None, (lambda: _highlit(gizmo)) if gizmo is not None else None)


def _highlit(gizmo: bpy.types.Gizmo) -> bool:
    """Whether the pointer is still on the strip."""
    try:
        on = bool(gizmo.is_highlight)
    except ReferenceError:  # the view is gone
        on = False
    if not on:
        _hovered.clear()
        redraw.views()
    return on


class TMR_GT_strip(bpy.types.Gizmo):
    """What the pointer meets. Drawing is done by a handler, below everything else of this kind."""

    bl_idname = "TMR_GT_strip"

    def draw(self, context: bpy.types.Context) -> None:
        """Nothing; see `draw`."""

    def test_select(self, context: bpy.types.Context, location: tuple[int, int]) -> int:
        part = layout_of(context).at(*location) if shown(context) else NOTHING
        hover(context, part, self)
        return NOTHING if part == NOTHING else 0


class TMR_GGT_strip(bpy.types.GizmoGroup):
    bl_idname = "TMR_GGT_strip"
    bl_label = "Strip of Results"
    bl_space_type = "VIEW_3D"
    bl_region_type = "WINDOW"
    bl_options = {"PERSISTENT", "SCALE"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return shown(context)

    def setup(self, context: bpy.types.Context) -> None:
        gizmo = self.gizmos.new(TMR_GT_strip.bl_idname)
        gizmo.target_set_operator("tmr.drag_result")
        gizmo.use_draw_hover = False


class TMR_OT_scroll_strip(bpy.types.Operator):
    bl_idname = "tmr.scroll_strip"
    bl_label = "Scroll the Strip of Results"
    bl_description = "Show further results in the strip at the lower edge of the 3D view"
    bl_options = {"INTERNAL"}

    by: bpy.props.IntProperty(name="Results", description="How many to go on; negative goes back", default=1)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(told, "Search first, and have the strip of results shown in a 3D view")
        return context.region is not None and context.region.type == "WINDOW" and shown(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if layout_of(context).at(event.mouse_region_x, event.mouse_region_y) == NOTHING:
            return {"PASS_THROUGH"}
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        scroll(context, self.by)
        return {"FINISHED"}


class Painter:
    """Rectangles, gathered and drawn at once, pictures and text, in the colours of the theme."""

    def __init__(self, context: bpy.types.Context) -> None:
        theme = context.preferences.themes[0].user_interface
        tip, item = theme.wcol_tooltip, theme.wcol_toolbar_item
        self.ground: Colour = (*tip.inner[:3], 0.86)
        self.text: Colour = (*tip.text[:3], 1.0)
        self.faint: Colour = (*tip.text[:3], 0.65)
        self.chosen: Colour = (*item.inner_sel[:3], 1.0)
        self.hovered: Colour = (*tip.text[:3], 0.15)
        self.scale = context.preferences.system.ui_scale
        self._corners: list[tuple[float, float]] = []
        self._colours: list[Colour] = []

    def rectangle(self, at: Rectangle, colour: Colour) -> None:
        """A filled one, below all pictures and text."""
        x0, y0, x1, y1 = at
        self._corners += [(x0, y0), (x1, y0), (x1, y1), (x0, y0), (x1, y1), (x0, y1)]
        self._colours += [colour] * 6

    def triangle(self, corners: list[tuple[float, float]], colour: Colour) -> None:
        """A filled one."""
        self._corners += corners
        self._colours += [colour] * 3

    def flush(self) -> None:
        """Draw the rectangles."""
        shader = gpu.shader.from_builtin("FLAT_COLOR")
        gpu.state.blend_set("ALPHA")
        batch_for_shader(shader, "TRIS", {"pos": self._corners, "color": self._colours}).draw(shader)
        self._corners, self._colours = [], []

    def picture(self, at: Rectangle, texture: Any) -> None:
        x0, y0, x1, y1 = at
        shader = gpu.shader.from_builtin("IMAGE")
        corners, ends = [(x0, y0), (x1, y0), (x0, y1), (x1, y1)], [(0, 0), (1, 0), (0, 1), (1, 1)]
        shader.bind()
        shader.uniform_sampler("image", texture)
        batch_for_shader(shader, "TRI_STRIP", {"pos": corners, "texCoord": ends}).draw(shader)

    def write(self, text: str, at: tuple[float, float], colour: Colour, width: float, size: float = 11.0) -> None:
        """A line of text from a point on, cut to a width."""
        blf.size(0, size * self.scale)
        blf.color(0, *colour)
        blf.position(0, *at, 0)
        blf.draw(0, fitted(text, width))


def fitted(text: str, width: float) -> str:
    """As much of a text as is `width` pixels wide in the size set, with an ellipsis in place of the rest."""
    if blf.dimensions(0, text)[0] <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if blf.dimensions(0, text[:middle] + "…")[0] <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip(" _-") + "…"


def draw() -> None:
    """Of a draw handler: the strip, in the 3D view that is being drawn."""
    context = bpy.context
    if not shown(context):
        return
    layout = layout_of(context)
    if layout.bar is None:
        return
    textures.begin_drawing()
    painter, now = Painter(context), state(context)
    over = _hovered.get(context.area.as_pointer(), NOTHING)
    painter.rectangle(layout.bar, painter.ground)
    for part in (PREVIOUS, NEXT):
        _draw_arrow(painter, layout, part, over)
    for index in layout.cells():
        _draw_ground(painter, layout.cell(index), index == over, index == now.active)
    painter.flush()
    for index in layout.cells():
        _draw_cell(painter, layout, index, now.hits[index])
    gpu.state.blend_set("NONE")


def _draw_ground(painter: Painter, cell: Rectangle | None, over: bool, active: bool) -> None:
    if cell is not None and active:
        painter.rectangle(cell, painter.chosen)
    elif cell is not None and over:
        painter.rectangle(cell, painter.hovered)


def _draw_arrow(painter: Painter, layout: Layout, part: int, over: int) -> None:
    box = layout.arrow(part)
    if box is None:
        return
    if over == part:
        painter.rectangle(box, painter.hovered)
    more = layout.start > 0 if part == PREVIOUS else layout.start + layout.shown < layout.count
    x, y, size = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 6.0 * painter.scale
    point = -size / 2 if part == PREVIOUS else size / 2
    colour = painter.text if more else (*painter.text[:3], 0.2)
    painter.triangle([(x + point, y), (x - point, y - size), (x - point, y + size)], colour)


def _draw_cell(painter: Painter, layout: Layout, index: int, hit: TMR_PG_hit) -> None:
    cell, place = layout.cell(index), layout.picture(index)
    if cell is None or place is None:
        return
    texture = textures.texture((hit.library, hit.entry))
    if texture is not None:
        painter.picture(place, texture)
    left, width, line = cell[0] + 4 * painter.scale, cell[2] - cell[0] - 8 * painter.scale, 14 * painter.scale
    blf.size(0, 11.0 * painter.scale)
    name = wording.fitted(hit.ending or hit.name, lambda text: blf.dimensions(0, text)[0] <= width)
    painter.write(name, (left, cell[1] + line + 4 * painter.scale), painter.text, width)
    painter.write(units.lasting(bpy.context, hit.duration), (left, cell[1] + 4 * painter.scale), painter.faint, width / 2)
    score = f"{hit.score:.2f}"
    blf.size(0, 11.0 * painter.scale)
    right = left + width - blf.dimensions(0, score)[0]
    painter.write(score, (right, cell[1] + 4 * painter.scale), painter.faint, width)


def _draw_toggle(panel: bpy.types.Panel, context: bpy.types.Context) -> None:
    """At the end of the search's panel."""
    if not state(context).hits:
        return
    row = panel.layout.row()
    row.prop(context.window_manager, "tmr_strip", icon="IMAGE_DATA")
    if context.window_manager.tmr_strip and not context.space_data.show_gizmo:
        panel.layout.label(text="Turn on Gizmos in this view's header", icon="INFO")


def _toggled(_manager: bpy.types.WindowManager, _context: bpy.types.Context) -> None:
    redraw.views()


_CLASSES = (TMR_GT_strip, TMR_GGT_strip, TMR_OT_scroll_strip)


def register() -> None:
    """Register the classes, the toggle and the drawing."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.WindowManager.tmr_strip = BoolProperty(
        name="Strip in the View",
        description="Show the results along the lower edge of the 3D view. Drag one onto a rig to put it on",
        default=True,
        update=_toggled,
        options={"SKIP_SAVE"},
    )
    bpy.types.TMR_PT_search.append(_draw_toggle)
    if not bpy.app.background:
        _handlers.append(bpy.types.SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL"))


def unregister() -> None:
    """Undo `register`."""
    for handler in _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(handler, "WINDOW")
    _handlers.clear()
    bpy.types.TMR_PT_search.remove(_draw_toggle)
    del bpy.types.WindowManager.tmr_strip
    leftmost.clear()
    _hovered.clear()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
