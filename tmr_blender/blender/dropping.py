# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Motion files dropped onto the 3D view: onto a rig, or their folder into the libraries."""

from pathlib import Path

import bpy
from bpy.props import CollectionProperty, StringProperty

from ..motion import readers
from . import picking, preferences
from .language import marked, told, worded

LISTED = 8
"""Files dropped together that the menu offers one by one."""

_menu: tuple[list[Path], str, str] | None = None
"""What the menu that is open is about: files, the rig's name, and why there is none."""


def chosen_rig(context: bpy.types.Context, at: tuple[int, int]) -> tuple[bpy.types.Object | None, str]:
    """The rig that a file was dropped on at a point of the region; beside any, the active one; else why there is none."""
    if context.region_data is None:
        return None, "Drop the file in a 3D view"
    view = picking.View(context.region, context.region_data, context.space_data)
    found, why = picking.under(context.scene, context.view_layer, view, at, context.preferences.system.ui_scale)
    if found is None and context.active_object is not None:
        found = picking.armature_of(context.active_object)
    return found, "" if found is not None else why


class TMR_OT_drop_files(bpy.types.Operator):
    bl_idname = "tmr.drop_files"
    bl_label = "Motion onto Rig or into Library"
    bl_description = (
        "Put a motion file on the rig that it was dropped on, or make the folder it is in searchable.\n"
        "Dropped beside all rigs, it goes on the active one"
    )
    bl_options = {"REGISTER"}

    directory: StringProperty(name="Folder", description="Of the files", subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: CollectionProperty(
        name="Files", description="That were dropped", type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"}
    )
    rig: StringProperty(
        name="Rig", description="The armature for the first file; empty adds the folder to the libraries", options={"SKIP_SAVE"}
    )

    @property
    def paths(self) -> list[Path]:
        """The files that motions are read from."""
        folder = Path(bpy.path.abspath(self.directory))
        return [folder / item.name for item in self.files if Path(item.name).suffix.lower() in readers.SUFFIXES]

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        global _menu
        if not self._any():
            return {"CANCELLED"}
        rig, why = chosen_rig(context, (event.mouse_region_x, event.mouse_region_y))
        _menu = self.paths, rig.name if rig is not None else "", why
        context.window_manager.popup_menu(draw_menu, title=_title(self.paths), icon="ANIM")
        return {"INTERFACE"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self._any():
            return {"CANCELLED"}
        if self.rig:
            first = self.paths[0]
            return bpy.ops.tmr.drop_on("EXEC_DEFAULT", True, rig=self.rig, path=str(first), action_name=first.stem)
        return bpy.ops.tmr.add_library("EXEC_DEFAULT", directory=str(self.paths[0].parent))

    def _any(self) -> bool:
        if not self.paths:
            self.report(
                {"ERROR"},
                told("These are no motion files: {suffixes} can be read.", suffixes=", ".join(sorted(readers.SUFFIXES))),
            )
        return bool(self.paths)


def _title(paths: list[Path]) -> str:
    return paths[0].name if len(paths) == 1 else worded("{count} motion files", count=len(paths))


REFRESH = marked("Refresh the Library {folder}")
ADD = marked("Add the Folder to the Libraries: {folder}")


def draw_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """What to do with the files that were dropped."""
    if _menu is None:
        return
    paths, rig, why = _menu
    column = menu.layout.column()
    column.operator_context = "EXEC_DEFAULT"  # all is said; nothing opens a file browser
    for path in paths[:LISTED] if rig else ():
        text = worded("Onto {rig}" if len(paths) == 1 else "{file} onto {rig}", file=path.name, rig=rig)
        row = column.operator("tmr.drop_on", text=text, translate=False, icon="ARMATURE_DATA")
        row.rig, row.path, row.action_name = rig, str(path), path.stem
    if rig and len(paths) > LISTED:
        column.label(text=worded("and {count} more", count=len(paths) - LISTED))
    if not rig:
        column.label(text=why, icon="INFO")
    folder = paths[0].parent
    column.separator()
    known = preferences.place_of(context, str(folder)) >= 0
    name, text = ("refresh", REFRESH) if known else ("add", ADD)
    text = worded(text, folder=folder.name)
    column.operator(f"tmr.{name}_library", text=text, translate=False, icon="FILE_FOLDER").directory = str(folder)


class TMR_FH_motion(bpy.types.FileHandler):
    bl_idname = "TMR_FH_motion"
    bl_label = "Motion onto Rig or into Library"
    bl_import_operator = "tmr.drop_files"
    bl_file_extensions = ";".join(sorted(readers.SUFFIXES))

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D" and context.mode in {"OBJECT", "POSE"}


_CLASSES = (TMR_OT_drop_files, TMR_FH_motion)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    global _menu
    _menu = None
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
