# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the sidebar that shows which bone of the active rig is which part of the body."""

import bpy

from ..errors import SkeletonProblem
from ..motion import body
from ..retarget import editing, rest
from ..retarget.roles import RigMap
from . import mapping
from .language import marked, worded
from .libraries import columns, wrapped

FOLDED = {"Travel and Root", "Left Fingers", "Right Fingers", "IK Controls"}
NEEDED = {"pelvis", *rest.NEEDED}
SHOWN_PROBLEMS = 4


class TMR_PT_mapping(bpy.types.Panel):
    bl_idname = "TMR_PT_mapping"
    bl_label = "Rig Mapping"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "TMR"
    bl_parent_id = "TMR_PT_search"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        width = columns(context)
        try:
            rig = mapping.rig_of(context)
        except SkeletonProblem as problem:
            _draw_lines(self.layout, str(problem), width, "INFO")
            return
        known = mapping.seen(rig, context.scene)
        _draw_verdict(self.layout.column(align=True), rig, known, width)
        _draw_buttons(self.layout, known)
        _draw_fields(self.layout, context, rig, known.rig_map)
        _draw_rest(self.layout, known.rig_map)


def _draw_lines(layout: bpy.types.UILayout, text: str, width: int, icon: str, alert: bool = False) -> None:
    column = layout.column(align=True)
    column.alert = alert
    for i, line in enumerate(wrapped(text, width - 6)):
        column.label(text=line, icon=icon if i == 0 else "BLANK1")


def _draw_verdict(layout: bpy.types.UILayout, rig: bpy.types.Object, known: mapping.Known, width: int) -> None:
    """Whose mapping it is, where it is from, how good it is and what is missing."""
    layout.label(text=rig.name, translate=False, icon="ARMATURE_DATA")
    if known.source == "none":
        _draw_lines(layout, known.problem, width, "ERROR", alert=True)
    else:
        _draw_lines(layout, editing.summary(known.rig_map), width, "CHECKMARK" if not editing.lacks(known.rig_map) else "ERROR")
    _draw_lines(layout, source_of(known), width, "BLANK1")
    if lacking := editing.lacks(known.rig_map):
        _draw_lines(layout, f"{lacking}.", width, "INFO", alert=known.source != "none")
    _draw_problems(layout, width)


def source_of(known: mapping.Known) -> str:
    """Where a mapping is from, in words."""
    saved = f"“{known.saved.rig_map.convention}”" if known.saved else ""
    edited = "Edited in this scene, instead of the saved {name}" if saved else "Edited in this scene, not saved"
    return {
        "edited": worded(edited, name=saved),
        "user": worded("Your saved mapping {name}", name=saved),
        "studio": worded("The studio's mapping {name}", name=saved),
        "found": worded("Detected, not edited"),
        "none": worded("Choose the bones by hand"),
    }[known.source]


def _draw_buttons(layout: bpy.types.UILayout, known: mapping.Known) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator("tmr.mapping_detect", icon="FILE_REFRESH")
    row.operator("tmr.mapping_mirror", text="Left to Right", icon="MOD_MIRROR")
    if known.source == "edited" and known.saved:
        text = worded("Back to “{name}”", name=known.saved.rig_map.convention)
        column.operator("tmr.mapping_detect", text=text, icon="LOOP_BACK").saved = True
    row = column.row(align=True)
    row.operator("tmr.mapping_save", text="Save", icon="FILE_TICK")
    row.operator("tmr.mapping_load", text="Load", icon="FILE_FOLDER")
    row.operator("tmr.mapping_export", text="Export", icon="EXPORT")
    if known.saved and known.saved.path.parent == mapping.folder():
        row.operator("tmr.mapping_delete", text="", icon="TRASH")


def _draw_fields(layout: bpy.types.UILayout, context: bpy.types.Context, rig: bpy.types.Object, rig_map: RigMap) -> None:
    """A bone for each role, in groups that fold."""
    for heading, fields in editing.groups(rig_map).items():
        filled = sum(bool(editing.get(rig_map, field)) for field in fields)
        header, inner = layout.panel(f"TMR_mapping_{heading}", default_closed=heading in FOLDED)
        header.label(text=f"{worded(heading)} ({filled})" if heading in FOLDED else heading)
        if inner is None:
            continue
        column = inner.column(align=True)
        for field in fields:
            row = column.row(align=True)
            row.alert = field in NEEDED and not editing.get(rig_map, field)
            row.enabled = not field.endswith("_pole") or field.removesuffix("_pole") in rig_map.controls
            split = row.split(factor=0.36, align=True)
            split.label(text=_bare(field))
            split.prop_search(context.scene.tmr_mapping, field, rig.data, "bones", text="", icon="BONE_DATA")
            row.operator("tmr.mapping_pick", text="", icon="RESTRICT_SELECT_OFF").role = field


def _bare(field: str) -> str:
    """The words of a field below a heading that names its side already."""
    words = editing.in_words(field)
    return worded(words if field in editing.CONTROLS or body.mirrored(field) == field else words.partition(" ")[2])


def _draw_rest(layout: bpy.types.UILayout, rig_map: RigMap) -> None:
    """What is set along with the motion, to be read only."""
    lists = {
        marked("Switches"): [f"{bone} {key}: {value:g}" for (bone, key), value in rig_map.switches.items()],
        marked("Held at Rest"): list(rig_map.held),
        marked("Twist Bones"): [name for names in rig_map.twists.values() for name in names],
    }
    for heading, lines in lists.items():
        if not lines:
            continue
        header, inner = layout.panel(f"TMR_mapping_{heading}", default_closed=True)
        header.label(text=f"{worded(heading)} ({len(lines)})")
        if inner is not None:
            column = inner.column(align=True)
            for line in lines:
                column.label(text=line, translate=False)


def _draw_problems(layout: bpy.types.UILayout, width: int) -> None:
    """The saved mappings that can't be used, and why."""
    problems = mapping.problems()
    for problem in problems[:SHOWN_PROBLEMS]:
        _draw_lines(layout, problem, width, "ERROR")
    if len(problems) > SHOWN_PROBLEMS:
        layout.label(text=worded("and {count} more", count=len(problems) - SHOWN_PROBLEMS))


def register() -> None:
    """Register the panel, below the search's."""
    bpy.utils.register_class(TMR_PT_mapping)


def unregister() -> None:
    """Undo `register`."""
    bpy.utils.unregister_class(TMR_PT_mapping)
