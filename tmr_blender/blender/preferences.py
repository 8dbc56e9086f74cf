# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""The extension's preferences: which libraries there are and which are searched."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, CollectionProperty, StringProperty

from ..library.store import DATABASE
from . import places


class TMR_PG_library(bpy.types.PropertyGroup):
    """One user library; `name` is shown."""

    folder: StringProperty(name="Motions", description="The folder whose motions are in this library", subtype="DIR_PATH")
    use: BoolProperty(name="Search", description="Search this library", default=True)


class TMR_preferences(bpy.types.AddonPreferences):
    bl_idname = places.PACKAGE

    use_starter: BoolProperty(
        name="Starter Library",
        description="Search the motions that come with the extension: walks, runs, jumps, kicks, dances, falls",
        default=True,
    )
    libraries: CollectionProperty(type=TMR_PG_library)

    def draw(self, context: bpy.types.Context) -> None:
        draw_libraries(self.layout, self)
        self.layout.label(text=f"Indexes are kept in {places.user_folder('libraries')}", icon="INFO")


_CLASSES = (TMR_PG_library, TMR_preferences)


def preferences(context: bpy.types.Context) -> TMR_preferences:
    """The preferences of this extension."""
    return context.preferences.addons[places.PACKAGE].preferences


def searched(context: bpy.types.Context) -> list[Path]:
    """The libraries that are ticked and exist, the starter library first. Raises ModelProblem without networks."""
    settings = preferences(context)
    chosen = [places.STARTER] if settings.use_starter else []
    chosen += [places.library_for(Path(item.folder)) for item in settings.libraries if item.use]
    return [path for path in chosen if (path / DATABASE).is_file()]


def stale(context: bpy.types.Context) -> list[str]:
    """Names of the ticked libraries without an index for the networks in use: an update has brought new ones."""
    ticked = [item for item in preferences(context).libraries if item.use]
    return [item.name for item in ticked if not (places.library_for(Path(item.folder)) / DATABASE).is_file()]


def remember(context: bpy.types.Context, folder: Path) -> None:
    """List a library, once; what is listed already is only ticked."""
    libraries = preferences(context).libraries
    place = place_of(context, str(folder))
    item = libraries[place] if place >= 0 else libraries.add()
    item.name, item.folder, item.use = folder.name or str(folder), str(folder), True
    context.preferences.is_dirty = True


def place_of(context: bpy.types.Context, folder: str) -> int:
    """The place of a folder in the list of libraries, or -1."""
    return next((i for i, item in enumerate(preferences(context).libraries) if item.folder == folder), -1)


def forget(context: bpy.types.Context, folder: str) -> None:
    """Take a folder off the list, if it is listed; its index stays."""
    place = place_of(context, folder)
    if place >= 0:
        preferences(context).libraries.remove(place)
        context.preferences.is_dirty = True


def draw_libraries(layout: bpy.types.UILayout, settings: TMR_preferences) -> None:
    """A row for each library, and the button that adds one; the panel shows the same."""
    layout.row().prop(settings, "use_starter")
    for item in settings.libraries:
        row = layout.row(align=True)
        row.prop(item, "use", text=item.name)
        row.operator("tmr.refresh_library", text="", icon="FILE_REFRESH").directory = item.folder
        row.operator("tmr.remove_library", text="", icon="X").directory = item.folder
    layout.operator("tmr.add_library", icon="FILE_FOLDER")


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
