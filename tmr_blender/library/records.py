# SPDX-License-Identifier: GPL-3.0-or-later
"""What is handed to the writer: files, their takes, windows, captions, poses and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .poses import POSE, Poses
from .vectors import Vectors

READING = 2
"""Raised whenever more, or something else, is stored of a file: those stored by an earlier version are read again."""


TAGGED, TAG = "tagged", "tag"
"""Kinds of texts that no person has written: a sentence and a word of `tagging`. They have no sentence vector."""


@dataclass(frozen=True)
class Caption:
    """A text about a take: kind "caption", "name", or one of those above; start, end in seconds or None.

    vector: of the sentence, or None.
    """

    text: str
    kind: str
    start: float | None = None
    end: float | None = None
    vector: Vectors | None = None


@dataclass(frozen=True)
class Window:
    """A span of a take, seconds, with its motion vector (d,)."""

    start: float
    end: float
    vector: Vectors


@dataclass(frozen=True)
class Take:
    """All that is stored of one clip of a file; `store.Entry` says what the fields are.

    poses: (n,) of `poses.POSE`, from which the windows' vectors were made. thumbnail: a PNG file, b"" for none.
    """

    take: int
    name: str
    fps: float
    duration: float
    convention: str
    windows: Sequence[Window]
    captions: Sequence[Caption]
    facts: dict[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    poses: Poses = field(default_factory=lambda: np.zeros(0, POSE))
    thumbnail: bytes = b""


@dataclass(frozen=True)
class Labels:
    """What names and captions say about a stored take; they change without the file's content."""

    take: int
    name: str
    captions: Sequence[Caption]
    tags: Sequence[str]


@dataclass(frozen=True)
class FileState:
    """A file as it was when indexed. path: within its source, with slashes. mtime: nanoseconds. hash: of the content.

    notes: a hash of the captions it was given. error: the sentence, where it could not be read. reading: see `READING`.
    """

    path: str
    size: int
    mtime: int
    hash: str
    notes: str
    error: str | None = None
    reading: int = READING
