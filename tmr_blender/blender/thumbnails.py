# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of results as icons, for lists and panels: their thumbnails, and the film strip of the one that is selected.

A panel asks with `icon` and `strip`, which never wait: what is missing is asked of the search process, made an icon from a
timer, a few at a time, and the sidebars are drawn again. Without a window there are no icons.
"""

import base64
import time
from collections import OrderedDict
from typing import Any

import bpy
import bpy.utils.previews
import numpy as np

from ..library.client import Request
from ..motion import png
from ..motion.png import Image
from . import changes, jobs, redraw, textures
from .properties import TMR_PG_hit

KEPT = 300
"""Icons; at 112 pixels a side 15 MB."""
BUDGET = 0.02
"""Seconds of a tick in which icons are made; the window is drawn between two ticks."""
TICK = 0.05
WAIT = 0.15
"""Seconds for which a result has to stay selected before its film strip is asked for."""

Span = tuple[str, int, float, float]
"""Folder of a library, number of an entry in it, and from when to when, seconds."""

_previews: Any = None
_icons: OrderedDict[str, Any] = OrderedDict()
_waiting: dict[str, Image | textures.Key] = {}
_strips: OrderedDict[Span, list[str]] = OrderedDict()
_selected: tuple[Span, float] | None = None
_asked: tuple[Request, Span] | None = None


def icon(hit: TMR_PG_hit) -> int:
    """The icon of a result's thumbnail; 0 while it is not there, or where there is none."""
    key = (hit.library, hit.entry)
    name = f"{hit.library}:{hit.entry}"
    if name in _icons:
        return _of(name)
    if not bpy.app.background:
        if textures.held(key) is None:
            textures.want(key)
        _waiting[name] = key
        _soon()
    return 0


def strip(hit: TMR_PG_hit) -> list[int]:
    """The icons of the panels of a result's film strip, from the first to the last; empty while they are not there."""
    global _selected
    span = (hit.library, hit.entry, hit.start, hit.end)
    names = _strips.get(span)
    if names is not None:
        _strips.move_to_end(span)
        return [_of(name) for name in names if name in _icons]
    under_way = [known[0] for known in (_selected,) if known] + [known[1] for known in (_asked,) if known]
    if not bpy.app.background and span not in under_way:
        _selected = (span, time.monotonic())
        _soon()
    return []


def _of(name: str) -> int:
    _icons.move_to_end(name)
    return _icons[name].icon_id


def _soon() -> None:
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK)


def _tick() -> float | None:
    """Of a timer: ask, take what has come, make icons; ends once there is nothing more."""
    global _selected
    if _asked is not None:
        _take_strip()
    elif _selected is not None and time.monotonic() - _selected[1] >= WAIT:
        _ask_strip(_selected[0])
        _selected = None
    if _make(BUDGET):
        redraw.sidebars()
    return TICK if _waiting or _asked or _selected else None


def _ask_strip(span: Span) -> None:
    global _asked
    place, entry, start, end = span
    whole = {} if end <= start else {"start": start, "end": end}
    try:
        _asked = jobs.client().request("strip", {"library": place, "entry": entry, **whole}), span
    except OSError:  # the search process can't be started, which every search says
        _strips[span] = []


def _take_strip() -> None:
    global _asked
    assert _asked is not None
    request, span = _asked
    reply = request.poll()
    if reply is None or reply.kind == "progress":
        return
    _asked = None
    # A library that is gone or keeps no poses has no strip; the thumbnail is shown in its place.
    panels = reply.value if reply.kind == "result" else []
    names = [f"{span}:{number}" for number in range(len(panels))]
    for name, text in zip(names, panels, strict=True):
        _waiting[name] = png.decode(base64.b64decode(text))
    _strips[span] = names
    while len(_strips) > KEPT // 8:
        for name in _strips.popitem(last=False)[1]:
            _drop(name)


def _make(seconds: float) -> bool:
    """Make icons of what has come, for about so long; whether there is one more."""
    made, end = False, time.perf_counter() + seconds
    for name, source in list(_waiting.items()):
        if isinstance(source, tuple):
            if not textures.came(source):
                textures.want(source)
                continue
            image = textures.held(source)
        else:
            image = source
        del _waiting[name]
        if image is not None:
            _add(name, image)
            made = True
        else:
            _icons[name] = _NONE
        if time.perf_counter() > end:
            break
    return made


class _Nothing:
    """In place of a picture that does not exist, so that it isn't asked for again."""

    icon_id = 0


_NONE = _Nothing()


def _add(name: str, image: Image) -> None:
    global _previews
    if _previews is None:
        _previews = bpy.utils.previews.new()
    while len(_icons) >= KEPT:
        _drop(next(iter(_icons)))
    height, width = image.shape[:2]
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = image[::-1].astype(np.float32) / 255.0  # rows go upwards in Blender
    _drop(name)
    preview = _previews.new(name)
    for kind in ("image", "icon"):
        setattr(preview, f"{kind}_size", (width, height))
        getattr(preview, f"{kind}_pixels_float").foreach_set(pixels.ravel())
    _icons[name] = preview


def _drop(name: str) -> None:
    _waiting.pop(name, None)
    if isinstance(_icons.pop(name, _NONE), _Nothing):
        return
    del _previews[name]


def forget_library(library: str) -> None:
    """Free the icons of one library."""
    global _selected, _asked
    if _selected is not None and _selected[0][0] == library:
        _selected = None
    if _asked is not None and _asked[1][0] == library:
        _asked = None
    for span in [span for span in _strips if span[0] == library]:
        for name in _strips.pop(span):
            _drop(name)
    for name in [name for name in {**_icons, **_waiting} if name.startswith(f"{library}:")]:
        _drop(name)


def forget() -> None:
    """Free all icons."""
    global _previews, _selected, _asked
    for kept in (_icons, _waiting, _strips):
        kept.clear()
    _selected = _asked = None
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None


def register() -> None:
    """Follow what changes; nothing is made before a panel asks."""
    changes.on_change.append(forget_library)


def unregister() -> None:
    """Stop the timer and free the icons."""
    changes.on_change.remove(forget_library)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    forget()
