# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Actions as assets, in the open file and in asset libraries."""

import json
from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from ..errors import FileProblem, QueryProblem, SkeletonProblem, TMRError
from ..motion.png import Image
from . import assets, catalogues
from .apply import target
from .assets import Label
from .language import told


class ChosenActions:
    """Mix-in: which actions an operator is about, and what is said about them."""

    report: Any
    poll_message_set: Any
    layout: Any

    actions: StringProperty(
        name="Actions",
        description='Names as JSON, such as ["Walk", "Run"]; empty takes what the active rig plays, its action or its strips',
        options={"HIDDEN", "SKIP_SAVE"},
    )
    catalogue: StringProperty(
        name="Catalogue",
        description="Where the Asset Browser lists them, such as Motions/Walks. It is made if there is none of that path",
        default="Motions",
    )
    description: StringProperty(
        name="Description",
        description="What the Asset Browser says about them; empty takes the words that each was found by",
        options={"SKIP_SAVE"},
    )
    tags: StringProperty(
        name="Tags", description="Words to search the Asset Browser for, with commas between", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.data.actions:
            cls.poll_message_set(told, "There is no action in this file: apply a motion first")
            return False
        return True

    def chosen(self, context: bpy.types.Context) -> list[bpy.types.Action]:
        """The actions. Raises QueryProblem."""
        if self.actions.strip():
            return [_action(name) for name in _names(self.actions)]
        data = target(context).animation_data
        if data is not None and data.action is not None:
            return [data.action]
        played = [] if data is None else [strip.action for track in data.nla_tracks for strip in track.strips]
        found = list(dict.fromkeys(action for action in played if action is not None))
        if not found:
            raise QueryProblem(f"{target(context).name} has no action: apply a motion first, or pick a rig that plays one.")
        return found

    def label(self) -> Label:
        """What is said about each. Raises FileProblem for a catalogue without a name."""
        tags = tuple(tag.strip() for tag in self.tags.split(",") if tag.strip())
        return Label(catalogues.clean(self.catalogue), self.description.strip(), tags)

    def images(self, context: bpy.types.Context, actions: list[bpy.types.Action]) -> list[Image | None]:
        """A picture of each; one that shows no human motion goes without, which is said."""
        out: list[Image | None] = []
        for action in actions:
            try:
                out.append(assets.portrait(context.scene, target(context), action))
            except (SkeletonProblem, QueryProblem) as problem:
                self.report({"WARNING"}, told("{action} has no picture: {problem}", action=action.name, problem=problem))
                out.append(None)
        return out

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        for name in ("catalogue", "description", "tags"):
            layout.prop(self, name)


def _names(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except ValueError as error:
        raise QueryProblem(f'The actions are no JSON ({error}), such as ["Walk"].') from error
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise QueryProblem('The actions are a list of names, such as ["Walk"].')
    return list(dict.fromkeys(names))


def _action(name: str) -> bpy.types.Action:
    action = bpy.data.actions.get(name)
    if action is None:
        raise QueryProblem(f"There is no action {name}.")
    assets.check(action)
    return action


class TMR_OT_mark_asset(ChosenActions, bpy.types.Operator):
    bl_idname = "tmr.mark_asset"
    bl_label = "Mark as Asset"
    bl_description = (
        "Make what the active rig plays an asset of this file, with a picture of the motion and the words it was found by.\n"
        "Once the file is saved, the catalogue is kept beside it"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            actions, label = self.chosen(context), self.label()
            for action in actions:
                assets.check(action)
            images = self.images(context, actions)
            saved = Path(bpy.data.filepath).parent if bpy.data.filepath else None
            found = catalogues.ensure(saved, label.catalogue) if saved else catalogues.identity(label.catalogue)
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for action, image in zip(actions, images, strict=True):
            assets.mark(action, label, found, image)
        if saved is None:
            self.report({"WARNING"}, "Save the file, then mark again: until then it has no list of catalogues")
        self.report({"INFO"}, told("{count} marked as assets in {catalogue}", count=len(actions), catalogue=label.catalogue))
        return {"FINISHED"}


class TMR_OT_export_assets(ChosenActions, bpy.types.Operator):
    bl_idname = "tmr.export_assets"
    bl_label = "Export to Library"
    bl_description = (
        "Write what the active rig plays to a new file in the folder of an asset library, as assets with pictures.\n"
        "Files and catalogues that are there stay as they are; so does this file"
    )
    bl_options = {"REGISTER"}

    directory: StringProperty(
        name="Folder",
        description="Of an asset library, or inside one; empty takes the first library of the preferences",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )
    filename: StringProperty(
        name="File", description="Its name without ending; empty takes the action's", subtype="FILE_NAME", options={"SKIP_SAVE"}
    )
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            self.directory = str(_first_library(context))
            self.filename = self.chosen(context)[0].name
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            folder = Path(bpy.path.abspath(self.directory)) if self.directory else _first_library(context)
            actions, label = self.chosen(context), self.label()
            images = self.images(context, actions)
            name = Path(self.filename).name.removesuffix(".blend") or actions[0].name
            made = assets.write(folder, name, actions, [label] * len(actions), images)
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        values = {"count": len(actions), "file": made.name, "catalogue": label.catalogue}
        self.report({"INFO"}, told("{count} assets are in {file}, catalogue {catalogue}", **values))
        return {"FINISHED"}


def _first_library(context: bpy.types.Context) -> Path:
    """The folder of the first asset library that is there. Raises FileProblem."""
    for library in context.preferences.filepaths.asset_libraries:
        folder = Path(bpy.path.abspath(library.path))
        if library.path and folder.is_dir():
            return folder
    raise FileProblem("No asset library has a folder that is there: add one in Preferences > File Paths > Asset Libraries.")


_CLASSES = (TMR_OT_mark_asset, TMR_OT_export_assets)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
