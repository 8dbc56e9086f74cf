# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading motion files: one module a format, found by the file's suffix."""

from collections.abc import Callable
from pathlib import Path

from ...errors import FileProblem, SkeletonProblem
from .. import humanoid
from ..clip import Clip
from . import bvh, gltf, smpl
from .limits import MAX_BYTES, check_duration

Reader = Callable[[Path], list[Clip]]


def _fbx(path: Path) -> list[Clip]:
    """FBX through a compiled package, imported with the first such file, or by Blender where that is missing or refuses."""
    try:
        from . import fbx
    except ImportError as problem:
        reason = f"{path.name}: FBX files need the package ufbx ({problem}). Install the extension's zip again."
    else:
        try:
            return fbx.read(path)
        except fbx.Refused as problem:
            reason = str(problem)
    from . import blender_import  # not before it is needed: it starts processes, most sessions never do

    return blender_import.instead(path, reason)


SUFFIXES: dict[str, Reader] = {
    ".bvh": bvh.read,
    ".fbx": _fbx,
    ".glb": gltf.read,
    ".gltf": gltf.read,
    ".npz": smpl.read,
}
"""Suffix (lower case) -> reader. A new format is a new module and a row here."""

COMPILED = frozenset({".fbx"})
"""Suffixes of the formats that compiled code reads, which a damaged file might make crash: never in the process that writes
a library."""

BESIDE = {".gltf": ".bin"}
"""Suffix -> that of a file of the same name with its numbers, without which it hasn't changed or moved as a whole."""


def read(path: Path | str) -> list[Clip]:
    """The clips of a motion file, in metres and Y up: one for each take and character.

    Raises FileProblem, with the file's name and the reason, for a file that is missing, empty, too large, of an
    unknown kind, damaged, or without motion.
    """
    path = Path(path)
    reader = SUFFIXES.get(path.suffix.lower())
    if reader is None:
        raise FileProblem(f"{path.name}: this kind of file can't be read; known are {', '.join(sorted(SUFFIXES))}.")
    try:
        size = path.stat().st_size
    except OSError as problem:
        raise FileProblem(f"{path.name} can't be read: {problem.strerror or problem}.") from problem
    if not path.is_file():
        raise FileProblem(f"{path.name} is not a file.")
    if size == 0:
        raise FileProblem(f"{path.name} is empty.")
    if size > MAX_BYTES:
        raise FileProblem(f"{path.name} has {size >> 20} MiB; the limit is {MAX_BYTES >> 20} MiB.")
    clips = reader(path)
    check_duration(path, sum(clip.duration for clip in clips))
    return _people(clips)


def _people(clips: list[Clip]) -> list[Clip]:
    """Of several clips, those of people: a rig's control chains and a hand's prop are roots of their own, too.

    Where none of them is a human, all are kept: what they are is for the caller to say.
    """
    if len(clips) < 2:
        return clips
    return [clip for clip in clips if _is_human(clip)] or clips


def _is_human(clip: Clip) -> bool:
    try:
        humanoid.recognise(clip)
    except SkeletonProblem:
        return False
    return True
