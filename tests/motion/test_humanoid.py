# SPDX-License-Identifier: GPL-3.0-or-later
"""Recognising bodies by names and by shape alone, and the 22 joints against takes that come in two forms."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.motion.figures import PERSON, ROLES, moving, skeleton
from tmr_blender.errors import SkeletonProblem
from tmr_blender.motion import body, features, humanoid, quaternion, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.skeleton import Skeleton

MUST = [role for role in body.JOINTS if role not in ("spine1", "spine2", "spine3")]


def named(parts: Skeleton, found: humanoid.BodyMap) -> dict[str, str]:
    return {role: parts.names[joint] for role, joint in found.joints.items()}


def renamed(parts: Skeleton, names: dict[str, str]) -> Skeleton:
    return replace(parts, names=tuple(names.get(name, name) for name in parts.names))


def stripped(parts: Skeleton) -> Skeleton:
    return replace(parts, names=tuple(f"joint_{i}" for i in range(parts.count)))


def test_rest_pose_by_names() -> None:
    found = humanoid.recognise(skeleton())
    assert named(skeleton(), found) == ROLES
    assert found.score > 0.9


def test_rest_pose_by_shape() -> None:
    found = humanoid.recognise(stripped(skeleton()))
    assert found.joints == humanoid.recognise(skeleton()).joints
    assert found.convention == ""


@pytest.mark.parametrize("seed", range(8))
def test_poses_by_shape_of_bodies_of_all_proportions(seed: int) -> None:
    """Bones up to a quarter longer or shorter, the same on both sides, in units of any size."""
    random = np.random.default_rng(seed)
    middle = {name.replace("Left", "").replace("Right", ""): random.uniform(0.8, 1.25) for name, _, _ in PERSON}
    size = 10.0 ** random.uniform(-1.0, 3.0)
    parts = tuple(
        (n, p, tuple(size * v * middle[n.replace("Left", "").replace("Right", "")] for v in offset)) for n, p, offset in PERSON
    )
    clip = moving(stripped(skeleton(parts)), seed=seed)
    found = humanoid.recognise(clip)
    expected = humanoid.recognise(skeleton()).joints
    assert {role: found.joints.get(role) for role in MUST} == {role: expected[role] for role in MUST}


NAMES = {
    "prefix and namespace": {name: f"Rig:mixamorig:{name}" for name, _, _ in PERSON},
    "unreal": {
        **{"Hips": "pelvis", "Spine": "spine_01", "Spine1": "spine_02", "Spine2": "spine_03"},
        **{"Neck": "neck_01", "Head": "head"},
        **{f"{side}{old}": f"{new}_{letter}" for side, letter in (("Left", "l"), ("Right", "r")) for old, new in (
            ("UpLeg", "thigh"), ("Leg", "calf"), ("Foot", "foot"), ("ToeBase", "ball"), ("Shoulder", "clavicle"),
            ("Arm", "upperarm"), ("ForeArm", "lowerarm"), ("Hand", "hand"))},
    },
    "rigify": {
        **{"Hips": "DEF-spine", "Spine": "DEF-spine.001", "Spine1": "DEF-spine.002", "Spine2": "DEF-spine.003"},
        **{"Neck": "DEF-spine.004", "Head": "DEF-spine.006"},
        **{f"{side}{old}": f"DEF-{new}.{side[0]}" for side in ("Left", "Right") for old, new in (
            ("UpLeg", "thigh"), ("Leg", "shin"), ("Foot", "foot"), ("ToeBase", "toe"), ("Shoulder", "shoulder"),
            ("Arm", "upper_arm"), ("ForeArm", "forearm"), ("Hand", "hand"))},
    },
    "joints of anatomy": {
        f"{side}{old}": f"{side.lower()}_{new}" for side in ("Left", "Right") for old, new in (
            ("UpLeg", "hip"), ("Leg", "knee"), ("Foot", "ankle"), ("ToeBase", "foot"), ("Shoulder", "collar"),
            ("Arm", "shoulder"), ("ForeArm", "elbow"), ("Hand", "wrist"))
    },
    "japanese": {
        **{"Hips": "センター", "Spine": "上半身", "Spine1": "上半身2", "Spine2": "上半身3", "Neck": "首", "Head": "頭"},
        **{f"{side}{old}": letter + new for side, letter in (("Left", "左"), ("Right", "右")) for old, new in (
            ("UpLeg", "足"), ("Leg", "ひざ"), ("Foot", "足首"), ("ToeBase", "つま先"), ("Shoulder", "肩"),
            ("Arm", "腕"), ("ForeArm", "ひじ"), ("Hand", "手首"))},
    },
}  # fmt: skip


@pytest.mark.parametrize("convention", NAMES)
def test_conventions(convention: str) -> None:
    parts = renamed(skeleton(), NAMES[convention])
    assert len(set(parts.names)) == parts.count
    found = humanoid.recognise(parts)
    assert found.joints == humanoid.recognise(skeleton()).joints
    assert found.score > 0.9


def test_sides_are_those_of_the_names() -> None:
    """A file whose names are mirrored against its shape: the names count."""
    swap = {name: name.replace("Left", "*").replace("Right", "Left").replace("*", "Right") for name, _, _ in PERSON}
    parts = renamed(skeleton(), swap)
    assert named(parts, humanoid.recognise(parts)) == ROLES


@pytest.mark.parametrize("turn", [0.0, 1.0, 2.5, 4.0])
def test_sides_without_names_follow_toes_and_knees(turn: float) -> None:
    """Whichever way the body faces, and lying on its back."""
    for axis in np.eye(3):
        parts = stripped(skeleton())
        rest = parts.rest.copy()
        rest[0] = quaternion.from_axis_angle(axis, np.array(turn))
        found = humanoid.recognise(replace(parts, rest=rest))
        assert found.joints == humanoid.recognise(skeleton()).joints


def with_joints(*more: tuple[str, str, tuple[float, float, float]]) -> Skeleton:
    return skeleton((*PERSON, *more))


def chain(
    name: str, above: str, count: int, step: tuple[float, float, float]
) -> list[tuple[str, str, tuple[float, float, float]]]:
    """Joints one below the other: name0, name1 ..."""
    return [(f"{name}{i}", f"{name}{i - 1}" if i else above, step) for i in range(count)]


HELPERS = {
    "twist joints beside the limb": [
        ("LeftUpLegTwist", "LeftUpLeg", (0.0, -0.2, 0.0)),
        ("LeftArmTwist", "LeftArm", (0.14, 0.0, 0.0)),
    ],
    "share joints at the same place": [
        ("LeftKneeShare", "LeftLeg", (0.0, 0.0, 0.0)),
        ("RightElbowShare", "RightForeArm", (0.0, 0.0, 0.0)),
    ],
    "a skirt": chain("SkirtL", "Hips", 3, (0.08, -0.2, 0.1)) + chain("SkirtR", "Hips", 3, (-0.08, -0.2, 0.1)),
    "pigtails": chain("HairL", "Head", 5, (0.05, -0.1, -0.05)) + chain("HairR", "Head", 5, (-0.05, -0.1, -0.05)),
    "breasts and hair to the floor": chain("BreastL", "Spine2", 2, (0.06, 0.0, 0.1))
    + chain("BreastR", "Spine2", 2, (-0.06, 0.0, 0.1))
    + chain("Hair", "Head", 8, (0.0, -0.18, -0.02)),
    "controls far from what they hang on": [
        ("PoleL", "Hips", (0.1, -0.4, 2.5)),
        ("PoleR", "Hips", (-0.1, -0.4, 2.5)),
        ("GrabL", "Spine2", (1.5, -0.3, 0.5)),
        ("GrabR", "Spine2", (-1.5, -0.3, 0.5)),
    ],
    "a sword": [("Sword", "RightHand", (-0.1, 0.0, 0.0)), ("SwordTip", "Sword", (0.0, 0.0, 1.1))],
    "a tail": chain("Tail", "Hips", 6, (0.0, -0.05, -0.2)),
    "feet to pull at": [
        ("ik_root", "Hips", (0.0, -0.95, 0.0)),
        ("ik_foot_l", "ik_root", (0.1, 0.1, 0.0)),
        ("ik_foot_r", "ik_root", (-0.1, 0.1, 0.0)),
    ],
    "a face": [(f"Face{i}", "Head", (0.03 * np.cos(i), 0.08 + 0.03 * np.sin(i), 0.08)) for i in range(12)],
    "ends": [
        ("Head_end", "Head", (0.0, 0.2, 0.0)),
        ("LeftHand_end", "LeftHand", (0.18, 0.0, 0.0)),
        ("LeftToeBase_end", "LeftToeBase", (0.0, 0.0, 0.07)),
    ],
}


@pytest.mark.parametrize("names", ["named", "stripped"])
@pytest.mark.parametrize("helpers", HELPERS)
def test_helpers_are_no_limbs(helpers: str, names: str) -> None:
    parts = with_joints(*HELPERS[helpers])
    found = humanoid.recognise(moving(parts if names == "named" else stripped(parts)))
    assert {role: parts.names[joint] for role, joint in found.joints.items()} == ROLES


def test_halved_bones_are_skipped() -> None:
    """Rigify's deforming skeleton: every limb bone in two, one behind the other in line."""
    out: list[tuple[str, str, tuple[float, float, float]]] = []
    halved = {"LeftLeg", "LeftFoot", "RightLeg", "RightFoot", "LeftForeArm", "LeftHand", "RightForeArm", "RightHand"}
    for name, parent, offset in PERSON:
        if name in halved:
            half = (offset[0] / 2, offset[1] / 2, offset[2] / 2)
            out += [(f"{parent}.half", parent, half), (name, f"{parent}.half", half)]
        else:
            out.append((name, parent, offset))
    parts = skeleton(tuple(out))
    clip = moving(parts)
    clip.rotations[:, [i for i, name in enumerate(parts.names) if name.endswith(".half")]] = quaternion.IDENTITY
    assert named(parts, humanoid.recognise(clip)) == ROLES
    assert humanoid.recognise(replace(clip, skeleton=stripped(parts))).joints == humanoid.recognise(clip).joints


def test_fingers_by_names_and_by_shape() -> None:
    spread = {"Thumb": 0.03, "Index": 0.02, "Middle": 0.0, "Ring": -0.02, "Pinky": -0.04}
    more = []
    for side, d in (("Left", 1.0), ("Right", -1.0)):
        for finger, z in spread.items():
            base = 0.03 if finger == "Thumb" else 0.09
            for part in (1, 2, 3, 4):
                parent = f"{side}Hand" if part == 1 else f"{side}Hand{finger}{part - 1}"
                more.append(
                    (f"{side}Hand{finger}{part}", parent, (d * (base if part == 1 else 0.03), 0.0, z if part == 1 else 0.0))
                )
    parts = with_joints(*more)
    found = named(parts, humanoid.recognise(parts))
    assert {role: found[role] for role in body.FINGERS} == {
        f"{side.lower()}_{finger.lower()}{part}": f"{side}Hand{finger}{part}"
        for side in ("Left", "Right") for finger in spread for part in (1, 2, 3)
    }  # fmt: skip
    assert humanoid.recognise(stripped(parts)).joints == humanoid.recognise(parts).joints


def test_fingers_that_start_in_the_palm() -> None:
    """Bones of the palm are no phalanges, and the thumb may share one of them with the index finger."""
    spread = {"index": 0.03, "thumb": 0.05, "middle": 0.01, "ring": -0.01, "pinky": -0.03}
    more: list[tuple[str, str, tuple[float, float, float]]] = []
    for side, d in (("Left", 1.0), ("Right", -1.0)):
        for finger, z in spread.items():
            above = f"{side}palm_index" if finger == "thumb" else f"{side}palm_{finger}"
            if finger != "thumb":
                more.append((above, f"{side}Hand", (0.02 * d, 0.0, z)))
            base = (0.0, -0.01, 0.02) if finger == "thumb" else (0.07 * d, 0.0, 0.0)
            step = (0.02 * d, -0.005, 0.025) if finger == "thumb" else (0.03 * d, 0.0, 0.0)
            for part in (1, 2, 3):
                more.append((f"{side}{finger}{part}", above, base if part == 1 else step))
                above = f"{side}{finger}{part}"
            more.append((f"{side}{finger}tip", above, step))
    parts = with_joints(*more)
    blind = stripped(parts)
    found = {role: parts.names[joint] for role, joint in humanoid.recognise(blind).joints.items()}
    assert {role: found.get(role) for role in body.FINGERS} == {
        f"{side.lower()}_{finger}{part}": f"{side}{finger}{part}"
        for side in ("Left", "Right") for finger in spread for part in (1, 2, 3)
    }  # fmt: skip


@pytest.mark.parametrize("names", ["named", "stripped"])
def test_a_bone_in_the_middle_of_the_foot(names: str) -> None:
    """Daz's metatarsals lie between the ankle and the toes."""
    out: list[tuple[str, str, tuple[float, float, float]]] = []
    for name, parent, offset in PERSON:
        if name.endswith("ToeBase"):
            share = (0.35 * offset[0], 0.35 * offset[1], 0.35 * offset[2])
            middle = name.replace("ToeBase", "Metatarsals")
            rest = (offset[0] - share[0], offset[1] - share[1], offset[2] - share[2])
            out += [(middle, parent, share), (name, middle, rest)]
        else:
            out.append((name, parent, offset))
    parts = skeleton(tuple(out))
    found = humanoid.recognise(parts if names == "named" else stripped(parts))
    assert {role: parts.names[joint] for role, joint in found.joints.items()} == ROLES


def chair() -> Skeleton:
    legs = [(f"Leg{x}{z}", "Seat", (0.2 * x, -0.45, 0.2 * z)) for x in (-1, 1) for z in (-1, 1)]
    return skeleton((("Seat", "", (0.0, 0.45, 0.0)), *legs, ("Back", "Seat", (0.0, 0.5, -0.2))))


def dog() -> Skeleton:
    parts = [("Pelvis", "", (0.0, 0.6, -0.35)), ("Spine", "Pelvis", (0.0, 0.02, 0.35)), ("Chest", "Spine", (0.0, 0.0, 0.35))]
    for place, parent, z in (("Rear", "Pelvis", -0.05), ("Front", "Chest", 0.05)):
        for side, x in (("L", 0.1), ("R", -0.1)):
            chain = (
                ("Upper", (x, -0.05, z)),
                ("Lower", (0.0, -0.22, 0.04)),
                ("Paw", (0.0, -0.25, -0.05)),
                ("Toe", (0.0, -0.06, 0.06)),
            )
            above = parent
            for part, offset in chain:
                parts.append((f"{place}{part}{side}", above, offset))
                above = f"{place}{part}{side}"
    parts += [("Neck", "Chest", (0.0, 0.15, 0.2)), ("Skull", "Neck", (0.0, 0.15, 0.15))]
    parts += [(f"Tail{i}", f"Tail{i - 1}" if i else "Pelvis", (0.0, 0.0, -0.1)) for i in range(5)]
    return skeleton(tuple(parts))


def test_what_is_no_human() -> None:
    camera = skeleton((("Camera", "", (0.0, 1.0, 0.0)), ("Target", "Camera", (0.0, 0.0, 2.0))))
    point = skeleton((("Point", "", (0.0, 0.0, 0.0)),))
    half = skeleton(tuple(part for part in PERSON if "Arm" not in part[0] and "Hand" not in part[0]))
    nothing = replace(skeleton(), offsets=np.zeros((len(PERSON), 3)))
    for parts in (chair(), camera, point, half, stripped(dog()), nothing):
        with pytest.raises(SkeletonProblem, match="No human body"):
            humanoid.recognise(parts)


@pytest.mark.parametrize("folder", ["cmu", "cmu_iclone", "bandai"])
def test_real_files_map_the_same_without_names(shared: Path, folder: str) -> None:
    """All takes of three conventions; what only names can tell (single finger joints) is not compared."""
    paths = sorted((shared / "mocap" / folder).glob("*.bvh"))
    for path in paths:
        clip = readers.read(path)[0]
        found = humanoid.recognise(clip)
        blind = humanoid.recognise(replace(clip, skeleton=stripped(clip.skeleton)))
        assert {role: blind.joints.get(role) for role in body.JOINTS} == {
            role: found.joints.get(role) for role in body.JOINTS
        }, path.name
    assert len(paths) >= 10


def test_from_cmu20() -> None:
    joints = np.random.default_rng(0).normal(size=(5, 20, 3))
    out = humanoid.from_cmu20(joints)
    assert out.shape == (5, 22, 3)
    for role, at in humanoid.CMU20.items():
        np.testing.assert_array_equal(out[:, body.INDEX[role]], joints[:, at])
    with pytest.raises(ValueError, match="20, 3"):
        humanoid.from_cmu20(joints[:, :19])


def test_body_positions_are_joints_where_conventions_agree() -> None:
    clip = moving(skeleton())
    positions = humanoid.body_positions(clip)
    x = clip.globals()[1]
    for role in ("left_hip", "left_knee", "left_ankle", "left_foot", "right_shoulder", "right_elbow", "right_wrist", "head"):
        np.testing.assert_array_equal(positions[:, body.INDEX[role]], x[:, clip.skeleton.names.index(ROLES[role])])


def test_body_positions_move_with_the_body() -> None:
    clip = moving(skeleton())
    positions = humanoid.body_positions(clip)
    turn, step = quaternion.from_rotation_vector(np.array([0.3, 1.2, -0.4])), np.array([1.0, 2.0, 3.0])
    rotations, translations = clip.rotations.copy(), clip.translations.copy()
    rotations[:, 0] = quaternion.multiply(turn, rotations[:, 0])
    translations[:, 0] = quaternion.rotate(turn, translations[:, 0]) + step
    elsewhere = humanoid.body_positions(replace(clip, rotations=rotations, translations=translations))
    np.testing.assert_allclose(elsewhere, quaternion.rotate(turn, positions) + step, atol=1e-9)


def test_missing_joints_are_estimated() -> None:
    """No spines, neck, head, collars or toes: the estimates lie near the real joints of the full body."""
    gone = {"Spine1", "LeftToeBase", "RightToeBase", "LeftShoulder", "RightShoulder", "Head", "Neck"}
    offsets = {name: np.array(offset) for name, _, offset in PERSON}
    parent = {name: above for name, above, _ in PERSON}
    parts = []
    for name, above, offset in PERSON:
        if name in gone:
            continue
        total = np.array(offset)
        while above in gone:
            total, above = total + offsets[above], parent[above]
        parts.append((name, above, tuple(total)))
    full = humanoid.body_positions(as_clip(skeleton()))
    partial = humanoid.body_positions(as_clip(skeleton(tuple(parts))))
    apart = np.linalg.norm(full - partial, axis=-1)[0]
    assert apart.max() < 0.06, dict(zip(body.JOINTS, apart.round(3), strict=True))


def as_clip(parts: Skeleton) -> Clip:
    return Clip("still", parts, 30.0, parts.rest[None], parts.offsets[None])


@pytest.mark.parametrize(("folder", "most"), [("cmu", 1.5), ("cmu_iclone", 3.0)])
def test_same_performance_from_positions_and_from_files(shared: Path, folder: str, most: float) -> None:
    """Takes that are in motions.npz as well: mean distance of joints, in cm, on bones of one length and turned to one heading.

    cmu writes the same skeleton but for a lost bone of the spine, cmu_iclone another body on which the take was put.
    """
    data = np.load(shared / "data" / "cmu" / "motions.npz")
    names = list(data["name"])
    joints, scale = data["joints"], float(data["scale"])
    errors = []
    for path in sorted((shared / "mocap" / folder).glob("*.bvh"))[::2]:
        name = path.stem[1:] if folder == "cmu_iclone" else path.stem
        if name not in names:
            continue
        at = names.index(name)
        start, count, fps = int(data["start"][at]), int(data["length"][at]), float(data["fps"][at])
        expected = features.recover(features.extract(humanoid.from_cmu20(joints[start : start + count] * scale), fps))
        clip = readers.read(path)[0]
        # cmu's files begin with a T pose that the recording doesn't have.
        own = humanoid.body_positions(clip.cut(1.0 / clip.fps, clip.duration) if folder == "cmu" else clip)
        seen = features.recover(features.extract(own, clip.fps))
        frames = min(len(seen), len(expected))
        errors.append(100.0 * np.linalg.norm(aligned(seen[:frames], expected[:frames]), axis=-1).mean())
    assert len(errors) >= 5
    assert np.mean(errors) < most, np.round(errors, 2)


def aligned(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Difference of two motions about their pelves, a turned about Y to fit b best over the whole take."""
    a, b = a - a[:, :1], b - b[:, :1]
    angle = np.arctan2(
        (a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]).sum(), (a[..., 0] * b[..., 0] + a[..., 2] * b[..., 2]).sum()
    )
    return quaternion.rotate(quaternion.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.array(angle)), a) - b


def test_hips_that_travel_under_a_still_root() -> None:
    """A root on the floor that stays where it is while the hips walk eight metres away is no bone of eight metres."""
    parts = tuple((name, above or "Root", offset) for name, above, offset in PERSON)
    clip = moving(skeleton((("Root", "", (0.0, 0.0, 0.0)), *parts)))
    clip.translations[:, 1, 2] += np.linspace(0.0, 8.0, clip.frames)
    assert named(clip.skeleton, humanoid.recognise(clip)) == ROLES
