# SPDX-License-Identifier: GPL-3.0-or-later
"""The way over the ground: its heading, its calm, and that what receives it changes nothing of the motion."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bodies
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmr_blender.errors import SkeletonProblem
from tmr_blender.motion import edits, humanoid, quaternion, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.humanoid import BodyMap
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget import channels, contacts, keying, reduce, roles, root, solver
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.rig import BoneKeys, Keys, Placed, Rig
from tmr_blender.retarget.target import Motion, target

FPS = 30.0
UP, SIDE, AHEAD = np.array([0.0, 1, 0]), np.array([1.0, 0, 0]), np.array([0.0, 0, 1])
X, Y, Z = SIDE, UP, AHEAD


def about(axis: Array, degrees: Array | np.ndarray) -> Array:
    return quaternion.from_axis_angle(np.broadcast_to(axis, (len(degrees), 3)), np.radians(degrees))


def seen(*turns: Array) -> Array:
    """The heading, in degrees, of a body that stands facing +Z and is turned by these, the last one first."""
    whole = turns[0]
    for turn in turns[1:]:
        whole = quaternion.multiply(whole, turn)
    across, trunk = (quaternion.rotate(whole, np.broadcast_to(v, (len(whole), 3))) for v in (SIDE, UP))
    return np.degrees(root.heading(across, trunk))


TIME = np.linspace(0.0, 1.0, 120)


def test_turns_of_someone_upright_are_counted() -> None:
    wanted = 1300 * TIME + 20 * np.sin(30 * TIME)
    leaning = about(Z, 25 * np.sin(9 * TIME))
    assert np.abs(seen(about(Y, wanted)) - wanted).max() < 1e-9
    assert np.abs(seen(about(Y, wanted), leaning) - wanted).max() < 1e-9


@pytest.mark.parametrize("axis", [X, Z], ids=["somersault", "cartwheel"])
@pytest.mark.parametrize("way", [0.0, 130.0])
def test_turning_over_in_one_plane_is_no_turn(axis: Array, way: float) -> None:
    assert np.abs(seen(about(Y, np.full(120, way)), about(axis, 720 * TIME)) - way).max() < 1e-6


def test_bending_over_and_lying_is_no_turn() -> None:
    for degrees in (80, 170, -90):
        down = degrees * np.sin(np.pi * TIME)
        assert np.abs(seen(about(X, down))).max() < 1e-6


def test_rolling_on_the_floor_is_no_turn_but_getting_up_the_other_way_is() -> None:
    """Supine, rolled over to prone, then up: who got up from the belly faces where the head lay."""
    down = -90 * np.clip(TIME * 4, 0, 1)
    over = 180 * np.clip(TIME * 4 - 1, 0, 1)
    rise = 90 * np.clip(TIME * 4 - 3, 0, 1)
    lying = quaternion.multiply(about(Z, over), about(X, down))
    found = seen(about(X, rise), lying)
    assert abs(found[0]) < 1e-9
    assert abs(abs(found[-1]) - 180) < 1e-6
    assert np.abs(np.diff(found)).max() < 6
    # Rolled on and on, and back on the back.
    found = seen(about(Z, 1080 * np.clip(TIME * 2 - 0.5, 0, 1)), about(X, np.full(120, -90.0)))
    assert np.abs(found).max() < 1e-6


def test_a_roll_of_the_body_in_any_direction_keeps_the_heading_smooth() -> None:
    random = np.random.default_rng(0)
    for _ in range(30):
        axis = random.normal(size=3)
        wild = about(axis / np.linalg.norm(axis), 400 * TIME)
        found = seen(about(Y, 90 * TIME), wild)
        # An upright line across says nothing; otherwise it turns as fast as the body at most, as seen from above.
        assert np.abs(np.diff(found)).max() < 25


def test_slow_is_kept_and_fast_is_not() -> None:
    time = np.arange(600) / FPS
    for hertz, share in ((root.CUT_OFF, np.sqrt(0.5)), (0.05, 0.99), (0.9, 0.12), (1.8, 0.001)):
        wave = np.sin(2 * np.pi * hertz * time)[:, None]
        middle = slice(150, 450)
        found = np.abs(root.smooth(wave, FPS)[middle]).max()
        assert found == pytest.approx(share, abs=0.02)


@settings(max_examples=40, deadline=None)
@given(frames=st.integers(1, 90), seed=st.integers(0, 99), fps=st.sampled_from([12.0, 24.0, 30.0, 60.0]))
def test_smoothing_keeps_ends_and_straight_ways(frames: int, seed: int, fps: float) -> None:
    values = np.cumsum(np.random.default_rng(seed).normal(size=(frames, 2)), axis=0)
    found = root.smooth(values, fps)
    assert np.abs(found[[0, -1]] - values[[0, -1]]).max() < 1e-9 * max(np.abs(values).max(), 1.0)
    line = np.linspace([0.0, 3], [5.0, -4], frames)
    assert np.abs(root.smooth(line, fps) - line).max() < 1e-9


def test_stopping_does_not_overshoot() -> None:
    walk = np.minimum(np.arange(200) / FPS, 3.0)[:, None]
    found = root.smooth(walk, FPS)
    assert found.max() <= 3.0 + 1e-9
    assert (np.diff(found[:, 0]) >= -1e-9).all()


# Rigs with a root bone.


def with_root(rig: Rig, mode: str = "QUATERNION", roll: float = 0.0, along: Array = Y, between: bool = False) -> Rig:
    """A rig on a bone on its floor (and on one more, "COG", between that and the hips)."""
    for name in ("root", "COG") if not between else ("COG", "root"):
        if name == "COG" and not between:
            continue
        rest = np.eye(4)
        rest[:3, :3] = bodies.bone_axes(along, roll)
        rest[:3, 3] = rig.rest[0, :3, 3] * (1.0 if name == "COG" else 0.01)
        above = np.where(rig.parents < 0, 0, rig.parents + 1)
        rig = replace(
            rig,
            names=(name, *rig.names),
            parents=np.concatenate([[-1], above]),
            carriers=np.concatenate([[-1], above]),
            rest=np.concatenate([rest[None], rig.rest]),
            lengths=np.concatenate([[0.3], rig.lengths]),
            modes=(mode, *rig.modes),
            connected=np.concatenate([[False], rig.connected]),
            local_location=np.concatenate([[True], rig.local_location]),
            rotation_locks=np.concatenate([np.zeros((1, 4), dtype=bool), rig.rotation_locks]),
            location_locks=np.concatenate([np.zeros((1, 3), dtype=bool), rig.location_locks]),
            displaced=np.concatenate([[False], rig.displaced]),
        )
    return rig


def basis(placed: Placed) -> Array:
    out = np.eye(4)
    turn = quaternion.multiply(placed.before, channels.to_quaternions(placed.rotation[None], placed.mode)[0])
    out[:3, :3] = quaternion.to_matrix(turn) * placed.scale
    out[:3, 3] = placed.location
    return out


def world(rig: Rig, keys: Keys) -> Array:
    """(frames, bones, 4, 4) of the bones in the parent of the object, with what is posed and not keyed."""
    still = {name: BoneKeys(p.mode, p.rotation[None], p.location[None]) for name, p in rig.posed.items()}
    posed = bodies.pose(rig, replace(keys, bones={**still, **keys.bones}))
    where = np.tile(basis(rig.object), (keys.frames, 1, 1))
    if keys.object is not None:
        assert keys.object.rotation is not None
        assert keys.object.location is not None
        turn = quaternion.multiply(rig.object.before, channels.to_quaternions(keys.object.rotation, keys.object.mode))
        where[:, :3, :3] = quaternion.to_matrix(turn) * rig.object.scale
        where[:, :3, 3] = keys.object.location
    return where[:, None] @ posed


def put(rig: Rig, clip: Clip, body_map: BodyMap | None = None, **chosen: object) -> Keys:
    by_name = BodyMap({name: i for i, name in enumerate(clip.skeleton.names)}, 1.0, "")
    return solver.retarget(clip, body_map or by_name, rig, mapped(rig), Options(fps=FPS, **chosen))  # pyright: ignore


def mapped(rig: Rig) -> roles.RigMap:
    return replace(roles.map_rig(rig), root="root")


def turning(frames: int = 100, turns: float = 2.5) -> Clip:
    """Random moves of a body that walks on while it turns round."""
    clip = bodies.clip(frames, wild=0.3)
    angle = 2 * np.pi * turns * np.arange(frames) / frames
    spin = quaternion.from_axis_angle(np.broadcast_to(UP, (frames, 3)), angle)
    rotations, translations = clip.rotations.copy(), clip.translations.copy()
    rotations[:, 0] = quaternion.multiply(spin, rotations[:, 0])
    return replace(clip, rotations=rotations, translations=translations)


STANDINGS: dict[str, Callable[[Rig], Rig]] = {
    "at rest": lambda rig: rig,
    "root posed": lambda rig: replace(
        rig, posed={"root": Placed(rig.modes[0], location=np.array([2.0, 0.1, -1]), rotation=pose(rig.modes[0]))}
    ),
    "object turned": lambda rig: replace(
        rig, object=Placed("XYZ", np.array([0.1, 0.2, 20.0]), np.array([1.0, 2, 3]), scale=np.array([2.0, 2, 2]))
    ),
    "object mirrored": lambda rig: replace(rig, object=Placed(scale=np.array([-1.0, 1, 1]))),
    "object with deltas": lambda rig: replace(
        rig, object=Placed("ZYX", np.array([0.4, 0, 1.0]), before=about(Z, np.array([40.0]))[0], scale=np.array([1.0, 1, 3]))
    ),
}


def pose(mode: str) -> Array:
    return channels.from_quaternions(about(X, np.array([50.0])), mode)[0]


@pytest.mark.parametrize("kind", ["bone", "object"])
@pytest.mark.parametrize("standing", STANDINGS)
@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "YXZ", "AXIS_ANGLE"])
def test_the_body_moves_the_same_and_begins_where_it_stands(kind: str, standing: str, mode: str) -> None:
    rig = STANDINGS[standing](with_root(bodies.rig(bodies.UNREAL, 45.0, rolls=3), mode, roll=0.4))
    object_world = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]) @ basis(rig.object)
    rig = replace(rig, world=object_world)
    clip = turning()
    plain, keys = put(rig, clip), put(rig, clip, root=kind)
    own = [i for i, name in enumerate(rig.names) if name != "root"]
    assert np.abs(world(rig, plain)[:, own, :3, 3] - world(rig, keys)[:, own, :3, 3]).max() < 1e-9
    moving, now = (
        (keys.bones["root"], rig.posed.get("root", Placed(mode, pose(mode) * 0)))
        if kind == "bone"
        else (keys.object, rig.object)
    )
    assert moving is not None
    assert moving.rotation is not None
    assert moving.location is not None
    first = basis(replace(now, rotation=moving.rotation[0], location=moving.location[0]))
    still = np.eye(4) if kind == "bone" and "root" not in rig.posed else basis(now)
    assert np.abs(first - still).max() < 1e-9
    steps = quaternion.multiply(
        quaternion.inverse(channels.to_quaternions(moving.rotation[:-1], moving.mode)),
        channels.to_quaternions(moving.rotation[1:], moving.mode),
    )
    assert np.degrees(np.linalg.norm(quaternion.to_rotation_vector(steps), axis=-1)).sum() > 2.3 * 360
    # No numbers leap, whatever the mode: the axis of an angle may not flip, nor Euler angles by full turns.
    assert np.abs(np.diff(moving.rotation, axis=0)).max() < 1.0


def test_a_posed_bone_between_root_and_hips_stays_posed() -> None:
    rig = with_root(bodies.rig(bodies.UNREAL, 45.0), between=True)
    posed = {
        "COG": Placed(location=np.array([0.2, 0.5, 0.1]), rotation=about(X, np.array([30.0]))[0]),
        "root": Placed(location=np.array([1.0, 0, 0])),
    }
    rig = replace(rig, posed=posed, displaced=np.array([name in posed for name in rig.names]))
    clip = turning()
    plain, keys = put(rig, clip), put(rig, clip, root="bone")
    assert "COG" not in plain.bones
    assert "COG" not in keys.bones
    own = [i for i, name in enumerate(rig.names) if name not in posed]
    assert np.abs(world(rig, plain)[:, own, :3, 3] - world(rig, keys)[:, own, :3, 3]).max() < 1e-9


def test_euler_roots_turn_on_and_on() -> None:
    """Bones along the floor and bones that stand up, whose middle angle would come to its pole."""
    for along in (Y, Z):
        for mode in ("XYZ", "YXZ", "ZXY", "XZY"):
            rig = with_root(bodies.rig(bodies.UNREAL), mode, along=along)
            rows = put(rig, turning(150, 4.0), root="bone").bones["root"].rotation
            assert rows is not None
            assert np.abs(np.diff(rows, axis=0)).max() < 0.5
            assert np.ptp(rows, axis=0).max() > 3.8 * 2 * np.pi


def test_locked_channels_are_left_and_made_up_for() -> None:
    rig = with_root(bodies.rig(bodies.UNREAL), "XYZ")
    clip = turning()
    plain = world(rig, put(rig, clip))
    turns, places = rig.rotation_locks.copy(), rig.location_locks.copy()
    turns[0, 1:], places[0, 0] = True, True
    rig = replace(rig, rotation_locks=turns, location_locks=places)
    keys = put(rig, clip, root="bone")
    found = keys.bones["root"]
    assert found.rotation is not None
    assert found.location is not None
    assert np.abs(found.rotation).max() < 1e-12
    assert np.abs(found.location[:, 0]).max() < 1e-12
    assert np.abs(found.location[:, 1:]).max() > 0.1
    assert np.abs(world(rig, keys)[:, 1:, :3, 3] - plain[:, 1:, :3, 3]).max() < 1e-9


def test_a_lock_that_a_pose_turns_into_the_way_is_refused() -> None:
    rig = with_root(bodies.rig(bodies.UNREAL), "XYZ")
    places = rig.location_locks.copy()
    places[0, 0] = True
    posed = {"root": Placed("XYZ", np.array([0.0, 0, np.pi / 2]), location_locks=places[0])}
    with pytest.raises(SkeletonProblem, match="locked channels"):
        put(replace(rig, location_locks=places, posed=posed), turning(), root="bone")


def test_without_a_root_bone_one_is_told_what_to_choose() -> None:
    rig = bodies.rig(bodies.MIXAMO)
    clip = bodies.clip()
    by_name = BodyMap({name: i for i, name in enumerate(clip.skeleton.names)}, 1.0, "")
    for name in ("", bodies.MIXAMO["pelvis"]):
        where = replace(roles.map_rig(rig), root=name)
        with pytest.raises(SkeletonProblem, match="no root bone"):
            solver.retarget(clip, by_name, rig, where, Options(fps=FPS, root="bone"))
        # In place nothing is needed of it.
        solver.retarget(clip, by_name, rig, where, Options(fps=FPS, root="bone", travel=False))


@pytest.mark.parametrize("kind", ["bone", "object"])
def test_in_place_only_the_hips_have_keys(kind: str) -> None:
    rig = with_root(bodies.rig(bodies.UNREAL))
    keys = put(rig, turning(), root=kind, travel=False)
    assert keys.object is None
    assert "root" not in keys.bones


@pytest.mark.parametrize("heading", ["rig", "take"])
@pytest.mark.parametrize("place", ["rig", "take"])
def test_the_way_begins_at_the_rig_or_where_the_file_says(heading: str, place: str) -> None:
    rig = bodies.rig(bodies.UNREAL)
    clip = edits.moved(turning(), about(Y, np.array([70.0]))[0], np.array([3.0, 0, 1]))
    motion = put_motion(rig, clip, heading=heading, place=place)
    assert motion.way is not None
    assert (abs(motion.way.heading[0]) < 1e-9) == (heading == "rig")
    home = target(rig, mapped_plain(rig)).stance.hips * [1, 0, 1]
    assert (np.linalg.norm(motion.way.places[0] - home) < 1e-9) == (place == "rig")
    # Once the way has come to the body it is below it, whichever way that began.
    away = np.linalg.norm((motion.hips - motion.way.places)[60:] * [1, 0, 1], axis=-1)
    assert away.max() < 0.1


def mapped_plain(rig: Rig) -> roles.RigMap:
    return roles.map_rig(rig)


def put_motion(rig: Rig, clip: Clip, **chosen: object) -> Motion:
    by_name = BodyMap({name: i for i, name in enumerate(clip.skeleton.names)}, 1.0, "")
    options = Options(fps=FPS, root="object", **chosen)  # pyright: ignore
    return solver.solve(clip, by_name, target(rig, roles.map_rig(rig)), options)


def test_a_motion_that_begins_elsewhere_is_caught_up_with() -> None:
    """As after a pose that was taken over: the root starts where the rig stands and is below the body a second later."""
    rig = with_root(bodies.rig(bodies.UNREAL))
    goal = target(rig, mapped(rig))
    motion = put_motion(rig, bodies.clip(120, wild=0.2))
    turn = about(Y, np.array([100.0]))[0]
    own = goal.turn_to_armature(turn)
    turns = {role: quaternion.multiply(own, q) for role, q in motion.turns.items()}
    away = Motion(turns, quaternion.rotate(turn, motion.hips) + np.array([2.0, 0, 1]))
    found = root.chosen(away, goal, Options(fps=FPS, root="bone"))
    assert found.way is not None
    assert np.abs(found.way.places[0] - goal.stance.hips * [1, 0, 1]).max() < 1e-9
    assert np.linalg.norm((found.hips - found.way.places)[35:] * [1, 0, 1], axis=-1).max() < 0.1
    assert np.abs(np.degrees(found.way.heading[35:]) - 100).max() < 20
    plain = keying.keys(rig, mapped(rig), goal, away)
    keys = keying.keys(rig, mapped(rig), goal, found)
    assert np.abs(world(rig, keys)[:, 1:, :3, 3] - world(rig, plain)[:, 1:, :3, 3]).max() < 1e-9


@pytest.mark.parametrize("kind", ["bone", "object"])
@pytest.mark.parametrize("take", ["cmu/07_01", "bandai/dataset-2_walk-turn-left_active_001", "cmu/02_03"])
def test_a_loop_goes_on_at_the_root_only(kind: str, take: str, shared: Path) -> None:
    rig = with_root(bodies.rig(bodies.UNREAL, 45.0))
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0].cut(0.05, 60.0)
    found = humanoid.recognise(clip)
    clip = edits.loop(clip, found, FPS).clip
    keys = put(rig, clip, found, root=kind, loop=True, feet=True)
    for name, bone in keys.bones.items():
        for rows in (bone.rotation, bone.location):
            if rows is not None and name != "root":
                assert np.abs(rows[-1] - rows[0]).max() < 1e-5
    placed = world(rig, keys)[:, 0] @ np.linalg.inv(rig.rest[0])
    # One round more, as the cycle goes on: no corner where it closes.
    step = placed[-1] @ np.linalg.inv(placed[0])
    twice = np.concatenate([placed, step @ placed[1:]])[:, :3, 3]
    bends = np.linalg.norm(np.diff(twice, 2, axis=0), axis=-1)
    assert bends[len(placed) - 2] < 2 * np.median(bends) + 1e-4


@pytest.mark.parametrize(
    "take", ["cmu/07_01", "cmu/16_22", "cmu/35_01", "bandai/dataset-1_walk_normal_001", "cmu/02_03", "cmu/08_07"]
)
def test_a_walk_leaves_the_root_calm(take: str, shared: Path) -> None:
    """Changes of speed and of heading within a step are the hips', not the root's."""
    rig = bodies.rig(bodies.UNREAL)
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0].cut(0.05, 60.0)
    goal = target(rig, roles.map_rig(rig))
    motion = solver.solve(clip, humanoid.recognise(clip), goal, Options(fps=FPS, root="object"))
    assert motion.way is not None
    floor = [1.0, 0.0, 1.0]
    hips, way = (np.diff(places * floor, 2, axis=0) * FPS**2 for places in (motion.hips, motion.way.places))
    # Root mean square of the acceleration.
    assert np.sqrt(np.mean(way**2)) < 0.12 * np.sqrt(np.mean(hips**2))
    assert np.degrees(np.ptp(np.diff(motion.way.heading))) * FPS < 30
    assert np.linalg.norm((motion.hips - motion.way.places) * floor, axis=-1).max() < 0.15


def test_planted_feet_stay_under_an_object_that_moves(shared: Path) -> None:
    rig = with_root(bodies.rig(bodies.UNREAL, 45.0, legs=0.8))
    clip = readers.read(shared / "mocap" / "cmu" / "07_01.bvh")[0].cut(0.05, 60.0)
    found = humanoid.recognise(clip)
    keys = put(rig, clip, found, root="object", feet=True)
    ball = world(rig, keys)[:, rig.index("ball_l"), :3, 3]
    stands = contacts.spans(np.linalg.norm(np.diff(ball, axis=0), axis=-1) * FPS < 0.05)
    assert sum(end - start for start, end in stands) > 0.3 * keys.frames


@pytest.mark.parametrize("kind", ["bone", "object"])
def test_fewer_keys_hold_their_error(kind: str) -> None:
    rig = with_root(bodies.rig(bodies.UNREAL, 45.0), "XYZ")
    rig = replace(rig, object=Placed("XYZ", np.array([0.0, 0, 1]), scale=np.array([0.5, 0.5, 0.5])))
    rig = replace(rig, world=rig.world @ basis(rig.object))
    keys = put(rig, turning(150, 1.0), root=kind)
    fewer = reduce.reduce(keys, rig, 1.0, 0.005)
    every = {name: reduce.dense(bone, keys.frames) for name, bone in fewer.bones.items()}
    whole = reduce.dense(fewer.object, keys.frames) if fewer.object is not None else None
    dense = replace(fewer, bones=every, object=whole)
    assert np.linalg.norm(world(rig, dense)[..., :3, 3] - world(rig, keys)[..., :3, 3], axis=-1).max() < 0.005
    moving = fewer.object if kind == "object" else fewer.bones["root"]
    assert moving is not None
    assert moving.frames is not None
    assert len(moving.frames) < 0.6 * keys.frames


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from(["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"]),
    before=st.lists(st.floats(-20, 20), min_size=3, max_size=3),
)
def test_the_nearest_numbers_are_those_that_are_there(mode: str, before: list[float]) -> None:
    now = np.array(before)
    q = channels.to_quaternions(now[None], mode)
    found = channels.near(channels.from_quaternions(q, mode), now, mode)
    middle = now[channels.AXES[mode[1]]]
    if abs(np.cos(middle)) > 1e-3:
        assert np.abs(found[0] - now).max() < 1e-6
    assert np.abs(np.abs(np.sum(channels.to_quaternions(found, mode) * q, axis=-1)) - 1).max() < 1e-9
