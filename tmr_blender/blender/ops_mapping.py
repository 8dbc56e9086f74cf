# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Edit, save, load and share the mapping of the active rig."""

import os
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ..errors import FileProblem, SkeletonProblem, TMRError
from ..retarget import editing, mapping_text, rest, roles
from ..retarget import mapping as files
from . import mapping
from . import rig as rig_reader
from .language import told, worded

NAMED = 5
"""Bones that a report names."""


class OfMapping:
    """Mix-in: an operator on the mapping of the active rig. A subclass defines `work`."""

    report: Any
    poll_message_set: Any

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            mapping.rig_of(context)
        except SkeletonProblem as problem:
            cls.poll_message_set(str(problem))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        mapping.shelves()  # as the files are now
        try:
            done = self.work(context, mapping.rig_of(context))
        except TMRError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        for area in context.screen.areas if context.screen else ():
            area.tag_redraw()
        return done

    def work(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        """Do it; the operator's answer. Raises TMRError."""
        raise NotImplementedError

    def assign(self, context: bpy.types.Context, rig: bpy.types.Object, role: str, bone: str) -> set[str]:
        """Give a bone to a role and say which role lost it."""
        lost = mapping.edit(context.scene, rig, role, bone)
        if lost:
            role = worded(editing.in_words(lost))
            self.report({"INFO"}, told("{bone} was {role}, which has no bone now", bone=bone, role=role))
        return {"FINISHED"}


SHOWN_PROBLEMS = 3
ROLE = "pelvis, spine1, neck1, head, left_elbow, left_thumb1, ..., travel, root, left_wrist_control or left_wrist_pole"


class TMR_OT_mapping_set(OfMapping, bpy.types.Operator):
    bl_idname = "tmr.mapping_set"
    bl_label = "Set Bone"
    bl_description = "Choose which bone of the active rig plays a part of the body; without a bone the part is left out"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    role: StringProperty(name="Role", description=ROLE)
    bone: StringProperty(name="Bone", description="Name of the bone; empty for none")

    def work(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        return self.assign(context, rig, self.role, self.bone)


def _first(names: list[str]) -> str:
    """The first few of some names of bones, and how many more there are."""
    shown = ", ".join(names[:NAMED])
    return told("{bones} and {count} more", bones=shown, count=len(names) - NAMED) if len(names) > NAMED else shown


class TMR_OT_mapping_pick(OfMapping, bpy.types.Operator):
    bl_idname = "tmr.mapping_pick"
    bl_label = "Use the Active Bone"
    bl_description = "Take the bone that is active in pose mode for this part of the body"
    bl_options = {"REGISTER", "UNDO"}

    role: StringProperty(name="Role", description=ROLE)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if context.active_pose_bone is None or context.active_pose_bone.id_data != mapping.rig_of(context):
            cls.poll_message_set(told, "Click the bone in pose mode first")
            return False
        return True

    def work(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        return self.assign(context, rig, self.role, context.active_pose_bone.name)


class TMR_OT_mapping_detect(OfMapping, bpy.types.Operator):
    bl_idname = "tmr.mapping_detect"
    bl_label = "Detect Again"
    bl_description = (
        "Drop the edits of this rig's mapping and read it anew: by the names of its bones, or else by its shape.\n"
        "A saved mapping that fits the rig is set aside in this scene"
    )
    bl_options = {"REGISTER", "UNDO"}

    saved: BoolProperty(
        name="Saved Mapping", description="Go back to the saved mapping that fits the rig, if there is one", default=False
    )

    def work(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        mapping.forget()
        aside = mapping.seen(rig, context.scene).saved is not None and not self.saved
        found = roles.map_rig(rig_reader.plain(rig)) if aside else None
        mapping.drop(context.scene, rig)
        if found is not None:
            mapping.keep(context.scene, rig, found)
        known = mapping.seen(rig, context.scene)
        for problem in mapping.problems()[:SHOWN_PROBLEMS]:
            self.report({"WARNING"}, problem)
        if known.problem:
            self.report({"WARNING"}, known.problem)
        else:
            self.report({"INFO"}, editing.summary(known.rig_map))
        return {"FINISHED"}


class TMR_OT_mapping_mirror(OfMapping, bpy.types.Operator):
    bl_idname = "tmr.mapping_mirror"
    bl_label = "Mirror Left to Right"
    bl_description = (
        "Give the right side the counterparts of the left side's bones, found by their names or else by their places"
    )
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        known = mapping.seen(rig, context.scene)
        mirrored, lost = editing.mirror(rig_reader.plain(rig), known.rig_map)
        mapping.keep(context.scene, rig, mirrored)
        if lost:
            sentence = "No counterpart was found of {bones}: choose those on the right by hand"
            self.report({"WARNING"}, told(sentence, bones=_first(lost)))
        return {"FINISHED"}


class TMR_OT_mapping_save(OfMapping, bpy.types.Operator):
    bl_idname = "tmr.mapping_save"
    bl_label = "Save Mapping"
    bl_description = (
        "Save the mapping as a file among your own, which updates leave alone. "
        "From then on every rig with these bones goes by it, in every scene"
    )
    bl_options = {"REGISTER", "UNDO"}

    name: StringProperty(
        name="Name", description="What the mapping is called; empty takes the rig's name", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.name = self.name or self.proposed(context, mapping.rig_of(context))
        return context.window_manager.invoke_props_dialog(self)

    def proposed(self, context: bpy.types.Context, rig: bpy.types.Object) -> str:
        """The name of the saved mapping that is edited, if it is the user's, else the rig's."""
        known = mapping.seen(rig, context.scene)
        own = known.saved is not None and known.saved.path.parent == mapping.folder()
        return known.saved.rig_map.convention if known.saved and own else rig.name

    def work(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        known = mapping.seen(rig, context.scene)
        if lacking := editing.lacks(known.rig_map):
            raise SkeletonProblem(f"{lacking}.")
        name = self.name.strip() or self.proposed(context, rig)
        path = mapping.folder() / files.file_name(name)
        text = mapping_text.to_text(known.rig_map, name)
        files.write(path, text)
        mapping.drop(context.scene, rig)
        mapping.forget()
        now = mapping.seen(rig, context.scene)
        if now.saved is None or now.saved.path != path:
            # Another file of the user's has more bones on this rig: this scene goes by what was saved now.
            mapping.keep(context.scene, rig, mapping_text.from_text(text, path.name))
            other = now.saved.path.name if now.saved else "none"
            sentence = "Saved as {file}, but {other} fits this rig better: delete that to have this one used"
            self.report({"WARNING"}, told(sentence, file=path.name, other=other))
            return {"FINISHED"}
        self.report({"INFO"}, told("Saved as {file}: rigs with these bones go by it from now on", file=path.name))
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "name")
        if self.name.strip() and (mapping.folder() / files.file_name(self.name.strip())).exists():
            self.layout.label(text="Replaces the saved mapping of this name", icon="INFO")


class OfFile:
    """Mix-in: the file that is loaded or exported."""

    filepath: StringProperty(
        name="File", description="The file of the mapping, a .json", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})


class TMR_OT_mapping_load(OfFile, OfMapping, bpy.types.Operator):
    bl_idname = "tmr.mapping_load"
    bl_label = "Load Mapping"
    bl_description = "Have the active rig go by a mapping in a file (.json) in this scene; Save then keeps it"
    bl_options = {"REGISTER", "UNDO"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = self.filepath or str(mapping.folder()) + os.sep
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        if not self.filepath:
            raise FileProblem("Choose a mapping, a .json file.")
        path = Path(bpy.path.abspath(self.filepath))
        wanted = files.read(path)
        found = files.placed(rig_reader.plain(rig), wanted)
        try:
            rest.require(found.bones, rig.name)
        except SkeletonProblem as problem:
            raise SkeletonProblem(f"{path.name} is of another rig than {rig.name}. {problem}") from problem
        mapping.keep(context.scene, rig, found)
        absent = [name for role, name in wanted.bones.items() if role not in found.bones]
        if absent:
            values = {"rig": rig.name, "bones": _first(absent), "file": path.name}
            self.report({"WARNING"}, told("{rig} has no {bones}: the rest of {file} is used", **values))
        else:
            self.report({"INFO"}, told("{rig} goes by {mapping} in this scene", rig=rig.name, mapping=wanted.convention))
        return {"FINISHED"}


class TMR_OT_mapping_export(OfFile, OfMapping, bpy.types.Operator):
    bl_idname = "tmr.mapping_export"
    bl_label = "Export Mapping"
    bl_description = (
        "Write the mapping of the active rig to a file (.json), to give to others or to put into the studio's folder"
    )
    bl_options = {"REGISTER"}

    check_existing: BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = self.filepath or files.file_name(mapping.rig_of(context).name or "mapping")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        known = mapping.seen(rig, context.scene)
        if not self.filepath:
            raise FileProblem("Choose where to write the mapping, a .json file.")
        if lacking := editing.lacks(known.rig_map):
            raise SkeletonProblem(f"{lacking}.")
        path = Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), files.SUFFIX))
        name = rig.name if known.source in ("found", "edited") and known.saved is None else known.rig_map.convention
        files.write(path, mapping_text.to_text(known.rig_map, name))
        self.report({"INFO"}, told("The mapping of {rig} was written to {file}", rig=rig.name, file=path))
        return {"FINISHED"}


class TMR_OT_mapping_delete(OfMapping, bpy.types.Operator):
    bl_idname = "tmr.mapping_delete"
    bl_label = "Delete Saved Mapping"
    bl_description = "Delete the saved mapping that the active rig goes by; one in the studio's folder is left alone"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        known = mapping.seen(mapping.rig_of(context), context.scene)
        if known.saved is None or known.saved.path.parent != mapping.folder():
            cls.poll_message_set(told, "None of your own saved mappings fits this rig")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def work(self, context: bpy.types.Context, rig: bpy.types.Object) -> set[str]:
        saved = mapping.seen(rig, context.scene).saved
        assert saved is not None, "checked by poll"
        try:
            saved.path.unlink()
        except OSError as error:
            raise FileProblem(f"{saved.path} can't be deleted: {error.strerror or error}.") from error
        mapping.forget()
        self.report({"INFO"}, told("{file} was deleted", file=saved.path.name))
        return {"FINISHED"}


_CLASSES = (
    TMR_OT_mapping_set,
    TMR_OT_mapping_pick,
    TMR_OT_mapping_detect,
    TMR_OT_mapping_mirror,
    TMR_OT_mapping_save,
    TMR_OT_mapping_load,
    TMR_OT_mapping_export,
    TMR_OT_mapping_delete,
)


def register() -> None:
    """Register the classes."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
