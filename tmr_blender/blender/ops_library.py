# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Add, refresh and remove libraries."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ..errors import LibraryProblem, ModelProblem
from ..motion import readers
from . import places, preferences
from .jobs import WorkerOperator

SHOWN_ERRORS = 5


class Indexing(WorkerOperator):
    """Mix-in: an operator that brings the library of one folder up to date."""

    directory: str
    work = "Indexing"

    def bring_up_to_date(self, context: bpy.types.Context) -> set[str]:
        """Ask the child to index `directory`; `finish` lists the library."""
        self.folder = Path(bpy.path.abspath(self.directory)).resolve()
        try:
            self.library = places.library_for(self.folder)
        except ModelProblem as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        self.new = not self.library.exists()
        return self.begin(context, "index", {"library": str(self.library), "folder": str(self.folder)})

    def describe(self, progress: Mapping[str, Any]) -> tuple[float, str]:
        left = progress["seconds_left"]
        time = "" if left is None else f", {left:.0f} s left" if left < 90 else f", {left / 60:.0f} min left"
        return progress["done"] / max(progress["total"], 1), f"{progress['done']} of {progress['total']} files{time}"

    def finish(self, context: bpy.types.Context, result: Mapping[str, Any]) -> set[str]:
        broken = [sentence for path, sentence in result["errors"] if Path(path).suffix.lower() in readers.SUFFIXES]
        if len(broken) >= result["total"]:
            if self.new:
                _delete(self.library)
            raise LibraryProblem(f"No motion in {self.folder} could be read. {broken[0]}")
        preferences.remember(context, self.folder)
        for other in self.library.parent.iterdir():
            if other != self.library:
                _delete(other)
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
        "Choose a folder of motions (BVH, FBX, glTF, AMASS) and make it searchable. Its files are only read; the index is kept "
        "apart.\n"
        "Esc stops and keeps what is done. Captions beside the motions are used (NAME.txt, captions.csv, .json or .jsonl)"
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
        return self.bring_up_to_date(context)


class TMR_OT_refresh_library(Indexing, bpy.types.Operator):
    bl_idname = "tmr.refresh_library"
    bl_label = "Refresh"
    bl_description = "Read the files of this folder that are new or have changed, and forget those that are gone"
    bl_options = {"REGISTER"}

    directory: StringProperty(name="Folder", description="The folder of motions, as it was added", subtype="DIR_PATH")

    def execute(self, context: bpy.types.Context) -> set[str]:
        if preferences.place_of(context, self.directory) < 0:
            self.report({"ERROR"}, f"{self.directory} is not one of the libraries.")
            return {"CANCELLED"}
        return self.bring_up_to_date(context)


class TMR_OT_remove_library(bpy.types.Operator):
    bl_idname = "tmr.remove_library"
    bl_label = "Remove"
    bl_description = "Forget this library and delete its index. The motion files themselves are not touched"
    bl_options = {"REGISTER"}

    directory: StringProperty(name="Folder", description="The folder of motions, as it was added", subtype="DIR_PATH")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if preferences.place_of(context, self.directory) < 0:
            self.report({"ERROR"}, f"{self.directory} is not one of the libraries.")
            return {"CANCELLED"}
        _delete(places.kept_for(Path(self.directory)))
        preferences.forget(context, self.directory)
        return {"FINISHED"}


def _delete(index: Path) -> None:
    """Delete an index; only what lies among the extension's own files, and never a folder of motions."""
    if places.user_folder("libraries") in index.parents and index.is_dir():
        shutil.rmtree(index, ignore_errors=True)


_CLASSES = (TMR_OT_add_library, TMR_OT_refresh_library, TMR_OT_remove_library)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
