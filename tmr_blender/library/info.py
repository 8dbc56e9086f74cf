# SPDX-License-Identifier: GPL-3.0-or-later
"""What a library holds, for people and for scripts."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import TMRError
from .schema import DATABASE, connect, guarded, read_meta
from .store import Library

MOST_SENTENCES = 1_000


@dataclass(frozen=True)
class Summary:
    """What a list of libraries shows of each.

    takes, seconds: of motion. model: the id, "" for none. updated: when it was last written, seconds since 1970.
    failed: how many files could not be read, and the sentences about them, the first `MOST_SENTENCES`.
    problem: why nothing is known, else "".
    """

    takes: int = 0
    seconds: float = 0.0
    model: str = ""
    updated: float = 0.0
    failed: int = 0
    sentences: tuple[str, ...] = ()
    problem: str = ""


def summary(path: Path) -> Summary:
    """A few counts by SQL, without reading the vectors: quick for a million windows, too."""
    try:
        updated = (path / DATABASE).stat().st_mtime
        with closing(connect(path)) as database, guarded(path):
            model = read_meta(database, path).model
            takes, seconds = database.execute("SELECT count(*), ifnull(sum(duration), 0.0) FROM entries").fetchone()
            failed = database.execute("SELECT count(*) FROM files WHERE error IS NOT NULL").fetchone()[0]
            query = "SELECT error FROM files WHERE error IS NOT NULL ORDER BY source, path LIMIT ?"
            sentences = tuple(str(row[0]) for row in database.execute(query, (MOST_SENTENCES,)))
    except FileNotFoundError:
        return Summary(problem="Not indexed yet")
    except (OSError, TMRError) as problem:
        return Summary(problem=str(problem))
    return Summary(int(takes), float(seconds), model, updated, failed, sentences)


def info(library: Library) -> dict[str, Any]:
    """Counts and lists as plain values: takes, seconds, windows, captions, sources, model, errors as [path, sentence]."""
    return {
        "library": str(library.path),
        "takes": len(library.entries),
        "seconds": round(float(library.durations.sum()), 1),
        "windows": len(library.windows.row),
        "captions": sum(text.kind == "caption" for text in library.texts),
        "sources": [str(source) for source in library.sources],
        "model": library.meta.model,
        "errors": [list(row) for row in library.errors()],
    }
