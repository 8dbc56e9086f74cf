# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Add, refresh and remove libraries."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ..errors import LibraryProblem
from ..motion import readers
from . import places, preferences
from .jobs import WorkerOperator

SHOWN_ERRORS = 5


class Indexing(WorkerOperator):
    """Mix-in: an operator that brings the library of one folder up to date."""

    work = "Indexing"

    def bring_up_to_date(self, context: bpy.types.Context, folder: Path) -> set[str]:
        """Ask the child to index; `finish` lists the library."""
        self.folder = folder
        self.library = places.library_for(folder)
        self.new = not self.library.exists()
        return self.begin(context, "index", {"library": str(self.library), "folder": str(folder)})

    def describe(self, progress: Mapping[str, Any]) -> tuple[float, str]:
        left = progress["seconds_left"]
        time = "" if left is None else f", {left:.0f} s left" if left < 90 else f", {left / 60:.0f} min left"
        return progress["done"] / max(progress["total"], 1), f"{progress['done']} of {progress['total']} files{time}"

    def finish(self, context: bpy.types.Context, result: Mapping[str, Any]) -> set[str]:
        broken = [sentence for path, sentence in result["errors"] if Path(path).suffix.lower() in readers.SUFFIXES]
        if len(broken) >= result["total"]:
            if self.new:
                shutil.rmtree(self.library, ignore_errors=True)
            raise LibraryProblem(f"No motion in {self.folder} could be read. {broken[0]}")
        preferences.remember(context, self.folder, self.library)
        for sentence in broken[:SHOWN_ERRORS]:
            self.report({"WARNING"}, sentence)
        skipped = f"; {len(broken)} could not be read" if broken else ""
        stopped = ", stopped before the end: refresh to go on" if result["stopped"] else ""
        self.report({"INFO"}, f"{self.folder.name}: {result['done']} of {result['total']} files{skipped}{stopped}")
        return {"FINISHED"}


class TMR_OT_add_library(Indexing, bpy.types.Operator):
    bl_idname = "tmr.add_library"
    bl_label = "Add Folder"
    bl_description = (
        "Choose a folder of BVH or FBX motions and make it searchable. Its files are only read; the index is kept apart.\n"
        "About 50 files a second on one core; Esc stops and keeps what is done. A caption file beside the motions is used"
    )
    bl_options = {"REGISTER"}

    directory: StringProperty(name="Folder", description="The folder of motions, with its subfolders", subtype="DIR_PATH")
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self.directory:
            self.report({"ERROR"}, "Choose a folder of motions.")
            return {"CANCELLED"}
        return self.bring_up_to_date(context, Path(bpy.path.abspath(self.directory)).resolve())


class TMR_OT_refresh_library(Indexing, bpy.types.Operator):
    bl_idname = "tmr.refresh_library"
    bl_label = "Refresh"
    bl_description = "Read the files of this folder that are new or have changed, and forget those that are gone"
    bl_options = {"REGISTER"}

    index_folder: StringProperty(name="Library", description="Its index, as the preferences list it", subtype="DIR_PATH")

    def execute(self, context: bpy.types.Context) -> set[str]:
        item = listed(context, self.index_folder)
        if item is None:
            self.report({"ERROR"}, f"{self.index_folder} is not one of the libraries.")
            return {"CANCELLED"}
        return self.bring_up_to_date(context, Path(item.folder))


class TMR_OT_remove_library(bpy.types.Operator):
    bl_idname = "tmr.remove_library"
    bl_label = "Remove"
    bl_description = "Forget this library and delete its index. The motion files themselves are not touched"
    bl_options = {"REGISTER"}

    index_folder: StringProperty(name="Library", description="Its index, as the preferences list it", subtype="DIR_PATH")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        item = listed(context, self.index_folder)
        if item is None:
            self.report({"ERROR"}, f"{self.index_folder} is not one of the libraries.")
            return {"CANCELLED"}
        index = Path(item.index)
        libraries = preferences.preferences(context).libraries
        libraries.remove(next(i for i, other in enumerate(libraries) if other.index == item.index))
        # Only what `places.library_for` made is deleted, whatever the preferences were edited to say.
        if index.parent == places.user_folder("libraries"):
            shutil.rmtree(index, ignore_errors=True)
        context.preferences.is_dirty = True
        return {"FINISHED"}


def listed(context: bpy.types.Context, index: str) -> preferences.TMR_PG_library | None:
    """The library with this index, if it is listed."""
    return next((item for item in preferences.preferences(context).libraries if item.index == index), None)


_CLASSES = (TMR_OT_add_library, TMR_OT_refresh_library, TMR_OT_remove_library)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
