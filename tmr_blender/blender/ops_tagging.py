# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Words of the networks for the takes of a library that nobody has captioned, and taking them back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ..errors import TMRError
from ..library.tagging import read_words
from . import places, preferences
from .jobs import WorkerOperator
from .language import marked, told
from .ops_library import OfLibrary

TAGGING = marked("Tagging")


class TMR_OT_tag_library(OfLibrary, WorkerOperator, bpy.types.Operator):
    bl_idname = "tmr.tag_library"
    bl_label = "Tag"
    bl_description = (
        "Have the networks put a sentence to each take that nobody has captioned, where the captions of similar takes in the "
        "ticked libraries agree on one; seven of ten are right. Most takes get none, those of over a minute never.\n"
        "What people have written stays, and Untag takes the rest back. Esc stops it"
    )
    bl_options = {"REGISTER"}

    words: StringProperty(
        name="Words",
        description="A text file of tags to look for as well, one a line, such as  limp: a person limps",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    every: BoolProperty(name="Captioned Takes, Too", description="Tag all takes, also those with captions", default=False)
    work = TAGGING

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = self.chosen(context)
        if not folder:
            return {"CANCELLED"}
        self.folder = Path(folder)
        try:
            words = read_words(Path(bpy.path.abspath(self.words))) if self.words else None
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        captions = [str(path) for path in preferences.searched(context)]
        asked = {"library": str(places.library_for(self.folder)), "captions": captions, "words": words, "all": self.every}
        return self.begin(context, "tag", asked)

    def describe(self, progress: Mapping[str, Any]) -> tuple[float, str]:
        said = told("Tagging: {done} of {total}", done=progress["tagged"], total=progress["takes"])
        return progress["done"] / max(progress["total"], 1), said

    def finish(self, context: bpy.types.Context, result: Mapping[str, Any]) -> set[str]:
        said = "{library}: {done} of {total} takes tagged; of the rest nothing is sure"
        if result["stopped"]:
            said = "{library}: stopped, {done} of {total} takes tagged; of the rest nothing is sure"
        values = {"library": self.folder.name, "done": result["tagged"], "total": result["takes"]}
        long = ""
        if result["long"]:
            long = told("; {count} are longer than a minute, which is too much for one sentence", count=result["long"])
        self.report({"INFO"}, told(said, **values) + long)
        return {"FINISHED"}


class TMR_OT_untag_library(OfLibrary, WorkerOperator, bpy.types.Operator):
    bl_idname = "tmr.untag_library"
    bl_label = "Untag"
    bl_description = (
        "Take back all words that the networks have put to the takes of this library. What people have written stays"
    )
    bl_options = {"REGISTER"}
    work = marked("Untagging")

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = self.chosen(context)
        if not folder:
            return {"CANCELLED"}
        self.folder = Path(folder)
        return self.begin(context, "untag", {"library": str(places.library_for(self.folder))})

    def finish(self, context: bpy.types.Context, result: Mapping[str, Any]) -> set[str]:
        self.report(
            {"INFO"}, told("{library}: {count} takes are no longer tagged", library=self.folder.name, count=result["untagged"])
        )
        return {"FINISHED"}


_CLASSES = (TMR_OT_tag_library, TMR_OT_untag_library)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
