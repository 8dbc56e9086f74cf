# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching the pictures of a real library from the real search process. Textures need a window."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import parts
import pytest

textures, places = parts.ours("blender.textures"), parts.ours("blender.places")
png = parts.ours("motion.png")


@pytest.fixture
def empty() -> Iterator[None]:
    textures.forget()
    yield
    textures.forget()


def settle() -> None:
    end = time.monotonic() + 60.0
    while textures.fetch():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_pictures_of_a_library_arrive(factory_scene: None, empty: None, tmp_path: Path) -> None:
    for name, kind in (("first", "waves"), ("second", "walks")):
        parts.write_bvh(tmp_path / "motions" / f"{name}.bvh", kind)
    assert bpy.ops.tmr.add_library(directory=str(tmp_path / "motions")) == {"FINISHED"}
    library = str(places.library_for(tmp_path / "motions"))
    try:
        bpy.ops.tmr.search(query="a person waves", library=library)
        keys = [(hit.library, hit.entry) for hit in bpy.context.window_manager.tmr.hits]
        assert len(keys) == 2
        for key in keys:
            textures.want(key)
            textures.want(key)
        assert len(textures._wanted) == 2
        settle()
        first, second = (textures.held(key) for key in keys)
        assert first.shape == second.shape
        assert first.shape[0] == first.shape[1] >= 64
        assert np.ptp(first) > 100
        assert (first != second).any()
        textures.want(keys[0])
        assert not textures._wanted
    finally:
        bpy.ops.tmr.remove_library(directory=str(tmp_path / "motions"))


def test_a_take_that_gets_the_number_of_another_has_its_own_picture(factory_scene: None, empty: None, tmp_path: Path) -> None:
    folder = tmp_path / "motions"
    library = str(places.library_for(folder))

    def shown() -> tuple[tuple[str, int], np.ndarray]:
        bpy.ops.tmr.search(query="a person waves", library=library)
        hit = bpy.context.window_manager.tmr.hits[0]
        textures.want((hit.library, hit.entry))
        settle()
        return (hit.library, hit.entry), textures.held((hit.library, hit.entry))

    parts.write_bvh(folder / "one.bvh", "waves")
    bpy.ops.tmr.add_library(directory=str(folder))
    try:
        key, waving = shown()
        assert shown()[1] is waving
        parts.write_bvh(folder / "one.bvh", "walks")
        bpy.ops.tmr.refresh_library(directory=str(folder))
        again, walking = shown()
        assert again == key and (walking != waving).any()
    finally:
        bpy.ops.tmr.remove_library(directory=str(folder))


def test_a_library_that_is_gone_has_no_pictures_and_is_not_asked_again(empty: None, tmp_path: Path) -> None:
    key = (str(tmp_path / "nowhere"), 3)
    textures.want(key)
    settle()
    assert textures.held(key) is None
    textures.want(key)
    assert not textures._wanted


def test_only_so_many_are_kept(empty: None) -> None:
    image = base64.b64encode(png.encode(np.zeros((4, 4, 3), np.uint8))).decode("ascii")
    keys = [("somewhere", number) for number in range(textures.KEPT + 5)]
    textures._keep(keys, [image] * len(keys))
    assert [number for number, key in enumerate(keys) if textures.held(key) is None] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("text", ["", base64.b64encode(b"\x89PNG\r\n\x1a\n broken").decode("ascii")])
def test_what_is_no_picture_is_left_blank(empty: None, text: str) -> None:
    textures._keep([("somewhere", 1)], [text])
    assert textures.held(("somewhere", 1)) is None


def test_linear_values_are_those_of_the_standard() -> None:
    # Middle grey of sRGB, 188 of 255, is half the light; black and white stay.
    np.testing.assert_allclose(textures.linear(np.array([0.0, 188 / 255, 1.0])), [0.0, 0.5, 1.0], atol=0.003)
