# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what a rig does, in slices; the last body is remembered, so that the next question about it samples nothing.

It is known by the rig, its frames, and all keys and strips that play on the rig, its parents and what its constraints follow.
Whatever else can change is told by a glance at a few frames: whether the rig still is where it was in them.
"""

import hashlib
import math
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import bpy
import numpy as np

from ..errors import SkeletonProblem
from ..motion.quaternion import Array
from . import action as action_writer
from .body import Body, Sampling

GLANCES = 6
"""Frames that are looked at."""
SAME = 1e-4
"""Of a matrix: what the evaluation of one frame may differ by."""
NAMING = 0.1
"""Of the progress, what it is to know the animation by its keys."""

_PLAIN = {"BOOLEAN", "INT", "FLOAT", "ENUM"}
_BEZIER = 2
"""Of interpolations as numbers: before it those without handles, after it those that ease."""

_kept: tuple[str, Array, Body] | None = None


class Reading:
    """A rig being read: `run` until it says that all is done, then `body`.

    Between two runs anything may happen to the scene: nothing of Blender's is held. The animation is named before it is
    sampled, so where it is edited meanwhile, the next reading finds another name and samples anew.
    """

    def __init__(self, rig: bpy.types.Object, sampling: Sampling) -> None:
        """sampling: of that rig, not begun."""
        self.sampling = sampling
        self.body: Body | None = None
        self._rig = rig.session_uid, rig.name
        self._digest = hashlib.sha256(repr((rig.session_uid, sampling.span, sampling.fps, sampling.bones)).encode())
        self._fed, self._parts = 0, 1
        self._named = self._sampled = False
        self._reckoned: Future[Body] | None = None

    @property
    def progress(self) -> float:
        """0..1, about the share of the work that is done."""
        return NAMING * self._fed / self._parts + (1.0 - NAMING) * self.sampling.progress

    def run(self, seconds: float | None = None) -> bool:
        """Read for about so long, or to the end; whether that is reached.

        Raises SkeletonProblem where the rig has gone, QueryProblem where nothing moves.
        """
        end = math.inf if seconds is None else time.perf_counter() + seconds
        if not self._named:
            self._named = self._name(end)
            if self._named:
                self.body = self._recalled()
        elif not self._sampled:
            self._sampled = self.sampling.run(seconds)
        else:
            self.body = self._reckon(seconds)
        # What comes next begins with what cannot be cut, so it gets a slice of its own unless there is time.
        if self.body is None and (seconds is None or end - time.perf_counter() > seconds / 2):
            return self.run(None if seconds is None else end - time.perf_counter())
        return self.body is not None

    def _name(self, end: float) -> bool:
        """Feed curves to the digest until that time, one at least; whether all are in it."""
        rig = next((item for item in bpy.data.objects if item.session_uid == self._rig[0]), None)
        if rig is None or rig.pose is None:
            raise SkeletonProblem(f"“{self._rig[1]}” has been removed or edited meanwhile: search again.")
        parts = list(_parts(rig))
        self._parts = max(len(parts), 1)
        while self._fed < len(parts):
            part = parts[self._fed]
            self._digest.update(part) if isinstance(part, bytes) else _feed_curve(self._digest, part)
            self._fed += 1
            if time.perf_counter() > end:
                break
        return self._fed >= len(parts)

    def _recalled(self) -> Body | None:
        """The body of the last reading, if nothing has changed since."""
        if _kept is None or _kept[0] != self._digest.hexdigest():
            return None
        # What was edited by a script is evaluated only now.
        bpy.context.view_layer.update()
        seen = self.sampling.glance(self.sampling.glimpses(GLANCES))
        return _kept[2] if np.allclose(_kept[1], seen, atol=SAME) else None

    def _reckon(self, seconds: float | None) -> Body | None:
        """The body from the sampled frames, in a thread of its own: that is arithmetic, which cannot be cut into slices."""
        if self._reckoned is None:
            one = ThreadPoolExecutor(1, thread_name_prefix="tmr")
            self._reckoned = one.submit(self.sampling.body)
            one.shutdown(wait=False)
        done, _ = wait([self._reckoned], seconds)
        if not done:
            return None
        body = self._reckoned.result()
        _keep(self._digest.hexdigest(), self.sampling.taken(self.sampling.glimpses(GLANCES)), body)
        return body


def read(rig: bpy.types.Object, sampling: Sampling) -> Body:
    """All of it, now. Raises QueryProblem where nothing moves."""
    reading = Reading(rig, sampling)
    reading.run()
    assert reading.body is not None
    return reading.body


def _keep(name: str, seen: Array, body: Body) -> None:
    global _kept
    _kept = name, seen, body


def forget() -> None:
    """Remember nothing."""
    global _kept
    _kept = None


def _parts(rig: bpy.types.Object) -> Iterator[bytes | bpy.types.FCurve]:
    """What the animation is known by: settings, and curves whose keys are still to be read."""
    for item in (rig, *_followed(rig)):
        data = item.animation_data
        if data is None:
            continue
        yield repr([data.use_nla, data.action_blend_type, data.action_influence, data.action_extrapolation]).encode()
        if data.action is not None:
            yield from action_writer.curves_of(data.action, getattr(data, "action_slot", None))
        for track in data.nla_tracks:
            yield repr((track.mute, track.is_solo)).encode()
            for strip in track.strips:
                # Whatever a strip has: where it lies, how fast it plays, how it mixes.
                yield _plain(strip)
                yield from strip.fcurves
                if strip.action is not None:
                    yield from action_writer.curves_of(strip.action, getattr(strip, "action_slot", None))


def _followed(rig: bpy.types.Object) -> list[bpy.types.Object]:
    """The parents of the rig, and what it and its bones are constrained to."""
    found: list[Any] = []
    above = rig.parent
    while above is not None:
        found.append(above)
        above = above.parent
    for holder in (rig, *rig.pose.bones):
        for constraint in holder.constraints:
            found.append(getattr(constraint, "target", None))
            found.extend(item.target for item in getattr(constraint, "targets", ()))
    return [item for item in dict.fromkeys(found) if item is not None and item != rig]


def _plain(item: Any) -> bytes:
    """All numbers, switches and choices of an item."""
    return repr([getattr(item, one.identifier) for one in item.bl_rna.properties if one.type in _PLAIN]).encode()


def _feed_curve(digest: Any, curve: bpy.types.FCurve) -> None:
    digest.update(f"{curve.data_path}{curve.array_index}{curve.mute}{curve.extrapolation}".encode())
    for modifier in curve.modifiers:
        digest.update(modifier.type.encode() + _plain(modifier))
    points = curve.keyframe_points
    kinds = _rows(points, "interpolation", 1, np.int32)
    digest.update(kinds.tobytes())
    digest.update(_rows(points, "co", 2, np.float32).tobytes())
    if (kinds == _BEZIER).any():
        for name in ("handle_left", "handle_right"):
            digest.update(_rows(points, name, 2, np.float32).tobytes())
    if (kinds > _BEZIER).any():
        digest.update(_rows(points, "easing", 1, np.int32).tobytes())
        for name in ("back", "amplitude", "period"):
            digest.update(_rows(points, name, 1, np.float32).tobytes())


def _rows(points: Any, name: str, width: int, kind: type) -> np.ndarray:
    values = np.empty(width * len(points), kind)
    points.foreach_get(name, values)
    return values


def register() -> None:
    """Nothing is sampled before somebody asks."""


def unregister() -> None:
    """Forget."""
    forget()
