# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions as strips of the NLA.

Blender plays a rig's active action over all of its strips, so a strip laid beneath one could not be seen: the active
action becomes a strip of its own first, as by Blender's Push Down, and is itself left as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy

from ..errors import SkeletonProblem
from . import action as action_writer


def check(rig: bpy.types.Object) -> None:
    """Raise SkeletonProblem where a new strip could not be laid or seen."""
    action_writer.check(rig)
    data = rig.animation_data
    if data is None:
        return
    if any(track.is_solo for track in data.nla_tracks):
        raise SkeletonProblem(f"One NLA track of “{rig.name}” plays alone: click its star in the NLA editor first.")
    if data.nla_tracks and not data.use_nla:
        raise SkeletonProblem(f"The NLA of “{rig.name}” is switched off: switch it on first, or make a new action instead.")


def plays(rig: bpy.types.Object, frame: float) -> bool:
    """Whether an action or a strip moves the rig at a frame, be it that it holds its end."""
    data = rig.animation_data
    if data is None:
        return False
    if data.action is not None:
        return True
    return any(_covers(track, frame) for track in data.nla_tracks if data.use_nla and not track.mute)


def _covers(track: bpy.types.NlaTrack, frame: float) -> bool:
    strips = [strip for strip in track.strips if not strip.mute]
    inside = any(strip.frame_start <= frame <= strip.frame_end for strip in strips)
    before = max((s for s in strips if s.frame_end <= frame), key=lambda s: s.frame_end, default=None)
    holds = before is not None and before.extrapolation != "NOTHING"
    leads = bool(strips) and frame < strips[0].frame_start and strips[0].extrapolation == "HOLD"
    return inside or holds or leads


def push_down(rig: bpy.types.Object, scene: bpy.types.Scene) -> bpy.types.NlaStrip | None:
    """Make the active action a strip on a track of its own, above the others; None where there is no active action.

    It plays as it did: with its influence and its way to mix, and where its curves go on beyond their keys, so does
    the strip for as long as the scene lasts.
    """
    data = rig.animation_data
    if data is None or data.action is None:
        return None
    action, slot = data.action, getattr(data, "action_slot", None)
    blend, beyond, influence = data.action_blend_type, data.action_extrapolation, data.action_influence
    data.action = None
    track = data.nla_tracks.new()
    track.name = action.name
    start, end = (float(at) for at in action.frame_range)
    strip = _strip(track, action.name, round(start), action, slot)
    if _goes_on(action):
        first, last = min(start, scene.frame_start), max(end, scene.frame_end)
        strip.action_frame_start, strip.action_frame_end = first, last
        strip.frame_start, strip.frame_end = first, last
    strip.blend_type, strip.extrapolation = blend, beyond
    if influence < 1.0:
        strip.use_animated_influence = True
        strip.influence = influence
    return strip


def _goes_on(action: bpy.types.Action) -> bool:
    """Whether any curve moves outside of its keys."""
    return any(
        curve.extrapolation == "LINEAR" or any(not modifier.mute for modifier in curve.modifiers)
        for curve in action_writer.curves_of(action)
    )


def lay(rig: bpy.types.Object, action: bpy.types.Action, slot: Any, frame: int, blend: int) -> bpy.types.NlaStrip:
    """The action as a strip on top, from `frame` on. blend: frames over which it goes over from what lies below.

    It holds its end, unless something below plays longer: then it shows that again, and goes back to it in as many frames.
    """
    data = rig.animation_data or rig.animation_data_create()
    start, end = (float(at) for at in action.frame_range)
    below = [strip for track in data.nla_tracks if not track.mute for strip in track.strips]
    longer = any(strip.frame_end > end for strip in below)
    track = None if blend else _free(data, start, end)
    if track is None:
        track = data.nla_tracks.new()
        track.name = action.name
    strip = _strip(track, action.name, frame, action, slot)
    strip.blend_type = "REPLACE"
    strip.extrapolation = "NOTHING" if longer else "HOLD_FORWARD"
    length = strip.frame_end - strip.frame_start
    strip.blend_in = min(blend, length)
    strip.blend_out = min(blend, length - strip.blend_in) if longer else 0.0
    return strip


def _free(data: bpy.types.AnimData, start: float, end: float) -> bpy.types.NlaTrack | None:
    """The topmost track, if a strip fits in there."""
    track = data.nla_tracks[-1] if data.nla_tracks else None
    if track is None or track.lock or track.mute or getattr(track, "is_override_data", False):
        return None
    return None if any(s.frame_start < end and s.frame_end > start for s in track.strips) else track


def _strip(track: bpy.types.NlaTrack, name: str, frame: int, action: bpy.types.Action, slot: Any) -> bpy.types.NlaStrip:
    strip = track.strips.new(name, frame, action)
    strip.name = name
    if slot is not None:
        strip.action_slot = slot
    return strip


@contextmanager
def restored(rig: bpy.types.Object) -> Iterator[None]:
    """What goes wrong inside leaves the rig with the action, slot, tracks and strips that it had, and no new actions."""
    data = rig.animation_data
    had = data is not None
    action, slot = (data.action, getattr(data, "action_slot", None)) if data is not None else (None, None)
    tracks = {track.as_pointer() for track in data.nla_tracks} if data is not None else set()
    strips = {strip.as_pointer() for track in data.nla_tracks for strip in track.strips} if data is not None else set()
    actions = {item.session_uid for item in bpy.data.actions}
    fake = action.use_fake_user if action is not None else False
    try:
        yield
    except BaseException:
        _put_back(rig, had, tracks, strips)
        if rig.animation_data is not None:
            rig.animation_data.action = action
            if action is not None:
                action.use_fake_user = fake
                if slot is not None:
                    rig.animation_data.action_slot = slot
        for made in [item for item in bpy.data.actions if item.session_uid not in actions]:
            bpy.data.actions.remove(made)
        raise


def _put_back(rig: bpy.types.Object, had: bool, tracks: set[int], strips: set[int]) -> None:
    data = rig.animation_data
    if data is None:
        return
    if not had:
        rig.animation_data_clear()
        return
    for track in [track for track in data.nla_tracks if track.as_pointer() not in tracks]:
        data.nla_tracks.remove(track)
    for track in data.nla_tracks:
        for strip in [strip for strip in track.strips if strip.as_pointer() not in strips]:
            track.strips.remove(strip)
