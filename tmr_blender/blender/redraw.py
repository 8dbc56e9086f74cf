# SPDX-License-Identifier: GPL-3.0-or-later
"""Having parts of the windows drawn again, and nothing beside them: drawing a 3D view can take longer than a search does."""

from collections.abc import Iterator

import bpy


def views() -> None:
    """All 3D views, with their sidebars."""
    for area in _areas():
        if area.type == "VIEW_3D":
            area.tag_redraw()


def sidebars() -> None:
    """Those of all 3D views."""
    regions({("VIEW_3D", "UI")})


def regions(kinds: set[tuple[str, str]]) -> None:
    """All regions of these kinds, the type of their area and their own."""
    for area in _areas():
        for region in area.regions:
            if (area.type, region.type) in kinds:
                region.tag_redraw()


def _areas() -> Iterator[bpy.types.Area]:
    for window in bpy.context.window_manager.windows:
        yield from window.screen.areas
