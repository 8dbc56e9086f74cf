# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the command line: their options, and what they print. Every one takes `--json`."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import making, obtaining
from .driving import driven
from .filters import FILTERS
from .terminal import LINE, interrupt_flag, show_line

if TYPE_CHECKING:
    from ..tmr.encoders import MotionEncoder, TextEncoder
    from .farm import Farm
    from .index import Progress
    from .search import Hit

FAULTY = 2
INTERRUPTED = 130

Subparsers = Any  # argparse keeps the class's name to itself
Command = Callable[..., Any]
"""Makes the parser of a command: name, what runs it, help, and whether it needs the networks."""


def add_to(commands: Subparsers) -> None:
    """Add every command to the parser's."""
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument("--model", type=Path, help="folder of the weights (default: TMR_MODEL, or the extension's own)")
    model.add_argument("--threads", type=int, help="threads for the networks (default: torch's choice)")

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str, networks: bool = False) -> Any:
        parser = commands.add_parser(name, parents=[model] if networks else [], help=help, description=help)
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.set_defaults(run=run)
        return parser

    _add_indexing(command)
    _add_asking(command)
    _add_keeping(command)
    making.add_to(command)
    obtaining.add_to(command)


def _add_indexing(command: Command) -> None:
    """What fills a library."""
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


def _add_asking(command: Command) -> None:
    """What is asked of libraries and motions."""
    search = command("search", _search, "rank the takes of one or more libraries", networks=True)
    search.add_argument("query")
    _add_libraries(search)
    _add_filters(search)

    like = command("similar", _similar, "rank the takes whose motion is nearest to a clip's", networks=True)
    _add_clip(like, optional=True)
    like.add_argument("--entry", type=int, help="instead of a file: an entry of the first library")
    _add_libraries(like)
    _add_filters(like)

    describe = command("describe", _describe, "say what a clip shows, in measured words and others' captions", networks=True)
    _add_clip(describe)
    describe.add_argument("--library", type=Path, action="append", default=[], help="where captions are looked for")
    describe.add_argument("--limit", type=int, default=10)

    moments = command("moments", _moments, "where in one long take something happens", networks=True)
    moments.add_argument("query")
    moments.add_argument("clip", type=Path, nargs="?", metavar="FILE")
    moments.add_argument("--take", type=int, default=0, help="which of the file's takes, from 0")
    moments.add_argument("--entry", type=int, help="instead of a file: an entry of the --library")
    moments.add_argument("--library", type=Path)
    moments.add_argument("--limit", type=int, default=5)


def _add_keeping(command: Command) -> None:
    """What looks after a library."""
    info = command("info", _info, "what a library holds, and which files could not be read")
    info.add_argument("--library", type=Path, required=True)

    check = command("check", _check, "whether a library is whole, and which of its files have changed or vanished")
    check.add_argument("--library", type=Path, required=True)
    check.add_argument("--contents", action="store_true", help="read the files to tell whether they have changed")

    remove = command("remove", _remove, "forget folders, files or entries of a library; the files are not touched")
    remove.add_argument("places", nargs="*", type=Path, metavar="FOLDER_OR_FILE")
    remove.add_argument("--library", type=Path, required=True)
    remove.add_argument("--entry", type=int, action="append", default=[], help="an entry's number, as `search --json` tells it")


def _add_libraries(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--library", type=Path, required=True, action="append", help="may be given several times")
    parser.add_argument("--limit", type=int, default=10)


def _add_clip(parser: argparse.ArgumentParser, optional: bool = False) -> None:
    parser.add_argument("clip", type=Path, nargs="?" if optional else None, metavar="FILE", help="a motion file")
    parser.add_argument("--take", type=int, default=0, help="which of the file's takes, from 0")
    parser.add_argument("--start", type=float, help="seconds into the take")
    parser.add_argument("--end", type=float)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    """An option for each row of the table of filters, two for a range."""
    group = parser.add_argument_group("filters")
    for row in FILTERS:
        if row.kind == "range":
            group.add_argument(f"--min-{row.name}", type=float, help=row.help)
            group.add_argument(f"--max-{row.name}", type=float, help=row.help)
        elif row.kind == "flag":
            group.add_argument(f"--{row.name}", action=argparse.BooleanOptionalAction, help=row.help)
        else:
            group.add_argument(f"--{row.name}", action="append", help=row.help)


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
                left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
                show_line(f"{progress.done}/{progress.total} takes and texts, {progress.rate:.1f} a second{left}")
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
        f"{progress.unchanged} files unchanged, {progress.relabelled} renamed or relabelled, {progress.removed} gone, "
        f"{len(progress.errors)} left out."
    )


def _search(options: argparse.Namespace) -> int:
    from ..tmr.encoders import TextEncoder
    from .search import search
    from .store import Library

    libraries = [Library.open(path) for path in options.library]
    encoder = TextEncoder(options.model, options.threads)
    hits = search(libraries, options.query, encoder, options.limit, _filters(options))
    _print_hits(hits, options.json)
    return 0


def _similar(options: argparse.Namespace) -> int:
    from ..tmr.encoders import MotionEncoder
    from . import similar
    from .store import Library

    _one_of(options.clip, options.entry)
    libraries = [Library.open(path) for path in options.library]
    if options.entry is not None:
        number = similar.entry_at(libraries[0], options.entry)
        latent, entry = similar.latent_at(libraries[0], number, options.start, options.end), libraries[0].entries[number]
        but, model = (str(entry.path), entry.take), libraries[0].meta.model
    else:
        motion = similar.motion_of(options.clip, options.take, options.start, options.end)
        encoder = MotionEncoder(options.model, options.threads)
        latent, but, model = similar.latent_of(motion, encoder), (str(motion.path), motion.take), encoder.model_id
    _print_hits(similar.similar(libraries, latent, model, options.limit, _filters(options), but), options.json)
    return 0


def _describe(options: argparse.Namespace) -> int:
    from ..tmr.encoders import MotionEncoder, TextEncoder
    from . import similar
    from .store import Library

    motion = similar.motion_of(options.clip, options.take, options.start, options.end)
    networks = MotionEncoder(options.model, options.threads), TextEncoder(options.model, options.threads)
    found = similar.describe(motion, [Library.open(path) for path in options.library], *networks, options.limit)
    if options.json:
        print(json.dumps(found.as_json(), ensure_ascii=False, indent=1))
        return 0
    print(f"{found.name}: {found.duration:.1f} s, {', '.join(found.tags)}")
    for sentence in found.sentences:
        print(f"  {sentence}")
    for said in found.captions:
        print(f"  {said.score:.3f}  {said.text}  ({said.name})")
    return 0


def _moments(options: argparse.Namespace) -> int:
    from ..errors import QueryProblem
    from ..tmr.encoders import MotionEncoder, TextEncoder
    from . import moments, similar
    from .search import asked
    from .store import Library

    _one_of(options.clip, options.entry)
    if options.entry is not None and options.library is None:
        raise QueryProblem("Name the --library of the entry.")
    text = TextEncoder(options.model, options.threads)
    latent = asked(options.query, text)[0]
    if options.entry is not None:
        library = Library.open(options.library)
        number = similar.entry_at(library, options.entry)
        found = moments.of_entry(library, number, latent, text, options.limit)
    else:
        motion = similar.motion_of(options.clip, options.take)
        encoder = MotionEncoder(options.model, options.threads)
        found = moments.of_motion(motion, encoder, latent, text.background, options.limit)
    if options.json:
        print(json.dumps([moment.as_json() for moment in found], indent=1))
        return 0
    for moment in found:
        print(f"{moment.score:.3f}  {moment.start:7.1f}-{moment.end:.1f}")
    return 0


def _one_of(clip: Path | None, entry: int | None) -> None:
    from ..errors import QueryProblem

    if (clip is None) == (entry is None):
        raise QueryProblem("Name a motion file or an --entry of a library, one of them.")


def _print_hits(hits: "Sequence[Hit]", as_json: bool) -> None:
    if as_json:
        print(json.dumps([hit.as_json() for hit in hits], ensure_ascii=False, indent=1))
        return
    from .printing import table

    for line in table(hits):
        print(line)


def _filters(options: argparse.Namespace) -> dict[str, Any]:
    """The filters that the options of `_add_filters` ask for."""
    found: dict[str, Any] = {}
    for row in FILTERS:
        if row.kind == "range":
            bounds = {key: getattr(options, f"{key}_{row.name}") for key in ("min", "max")}
            given = {key: bound for key, bound in bounds.items() if bound is not None}
        else:
            given = getattr(options, row.name)
        if given is not None and given != {}:
            found[row.name] = given
    return found


def _info(options: argparse.Namespace) -> int:
    from .info import info
    from .store import Library

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


def _check(options: argparse.Namespace) -> int:
    from .upkeep import check

    health = check(options.library, options.contents)
    if options.json:
        print(json.dumps(health.as_json(), ensure_ascii=False, indent=1))
    else:
        for name in ("vanished", "changed", "unread", "missing"):
            for path in getattr(health, name):
                print(f"{name}: {path}")
        counts = ("files", "entries", "windows", "captions", "unused")
        print(", ".join(f"{getattr(health, name)} {name if name != 'unused' else 'unused vectors'}" for name in counts))
    if health.faults:
        faults = " ".join(health.faults)
        print(f"The library {options.library} is faulty, index its folders into a new one. {faults}", file=sys.stderr)
        return FAULTY
    return 0


def _remove(options: argparse.Namespace) -> int:
    from ..errors import QueryProblem
    from .upkeep import remove

    if not options.places and not options.entry:
        raise QueryProblem("Name a folder, a file or an --entry to forget.")
    removed = remove(options.library, options.places, options.entry)
    print(json.dumps({"removed": removed}) if options.json else f"{removed} entries forgotten.")
    return 0


def _merge(options: argparse.Namespace) -> int:
    from .merge import merge
    from .store import Library

    files = merge(options.into, [Library.open(path) for path in options.libraries])
    print(json.dumps({"files": files}) if options.json else f"{files} files added to {options.into}.")
    return 0
