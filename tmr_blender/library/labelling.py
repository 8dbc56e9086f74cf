# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands `tag`, which has the networks put words to takes that nobody has captioned, and `untag`."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .driving import driven
from .terminal import INTERRUPTED, interrupt_flag, show_line


def add_to(command: Callable[..., Any]) -> None:
    """Add both commands."""
    tag = command("tag", _tag, "have the networks tag the takes of a library that nobody has captioned", networks=True)
    tag.add_argument("--library", type=Path, required=True)
    tag.add_argument(
        "--captions", type=Path, action="append", default=[], metavar="LIBRARY", help="one more whose captions may be said"
    )
    tag.add_argument("--words", type=Path, metavar="FILE", help="tags, one a line, such as `limp: a person limps`")
    tag.add_argument("--all", action="store_true", help="takes with captions, too; those stay as they are")

    untag = command("untag", _untag, "take back what `tag` has said of a library")
    untag.add_argument("--library", type=Path, required=True)


def _tag(options: argparse.Namespace) -> int:
    from ..tmr.encoders import TextEncoder
    from . import tagging
    from .store import Library

    words = tagging.read_words(options.words) if options.words else None
    galleries = [Library.open(path) for path in options.captions]
    encoder = TextEncoder(options.model, options.threads)
    progress = tagging.Progress(0, 0)
    with interrupt_flag() as interrupted:
        for progress in driven(tagging.tag(options.library, encoder, galleries, words, options.all), interrupted.is_set):
            if not options.json:
                show_line(f"{progress.done}/{progress.total} captions and takes, {progress.tagged} tagged")
    if options.json:
        print(json.dumps(progress.as_json()))
    else:
        show_line("")
        long = f" {progress.long} are too long for one sentence ({tagging.LONGEST:.0f} s)." if progress.long else ""
        how = "Stopped" if progress.stopped else "Done"
        print(
            f"{how}: {progress.tagged} of {progress.takes} takes tagged, with {progress.sentences} sentences and "
            f"{progress.words} words; of the others nothing is sure enough to be said.{long}"
        )
    return INTERRUPTED if progress.stopped else 0


def _untag(options: argparse.Namespace) -> int:
    from .tagging import untag

    count = untag(options.library)
    print(json.dumps({"untagged": count}) if options.json else f"{count} takes were tagged, and are so no longer.")
    return 0
