# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""The indexes go where the preferences say: one operator, and what the preferences show about it."""

import contextlib
from pathlib import Path

import bpy
from bpy.props import StringProperty

from ..errors import TMRError
from ..library import moving
from . import jobs, places, watching
from .background import SlicedOperator, Work
from .language import told, worded
from .preferences import TMR_preferences, preferences
from .properties import state


def elsewhere() -> list[Path]:
    """What is kept about folders of motions, but not in the folder that the preferences say."""
    return [place for folder in places.index_folders()[1:] for place in moving.places(folder)]


class TMR_OT_move_indexes(SlicedOperator, bpy.types.Operator):
    bl_idname = "tmr.move_indexes"
    bl_label = "Move Indexes Here"
    bl_description = (
        "Move the indexes that are in other folders to the one chosen above, one after the other. Each stays where it is, "
        "whole, until it is complete there.\nEsc stops it; what has been moved then is, and the others stay where they are"
    )
    bl_options = {"REGISTER"}

    directory: StringProperty(
        name="Folder",
        description="The folder to keep indexes in from now on; empty takes what the preferences say",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )
    under_way, fraction = "", 0.0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if jobs.running() or watching.watched:
            cls.poll_message_set(told, "Something is under way: wait for it, or cancel it first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = preferences(context)
        if self.directory:
            settings.index_folder = self.directory
        if settings.index_problem:
            self.report({"ERROR"}, settings.index_problem)
            return {"CANCELLED"}
        self.moved, self.problems = dict[Path, Path](), list[str]()
        # The search process has its libraries open, which on Windows keeps them from being deleted.
        jobs.end_client()
        return self.begin(context, self._work())

    def _work(self) -> Work:
        target = places.index_folders()[0]
        left = elsewhere()
        for number, place in enumerate(left):
            self.under_way, self.fraction = place.name, number / len(left)
            steps = moving.move(place, target)
            try:
                moving.check(target)
                while (step := (yield next, (steps, None))) is not None:
                    self.fraction = (number + step.done / max(step.total, 1)) / len(left)
            except TMRError as problem:
                self.problems.append(str(problem))
            finally:
                _end(steps)
            if (target / place.name).is_dir() and str(place) != str(target / place.name):
                self.moved[place] = target / place.name

    def describe(self) -> tuple[float, str]:
        return self.fraction, worded("Moving {name}", name=self.under_way)

    def finish(self, context: bpy.types.Context) -> set[str]:
        shown = state(context)
        for item in (*shown.hits, *(twin for hit in shown.hits for twin in hit.twins)):
            library = Path(item.library)
            if library.parent in self.moved:
                item.library = str(self.moved[library.parent] / library.name)
        settings = preferences(context)
        settings.former = "\n".join(line for line in settings.former.splitlines() if moving.places(Path(line)))
        context.preferences.is_dirty = True
        for sentence in self.problems:
            self.report({"ERROR"}, sentence)
        folder = places.index_folders()[0]
        self.report({"INFO"}, told("{count} indexes moved to {folder}", count=len(self.moved), folder=folder))
        return {"FINISHED"} if self.moved or not self.problems else {"CANCELLED"}


def _end(steps: "moving.Steps") -> None:
    """Close the steps, which removes what is incomplete; not while a thread is in one of them, where the next move does so."""
    with contextlib.suppress(ValueError):
        steps.close()


def draw(layout: bpy.types.UILayout, settings: TMR_preferences) -> None:
    """The folder, what is wrong with it, and the offer to move what is elsewhere."""
    layout.prop(settings, "index_folder", placeholder=str(places.user_folder("libraries")))
    folder = places.index_folders()[0]
    if settings.index_problem:
        column = layout.column(align=True)
        column.alert = True
        column.label(text=settings.index_problem, icon="ERROR")
        column.label(text=worded("Indexes go on being kept in {folder}", folder=folder), icon="BLANK1")
    elif not folder.is_dir():
        layout.label(text="This folder can't be reached now: its libraries can't be searched", icon="ERROR")
    left = len(elsewhere())
    if left:
        row = layout.row()
        row.label(text=worded("{count} indexes are in another folder", count=left), icon="INFO")
        row.operator("tmr.move_indexes", icon="FOLDER_REDIRECT")


def register() -> None:
    """Register the class."""
    bpy.utils.register_class(TMR_OT_move_indexes)


def unregister() -> None:
    """Undo `register`."""
    bpy.utils.unregister_class(TMR_OT_move_indexes)
