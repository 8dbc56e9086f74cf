# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `python -m tmr_blender index FOLDER --library PATH`, `search`, `info`."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from .errors import TMRError

if TYPE_CHECKING:
    from .library.index import Progress

USER_ERROR = 2
INTERRUPTED = 130
LINE = 110
"""Characters of the progress line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 2 after a problem that the user can solve, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except TMRError as problem:
        print(problem, file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("tmr_blender", description="Search a motion library by describing the motion.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--model", type=Path, help="folder of the weights (default: TMR_MODEL, or the extension's own)")
    shared.add_argument("--threads", type=int, help="threads for the networks (default: torch's choice)")
    shared.add_argument("--json", action="store_true", help="print JSON")

    index = commands.add_parser("index", parents=[shared], help="bring a library up to date with a folder of motions")
    index.add_argument("folder", type=Path)
    index.add_argument("--library", type=Path, required=True, help="the library's folder, made if missing")
    index.set_defaults(run=_index)

    search = commands.add_parser("search", parents=[shared], help="rank the takes of one or more libraries")
    search.add_argument("query")
    search.add_argument("--library", type=Path, required=True, action="append", help="may be given several times")
    search.add_argument("--limit", type=int, default=10)
    search.set_defaults(run=_search)

    info = commands.add_parser("info", parents=[shared], help="what a library holds, and which files could not be read")
    info.add_argument("--library", type=Path, required=True)
    info.set_defaults(run=_info)
    return parser


def _index(options: argparse.Namespace) -> int:
    from .library.index import Progress, index
    from .tmr.encoders import MotionEncoder, TextEncoder

    motion, text = MotionEncoder(options.model, options.threads), TextEncoder(options.model, options.threads)
    run = index(options.library, options.folder, motion, text)
    progress = Progress(0, 0)
    # A first Ctrl-C lets the file in hand be finished and stored; a second one interrupts as usual.
    with _interrupt_flag() as interrupted:
        for progress in _driven(run, interrupted):
            if not options.json:
                _show(progress)
    if options.json:
        print(json.dumps(progress.as_json(), ensure_ascii=False))
    else:
        _summarise(progress, options.library)
    return INTERRUPTED if progress.stopped else 0


def _driven(run: "Generator[Progress, bool | None, None]", interrupted: threading.Event) -> "Iterator[Progress]":
    """The progress of an index that is told to stop once `interrupted` is set."""
    try:
        yield next(run)
        while True:
            yield run.send(interrupted.is_set())
    except StopIteration:
        return


@contextmanager
def _interrupt_flag() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets instead of raising KeyboardInterrupt."""
    flag = threading.Event()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        flag.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)


def _show(progress: "Progress") -> None:
    """One line that rewrites itself, where a person watches; none where the output goes to a file."""
    if sys.stdout.isatty():
        left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
        line = f"{progress.done}/{progress.total} files, {progress.rate:.1f} read a second{left}  {progress.current}"
        print("\r" + line[:LINE].ljust(LINE), end="", flush=True)


def _summarise(progress: "Progress", library: Path) -> None:
    if sys.stdout.isatty():
        print("\r" + " " * LINE, end="\r")
    for _, sentence in progress.errors:
        print(f"left out: {sentence}", file=sys.stderr)
    how = "Stopped" if progress.stopped else "Done"
    print(
        f"{how}: {progress.done} of {progress.total} files, {progress.takes} takes stored in {library}, "
        f"{progress.unchanged} files unchanged, {progress.removed} gone, {len(progress.errors)} left out."
    )


def _search(options: argparse.Namespace) -> int:
    from .library.search import search
    from .library.store import Library
    from .tmr.encoders import TextEncoder

    libraries = [Library.open(path) for path in options.library]
    hits = search(libraries, options.query, TextEncoder(options.model, options.threads), options.limit)
    if options.json:
        print(json.dumps([hit.as_json() for hit in hits], ensure_ascii=False, indent=1))
        return 0
    for rank, hit in enumerate(hits, 1):
        print(f"{rank:3}  {hit.score:.3f}  {hit.start:6.1f}-{hit.end:<6.1f} {hit.matched:7}  {hit.name}  {hit.caption}")
    return 0


def _info(options: argparse.Namespace) -> int:
    from .library.info import info
    from .library.store import Library

    facts = info(Library.open(options.library))
    if options.json:
        print(json.dumps(facts, ensure_ascii=False, indent=1))
        return 0
    errors = facts.pop("errors")
    for key, value in facts.items():
        print(f"{key}: {', '.join(value) if isinstance(value, list) else value}")
    for _, sentence in errors:
        print(f"left out: {sentence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
