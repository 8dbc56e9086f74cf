# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""The choices about how a motion is put on a rig and where it goes, as operators and the redo panel show them."""

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from ..errors import SkeletonProblem
from .apply import Placement, target
from .language import marked, told

DESCRIPTION = "tmr_description"
"""The action's property that keeps what it was found by."""

GROUPS = (
    (marked("Timing"), "TIME", ("at", "trim_start", "trim_end", "speed", "loop", "extent")),
    (marked("Motion"), "ARMATURE_DATA", ("place", "heading", "in_place", "mirror", "feet", "hands")),
    (marked("Rig"), "OUTLINER_OB_ARMATURE", ("root", "limbs")),
    (marked("Keys"), "ACTION", ("goes", "blend_in", "tolerance")),
)
"""Heading, icon and properties of each group in the redo panel."""


class Placing:
    """Mix-in: the choices, what `apply` makes of them, and what they look like."""

    poll_message_set: Any

    at: EnumProperty(
        name="Start",
        description="Where on the timeline the motion starts",
        items=[
            ("CURRENT", "Current Frame", "The first key is at the frame shown now"),
            ("START", "Scene Start", "The first key is at the first frame of the scene"),
        ],
    )
    trim_start: FloatProperty(
        name="Trim Start",
        description="Seconds of the recording to leave out at its start, before it is sped up or looped",
        default=0.0,
        min=0.0,
        soft_max=10.0,
        step=10,
        subtype="TIME_ABSOLUTE",
    )
    trim_end: FloatProperty(
        name="Trim End",
        description="Seconds of the recording to leave out at its end, before it is sped up or looped",
        default=0.0,
        min=0.0,
        soft_max=10.0,
        step=10,
        subtype="TIME_ABSOLUTE",
    )
    speed: FloatProperty(
        name="Speed",
        description="How many times as fast as recorded",
        default=1.0,
        min=0.05,
        soft_min=0.25,
        soft_max=4.0,
        max=20.0,
    )
    loop: BoolProperty(
        name="Loop",
        description="Keep only the part that repeats best, its end blended into its beginning, and mark the action as cyclic",
        default=False,
    )
    extent: EnumProperty(
        name="Frame Range",
        description="What happens to the scene's start and end frames",
        items=[
            ("EXTEND", "Extend", "Move the end frame if the motion is longer, so that playback shows all of it"),
            ("FIT", "Fit", "Start and end exactly with the motion"),
            ("KEEP", "Keep", "Leave both as they are; what goes beyond the end does not play"),
        ],
    )
    place: EnumProperty(
        name="Where",
        description="Where on the floor the motion starts",
        items=[
            ("auto", "Automatic", "At the rig; with Blend In, where the body is at that frame, so that it goes on from there"),
            ("rig", "At the Rig", "Where the rig stands at rest"),
            ("body", "At the Body", "Where the body is at that frame, and facing as it does: the motion goes on from there"),
        ],
    )
    heading: EnumProperty(
        name="Facing",
        description="Which way the motion starts out, if it starts at the rig",
        items=[
            ("rig", "As the Rig", "Turn the motion so that it starts facing where the rig faces"),
            ("take", "As the Take", "Keep the directions of the recording, so that several takes of one session fit together"),
        ],
    )
    in_place: BoolProperty(
        name="In Place",
        description="Keep the body over where it stands: for cycles that the game engine moves. Jumps keep their height",
        default=False,
    )
    mirror: BoolProperty(name="Mirror", description="Exchange left and right", default=False)
    feet: BoolProperty(
        name="Plant Feet",
        description="Hold the feet in place while they stand in the recording. Legs bend as that takes",
        default=False,
    )
    hands: EnumProperty(
        name="Hands",
        description="What the arms keep of the recording where the rig has other proportions",
        items=[
            ("free", "Free", "The arms point exactly where the recording's do; hands may miss hips, head or each other"),
            ("body", "Keep to Body", "Hands near the body or near each other stay as near to it; arms bend as that takes"),
        ],
    )
    root: EnumProperty(
        name="Travel",
        description="What receives the way over the ground. The character moves the same with each of them",
        items=[
            ("hips", "Hips", "The hips move through the scene, root bone and object stay: easiest to edit"),
            ("bone", "Root Bone", "The root bone travels and the hips move on it: root motion for game engines"),
            ("object", "Object", "The armature object itself travels, so what follows or parents it goes along"),
        ],
    )
    limbs: EnumProperty(
        name="Limbs",
        description="Which controls show the motion on a rig that has both kinds: they are keyed and its switches are set",
        items=[
            ("fk", "FK", "Forward kinematics: arms and legs are turned joint by joint"),
            ("ik", "IK", "Inverse kinematics: hands and feet are placed, elbows and knees follow. Without such controls, FK"),
        ],
    )
    goes: EnumProperty(
        name="Goes to",
        description="What becomes of the motion",
        items=[
            ("action", "New Action", "The rig's active action; the former one is kept in the file"),
            (
                "strip",
                "NLA Strip",
                "A strip on a track above the others. As an active action would hide it, that becomes a strip below "
                "(as by Push Down), its keys untouched",
            ),
        ],
    )
    blend_in: IntProperty(
        name="Blend In",
        description=(
            "Frames over which the motion takes over from the pose that the rig has at its first frame. "
            "An NLA strip blends with the strips below, and goes back to them if they play on after it"
        ),
        default=0,
        min=0,
        soft_max=48,
        max=1000,
    )
    tolerance: FloatProperty(
        name="Key Tolerance",
        description="Fewer keys, on Bezier curves: how many degrees bones may be off, and 5 mm for each. 0 keys every frame",
        default=0.0,
        min=0.0,
        soft_max=5.0,
        max=20.0,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            rig = target(context)
        except SkeletonProblem as problem:
            cls.poll_message_set(str(problem))
            return False
        reason = refusal(context, rig)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def placement(self, scene: bpy.types.Scene) -> Placement:
        """What was chosen."""
        return Placement(
            scene.frame_current if self.at == "CURRENT" else scene.frame_start,
            self.extent,
            self.heading,
            travel=not self.in_place,
            feet=self.feet,
            mirror=self.mirror,
            speed=self.speed,
            loop=self.loop,
            tolerance=self.tolerance,
            trim=(self.trim_start, self.trim_end),
            root=self.root,
            limbs=self.limbs,
            hands=self.hands,
            place=self.place,
            goes=self.goes,
            blend=self.blend_in,
        )

    def draw_placement(self, layout: bpy.types.UILayout, without: tuple[str, ...] = ()) -> None:
        """The choices, in the redo panel and in the file browser. without: those that have no meaning here."""
        layout.use_property_split = True
        layout.use_property_decorate = False
        for title, icon, names in GROUPS:
            shown = [name for name in names if name not in without]
            if not shown:
                continue
            column = layout.column(align=True)
            column.label(text=title, icon=icon)
            for name in shown:
                row = column.row()
                row.active = name != "heading" or self.place == "rig" or (self.place == "auto" and not self.blend_in)
                row.prop(self, name)


def refusal(context: bpy.types.Context, rig: bpy.types.Object) -> str:
    """Why a rig can't receive a motion now, as a sentence; "" if it can."""
    if context.mode not in {"OBJECT", "POSE"}:
        return told("Leave the edit mode first: a motion is put on in object or pose mode")
    if rig.library is not None and rig.override_library is None:
        return told("{rig} is linked: make a library override of it first (Object > Library Override)", rig=rig.name)
    if rig.animation_data is not None and rig.animation_data.use_tweak_mode:
        return told("An NLA strip of {rig} is being tweaked: leave tweak mode first (Tab in the NLA editor)", rig=rig.name)
    return ""


def said(rig: bpy.types.Object, action: bpy.types.Action, placement: Placement, end: int) -> str:
    """What was done, for a report. end: the scene's last frame before."""
    scene = bpy.context.scene
    what = "{action} is a strip on {rig}" if placement.goes == "strip" else "{action} is on {rig}"
    longer = told("; the scene now ends at frame {frame}", frame=scene.frame_end) if scene.frame_end != end else ""
    return told(what, action=action.name, rig=rig.name) + longer
