# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Get a public library: choose one, read its terms, say where it goes; it is downloaded and indexed in a process of its own."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..errors import TMRError
from ..library import getting, sources
from . import places, watching
from .libraries import wrapped

WIDTH = 460
COLUMNS = 72
OFFLINE = "Blender may not go online: allow it under Preferences > System > Network > Allow Online Access"


def online() -> bool:
    """Whether the user lets Blender use the network."""
    return bpy.app.online_access


def _items() -> list[tuple[str, str, str]]:
    return [(row.name, f"{row.title} ({sources.in_words(row.size)}, {row.licence})", row.what) for row in sources.SOURCES]


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
        cls.poll_message_set(OFFLINE)
        return online()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.directory:
            self.directory = str(Path.home() / "Motion Libraries")
        return context.window_manager.invoke_props_dialog(self, width=WIDTH, confirm_text="Download")

    def draw(self, context: bpy.types.Context) -> None:
        row = sources.find(self.source)
        self.layout.prop(self, "source")
        column = self.layout.box().column(align=True)
        for line in sources.described(row):
            for i, part in enumerate(wrapped(line, COLUMNS)):
                column.label(text=part, icon="DOT" if i == 0 else "BLANK1")
        links = self.layout.row(align=True)
        links.operator("wm.url_open", text="Licence", icon="URL").url = row.licence_page
        links.operator("wm.url_open", text="Page of the Library", icon="URL").url = row.page
        self.layout.prop(self, "directory")
        self.layout.label(text=f"It goes to {self.folder()}", icon="FILE_FOLDER")
        self.layout.prop(self, "accept")

    def folder(self) -> Path:
        """Where the chosen library goes."""
        parent = Path(bpy.path.abspath(self.directory)).expanduser()
        return getting.folder_for(sources.find(self.source), parent)

    def execute(self, context: bpy.types.Context) -> set[str]:
        row = sources.find(self.source)
        if not self.accept:
            self.report({"ERROR"}, f"{row.title} comes only to those who accept its terms: {row.licence}. {row.terms}")
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
        return watching.begin(self, context, places.library_for(folder), folder, index=True, source=row)


def register() -> None:
    """Register the class."""
    bpy.utils.register_class(TMR_OT_get_source)


def unregister() -> None:
    """Undo `register`."""
    bpy.utils.unregister_class(TMR_OT_get_source)
