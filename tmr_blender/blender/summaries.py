# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lists show of each library: read in a thread, since a window must not wait for a disk, and kept until it changes."""

import threading
from pathlib import Path

import bpy

from ..errors import ModelProblem
from ..library.info import Summary, summary
from . import changes, places
from .redraw import regions

TICK = 0.1
PLACES = {("VIEW_3D", "UI"), ("PREFERENCES", "WINDOW")}
"""Types of areas and regions that show libraries."""

_known: dict[Path, tuple[int, Summary]] = {}
_reading: dict[Path, threading.Thread] = {}


def of(library: Path) -> Summary | None:
    """What is known about a library; None until it has been read for the first time. Never waits."""
    held = _known.get(library)
    stamp = changes.stamp(library)
    if (held is None or held[0] != stamp) and library not in _reading:
        _reading[library] = threading.Thread(target=_read, args=(library, stamp), daemon=True)
        _reading[library].start()
        if not bpy.app.background and not bpy.app.timers.is_registered(_show):
            bpy.app.timers.register(_show, first_interval=TICK)
    return held[1] if held is not None else None


def read(library: Path) -> Summary:
    """The same, waiting for it."""
    of(library)
    while library in _reading:
        _reading[library].join()
        _collect()
    return _known[library][1]


def outdated(known: Summary | None) -> bool:
    """Whether a library's vectors are of other networks than those installed."""
    try:
        return known is not None and known.model not in ("", places.installed_model())
    except ModelProblem:
        return False  # without networks nothing can be encoded anew; a search says what is missing


def _read(library: Path, stamp: int) -> None:
    """In the thread."""
    _known[library] = (stamp, summary(library))


def _collect() -> None:
    for library, thread in list(_reading.items()):
        if not thread.is_alive():
            del _reading[library]


def _show() -> float | None:
    """Draw what has been read; again until all has."""
    before = len(_reading)
    _collect()
    if len(_reading) < before:
        redraw()
    return TICK if _reading else None


def redraw() -> None:
    """Have every place drawn that shows libraries or what is under way; not the 3D view beside it, which may take long."""
    regions(PLACES)


def unregister() -> None:
    """Stop drawing; a thread that still reads ends by itself."""
    if bpy.app.timers.is_registered(_show):
        bpy.app.timers.unregister(_show)


def register() -> None:
    """Nothing is read before a list is drawn."""
