# SPDX-License-Identifier: GPL-3.0-or-later
"""FBX files through a Blender in a process of its own, for those that ufbx can't read.

The Blender is the one that the environment variable TMR_BLENDER names (a Blender, or a Python with the module bpy; set
but empty, there is none), else `blender` on the path. It runs `blender/import_motion.py` with factory settings in an
empty profile, never the scripts of a file, for a limited time; what it leaves is checked like any stranger's file.
"""

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

from ...errors import FileProblem
from .. import quaternion
from ..clip import Clip
from ..quaternion import Array
from ..skeleton import Skeleton
from . import units
from .limits import MAX_CELLS, MAX_CLIPS, MAX_FPS, check_size, unique

VARIABLE = "TMR_BLENDER"
SECONDS = 180.0
"""How long Blender may take, its start included."""

SCRIPT = Path(__file__).resolve().parents[2] / "blender" / "import_motion.py"
_LARGEST = 1e7
_MAX_BYTES = 2 * MAX_CELLS * 48
"""Matrices of twelve single-precision numbers, and as much again for all else."""


def find() -> Path | None:
    """The Blender, or the Python with Blender in it, that would read; None where there is none."""
    chosen = os.environ.get(VARIABLE, "blender")
    found = shutil.which(chosen) if chosen else None
    return Path(found) if found else None


def instead(path: Path, reason: str) -> list[Clip]:
    """What `read` gives for a file that the first reader could not read for the `reason`, a sentence.

    Raises FileProblem with both reasons, or with the first where there is no Blender or the file is no FBX at all.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if b"FBX" not in head or (find() is None and VARIABLE in os.environ):
        raise FileProblem(reason)
    if find() is None:
        raise FileProblem(f"{reason} Blender might read it: name its program in the environment variable {VARIABLE}.")
    try:
        return read(path)
    except FileProblem as problem:
        second = str(problem).removeprefix(f"{path.name}: ")
    raise FileProblem(f"{reason} {second}")


def read(path: Path) -> list[Clip]:
    """One clip for each skeleton in each take that moves it, in metres and Y up.

    Raises FileProblem, also where there is no Blender, or where it can't read the file, ends in a crash or takes too long.
    """
    program = find()
    if program is None:
        raise FileProblem(f"{path.name} could be read by Blender: name its program in the environment variable {VARIABLE}.")
    with tempfile.TemporaryDirectory(prefix="tmr-blender-") as name:
        folder = Path(name)
        _run(path, program, folder)
        return _clips(path, _load(path, folder / "motion.npz"))


def command(program: Path, path: Path, out: Path) -> list[str]:
    """The command line that reads `path` into `out`."""
    if program.name.lower().startswith(("python", "pypy")):
        # Isolated: a module path meant for this Python must not reach the other.
        return [str(program), "-I", str(SCRIPT), str(path), str(out)]
    options = ["--background", "--factory-startup", "--disable-autoexec", "--python-exit-code", "1"]
    return [str(program), *options, "--python", str(SCRIPT), "--", str(path), str(out)]


def _run(path: Path, program: Path, folder: Path) -> None:
    """Have the program write motion.npz in the folder."""
    profile = folder / "profile"
    profile.mkdir()
    out = folder / "motion.npz"
    try:
        done = subprocess.run(
            command(program, path.resolve(), out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            cwd=folder,
            env={**os.environ, "BLENDER_USER_RESOURCES": str(profile), "TMPDIR": str(folder)},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        raise FileProblem(f"{path.name}: Blender was given up after {SECONDS:g} seconds of reading it.") from None
    except OSError as problem:
        raise FileProblem(f"{path.name}: {program} can't be run ({problem.strerror or problem}); see {VARIABLE}.") from problem
    if done.returncode != 0 or not out.is_file():
        raise FileProblem(f"{path.name}: Blender ended with status {done.returncode} while reading it.")


def _load(path: Path, out: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz of bounded size, without objects."""
    try:
        with zipfile.ZipFile(out) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _MAX_BYTES:
            raise FileProblem(f"{path.name}: Blender made {size >> 20} MiB of it; the limit is {_MAX_BYTES >> 20} MiB.")
        with np.load(out, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as problem:
        raise FileProblem(f"{path.name}: what Blender made of it can't be read ({problem}).") from problem


def _clips(path: Path, arrays: dict[str, np.ndarray]) -> list[Clip]:
    if "problem" in arrays:
        raise FileProblem(f"{path.name}: Blender can't read it. {arrays['problem']}")
    try:
        count, fps = int(arrays["count"]), float(arrays["fps"])
        parts = [{key: arrays[f"{i}/{key}"] for key in _KINDS} for i in range(min(count, MAX_CLIPS))]
        if not (0.0 < fps <= MAX_FPS and all(_sound(part) for part in parts)):
            raise ValueError("its arrays don't fit each other")
    except (KeyError, ValueError, TypeError) as problem:
        raise FileProblem(f"{path.name}: what Blender made of it is damaged ({problem}).") from problem
    clips = []
    labels = _labels(parts)
    several = len({str(part["name"]) for part in parts}) > 1
    for part in parts:
        check_size(path, len(part["poses"]), len(part["joints"]))
        for root, members in _characters(part["parents"]):
            name = path.stem + (f" {part['name']}" if several else "")
            name += f" {labels[str(part['armature']), root]}" if len(labels) > 1 else ""
            clips.append(units.plausible(_clip(name, part, members, fps)))
    clips = [clip for clip in clips if _moves(clip)]
    if not clips:
        raise FileProblem(f"{path.name} has a skeleton but no animation of it.")
    return clips


def _labels(parts: list[dict[str, np.ndarray]]) -> dict[tuple[str, int], str]:
    """What to call the skeleton under each (armature, root): the root's name, after the armature's where others share it."""
    roots = {
        (str(part["armature"]), root): str(part["joints"][root]) for part in parts for root, _ in _characters(part["parents"])
    }
    shared = Counter(roots.values())
    return {key: name if shared[name] == 1 else f"{key[0]} {name}" for key, name in roots.items()}


def _characters(parents: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Each root with the joints under it, itself first: importers put skeletons without anything above in one armature."""
    owner = np.arange(len(parents))
    for joint, parent in enumerate(parents):
        if parent >= 0:
            owner[joint] = owner[parent]
    return [(int(root), np.flatnonzero(owner == root)) for root in np.flatnonzero(parents < 0)]


_KINDS = {"name": "U", "armature": "U", "joints": "U", "parents": "i", "rest": "f", "poses": "f"}


def _sound(part: dict[str, np.ndarray]) -> bool:
    """Whether the arrays are what `import_motion` says they are."""
    joints, parents, poses = part["joints"].size, part["parents"], part["poses"]
    return (
        all(part[key].dtype.kind == kind for key, kind in _KINDS.items())
        and joints > 0
        and part["joints"].shape == parents.shape == (joints,)
        and part["rest"].shape == (joints, 3, 4)
        and poses.ndim == 4
        and len(poses) > 0
        and poses.shape[1:] == (joints, 3, 4)
        and bool(np.all(parents >= -1) and np.all(parents < np.arange(joints)))
        # Not-a-numbers compare as false, so this finds them, too.
        and bool(np.abs(part["rest"]).max() <= _LARGEST and np.abs(poses).max() <= _LARGEST)
    )


def _clip(name: str, part: dict[str, np.ndarray], members: np.ndarray, fps: float) -> Clip:
    parents = np.searchsorted(members, part["parents"][members])
    parents[0] = -1
    rotations, translations = _locals(parents, part["poses"][:, members])
    rest, offsets = _locals(parents, part["rest"][None, members])
    skeleton = Skeleton(unique(map(str, part["joints"][members])), parents, offsets[0], rest[0])
    return Clip(name, skeleton, fps, quaternion.continuous(rotations), translations)


def _locals(parents: np.ndarray, matrices: np.ndarray) -> tuple[Array, Array]:
    """Rotations (frames, joints, 4) and translations (frames, joints, 3) in the parents' frames, those of roots in the scene.

    matrices: (frames, joints, 3, 4) from the joints' frames to the scene's, with scale, which stays in the translations.
    """
    turns = quaternion.from_matrix(_turn(matrices[..., :3].astype(np.float64)))
    places = matrices[..., 3].astype(np.float64)
    rotations, translations = turns.copy(), places.copy()
    below, above = np.flatnonzero(parents >= 0), parents[parents >= 0]
    back = quaternion.inverse(turns[:, above])
    rotations[:, below] = quaternion.multiply(back, turns[:, below])
    translations[:, below] = quaternion.rotate(back, places[:, below] - places[:, above])
    return rotations, translations


def _turn(m: Array) -> Array:
    """The rotation in matrices (..., 3, 3) with scale: two columns made square to each other, the third across."""
    y = _unit(m[..., 1])
    x = _unit(m[..., 0] - np.sum(m[..., 0] * y, axis=-1, keepdims=True) * y)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _unit(v: Array) -> Array:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)


def _moves(clip: Clip) -> bool:
    """Whether anything does, by more than single precision gives."""
    moved = np.ptp(clip.translations, axis=0).max(initial=0.0)
    return clip.frames > 1 and bool(max(moved, np.ptp(clip.rotations, axis=0).max(initial=0.0)) > 1e-5)
