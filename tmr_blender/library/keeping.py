# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that look after a library: `info`, `check` and `remove`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

FAULTY = 2


def add_to(command: Any) -> None:
    """Add the commands by `commands.Command`."""
    info = command("info", _info, "what a library holds, and which files could not be read")
    info.add_argument("--library", type=Path, required=True)

    check = command("check", _check, "whether a library is whole, and which of its files have changed or vanished")
    check.add_argument("--library", type=Path, required=True)
    check.add_argument("--contents", action="store_true", help="read the files to tell whether they have changed")

    remove = command("remove", _remove, "forget folders, files or entries of a library; the files are not touched")
    remove.add_argument("places", nargs="*", type=Path, metavar="FOLDER_OR_FILE")
    remove.add_argument("--library", type=Path, required=True)
    remove.add_argument("--entry", type=int, action="append", default=[], help="an entry's number, as `search --json` tells it")


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
