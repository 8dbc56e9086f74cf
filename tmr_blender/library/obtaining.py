# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about public libraries: `sources` lists them, `get` brings one here once its terms are accepted."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import SourceProblem
from . import getting, sources
from .driving import driven
from .terminal import INTERRUPTED, interrupt_flag, show_line


def add_to(command: Callable[..., Any]) -> None:
    """Add both commands."""
    command("sources", _sources, "list public libraries of motions, with their size and licence")
    get = command("get", _get, "download a public library of motions; cancelled or cut off, it goes on when started again")
    get.add_argument("name", help="as `sources` lists it")
    get.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="it gets a folder of its own in this one")
    get.add_argument("--accept-licence", action="store_true", help="accept the terms that `sources` and `get` print")


def _sources(options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps([asdict(source) for source in sources.SOURCES], ensure_ascii=False, indent=1))
        return 0
    for source in sources.SOURCES:
        print(f"{source.name}: {source.title}")
        for line in (*sources.described(source), source.page):
            print(f"  {line}")
    return 0


def _get(options: argparse.Namespace) -> int:
    source = sources.find(options.name)
    if not options.accept_licence:
        terms = " ".join(sources.described(source)[2:])
        raise SourceProblem(f"{terms} Full text: {source.licence_page}. To accept these terms, add --accept-licence.")
    folder = getting.folder_for(source, options.to)
    progress = getting.Progress("download")
    with interrupt_flag() as interrupted:
        for progress in driven(getting.get(source, folder), interrupted.is_set):
            if not options.json:
                show_line(getting.sentence(asdict(progress), source.title))
    show_line("")
    if options.json:
        print(json.dumps({**progress.as_json(), "folder": str(folder)}, ensure_ascii=False))
    elif progress.stopped:
        print("Stopped: what has come is kept. Start it again to go on.")
    else:
        print(f"Done: {progress.files} motion files in {folder}. Whose they are stands in {getting.ABOUT}.")
    return INTERRUPTED if progress.stopped else 0
