# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Results of a search as assets of an asset library."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..errors import QueryProblem, SkeletonProblem, TMRError
from . import jobs, places, sending
from .apply import target
from .background import SlicedOperator
from .language import told
from .origin import Origin
from .properties import TMR_PG_hit, state
from .sending import Sending
from .several import SeveralMotions

MOST_TOLD = 10
SHOWN_SECONDS = 0.5
"""Until a shelf that was opened has drawn itself."""

_stale = False


class TMR_OT_send_to_assets(SlicedOperator, SeveralMotions, bpy.types.Operator):
    bl_idname = "tmr.send_to_assets"
    bl_label = "Send to Asset Library"
    bl_description = (
        "Make assets of results: an action on the active rig each, or on a plain figure where there is none, with a picture,\n"
        "tags and a catalogue, in one file of an asset library. This file stays as it is; Esc stops, and writes nothing"
    )
    bl_options = {"REGISTER"}

    which: EnumProperty(
        name="Results",
        description="Which ones become assets",
        items=[
            ("SELECTED", "Selected", "The result selected in the list"),
            ("MARKED", "Marked", "Those whose boxes are ticked"),
            ("ALL", "All", "Every result of the search"),
        ],
        default="ALL",
        options={"SKIP_SAVE"},
    )
    library: StringProperty(
        name="Asset Library", description="By its name in the preferences; empty takes the first", options={"SKIP_SAVE"}
    )
    directory: StringProperty(
        name="Folder",
        description="Of an asset library, or inside one, instead of the library's name",
        subtype="DIR_PATH",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    make_library: BoolProperty(
        name="Make a Library",
        description="Make a folder among the extension's own files and add it to Preferences > File Paths > Asset Libraries",
        default=False,
        options={"SKIP_SAVE"},
    )
    catalogue: StringProperty(
        name="Catalogue",
        description="Where the Asset Browser lists them, such as Motions/Walks; empty is Motions and the query",
        options={"SKIP_SAVE"},
    )
    sending: Sending | None = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode not in {"OBJECT", "POSE"}:
            cls.poll_message_set(told, "Leave the edit mode first: motions are put on a rig in object or pose mode")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        shown = state(context)
        if not shown.hits:
            self.report({"ERROR"}, "Search first: what was found is sent.")
            return {"CANCELLED"}
        if any(hit.mark for hit in shown.hits) and not self.properties.is_property_set("which"):
            self.which = "MARKED"
        self.catalogue = self.catalogue or catalogue_of(context)
        libraries = context.preferences.filepaths.asset_libraries
        if not self.library and len(libraries):
            self.library = libraries[0].name
        return context.window_manager.invoke_props_dialog(self, width=380)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.row().prop(self, "which", expand=True)
        paths = context.preferences.filepaths
        if len(paths.asset_libraries):
            layout.prop_search(self, "library", paths, "asset_libraries", icon="ASSET_MANAGER")
        else:
            layout.label(text="You have no asset library yet. One can be made here:", icon="INFO")
            layout.label(text=str(places.user_folder("assets")), translate=False)
            layout.prop(self, "make_library")
        layout.prop(self, "catalogue")
        column = layout.column(align=True)
        for name in ("in_place", "mirror", "feet", "tolerance"):
            column.prop(self, name)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            origins = self._origins(context)
            rig = _rig(context)
            folder = sending.library_folder(context, self.directory, self.library, self.make_library)
            catalogue = self.catalogue.strip() or catalogue_of(context)
            self.sending = Sending(origins, folder, catalogue.rpartition("/")[2] or "Motions", catalogue)
            return self.begin(context, self.sending.work(context, rig, self.placement(context.scene)))
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

    def describe(self) -> tuple[float, str]:
        assert self.sending is not None
        done, total = self.sending.done, len(self.sending.origins)
        return done / max(total, 1), told("{done} of {total} assets", done=done, total=total)

    def finish(self, context: bpy.types.Context) -> set[str]:
        assert self.sending is not None
        sent, problems = self.sending, self.sending.problems
        if self.cancelled and sent.made is None:
            self.report({"INFO"}, "Stopped: no asset was written")
            return {"CANCELLED"}
        if sent.made is None:
            self.report({"ERROR"}, "\n".join(problems[:MOST_TOLD]) or told("Nothing was left to write."))
            return {"CANCELLED"}
        for sentence in problems[:MOST_TOLD]:
            self.report({"WARNING"}, sentence)
        state(context).sent = True
        if not jobs.waits(context):
            _tell(sending.refresh(context))
        values = {"count": sent.count, "file": sent.made.name, "catalogue": sent.catalogue}
        self.report({"INFO"}, told("{count} assets are in {file}, catalogue {catalogue}", **values))
        return {"FINISHED"}

    def _origins(self, context: bpy.types.Context) -> list[Origin]:
        """What is sent. Raises QueryProblem."""
        if self.clips.strip() or self.results.strip():
            sources = self.sources(context)
            if any(source.action or source.take < 0 for source in sources):
                raise QueryProblem("Takes of files are sent here; for actions there is Export to Library.")
            return [Origin(s.path, s.take, s.start, s.end, self.mirror, s.name) for s in sources]
        hits = list(state(context).hits)
        if self.which == "SELECTED":
            hits = hits[state(context).active : state(context).active + 1]
        elif self.which == "MARKED":
            hits = sorted((hit for hit in hits if hit.mark), key=lambda hit: hit.mark)
        if not hits:
            raise QueryProblem("Search first, or tick the boxes of some results: there is nothing to send.")
        return [origin_of(context, hit, self.mirror) for hit in hits]


def origin_of(context: bpy.types.Context, hit: TMR_PG_hit, mirror: bool) -> Origin:
    """Where a result comes from, and what it shows: its caption, or the words that it was found by."""
    shown: Any = state(context)
    caption = hit.caption or ("" if shown.like else shown.searched)
    return Origin(str(Path(hit.path)), hit.take, hit.start, hit.end, mirror, hit.name, caption)


def catalogue_of(context: bpy.types.Context) -> str:
    """The catalogue of what was searched last."""
    searched = state(context).searched.replace("/", "-").strip()
    return f"Motions/{searched[:60]}" if searched else "Motions"


def _rig(context: bpy.types.Context) -> bpy.types.Object | None:
    """The rig that motions would go to; None where the scene has none. Raises SkeletonProblem where it is not clear which."""
    try:
        return target(context)
    except SkeletonProblem:
        if any(item.type == "ARMATURE" for item in context.scene.objects):
            raise
        return None


def _menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    menu.layout.operator_context = "INVOKE_DEFAULT"
    menu.layout.operator("tmr.send_to_assets", icon="ASSET_MANAGER", text="Send to Asset Library …")


def _tell(known: bool) -> None:
    """Note whether a shelf knows what was sent last."""
    global _stale
    _stale = not known


def _draw_shelf(panel: bpy.types.Panel, context: bpy.types.Context) -> None:
    """At the end of the results: what opens the shelf with what was sent, where it is hidden.

    Once it is shown it is told of what was sent: Blender lists what it knew before, and can't be told while no shelf is open.
    """
    space: Any = context.space_data
    if not state(context).sent:
        return
    if not space.show_region_asset_shelf:
        panel.layout.prop(space, "show_region_asset_shelf", text="Asset Shelf", icon="ASSET_MANAGER", toggle=True)
    elif _stale and not bpy.app.timers.is_registered(_refresh):
        bpy.app.timers.register(_refresh, first_interval=SHOWN_SECONDS)


def _refresh() -> None:
    """Have the shelf look again; where it has been hidden meanwhile, when it is shown next."""
    _tell(sending.refresh(bpy.context))


def register() -> None:
    """Register the class, its entry beside other ways to apply, and the offer to show the shelf."""
    bpy.utils.register_class(TMR_OT_send_to_assets)
    bpy.types.TMR_PT_search.append(_draw_shelf)
    bpy.types.TMR_MT_several.append(_menu)


def unregister() -> None:
    """Undo `register`."""
    if bpy.app.timers.is_registered(_refresh):
        bpy.app.timers.unregister(_refresh)
    bpy.types.TMR_PT_search.remove(_draw_shelf)
    bpy.types.TMR_MT_several.remove(_menu)
    bpy.utils.unregister_class(TMR_OT_send_to_assets)
