# SPDX-License-Identifier: GPL-3.0-or-later
"""How long motions last and when things happen in them: in seconds or in frames of the scene, as the preferences say."""

import bpy

from .language import worded
from .places import settings
from .scenes import scene_fps


def in_frames() -> bool:
    """Whether times are told in frames."""
    chosen = settings()
    return chosen is not None and chosen.times == "FRAMES"


def number(context: bpy.types.Context, seconds: float) -> str:
    """A time or a length of time, without its unit."""
    if in_frames():
        return str(round(seconds * scene_fps(context.scene)))
    return f"{seconds:.1f}"


def lasting(context: bpy.types.Context, seconds: float) -> str:
    """A length of time, such as "2.5 s" or "60 frames"."""
    if in_frames():
        return worded("{count} frames", count=number(context, seconds))
    return f"{seconds:.1f} s"


def span(context: bpy.types.Context, start: float, end: float) -> str:
    """A part of a motion, such as "1.0 to 2.5 s" or "24 to 60"."""
    first, last = number(context, start), number(context, end)
    return worded("{start} to {end}" if in_frames() else "{start} to {end} s", start=first, end=last)


def within(context: bpy.types.Context, start: float, end: float, whole: float) -> str:
    """A part of a take, such as "1.0 to 2.5 s of 8.0 s"."""
    first, last = number(context, start), number(context, end)
    if in_frames():
        return worded("{first} to {last} of {whole}", first=first, last=last, whole=lasting(context, whole))
    return worded("{first} to {last} s of {whole}", first=first, last=last, whole=lasting(context, whole))
