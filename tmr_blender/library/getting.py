# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting a public library: download, check and unpack each of its archives, and say beside the motions whose they are.

    for progress in get(source, folder): ...    # send(True) stops it; started again, it goes on

All lies in one folder of its own: archives and their parts in a hidden subfolder until they are unpacked, then a subfolder for
each archive, a text with licence and credit, and captions where the source describes its takes.
"""

import json
import re
import time
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..errors import SourceProblem
from ..motion.readers import SUFFIXES
from . import download, pace, unpacking
from .sources import Archive, Source, described, in_words

WORK = ".tmr-get"
"""The hidden subfolder; that it is there tells that the folder is ours."""
ABOUT = "ABOUT THIS LIBRARY.txt"
CAPTIONS = "captions.json"
RATE_SECONDS = 5.0
"""Over which the rate is measured."""
SETTLED_SECONDS = 0.1
"""After which it is told."""
MAX_INDEX = 4 << 20

Stage = Literal["download", "unpack"]


@dataclass(frozen=True)
class Progress:
    """Where getting a library stands.

    done, total: bytes of the stage, of all archives; total is 0 where the server doesn't tell. rate: bytes a second.
    seconds_left: of the stage, None where it can't be told. files: motions unpacked so far. note: what it waits for.
    current: the archive, or the file in it. stopped: as asked for.
    """

    stage: Stage
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    files: int = 0
    current: str = ""
    note: str = ""
    stopped: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


Run = Generator[Progress, bool | None, None]


def lines(progress: Mapping[str, Any]) -> list[str]:
    """How far a `Progress`, as plain values, is: the fullest line first, then shorter ones."""
    done, total = progress["done"], progress["total"]
    amount = f"{in_words(done)} of {in_words(total)}" if total else in_words(done)
    left = pace.time_left(progress["seconds_left"])
    if progress["stage"] == "unpack":
        return pace.lines((f"unpacking, {amount}", left))
    if progress["note"]:
        return pace.lines((amount, progress["note"]))
    return pace.lines((amount, left, f"{in_words(int(progress['rate']))}/s" if progress["rate"] else ""))


def sentence(progress: Mapping[str, Any], title: str) -> str:
    """The whole line about a `Progress` for a terminal."""
    return f"{title}: {lines(progress)[0]}"


def folder_for(source: Source, parent: Path) -> Path:
    """Where a source goes under a folder that the user chose."""
    return parent / source.title


def get(source: Source, folder: Path) -> Run:
    """Bring a source into `folder`, which must be new, empty, or from an earlier run of this.

    Yields after every piece; `send(True)` stops it. What is there already is neither downloaded nor unpacked again. Raises
    SourceProblem.
    """
    work = prepared(source, folder)
    unpacked = [folder / archive.name for archive in source.archives]
    missing = [archive for archive, place in zip(source.archives, unpacked, strict=True) if not place.is_dir()]
    progress = Progress("download")
    known, done = source.size, 0
    for archive in missing:
        path = work / f"{archive.name}.zip"
        progress = yield from _fetched(archive, path, done, known)
        if progress.stopped:
            return
        done = progress.done
        progress = yield from _unpacked(source, archive, path, folder / archive.name)
        if progress.stopped:
            return
        path.unlink()
    _finish(source, folder, work)
    yield replace(progress, files=count(folder))


def prepared(source: Source, folder: Path) -> Path:
    """The hidden subfolder for what comes, made if missing. Raises SourceProblem where the folder holds other things."""
    about = folder / ABOUT
    ours = (folder / WORK).is_dir() or (about.is_file() and _heading(source) in _read(about))
    try:
        if not ours and folder.exists() and any(folder.iterdir()):
            raise SourceProblem(f"{folder} holds other files: choose another place for {source.title}.")
        (folder / WORK).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceProblem(f"{folder} can't be written: {error.strerror or error}. Choose another folder.") from error
    return folder / WORK


def count(folder: Path) -> int:
    """How many motion files lie in a folder."""
    return sum(1 for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _fetched(archive: Archive, path: Path, before: int, known: int | None) -> Generator[Progress, bool | None, Progress]:
    """Download one archive, unless it is there; the last progress. before: bytes of archives before it."""
    progress = Progress("download", before, known or 0, current=archive.name)
    if path.is_file():
        done = before + path.stat().st_size
        return replace(progress, done=done)
    meter = pace.Meter(RATE_SECONDS, SETTLED_SECONDS)
    run = download.fetch(archive, path)
    asked: bool | None = None
    try:
        while True:
            received = run.send(asked)
            done, total = before + received.done, known if known is not None else received.total or 0
            rate = meter.rate(received.done)
            left = pace.seconds_for(total - done, rate) if total else None
            progress = replace(progress, done=done, total=total, rate=rate, seconds_left=left, note=received.note)
            progress = replace(progress, stopped=received.stopped)
            asked = yield progress
    except StopIteration:
        return progress


def _unpacked(source: Source, archive: Archive, path: Path, folder: Path) -> Generator[Progress, bool | None, Progress]:
    """Unpack one archive; the last progress. One that can't be told by a hash is deleted where it is damaged."""
    progress = Progress("unpack", current=archive.name)
    meter = pace.Meter(RATE_SECONDS, SETTLED_SECONDS)
    run = unpacking.unpack(path, folder, (source.index,) if source.index else ())
    asked: bool | None = None
    try:
        while True:
            step = run.send(asked)
            rate = meter.rate(step.done)
            left = pace.seconds_for(step.total - step.done, rate)
            progress = replace(progress, done=step.done, total=step.total, rate=rate, seconds_left=left)
            progress = replace(progress, files=step.files, current=step.current, stopped=step.stopped)
            asked = yield progress
    except StopIteration:
        return progress
    except SourceProblem:
        if archive.sha256 is None:
            path.unlink(missing_ok=True)
        raise


def _finish(source: Source, folder: Path, work: Path) -> None:
    """Captions, the text about the library, and no more hidden subfolder."""
    try:
        captions = _captions(source, folder)
        if captions:
            (folder / CAPTIONS).write_text(json.dumps(captions, indent=0), encoding="utf-8")
        (folder / ABOUT).write_text(about(source), encoding="utf-8")
        for left in work.iterdir():
            left.unlink()
        work.rmdir()
    except OSError as error:
        raise SourceProblem(f"{folder} can't be written: {error.strerror or error}.") from error


def _heading(source: Source) -> str:
    return f"{source.title} ({source.name})"


def about(source: Source) -> str:
    """Whose the motions are and on what terms, to lie beside them."""
    origin = [f"From: {archive.url}" for archive in source.archives]
    lines = [*described(source), f"Licence text: {source.licence_page}", f"Page: {source.page}", *origin]
    when = time.strftime("%Y-%m-%d")
    return "\n\n".join([_heading(source), *lines, f"Downloaded {when}, after these terms were accepted."]) + "\n"


def _captions(source: Source, folder: Path) -> dict[str, list[str]]:
    """Path of a motion -> what the source's own index says about its take; empty without an index."""
    if not source.index:
        return {}
    said: dict[str, str] = {}
    for path in sorted(folder.rglob(source.index)):
        if path.stat().st_size <= MAX_INDEX:
            for take, text in re.findall(r"^(\w+)\t+([^\t\r\n]+)", _read(path), re.MULTILINE):
                if text.strip().lower() != "unknown":
                    said[take.lower()] = text.strip()
    motions = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    named = {path.relative_to(folder).as_posix(): said.get(path.stem.lower()) for path in motions}
    return {name: [text] for name, text in named.items() if text}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
