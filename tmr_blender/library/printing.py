# SPDX-License-Identifier: GPL-3.0-or-later
"""Search results as lines of text, for people."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .search import Hit

WIDEST = 60
"""Characters of the column of files; a longer path pushes what follows to the right."""


def table(hits: "Sequence[Hit]") -> Iterator[str]:
    """A header and a line for each hit: rank, score, moment and length as m:ss.s, what matched, file, and what is written.

    Paths are told from the folder that all of them share, which the header names. Folded twins follow on a line of their own.
    """
    if not hits:
        yield "No take matches."
        return
    paths = [twin.path for hit in hits for twin in (hit, *hit.twins)]
    top = _shared(paths)
    files = [_file(hit.path, hit.take, hit.name, top) for hit in hits]
    width = max(len("file"), *(min(len(file), WIDEST) for file in files))
    folded = sum(len(hit.twins) for hit in hits)
    also = f", and {folded} like them" if folded else ""
    yield f"{len(hits)} {'take' if len(hits) == 1 else 'takes'}{also}" + (f", in {top}" if top else "")
    caption = "caption" if any(hit.caption for hit in hits) else ""
    yield f"{'#':>3}  score  {'moment':<17} {'of':>7}  why      {'file':<{width}}  {caption}".rstrip()
    for rank, (hit, file) in enumerate(zip(hits, files, strict=True), 1):
        moment = f"{clock(hit.start)}-{clock(hit.end)}"
        more = f" (+{len(hit.twins)} like it)" if hit.twins else ""
        written = f"{hit.caption}{more}".strip()
        line = f"{rank:3}  {hit.score:.3f}  {moment:<17} {clock(hit.duration):>7}  {hit.matched:<7}  {file:<{width}}  {written}"
        yield line.rstrip()
        for twin in hit.twins:
            how = "mirrored" if twin.mirrored else "the same"
            yield f"{'':37}{how:>9}  {_file(twin.path, twin.take, twin.name, top)}"


def clock(seconds: float) -> str:
    """12.34 as 0:12.3, an hour and more as 1:02:03.4."""
    tenths = round(seconds * 10.0)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{tenths // 10:02}.{tenths % 10}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def _shared(paths: Sequence[str]) -> str:
    """The deepest folder that all the paths lie in, "" where there is none worth telling."""
    try:
        top = os.path.commonpath([Path(path).parent for path in paths])
    except ValueError:  # different drives
        return ""
    return "" if Path(top) == Path(Path(top).anchor) else top


def _file(path: str, take: int, name: str, top: str) -> str:
    """The path from the folder `top`, and which of the file's takes it is where that isn't the only one or has a name."""
    file = os.path.relpath(path, top) if top else path
    own = name.removeprefix(Path(path).stem).strip()
    return f"{file} [{own or take}]" if own or take else file
