# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bone is what, by tables and by shape."""

from collections.abc import Mapping
from dataclasses import replace

import bodies
import numpy as np
import pytest

from tests.rigs import NOT_PEOPLE, RIGS, Sample, build
from tests.rigs.body import Shape
from tests.rigs.build import METRES, Y_UP_FBX
from tests.rigs.plain import as_rig
from tmr_blender.errors import SkeletonProblem
from tmr_blender.motion import body
from tmr_blender.retarget import rest, roles
from tmr_blender.retarget.conventions import TABLE, Convention
from tmr_blender.retarget.rig import Rig

SHOWN = {"left_elbow", "right_knee", "pelvis", "spine3", "neck1", "head", "left_foot"}


def expected(names: Mapping[str, str]) -> dict[str, str]:
    return {role: names[role.replace("neck1", "neck")] for role in SHOWN}


@pytest.mark.parametrize(("convention", "names"), [("Mixamo", bodies.MIXAMO), ("Unreal", bodies.UNREAL)])
def test_known_conventions(convention: str, names: Mapping[str, str]) -> None:
    found = roles.map_rig(bodies.rig(names, 40.0))
    assert (found.convention, found.score) == (convention, pytest.approx(1.0, abs=0.2))
    assert {role: found.bones[role] for role in SHOWN} == expected(names)
    assert found.travel == names["pelvis"]


@pytest.mark.parametrize("name", RIGS)
def test_samples_of_every_convention(name: str) -> None:
    sample = RIGS[name]
    found = roles.map_rig(as_rig(sample))
    assert found.convention == sample.convention
    assert found.bones == sample.expected
    assert (found.travel, found.root) == (sample.travel, sample.root)
    assert found.twists == sample.twists
    assert {role: (c.bone, c.pole) for role, c in found.controls.items()} == {
        role: (c.bone, c.pole) for role, c in sample.controls.items()
    }
    assert found.score == 1.0


def test_every_row_has_a_sample() -> None:
    """Rigify's two come from Blender itself: tests/blender/test_conventions.py."""
    assert {row.name for row in TABLE} - {"Rigify", "Rigify metarig"} == {sample.convention for sample in RIGS.values()}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_row_names_each_bone_once(row: Convention) -> None:
    sided = [name for table in (row.pairs, row.fingers) for listed in table.values() for name in _each(listed)]
    spelled = [name.replace("{s}", word).replace("{i}", word[:1]) for name in sided for word in row.sides]
    spelled += [name for listed in (row.pelvis, row.head, *row.spine, *row.neck) for name in listed.split("|")]
    # VRM 1 and VRM 0 give the thumb's bones names that overlap.
    doubles = {name for name in spelled if spelled.count(name) > 1}
    assert doubles <= {"LeftThumbProximal", "RightThumbProximal"}
    assert len({name.casefold() for name in spelled}) == len(set(spelled))


def _each(names: str | tuple[str, ...]) -> list[str]:
    return [name for listed in ((names,) if isinstance(names, str) else names) for name in listed.split("|")]


WORDS = (
    "amber",
    "birch",
    "cobalt",
    "dune",
    "ember",
    "fjord",
    "garnet",
    "heath",
    "ivory",
    "juniper",
    "krill",
    "lagoon",
    "mosaic",
)
COPIED = {"Auto-Rig Pro", *(name for name in RIGS if name.startswith("MMD"))}
"""Here bones that are posed and bones that follow them lie one upon the other: without names they are alike."""


def nameless(sample: Sample, seed: int, words: bool) -> tuple[Sample, dict[str, str]]:
    """The sample under names that say nothing, its bones in any order, and the way back to their names."""
    random = np.random.default_rng(seed)
    mixed = sample.reordered(random)
    new = [f"{random.choice(WORDS)}_{i}" if words else f"bone_{i:03d}" for i in range(len(mixed.bones))]
    names = {bone.name: name for bone, name in zip(mixed.bones, new, strict=True)}
    return mixed.renamed(names), {name: bone for bone, name in names.items()}


@pytest.mark.parametrize("words", [False, True], ids=["numbers", "words"])
@pytest.mark.parametrize("name", sorted(set(RIGS) - COPIED))
def test_samples_by_their_shape_alone(name: str, words: bool) -> None:
    sample, back = nameless(RIGS[name], seed=len(name), words=words)
    found = roles.map_rig(as_rig(sample))
    assert found.convention == "shape"
    # Of MakeHuman's five toes the table names the second, the shape the one in the middle. A hand of two fingers says too
    # little.
    told = {role for role in sample.expected if name != "MakeHuman default" or not role.endswith("_foot")}
    if name == "Auto-Rig Pro export":
        told -= set(body.FINGERS)
    assert {role: back[found.bones[role]] for role in told if role in found.bones} == {r: RIGS[name].expected[r] for r in told}
    assert set(found.bones) - told <= set(body.FINGERS) | {"left_foot", "right_foot"}
    assert found.root == sample.root
    assert found.score > 0.7


PLAIN = """
hips pelvis =pelvis
 waist waist =spine1
  chest chest =spine2
   neck neck =neck1
    head head =head >top
   clavicle.{s} collar =collar
    arm.{s} shoulder =shoulder
     arm_twist.{s} shoulder+.5 ~shoulder
     forearm.{s} elbow =elbow
      hand.{s} wrist =wrist >middle1
       sword.{s} middle1 -
        blade.{s} ^0.02,-1.1,0.1 -
 thigh.{s} hip =hip
  shin.{s} knee =knee
   foot.{s} ankle =ankle
    toe.{s} ball =foot >toe
 skirt.{s} 0.12,-0.08,0.95 -
  skirt_mid.{s} 0.16,-0.12,0.7 -
   skirt_end.{s} 0.18,-0.14,0.4 -
 tail 0,0.1,0.95 -
  tail_mid 0,0.35,0.8 -
   tail_end 0,0.6,0.7 -
ik_root floor -
 ik_foot.{s} ankle -
 ik_hand.{s} wrist -
 pole.{s} knee_pole -
"""
SHAPES = {
    "T": Shape(),
    "A": Shape(hang=45, bend=15),
    "arms down": Shape(hang=80),
    "arms ahead": Shape(ahead=80),
    "legs apart": Shape(apart=20, hang=30),
    "a child": Shape(size=0.6, legs=0.75, head=1.5),
    "a hero": Shape(size=1.3, broad=1.4, legs=1.1, arms=1.1, head=0.85),
    "a cartoon": Shape(size=0.7, legs=0.7, arms=0.8, head=1.8, hang=20),
}
LYING = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("world", [METRES, Y_UP_FBX, LYING], ids=["metres", "imported", "lying"])
@pytest.mark.parametrize("shape", SHAPES)
def test_any_rest_pose_by_its_shape_alone(shape: str, world: np.ndarray) -> None:
    """With a skirt, a tail, a sword in each hand, and controls for inverse kinematics that do not hang on the body."""
    made = build.sample("plain", "", PLAIN, SHAPES[shape], axes="x", world=world)
    if world is LYING:
        # The object lies on its back, where before only its own space was turned.
        made = replace(made, world=LYING @ LYING)
    sample, back = nameless(made, seed=5, words=True)
    found = roles.map_rig(as_rig(sample))
    assert {role: back[name] for role, name in found.bones.items() if role not in body.FINGERS} == made.expected


@pytest.mark.parametrize("name", sorted(COPIED))
def test_copied_limbs_by_their_shape_alone(name: str) -> None:
    """Whichever of the alike bones is taken, each joint of the limbs is in its place."""
    sample, _ = nameless(RIGS[name], seed=1, words=False)
    rig = as_rig(sample)
    found = roles.map_rig(rig)
    for role in (role for limb in rest.LIMBS for role in limb):
        here, there = (rig.rest[rig.index(names[role]), :3, 3] for names in (found.bones, sample.expected))
        np.testing.assert_allclose(here, there, atol=0.01)


@pytest.mark.parametrize("words", [False, True], ids=["names", "no names"])
@pytest.mark.parametrize("name", NOT_PEOPLE)
def test_what_is_no_person(name: str, words: bool) -> None:
    sample = nameless(NOT_PEOPLE[name], 0, True)[0] if words else NOT_PEOPLE[name]
    with pytest.raises(SkeletonProblem, match=f"“{name}”"):
        roles.map_rig(as_rig(sample))


@pytest.mark.parametrize(
    ("name", "gone", "lost"),
    [
        ("Mixamo", ("left_foot", "right_foot"), 2),
        ("UE4 mannequin", ("left_collar", "right_collar", "neck1"), 3),
        ("VRoid", ("head", "neck1", "left_foot"), 3),
        ("Mixamo", ("spine2", "left_thumb3"), 0),
    ],
)
def test_score_is_the_share_of_a_body(name: str, gone: tuple[str, ...], lost: int) -> None:
    """Fingers and the number of spine bones are no matter."""
    found = roles.map_rig(as_rig(RIGS[name].without(*gone)))
    assert found.convention == RIGS[name].convention
    assert found.score == pytest.approx(1.0 - lost / 20)
    assert set(gone) - {"spine2"} <= set(RIGS[name].expected) - set(found.bones)


@pytest.mark.parametrize("prefix", ["", "mixamorig1:", "Anna:rig:mixamorig:"])
def test_namespaces_and_case_do_not_matter(prefix: str) -> None:
    names = {role: prefix + name.split(":")[1].upper() for role, name in bodies.MIXAMO.items()}
    assert roles.map_rig(bodies.rig(names)).convention == "Mixamo"


def test_names_in_no_table() -> None:
    names = {role: f"Bip_{role.replace('left_', 'L_').replace('right_', 'R_')}_ctl" for role in bodies.MIXAMO}
    found = roles.map_rig(bodies.rig(names, 40.0))
    assert found.convention == "shape"
    assert {role: found.bones[role] for role in SHOWN} == expected(names)


def test_a_table_that_fits_by_names_only_is_no_fit() -> None:
    """Forearms hanging on nothing are not those of the convention."""
    rig = bodies.rig(bodies.UNREAL)
    parents = rig.parents.copy()
    for side in "lr":
        parents[rig.index(f"lowerarm_{side}")] = -1
    with pytest.raises(SkeletonProblem):
        roles.map_rig(replace(rig, parents=parents, carriers=parents))


def test_sides_named_as_the_viewer_sees_them() -> None:
    swapped = {role: bodies.UNREAL[mirror(role)] for role in bodies.UNREAL}
    found = roles.map_rig(bodies.rig(swapped))
    assert found.bones["left_elbow"] == "lowerarm_r"
    assert found.bones["right_ankle"] == "foot_l"


def mirror(role: str) -> str:
    return role.replace("left", "?").replace("right", "left").replace("?", "right")


def test_hips_held_by_their_parent_travel_by_it() -> None:
    rig = bodies.rig(bodies.UNREAL)
    count = rig.count
    rooted = replace(
        rig,
        names=("root", *rig.names),
        parents=np.concatenate([[-1], rig.parents + 1]),
        carriers=np.concatenate([[-1], rig.parents + 1]),
        rest=np.concatenate([np.eye(4)[None], rig.rest]),
        lengths=np.append(1.0, rig.lengths),
        modes=("QUATERNION", *rig.modes),
        connected=np.concatenate([[False, True], np.zeros(count - 1, dtype=bool)]),
        local_location=np.ones(count + 1, dtype=bool),
        rotation_locks=np.zeros((count + 1, 4), dtype=bool),
        location_locks=np.zeros((count + 1, 3), dtype=bool),
        displaced=np.zeros(count + 1, dtype=bool),
    )
    assert roles.map_rig(rooted).travel == "root"


def few(rig: Rig, count: int) -> Rig:
    """The first bones of a rig."""
    return replace(
        rig,
        names=rig.names[:count],
        parents=rig.parents[:count],
        carriers=rig.parents[:count],
        rest=rig.rest[:count],
        lengths=rig.lengths[:count],
        modes=rig.modes[:count],
    )


def test_no_bones() -> None:
    with pytest.raises(SkeletonProblem, match="no bones"):
        roles.map_rig(few(bodies.rig(bodies.UNREAL), 0))


def test_not_a_human() -> None:
    with pytest.raises(SkeletonProblem):
        roles.map_rig(few(bodies.rig(bodies.UNREAL), 6))
