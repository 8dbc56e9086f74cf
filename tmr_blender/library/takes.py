# SPDX-License-Identifier: GPL-3.0-or-later
"""What is stored of a clip: its poses, its windows, what was measured, its picture, what names and captions say about it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..motion import facts, features, humanoid, picture, png
from ..motion.clip import Clip
from .folder import Found
from .poses import pack, rows_of, unpack
from .records import Caption, Labels, Take, Window

WINDOW_SECONDS = (10.0, 5.0, 2.5)
"""Spans that get a vector of their own, half overlapping, wherever a take is half as long again, beside one for the
whole take (search weighs it in: see `search.WHOLE_SHARE`)."""

THUMBNAIL = 96
"""Pixels."""

# Words of file and folder names that say nothing about the motion.
EMPTY_WORDS = frozenset(
    {"take", "final", "dataset", "mocap", "motion", "motions", "anim", "anims", "animation", "animations", "clip", "export"}
    | {"bvh", "fbx", "glb", "gltf", "npz", "mixamo", "com", "tmp", "poses", "stageii"}
)

_HUMPS = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a word begins inside "turnLeft" and "FBXExport"."""


def take_of(file: Found, number: int, clip: Clip, count: int, max_frames: int) -> tuple[Take, NDArray[np.float32]]:
    """What is stored of a clip, its vectors still empty, and its features (rows, 263), of which `spans` are encoded."""
    body = humanoid.recognise(clip)
    positions = humanoid.body_positions(clip, body)
    poses = pack(positions, clip.fps)
    rows = rows_of(poses)
    measured = facts.measure(positions, clip.fps)
    empty = np.zeros(0, np.float32)
    windows = []
    for first, last in spans(len(rows), max_frames):
        windows.append(Window(*seconds_of(first, last, len(rows), clip.duration), empty))
    own = facts.tags(measured)
    said = labels(file, number, clip.name if count > 1 else "", own)
    take = Take(
        take=number,
        name=said.name,
        fps=clip.fps,
        duration=clip.duration,
        convention=body.convention,
        windows=windows,
        captions=said.captions,
        facts=asdict(measured) | {"loopable": measured.loopable, "tags": own},
        tags=said.tags,
        poses=poses,
        thumbnail=thumbnail(unpack(poses)),
    )
    return take, rows


def thumbnail(positions: np.ndarray) -> bytes:
    """A picture, as a PNG file, of the frame of (n, 22, 3) that tells most."""
    return png.encode(picture.thumbnail(positions, picture.telling(positions), THUMBNAIL))


def labels(file: Found, number: int, clip: str, own: Sequence[str]) -> Labels:
    """What is said about a take of a file. clip: its name where the file has several, else "". own: tags of its motion."""
    notes = [note for note in file.notes if note.take in (None, number)]
    captions = [Caption(note.text, "caption", note.start, note.end) for note in notes if note.text]
    if words := name_words(file.path, clip):
        captions.append(Caption(words, "name"))
    name = f"{Path(file.path).stem} {clip}".strip()
    return Labels(number, name, captions, sorted({*own, *(tag for note in notes for tag in note.tags)}))


def relabelled(file: Found, before: str, stored: Sequence[tuple[int, str, list[str]]]) -> list[Labels]:
    """Labels of takes that were stored of the file when its path was `before`: their (number, name, own tags)."""
    stem = Path(before).stem
    return [labels(file, number, name.removeprefix(stem).strip(), own) for number, name, own in stored]


def spans(rows: int, max_frames: int) -> Iterator[tuple[int, int]]:
    """The spans [first, last) of feature rows that are encoded: the longest first, in order of time.

    A take of more than `max_frames` rows gets none for the whole.
    """
    lengths = [min(round(seconds * features.FPS), max_frames) for seconds in WINDOW_SECONDS]
    if rows <= max_frames:
        yield 0, rows
    for length in lengths:
        if rows < 1.5 * length and not (length == lengths[0] < rows):
            continue
        starts = list(range(0, rows - length + 1, length // 2))
        if starts[-1] + length < rows:
            starts.append(rows - length)
        yield from ((start, start + length) for start in starts)


def seconds_of(first: int, last: int, rows: int, duration: float) -> tuple[float, float]:
    """Start and end of a span of feature rows, seconds; the last one ends with its take of that duration."""
    return first / features.FPS, duration if last == rows else last / features.FPS


def name_words(path: str, take: str = "") -> str:
    """What the names of a file, its folder and a take say: "walks/OldMan_turnLeft_02" -> "walks old man turn left".

    "" where nothing but numbers and empty words ("Take_0341_final") is left.
    """
    place = Path(path)
    folder = place.parent.name
    parts = re.findall(r"[^\W\d_]+", _HUMPS.sub(" ", f"{folder} {place.stem} {take}"))
    words = [word.lower() for word in parts if word.lower() not in EMPTY_WORDS]
    return " ".join(words) if any(len(word) > 2 for word in words) else ""
