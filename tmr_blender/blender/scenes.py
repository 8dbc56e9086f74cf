# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes: how fast one plays, and one for a moment that a rig has for itself."""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


def scene_fps(scene: bpy.types.Scene) -> float:
    """Frames a second of the scene, fractions such as 29.97 included."""
    return scene.render.fps / scene.render.fps_base


@contextmanager
def alone(rig: bpy.types.Object, rate: tuple[int, float]) -> Iterator[bpy.types.Scene]:
    """A scene that holds the rig alone, and through it what the rig depends on. It is gone afterwards.

    rate: `fps` and `fps_base` of its render settings. What is evaluated there leaves the frame and the pose shown as they are.
    """
    scene = bpy.data.scenes.new("Sampling")
    try:
        scene.render.fps, scene.render.fps_base = rate
        scene.collection.objects.link(rig)
        yield scene
    finally:
        bpy.data.scenes.remove(scene)
