# SPDX-License-Identifier: GPL-3.0-or-later
"""Cutting an action to a span of frames: its keys in there stay as they are, and at the ends it is where it was."""

from typing import Any

import bpy
import numpy as np

from ..motion import bezier
from . import action as action_writer

# Values of a keyframe's enums, as foreach_get and foreach_set know them.
CONSTANT, LINEAR, BEZIER = 0, 1, 2
FREE, AUTO, VECTOR, ALIGNED, AUTO_CLAMPED = range(5)

NEAR = 1e-3
"""Frames by which a key may lie beside the end of a span and still be its end."""

_FLOATS = {"co": 2, "handle_left": 2, "handle_right": 2, "back": 1, "amplitude": 1, "period": 1}
_WHOLE = ("interpolation", "easing", "type", "handle_left_type", "handle_right_type")

Rows = dict[str, np.ndarray]
"""All there is to know about the keys of a curve, one row a key."""

Made = tuple[bpy.types.Action, Any]
"""A new action, and the slot in it (None before Blender 4.4)."""


def copied(action: bpy.types.Action, slot: Any, first: int, last: int, name: str, shift: int = 0) -> Made:
    """A copy of an action from frame first to last, moved by `shift` frames.

    It holds what the slot does and nothing of the action's other slots. The action is left as it is.
    """
    made = action.copy()
    made.name = name
    made.use_fake_user = made.use_frame_range = False
    if made.asset_data is not None:
        made.asset_clear()
    kept = _only(made, slot)
    for curve in action_writer.curves_of(made, kept):
        _cut(curve, first, last, shift)
    return made, kept


def _only(action: Any, slot: Any) -> Any:
    """Remove all slots but the one; it, in this action."""
    if slot is None:
        return None
    for other in [item for item in action.slots if item.handle != slot.handle]:
        for layer in action.layers:
            for strip in layer.strips:
                for bag in [bag for bag in strip.channelbags if bag.slot_handle == other.handle]:
                    strip.channelbags.remove(bag)
        action.slots.remove(other)
    return next(item for item in action.slots if item.handle == slot.handle)


def _cut(curve: bpy.types.FCurve, first: int, last: int, shift: int) -> None:
    rows = _read(curve)
    rows = _inserted(_inserted(rows, first), last) if _simple(curve, rows, first, last) else _sampled(curve, first, last)
    at = rows["co"][:, 0]
    inside = (at > first - NEAR) & (at < last + NEAR)
    _write(curve, _loosened({name: values[inside] for name, values in rows.items()}), shift)


def _simple(curve: bpy.types.FCurve, rows: Rows, first: int, last: int) -> bool:
    """Whether the keys in the span say all, so that no frame has to be sampled."""
    at = rows["co"][:, 0]
    if not len(at) or any(not modifier.mute for modifier in curve.modifiers):
        return False
    if curve.extrapolation == "LINEAR" and (first < at[0] - NEAR or last > at[-1] + NEAR):
        return False
    ends = [int(np.searchsorted(at, end)) - 1 for end in (first, last) if at[0] < end < at[-1]]
    return all(rows["interpolation"][i] in (CONSTANT, LINEAR, BEZIER) for i in ends)


def _inserted(rows: Rows, x: float) -> Rows:
    """The keys with one at x, where there is none, which changes nothing of the curve."""
    at = rows["co"][:, 0]
    if np.abs(at - x).min() < NEAR:
        return rows
    after = int(np.searchsorted(at, x))
    before = max(after - 1, 0)
    rows = {name: np.insert(values, after, values[before], axis=0) for name, values in rows.items()}
    co, left, right = rows["co"], rows["handle_left"], rows["handle_right"]
    if after in (0, len(at)):
        # Beyond the keys nothing moves: straight on, whatever way the handles point.
        rows["interpolation"][max(after - 1, 0)] = LINEAR
        co[after, 0] = x
    elif rows["interpolation"][before] == BEZIER:
        points = np.stack([co[before], right[before], left[after + 1], co[after + 1]])
        _, right[before], left[after], co[after], right[after], left[after + 1], _ = bezier.split(points, x)
        rows["handle_left_type"][after] = rows["handle_right_type"][after] = ALIGNED
        return rows
    else:
        share = (x - co[before, 0]) / (co[after + 1, 0] - co[before, 0])
        rise = share * (co[after + 1, 1] - co[before, 1]) if rows["interpolation"][before] == LINEAR else 0.0
        co[after] = x, co[before, 1] + rise
    left[after], right[after] = co[after] - (1.0, 0.0), co[after] + (1.0, 0.0)
    rows["handle_left_type"][after] = rows["handle_right_type"][after] = FREE
    return rows


def _loosened(rows: Rows) -> Rows:
    """Keys near the ends with handles that stay when Blender reckons those anew, since their neighbours are others now."""
    near = sorted({i % len(rows["co"]) for i in (0, 1, -2, -1) if abs(i) <= len(rows["co"]) - (i >= 0)})
    for name in ("handle_left_type", "handle_right_type"):
        kinds = rows[name][near]
        rows[name][near] = np.where(np.isin(kinds, (AUTO, AUTO_CLAMPED)), ALIGNED, np.where(kinds == VECTOR, FREE, kinds))
    return rows


def _sampled(curve: bpy.types.FCurve, first: int, last: int) -> Rows:
    """A linear key in every frame; what else made the curve is taken off it."""
    co = np.array([(frame, curve.evaluate(frame)) for frame in range(first, last + 1)], np.float64)
    while curve.modifiers:
        curve.modifiers.remove(curve.modifiers[0])
    if len(curve.sampled_points):
        curve.convert_to_keyframes(first, last + 1)
    curve.extrapolation = "CONSTANT"
    count, third = len(co), np.array([1 / 3, 0.0])
    rows: Rows = {"co": co, "handle_left": co - third, "handle_right": co + third}
    rows |= {name: np.zeros((count, 1)) for name in ("back", "amplitude", "period")}
    rows |= {name: np.zeros(count, np.int32) for name in _WHOLE}
    rows["interpolation"][:] = LINEAR
    return rows


def _read(curve: bpy.types.FCurve) -> Rows:
    points = curve.keyframe_points
    rows: Rows = {}
    for name, width in _FLOATS.items():
        flat = np.empty(len(points) * width, np.float32)
        points.foreach_get(name, flat)
        rows[name] = flat.reshape(len(points), width).astype(np.float64)
    for name in _WHOLE:
        rows[name] = np.empty(len(points), np.int32)
        points.foreach_get(name, rows[name])
    return rows


def _write(curve: bpy.types.FCurve, rows: Rows, shift: int) -> None:
    points = curve.keyframe_points
    points.clear()
    points.add(len(rows["co"]))
    for name in ("co", "handle_left", "handle_right"):
        rows[name][:, 0] += shift
    for name in _FLOATS:
        points.foreach_set(name, np.ascontiguousarray(rows[name], np.float32).ravel())
    for name in _WHOLE:
        points.foreach_set(name, rows[name])
