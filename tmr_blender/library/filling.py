# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that fill a library: `index`, `reencode` and `merge`."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import pace
from .driving import driven
from .terminal import INTERRUPTED, LINE, interrupt_flag, show_line

if TYPE_CHECKING:
    from ..tmr.encoders import MotionEncoder, TextEncoder
    from .farm import Farm
    from .index import Progress


def add_to(command: Any) -> None:
    """Add the commands by `commands.Command`."""
    index = command("index", _index, "bring a library up to date with a folder of motions", networks=True)
    index.add_argument("folder", type=Path)
    index.add_argument("--library", type=Path, required=True, help="the library's folder, made if missing")
    index.add_argument("--shard", type=_shard, default=(1, 1), metavar="I/N", help="read the I-th of N shares of the files")
    index.add_argument("--jobs", type=_count, metavar="N", help="reader processes (default: what suits machine and files)")
    index.add_argument(
        "--dask", nargs="?", const="", metavar="ADDRESS", help="read on a Dask cluster, without an address on one started here"
    )

    again = command("reencode", _reencode, "encode a library anew by another model, without its motion files", networks=True)
    again.add_argument("--library", type=Path, required=True)

    merge = command("merge", _merge, "add libraries, such as the shards of `index --shard`, to one")
    merge.add_argument("libraries", nargs="+", type=Path, metavar="LIBRARY")
    merge.add_argument("--into", type=Path, required=True, help="the library to add them to, made if missing")


def _shard(text: str) -> tuple[int, int]:
    i, slash, n = text.partition("/")
    if not (slash and i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise argparse.ArgumentTypeError("must be like 2/4, from 1/4 to 4/4")
    return int(i), int(n)


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError("must be a whole number from 1 up")
    return int(text)


def _index(options: argparse.Namespace) -> int:
    from ..tmr.encoders import MotionEncoder, TextEncoder
    from .index import Progress, index

    motion, text = MotionEncoder(options.model, options.threads), TextEncoder(options.model, options.threads)
    progress = Progress(0, 0)
    # A first Ctrl-C lets what was read be stored; a second one interrupts as usual.
    with _farm(options, motion, text) as farm, interrupt_flag() as interrupted:
        run = index(options.library, options.folder, motion, text, options.shard, options.jobs, source=farm)
        for progress in driven(run, interrupted.is_set):
            if not options.json:
                _show(progress)
    if options.json:
        print(json.dumps(progress.as_json(), ensure_ascii=False))
    else:
        _summarise(progress, options.library)
    return INTERRUPTED if progress.stopped else 0


@contextmanager
def _farm(options: argparse.Namespace, motion: "MotionEncoder", text: "TextEncoder") -> "Iterator[Farm | None]":
    """The Dask cluster that the options name, if they do."""
    if options.dask is None:
        yield None
        return
    from .farm import Farm

    with closing(Farm(options.dask or None, motion, text, options.model)) as farm:
        yield farm


def _reencode(options: argparse.Namespace) -> int:
    from ..tmr.encoders import MotionEncoder, TextEncoder
    from .reencode import Progress, reencode

    motion, text = MotionEncoder(options.model, options.threads), TextEncoder(options.model, options.threads)
    progress = Progress(0, 0)
    with interrupt_flag() as interrupted:
        for progress in driven(reencode(options.library, motion, text), interrupted.is_set):
            if not options.json:
                told = pace.of_files(progress.done, progress.total, progress.rate, progress.seconds_left)
                show_line(f"takes and texts: {told[0]}")
    if options.json:
        print(json.dumps(progress.as_json()))
    elif progress.stopped:
        show_line("")
        print(f"Stopped: the library is as it was; {progress.takes} takes are kept encoded for the next run.")
    else:
        show_line("")
        print(f"Done: {progress.takes} takes in {options.library} are encoded by {progress.model}.")
    return INTERRUPTED if progress.stopped else 0


def _show(progress: "Progress") -> None:
    """One line that rewrites itself, where a person watches; none where the output goes to a file."""
    if sys.stdout.isatty():
        unread = len(progress.errors)
        told = pace.of_files(progress.done, progress.total, progress.rate, progress.seconds_left, unread)
        line = f"{told[0]}  {progress.current}"
        print("\r" + line[:LINE].ljust(LINE), end="", flush=True)


def _summarise(progress: "Progress", library: Path) -> None:
    if sys.stdout.isatty():
        print("\r" + " " * LINE, end="\r")
    for _, sentence in progress.errors:
        print(f"left out: {sentence}", file=sys.stderr)
    how = "Stopped" if progress.stopped else "Done"
    print(
        f"{how}: {progress.done} of {progress.total} files, {progress.takes} takes stored in {library}, "
        f"{progress.unchanged} files unchanged, {progress.relabelled} renamed or relabelled, {progress.removed} gone, "
        f"{len(progress.errors)} left out."
    )


def _merge(options: argparse.Namespace) -> int:
    from .merge import merge
    from .store import Library

    files = merge(options.into, [Library.open(path) for path in options.libraries])
    print(json.dumps({"files": files}) if options.json else f"{files} files added to {options.into}.")
    return 0
