# SPDX-License-Identifier: GPL-3.0-or-later
"""One rig with all takes: by the extension and by Blender's own means, with the same measures."""

import contextlib
import io
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import figures
import numpy as np

from . import baseline, metrics, own, planted
from .metrics import SIDES, Recording
from .rigs import Subject
from .sampling import record
from .strips import Strip
from .takes import Take

OURS, LOCKED, INVERSE, BACK = "ours", "ours, feet locked", "ours under IK", "there and back"
THEIRS, MATCHED = "theirs", "matched"


JERKY = ("pelvis", "head", *dict.fromkeys(role for pair in metrics.LIMBS for role in pair))
"""The parts that turn as the source's do; spines and collars share out a bend between them."""


@dataclass
class Row:
    """What one way of putting one take on one rig came to. Angles in degrees, NaN or None where there is nothing to measure.

    mean, p95, worst: of the limbs' directions, and the limb that is worst off on the average. drift: the 95th percentile of
    what hands, feet and head lose of the source's turning. palm, gaze, neck, sole: see `metrics`; means. slide: mm per second
    of contact; in landing_slide the first and last step of a contact count as well. way, height: of the hips. pops: joint speed
    over the source's. jerk: degrees. broken: keys that go the long way. milliseconds: to put it there, without reading the
    file.
    """

    rig: str
    take: str
    how: str
    mean: float = math.nan
    p95: float = math.nan
    worst: str = ""
    drift: dict[str, float] = field(default_factory=dict)
    palm: float | None = None
    gaze: float | None = None
    neck: float | None = None
    sole: float | None = None
    slide: float | None = None
    source_slide: float | None = None
    landing_slide: float | None = None
    contact: float = 0.0
    way: float = math.nan
    height: float = math.nan
    pops: float = math.nan
    popping: str = ""
    flips: int = 0
    jerk: float = math.nan
    jerking: str = ""
    broken: int = 0
    breaking: str = ""
    milliseconds: float = math.nan
    steps: dict[str, float] = field(default_factory=dict)
    refused: str = ""

    def content(self) -> dict[str, object]:
        """For JSON: NaN is no number there."""
        return {k: (None if isinstance(v, float) and math.isnan(v) else v) for k, v in asdict(self).items()}


def measure(row: Row, take: Take, source: Recording, target: Recording) -> Row:
    """Fill in what can be seen. Both recordings have the same frames; the source faces as the rig does."""
    angles = metrics.limb_angles(source, target)
    row.mean, row.p95 = float(angles.mean()), float(np.percentile(angles, 95))
    each = angles.mean(axis=0)
    row.worst = f"{metrics.LIMBS[int(each.argmax())][0]} {float(each.max()):.1f}"
    ends = {"hands": ("left_wrist", "right_wrist"), "feet": ("left_ankle", "right_ankle"), "head": ("head",)}
    for name, roles in ends.items():
        lost = [metrics.drift(source, target, role) for role in roles if source.has(role) and target.has(role)]
        if lost:
            row.drift[name] = float(np.percentile(np.concatenate(lost), 95))
    palms = [palm for side in SIDES if (palm := metrics.palm(source, target, side)) is not None]
    row.palm = float(np.concatenate(palms).mean()) if palms else None
    if take.body.stands and source.has("head") and target.has("head"):
        row.gaze = float(metrics.gaze(source, target).mean())
        if target.has("neck1"):
            row.neck = float(metrics.neck(source, target).mean())
    soles = np.concatenate([metrics.sole(target, side, planted.flat(source, side)) for side in SIDES])
    row.sole = float(soles.mean()) if len(soles) else None
    slide, row.contact = planted.slide(source, target)
    if row.contact > 0.3:
        row.slide, row.source_slide = slide, planted.slide(source, source)[0]
        row.landing_slide = planted.slide(source, target, 0)[0]
    row.way, row.height = metrics.hips_errors(source, target)
    row.pops, row.popping = metrics.pops(source, target)
    row.flips = metrics.flips(source, target)
    row.jerk, row.jerking = metrics.jerks(source, target, [role for role in JERKY if source.has(role) and target.has(role)])
    return row


@dataclass
class Sources:
    """The takes as Blender imports them. folder: where the cut files lie."""

    bpy: Any
    folder: Path
    _recorded: dict[str, Recording] = field(default_factory=dict)

    def file(self, take: Take) -> Path:
        """The piece of the take, cut once."""
        path = self.folder / f"{take.name}.bvh"
        return path if path.is_file() else take.cut(figures.SHARED, self.folder)

    def imported(self, take: Take) -> tuple[Any, float]:
        """The armature in the open scene, in metres, and how many seconds that took. The scene takes on its rate and length."""
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            self.bpy.ops.import_anim.bvh(
                filepath=str(self.file(take)), global_scale=take.body.metres, update_scene_fps=True, update_scene_duration=True
            )
        armature = self.bpy.context.object
        first, last = armature.animation_data.action.frame_range
        scene = self.bpy.context.scene
        scene.frame_start, scene.frame_end = round(first), round(last)
        return armature, time.perf_counter() - start

    def recorded(self, take: Take) -> Recording:
        """What the take does, from Blender's own importer; in a file of its own."""
        if take.name not in self._recorded:
            self.bpy.ops.wm.read_homefile(use_empty=True)
            armature, _ = self.imported(take)
            scene = self.bpy.context.scene
            joints = take.body.joints
            made = record(self.bpy, armature, joints, range(scene.frame_start, scene.frame_end + 1))
            self._recorded[take.name] = with_knuckles(made, take)
        return self._recorded[take.name]


def with_knuckles(recording: Recording, take: Take) -> Recording:
    """A hand without knuckles in a skeleton where it is known how it lies at rest gets them, carried by the wrist."""
    if take.body.across is None:
        return recording
    across = np.array(take.body.across)
    for side in SIDES:
        wrist = recording.roles.index(f"{side}_wrist")
        along = metrics.unit(recording.rest(f"{side}_wrist") - recording.rest(f"{side}_elbow"))
        for name, sign in (("index1", 1.0), ("pinky1", -1.0)):
            at = recording.rest_positions[wrist] + 0.08 * along + 0.03 * sign * across
            own_place = recording.rest_turns[wrist].T @ (at - recording.rest_positions[wrist])
            place = recording.positions[:, wrist] + recording.turns[:, wrist] @ own_place
            recording = Recording(
                recording.fps,
                (*recording.roles, f"{side}_{name}"),
                np.concatenate([recording.positions, place[:, None]], axis=1),
                np.concatenate([recording.turns, recording.turns[:, wrist, None]], axis=1),
                np.concatenate([recording.rest_positions, at[None]]),
                np.concatenate([recording.rest_turns, recording.rest_turns[wrist, None]]),
            )
    return recording


@dataclass
class Comparison:
    """Everything about one rig. rows: see `Row`. changed: what of the rig was not left as it was. clock: milliseconds."""

    bpy: Any
    sources: Sources
    subject: Subject
    rows: list[Row] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    strips: dict[str, Strip] = field(default_factory=dict)

    def run(self, takes: Sequence[Take], with_theirs: bool, with_matched: bool, drawn: Sequence[Take]) -> None:
        """Ours with all takes first, so that nothing of the baseline's is there when the rig is looked at."""
        sources = {take.name: self.sources.recorded(take) for take in takes}
        rig = self.subject.load()
        self.rest = record(self.bpy, rig, self.subject.watched, [1])
        self.heading = metrics.heading(self.rest)
        other = own.other_action(self.bpy, rig)
        before = own.fingerprint(rig, other)
        played: dict[str, Recording | None] = {}
        for take in takes:
            truth = sources[take.name].turned(self.heading)
            played[take.name] = self.ours(rig, take, truth, take in drawn)
        after = own.fingerprint(rig, other)
        self.changed = [name for name in before if before[name] != after[name]]
        for take in takes:
            if with_theirs:
                self.theirs(take, sources[take.name], False, take in drawn)
            if with_matched:
                self.theirs(take, sources[take.name], True, False)
            if (done := played[take.name]) is not None:
                self.back(take, sources[take.name], done)

    def ours(self, rig: Any, take: Take, truth: Recording, drawn: bool) -> Recording | None:
        """Apply without and with feet locked, and under inverse kinematics where the rig has it; the first as it was played."""
        clip = figures.ours("blender.apply").read_take(self.sources.file(take))
        scene = self.bpy.context.scene
        scene.render.fps, scene.render.fps_base = round(clip.fps), 1.0
        ways: list[tuple[str, dict[str, object]]] = [(OURS, {}), (LOCKED, {"feet": True})]
        if self.subject.inverse:
            ways.append((INVERSE, {"limbs": "ik"}))
        first = None
        for how, wanted in ways:
            row = Row(self.subject.name, take.name, how)
            self.rows.append(row)
            start = time.perf_counter()
            try:
                with own.timed() as row.steps:
                    action = own.apply(self.bpy, rig, clip, **wanted)
            except figures.ours("errors").TMRError as problem:
                row.refused = str(problem)
                continue
            row.milliseconds = (time.perf_counter() - start) * 1000.0
            played = self._watched(rig, action)
            measure(row, take, truth.last(len(played.positions)), played)
            _, row.broken, row.breaking = own.broken_keys(action, rig)
            switches = self.subject.inverse if how == INVERSE else self.subject.switches
            if wrong := own.unset(self.bpy, rig, action, switches):
                row.refused = f"does not set {', '.join(wrong)}"
            if how == OURS:
                first = played
                if drawn:
                    self._strip(take, truth).add("ours", rig, len(played.positions) - len(truth.positions))
            self.bpy.data.actions.remove(action)
        self._at_rest(rig)
        return first

    def _watched(self, rig: Any, action: Any) -> Recording:
        first, last = (round(v) for v in action.frame_range)
        return record(self.bpy, rig, self.subject.watched, range(first, last + 1))

    def _at_rest(self, rig: Any) -> None:
        """The rig in its rest pose, its switches as its keyed bones need them."""
        rig.animation_data.action = None
        for bone in rig.pose.bones:
            bone.matrix_basis.identity()
        for (bone, key), value in self.subject.switches.items():
            rig.pose.bones[bone][key] = type(rig.pose.bones[bone][key])(value)
        rig.update_tag()  # a property set from Python reaches the drivers only so
        self.bpy.context.view_layer.update()

    def theirs(self, take: Take, truth: Recording, match: bool, drawn: bool) -> None:
        """Blender's own means, in a fresh copy of the file."""
        rig = self.subject.load()
        self._put_at_rest(rig)
        row = Row(self.subject.name, take.name, MATCHED if match else THEIRS)
        self.rows.append(row)
        source, _ = self.sources.imported(take)
        source.rotation_euler[2] = math.radians(self.heading)
        if match:
            baseline.scale_to(source, truth, self.rest.leg)
        self.bpy.context.view_layer.update()
        scene = self.bpy.context.scene
        scene.frame_set(scene.frame_start)
        start = time.perf_counter()
        baseline.put(self.bpy, source, baseline.named(take.body.joints), rig, self.subject, match)
        row.milliseconds = (time.perf_counter() - start) * 1000.0
        action = rig.animation_data.action
        played = self._watched(rig, action)
        measure(row, take, truth.turned(self.heading).last(len(played.positions)), played)
        _, row.broken, row.breaking = own.broken_keys(action, rig)
        if drawn:
            strip = self._strip(take, truth)
            mine = strip.rows.pop("ours", None)
            strip.add("take", source, stands=False)
            strip.add("theirs", rig)
            if mine is not None:
                strip.rows["ours"] = mine

    def _put_at_rest(self, rig: Any) -> None:
        if rig.animation_data is None:
            rig.animation_data_create()
        self._at_rest(rig)

    def _strip(self, take: Take, truth: Recording) -> Strip:
        return self.strips.setdefault(take.name, Strip(len(truth.positions), truth.fps))

    def back(self, take: Take, truth: Recording, played: Recording) -> None:
        """What the rig did, put on the take's own armature by the extension."""
        row = Row(self.subject.name, take.name, BACK)
        self.rows.append(row)
        self.bpy.ops.wm.read_homefile(use_empty=True)
        armature, _ = self.sources.imported(take)
        clip = own.as_clip(played.turned(-self.heading), f"{take.name} on {self.subject.name}")
        try:
            action = own.apply(self.bpy, armature, clip)
        except figures.ours("errors").TMRError as problem:
            row.refused = str(problem)
            return
        first, last = (round(v) for v in action.frame_range)
        returned = record(self.bpy, armature, take.body.joints, range(first, last + 1))
        measure(row, take, truth.last(len(returned.positions)), returned)


def content(bars: Sequence[figures.Figure], compared: Sequence[Comparison], timings: Sequence[Any]) -> dict[str, object]:
    """What is written as JSON: the bars, every row behind them, what was changed, and the times in milliseconds."""
    return {
        "figures": figures.content(bars),
        "rows": [row.content() for each in compared for row in each.rows],
        "changed": {each.subject.name: each.changed for each in compared},
        "timings": [asdict(timing) for timing in timings],
    }
