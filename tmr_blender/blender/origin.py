# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the motion of an action comes from, as custom properties on it and on its asset data.

| property | what |
|---|---|
| `tmr_path` | the motion file, absolute |
| `tmr_take` | which take of the file, from 0 |
| `tmr_start`, `tmr_end` | the moment in the take, seconds; both 0 for all of it |
| `tmr_mirror` | 1 where left and right were exchanged |
| `tmr_name` | what the motion is called |
| `tmr_description` | the words that it was found by |

An asset that is not loaded shows only what its asset data has. Files of assets come from strangers: what is read here is
checked, and a path is followed only into the folders of the user's own libraries.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..errors import FileProblem
from ..motion import readers
from . import places, preferences
from .placing import DESCRIPTION

LONGEST = 4096
"""Characters of a path."""
LATEST = 1e6
"""Seconds; no take is as long."""
MOST_TAKES = 1 << 20


@dataclass(frozen=True)
class Origin:
    """A moment of a take of a file. end: 0 is the end of the take. name: what its action is called; caption: what it shows."""

    path: str
    take: int = 0
    start: float = 0.0
    end: float = 0.0
    mirror: bool = False
    name: str = ""
    caption: str = ""

    def note(self, holder: Any) -> None:
        """Write it on an action, or on asset data."""
        holder["tmr_path"] = self.path
        holder["tmr_take"] = self.take
        holder["tmr_start"] = float(self.start)
        holder["tmr_end"] = float(self.end)
        holder["tmr_mirror"] = int(self.mirror)
        holder["tmr_name"] = self.name
        holder[DESCRIPTION] = self.caption

    def arguments(self) -> dict[str, Any]:
        """For `tmr.drop_on` and `tmr.apply`."""
        given = {"path": self.path, "take": self.take, "start": self.start, "end": self.end, "mirror": self.mirror}
        return {**given, "action_name": self.name, "caption": self.caption}


def noted(holder: Any) -> bool:
    """Whether an origin is on an action, or on asset data; it may turn out to be none."""
    return "tmr_path" in holder


def read(holder: Any) -> Origin | None:
    """The origin that is on an action, or on asset data; None where there is none, or nothing that could be one."""
    path = _text(holder.get("tmr_path"), LONGEST)
    take, start, end = (_number(holder.get(f"tmr_{name}", 0)) for name in ("take", "start", "end"))
    if not path or take is None or start is None or end is None or take != int(take) or take > MOST_TAKES:
        return None
    mirror = holder.get("tmr_mirror", 0) == 1
    name, caption = _text(holder.get("tmr_name"), 63), _text(holder.get(DESCRIPTION), LONGEST)
    return Origin(path, int(take), start, end, mirror, name, caption)


def _text(value: Any, longest: int) -> str:
    """The value if it is one line of text of at most so many characters."""
    return value if isinstance(value, str) and len(value) <= longest and value.isprintable() else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0 <= value <= LATEST else None


def checked(context: bpy.types.Context, origin: Origin) -> Path:
    """The file of an origin, if it may be read and is there. Raises FileProblem, before anything outside is touched.

    A path of an asset could name any file, or another computer; so only what lies in the folder of one of the user's
    libraries is looked at, by name first, and then by where links lead.
    """
    path = Path(origin.path)
    if path.suffix.lower() not in readers.SUFFIXES:
        raise FileProblem(f"{path.name} is no kind of motion file.")
    roots = [folder for folder in folders(context) if _inside(os.path.normpath(path), os.path.normpath(folder))]
    if not path.is_absolute() or not roots:
        raise FileProblem(f"{path.name} is in none of your libraries: add its folder under Libraries.")
    if not path.is_file():
        raise FileProblem(f"The file {path.name} is gone.")
    if not any(path.resolve().is_relative_to(root.resolve()) for root in roots):
        raise FileProblem(f"{path.name} is a link that leads out of its library.")
    return path


def _inside(path: str, folder: str) -> bool:
    return Path(os.path.normcase(path)).is_relative_to(os.path.normcase(folder))


def folders(context: bpy.types.Context) -> Iterator[Path]:
    """Where the user's motions lie."""
    yield places.STARTER.parent
    for item in preferences.preferences(context).libraries:
        if item.folder:
            yield Path(bpy.path.abspath(item.folder))
