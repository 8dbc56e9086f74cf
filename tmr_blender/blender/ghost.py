# SPDX-License-Identifier: GPL-3.0-or-later
"""The result that the pointer rests on, else the selected one, plays in the 3D views as a ghost, before it is chosen.

Drawn by a handler from a copy of the motion that the search process hands out: no object, action, undo step or evaluation of
the scene. A timer tags the views for redraw and asks for what is selected, once it has stayed so for a moment; neither
drawing nor asking waits. It ends with Apply, Esc, the toggle, another file or the extension.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import blf
import bpy
import gpu
import numpy as np
from bpy_extras import view3d_utils
from gpu_extras.batch import batch_for_shader
from numpy.typing import NDArray

from ..errors import TMRError
from ..library import wire
from ..library.client import Request
from ..motion import ghost
from ..motion.quaternion import Array
from . import beside, changes, jobs, properties, redraw, units
from .beside import Place
from .language import told
from .properties import state

TICK = 1.0 / 30.0
SETTLED = 0.15
"""Seconds for which a result has to stay selected before it is asked for: arrow keys go past many."""
HOVERED = 0.25
"""Seconds for which the pointer has to rest on a result before that plays in place of the selected one."""
KEPT = 12
"""Motions that can be shown again at once."""
LABEL_POINTS = 11.0
GONE_BY: Array = np.array([0.95, 0.55, 0.15, 0.9])
TO_COME: Array = np.array([0.55, 0.60, 0.68, 0.6])
SHADOW: Array = np.array([0.0, 0.0, 0.0, 0.32])

LIFT: Array = np.array([0.0, 0.004, 0.0])
"""Of what is drawn on the floor, so that the floor does not hide it; metres."""

Colours = NDArray[np.float32] | Array
Span = tuple[str, int, float, float]
"""Folder of a library, number of an entry in it, and from when to when, seconds."""

playing: tuple[Span, ghost.Motion, str] | None = None
"""What is shown, and its name."""
problem = ""
"""Why the selected result can't be shown, as a sentence."""

hidden = False
"""Whether it is out of sight for a while: it would stand in the way of a rig that a result is dragged to."""

_started = 0.0
_wanted: tuple[Span, str, float] | None = None
"""What is to be shown, its name, and from when on it may be (`time.monotonic`)."""
_over: int | None = None
"""The result that the pointer is on."""
_stays: Callable[[], bool] | None = None
"""Whether it still is: a region is not told when the pointer leaves it."""
_before: tuple[Span, str] | None = None
"""What played when the pointer came, and plays again when it goes."""
_asked: tuple[Request, Span] | None = None
_motions: OrderedDict[Span, ghost.Motion] = OrderedDict()
_places: dict[tuple, Place] = {}
_handlers: list[Any] = []
seconds_drawn: list[float] = []
"""How long the last drawings took, for tests."""


def select() -> None:
    """Show the selected result soon, if that is wished."""
    global problem, _over, _stays, _before
    shown = state(bpy.context)
    if bpy.app.background:
        return
    problem = ""
    _over = _stays = _before = None
    _places.clear()
    if not shown.preview or not 0 <= shown.active < len(shown.hits):
        stop()
        return
    _want(*_named(shown.hits[shown.active]), 0.0 if _span(shown.hits[shown.active]) in _motions else SETTLED)


def hover(index: int | None, stays: Callable[[], bool] | None = None) -> None:
    """Show a result while the pointer rests on it; None: it is on none, and what played before it came plays again.

    stays: asked now and then whether the pointer is still there.
    """
    global _over, _stays, _before
    shown = state(bpy.context)
    if bpy.app.background or not shown.preview or index == _over:
        return
    if index is not None and index < len(shown.hits):
        if _over is None:
            _before = (playing[0], playing[2]) if playing is not None else _wanted[:2] if _wanted is not None else None
        _over, _stays = index, stays
        _want(*_named(shown.hits[index]), HOVERED)
    elif _over is not None:
        back = _before
        _over = _stays = _before = None
        if back is None:
            stop()
        elif playing is None or playing[0] != back[0]:
            _want(*back, 0.0)
        else:
            _forget_wanted()


def _named(hit: properties.TMR_PG_hit) -> tuple[Span, str]:
    return _span(hit), hit.name


def _span(hit: properties.TMR_PG_hit) -> Span:
    return hit.library, hit.entry, hit.start, hit.end


def _want(span: Span, name: str, after: float) -> None:
    """Have it shown, so many seconds from now."""
    global _wanted
    _wanted = (span, name, time.monotonic() + after)
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK)


def _forget_wanted() -> None:
    global _wanted
    _wanted = None


def stop() -> None:
    """Show nothing any more, until another result is selected or the pointer comes to one."""
    global playing, _wanted, _asked, _over, _stays, _before
    was = playing is not None
    playing = _wanted = _asked = _over = _stays = _before = None
    _places.clear()
    for handler in _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(handler, "WINDOW")
    _handlers.clear()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if was:
        redraw.regions({("VIEW_3D", "WINDOW")})


def _tick() -> float | None:
    """Of a timer: ask for what is wanted, take what has come, keep it moving."""
    if _stays is not None and not _stays():
        hover(None)
    if _asked is not None:
        _take(*_asked)
    if _wanted is not None and _asked is None and time.monotonic() >= _wanted[2]:
        span, name, _ = _wanted
        if span in _motions:
            _play(span, name)
        else:
            _ask(span)
    if playing is not None and not jobs.expecting():
        redraw.regions({("VIEW_3D", "WINDOW")})
    return TICK if playing or _wanted or _asked or _over is not None else None


def _ask(span: Span) -> None:
    global _asked
    place, entry, start, end = span
    whole = {} if end <= start else {"start": start, "end": end}
    try:
        _asked = jobs.client().request("motion", {"library": place, "entry": entry, **whole}), span
    except OSError as error:
        _refuse(told("The search process can't be started: {problem}.", problem=error.strerror or error))


def _take(request: Request, span: Span) -> None:
    global _asked
    reply = request.poll()
    if reply is None or reply.kind == "progress":
        return
    _asked = None
    try:
        if reply.kind == "error":
            raise reply.raised()
        positions, fps = wire.from_text(reply.value["positions"], reply.value["fps"])
    except (TMRError, RuntimeError) as error:  # RuntimeError: the process has ended
        if _wanted is not None and _wanted[0] == span:
            _refuse(str(error))
        return
    _motions[span] = ghost.staged(positions, fps)
    while len(_motions) > KEPT:
        _motions.popitem(last=False)


def _refuse(sentence: str) -> None:
    global problem
    stop()
    problem = sentence
    redraw.sidebars()


def _play(span: Span, name: str) -> None:
    global playing, _wanted, _started
    _wanted = None
    _motions.move_to_end(span)
    if playing is None or playing[0] != span:
        _started = time.monotonic()
    playing = (span, _motions[span], name)
    _places.clear()
    if not _handlers:
        add = bpy.types.SpaceView3D.draw_handler_add
        _handlers.append(add(_draw_body, (), "WINDOW", "POST_VIEW"))
        _handlers.append(add(_draw_label, (), "WINDOW", "POST_PIXEL"))
    redraw.sidebars()


def _place(context: bpy.types.Context, motion: ghost.Motion) -> Place:
    """Where the ghost stands in the scene that is drawn; found anew where the rig has changed."""
    on = state(context).preview_at == "ON"
    key = (context.scene.session_uid, on, beside.stamp(context))
    if key not in _places:
        _places.clear()
        _places[key] = beside.place(context, motion, on)
    return _places[key]


def _draw_body() -> None:
    """The shadow, the way and the body, as triangles in the world."""
    if playing is None or hidden:
        return
    start = time.perf_counter()
    context, motion = bpy.context, playing[1]
    phase = motion.phase(time.monotonic() - _started)
    place, joints = _place(context, motion), motion.joints(phase)
    mesh = ghost.body(joints)
    points = place.points(mesh.points)
    body = (points, ghost.shaded(mesh, place.local(_towards(context.region_data, points))), mesh.faces)
    depth, mask = gpu.state.depth_test_get(), gpu.state.depth_mask_get()
    gpu.state.blend_set("ALPHA")
    gpu.state.depth_test_set("LESS_EQUAL")
    gpu.state.depth_mask_set(False)
    _triangles(*_floor(place, motion, joints))
    # Its depth first: then only what is nearest of the body is blended, no bone shows through another.
    batch = _batch(*body)
    gpu.state.depth_mask_set(True)
    gpu.state.color_mask_set(False, False, False, False)
    batch.draw(_shader())
    gpu.state.color_mask_set(True, True, True, True)
    gpu.state.depth_mask_set(False)
    batch.draw(_shader())
    gpu.state.blend_set("NONE")
    gpu.state.depth_test_set(depth)
    gpu.state.depth_mask_set(mask)
    seconds_drawn.append(time.perf_counter() - start)
    del seconds_drawn[:-100]


def _towards(view: bpy.types.RegionView3D, points: Array) -> Array:
    """Unit vectors (n, 3) from points (n, 3) of the world to the viewer; (3,) where all lines of sight are parallel."""
    seen = np.array(view.view_matrix.inverted(), np.float64)
    if not view.is_perspective:
        return seen[:3, 2]
    ahead = seen[:3, 3] - points
    out: Array = ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    return out


def _floor(place: Place, motion: ghost.Motion, joints: Array) -> tuple[Array, Array, ghost.Faces]:
    """Points, colours and faces of the shadow and of the way, just above the floor so that it does not hide them."""
    points, faces = ghost.shadow(joints)
    colours = np.tile(SHADOW * [1.0, 1.0, 1.0, 0.0], (len(points), 1))
    colours[0] = SHADOW
    path = motion.path()
    if len(path) > 1:
        band, pieces = ghost.ribbon(path)
        here = int(np.argmin(np.linalg.norm(path - joints[0] * [1.0, 0.0, 1.0], axis=1)))
        gone = (np.arange(len(path)) <= here).repeat(2)[:, None]
        colours = np.concatenate([colours, np.where(gone, GONE_BY, TO_COME)])
        faces = np.concatenate([faces, pieces + len(points)])
        points = np.concatenate([points, band])
    return place.points(points + LIFT), colours, faces


def _triangles(points: Array, colours: Colours, faces: ghost.Faces) -> None:
    _batch(points, colours, faces).draw(_shader())


def _batch(points: Array, colours: Colours, faces: ghost.Faces) -> Any:
    content = {"pos": points.astype(np.float32), "color": colours.astype(np.float32)}
    return batch_for_shader(_shader(), "TRIS", content, indices=np.ascontiguousarray(faces, np.int32))


def _shader() -> Any:
    return gpu.shader.from_builtin("SMOOTH_COLOR")


def _draw_label() -> None:
    """The ghost's name and time, above its head."""
    if playing is None or hidden:
        return
    context, (_, motion, name) = bpy.context, playing
    phase = motion.phase(time.monotonic() - _started)
    joints = motion.joints(phase)
    over = np.array([joints[:, 0].mean(), joints[:, 1].max() + 0.3, joints[:, 2].mean()])
    at = view3d_utils.location_3d_to_region_2d(context.region, context.region_data, _place(context, motion).points(over))
    if at is None:
        return
    blf.size(0, LABEL_POINTS * context.preferences.system.ui_scale)
    text = f"{name}   {units.number(bpy.context, phase)} / {units.lasting(bpy.context, motion.duration)}"
    width, height = blf.dimensions(0, text)
    theme = context.preferences.themes[0].user_interface.wcol_tooltip
    blf.enable(0, blf.SHADOW)
    blf.shadow(0, 5, 0.0, 0.0, 0.0, 0.9)
    blf.color(0, *theme.text, 1.0)
    blf.position(0, at.x - width / 2.0, at.y + height / 2.0, 0.0)
    blf.draw(0, text)
    blf.disable(0, blf.SHADOW)


def forget_library(library: str) -> None:
    """Forget the motions of one library; what plays goes on until another result is selected."""
    global _asked
    if _asked is not None and _asked[1][0] == library:
        _asked = None
    for span in [span for span in _motions if span[0] == library]:
        del _motions[span]


@bpy.app.handlers.persistent
def _file_loads(*_: Any) -> None:
    stop()


def register() -> None:
    """Follow what is selected and what changes, and end before another file is loaded."""
    changes.on_change.append(forget_library)
    properties.on_choice.append(select)
    bpy.app.handlers.load_pre.append(_file_loads)


def unregister() -> None:
    """Leave no handler, timer or motion behind."""
    global problem
    stop()
    problem = ""
    _motions.clear()
    seconds_drawn.clear()
    bpy.app.handlers.load_pre.remove(_file_loads)
    changes.on_change.remove(forget_library)
    properties.on_choice.remove(select)
