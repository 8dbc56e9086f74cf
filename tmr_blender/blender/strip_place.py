# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether and where the strip of results is in a 3D view, and what of the view is left to see the scene in."""

import bpy

from .properties import state
from .strip_layout import FOLDED, Layout, Rectangle, uncovered

leftmost: dict[int, int] = {}
"""By area (its pointer): the first result shown."""


def shown(context: bpy.types.Context) -> bool:
    """Whether the strip is in the 3D view of the context."""
    space = context.space_data
    if not isinstance(space, bpy.types.SpaceView3D) or not space.show_gizmo:
        return False
    manager = context.window_manager
    return manager.tmr_strip and len(state(context).hits) > 0 and _is_main(context)


def _is_main(context: bpy.types.Context) -> bool:
    """Of the four views of a quad view only the last, at the upper right, has a strip."""
    views = context.space_data.region_quadviews
    return not views or context.region_data == views[-1]


def layout_of(context: bpy.types.Context) -> Layout:
    """Where everything is in the region of the context."""
    area, region = context.area, context.region
    others = [
        (other.alignment, _rectangle(other))
        for other in area.regions
        if other.type not in {"WINDOW", "HUD"} and other.alignment != "NONE"
    ]
    scale = context.preferences.system.ui_scale
    # The panel of the last operator: folded it fits below the strip, open it stands to its left.
    others += [("LEFT", _rectangle(other)) for other in area.regions if other.type == "HUD" and other.height > FOLDED * scale]
    free = uncovered(_rectangle(region), others)
    return Layout(free, len(state(context).hits), leftmost.get(area.as_pointer(), 0), scale)


def free(context: bpy.types.Context) -> Rectangle:
    """What of the region neither other regions nor the strip lie over, in its pixels."""
    layout = layout_of(context)
    left, lower, right, upper = layout.free
    bar = layout.bar if shown(context) else None
    return left, lower if bar is None else bar[3], right, upper


def _rectangle(region: bpy.types.Region) -> Rectangle:
    return region.x, region.y, region.x + region.width, region.y + region.height
