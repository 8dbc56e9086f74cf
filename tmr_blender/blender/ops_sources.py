# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Get a public library: choose one, read its terms, say where it goes; it is downloaded and indexed in a process of its own."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, PointerProperty, StringProperty

from ..errors import TMRError
from ..library import getting, sources
from . import places, watching
from .language import marked, told, worded
from .libraries import wrapped

WIDTH = 24
COLUMNS = 72
OFFLINE = marked("Blender may not go online: allow it under Preferences > System > Network > Allow Online Access")


def online() -> bool:
    """Whether the user lets Blender use the network."""
    return bpy.app.online_access


def _items() -> list[tuple[str, str, str]]:
    return [(row.name, f"{row.title} ({sources.in_words(row.size)}, {row.licence})", row.what) for row in sources.SOURCES]


def _rechosen(choice: "TMR_PG_source", context: bpy.types.Context) -> None:
    choice.accept = False  # that was consent to another library's terms


class TMR_PG_source(bpy.types.PropertyGroup):
    """What is chosen in the panel below."""

    source: EnumProperty(name="Library", description="Which library", items=_items(), update=_rechosen, options={"SKIP_SAVE"})
    directory: StringProperty(
        name="Into", description="The library gets a folder of its own in this one", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )
    accept: BoolProperty(
        name="I accept these terms",
        description="What you may do with the motions is between you and those who made them",
        options={"SKIP_SAVE"},
    )


class TMR_OT_get_source(bpy.types.Operator):
    bl_idname = "tmr.get_source"
    bl_label = "Get a Public Library"
    bl_description = (
        "Download a free library of motions, after showing its size and terms, and make it searchable.\n"
        "Go on working meanwhile, or close Blender. Cancelled or cut off, it goes on when you get it again"
    )
    bl_options = {"REGISTER"}

    source: EnumProperty(name="Library", description="Which library", items=_items())
    directory: StringProperty(
        name="Into", description="The library gets a folder of its own in this one", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )
    accept: BoolProperty(
        name="I accept these terms",
        description="What you may do with the motions is between you and those who made them",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(told, OFFLINE)
        return online()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        choice = context.window_manager.tmr_source
        choice.accept = False
        choice.directory = choice.directory or str(Path.home() / "Motion Libraries")
        # A dialog's own button can't be grey: a panel's can, until the terms are accepted.
        bpy.ops.wm.call_panel("INVOKE_DEFAULT", name=TMR_PT_get_source.bl_idname, keep_open=True)
        return {"FINISHED"}

    def folder(self) -> Path:
        """Where the chosen library goes."""
        return folder_in(self.source, self.directory)

    def execute(self, context: bpy.types.Context) -> set[str]:
        row = sources.find(self.source)
        if not self.accept:
            sentence = "{title} comes only to those who accept its terms: {licence}. {terms}"
            self.report({"ERROR"}, told(sentence, title=row.title, licence=row.licence, terms=row.terms))
            return {"CANCELLED"}
        if not self.directory or not self.folder().is_absolute():
            self.report({"ERROR"}, "Choose a folder to download to.")
            return {"CANCELLED"}
        folder = self.folder().resolve()
        try:
            getting.prepared(row, folder)
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        context.window_manager.tmr_source.accept = False
        return watching.begin(self, context, places.library_for(folder), folder, index=True, source=row)


class TMR_PT_get_source(bpy.types.Panel):
    """What `tmr.get_source` opens: the libraries, the terms of the chosen one, and a button that waits for both."""

    bl_idname = "TMR_PT_get_source"
    bl_label = "Get a Public Library"
    bl_description = "Choose a free library of motions, read its terms and say where it goes"
    bl_space_type = "VIEW_3D"
    bl_region_type = "WINDOW"
    bl_options = {"INSTANCED"}
    bl_ui_units_x = WIDTH

    def draw(self, context: bpy.types.Context) -> None:
        choice = context.window_manager.tmr_source
        row = sources.find(choice.source)
        self.layout.label(text=self.bl_label, icon="IMPORT")
        self.layout.prop(choice, "source")
        column = self.layout.box().column(align=True)
        for line in sources.described(row):
            for i, part in enumerate(wrapped(line, COLUMNS)):
                column.label(text=part, icon="DOT" if i == 0 else "BLANK1")
        links = self.layout.row(align=True)
        links.operator("wm.url_open", text="Licence", icon="URL").url = row.licence_page
        links.operator("wm.url_open", text="Page of the Library", icon="URL").url = row.page
        self.layout.prop(choice, "directory")
        if choice.directory:
            where = worded("It goes to {folder}", folder=folder_in(choice.source, choice.directory))
            self.layout.label(text=where, translate=False, icon="FILE_FOLDER")
        self.layout.prop(choice, "accept")
        lacking = missing(choice)
        button = self.layout.row()
        button.enabled = not lacking
        button.scale_y = 1.3
        button.operator_context = "EXEC_DEFAULT"
        asked = button.operator(TMR_OT_get_source.bl_idname, text="Download", icon="IMPORT")
        asked.source, asked.directory, asked.accept = choice.source, choice.directory, choice.accept
        if lacking:
            self.layout.label(text=lacking, icon="INFO")


def folder_in(source: str, directory: str) -> Path:
    """Where a source goes in a folder that the user chose."""
    return getting.folder_for(sources.find(source), Path(bpy.path.abspath(directory)).expanduser())


def missing(choice: TMR_PG_source) -> str:
    """Why Download is grey, "" if it isn't."""
    if not online():
        return OFFLINE
    if not choice.directory or not folder_in(choice.source, choice.directory).is_absolute():
        return marked("Choose a folder to download to")
    if places.kept_for(folder_in(choice.source, choice.directory).resolve()) in watching.watched:
        return marked("This library is on its way: the panel Libraries shows how far")
    return "" if choice.accept else marked("Download needs your consent to the terms")


_CLASSES = (TMR_PG_source, TMR_OT_get_source, TMR_PT_get_source)


def register() -> None:
    """Register the classes and hang the choice on the window manager."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.WindowManager.tmr_source = PointerProperty(type=TMR_PG_source, options={"SKIP_SAVE"})


def unregister() -> None:
    """Undo `register`."""
    del bpy.types.WindowManager.tmr_source
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
