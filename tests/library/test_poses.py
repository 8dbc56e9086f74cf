# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses: how true they are to the positions they are made from, and that they are what is encoded."""

import numpy as np
import pytest

from tmr_blender.errors import TMRError
from tmr_blender.library import poses
from tmr_blender.library.store import Library
from tmr_blender.motion import features, humanoid, readers
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder


def walk(frames: int, fps: float) -> np.ndarray:
    """A body (frames, 22, 3) that strides along X, ten kilometres from the origin."""
    time = np.arange(frames) / fps
    body = np.cumsum(features.BONES[:, None] * features.REST, axis=0) * 0.3 + [0.0, 0.9, 0.0]
    out = np.repeat(body[None], frames, axis=0)
    out[:, :, 0] += 10_000.0 + 1.3 * time[:, None]
    out[:, 7, 2] += 0.3 * np.sin(5.0 * time)
    return out


def test_positions_come_back_within_a_millimetre() -> None:
    positions = walk(200, 20.0)
    packed = poses.pack(positions, 20.0)
    back = poses.unpack(packed)
    assert packed.dtype.itemsize == 138 and back.shape == (200, 22, 3)
    # Ten kilometres out, the root's float32 is the coarser of the two.
    assert np.abs(back - positions).max() < 1e-3
    relative = (back - back[:, :1]) - (positions - positions[:, :1])
    assert np.abs(relative).max() < 1e-3


def test_they_are_at_the_rate_of_the_features() -> None:
    assert len(poses.pack(walk(481, 120.0), 120.0)) == 81


def test_positions_of_no_body_are_refused() -> None:
    positions = walk(20, 20.0)
    positions[3, 4] = np.nan
    with pytest.raises(TMRError, match="finite"):
        poses.pack(positions, 20.0)


def test_the_vectors_of_a_library_are_those_of_its_poses(library: Library, encoders: tuple[MotionEncoder, TextEncoder]) -> None:
    for number, entry in enumerate(library.entries):
        if library.windows.whole[number] < 0:
            continue
        rows = poses.rows_of(library.bodies.of(number))
        stored = library.motion[library.windows.row[library.windows.whole[number]]]
        again = encoders[0].encode([rows])[0]
        assert float(stored @ again) > 1.0 - 1e-5
        clip = readers.read(entry.path)[0]
        direct = encoders[0].encode([features.extract(humanoid.body_positions(clip), clip.fps)])[0]
        assert float(stored @ direct) > 0.999


def test_every_entry_has_its_picture(library: Library) -> None:
    pictures = library.thumbnails(range(len(library.entries)))
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
