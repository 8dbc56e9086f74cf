# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""An asset shelf of motions in the 3D view: a click puts one on the active rig; since Blender 5.0 it can be dragged onto any.

Blender calls the operators with a reference to the asset, which is not loaded. What `asset_poll` has seen of it is enough
where the motion's file is there: it is solved anew for the rig that receives it. Where it is not, the asset's own keys serve.
"""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from ..errors import FileProblem, SkeletonProblem, TMRError
from . import action as action_writer
from . import apply, origin
from .language import plain, told
from .ops_drag import Dragging, activate, dropped_on, put_on
from .origin import Origin

KEPT = 20_000
"""Assets whose origins are remembered."""

# By the file of the asset and its name there.
_seen: OrderedDict[tuple[str, str], Origin | None] = OrderedDict()


class AssetReference:
    """Mix-in: the properties that Blender fills with the asset that was clicked or dragged."""

    # The numbers are Blender's own; unknown kinds, which later versions add, come out empty.
    asset_library_type: EnumProperty(
        items=[
            ("LOCAL", "Current File", "", 1),
            ("ALL", "All Libraries", "", 2),
            ("ESSENTIALS", "Essentials", "", 3),
            ("ONLINE_ESSENTIALS", "Online Essentials", "", 4),
            ("CUSTOM", "Custom", "", 100),
        ],
        default="CUSTOM",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    asset_library_identifier: StringProperty(description="The name of the asset library", options={"HIDDEN", "SKIP_SAVE"})
    relative_asset_identifier: StringProperty(
        description="Such as walks.blend/Action/Walk, from the library's folder", options={"HIDDEN", "SKIP_SAVE"}
    )

    def asset(self, context: bpy.types.Context) -> tuple[Path | None, str]:
        """The file of the asset, None for this one, and the action's name. Raises FileProblem."""
        path, _, name = self.relative_asset_identifier.replace("\\", "/").rpartition("/Action/")
        if self.asset_library_type == "LOCAL":
            return None, self.relative_asset_identifier.rpartition("/")[2]
        libraries = context.preferences.filepaths.asset_libraries
        found = [item.path for item in libraries if item.name == self.asset_library_identifier]
        parts = Path(path).parts
        if not found or not name or Path(path).is_absolute() or ".." in parts or Path(path).suffix != ".blend":
            raise FileProblem("This asset is no action of one of your asset libraries (Preferences > File Paths).")
        return Path(bpy.path.abspath(found[0])) / path, name

    def origin(self, context: bpy.types.Context) -> Origin | None:
        """Where its motion comes from, as far as it says. Raises FileProblem."""
        file, name = self.asset(context)
        if file is None:
            action = bpy.data.actions.get(name)
            return None if action is None else origin.read(action)
        return _seen.get(_key(str(file), name))


def _key(file: str, name: str) -> tuple[str, str]:
    return Path(file).as_posix(), name


def put(operator: Any, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
    """Put the asset on a rig, a step of its own to undo: solved for that rig, or the keys that it has."""
    try:
        found = operator.origin(context)
        if found is None:
            raise FileProblem("The asset does not say where its motion comes from.")
        origin.checked(context, found)
    except FileProblem as problem:
        return _put_keys(operator, rig, str(problem))
    return put_on(operator, rig, **found.arguments())


def _put_keys(operator: Any, rig: bpy.types.Object, why: str) -> set[str]:
    """What is left where the file can't be read; why: as a sentence."""
    try:
        outcome = bpy.ops.tmr.use_asset_keys(
            "EXEC_DEFAULT",
            True,
            rig=rig.name,
            asset_library_type=operator.asset_library_type,
            asset_library_identifier=operator.asset_library_identifier,
            relative_asset_identifier=operator.relative_asset_identifier,
        )
    except RuntimeError as error:  # how Blender hands on an operator's error
        operator.report({"ERROR"}, f"{why} {plain(error)}")
        return {"CANCELLED"}
    operator.report({"WARNING"}, told("{why} The asset's own keys are on {rig}", why=why, rig=rig.name))
    return outcome


class TMR_OT_use_asset_keys(AssetReference, bpy.types.Operator):
    bl_idname = "tmr.use_asset_keys"
    bl_label = "Use Asset's Keys"
    bl_description = "Give a rig the action of an asset as it is, without solving the motion anew"
    bl_options = {"UNDO", "INTERNAL"}

    rig: StringProperty(name="Rig", description="The name of the armature", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            rig = dropped_on(context, self.rig)
            action_writer.check(rig)
            action = _loaded(*self.asset(context))
            if not _moves(action, rig):
                if action.users == 0:
                    bpy.data.actions.remove(action)
                raise SkeletonProblem(f"It has no keys for the bones of {rig.name}.")
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        slots = getattr(action, "slots", None)
        action_writer.assign(rig, action, slots[0] if slots else None)
        activate(context, rig)
        return {"FINISHED"}


def _loaded(file: Path | None, name: str) -> bpy.types.Action:
    """The action of this file, or a copy of that of another. Raises FileProblem."""
    if file is None:
        action = bpy.data.actions.get(name)
        if action is None:
            raise FileProblem(f"There is no action {name}.")
        return action
    try:
        with bpy.data.libraries.load(str(file), link=False, assets_only=True) as (there, wanted):
            wanted.actions = [found for found in there.actions if found == name]
    except OSError as error:
        raise FileProblem(f"{file.name} can't be read.") from error
    if not wanted.actions or wanted.actions[0] is None:
        raise FileProblem(f"{file.name} has no action {name} any more.")
    action: Any = wanted.actions[0]
    action.asset_clear()
    return action


def _moves(action: bpy.types.Action, rig: bpy.types.Object) -> bool:
    """Whether most of an action's bones are the rig's."""
    names = {curve.data_path.split('"')[1] for curve in action_writer.curves_of(action) if curve.data_path.count('"') > 1}
    return 2 * sum(name in rig.data.bones for name in names) > len(names)


class TMR_OT_apply_asset(AssetReference, bpy.types.Operator):
    bl_idname = "tmr.apply_asset"
    bl_label = "Apply Motion Asset"
    bl_description = "Put this motion on the active rig, solved for it. Since Blender 5.0: drag it onto any rig in the view"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            rig = apply.target(context)
        except SkeletonProblem as problem:
            self.report({"WARNING"}, str(problem))
            return {"CANCELLED"}
        return put(self, context, rig)


class TMR_OT_drag_asset(AssetReference, Dragging, bpy.types.Operator):
    bl_idname = "tmr.drag_asset"
    bl_label = "Drag Motion Asset"
    bl_description = "Carry this motion to a rig in the view, and release it there; Esc cancels"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            self.label = self.asset(context)[1]
        except FileProblem as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        return self.begin_drag(context, event, at_once=True)

    def drop(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        return put(self, context, rig)


class TMR_AST_motions(bpy.types.AssetShelf):
    bl_idname = "TMR_AST_motions"
    bl_space_type = "VIEW_3D"
    bl_activate_operator = "TMR_OT_apply_asset"
    bl_drag_operator = "TMR_OT_drag_asset"  # since Blender 5.0; others don't look
    bl_options = {"NO_ASSET_DRAG"}
    bl_default_preview_size = 96
    filter_action = True  # since Blender 5.0: other kinds are not even asked about

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.mode in {"OBJECT", "POSE"}

    @classmethod
    def asset_poll(cls, asset: bpy.types.AssetRepresentation) -> bool:
        if asset.id_type != "ACTION" or not origin.noted(asset.metadata):
            return False
        _seen[_key(asset.full_library_path, asset.name)] = origin.read(asset.metadata)
        while len(_seen) > KEPT:
            _seen.popitem(last=False)
        return True


_CLASSES = (TMR_OT_use_asset_keys, TMR_OT_apply_asset, TMR_OT_drag_asset, TMR_AST_motions)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Forget what was seen and undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
    _seen.clear()
