# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Add, refresh, re-encode, check and remove libraries."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import BoolProperty, StringProperty

from . import jobs, places, preferences, summaries, watching
from .jobs import WorkerOperator
from .language import marked, told

SHOWN_FAULTS = 5


class OfLibrary:
    """Mix-in: an operator on one of the listed libraries, by default the one selected in the list."""

    directory: StringProperty(
        name="Folder", description="The folder of motions, as it was added; empty takes the selected one", subtype="DIR_PATH"
    )
    report: Any
    poll_message_set: ClassVar[Any]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(told, "Add a folder of motions first")
        return len(preferences.preferences(context).libraries) > 0

    def chosen(self, context: bpy.types.Context) -> str:
        """The folder as it is listed; "" where it is not, which is reported."""
        settings = preferences.preferences(context)
        if not self.directory and 0 <= settings.active < len(settings.libraries):
            return settings.libraries[settings.active].folder
        if preferences.place_of(context, self.directory) < 0:
            self.report({"ERROR"}, told("{folder} is not one of the libraries.", folder=self.directory))
            return ""
        return self.directory


class TMR_OT_add_library(bpy.types.Operator):
    bl_idname = "tmr.add_library"
    bl_label = "Add Folder"
    bl_description = (
        "Choose a folder of motions and make it searchable. Its files are only read; the index is kept apart.\n"
        "Go on working meanwhile, or close Blender: indexing goes on. Esc stops it and keeps what is done.\n"
        "Captions beside the motions are used (NAME.txt, captions.csv, .json or .jsonl)"
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
        folder = Path(bpy.path.abspath(self.directory)).resolve()
        return watching.begin(self, context, places.library_for(folder), folder, index=True)


class TMR_OT_refresh_library(OfLibrary, bpy.types.Operator):
    bl_idname = "tmr.refresh_library"
    bl_label = "Refresh"
    bl_description = (
        "Read the files of this folder that are new or have changed, and forget those that are gone. "
        "A library of other networks is re-encoded first"
    )
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = self.chosen(context)
        if not folder:
            return {"CANCELLED"}
        return watching.begin(self, context, places.library_for(Path(folder)), Path(folder), index=True)


class TMR_OT_reencode_library(OfLibrary, bpy.types.Operator):
    bl_idname = "tmr.reencode_library"
    bl_label = "Re-encode"
    bl_description = (
        "Make the vectors of this library anew with the installed networks, from what it has stored: its files are not needed. "
        "Until that is finished the library stays as it is"
    )
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = self.chosen(context)
        if not folder:
            return {"CANCELLED"}
        return watching.begin(self, context, places.library_for(Path(folder)), Path(folder), index=False)


CHANGES = (
    ("changed", marked("{count} changed")),
    ("vanished", marked("{count} gone")),
    ("unread", marked("{count} could not be read")),
)
"""What a check tells of files, by key of its result."""


class TMR_OT_check_library(OfLibrary, WorkerOperator, bpy.types.Operator):
    bl_idname = "tmr.check_library"
    bl_label = "Check"
    bl_description = "Look whether this library is whole, and which of its files have changed or vanished since they were read"
    bl_options = {"REGISTER"}
    work = marked("Checking")

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = self.chosen(context)
        if not folder:
            return {"CANCELLED"}
        self.folder = Path(folder)
        return self.begin(context, "check", {"library": str(places.library_for(self.folder))})

    def finish(self, context: bpy.types.Context, result: Mapping[str, Any]) -> set[str]:
        name = self.folder.name
        if result["missing"]:
            self.report(
                {"WARNING"},
                told("{library}: the folder {folder} can't be reached now.", library=name, folder=result["missing"][0]),
            )
        for fault in result["faults"][:SHOWN_FAULTS]:
            sentence = told("{library}: {fault} Remove this library and add its folder again.", library=name, fault=fault)
            self.report({"ERROR"}, sentence)
        if not result["faults"]:
            whole = told("{library} is whole: {count} files", library=name, count=result["files"])
            counts = [told(words, count=len(result[key])) for key, words in CHANGES if result[key]]
            self.report({"INFO"}, ", ".join([whole, *counts]))
        return {"FINISHED"}


class TMR_OT_list_unread(OfLibrary, bpy.types.Operator):
    bl_idname = "tmr.list_unread"
    bl_label = "List in Text Editor"
    bl_description = "Write which files of this library could not be read, and why, into a text of the open file"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = self.chosen(context)
        if not folder:
            return {"CANCELLED"}
        name = told("{library}: not read", library=Path(folder).name)
        known = summaries.read(places.library_for(Path(folder)))
        text = bpy.data.texts.get(name) or bpy.data.texts.new(name)
        text.clear()
        unread = told("{count} files could not be read", count=known.failed)
        text.write("\n".join([folder, unread, *known.sentences]) + "\n")
        self.report({"INFO"}, told("{count} files: see “{text}” in the Text Editor", count=known.failed, text=text.name))
        return {"FINISHED"}


class TMR_OT_remove_library(OfLibrary, bpy.types.Operator):
    bl_idname = "tmr.remove_library"
    bl_label = "Remove"
    bl_description = "Forget this library and delete its index. The motion files themselves are not touched"
    bl_options = {"REGISTER"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = self.chosen(context)
        if not folder:
            return {"CANCELLED"}
        if watching.under_way(Path(folder)):
            self.report({"ERROR"}, told("{library} is being indexed: cancel that first.", library=Path(folder).name))
            return {"CANCELLED"}
        if jobs.running():
            self.report({"ERROR"}, "Something is under way: wait for it, or cancel it first")
            return {"CANCELLED"}
        kept = places.kept_for(Path(folder))
        try:
            if kept.is_dir() and kept.parent in places.index_folders():  # never a folder of motions
                # The search process has its libraries open, which on Windows keeps them from being deleted.
                jobs.end_client()
                shutil.rmtree(kept)
        except OSError as problem:
            sentence = "The index in {folder} can't be deleted: {problem}."
            self.report({"ERROR"}, told(sentence, folder=kept, problem=problem.strerror or problem))
            return {"CANCELLED"}
        preferences.forget(context, folder)
        return {"FINISHED"}


_CLASSES = (
    TMR_OT_add_library,
    TMR_OT_refresh_library,
    TMR_OT_reencode_library,
    TMR_OT_check_library,
    TMR_OT_list_unread,
    TMR_OT_remove_library,
)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
