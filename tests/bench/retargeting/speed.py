# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to put a take on a rig, keys included, by the extension and by constraints and `nla.bake`.

Both get the take in memory: ours as the clip that its reader gives, theirs as the armature that Blender's importer makes.
Reading is timed beside it. Medians of several runs, after one that is not counted; each run starts without an action.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import figures

from . import baseline, own
from .comparing import Comparison, Sources
from .rigs import Subject, from_sample, rigify, samples
from .takes import TEN_SECONDS, TIMED, Take

RUNS, BAKES = 9, 3


@dataclass
class Timing:
    """Milliseconds: ours and theirs to put it there, split by step for ours; and to read the file."""

    rig: str
    take: str
    bones: int
    frames: int
    own: float = 0.0
    locked: float = 0.0
    theirs: float | None = None
    own_reading: float = 0.0
    their_reading: float | None = None
    steps: dict[str, float] = field(default_factory=dict)

    @property
    def times(self) -> float | None:
        """How many times as fast as theirs ours is."""
        return None if self.theirs is None else self.theirs / self.own


def plain_22() -> Subject:
    """Mixamo's skeleton without fingers and ends: the 22 joints of SMPL."""
    sample = _mixamo()
    kept = {bone for role, bone in sample.expected.items() if "_" not in role or not role[-1].isdigit()}
    bones = tuple(replace(bone, connected=False) for bone in sample.bones if bone.name in kept)
    expected = {role: bone for role, bone in sample.expected.items() if bone in kept}
    return from_sample(replace(sample, name=f"plain, {len(bones)} bones", bones=bones, expected=expected))


def _mixamo() -> Any:
    return next(sample for sample in samples() if sample.name == "Mixamo")


def median(action: Callable[[], object], before: Callable[[], object], runs: int) -> float:
    """Milliseconds, after one run that is not counted where there are several. before: what is not timed."""
    taken = []
    for _ in range(runs + (runs > 1)):
        before()
        start = time.perf_counter()
        action()
        taken.append((time.perf_counter() - start) * 1000.0)
    return statistics.median(taken[1:] or taken)


def timing(bpy: Any, sources: Sources, subject: Subject, take: Take, bakes: int) -> Timing:
    """One rig and one take."""
    comparison = Comparison(bpy, sources, subject)
    path = sources.file(take)
    read = figures.ours("blender.apply").read_take
    clip = read(path)
    rig = subject.load()
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = round(clip.fps), 1.0
    comparison._put_at_rest(rig)

    def fresh() -> None:
        rig.animation_data.action = None
        for action in list(bpy.data.actions):
            bpy.data.actions.remove(action)

    found = Timing(subject.name, take.name, len(rig.data.bones), clip.frames)
    found.own_reading = median(lambda: read(path), lambda: None, RUNS)
    found.own = median(lambda: own.apply(bpy, rig, clip), fresh, RUNS)
    found.locked = median(lambda: own.apply(bpy, rig, clip, feet=True), fresh, RUNS)
    split: list[dict[str, float]] = []
    for _ in range(RUNS):
        fresh()
        with own.timed() as steps:
            own.apply(bpy, rig, clip)
        split.append(steps)
    found.steps = {name: statistics.median(steps[name] for steps in split) for name in split[0]}
    if bakes:
        found.theirs, found.their_reading = _baked(bpy, sources, subject, take, bakes)
    return found


def _baked(bpy: Any, sources: Sources, subject: Subject, take: Take, bakes: int) -> tuple[float, float]:
    """Milliseconds of constraining and baking, and of importing."""
    comparison = Comparison(bpy, sources, subject)
    puts, imports = [], []
    for _ in range(bakes):
        rig = subject.load()
        comparison._put_at_rest(rig)
        source, importing = sources.imported(take)
        bpy.context.scene.frame_set(bpy.context.scene.frame_start)
        start = time.perf_counter()
        baseline.put(bpy, source, baseline.named(take.body.joints), rig, subject, False)
        puts.append((time.perf_counter() - start) * 1000.0)
        imports.append(importing * 1000.0)
    return statistics.median(puts), statistics.median(imports)


def timings(bpy: Any, sources: Sources, quick: bool) -> list[Timing]:
    """The cases that have a bar: 22 bones and Rigify's human with 466 frames, and 65 bones with ten seconds."""
    cases = [
        (plain_22(), TIMED, BAKES),
        (rigify(False), TIMED, 1 if quick else BAKES),
        (from_sample(_mixamo()), TEN_SECONDS, 1),
    ]
    return [timing(bpy, sources, subject, take, bakes) for subject, take, bakes in cases]
