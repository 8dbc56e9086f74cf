# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays in files that others made: features of many takes, and members of .npz archives, read without pickle and bounded."""

import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.takes import Take
from tmr_blender.errors import FileProblem
from tmr_blender.motion.features import WIDTH

MOST_FRAMES = 1_000_000
"""Of one file of features: fourteen hours."""
MOST_BYTES = 1 << 30
"""Of one member of an archive, unpacked."""

Array = NDArray[np.float32]


def features(path: Path) -> Array:
    """The features (n, 263) float32 of a .npy file. Raises FileProblem for anything else, and for more than MOST_FRAMES."""
    try:
        rows = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise FileProblem(f"{path} can't be read as a .npy file of motion features: {error}.") from error
    if rows.ndim != 2 or rows.shape[1] != WIDTH or rows.dtype.kind != "f" or len(rows) > MOST_FRAMES:
        raise FileProblem(
            f"{path} holds {rows.dtype} of shape {rows.shape}, not motion features (up to {MOST_FRAMES} frames, {WIDTH})."
        )
    return np.array(rows, dtype=np.float32)


def takes(files: Mapping[str, Path], origin: str, cache: Path | None, shortest: int = 1) -> dict[str, Take]:
    """The takes by name; those with values that are not finite or fewer than `shortest` frames are left out with a note.

    Thousands of small files are packed into one in `cache`, from which the features are mapped; it is made anew when a file
    is added, resized or touched. Without `cache` they are kept in memory. Raises FileProblem for a file that is missing,
    followed by `origin`, which says where such files come from.
    """
    missing = [path for path in files.values() if not path.is_file()]
    if missing:
        more = f" ({len(missing)} of {len(files)} are)" if len(missing) > 1 else ""
        raise FileProblem(f"{missing[0]} is missing{more}: {origin}")
    counts = {"values that are not finite": 0, f"fewer than {shortest} frames": 0}
    if cache is None:
        found = {name: Take(name, rows) for name, rows in _usable(files, shortest, counts)}
    else:
        found, counts = _packed(files, shortest, counts, cache)
    note(counts, "motions with")
    return found


def note(counts: Mapping[str, int], what: str) -> None:
    """One line on the error stream that says how many were left out and why; none if none were."""
    said = [f"{count} {what} {reason}" for reason, count in counts.items() if count]
    if said:
        print("left out: " + ", ".join(said), file=sys.stderr)


def _usable(files: Mapping[str, Path], shortest: int, counts: dict[str, int]) -> Iterator[tuple[str, Array]]:
    unfinished, short = counts
    for name, path in files.items():
        rows = features(path)
        if len(rows) < shortest:
            counts[short] += 1
        elif not np.isfinite(rows).all():
            counts[unfinished] += 1
        else:
            yield name, rows


def _packed(
    files: Mapping[str, Path], shortest: int, counts: dict[str, int], cache: Path
) -> tuple[dict[str, Take], dict[str, int]]:
    digest = hashlib.sha256(f"{shortest}".encode())
    for name, path in files.items():
        status = path.stat()
        digest.update(f"\n{name} {path.absolute()} {status.st_size} {status.st_mtime_ns}".encode())
    stem = f"packed_{digest.hexdigest()[:16]}"
    table, index = cache / f"{stem}.f32", cache / f"{stem}.json"
    if not (table.is_file() and index.is_file()):
        cache.mkdir(parents=True, exist_ok=True)
        # Written beside and moved into place: another process may be reading, or making the same file.
        fresh, lengths = cache / f"{stem}.{os.getpid()}", {}
        with fresh.open("wb") as file:
            for name, rows in _usable(files, shortest, counts):
                lengths[name] = len(rows)
                file.write(rows.tobytes())
        fresh.replace(table)
        fresh.write_text(json.dumps({"lengths": lengths, "left_out": counts}), encoding="utf-8")
        fresh.replace(index)
    kept = json.loads(index.read_text(encoding="utf-8"))
    lengths = kept["lengths"]
    total = sum(lengths.values())
    rows = np.memmap(table, np.float32, "r", shape=(total, WIDTH)) if total else np.zeros((0, WIDTH), np.float32)
    found, at = {}, 0
    for name, count in lengths.items():
        found[name] = Take(name, rows[at : at + count])
        at += count
    return found, kept["left_out"]


def archive(path: Path, wanted: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Those of the `wanted` arrays that an .npz holds. Raises FileProblem for pickled or huge ones, or another file."""
    found = {}
    try:
        with zipfile.ZipFile(path) as parts:
            for info in parts.infolist():
                name = info.filename.removesuffix(".npy")
                if name in wanted:
                    if info.file_size > MOST_BYTES:
                        raise FileProblem(f"{path}: {name} is larger than {MOST_BYTES >> 20} MiB.")
                    with parts.open(info) as file:
                        found[name] = _member(file, info.file_size)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise FileProblem(f"{path} can't be read as an .npz of plain arrays: {error}.") from error
    return found


def _member(file: Any, size: int) -> NDArray[Any]:
    """One array; its header may not promise more than the archive holds, which would be reserved before it is read."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, columns_first, kind = read(file)
    if kind.hasobject:
        raise ValueError("it holds pickled objects, which may run code when they are read")
    count = int(np.prod(shape, dtype=np.float64))
    if count * kind.itemsize > size:
        raise ValueError("an array is cut short")
    raw = file.read(count * kind.itemsize)
    return np.frombuffer(raw, kind, count).reshape(shape, order="F" if columns_first else "C")
