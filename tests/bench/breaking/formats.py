# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats that are damaged: their seeds, what is done to them, and what is asked of the code that reads them."""

import ctypes
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from random import Random

import numpy as np

from tests.bench.breaking import archives, libraries, mutations, seeds, structures
from tests.bench.breaking.mutations import Mutator
from tmr_blender.errors import TMRError
from tmr_blender.library import takes
from tmr_blender.library.folder import Found, listing
from tmr_blender.motion import readers
from tmr_blender.motion.clip import Clip

Files = dict[str, bytes]
"""Name within a folder -> content."""


class UnsoundError(Exception):
    """What was read is not what its type promises."""


@dataclass(frozen=True)
class Format:
    """name: on the command line. file: what the damaged file is called. seeds: whole files, made when first needed.

    mutators: the format's own. read: takes the path of the file (of its folder, for libraries) and returns how many takes,
    notes or entries there are. Raises as the code under test does, and UnsoundError. beside: other files of the folder.
    share: of mutations that are the format's own.
    """

    name: str
    file: str
    make: Callable[[], Sequence[bytes]]
    mutators: Sequence[Mutator]
    read: Callable[[Path], int]
    beside: Callable[[], Files] = dict
    share: float = 0.6

    @cached_property
    def seeds(self) -> Sequence[bytes]:
        """Whole files."""
        return self.make()

    def case(self, seed: int, number: int) -> Files:
        """The files of one case: the same for the same numbers."""
        chance = Random(f"{self.name} {seed} {number}")
        whole = chance.choice(self.seeds)
        return {**self.beside(), self.file: mutations.mutated(whole, self.seeds, self.mutators, chance, self.share)}


def motion(path: Path) -> int:
    """As the index does it: read, recognise, features, facts; how many takes are stored."""
    clips = readers.read(path)
    if not isinstance(clips, list) or not clips:
        raise UnsoundError(f"{clips!r} instead of clips")
    status = path.stat()
    for number, clip in enumerate(clips):
        _sound(clip)
        found = Found(path.name, status.st_size, status.st_mtime_ns, ())
        take, rows = takes.take_of(found, number, clip, len(clips), 200)
        stored = asdict(take) | {"windows": [], "captions": [asdict(caption) for caption in take.captions]}
        _plain({key: value for key, value in stored.items() if key != "pose"})
        if not len(rows) or not np.isfinite(rows).all():
            raise UnsoundError("features that are no numbers")
        if not (0.0 < take.duration < 1e9 and all(0.0 <= window.start < window.end for window in take.windows)):
            raise UnsoundError("a take or a window without an extent")
    return len(clips)


def _sound(clip: Clip) -> None:
    """Raise UnsoundError unless the clip is what its class says."""
    joints, frames = len(clip.skeleton.names), clip.frames
    if clip.rotations.shape != (frames, joints, 4) or clip.translations.shape != (frames, joints, 3) or not frames * joints:
        raise UnsoundError(f"shapes {clip.rotations.shape} and {clip.translations.shape} of {joints} joints")
    if not (math.isfinite(clip.fps) and clip.fps > 0.0):
        raise UnsoundError(f"{clip.fps} frames a second")
    for part in (clip.rotations, clip.translations, clip.skeleton.offsets, clip.skeleton.rest):
        if not np.isfinite(part).all():
            raise UnsoundError("transforms that are no numbers")
    if np.abs(np.linalg.norm(clip.rotations, axis=-1) - 1.0).max() > 1e-3:
        raise UnsoundError("rotations that are not of unit length")
    if not (clip.skeleton.parents < np.arange(joints)).all() or clip.skeleton.parents.min() != -1:
        raise UnsoundError("parents that do not come before their children")
    if len(set(clip.skeleton.names)) != joints:
        raise UnsoundError("two joints of one name")
    _plain([clip.name, list(clip.skeleton.names)])


def _plain(values: object) -> None:
    """Raise UnsoundError for what neither JSON nor SQLite could hold."""
    try:
        json.dumps(values, ensure_ascii=False, allow_nan=False, default=_array).encode("utf-8")
    except (ValueError, TypeError) as problem:
        raise UnsoundError(f"it can't be stored: {problem}") from problem


def _array(value: object) -> object:
    """Poses and vectors, which are stored as they are."""
    if isinstance(value, bytes) or (isinstance(value, np.ndarray) and (value.dtype.kind != "f" or np.isfinite(value).all())):
        return len(value)
    raise TypeError(f"a {type(value).__name__}")


def sidecar(path: Path) -> int:
    """As the index does it: the listing of a folder with captions; how many notes its motion gets."""
    found = listing(path.parent, (".bvh",))
    if found.problems:
        raise _Told(found.problems[0][1])
    notes = [note for file in found.files for note in file.notes]
    _plain([asdict(note) for note in notes])
    return len(notes)


class _Told(TMRError):
    """A sentence that the listing reports instead of raising it."""


MOTION_BESIDE: Files = {"take.bvh": b"x"}


def _sidecar(name: str, file: str, make: Callable[[], list[bytes]], own: Sequence[Mutator]) -> Format:
    return Format(name, file, make, own, sidecar, MOTION_BESIDE.copy)


def _motion(name: str, suffix: str, make: Callable[[], list[bytes]], own: Sequence[Mutator]) -> Format:
    return Format(name, f"case{suffix}", make, own, motion)


def _gltf_beside() -> Files:
    return {"take.bin": seeds.gltf_tree()[1]}


_JSON = (structures.json_values, structures.json_values)
ALL: tuple[Format, ...] = (
    _motion("bvh", ".bvh", seeds.bvh, (*structures.BVH, *mutations.TEXT)),
    _motion("fbx", ".fbx", seeds.fbx, structures.FBX),
    _motion("fbx-ascii", ".fbx", seeds.fbx_ascii, mutations.TEXT),
    _motion("glb", ".glb", seeds.glb, structures.GLB),
    Format("gltf", "case.gltf", seeds.gltf, (*structures.GLTF, *mutations.TEXT), motion, _gltf_beside),
    _motion("npz", ".npz", seeds.npz, archives.NPZ),
    _sidecar("captions-jsonl", "captions.jsonl", seeds.jsonl, (*mutations.TEXT, structures.json_rows)),
    _sidecar("captions-json", "captions.json", seeds.json_captions, (*_JSON, *mutations.TEXT)),
    _sidecar("captions-csv", "captions.csv", seeds.csv_captions, (*mutations.TEXT, structures.csv_cells)),
    _sidecar("notes", "take.txt", seeds.notes, mutations.TEXT),
    _sidecar("notes-json", "take.json", seeds.json_notes, (*_JSON, *mutations.TEXT)),
    _sidecar("notes-csv", "take.csv", seeds.csv_captions, (*mutations.TEXT, structures.csv_cells)),
    Format("library", "library.tar", libraries.seeds, libraries.OWN, libraries.read, share=1.0),
)
"""A new format is a row here. Motion formats without a reader are left out: see `known`."""


def known() -> dict[str, Format]:
    """The formats that something reads, by name."""
    return {row.name: row for row in ALL if row.read is not motion or Path(row.file).suffix in readers.SUFFIXES}


def _trap(path: Path) -> int:
    """Do what no reader should, by the file's only byte."""
    match path.read_bytes()[0]:
        case 0:
            ctypes.string_at(0)
        case 1:
            while True:
                pass
        case 2:
            return len(bytearray(4 << 30))
        case 3:
            raise AttributeError("a defect")
        case 4:
            raise TMRError("Two" + " words" * 100)
        case 5:
            raise UnsoundError("half a clip")
    return 1


@dataclass(frozen=True)
class _Traps(Format):
    def case(self, seed: int, number: int) -> Files:
        """The number is the file."""
        return {self.file: bytes([number])}


TRAPS = _Traps("traps", "trap", list, (), _trap)
"""No format: what shows that the harness sees what it should."""
TRAPPED = ("crash", "hang", "memory", "raised", "sentence", "unsound", "read")


def named(name: str) -> Format:
    """The format with that name."""
    return {**known(), TRAPS.name: TRAPS}[name]
