# SPDX-License-Identifier: GPL-3.0-or-later
"""What an armature does in Blender, frame by frame: evaluated, in the world."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .metrics import SIDES, Array, Recording, facing


def record(bpy: Any, armature: Any, bones: Mapping[str, str], frames: Sequence[int]) -> Recording:
    """The armature's bones (role -> bone) at scene frames; a body without toes gets the point where they would be."""
    scene = bpy.context.scene
    roles = tuple(bones)
    places, turns = np.empty((len(frames), len(roles), 3)), np.empty((len(frames), len(roles), 3, 3))
    for row, frame in enumerate(frames):
        scene.frame_set(frame)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        world = np.array(posed.matrix_world, np.float64)
        matrices = world @ np.array([posed.pose.bones[bones[role]].matrix for role in roles], np.float64)
        places[row], turns[row] = matrices[:, :3, 3], proper(matrices[:, :3, :3])
    world = np.array(armature.matrix_world, np.float64)
    rest = world @ np.array([armature.data.bones[bones[role]].matrix_local for role in roles], np.float64)
    fps = scene.render.fps / scene.render.fps_base
    made = Recording(fps, roles, places, turns, rest[:, :3, 3], proper(rest[:, :3, :3]))
    return with_toes(made)


def proper(matrices: Array) -> Array:
    """The rotations (..., 3, 3) nearest to matrices that may scale, shear and mirror."""
    u, _, v = np.linalg.svd(matrices)
    u[..., :, 2] *= np.sign(np.linalg.det(u @ v))[..., None]
    return np.asarray(u @ v, np.float64)


def with_toes(recording: Recording) -> Recording:
    """With the balls of the feet, where there are no bones that start there: ahead of the ankle, on the floor."""
    for side in SIDES:
        ankle = f"{side}_ankle"
        if recording.has(f"{side}_foot"):
            continue
        floor = min(float(recording.rest(f"{s}_ankle")[2]) for s in SIDES) - 0.08 * recording.leg
        at = recording.rest(ankle) + 0.15 * recording.leg * facing(recording)
        at[2] = floor + 0.02 * recording.leg
        number = recording.roles.index(ankle)
        own = recording.rest_turns[number].T @ (at - recording.rest(ankle))
        place = recording.at(ankle) + recording.turn(ankle) @ own
        recording = Recording(
            recording.fps,
            (*recording.roles, f"{side}_foot"),
            np.concatenate([recording.positions, place[:, None]], axis=1),
            np.concatenate([recording.turns, recording.turn(ankle)[:, None]], axis=1),
            np.concatenate([recording.rest_positions, at[None]]),
            np.concatenate([recording.rest_turns, recording.rest_turns[number][None]]),
        )
    return recording
