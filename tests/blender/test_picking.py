# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rig is under the pointer, in views made of a matrix: a window's region gives no more than that."""

from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import parts
import pytest
from mathutils import Matrix

picking = parts.ours("blender.picking")


def front(perspective: bool = False, centre: tuple[float, float] = (0.0, 1.0)) -> Any:
    """From -Y, 800 x 600 pixels, 4 m high in the plane of the origin: 150 pixels a metre."""
    eye = Matrix.Translation((centre[0], -10.0, centre[1])) @ Matrix.Rotation(np.pi / 2, 4, "X")
    window = Matrix.Diagonal((1 / (8 / 3), 1 / 2, -1 / 50, 1.0))
    if perspective:
        half, near, far = 2 / 10, 0.1, 100.0
        window = Matrix(
            (
                (1 / (half * 4 / 3), 0, 0, 0),
                (0, 1 / half, 0, 0),
                (0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)),
                (0, 0, -1, 0),
            )
        )
    data = SimpleNamespace(
        perspective_matrix=window @ eye.inverted(),
        view_matrix=eye.inverted(),
        window_matrix=window,
        is_perspective=perspective,
        view_perspective="PERSP" if perspective else "ORTHO",
    )
    return picking.View(SimpleNamespace(width=800, height=600), data)


def at(x: float, z: float) -> tuple[float, float]:
    """The pixel of a point in the plane of the origin."""
    return 400 + 150 * x, 300 + 150 * (z - 1.0)


def look(point: tuple[float, float], view: Any = None) -> tuple[str, str]:
    bpy.context.view_layer.update()
    rig, why = picking.under(bpy.context.scene, bpy.context.view_layer, view or front(), point)
    return (rig.name if rig is not None else ""), why


def two() -> None:
    """Bare armatures 2 m apart."""
    for name, x in (("Left", -1.0), ("Right", 1.0)):
        parts.human(name).location.x = x


def block(name: str, where: tuple[float, float, float], size: float = 0.3) -> bpy.types.Object:
    corners = [(x, y, z) for x in (-size, size) for y in (-size, size) for z in (-size, size)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces)
    made = bpy.data.objects.new(name, mesh)
    made.location = where
    bpy.context.scene.collection.objects.link(made)
    return made


@pytest.mark.parametrize("perspective", [False, True])
def test_bones_near_the_pointer_are_their_rig(factory_scene: None, perspective: bool) -> None:
    two()
    view = front(perspective)
    assert look(at(-1.0, 1.3), view) == ("Left", "")
    assert look(at(1.03, 1.3), view) == ("Right", "")
    name, why = look(at(0.0, 0.4), view)
    assert name == ""
    assert "no rig under the pointer" in why


def test_a_posed_bone_counts_where_it_is_posed(factory_scene: None) -> None:
    rig = parts.human()
    wide = at(0.8, 1.42)
    assert look(wide)[0] == "Human"
    rig.pose.bones["LeftArm"].rotation_mode = "XYZ"
    rig.pose.bones["LeftArm"].rotation_euler.x = -1.5
    hand = [rig.pose.bones["LeftHand"]]
    bpy.context.view_layer.update()
    assert look(wide)[0] == ""
    assert look(at(hand[0].tail.x, hand[0].tail.z))[0] == "Human"


def test_a_mesh_that_a_rig_deforms_is_the_rig_however_far_its_bones(factory_scene: None) -> None:
    two()
    skin = block("Skin", (-1.0, 0.0, 2.4))
    place = at(-1.0, 2.4)
    assert look(place)[1].startswith("Skin has no armature")
    skin.modifiers.new("Rig", "ARMATURE").object = bpy.data.objects["Right"]
    assert look(place) == ("Right", "")


def test_a_prop_on_a_bone_is_the_rig(factory_scene: None) -> None:
    two()
    sword, hilt = block("Sword", (0.0, 0.0, 2.6), 0.1), block("Hilt", (0.0, 0.0, 0.0), 0.05)
    hilt.parent = bpy.data.objects["Left"]
    sword.parent = hilt
    bpy.context.view_layer.update()
    assert look(at(-1.0, 2.6)) == ("Left", "")


def test_what_stands_in_front_without_a_rig_lets_bones_through(factory_scene: None) -> None:
    """Bones are drawn over a wall where they are set in front; a wall that hides all of a rig is still named."""
    two()
    block("Wall", (1.0, -2.0, 1.0), 0.9)
    assert look(at(1.0, 1.3))[0] == "Right"
    assert look(at(1.6, 0.4)) == ("", "Wall has no armature: drop the motion on a rig")


def test_of_rigs_behind_each_other_the_nearer_one(factory_scene: None) -> None:
    for name, y in (("Near", -1.0), ("Far", 1.0)):
        parts.human(name).location.y = y
    assert look(at(0.0, 1.3))[0] == "Near"
    bpy.data.objects["Near"].location.y = 3.0
    assert look(at(0.0, 1.3))[0] == "Far"


def test_hidden_rigs_are_not_there(factory_scene: None) -> None:
    two()
    bpy.data.objects["Left"].hide_set(True)
    assert look(at(-1.0, 1.3))[0] == ""
    bpy.data.objects["Right"].hide_viewport = True
    assert look(at(1.0, 1.3)) == ("", "There is no rig in this view: add or append a character first")


def test_what_is_behind_the_eye_is_not_under_the_pointer(factory_scene: None) -> None:
    parts.human().location = (0.0, -20.0, 0.0)
    # Seen backwards its head would be at the mirrored point.
    for height in np.linspace(0.0, 2.0, 41):
        assert look(at(0.0, float(height)), front(perspective=True))[0] == ""


def test_distances_to_segments() -> None:
    starts, ends = np.array([[0.0, 0.0], [5.0, 5.0]]), np.array([[10.0, 0.0], [5.0, 5.0]])
    np.testing.assert_allclose(picking.to_segments(np.array([5.0, 3.0]), starts, ends), [3.0, 2.0])
    np.testing.assert_allclose(picking.to_segments(np.array([13.0, 4.0]), starts, ends)[0], 5.0)
