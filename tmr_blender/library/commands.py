# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the command line: every one takes `--json`, and those that need the networks `--model` and `--threads`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import asking, filling, keeping, labelling, making, obtaining

ROOMS = (filling, asking, keeping, labelling, making, obtaining)
"""A new command is a file with `add_to(command)`, which gives its options, and a row here."""

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

    for room in ROOMS:
        room.add_to(command)
