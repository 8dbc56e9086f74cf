# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain figure to put motions on where a scene has no character: it looks as the pictures of results do."""

import bpy
import numpy as np

from ..motion import body, ghost
from ..motion.quaternion import Array
from ..motion.render import PALETTE
from .language import told
from .rig import TO_Y_UP

NAME = "Mannequin"

# Joints in metres, Z up, facing -Y, its left at +X, arms straight out; those of the left side stand for both.
JOINTS: dict[str, tuple[float, float, float]] = {
    "pelvis": (0.0, 0.0, 0.94),
    "spine1": (0.0, 0.01, 1.04),
    "spine2": (0.0, 0.015, 1.16),
    "spine3": (0.0, 0.01, 1.28),
    "neck": (0.0, 0.01, 1.46),
    "head": (0.0, -0.01, 1.56),
    "left_hip": (0.09, 0.0, 0.91),
    "left_knee": (0.095, -0.01, 0.50),
    "left_ankle": (0.095, 0.015, 0.09),
    "left_foot": (0.1, -0.11, 0.02),
    "left_collar": (0.03, 0.01, 1.41),
    "left_shoulder": (0.17, 0.015, 1.42),
    "left_elbow": (0.44, 0.02, 1.42),
    "left_wrist": (0.69, 0.01, 1.42),
}
CROWN, TOES, FINGERTIPS = (0.0, -0.01, 1.74), (0.1, -0.18, 0.02), (0.86, 0.0, 1.42)

# Bone, its parent, and the joints or points at its ends. "Left" stands for both sides.
BONES = (
    ("Hips", "", "pelvis", "spine1"),
    ("Spine", "Hips", "spine1", "spine2"),
    ("Spine1", "Spine", "spine2", "spine3"),
    ("Spine2", "Spine1", "spine3", "neck"),
    ("Neck", "Spine2", "neck", "head"),
    ("Head", "Neck", "head", CROWN),
    ("LeftShoulder", "Spine2", "left_collar", "left_shoulder"),
    ("LeftArm", "LeftShoulder", "left_shoulder", "left_elbow"),
    ("LeftForeArm", "LeftArm", "left_elbow", "left_wrist"),
    ("LeftHand", "LeftForeArm", "left_wrist", FINGERTIPS),
    ("LeftUpLeg", "Hips", "left_hip", "left_knee"),
    ("LeftLeg", "LeftUpLeg", "left_knee", "left_ankle"),
    ("LeftFoot", "LeftLeg", "left_ankle", "left_foot"),
    ("LeftToeBase", "LeftFoot", "left_foot", TOES),
)


def add(context: bpy.types.Context) -> bpy.types.Object:
    """The figure at the 3D cursor, its rig active and selected alone. The context is in object mode."""
    scale = 1.0 / (context.scene.unit_settings.scale_length or 1.0)
    rig = _rig(context, scale)
    skin = _skin(rig, scale)
    context.collection.objects.link(skin)
    skin.parent = rig
    skin.modifiers.new("Armature", "ARMATURE").object = rig
    rig.location = context.scene.cursor.location
    rig.show_in_front = True
    return rig


def _mirrored(place: tuple[float, float, float]) -> tuple[float, float, float]:
    return -place[0], place[1], place[2]


def _bones() -> list[tuple[str, str, Array, Array]]:
    """Name, parent, head and tail (3,) of every bone, parents first."""
    out = []
    for name, parent, *ends in BONES:
        head, tail = (JOINTS[end] if isinstance(end, str) else end for end in ends)
        out.append((name, parent, np.array(head), np.array(tail)))
        if name.startswith("Left"):
            right = parent.replace("Left", "Right")
            out.append((name.replace("Left", "Right"), right, np.array(_mirrored(head)), np.array(_mirrored(tail))))
    return out


def _rig(context: bpy.types.Context, scale: float) -> bpy.types.Object:
    data = bpy.data.armatures.new(NAME)
    rig = bpy.data.objects.new(NAME, data)
    context.collection.objects.link(rig)
    for item in context.selected_objects:
        item.select_set(False)
    rig.select_set(True)
    context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, parent, head, tail in _bones():
        bone = data.edit_bones.new(name)
        bone.head, bone.tail = head * scale, tail * scale
        if parent:
            bone.parent = data.edit_bones[parent]
            bone.use_connect = name != "Head" and (bone.head - bone.parent.tail).length < 1e-6
    bpy.ops.object.mode_set(mode="OBJECT")
    data.display_type = "STICK"
    return rig


def _skin(rig: bpy.types.Object, scale: float) -> bpy.types.Object:
    """The body of the ghost, each of its parts weighted to the bone that it lies along."""
    places = {**JOINTS, **{name.replace("left", "right"): _mirrored(at) for name, at in JOINTS.items() if "left" in name}}
    joints = np.array([places[name] for name in body.JOINTS]) @ TO_Y_UP[:3, :3].T
    shape = ghost.body(joints)
    points = shape.points @ TO_Y_UP[:3, :3]
    mesh = bpy.data.meshes.new(NAME)
    mesh.from_pydata((points * scale).tolist(), [], shape.faces.tolist())
    sides = ("middle", "left", "right")
    for name, colour in zip(sides, PALETTE, strict=True):
        mesh.materials.append(_material(f"{NAME} {name}", colour))
    mesh.polygons.foreach_set("material_index", shape.sides[shape.faces[:, 0]] % len(sides))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(shape.faces), bool))
    mesh.update()
    skin = bpy.data.objects.new(f"{NAME} Body", mesh)
    owners = _owners(points.reshape(-1, ghost.CORNERS, 3))
    for name in rig.data.bones.keys():  # noqa: SIM118
        parts = [range(part * ghost.CORNERS, (part + 1) * ghost.CORNERS) for part in np.flatnonzero(owners == name)]
        skin.vertex_groups.new(name=name).add([at for part in parts for at in part], 1.0, "REPLACE")
    return skin


def _owners(parts: Array) -> Array:
    """The names (n,) of the bones whose middles are nearest to the middles of parts (n, corners, 3); the nose is the head's."""
    bones, places = _bones(), parts.mean(axis=1)
    middles = np.array([(head + tail) / 2.0 for _, _, head, tail in bones])
    away = np.linalg.norm(places[:, None] - middles, axis=-1)
    nearest = np.array([name for name, *_ in bones])[np.argmin(away, axis=1)]
    return np.where(places[:, 2] > JOINTS["head"][2], "Head", nearest)


def _material(name: str, colour: Array) -> bpy.types.Material:
    """By name, so that a second figure shares them."""
    found = bpy.data.materials.get(name)
    if found is not None:
        return found
    made = bpy.data.materials.new(name)
    made.diffuse_color = (*colour, 1.0)
    return made


class TMR_OT_add_rig(bpy.types.Operator):
    bl_idname = "tmr.add_rig"
    bl_label = "Add a Rig"
    bl_description = (
        "Add a plain figure with a skeleton, 1.74 m tall, at the 3D cursor, to put motions on.\n"
        "Its bones are named as Mixamo's; its left side is orange, its right side blue"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set(told, "Go to object mode first: a figure is added there")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        rig = add(context)
        self.report({"INFO"}, told("{rig} is there to put motions on", rig=rig.name))
        return {"FINISHED"}


def _menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    menu.layout.operator("tmr.add_rig", text="Mannequin for Motions", icon="OUTLINER_OB_ARMATURE")


_CLASSES = (TMR_OT_add_rig,)


def register() -> None:
    """Register the class and the entry in Add > Armature."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.VIEW3D_MT_armature_add.append(_menu)


def unregister() -> None:
    """Undo `register`."""
    bpy.types.VIEW3D_MT_armature_add.remove(_menu)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
