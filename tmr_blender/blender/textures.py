# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries' thumbnails as GPU textures, for what is drawn in the viewport.

A drawing asks with `texture`, which never waits: what is missing is asked of the search process from a timer, a few at a
time, and the views are redrawn once it is there.
"""

import base64
from collections import OrderedDict
from typing import Any

import bpy
import gpu
import numpy as np

from ..errors import FileProblem
from ..library.client import Request
from ..motion import png
from ..motion.png import Image
from ..motion.quaternion import Array
from . import changes, jobs, redraw

KEPT = 200
"""Pictures; at 128 pixels a side 26 MB on the GPU."""
TOGETHER = 40
"""Pictures in one request."""
UPLOADS = 4
"""Textures that are made in one drawing."""
LINEAR = bpy.app.version < (5, 0, 0)
"""Whether what Blender draws a picture with takes it to be linear: 4.3 does, 5.2 takes it as it is."""
TICK = 0.05
"""Seconds between two looks at the search process's answer."""

Key = tuple[str, int]
"""Folder of a library and number of an entry in it."""

_pictures: OrderedDict[Key, Image | None] = OrderedDict()
_textures: dict[Key, Any] = {}
_wanted: list[Key] = []
_asked: tuple[Request, list[Key]] | None = None
_uploads = 0


def begin_drawing() -> None:
    """A drawing starts: it may make `UPLOADS` textures."""
    global _uploads
    _uploads = 0


def texture(key: Key) -> Any | None:
    """The picture of an entry as a `gpu.types.GPUTexture`; None while it is not there, or where there is none.

    To be called while a view is drawn.
    """
    global _uploads
    if key in _textures:
        _pictures.move_to_end(key)
        return _textures[key]
    if key not in _pictures:
        want(key)
        return None
    image = _pictures[key]
    if image is None:
        return None
    if _uploads >= UPLOADS:
        redraw_soon()
        return None
    _uploads += 1
    made = _textures[key] = _upload(image)
    return made


def want(key: Key) -> None:
    """Have a picture fetched."""
    waiting = _asked is not None and key in _asked[1]
    if key not in _pictures and key not in _wanted and not waiting:
        _wanted.append(key)
        redraw_soon()


def came(key: Key) -> bool:
    """Whether a picture, or the answer that there is none, has come."""
    return key in _pictures


def held(key: Key) -> Image | None:
    """The picture (height, width, 3) of an entry, if it has come."""
    return _pictures.get(key)


def fetch() -> bool:
    """Ask for what is wanted and take what has come; whether more is to come."""
    global _asked
    if _asked is None and _wanted:
        place = _wanted[0][0]
        chosen = [key for key in _wanted if key[0] == place][:TOGETHER]
        for key in chosen:
            _wanted.remove(key)
        try:
            request = jobs.client().request("pictures", {"library": place, "entries": [number for _, number in chosen]})
        except OSError:  # the search process can't be started, which every search says
            _keep(chosen, [""] * len(chosen))
            return bool(_wanted)
        _asked = request, chosen
    if _asked is None:
        return False
    reply = _asked[0].poll()
    if reply is not None and reply.kind != "progress":
        # A library that is gone or has changed meanwhile has no pictures to show; the next search says so.
        texts = reply.value if reply.kind == "result" else [""] * len(_asked[1])
        _keep(_asked[1], texts)
        _asked = None
    return _asked is not None or bool(_wanted)


def _keep(keys: list[Key], texts: list[str]) -> None:
    for key, text in zip(keys, texts, strict=True):
        _pictures[key] = _decoded(text)
    while len(_pictures) > KEPT:
        oldest, _ = _pictures.popitem(last=False)
        _textures.pop(oldest, None)


def _decoded(text: str) -> Image | None:
    """None for no picture, and for one that a library of another hand holds in another format."""
    if not text:
        return None
    try:
        return png.decode(base64.b64decode(text))
    except FileProblem:
        return None


def _upload(image: Image) -> Any:
    """A texture of an image; its rows go upwards."""
    height, width = image.shape[:2]
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = image[::-1].astype(np.float32) / 255.0
    if LINEAR:
        pixels[..., :3] = linear(pixels[..., :3].astype(np.float64))
    return gpu.types.GPUTexture((width, height), format="RGBA16F", data=gpu.types.Buffer("FLOAT", pixels.size, pixels.ravel()))


def linear(values: Array) -> Array:
    """Of sRGB values from 0 to 1 (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def redraw_soon() -> None:
    """Have the views drawn again in a moment; what was tagged for redraw by now is drawn before them."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK)


def _tick() -> float | None:
    """Of a timer: take what has come, redraw where that is new, and end once there is nothing more."""
    before, more = _asked, fetch()
    if not more or (before is not None and _asked is not before):
        redraw.views()
    return TICK if more else None


def forget_library(library: str) -> None:
    """Free the pictures of one library."""
    global _asked
    if _asked is not None and _asked[1][0][0] == library:
        _asked = None
    for key in [key for key in _pictures if key[0] == library]:
        del _pictures[key]
        _textures.pop(key, None)


def forget() -> None:
    """Free all pictures."""
    global _asked
    _asked = None
    _pictures.clear()
    _textures.clear()
    _wanted.clear()


def register() -> None:
    """Follow what changes; the first drawing starts the timer."""
    changes.on_change.append(forget_library)


def unregister() -> None:
    """Stop the timer and free the pictures."""
    changes.on_change.remove(forget_library)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    forget()
