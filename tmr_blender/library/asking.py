# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that ask libraries and motions: `search`, `similar`, `describe` and `moments`."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .filters import FILTERS

if TYPE_CHECKING:
    from .search import Hit


def add_to(command: Any) -> None:
    """Add the commands by `commands.Command`."""
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
