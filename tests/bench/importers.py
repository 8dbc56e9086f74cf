# SPDX-License-Identifier: GPL-3.0-or-later
"""Every motion file of the shared folder by our readers and by Blender's importers: clips, joint positions, time.

Positions are compared in metres with Y up, in frames spread over each clip. Where a file states no unit, or one that no
body has, ours finds another: the lengths of the bones tell the ratio, which is shown and taken out before comparing.
"""

import argparse
import contextlib
import io
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import figures
import numpy as np
from figures import SHARED, Figure

FOLDERS = ("mocap", "fbx", "rigs")
FRAMES = 40
"""Compared in each clip."""

LIMIT = 1.0
"""Millimetres that positions may differ."""

FASTER = {".fbx": 5.0, ".bvh": 15.0}
"""Times as fast as Blender's importer in Python that reading a format has to be."""


@dataclass(frozen=True)
class Imported:
    """An armature in a take, as Blender has it: joints (names), how many frames at which rate, and positions at frames
    counted from the first, fractions allowed -> (frames, joints, 3)."""

    take: str
    armature: str
    joints: list[str]
    frames: int
    fps: float
    positions: Callable[[np.ndarray], np.ndarray]


@dataclass
class Compared:
    """One file: clips of ours and of Blender's, metres of difference by joint and frame, ratio of units, seconds."""

    path: Path
    own: int = 0
    theirs: int = 0
    apart: list[np.ndarray] = field(default_factory=list)
    ratio: float = 1.0
    seconds: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


class Blender:
    """Blender's importers, each into an empty file."""

    def __init__(self, bpy: Any, script: Any) -> None:
        self.bpy, self.script = bpy, script
        operators = {
            ".bvh": lambda name: bpy.ops.import_anim.bvh(filepath=name, update_scene_fps=True),
            ".fbx": lambda name: bpy.ops.import_scene.fbx(filepath=name, use_image_search=False),
            ".glb": lambda name: bpy.ops.import_scene.gltf(filepath=name),
        }
        self.operators = operators | {".gltf": operators[".glb"]}

    def load(self, path: Path) -> float:
        """Import with the importer written in Python; seconds."""
        return self.timed(self.operators[path.suffix.lower()], path)

    def load_native(self, path: Path) -> float:
        """Import an FBX with the importer written in C++; seconds."""
        return self.timed(lambda name: self.bpy.ops.wm.fbx_import(filepath=name), path)

    def timed(self, operator: Callable[[str], object], path: Path) -> float:
        self.bpy.ops.wm.read_homefile(use_empty=True)
        with contextlib.redirect_stdout(io.StringIO()):
            start = time.perf_counter()
            operator(str(path))
            return time.perf_counter() - start

    def content(self, path: Path) -> list[Imported]:
        """Every armature that moves, in every take, of the file that is loaded."""
        armatures = [item for item in self.bpy.context.scene.objects if item.type == "ARMATURE"]
        if path.suffix.lower() == ".bvh":
            takes = {path.stem: [(item, item.animation_data.action, None) for item in armatures]}
        else:
            takes = self.script.takes()
        render = self.bpy.context.scene.render
        fps = render.fps / render.fps_base
        out = []
        for name, parts in takes.items():
            for armature in self.script.moving(armatures, parts):
                first, last = (pick(action.frame_range[i] for _, action, _ in parts) for i, pick in enumerate((min, max)))
                bones = list(armature.data.bones)
                assign = len(takes) > 1 or path.suffix.lower() != ".bvh"
                at = self.sampler(armature, bones, first, parts if assign else [])
                out.append(Imported(name, armature.name, [bone.name for bone in bones], round(last - first) + 1, fps, at))
        return out

    def sampler(self, armature: Any, bones: list[Any], first: float, parts: list[Any]) -> Callable[[np.ndarray], np.ndarray]:
        def positions(frames: np.ndarray) -> np.ndarray:
            if parts:
                self.script.assign(parts)
            places = [first + float(frame) for frame in frames]
            return self.script.sampled(armature, bones, armature.matrix_world.copy(), places)["poses"][..., 3]

        return positions


def compare(path: Path, blender: Blender, read: Callable[[Path], Any], problem: type[Exception]) -> Compared:
    """Read the file both ways."""
    row = Compared(path)
    try:
        clips = read(path)
    except problem as error:
        clips, remark = [], str(error)
        row.remarks.append(f"ours: {remark}")
    row.own = len(clips)
    try:
        blender.load(path)
        imported = blender.content(path)
    except (RuntimeError, AttributeError) as error:  # what an operator reports, and what it stumbles over
        row.remarks.append(f"Blender: {str(error).strip().splitlines()[-1][:90]}")
        imported = []
    row.theirs = len(imported)
    for clip in clips:
        _compare_clip(row, clip, imported)
    if row.own and row.theirs:
        row.seconds["ours"] = figures.seconds(lambda: read(path))
        row.seconds["python"] = min(blender.load(path) for _ in range(3))
        if path.suffix.lower() == ".fbx" and "fbx_import" in dir(blender.bpy.ops.wm):
            row.seconds["native"] = min(blender.load_native(path) for _ in range(3))
    return row


def _compare_clip(row: Compared, clip: Any, imported: list[Imported]) -> None:
    """Add the distances between a clip of ours and the armature that has its joints in the same take."""
    names = clip.skeleton.names

    def fits(other: Imported) -> tuple[int, bool, bool, int]:
        common = len(set(names) & set(other.joints))
        return common, other.take in clip.name, f" {other.armature}" in clip.name, -abs(other.frames - clip.frames)

    other = max(imported, key=fits, default=None)
    if other is None or fits(other)[0] < 2:
        row.remarks.append(f"Blender has nothing like {clip.name}")
        return
    # glTF states no rate, and Blender takes 24: the same times are compared then, else the same frames.
    rate = 1.0
    if other.frames != clip.frames:
        row.remarks.append(f"{clip.name}: {clip.frames} frames at {clip.fps:g}/s, {other.frames} at {other.fps:g}/s in Blender")
        rate = other.fps / clip.fps
    frames = np.unique(np.linspace(0, min(clip.frames, int(other.frames / rate)) - 1, FRAMES).astype(int))
    both = [name for name in names if name in other.joints]
    mine = clip.globals()[1][frames][:, [names.index(name) for name in both]]
    theirs = other.positions(frames * rate).astype(np.float64)[:, [other.joints.index(name) for name in both]]
    ratio = _size(mine) / max(_size(theirs), 1e-12)
    row.ratio = ratio if abs(ratio - 1.0) > 1e-3 else 1.0
    row.apart.append(np.linalg.norm(mine - theirs * row.ratio, axis=-1))


def _size(positions: np.ndarray) -> float:
    """How far the joints are from their middle."""
    return float(np.linalg.norm(positions - positions.mean(axis=1, keepdims=True)))


def show(rows: list[Compared]) -> None:
    """The table, a line a file."""
    print(
        f"{'file':<58} {'clips':>7} {'largest':>9} {'median':>9} {'unit':>8} {'ours':>8} {'Blender':>8} {'ratio':>6} {'C++':>7}"
    )
    print(f"{'':<58} {'both':>7} {'mm':>9} {'mm':>9} {'ratio':>8} {'ms':>8} {'ms':>8} {'':>6} {'ms':>7}")
    for row in rows:
        apart = np.concatenate([part.ravel() for part in row.apart]) * 1e3 if row.apart else np.array([np.nan])
        times = {name: value * 1e3 for name, value in row.seconds.items()}
        cells = [f"{row.own}/{row.theirs}".rjust(7), f"{apart.max():9.4f}", f"{np.median(apart):9.4f}", f"{row.ratio:8.5g}"]
        if times:
            cells += [f"{times['ours']:8.1f}", f"{times['python']:8.1f}", f"{times['python'] / times['ours']:6.1f}"]
            cells += [f"{times['native']:7.1f}"] if "native" in times else []
        print(f"{f'{row.path.parent.name}/{row.path.name}':<58} {' '.join(cells)}")
        for remark in row.remarks:
            print(f"    {remark}")


def figures_of(rows: list[Compared]) -> list[Figure]:
    """For each format the largest difference and the time for all files, with the importer's as the baseline."""
    out = []
    for suffix in dict.fromkeys(row.path.suffix.lower() for row in rows):
        kind = suffix[1:].upper()
        those = [row for row in rows if row.path.suffix.lower() == suffix and row.apart]
        if not those:
            continue
        largest = max(float(part.max()) for row in those for part in row.apart) * 1e3
        middle = float(np.median(np.concatenate([part.ravel() for row in those for part in row.apart]))) * 1e3
        out.append(Figure(f"{kind}: largest difference, {len(those)} files", largest, "mm", None, LIMIT))
        out.append(Figure(f"{kind}: median difference", middle, "mm", None, LIMIT))
        mine, theirs = (sum(row.seconds[name] for row in those) for name in ("ours", "python"))
        out.append(
            Figure(f"{kind}: read {len(those)} files; baseline: import", mine, "s", theirs, theirs / FASTER.get(suffix, 1))
        )
    return out


def compared(bpy: Any, paths: list[Path]) -> list[Compared]:
    """Every file that both sides have a reader for, both ways."""
    for name in ("io_anim_bvh", "io_scene_fbx", "io_scene_gltf2"):
        bpy.ops.preferences.addon_enable(module=name)
    readers, errors = figures.ours("motion.readers"), figures.ours("errors")
    blender = Blender(bpy, figures.ours("blender.import_motion"))
    known = set(readers.SUFFIXES) & set(blender.operators)
    return [compare(path, blender, readers.read, errors.FileProblem) for path in paths if path.suffix.lower() in known]


def main() -> int:
    """Compare and report."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--folder", type=Path, default=SHARED)
    parser.add_argument("--only", default="", help="a part of the file's path")
    options, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    bpy, _ = figures.enable()
    places = [options.folder / name for name in FOLDERS] if options.folder == SHARED else [options.folder]
    paths = [
        path for place in places for path in sorted(place.rglob("*")) if path.is_file() and options.only in path.as_posix()
    ]
    rows = compared(bpy, paths)
    show(rows)
    return figures.finish(figures_of(rows), f"{len(rows)} files, {FRAMES} frames of each, one run on this machine.")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Blender 4.5 as a module hangs at a normal exit
