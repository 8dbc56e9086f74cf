# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportMissingImports=false
"""The score over time and the moments found, drawn as a band low in the editors that show time.

Its height is what the score was made from: by how many standard deviations a time is nearer to the description than to
sentences at large, from -1 to 4. The scores themselves crowd below 1 where all of an action is near. The thin lines across are
where the words change, at 1, 2 and 3: possible, likely, clear.
"""

from dataclasses import dataclass
from typing import Any

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader
from numpy.typing import NDArray

from . import moments

Points = NDArray[np.float32]
Colour = tuple[float, float, float, float]

# In pixels at a user interface scale of 1: what markers and scroll bar take below, frame numbers above; the band's height.
BELOW, ABOVE, LEAST, MOST = 44, 28, 12, 90
SHARE = 0.45
"""Of the height between, that the band takes at most."""

LOWEST, HIGHEST = -1.0, 4.0
"""Standard deviations at the lower and the upper edge of the band."""

# With an outline, since a curve runs over the theme's background, whichever it is, and over keys, black or bright.
COLOUR = (1.0, 0.72, 0.26)
OUTLINE = (0.0, 0.0, 0.0, 0.6)
FILL, SPAN, ACTIVE, BOUND = 0.16, 0.10, 0.20, 0.25

_handles: list[tuple[Any, Any]] = []


@dataclass(frozen=True)
class Band:
    """Where to draw, in pixels of the region. frames: what its left and right edges show."""

    width: int
    bottom: float
    height: float
    frames: tuple[float, float]

    def across(self, frames: Any) -> Any:
        """Pixels from the left of scene frames."""
        first, last = self.frames
        return (np.asarray(frames, np.float64) - first) * (self.width / (last - first))

    def up(self, scores: Any) -> Any:
        """Pixels from below of scores 0..1, of which each is the logistic function of standard deviations."""
        inside = np.clip(np.asarray(scores, np.float64), 1e-6, 1.0 - 1e-6)
        deviations = np.clip(np.log(inside / (1.0 - inside)), LOWEST, HIGHEST)
        return self.bottom + self.height * (deviations - LOWEST) / (HIGHEST - LOWEST)


def band(width: int, height: int, scale: float, frames: tuple[float, float]) -> Band | None:
    """The band of a region of that size; None where there is no room. scale: of the user interface.

    In a timeline as low as Blender's own it lies below the frame numbers, or behind them if that is all there is.
    """
    if frames[1] <= frames[0] or width < 2 or height < LEAST * scale:
        return None
    room = height - (BELOW + ABOVE) * scale
    if room >= 2.0 * LEAST * scale:
        return Band(width, BELOW * scale, min(max(SHARE * room, LEAST * scale), MOST * scale), frames)
    low = height - ABOVE * scale
    return Band(width, 0.0, low if low >= LEAST * scale else float(height), frames)


def line(where: Band, first: float, step: float, scores: NDArray[np.float64]) -> Points:
    """The curve (n, 2) in pixels, what is seen of it: of each pixel's scores the highest."""
    at = where.across(first + step * np.arange(len(scores)))
    seen = np.flatnonzero((at >= -where.width * 0.01 - 50) & (at <= where.width * 1.01 + 50))
    if len(seen) < 2:
        return np.zeros((0, 2), np.float32)
    seen = np.arange(max(seen[0] - 1, 0), min(seen[-1] + 2, len(at)))
    pixel = np.floor(at[seen]).astype(np.int64)
    starts = np.flatnonzero(np.diff(pixel, prepend=pixel[0] - 1))
    highest = np.maximum.reduceat(scores[seen], starts)
    return np.stack([at[seen][starts], where.up(highest)], axis=1).astype(np.float32)


def _draw() -> None:
    context = bpy.context
    region = context.region
    kept = moments.of(context.scene)
    if region is None or not kept.items or not moments.asked(context).show_curve:
        return
    first, last = (region.view2d.region_to_view(x, 0)[0] for x in (0, region.width))
    scale = context.preferences.system.ui_scale
    where = band(region.width, region.height, scale, (first, last))
    if where is None:
        return
    gpu.state.blend_set("ALPHA")
    _draw_spans(where, kept)
    curve = line(where, kept.first, kept.step, moments.scores(context.scene))
    if len(curve) > 1:
        _draw_curve(where, curve, scale)
    gpu.state.blend_set("NONE")
    _draw_words(where, kept, scale)


def _draw_spans(where: Band, kept: moments.TMR_PG_moments) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    low, high = where.bottom, where.bottom + where.height
    for index, item in enumerate(kept.items):
        left, right = np.clip(where.across((item.start, item.end)), 0.0, where.width)
        if right - left < 0.5:
            continue
        corners = np.array([(left, low), (right, low), (left, high), (right, high)], np.float32)
        _fill(shader, corners, (*COLOUR, ACTIVE if index == kept.active else SPAN))


def _draw_curve(where: Band, curve: Points, scale: float) -> None:
    flat = gpu.shader.from_builtin("UNIFORM_COLOR")
    ground = np.stack([curve[:, 0], np.full(len(curve), where.bottom, np.float32)], axis=1)
    _fill(flat, np.stack([ground, curve], axis=1).reshape(-1, 2), (*COLOUR, FILL))
    drawn = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    across = [np.array([(x, where.up(least)) for x in curve[[0, -1], 0]], np.float32) for least, _ in moments.VERDICTS[:-1]]
    for points, wide, colour in (
        *((bound, 1.0, (*COLOUR, BOUND)) for bound in across),
        (curve, 3.8 * scale, OUTLINE),
        (curve, 1.8 * scale, (*COLOUR, 1.0)),
    ):
        drawn.bind()
        drawn.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
        drawn.uniform_float("lineWidth", wide)
        drawn.uniform_float("color", colour)
        flatly = np.concatenate([points, np.zeros((len(points), 1), np.float32)], axis=1)
        batch_for_shader(drawn, "LINE_STRIP", {"pos": flatly}).draw(drawn)


def _fill(shader: Any, points: Points, colour: Colour) -> None:
    """A strip of triangles (n, 2)."""
    shader.bind()
    shader.uniform_float("color", colour)
    batch_for_shader(shader, "TRI_STRIP", {"pos": points}).draw(shader)


def _draw_words(where: Band, kept: moments.TMR_PG_moments, scale: float) -> None:
    """What the curve is of, above its beginning."""
    size = 11.0 * scale
    if where.height < 4.0 * size or where.width < 200 * scale:
        return
    blf.size(0, size)
    blf.color(0, *COLOUR, 0.9)
    left = max(float(where.across(kept.first)), 0.0) + 6 * scale
    blf.enable(0, blf.SHADOW)
    blf.shadow(0, 5, *OUTLINE[:3], 1.0)
    blf.position(0, left, where.bottom + where.height - size, 0.0)
    blf.draw(0, f"{kept.query} · {kept.rig}")
    blf.disable(0, blf.SHADOW)


def register() -> None:
    """Draw from now on; there is nothing to draw on without a window."""
    if bpy.app.background:
        return
    for kind in (bpy.types.SpaceDopeSheetEditor, bpy.types.SpaceGraphEditor, bpy.types.SpaceNLA):
        _handles.append((kind, kind.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")))


def unregister() -> None:
    """Undo `register`."""
    while _handles:
        kind, handle = _handles.pop()
        kind.draw_handler_remove(handle, "WINDOW")
