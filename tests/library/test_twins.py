# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes that show the same: what is one, what is none, and how a search folds them."""

from pathlib import Path

import numpy as np
import pytest

from tmr_blender.library.poses import POSE, pack
from tmr_blender.library.records import FileState, Take, Window
from tmr_blender.library.scores import Query
from tmr_blender.library.search import Hit, ranked
from tmr_blender.library.store import Library
from tmr_blender.library.twins import Stored, alike
from tmr_blender.library.writer import Writer
from tmr_blender.motion import body, humanoid, quaternion, readers, writers
from tmr_blender.tmr.encoders import unit

FPS = 20.0
_SWAP = np.array([body.INDEX[body.mirrored(name)] for name in body.JOINTS])
WIDTH = 16


def performance(seed: int, seconds: float = 4.0) -> np.ndarray:
    """(frames, 22, 3) of a body that moves every limb at random and smoothly while it walks about, metres."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * FPS)) / FPS
    rest = {"left_hip": (0.1, 0.9, 0), "left_knee": (0.1, 0.5, 0), "left_ankle": (0.1, 0.1, 0), "left_foot": (0.1, 0.0, 0.15)}
    rest |= {
        "left_collar": (0.07, 1.35, 0),
        "left_shoulder": (0.2, 1.4, 0),
        "left_elbow": (0.2, 1.1, 0),
        "left_wrist": (0.2, 0.85, 0),
    }
    rest |= {body.mirrored(name): (-x, y, z) for name, (x, y, z) in rest.items()}
    rest |= {"pelvis": (0, 0.95, 0), "spine1": (0, 1.05, 0), "spine2": (0, 1.15, 0), "spine3": (0, 1.25, 0)}
    rest |= {"neck": (0, 1.45, 0), "head": (0, 1.6, 0.03)}
    joints = np.repeat(np.array([rest[name] for name in body.JOINTS])[None], len(time), axis=0)

    def wave(size: float) -> np.ndarray:
        parts = [random.normal() * np.sin(2 * np.pi * (k * time / 4.0 + random.random())) for k in (1, 2, 3)]
        return size * np.sum(parts, axis=0)

    for name in ("knee", "ankle", "elbow", "wrist"):
        for side in ("left", "right"):
            chain = [body.INDEX[f"{side}_{name}"], *([body.INDEX[f"{side}_foot"]] if name == "ankle" else [])]
            joints[:, chain] += np.stack([wave(0.04), wave(0.03), wave(0.1)], axis=-1)[:, None]
    joints += np.stack([wave(0.3), 0 * time, 0.8 * time], axis=-1)[:, None]
    turn = quaternion.from_axis_angle(np.array([0.0, 1.0, 0.0]), wave(0.3))
    return quaternion.rotate(turn[:, None], joints)


def stored(joints: np.ndarray, fps: float = FPS) -> Stored:
    return Stored.of(pack(joints, fps))


def elsewhere(joints: np.ndarray) -> np.ndarray:
    """Of another size, facing elsewhere, at another place."""
    turn = quaternion.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.array(2.0))
    return 1.3 * quaternion.rotate(turn, joints) + [5.0, 0.0, -2.0]


def test_size_place_and_heading_do_not_count() -> None:
    for seed in range(20):
        joints = performance(seed)
        assert alike(stored(joints), stored(elsewhere(joints))) == "same"
        assert alike(stored(joints), stored(elsewhere(joints[:, _SWAP] * [-1.0, 1.0, 1.0]))) == "mirrored"
        assert alike(stored(joints), stored(joints[:-1])) == "same"  # exporters drop a frame


def test_another_performance_another_cut_and_another_path_are_no_twins() -> None:
    takes = [performance(seed) for seed in range(20)]
    for i, one in enumerate(takes):
        assert all(alike(stored(one), stored(other)) is None for other in takes[i + 1 :])
        assert alike(stored(one[:60]), stored(one[20:])) is None  # of one length, cut differently
        assert alike(stored(one), stored(one[:70])) is None
        spot = one - one[:, :1] * [1.0, 0.0, 1.0]
        assert alike(stored(one), stored(spot)) is None  # on the spot
    still = np.repeat(takes[0][:1], 80, axis=0)
    other = np.repeat(takes[1][:1], 80, axis=0)
    assert alike(stored(still), stored(still)) == "same"
    assert alike(stored(still), stored(other)) is None


def test_without_poses_nothing_is_a_twin() -> None:
    one, none = stored(performance(0)), Stored.of(np.zeros(0, POSE))
    assert alike(one, none) is None is alike(none, none)


def test_another_frame_rate_and_a_file_in_between(tmp_path: Path, shared: Path) -> None:
    """A real take, and itself mirrored, written, and read again."""
    path = shared / "mocap" / "cmu" / "49_08.bvh"
    clip = readers.read(path)[0]
    joints = humanoid.body_positions(clip)
    original = stored(joints, clip.fps)
    assert alike(original, stored(joints[::4], clip.fps / 4)) == "same"
    writers.write_bvh(clip, tmp_path / "copy.bvh")
    copy = readers.read(tmp_path / "copy.bvh")[0]
    assert alike(original, stored(humanoid.body_positions(copy), copy.fps)) == "same"
    assert alike(original, stored(joints[:, _SWAP] * [-1.0, 1.0, 1.0], clip.fps)) == "mirrored"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Twenty performances, each as it is, elsewhere, and mirrored; one more without poses, twice."""
    path = tmp_path / "library"
    Library.open(path, create=True)
    random = np.random.default_rng(5)
    with Writer(path, "test") as writer:
        source = writer.source(tmp_path)

        def put(name: str, vector: np.ndarray, poses: np.ndarray) -> None:
            windows = [Window(0.0, 4.0, unit(vector + 0.001 * random.normal(size=WIDTH)))]
            take = Take(0, name, FPS, 4.0, "plain", windows, [], {"speed": 1.0}, [], poses)
            writer.put(source, FileState(f"{name}.bvh", 1, 1, name, ""), [take])

        for seed in range(20):
            joints, vector = performance(seed), random.normal(size=WIDTH)
            put(f"{seed}a", vector, pack(joints, FPS))
            put(f"{seed}b", vector, pack(elsewhere(joints), FPS))
            put(f"{seed}m", vector, pack(joints[:, _SWAP] * [-1.0, 1.0, 1.0], FPS))
        for name in ("bare1", "bare2"):
            put(name, np.ones(WIDTH), np.zeros(0, POSE))
        writer.commit()
    return Library.open(path)


def test_a_search_folds_them_and_counts_what_appears(library: Library) -> None:
    query = Query(unit(np.arange(WIDTH, dtype=np.float32)))
    hits = ranked([library], query, "test", 7)
    assert len(hits) == 7
    for hit in hits:
        if hit.name.startswith("bare"):
            assert hit.twins == ()
            continue
        family = [hit.name, *(twin.name for twin in hit.twins)]
        assert sorted(family) == sorted(f"{hit.name[:-1]}{kind}" for kind in "abm")
        assert {twin.name[-1] for twin in hit.twins if twin.mirrored} == ({"a", "b"} if hit.name.endswith("m") else {"m"})
        assert all(Path(twin.path).stem == twin.name for twin in hit.twins)
    everything = ranked([library], query, "test", 100)
    assert len(everything) == 22
    assert [hit.name for hit in everything[:7]] == [hit.name for hit in hits]
    folded = next(hit for hit in hits if hit.twins)
    assert folded.as_json()["twins"][0].keys() == {"name", "path", "take", "entry", "library", "mirrored"}


def test_the_best_of_them_appears(library: Library) -> None:
    for number in range(0, 60, 7):
        entry = library.entries[number]
        hits: list[Hit] = ranked([library], Query(np.asarray(library.motion[number])), "test", 3)
        assert hits[0].name == entry.name
        assert len(hits[0].twins) == 2
