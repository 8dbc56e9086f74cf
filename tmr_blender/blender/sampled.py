# SPDX-License-Identifier: GPL-3.0-or-later
"""The body that was sampled last, so that the next question about the same motion need not sample it again.

It is known by the rig, its frames and all keys and strips that play. Constraints, drivers and parents can change without
those: a glance at a few frames tells whether the rig still is where it was. Keys of other objects, which a glance may miss,
make it forgotten as soon as Blender evaluates them.
"""

import hashlib
from typing import Any

import bpy
import numpy as np

from ..motion.quaternion import Array
from . import action as action_writer
from .body import Body, Sampling

GLANCES = 6
"""Frames that are looked at."""
SAME = 1e-4
"""Of a matrix: what the evaluation of one frame may differ by."""

_kept: tuple[str, Array, Body] | None = None


def find(rig: bpy.types.Object, sampling: Sampling) -> Body | None:
    """What such a sampling came to, if nothing has changed since."""
    # What was edited by a script is evaluated only now.
    bpy.context.view_layer.update()
    if _kept is None or _kept[0] != _named(rig, sampling):
        return None
    return _kept[2] if np.allclose(_kept[1], sampling.glance(GLANCES), atol=SAME) else None


def keep(rig: bpy.types.Object, sampling: Sampling) -> Body:
    """The body of a sampling that has come to its end; it is remembered, instead of the one before."""
    global _kept
    body = sampling.body()
    _kept = _named(rig, sampling), sampling.glance(GLANCES), body
    return body


def forget() -> None:
    """Remember nothing."""
    global _kept
    _kept = None


def _named(rig: bpy.types.Object, sampling: Sampling) -> str:
    """A name for the rig's animation in those frames."""
    digest = hashlib.sha256(repr((rig.session_uid, sampling.span, sampling.fps, sampling.bones)).encode())
    data = rig.animation_data
    if data is None:
        return digest.hexdigest()
    digest.update(repr([data.use_nla, data.action_blend_type, data.action_influence, data.action_extrapolation]).encode())
    if data.action is not None:
        _feed(digest, data.action, getattr(data, "action_slot", None))
    for track in data.nla_tracks:
        digest.update(repr((track.mute, track.is_solo)).encode())
        for strip in track.strips:
            # Whatever a strip has: where it lies, how fast it plays, how it mixes.
            plain = [getattr(strip, item.identifier) for item in strip.bl_rna.properties if item.type in _PLAIN]
            digest.update(repr(plain).encode())
            for curve in strip.fcurves:
                _feed_curve(digest, curve)
            if strip.action is not None:
                _feed(digest, strip.action, getattr(strip, "action_slot", None))
    return digest.hexdigest()


_PLAIN = {"BOOLEAN", "INT", "FLOAT", "ENUM"}


def _feed(digest: Any, action: bpy.types.Action, slot: Any) -> None:
    for curve in action_writer.curves_of(action, slot):
        _feed_curve(digest, curve)


def _feed_curve(digest: Any, curve: bpy.types.FCurve) -> None:
    digest.update(f"{curve.data_path}{curve.array_index}{curve.mute}{curve.extrapolation}{len(curve.modifiers)}".encode())
    points = curve.keyframe_points
    for name in ("co", "handle_left", "handle_right"):
        values = np.empty(2 * len(points), np.float32)
        points.foreach_get(name, values)
        digest.update(values.tobytes())
    kinds = np.empty(len(points), np.int32)
    points.foreach_get("interpolation", kinds)
    digest.update(kinds.tobytes())


@bpy.app.handlers.persistent
def _changed(_scene: bpy.types.Scene, graph: bpy.types.Depsgraph) -> None:
    if _kept is not None and graph.id_type_updated("ACTION"):
        forget()


@bpy.app.handlers.persistent
def _loaded(*_: Any) -> None:
    forget()


def register() -> None:
    """Watch for keys that change."""
    bpy.app.handlers.depsgraph_update_post.append(_changed)
    bpy.app.handlers.load_post.append(_loaded)


def unregister() -> None:
    """Undo `register` and forget."""
    bpy.app.handlers.load_post.remove(_loaded)
    bpy.app.handlers.depsgraph_update_post.remove(_changed)
    forget()
