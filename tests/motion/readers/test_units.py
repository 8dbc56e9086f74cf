# SPDX-License-Identifier: GPL-3.0-or-later
"""Metres and Y up for files that state neither."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.motion.figures import moving, skeleton
from tmr_blender.motion import humanoid, quaternion, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.readers import units
from tmr_blender.motion.writers import write_bvh

SIZES = {name: metres for name, metres, _, _ in units.UNITS}


@pytest.mark.parametrize("unit", ["metre", "centimetre", "millimetre", "inch", "CMU unit", "foot", "decimetre"])
@pytest.mark.parametrize("tall", [0.85, 1.0, 1.15])
def test_unit_is_found(unit: str, tall: float) -> None:
    clip = units.scaled(moving(skeleton()), tall)
    found = units.standing(units.scaled(clip, 1.0 / SIZES[unit]))
    np.testing.assert_allclose(found.globals()[1], clip.globals()[1], atol=1e-9)


def test_children_and_giants_are_metric() -> None:
    for tall in (0.6, 1.5):
        clip = units.scaled(moving(skeleton()), tall)
        found = units.standing(units.scaled(clip, 100.0))
        np.testing.assert_allclose(found.globals()[1], clip.globals()[1], atol=1e-9)


def test_no_unit_fits() -> None:
    found = units.standing(units.scaled(moving(skeleton()), 7000.0))
    positions = humanoid.body_positions(found)
    leg = np.linalg.norm(np.diff(positions[0, [1, 4, 7]], axis=0), axis=-1).sum()
    assert leg == pytest.approx(units.LEG, rel=1e-6)


def upended(clip: Clip) -> Clip:
    """The same motion with Z up, as a program with Z up would write it."""
    return units.turned(clip, np.array([0.0, 0.0, -1.0]))


def bent(clip: Clip) -> Clip:
    """The same motion on a skeleton whose rest pose has every offset along X, as some exporters write."""
    below = clip.skeleton.parents >= 0
    along = np.linalg.norm(clip.skeleton.offsets, axis=-1, keepdims=True) * np.eye(3)[0]
    return replace(clip, skeleton=replace(clip.skeleton, offsets=np.where(below[:, None], along, clip.skeleton.offsets)))


@pytest.mark.parametrize("rest", ["body", "no body"])
def test_z_up_is_turned(rest: str) -> None:
    clip = moving(skeleton(), amount=0.2)
    # Feet on the floor.
    clip.translations[:, 0, 1] += -clip.globals()[1][:, :, 1].min()
    if rest == "no body":
        clip = bent(clip)
    tipped = upended(clip)
    assert abs(tipped.globals()[1][0, 0, 2]) > 0.8
    np.testing.assert_allclose(units.standing(tipped).globals()[1], clip.globals()[1], atol=1e-9)


def test_rest_pose_along_another_axis_than_the_motion() -> None:
    """Offsets with Z up under a root that is turned to Y up: what is seen counts."""
    clip = moving(skeleton(), amount=0.2)
    tipped = units.turned(clip, np.array([0.0, 0.0, -1.0]))
    turn = tipped.skeleton.rest[0]
    offsets = quaternion.rotate(turn, clip.skeleton.offsets)
    rotations = quaternion.multiply(quaternion.multiply(turn, clip.rotations), quaternion.inverse(turn))
    rotations[:, 0] = quaternion.multiply(clip.rotations[:, 0], quaternion.inverse(turn))
    translations = quaternion.rotate(turn, clip.translations)
    translations[:, 0] = clip.translations[:, 0]
    other = replace(clip, skeleton=replace(clip.skeleton, offsets=offsets), rotations=rotations, translations=translations)
    np.testing.assert_allclose(other.globals()[1], clip.globals()[1], atol=1e-9)
    np.testing.assert_allclose(units.standing(other).globals()[1], clip.globals()[1], atol=1e-9)


@pytest.mark.parametrize("rest", ["body", "no body"])
def test_lying_stays_lying(rest: str) -> None:
    """Someone who lies along Z, anywhere but with the feet at the origin, is not stood up."""
    clip = moving(skeleton(), amount=0.05)
    rotations, translations = clip.rotations.copy(), clip.translations.copy()
    rotations[:, 0] = quaternion.from_axis_angle(np.array([1.0, 0.0, 0.0]), np.array(np.pi / 2))
    translations[:, 0] = (0.3, 0.15, 2.5)
    lying = replace(clip, rotations=rotations, translations=translations)
    if rest == "no body":
        lying = bent(lying)
    assert np.ptp(lying.globals()[1][0, :, 1]) < 0.5
    np.testing.assert_allclose(units.standing(lying).globals()[1], lying.globals()[1], atol=1e-12)


def test_in_a_file(tmp_path: Path) -> None:
    clip = moving(skeleton())
    write_bvh(upended(clip), tmp_path / "z.bvh")
    (back,) = readers.read(tmp_path / "z.bvh")
    np.testing.assert_allclose(back.globals()[1], clip.globals()[1], atol=1e-6)


def in_axes(clip: Clip, turn: np.ndarray) -> Clip:
    """The clip as a program has it whose axes are turned: offsets, rotations, and all."""
    back = quaternion.inverse(turn)
    rotations = quaternion.multiply(quaternion.multiply(turn, clip.rotations), back)
    skeleton = replace(clip.skeleton, offsets=quaternion.rotate(turn, clip.skeleton.offsets))
    return replace(clip, skeleton=skeleton, rotations=rotations, translations=quaternion.rotate(turn, clip.translations))


@pytest.mark.parametrize("up", ["y", "z", "x"])
@pytest.mark.parametrize("unit", ["metre", "centimetre", "inch", "foot"])
def test_real_takes(shared: Path, tmp_path: Path, unit: str, up: str) -> None:
    """A real take written in other units and with other axes up is read as it was.

    iClone's only with Y up: its rest pose is no body's and its hips start at the origin, so nothing tells it from someone
    who lies.
    """
    turn = quaternion.between(np.array([0.0, 1.0, 0.0]), np.eye(3)["xyz".index(up)])
    for name in ("cmu/16_22", "bandai/dataset-1_run_normal_001", *(["cmu_iclone/006_08"] if up == "y" else [])):
        (clip,) = readers.read(shared / "mocap" / f"{name}.bvh")
        # write_bvh makes centimetres of metres.
        other = in_axes(units.scaled(clip, 0.01 / SIZES[unit]), turn)
        write_bvh(other, tmp_path / "other.bvh")
        if up != "y":
            assert np.abs(units.scaled(other, 100.0 * SIZES[unit]).globals()[1] - clip.globals()[1]).max() > 0.5
        (back,) = readers.read(tmp_path / "other.bvh")
        np.testing.assert_allclose(back.globals()[1], clip.globals()[1], atol=1e-4, err_msg=name)


def test_real_legs(shared: Path) -> None:
    for folder, low, high in [("cmu", 0.75, 0.90), ("cmu_iclone", 0.95, 1.0), ("bandai", 0.79, 0.81)]:
        for path in sorted((shared / "mocap" / folder).glob("*.bvh"))[::7]:
            positions = humanoid.body_positions(readers.read(path)[0])
            leg = np.linalg.norm(np.diff(positions[:, [1, 4, 7]], axis=1), axis=-1).sum(axis=1)
            assert low < np.median(leg) < high, path.name
            assert np.median(positions[:, 15, 1] - positions[:, 7, 1]) > 0.8, path.name


@pytest.mark.parametrize("factor", [0.01, 0.1, 0.4, 1.0, 2.0, 3.0, 10.0, 100.0, 1000.0])
def test_a_stated_unit_that_cannot_be(factor: float) -> None:
    """Bodies from toddlers to giants stay as they are; what can't be a body's size becomes an adult's."""
    clip = moving(skeleton())
    found = units.plausible(units.scaled(clip, factor))
    expected = factor if 0.3 < factor < 4.0 else 1.0
    height = np.ptp(found.globals()[1][0, :, 1]) / np.ptp(clip.globals()[1][0, :, 1])
    assert height == pytest.approx(expected, rel=0.05)
