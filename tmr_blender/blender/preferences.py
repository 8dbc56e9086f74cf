# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""The extension's preferences: which libraries there are and which are searched, where indexes are, threads, times, keys."""

import shutil
from pathlib import Path

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, IntProperty, StringProperty

from ..errors import LibraryProblem
from ..library import moving
from ..library.schema import DATABASE, model_of
from ..tmr import threads as limits
from . import places, summaries
from .language import told


class TMR_PG_library(bpy.types.PropertyGroup):
    """One user library; `name` is shown."""

    folder: StringProperty(name="Motions", description="The folder whose motions are in this library", subtype="DIR_PATH")
    use: BoolProperty(name="Search", description="Search this library", default=True)


def _mappings_moved(_settings: "TMR_preferences", _context: bpy.types.Context) -> None:
    """Another folder of mappings: rigs are looked at anew."""
    from . import mapping  # which needs these preferences

    mapping.forget()


def _index_folder_chosen(settings: "TMR_preferences", context: bpy.types.Context) -> None:
    """Another folder for indexes: it is taken if it can be, and the former one is remembered for what is in it."""
    chosen = settings.index_folder.strip()
    chosen = str(Path(bpy.path.abspath(chosen))) if chosen else ""
    settings.index_problem = ""
    if chosen == settings.indexes_in:
        return
    try:
        if chosen:
            moving.check(Path(chosen), [Path(item.folder) for item in settings.libraries])
    except LibraryProblem as problem:
        settings.index_problem = str(problem)
        return
    former = [line for line in (settings.indexes_in, *settings.former.splitlines()) if line not in ("", chosen)]
    settings.former = "\n".join(dict.fromkeys(line for line in former if moving.places(Path(line))))
    settings.indexes_in = chosen
    summaries.redraw()


def _redraw(_settings: "TMR_preferences", _context: bpy.types.Context) -> None:
    summaries.redraw()


class TMR_preferences(bpy.types.AddonPreferences):
    bl_idname = places.PACKAGE

    use_starter: BoolProperty(
        name="Starter Library",
        description="Search the motions that come with the extension: walks, runs, jumps, kicks, dances, falls",
        default=True,
    )
    libraries: CollectionProperty(type=TMR_PG_library)
    active: IntProperty(name="Library", description="The library that is shown below the list")
    mappings: StringProperty(
        name="Shared Mappings",
        description="A folder of rig mappings (.json) that the studio shares. They are only read; your own go before them",
        subtype="DIR_PATH",
        update=_mappings_moved,
    )
    show_unread: BoolProperty(name="Files That Could Not Be Read", description="Show why, file by file", default=False)
    index_folder: StringProperty(
        name="Indexes",
        description=(
            "The folder for the indexes of your libraries, such as one on a larger or faster disk; empty takes one of "
            "Blender's.\nWhat is elsewhere stays searchable, and can be moved there"
        ),
        subtype="DIR_PATH",
        update=_index_folder_chosen,
    )
    indexes_in: StringProperty(description="The folder for indexes that was found usable", options={"HIDDEN"})
    former: StringProperty(description="Folders that were it before, one a line", options={"HIDDEN"})
    index_problem: StringProperty(description="Why the folder can't be used", options={"HIDDEN", "SKIP_SAVE"})
    threads: IntProperty(
        name="Search Threads",
        description=(
            "Processor threads that a search may use at most; 0 takes as many as suit this machine. Fewer leave more to "
            "Blender's playback. The search process is started anew for it"
        ),
        min=0,
        max=limits.MOST,
        soft_max=64,
    )
    readers: IntProperty(
        name="Index Readers",
        description=(
            "Processes that read motion files at the same time while a folder is indexed; 0 takes most of the processor's "
            "cores. It counts from the next indexing on"
        ),
        min=0,
        max=limits.MOST,
        soft_max=64,
    )
    times: EnumProperty(
        name="Times",
        description="How lengths and times of motions are told. Distances and heights follow the scene's units",
        items=[
            ("SECONDS", "Seconds", "As recorded, whatever the frame rate of the scene"),
            ("FRAMES", "Frames", "At the frame rate of the scene, as on the timeline"),
        ],
        update=_redraw,
    )
    show_keys: BoolProperty(name="Keys", description="Show what each key does, to change it or switch it off", default=False)

    def draw(self, context: bpy.types.Context) -> None:
        from . import keys, libraries, ops_doctor, ops_moving  # which need these preferences

        libraries.draw(self.layout, context)
        self.layout.prop(self, "mappings")
        ops_moving.draw(self.layout.column(), self)
        row = self.layout.row()
        row.prop(self, "threads")
        row.prop(self, "readers")
        self.layout.row().prop(self, "times", expand=True)
        icon = "TRIA_DOWN" if self.show_keys else "TRIA_RIGHT"
        box = self.layout.box()
        box.row().prop(self, "show_keys", icon=icon, emboss=False)
        if self.show_keys:
            keys.draw(box, context)
        ops_doctor.draw(self.layout)


_CLASSES = (TMR_PG_library, TMR_preferences)


def preferences(context: bpy.types.Context) -> TMR_preferences:
    """The preferences of this extension."""
    return context.preferences.addons[places.PACKAGE].preferences


def searched(context: bpy.types.Context) -> list[Path]:
    """The libraries that are ticked and can be searched, the starter library first. Raises ModelProblem without networks."""
    settings = preferences(context)
    starter = [places.STARTER] if settings.use_starter and (places.STARTER / DATABASE).is_file() else []
    return starter + [places.library_for(Path(item.folder)) for item in settings.libraries if item.use and not _lack(item)]


def left_out(context: bpy.types.Context) -> list[str]:
    """Sentences about the ticked libraries that can't be searched. Raises ModelProblem without networks."""
    lacks = [(item.name, _lack(item)) for item in preferences(context).libraries if item.use]
    return [told("{library} was left out: {problem}.", library=name, problem=lack) for name, lack in lacks if lack]


def _lack(item: TMR_PG_library) -> str:
    """What keeps a library from being searched, and what helps; "" for nothing."""
    library = places.library_for(Path(item.folder))
    if not (library / DATABASE).is_file():
        return told("refresh it under Libraries, it has no index")
    if model_of(library) not in ("", places.installed_model()):
        return told("re-encode it under Libraries, its index is of other networks")
    return ""


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


def clear_older(folder: Path) -> None:
    """Delete what an earlier version has kept about the motions in a folder, an index for each network, but the one in use."""
    library = places.library_for(folder)
    for other in library.parent.iterdir():
        if other != library and other.is_dir() and any(place in other.parents for place in places.index_folders()):
            shutil.rmtree(other, ignore_errors=True)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
