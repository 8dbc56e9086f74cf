# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of motions built here, whose answers are known, and of a few real takes."""

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tmr_blender.errors import TMRError
from tmr_blender.motion import beats, body, facts, features, humanoid, phrases, quaternion, wording

FPS = 30.0
X, Y = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
J = body.INDEX
LEGS = {
    "left": ("left_hip", ["left_knee", "left_ankle", "left_foot"]),
    "right": ("right_hip", ["right_knee", "right_ankle", "right_foot"]),
}


def standing() -> np.ndarray:
    """(22, 3): a body on the floor that faces +Z, its arms hanging."""
    direction = features.REST.copy()
    direction[[1, 2], 1] = -0.3
    direction[[16, 17]] = features.REST[[13, 14]]
    direction[1:] /= np.linalg.norm(direction[1:], axis=-1, keepdims=True)
    joints = np.zeros((22, 3))
    for joint in range(1, 22):
        joints[joint] = joints[body.PARENTS[joint]] + features.BONES[joint] * direction[joint]
    joints[:, 1] -= joints[:, 1].min()
    return joints


def about(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return quaternion.from_axis_angle(axis, np.asarray(angle, dtype=np.float64))


class Puppet:
    """A standing body whose parts are turned over time; angles and distances are (frames,)."""

    def __init__(self, seconds: float) -> None:
        self.time = np.arange(round(seconds * FPS)) / FPS
        self.joints: quaternion.Array = np.repeat(standing()[None], len(self.time), axis=0)

    def bend(self, root: str, below: list[str], axis: np.ndarray, angle: np.ndarray) -> "Puppet":
        """Turns the joints `below` about the joint `root`."""
        pivot = self.joints[:, [J[root]]]
        moved = [J[name] for name in below]
        self.joints[:, moved] = pivot + quaternion.rotate(about(axis, angle)[:, None], self.joints[:, moved] - pivot)
        return self

    def arm(self, side: str, axis: np.ndarray, angle: np.ndarray) -> "Puppet":
        return self.bend(f"{side}_shoulder", [f"{side}_elbow", f"{side}_wrist"], axis, angle)

    def forearm(self, side: str, axis: np.ndarray, angle: np.ndarray) -> "Puppet":
        return self.bend(f"{side}_elbow", [f"{side}_wrist"], axis, angle)

    def gait(self, rate: float, swing: float) -> "Puppet":
        """Legs swinging against each other with bent knees, `rate` strides a second; the lower foot stays on the floor."""
        phase = 2 * np.pi * rate * self.time
        for side, sign in (("left", 1.0), ("right", -1.0)):
            hip, below = LEGS[side]
            self.bend(hip, below, X, -sign * swing * np.sin(phase))
            # The knee bends while the foot comes forward.
            self.bend(f"{side}_knee", below[1:], X, 1.2 * swing * np.clip(sign * np.cos(phase), 0.0, None))
        self.joints[..., 1] -= self.joints[..., 1].min(axis=1, keepdims=True)
        return self

    def turned(self, angle: np.ndarray) -> "Puppet":
        """The whole body by a yaw (radians, to the left) about its pelvis's first place."""
        self.joints = quaternion.rotate(about(Y, angle)[:, None], self.joints)
        return self

    def moved(self, path: np.ndarray) -> "Puppet":
        """The whole body by (frames, 3)."""
        self.joints = self.joints + path[:, None]
        return self


def ramp(time: np.ndarray, start: float, end: float, height: float) -> np.ndarray:
    """0 before start, `height` after end, smooth between."""
    share = np.clip((time - start) / (end - start), 0.0, 1.0)
    return height * share * share * (3.0 - 2.0 * share)


def along(time: np.ndarray, speed: float, x: float = 0.0, z: float = 1.0) -> np.ndarray:
    return np.stack([x * speed * time, 0.0 * time, z * speed * time], axis=-1)


def walker(seconds: float, speed: float = 1.2, x: float = 0.0, z: float = 1.0) -> Puppet:
    puppet = Puppet(seconds).gait(0.9, 0.4)
    return puppet.moved(along(puppet.time, speed, x, z))


def labels(found: facts.Facts) -> list[str]:
    return [e.label for e in found.events]


def measured(puppet: Puppet) -> facts.Facts:
    return facts.measure(puppet.joints, FPS)


def test_standing_still() -> None:
    found = measured(Puppet(3.0))
    assert found.events == ()
    assert (found.gait, found.path, found.steps) == ("standing", "on the spot", 0)
    assert found.energy < facts.STILL_SPEED and found.still == ((0.0, pytest.approx(3.0, abs=0.1)),)
    assert facts.tags(found) == ["on the spot", "still"]


@pytest.mark.parametrize(("x", "z", "direction"), [(0, 1, "forward"), (0, -1, "backward"), (1, 0, "left"), (-1, 0, "right")])
def test_walks_in_four_directions(x: float, z: float, direction: str) -> None:
    found = measured(walker(5.0, x=x, z=z))
    (walk,) = found.of("walk")
    assert walk.direction == direction == found.direction
    assert walk.amount == pytest.approx(6.0, abs=0.5)
    assert found.displacement == pytest.approx(6.0, abs=0.3)
    assert found.path == "straight"
    # 0.9 strides a second for five seconds are nine steps; the puppet only swings its legs fore and aft.
    assert x != 0 or abs(found.steps - 9) <= 1
    assert not found.limp


def test_speed_names_the_walk_and_the_run() -> None:
    assert measured(walker(6.0, 0.5)).of("walk")[0].manner == "slow"
    assert measured(walker(6.0, 1.85)).of("walk")[0].manner == "fast"
    runner = Puppet(4.0).gait(1.4, 0.7)
    bounce = 0.05 * np.cos(2 * np.pi * 2.8 * runner.time)
    runner.moved(along(runner.time, 3.5) + np.stack([0 * bounce, bounce + 0.05, 0 * bounce], axis=-1))
    assert [e.label for e in measured(runner).of("walk", "run")] == ["run"]


@pytest.mark.parametrize("degrees", [90.0, -90.0, 180.0, -180.0, 360.0, -360.0])
def test_turns_on_the_spot(degrees: float) -> None:
    puppet = Puppet(5.0)
    found = measured(puppet.turned(ramp(puppet.time, 1.0, 1.0 + abs(degrees) / 90.0, np.radians(degrees))))
    (turn,) = found.of("turn")
    assert turn.side == ("left" if degrees > 0 else "right")
    assert turn.amount == pytest.approx(abs(degrees), abs=12.0)
    assert found.turned == pytest.approx(degrees, abs=3.0)
    assert "turn" in " ".join(phrases.sentences(found, random.Random(0), 20)) or abs(degrees) > 300


def test_a_twist_of_the_trunk_is_no_turn() -> None:
    puppet = Puppet(4.0)
    puppet.turned(np.radians(50.0) * np.exp(-(((puppet.time - 2.0) / 0.4) ** 2)))
    assert measured(puppet).of("turn", "curve") == []


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_circle_is_a_path_and_not_a_turn(side: str) -> None:
    seconds, sign = 9.0, 1.0 if side == "left" else -1.0
    puppet = Puppet(seconds).gait(0.9, 0.4)
    angle = sign * 2 * np.pi * puppet.time / seconds
    radius = 1.5
    path = radius * sign * np.stack([1.0 - np.cos(angle), 0.0 * angle, np.sin(angle)], axis=-1)
    found = measured(puppet.turned(angle).moved(path))
    assert found.path == f"circle {side}"
    assert found.of("turn") == []
    assert any("circle" in s for s in phrases.sentences(found, random.Random(1), 20))


def test_walk_turn_and_walk_back_come_in_order() -> None:
    first = walker(3.0).joints
    puppet = Puppet(2.0)
    turning = puppet.turned(ramp(puppet.time, 0.2, 1.8, np.pi)).joints + first[-1, 0] * [1, 0, 1]
    back = walker(3.0).joints
    back = quaternion.rotate(about(Y, np.full(len(back), np.pi))[:, None], back) + first[-1, 0] * [1, 0, 1]
    found = facts.measure(np.concatenate([first, turning, back]), FPS)
    assert [e.label for e in found.of("walk", "turn")] == ["walk", "turn", "walk"]
    assert found.path == "back and forth"
    told = phrases.sentences(found, random.Random(3), 60)
    assert any(
        s.index("walk") < s.index("turn") < s.rindex("back")
        for s in told
        if s.count("walk") > 1 and "turn" in s and "back" in s
    )


def test_jumps_are_counted_and_measured() -> None:
    puppet = Puppet(6.0)
    height = np.zeros(len(puppet.time))
    for start in (1.0, 2.5, 4.0):
        inside = np.clip(puppet.time - start, 0.0, 0.5)
        height += 9.81 / 2 * inside * (0.5 - inside)
    found = measured(puppet.moved(np.stack([0 * height, height, 0 * height], axis=-1)))
    jumps = found.of("jump")
    assert len(jumps) == 3
    assert all(j.direction == "up" and j.side == "both" for j in jumps)
    assert jumps[0].amount == pytest.approx(9.81 / 8 * 0.25, abs=0.08)
    assert any("three" in s for s in phrases.sentences(found, random.Random(0), 20))


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_raised_hand_and_a_wave(side: str) -> None:
    puppet = Puppet(4.0)
    up = ramp(puppet.time, 0.5, 1.0, np.radians(-170.0))
    found = measured(puppet.arm(side, X, up))
    (raised,) = found.of("raise")
    assert (raised.side, raised.manner) == (side, "head")
    assert found.of("wave") == []
    assert found.handed == side
    depth = np.array([0.0, 0.0, 1.0])
    puppet.forearm(side, depth, 0.6 * np.sin(2 * np.pi * 1.5 * puppet.time) * (puppet.time > 1.2))
    (wave,) = measured(puppet).of("wave")
    assert wave.side == side and 3 <= wave.amount <= 5


def test_a_walk_with_swinging_arms_raises_no_hand() -> None:
    puppet = walker(4.0)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        puppet.arm(side, X, sign * 0.4 * np.sin(2 * np.pi * 0.9 * puppet.time))
    found = measured(puppet)
    assert set(labels(found)) == {"walk"}
    assert min(found.arm_swing) > 0.5
    assert found.period == pytest.approx(1 / 0.9, abs=0.1) and found.repeats in (3, 4)


@pytest.mark.parametrize("side", ["left", "right"])
def test_kicks(side: str) -> None:
    puppet = Puppet(4.0)
    hip, below = LEGS[side]
    puppet.bend(hip, below, X, -1.4 * np.exp(-(((puppet.time - 2.0) / 0.15) ** 2)))
    found = measured(puppet)
    (kick,) = found.of("kick")
    assert (kick.side, kick.amount) == (side, 1.0)
    assert found.of("punch", "walk", "jump") == []


def test_punches() -> None:
    puppet = Puppet(5.0)
    for side, times in (("left", (1.5, 2.7)), ("right", (2.1, 3.3))):
        thrust = np.sum([np.exp(-(((puppet.time - t) / 0.09) ** 2)) for t in times], axis=0)
        # Guard: elbow bent, fist at the chin; thrust: the upper arm swings up while the elbow opens.
        puppet.arm(side, X, -0.3 - 1.25 * thrust)
        puppet.forearm(side, X, -2.2 * (1.0 - thrust))
    (bout,) = measured(puppet).of("punch")
    assert (bout.side, bout.amount) == ("both", 4.0)


def lowered(depth: float, lean: float, behind: float = 0.0) -> Puppet:
    """Stands, sinks by `depth` metres from 1.5 to 2.5 s with its feet in place, and stays; the trunk leans forward."""
    puppet = Puppet(5.0)
    drop = ramp(puppet.time, 1.5, 2.5, depth)
    upper = [n for n in body.JOINTS if not n.endswith(("knee", "ankle", "foot"))]
    puppet.joints[:, [J[n] for n in upper], 1] -= drop[:, None]
    puppet.joints[:, [J[n] for n in upper], 2] -= (drop / depth * behind)[:, None]
    for side in ("left", "right"):
        hip, ankle = puppet.joints[:, J[f"{side}_hip"]], puppet.joints[:, J[f"{side}_ankle"]]
        half = np.linalg.norm(hip - ankle, axis=-1) / 2
        out = np.sqrt(np.maximum(0.4078**2 - half**2, 0.0))
        # The knee lies in front of the middle, square to the line from hip to ankle.
        line = (ankle - hip) / (2 * half)[:, None]
        square = np.cross(line, X)
        puppet.joints[:, J[f"{side}_knee"]] = (hip + ankle) / 2 - out[:, None] * square * np.sign(square[:, 2:3]) * -1
    trunk = [n for n in upper if n not in ("pelvis", "left_hip", "right_hip")]
    return puppet.bend("pelvis", trunk, X, drop / depth * lean)


def test_sits_down_on_a_chair() -> None:
    found = measured(lowered(0.42, 0.05, behind=0.35))
    assert [name for name, _, _ in found.postures] == ["standing", "sitting"] or found.postures[-1][0] == "sitting"
    (sit,) = found.of("sitting")
    assert sit.direction == "down" and 1.4 < sit.start < 2.6
    assert any("sit" in s or "seat" in s for s in phrases.sentences(found, random.Random(0), 5))


def test_crouches_and_bends() -> None:
    assert measured(lowered(0.35, 0.4, behind=0.05)).of("crouching")
    puppet = Puppet(5.0)
    trunk = [n for n in body.JOINTS if J[n] > 2 and not n.endswith(("knee", "ankle", "foot"))]
    puppet.bend("pelvis", trunk, X, np.radians(80.0) * np.exp(-(((puppet.time - 2.5) / 0.6) ** 2)))
    found = measured(puppet)
    (bend,) = found.of("bending")
    assert bend.direction == "forward"
    assert labels(found) == ["bending"]


def test_lies_on_the_back_and_on_the_belly() -> None:
    for angle, manner in ((-90.0, "back"), (90.0, "belly")):
        puppet = Puppet(3.0)
        flat = quaternion.rotate(about(X, np.full(len(puppet.time), np.radians(angle)))[:, None], puppet.joints)
        found = facts.measure(flat, FPS)
        assert [(e.label, e.manner) for e in found.of("lying")] == [("lying", manner)]
        assert "walk" not in labels(found)


def test_upside_down_on_the_hands() -> None:
    puppet = Puppet(4.0)
    for side in ("left", "right"):
        puppet.arm(side, X, np.full(len(puppet.time), np.pi))
    found = facts.measure(puppet.joints * [1.0, -1.0, -1.0], FPS)
    assert labels(found)[0] == "handstand"


@pytest.mark.parametrize("fps", [6.0, 12.0, 120.0])
def test_rate_size_place_and_floor_do_not_matter(fps: float) -> None:
    joints = walker(5.0).joints
    resampled = features.resampled(joints, FPS, fps)
    there = quaternion.rotate(about(Y, np.full(len(resampled), 2.0))[:, None], resampled * 0.3) + np.array([5.0, -40.0, 2.0])
    one, other = facts.measure(joints, FPS), facts.measure(there, fps)
    assert [(e.label, e.direction, e.manner) for e in one.events] == [(e.label, e.direction, e.manner) for e in other.events]
    assert other.travel == pytest.approx(one.travel, rel=0.05)
    assert other.scale == pytest.approx(one.scale / 0.3, rel=1e-3)


def test_loops_are_recognised() -> None:
    strides = 3.0 / 0.9
    assert measured(walker(strides)).loopable
    assert not measured(walker(strides * 0.85)).loopable


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_tiny_clips(frames: int) -> None:
    found = facts.measure(walker(3.0).joints[:frames], FPS)
    assert phrases.sentences(found, random.Random(0), 3)
    json.dumps(dataclasses.asdict(found))


@pytest.mark.parametrize("bad", [np.zeros((0, 22, 3)), np.zeros((4, 22, 3)), np.full((4, 22, 3), np.nan), np.zeros((4, 5, 3))])
def test_useless_positions_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(TMRError):
        facts.measure(bad, FPS)


MAKERS: dict[str, Callable[[], Puppet]] = {
    "walk": lambda: walker(4.0),
    "stand": lambda: Puppet(2.0),
    "sit": lambda: lowered(0.42, 0.05, 0.35),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_sentences_are_seeded_varied_and_short(maker: str) -> None:
    found = measured(MAKERS[maker]())
    told = phrases.sentences(found, random.Random(7), 40)
    assert told == phrases.sentences(found, random.Random(7), 40)
    assert phrases.sentences(found, np.random.default_rng(7), 5) == phrases.sentences(found, np.random.default_rng(7), 5)
    assert len(set(told)) > 12
    for sentence in told:
        assert 3 <= len(sentence.split()) <= 30
        assert sentence == sentence.strip() and "  " not in sentence and "{" not in sentence


MANNERS = {
    "lying": ("back", "belly", "side"),
    "jump": ("", "turn left"),
    "stroke": ("head", "chest", "waist", "low"),
    "fiddle": ("head", "chest", "waist", "low"),
    "raise": ("head", "shoulder"),
}
SIDES = {"turn": ("left", "right"), "curve": ("left", "right"), "throw": ("left", "right"), "hands together": ("both",)}
WAYS = {"stroke": ("up", "side", "front", "circle"), "climb": ("up", "down"), "swing": ("left", "right")}


def test_every_label_has_words() -> None:
    assert set(wording.WORDS) == set(facts.LABELS)
    found = measured(Puppet(1.0))
    for label in facts.LABELS:
        for side in SIDES.get(label, ("left", "right", "both")):
            for manner in MANNERS.get(label, ("",)):
                for way in WAYS.get(label, ("", "forward", "backward", "left", "right", "forward left", "backward right")):
                    beat = beats.Beat(label, 0.0, 2.0, side, 200.0, way, manner, 2)
                    said = wording.phrases_of(beat, found)
                    assert said and all(verb and "both hand " not in rest for verb, rest in said), (label, side)


def take(shared: Path, name: str) -> facts.Facts:
    path = shared / "data/cmu/motions.npz"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    with np.load(path) as data:
        i = data["name"].tolist().index(name)
        rows = slice(int(data["start"][i]), int(data["start"][i] + data["length"][i]))
        return facts.measure(humanoid.from_cmu20(data["joints"][rows] * float(data["scale"])), float(data["fps"][i]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("49_06", "cartwheel"),
        ("02_03", "run"),
        ("07_01", "walk"),
        ("111_07", "lying"),
        ("114_06", "sitting"),
        ("01_01", "hop"),
        ("90_11", "handspring"),
        ("83_34", "climb"),
        ("13_01", "sitting"),
        ("141_14", "kick"),
    ],
)
def test_real_takes(shared: Path, name: str, expected: str) -> None:
    found = take(shared, name)
    assert expected in labels(found)
    json.dumps(dataclasses.asdict(found))


def test_real_turns(shared: Path) -> None:
    turns = [e for e in take(shared, "120_20").of("turn") if e.amount > 120.0]
    # The take's caption: "walks forwards, turns around and walks back again", multiple times.
    assert len(turns) == 6 and all(t.amount == pytest.approx(180.0, abs=15.0) for t in turns)
