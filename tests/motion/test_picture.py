# SPDX-License-Identifier: GPL-3.0-or-later
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from tmr_blender.motion import picture, png, render
from tmr_blender.motion.body import INDEX, JOINTS
from tmr_blender.motion.quaternion import Array
from tmr_blender.motion.render import Bones, Camera, Surface


def standing(arms: float = 0.0) -> Array:
    """A person (22, 3) of 1.7 m who faces +Z, the arms raised sideways by `arms` radians from hanging."""
    joints = np.zeros((len(JOINTS), 3))
    places = {"pelvis": (0, 0.95, 0), "spine1": (0, 1.05, 0), "spine2": (0, 1.15, 0), "spine3": (0, 1.25, 0)}
    places |= {"neck": (0, 1.45, 0), "head": (0, 1.55, 0)}
    for name, x in (("left", 1.0), ("right", -1.0)):
        places |= {f"{name}_hip": (0.1 * x, 0.9, 0), f"{name}_knee": (0.1 * x, 0.5, 0), f"{name}_ankle": (0.1 * x, 0.08, 0)}
        places |= {f"{name}_foot": (0.1 * x, 0.03, 0.12), f"{name}_collar": (0.08 * x, 1.4, 0)}
        out, down = np.sin(arms), -np.cos(arms)
        for reach, joint in ((0.0, "shoulder"), (0.28, "elbow"), (0.53, "wrist")):
            places[f"{name}_{joint}"] = ((0.18 + reach * out) * x, 1.4 + reach * down, 0)
    for name, place in places.items():
        joints[INDEX[name]] = place
    return joints


def decode(data: bytes) -> np.ndarray:
    """Read back what `png.encode` wrote: one IDAT chunk, filter 2."""
    assert data.startswith(png.SIGNATURE)
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    width, height, depth, colour = struct.unpack(">2I2B", chunks[b"IHDR"][:10])
    assert (depth, colour) == (8, 2)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert (rows[:, 0] == 2).all()
    return np.cumsum(rows[:, 1:].astype(np.uint64), axis=0).astype(np.uint8).reshape(height, width, 3)


def test_png_keeps_every_pixel() -> None:
    image = np.random.default_rng(1).integers(0, 256, (7, 11, 3)).astype(np.uint8)
    np.testing.assert_array_equal(decode(png.encode(image)), image)


def test_png_refuses_other_arrays() -> None:
    with pytest.raises(ValueError, match="uint8"):
        png.encode(np.zeros((4, 4, 3)))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="uint8"):
        png.encode(np.zeros((4, 4, 4), np.uint8))


def camera(size: int = 100, scale: float = 100.0) -> Camera:
    """Looks along -Z at the origin, level with it."""
    return Camera(np.eye(3), scale, np.zeros(2), (size, size))


def painted(figure: render.Figure) -> render._Layers:
    layers = render._Layers.blank(camera())
    if isinstance(figure, Bones):
        render._paint_bones(layers, figure, camera())
    else:
        render._paint_points(layers, figure, camera())
    return layers


def test_a_bone_without_length_is_a_sphere() -> None:
    point = np.array([[0.1, -0.05, 0.3]])
    layers = painted(Bones(point, point, np.array([[0.2, 0.2]]), np.array([0])))
    x, y = np.meshgrid(layers.x - 0.1, layers.y + 0.05)
    inside = 0.04 - x * x - y * y
    covered = np.isfinite(layers.depth)
    np.testing.assert_array_equal(covered, inside > 0.0)
    np.testing.assert_allclose(layers.depth[covered], 0.3 + np.sqrt(inside[covered]))
    np.testing.assert_allclose(np.linalg.norm(layers.normal[covered], axis=-1), 1.0)


def test_a_slanted_tapering_bone_equals_the_union_of_its_spheres() -> None:
    head, tail, radii = np.array([-0.2, -0.1, 0.1]), np.array([0.25, 0.2, -0.2]), np.array([0.12, 0.05])
    layers = painted(Bones(head[None], tail[None], radii[None], np.array([1])))
    x, y = np.meshgrid(layers.x, layers.y)
    expected = np.full(x.shape, -np.inf)
    for s in np.linspace(0.0, 1.0, 4001):
        centre, radius = head + s * (tail - head), radii[0] + s * (radii[1] - radii[0])
        inside = radius**2 - (x - centre[0]) ** 2 - (y - centre[1]) ** 2
        expected = np.maximum(expected, np.where(inside > 0.0, centre[2] + np.sqrt(np.maximum(inside, 0.0)), -np.inf))
    both = np.isfinite(expected) & np.isfinite(layers.depth)
    # The sampled union misses a sliver at the outline; nothing else may differ.
    assert np.mean(np.isfinite(expected) != np.isfinite(layers.depth)) < 0.001
    np.testing.assert_allclose(layers.depth[both], expected[both], atol=2e-4)


def test_the_nearer_bone_hides_the_farther_one() -> None:
    heads = np.array([[0.0, -0.2, 0.3], [-0.2, 0.0, -0.3]])
    tails = np.array([[0.0, 0.2, 0.3], [0.2, 0.0, -0.3]])
    for order in ([0, 1], [1, 0]):
        layers = painted(Bones(heads[order], tails[order], np.full((2, 2), 0.05), np.array([1, -1])[order]))
        middle = len(layers.x) // 2
        assert layers.side[middle, middle] == 1
        assert layers.side[middle, int(middle * 1.3)] == -1


def test_points_cover_a_surface_without_holes() -> None:
    random = np.random.default_rng(0)
    normals = random.normal(size=(60_000, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    layers = painted(Surface(0.3 * normals, normals, np.zeros(len(normals), np.int64)))
    x, y = np.meshgrid(layers.x, layers.y)
    inside = np.hypot(x, y) < 0.29
    assert np.isfinite(layers.depth)[inside].all()
    seen = layers.depth[inside]
    # The visible half faces the viewer: points of the far half never show through.
    np.testing.assert_allclose(seen, np.sqrt(0.09 - np.hypot(x, y)[inside] ** 2), atol=0.06)


def test_left_is_orange_and_right_is_blue_from_every_side() -> None:
    """The viewer stands on the right, so a body facing the picture's right shows its blue side, whatever its heading."""
    for heading in np.linspace(0.0, 2.0 * np.pi, 5):
        turn = np.array([[np.cos(heading), 0, np.sin(heading)], [0, 1, 0], [-np.sin(heading), 0, np.cos(heading)]])
        image = picture.strip([picture.body(standing(1.2) @ turn.T)], [0.0]).astype(np.int64)
        orange = image[..., 0] - image[..., 2] > 60
        blue = image[..., 2] - image[..., 0] > 60
        columns = np.arange(image.shape[1])
        assert orange.sum() > 300
        assert blue.sum() > 300
        assert (orange.sum(axis=0) @ columns) / orange.sum() > (blue.sum(axis=0) @ columns) / blue.sum()


def test_every_figure_lies_whole_within_its_panel() -> None:
    tall, lying = standing(3.0), standing(1.5)[:, [1, 0, 2]] + [3.0, 0.2, 0.0]
    width, height = picture.PANEL
    image = picture.strip([picture.body(tall), picture.body(lying)], [0.0, 1.0]).astype(np.int64)
    assert image.shape == (height, 2 * width + 2, 3)
    coloured = np.abs(image[..., 0] - image[..., 2]) > 60
    for panel in (coloured[:, :width], coloured[:, width + 2 :]):
        assert panel.sum() > 500
        assert not panel[:2].any()
        assert not panel[-18:].any()
        assert not panel[:, :2].any()
        assert not panel[:, -2:].any()


def test_a_jump_shows_as_height() -> None:
    image = picture.strip([picture.body(standing()), picture.body(standing() + np.array([0.0, 0.5, 0.0]))], [0.0, 0.5]).astype(
        np.int64
    )
    coloured = np.abs(image[..., 0] - image[..., 2]) > 60
    width = picture.PANEL[0]
    lowest = [np.flatnonzero(panel.any(axis=1)).max() for panel in (coloured[:, :width], coloured[:, width + 2 :])]
    assert lowest[0] - lowest[1] > 40


def test_thumbnail_is_quick() -> None:
    positions = standing()[None]
    assert picture.thumbnail(positions, 0).shape == (128, 128, 3)
    start = time.process_time()
    for _ in range(5):
        picture.thumbnail(positions, 0)
    assert (time.process_time() - start) / 5 < 0.1


def test_a_strip_is_readable_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "strip.png"
    image = picture.strip([picture.body(standing())], [12.3])
    png.write(path, image)
    np.testing.assert_array_equal(decode(path.read_bytes()), image)
