# SPDX-License-Identifier: GPL-3.0-or-later
"""Making one library of several, such as the shards that the machines of a farm have indexed."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LibraryProblem
from .records import Caption, FileState, Take, Window
from .schema import connect, guarded, read_meta, source_path
from .store import Library
from .writer import Writer

BATCH = 500
"""Files in one transaction."""


@dataclass(frozen=True)
class _File:
    """A file of one of the libraries: the folder it was indexed from, and its entries' places in that library."""

    folder: Path
    state: FileState
    library: Library
    entries: list[int]


def merge(target: Path | str, libraries: Sequence[Library]) -> int:
    """Add all that the `libraries` hold to the one in the folder `target`, made if missing; how many files were added.

    Files go in by folder and path, so merged shards equal, entry for entry, the library that one machine would have made.
    Of a file that several hold, the version modified last is taken; what the target holds as new or newer stays. The
    libraries themselves are not changed. Raises LibraryProblem for libraries of different models, or the target's own.
    """
    target = Path(target).absolute()
    models = {library.meta.model for library in libraries if library.meta.model}
    if not libraries or len(models) > 1:
        raise LibraryProblem("Only libraries that were indexed with one and the same model can be merged.")
    if any(library.path.resolve() == target.resolve() for library in libraries):
        raise LibraryProblem(f"The library {target} can't be merged into itself.")
    files: dict[tuple[str, str], _File] = {}
    for library in libraries:
        for file in _files(library):
            key = (str(file.folder), file.state.path)
            if key not in files or _newer(file.state, files[key].state):
                files[key] = file
    Library.open(target, create=True)
    with Writer(target, models.pop() if models else None) as writer:
        return _add(writer, [files[key] for key in sorted(files)])


def _newer(state: FileState, other: FileState) -> bool:
    """A version that could be read counts as newer than one that could not, and one that was read by later code."""
    return (state.error is None, state.mtime, state.reading) > (other.error is None, other.mtime, other.reading)


def _add(writer: Writer, files: Sequence[_File]) -> int:
    added = 0
    stored: dict[Path, tuple[int, dict[str, FileState]]] = {}
    for first in range(0, len(files), BATCH):
        batch = files[first : first + BATCH]
        kept = _unread(batch)
        for file in batch:
            if file.folder not in stored:
                source = writer.source(file.folder)
                stored[file.folder] = source, writer.files(source)
            source, held = stored[file.folder]
            before = held.get(file.state.path)
            if before is None or _newer(file.state, before):
                writer.put(source, file.state, [_take(file.library, i, *kept[id(file.library), i]) for i in file.entries])
                added += 1
        writer.commit()
    writer.compact()
    return added


def _unread(files: Sequence[_File]) -> dict[tuple[int, int], tuple[dict[str, Any], bytes]]:
    """What a snapshot does not hold, facts and pictures, of all entries of the files, by library and place in it."""
    found = {}
    for library in {id(file.library): file.library for file in files}.values():
        numbers = [number for file in files if file.library is library for number in file.entries]
        each = zip(numbers, library.facts(numbers), library.thumbnails(numbers), strict=True)
        found.update({(id(library), i): (facts, thumbnail) for i, facts, thumbnail in each})
    return found


def _files(library: Library) -> Iterator[_File]:
    query = """SELECT files.id, sources.path, files.path, size, mtime, hash, notes, error, reading
        FROM files JOIN sources ON sources.id = files.source"""
    with closing(connect(library.path)) as database, guarded(library.path):
        database.execute("BEGIN")
        if read_meta(database, library.path).revision != library.meta.revision:
            raise LibraryProblem(f"The library {library.path} has been changed by another program. Try again.")
        rows = database.execute(query).fetchall()
        owners = dict(database.execute("SELECT id, file FROM entries").fetchall())
    entries: dict[int, list[int]] = {}
    for place, number in enumerate(library.entries.column(0)):
        entries.setdefault(owners[number], []).append(place)
    for number, folder, *state in rows:
        yield _File(source_path(library.path, folder), FileState(*state), library, entries.get(number, []))


def _take(library: Library, number: int, facts: dict[str, Any], thumbnail: bytes) -> Take:
    """All that is stored of the entry at an index."""
    entry, windows = library.entries[number], library.windows
    first, last = windows.first[number : number + 2]
    spans = [(float(windows.start[i]), float(windows.end[i]), library.motion[windows.row[i]]) for i in range(first, last)]
    texts = library.texts_of(number)
    vectors = [library.text[text.row] if text.row >= 0 else None for text in texts]
    return Take(
        take=entry.take,
        name=entry.name,
        fps=entry.fps,
        duration=entry.duration,
        convention=entry.convention,
        windows=[Window(*span) for span in spans],
        captions=[Caption(t.text, t.kind, t.start, t.end, vector) for t, vector in zip(texts, vectors, strict=True)],
        facts=facts,
        tags=entry.tags,
        poses=np.array(library.bodies.of(number)),
        thumbnail=thumbnail,
    )
