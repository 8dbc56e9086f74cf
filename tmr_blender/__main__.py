# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `python -m tmr_blender index FOLDER --library PATH`, `search`, `check` and so on; see `--help`."""

import argparse
import sys
from collections.abc import Sequence

from . import doctor
from .errors import TMRError
from .library import commands
from .library.terminal import INTERRUPTED

USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 2 after a problem that the user can solve, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser("tmr_blender", description="Search a motion library by describing the motion.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_to(subparsers)
    doctor.add_to(subparsers)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except TMRError as problem:
        print(problem, file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
