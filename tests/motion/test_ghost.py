# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from test_picture import standing

from tmr_blender.motion import ghost
from tmr_blender.motion.body import INDEX, JOINTS, mirrored
from tmr_blender.motion.quaternion import Array

FPS = 20.0


def walk(heading: float = 0.0, frames: int = 41) -> Array:
    """A person who glides 2 m to where they face, which is turned by `heading` radians about Y from +Z, far from the origin."""
    turn = np.array([[np.cos(heading), 0, np.sin(heading)], [0, 1, 0], [-np.sin(heading), 0, np.cos(heading)]])
    way = np.linspace(0.0, 2.0, frames)[:, None] * (turn @ [0.0, 0.0, 1.0])
    return (standing(0.4) @ turn.T)[None] + way[:, None] + [5.0, 3.0, -7.0]


@pytest.mark.parametrize("heading", [0.0, 0.7, -2.0, 3.1])
def test_a_staged_motion_starts_over_the_origin_on_the_floor_and_ahead(heading: float) -> None:
    staged = ghost.staged(walk(heading), FPS).positions
    np.testing.assert_allclose(staged[0, 0, [0, 2]], 0.0, atol=1e-9)
    assert staged[..., 1].min() == pytest.approx(0.0)
    np.testing.assert_allclose(staged[-1, 0] - staged[0, 0], [0.0, 0.0, 2.0], atol=1e-9)
    assert staged[0, INDEX["left_wrist"], 0] > 0.2 > -0.2 > staged[0, INDEX["right_wrist"], 0]


def test_it_moves_evenly_between_frames_and_starts_again_after_a_pause() -> None:
    motion = ghost.staged(walk(), FPS)
    assert motion.duration == pytest.approx(2.0)
    np.testing.assert_allclose(motion.joints(1.025)[0], [0.0, motion.positions[0, 0, 1], 1.025], atol=1e-9)
    assert motion.phase(1.5) == pytest.approx(1.5)
    assert motion.phase(2.0 + ghost.PAUSE / 2) == pytest.approx(2.0)
    assert motion.phase(2.0 + ghost.PAUSE + 0.3) == pytest.approx(0.3)
    np.testing.assert_array_equal(motion.joints(99.0), motion.positions[-1])


def test_one_frame_is_a_still() -> None:
    motion = ghost.staged(walk()[:1], FPS)
    np.testing.assert_array_equal(motion.joints(motion.phase(12.3)), motion.positions[0])
    assert motion.path().shape == (1, 3)


def test_the_mesh_is_closed_faces_outwards_and_holds_the_joints() -> None:
    joints = standing(0.4)
    mesh = ghost.body(joints)
    corners = mesh.points[mesh.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((across * mesh.normals[mesh.faces].mean(axis=1)).sum(axis=1) > 0.0).all()
    edges = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0)
    for name in JOINTS:
        away = np.linalg.norm(mesh.points - joints[INDEX[name]], axis=1).min()
        assert away < 0.15, name


def test_a_mirrored_body_has_mirrored_points_and_sides() -> None:
    joints = standing(0.4)
    joints[INDEX["left_wrist"], 2] += 0.2
    swapped = joints[[INDEX[mirrored(name)] for name in JOINTS]] * [-1.0, 1.0, 1.0]
    one, other = ghost.body(joints), ghost.body(swapped)
    for side in (0, 1, -1):
        here, there = one.points[one.sides == side], other.points[other.sides == -side]
        np.testing.assert_allclose(here.mean(axis=0) * [-1.0, 1.0, 1.0], there.mean(axis=0), atol=0.02)


def test_the_outline_is_denser_and_darker_than_the_middle() -> None:
    mesh = ghost.body(standing())
    colours = ghost.shaded(mesh, np.array([0.0, 0.0, 1.0]))
    assert colours.shape == (len(mesh.points), 4) and colours.dtype == np.float32
    assert colours.min() >= 0.0 and colours.max() <= 1.0
    facing = np.abs(mesh.normals[:, 2])
    rim, middle = colours[facing < 0.2], colours[facing > 0.9]
    assert rim[:, 3].mean() > middle[:, 3].mean() + 0.2
    assert rim[:, :3].mean() < 0.7 * middle[:, :3].mean()


def test_the_path_leaves_out_where_it_stands_and_the_ribbon_has_its_width() -> None:
    positions = np.concatenate([walk()[:1].repeat(30, axis=0), walk()])
    path = ghost.staged(positions, FPS).path()
    assert (np.linalg.norm(np.diff(path, axis=0), axis=1) >= ghost.PATH_STEP).all()
    points, faces = ghost.ribbon(path)
    np.testing.assert_allclose(np.linalg.norm(points[::2] - points[1::2], axis=1), ghost.PATH_WIDTH)
    assert faces.max() == len(points) - 1 and len(faces) == 2 * (len(path) - 1)


def test_the_size_is_that_of_the_stretched_body() -> None:
    straight = walk()
    bent = straight.copy()
    bent[:10, 12:, 1] -= 0.3
    assert ghost.size_of(bent) == pytest.approx(ghost.size_of(straight))
    assert ghost.size_of(straight * 2.0) == pytest.approx(2.0 * ghost.size_of(straight))


def test_the_shadow_lies_on_the_floor_below_the_body() -> None:
    joints = standing() + np.array([1.0, 0.5, 2.0])
    points, faces = ghost.shadow(joints)
    assert not points[:, 1].any()
    np.testing.assert_allclose(points[0, [0, 2]], [1.0, 2.0], atol=0.1)
    assert faces.shape == (ghost.SHADOW_CORNERS, 3)
