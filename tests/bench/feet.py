# SPDX-License-Identifier: GPL-3.0-or-later
"""Planted feet: `python build.py bench feet [--takes PATTERN] [--half even|odd|all] [--fresh COUNT] [--json FILE]`.

All takes of ../shared/mocap that are BVH (CMU in two conventions, Bandai Namco), at 30 frames a second, onto bodies of many
proportions (`tests.retarget.proportions`), with feet planted and without. What stands is told on the clip's own joints by
another rule than ours, that of HuMoR (Rempe et al. 2021): an ankle below 8 cm over where it is when it stands, or a ball of the
foot below 4 cm, that moves less than 5 mm a frame; of spans that last 0.2 s, without their first and last 0.07 s.
With --fresh: takes on which nothing was tuned instead, of performers that none of the BVH files is of: joint positions of
../shared/data/cmu, made into clips (`motion.rigid`), and the FBX takes. Lengths are those of a body of 1.8 m, the legs of which
(hip to ankle) are 0.87 m. The exit code is 1 where a bar is missed.
"""

import argparse
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from models.data import cmu
from tests.bench import figures
from tests.bench.figures import Figure
from tests.retarget import bodies, proportions
from tmr_blender.motion import features, humanoid, quaternion, readers, rigid
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget import contacts, feet, performance, rest, roles, solver
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.target import Target, target

SHARED = Path(__file__).resolve().parents[3] / "shared"
FPS, LEG = 30.0, 0.87
JOINTS = ("hip", "knee", "ankle", "foot")
# HuMoR's rule: metres over the level of standing, metres a second, seconds.
HEIGHTS, STILL, LASTS, TRIM = {"ankle": 0.08, "foot": 0.04}, 0.15, 0.2, 2
# A knee's plane that turns further than this (degrees) in two frames has flipped; bends below the second say nothing.
FLIP, BENT = 90.0, 8.0
# Bars: mm a second of contact, share of what it is without planting; and the seed by which fresh takes are drawn.
SLIDE, TENTH, SEED = 5.0, 0.1, 22

Places = Mapping[str, Array]
"""Role -> (frames, 3), in the space of a stance."""

Rows = list[dict[str, Any]]
"""Of a take on a body each, as `one` fills them."""


@dataclass(frozen=True)
class Motion:
    """Legs as they move. turns: role -> (frames, 4) of thighs, from the stance."""

    places: Places
    thighs: Mapping[str, Array]
    leg: float


def files(pattern: str, half: str) -> list[Path]:
    """Takes by the half they belong to: even and odd numbers of CMU's performers, and every second take of Bandai's."""
    found = []
    for folder in ("cmu", "cmu_iclone", "bandai"):
        for number, path in enumerate(sorted((SHARED / "mocap" / folder).glob("*.bvh"))):
            performer = number if folder == "bandai" else int(path.stem.split("_")[0])
            if half in ("all", ("even", "odd")[performer % 2]) and re.search(pattern, f"{folder}/{path.stem}"):
                found.append(path)
    return found


def read(path: Path) -> Clip:
    """A take without a bind pose in front."""
    clip = readers.read(path)[0]
    opening = replace(clip, rotations=clip.rotations[:12], translations=clip.translations[:12])
    if features.begins_with_bind_pose(humanoid.body_positions(opening, humanoid.recognise(clip))):
        clip = replace(clip, rotations=clip.rotations[1:], translations=clip.translations[1:])
    return clip


@cache
def goals() -> Mapping[str, Target]:
    """The bodies: made ones, and those of MPFB's tables where the shared folder has them."""
    rigs = {name: make() for name, make in proportions.RIGS.items()}
    for name in ("default", "cmu_mb", "game_engine", "rigify_metarig"):
        path = SHARED / "rigs" / f"mpfb_{name}.json"
        if path.is_file():
            rigs[f"MPFB {name}"] = bodies.from_table(path)
    return {name: target(rig, roles.map_rig(rig)) for name, rig in rigs.items()}


def of_clip(performed: performance.Performance) -> Motion:
    """The legs of the clip's body."""
    places = {role: performed.positions[role] for role in sides(JOINTS) if role in performed.positions}
    for side in contacts.SIDES:
        if f"{side}_foot" not in places:
            arm = np.broadcast_to(contacts.sole(performed.stance, side)["ball"], places[f"{side}_ankle"].shape)
            places[f"{side}_foot"] = places[f"{side}_ankle"] + quaternion.rotate(performed.deltas[f"{side}_ankle"], arm)
    return Motion(places, {s: performed.deltas[f"{s}_hip"] for s in contacts.SIDES}, solver_leg(places))


def solver_leg(places: Places) -> float:
    """Length of thigh and shin."""
    pairs = [(f"{s}_{a}", f"{s}_{b}") for s in contacts.SIDES for a, b in (("hip", "knee"), ("knee", "ankle"))]
    return float(sum(np.mean(np.linalg.norm(places[a] - places[b], axis=-1)) for a, b in pairs)) / 2


def of_rig(goal: Target, turns: Mapping[str, Array], hips: Array) -> Motion:
    """The legs of a rig."""
    at = goal.to_armature(hips)
    places: dict[str, Array] = {}

    def after(start: Array, role: str, offset: Array) -> Array:
        return start + quaternion.rotate(turns[role], np.broadcast_to(offset, start.shape))

    middle = (goal.heads["left_hip"] + goal.heads["right_hip"]) / 2
    for side in contacts.SIDES:
        hip, knee, ankle = (goal.heads[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle"))
        places[f"{side}_hip"] = after(at, "pelvis", hip - middle)
        places[f"{side}_knee"] = after(places[f"{side}_hip"], f"{side}_hip", knee - hip)
        places[f"{side}_ankle"] = after(places[f"{side}_knee"], f"{side}_knee", ankle - knee)
        for name, arm in contacts.sole(goal.stance, side).items():
            role = f"{side}_foot" if name == "ball" else f"{side}_heel"
            places[role] = after(places[f"{side}_ankle"], f"{side}_ankle", goal.to_armature(arm))
    there = {role: feet.to_stance(goal, place) for role, place in places.items()}
    back = goal.turn
    thighs = {}
    for side in contacts.SIDES:
        turn = turns[f"{side}_hip"]
        thighs[side] = quaternion.multiply(quaternion.multiply(back, turn), quaternion.inverse(back))
    return Motion(there, thighs, goal.stance.leg)


def sides(joints: tuple[str, ...]) -> list[str]:
    """Roles of both sides."""
    return [f"{side}_{joint}" for side in contacts.SIDES for joint in joints]


def standing(source: Motion) -> dict[str, np.ndarray]:
    """Role -> (frames,) whether an ankle or a ball stands, by HuMoR's rule."""
    scale = LEG / source.leg
    out = {}
    for joint, height in HEIGHTS.items():
        level = min(np.percentile(source.places[role][:, 1], 5) for role in sides((joint,)))
        for role in sides((joint,)):
            place = source.places[role]
            if len(place) < 3:
                out[role] = np.zeros(len(place), dtype=bool)
                continue
            speed = np.linalg.norm(np.gradient(place, axis=0), axis=-1) * FPS * scale
            still = ((place[:, 1] - level) * scale < height) & (speed < STILL)
            out[role] = np.zeros(len(place), dtype=bool)
            for start, end in contacts.spans(still):
                if end - start >= LASTS * FPS:
                    out[role][start + TRIM * (start > 0) : end - TRIM * (end < len(place))] = True
    return out


def slide(motion: Motion, stands: Mapping[str, np.ndarray]) -> tuple[float, float, float]:
    """Metres slid on the level, metres moved up and down, and seconds of contact, for a body of 1.8 m."""
    moved = lifted = seconds = 0.0
    for role, mask in stands.items():
        point = role.replace("ankle", "heel") if role.replace("ankle", "heel") in motion.places else role
        steps = np.diff(motion.places[point], axis=0) * LEG / motion.leg
        both = mask[1:] & mask[:-1]
        moved += float(np.linalg.norm(steps[both][:, [0, 2]], axis=-1).sum())
        lifted += float(np.abs(steps[both][:, 1]).sum())
        seconds += float(both.sum()) / FPS
    return moved, lifted, seconds


def change(motion: Motion, order: int, joints: tuple[str, ...] = JOINTS) -> Array:
    """Speeds (1), accelerations (2) or jerks (3) of joints, in legs."""
    rows = [np.linalg.norm(np.diff(motion.places[r], order, axis=0), axis=-1) * FPS**order for r in sides(joints)]
    return np.concatenate(rows) / motion.leg


def knees(motion: Motion) -> dict[str, tuple[Array, Array]]:
    """Side -> degrees the knee bends forward (negative: backward), and the plane's turn in two frames."""
    out = {}
    for side in contacts.SIDES:
        thigh = motion.places[f"{side}_knee"] - motion.places[f"{side}_hip"]
        shin = motion.places[f"{side}_ankle"] - motion.places[f"{side}_knee"]
        cross = np.cross(thigh, shin)
        sine = np.linalg.norm(cross, axis=-1)
        bend = np.degrees(np.arctan2(sine, np.sum(thigh * shin, axis=-1)))
        hinge = quaternion.rotate(motion.thighs[side], np.broadcast_to(rest.LEFT, thigh.shape))
        normal = cross / np.maximum(sine, 1e-12)[:, None]
        bend = bend * np.where(np.sum(normal * hinge, axis=-1) < -0.17, -1.0, 1.0)
        cosine = np.sum(normal[2:] * normal[:-2], axis=-1)
        sure = np.minimum(np.abs(bend[2:]), np.abs(bend[:-2])) > BENT
        out[side] = bend, np.where(sure, np.degrees(np.arccos(np.clip(cosine, -1, 1))), 0.0)
    return out


def flips(source: Motion, motion: Motion) -> tuple[int, float]:
    """Frames in which a knee's plane flips though the clip's doesn't, and by how much more a knee bends backward, degrees."""
    count, worst = 0, 0.0
    own = knees(source)
    for side, (bend, turned) in knees(motion).items():
        count += int(((turned > FLIP) & (own[side][1] < FLIP / 2)).sum())
        worst = max(worst, float((np.minimum(own[side][0], 0.0) - bend).max()))
    return count, worst


def over(source: Motion, motion: Motion, order: int, share: float) -> float:
    """The share-th percentile of a motion's speeds over that of the source's 99.9th."""
    if len(source.places["left_hip"]) <= order:
        return 1.0
    return float(np.percentile(change(motion, order), share) / max(np.percentile(change(source, order), 99.9), 1e-9))


def worst_kind(source: Motion, motion: Motion) -> float:
    """The fastest that hips, knees, ankles or balls are over the fastest of the same kind in the source."""
    return max(float(change(motion, 1, (j,)).max() / max(change(source, 1, (j,)).max(), 0.2)) for j in JOINTS)


def heights(goal: Target, motion: Motion, stands: Mapping[str, np.ndarray]) -> tuple[float, float, float]:
    """Metres: deepest below the floor; mean depth below in all frames; and mean distance from it of standing balls."""
    deepest, depth, apart = 0.0, [], []
    for side in contacts.SIDES:
        for name, joint in (("heel", "heel"), ("ball", "foot")):
            level = goal.stance.positions[f"{side}_ankle"][1] + contacts.sole(goal.stance, side)[name][1]
            high = (motion.places[f"{side}_{joint}"][:, 1] - level) * LEG / motion.leg
            deepest = max(deepest, float(-high.min()))
            depth.append(np.maximum(-high, 0.0))
            if joint == "foot":
                apart.append(np.abs(high)[stands[f"{side}_foot"]])
    return deepest, float(np.mean(depth)), float(np.concatenate(apart).mean()) if sum(map(len, apart)) else 0.0


def measure(source: Motion, goal: Target, motion: Motion, stands: Mapping[str, np.ndarray]) -> dict[str, float]:
    """All figures of one take on one body."""
    moved, lifted, seconds = slide(motion, stands)
    flipped, backward = flips(source, motion)
    deepest, depth, apart = heights(goal, motion, stands)
    return {
        "moved": moved, "lifted": lifted, "seconds": seconds,
        "speed": over(source, motion, 1, 100.0), "speed999": over(source, motion, 1, 99.9), "kind": worst_kind(source, motion),
        "acceleration": over(source, motion, 2, 99.9), "jerk": over(source, motion, 3, 99.9),
        "flips": flipped, "backward": backward, "deepest": deepest, "depth": depth, "apart": apart,
    }  # fmt: skip


def fresh(count: int) -> list[str]:
    """Takes drawn from ../shared/data/cmu, and all of ../shared/mocap/cmu_fbx, of performers that no BVH is of."""
    seen = {
        int(path.stem.split("_")[0]) for folder in ("cmu", "cmu_iclone") for path in (SHARED / "mocap" / folder).glob("*.bvh")
    }
    names = sorted(name for name in _places() if int(name.split("_")[0]) not in seen)
    drawn = np.random.default_rng(SEED).choice(names, min(count, len(names)), replace=False)
    return [*drawn.tolist(), *(str(path) for path in sorted((SHARED / "mocap" / "cmu_fbx").glob("*.fbx")))]


@cache
def _places() -> Mapping[str, tuple[Array, float]]:
    """Joint positions (frames, 22, 3) and frame rates of the data set's takes."""
    return cmu.positions(SHARED / "data" / "cmu" / "motions.npz")


def load(take: Path | str) -> tuple[Clip, str]:
    """A take, and what it is called."""
    if isinstance(take, str) and not take.endswith(".fbx"):
        places, fps = _places()[take]
        return rigid.clip(places, fps, take), f"data/{take}"
    path = Path(take)
    return read(path), f"{path.parent.name}/{path.stem}"


def one(take: Path | str) -> Rows:
    """All bodies for one take: a file, or one of the data set's by its name."""
    clip, name = load(take)
    body_map = humanoid.recognise(clip)
    options = Options(fps=FPS)
    performed = performance.perform(clip, body_map, options)
    source = of_clip(performed)
    stands = standing(source)
    start = time.process_time()
    held = contacts.detect(performed.stance, performed.deltas, performed.positions, FPS)
    detecting = time.process_time() - start
    own = slide(source, stands)
    ours = {f"{s}_foot": held[s]["ball"] for s in contacts.SIDES} | {
        f"{s}_ankle": held[s]["heel"] | held[s]["ball"] for s in contacts.SIDES
    }
    missed = sum(int((stands[r] & ~ours[r]).sum()) for r in stands) / FPS
    rows: Rows = []
    for body, goal in goals().items():
        turns = solver.goal_turns(performed, goal)
        hips = solver.hips_path(performed, goal.stance, options)
        free = measure(source, goal, of_rig(goal, turns, hips), stands)
        start = time.process_time()
        planted, path = feet.plant(held, goal, turns, hips, FPS)
        seconds = time.process_time() - start
        after = measure(source, goal, of_rig(goal, planted, path), stands)
        drop = np.linalg.norm(hips - path, axis=-1) * LEG / goal.stance.leg
        rows.append({
            "take": name, "body": body, "frames": len(hips), "own": own[0], "missed": missed,
            "planting": seconds, "detecting": detecting, "drop": float(drop.max()), "mean_drop": float(drop.mean()),
            **{f"free_{k}": v for k, v in free.items()}, **{f"held_{k}": v for k, v in after.items()},
        })  # fmt: skip
    return rows


def pops(row: dict) -> bool:
    """Whether planting makes a joint faster than 1.2 times the source's 99.9th percentile, where it wasn't before."""
    return row["held_speed"] > max(1.2, 1.05 * row["free_speed"])


COLUMNS: tuple[tuple[str, str, Callable[[Rows], float]], ...] = (
    ("takes", "5.0f", len),
    ("source", "6.1f", lambda rows: rate(rows, "own")),
    ("free", "5.1f", lambda rows: rate(rows, "free_moved")),
    ("held", "5.2f", lambda rows: rate(rows, "held_moved")),
    ("up", "5.2f", lambda rows: rate(rows, "held_lifted")),
    ("pops", "4.0f", lambda rows: sum(map(pops, rows))),
    ("p99.9", "5.2f", lambda rows: max(r["held_speed999"] for r in rows)),
    ("kind", "5.2f", lambda rows: max(r["held_kind"] for r in rows)),
    ("acc", "5.2f", lambda rows: mean(rows, "held_acceleration")),
    ("free", "5.2f", lambda rows: mean(rows, "free_acceleration")),
    ("jerk", "5.2f", lambda rows: mean(rows, "held_jerk")),
    ("free", "5.2f", lambda rows: mean(rows, "free_jerk")),
    ("flips", "5.0f", lambda rows: sum(r["held_flips"] for r in rows)),
    ("free", "4.0f", lambda rows: sum(r["free_flips"] for r in rows)),
    ("back", "5.1f", lambda rows: max(r["held_backward"] for r in rows)),
    ("deep", "5.1f", lambda rows: 1000 * mean(rows, "held_depth")),
    ("free", "5.1f", lambda rows: 1000 * mean(rows, "free_depth")),
    ("apart", "5.1f", lambda rows: 1000 * mean(rows, "held_apart")),
    ("free", "5.1f", lambda rows: 1000 * mean(rows, "free_apart")),
    ("drop", "5.0f", lambda rows: 1000 * max(r["drop"] for r in rows)),
    ("mean", "5.1f", lambda rows: 1000 * mean(rows, "mean_drop")),
)
"""Heading, format and value: mm a second slid by the source, the rig free and held, and held up and down; takes that pop; of
speeds over the source's the largest 99.9th percentile and that of one kind of joint; means of accelerations and jerks over the
source's; flips, and degrees that a knee bends backward; mm below the floor, and of standing balls off it; mm the hips move."""


def rate(rows: Rows, key: str) -> float:
    """Millimetres in a second of contact, over all rows together."""
    return 1000.0 * sum(r[key] for r in rows) / max(sum(r["free_seconds"] for r in rows), 1e-9)


def mean(rows: Rows, key: str) -> float:
    """Over the rows, each of which counts once."""
    return float(np.mean([r[key] for r in rows]))


def table(rows: Rows) -> None:
    """Print one line for each body, and one for all."""
    bodies_ = list(dict.fromkeys(r["body"] for r in rows))
    print(" ".join([f"{'body':<20}", *(f"{name:>{int(form.split('.')[0])}}" for name, form, _ in COLUMNS)]))
    for name in [*bodies_, ""]:
        part = [r for r in rows if name in ("", r["body"])]
        print(" ".join([f"{name or 'all':<20}", *(f"{value(part):{form}}" for _, form, value in COLUMNS)]))


def worst(rows: Rows) -> None:
    """Print what is behind the figures."""
    for row in sorted(rows, key=lambda r: -r["held_speed"] / max(1.2, 1.05 * r["free_speed"]))[:12]:
        print(f"  pop   {row['take']:<40} {row['body']:<16} {row['held_speed']:.2f} (free {row['free_speed']:.2f})")
    for row in sorted(rows, key=lambda r: -r["held_moved"])[:12]:
        print(
            f"  slide {row['take']:<40} {row['body']:<16} {1000 * row['held_moved']:.0f} mm in {row['free_seconds']:.1f} s"
            f" (source {1000 * row['own']:.0f}, free {1000 * row['free_moved']:.0f}; missed {row['missed']:.1f} s)"
        )


def figures_of(rows: Rows) -> list[Figure]:
    """The bars: what slides, in all and against what it does when nothing is held; pops and flips; time."""
    free, held = rate(rows, "free_moved"), rate(rows, "held_moved")
    out = [
        Figure("planted slide", held, "mm a second", free, SLIDE),
        Figure("slide, planted over free", held / max(free, 1e-9), "", None, TENTH),
        Figure("takes on bodies that pop", float(sum(map(pops, rows))), "takes", None, 0.0),
        Figure("flipped knees", float(sum(r["held_flips"] for r in rows)), "frames", None, 0.0),
    ]
    for name, key, goal in (("planting", "planting", 10.0), ("finding contacts", "detecting", 10.0)):
        long = [466000 * r[key] / r["frames"] for r in rows if r["frames"] > 300]
        if long:
            out.append(Figure(f"{name}, processor time for 466 frames", float(np.median(long)), "ms", None, goal))
    return out


def main() -> int:
    """Measure and report; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takes", default="", help="regular expression that a take's folder/name must match")
    parser.add_argument("--half", choices=("even", "odd", "all"), default="all")
    parser.add_argument("--fresh", type=int, metavar="COUNT", help="so many takes of performers that none of the BVH are of")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.fresh is None:
        work: list[Path | str] = [*files(options.takes, options.half)]
    else:
        work = [*fresh(options.fresh)]
    if not work:
        parser.error("no take matches")
    with ProcessPoolExecutor(2) as pool:
        rows = [row for part in pool.map(one, work) for row in part]
    table(rows)
    worst(rows)
    bars = figures_of(rows)
    figures.table(bars, f"{len(work)} takes, {len(goals())} bodies")
    if options.json:
        figures.write(options.json, {"figures": figures.content(bars), "rows": rows})
    return 0 if all(bar.ok for bar in bars) else 1


if __name__ == "__main__":
    raise SystemExit(main())
