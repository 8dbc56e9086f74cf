# SPDX-License-Identifier: GPL-3.0-or-later
"""Imported by every Python that starts with this folder on its path: notes down what reaches beyond the process.

A line of JSON for each connection, program, and file that is written, made, moved or removed, in the file that the variable
TMR_AUDIT names. The hook can't be taken away again, which is why it lives in processes of its own.
"""

import json
import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

PATHS = {
    "open": 1,
    "sqlite3.connect": 1,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rmdir": 1,
    "os.truncate": 1,
    "os.chmod": 1,
    "os.utime": 1,
    "os.rename": 2,
    "os.link": 2,
    "os.symlink": 2,
}
"""Event -> how many of its arguments are paths."""
NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg")
OTHERS = (*NETWORK, "urllib.Request", "http.client.connect", "webbrowser.open", "subprocess.Popen")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
FOLDER_AT = {"os.mkdir": 2, "os.remove": 1, "os.rmdir": 1, "os.rename": 2}
"""Event -> the argument that is the open folder which a relative path starts at, or -1."""


def located(event: str, arguments: tuple) -> list[str]:
    """The absolute paths of an event."""
    at = arguments[FOLDER_AT[event]] if event in FOLDER_AT else -1
    start = Path(f"/proc/self/fd/{at}").readlink() if isinstance(at, int) and at >= 0 else Path.cwd()
    paths = [path for path in arguments[: PATHS[event]] if isinstance(path, str | bytes | os.PathLike)]
    names = [os.fsdecode(path) for path in paths]
    if event == "sqlite3.connect":  # by a path, in memory, or by a URI that says how
        names = [unquote(urlsplit(name).path) if name.startswith("file:") else name for name in names if "mode=ro" not in name]
        names = [name for name in names if name and name != ":memory:"]
    return [os.path.normpath(start / name) for name in names]


def listen(log: int) -> None:
    """Add the hook; `log` is an open file."""

    def hook(event: str, arguments: tuple) -> None:
        if event in PATHS:
            if event == "open" and not (arguments[2] or 0) & WRITING:
                return
            told = located(event, arguments)
        elif event in OTHERS:
            told = [repr(argument) for argument in arguments[:2]]
        else:
            return
        if told:
            os.write(log, (json.dumps([os.getpid(), event, told]) + "\n").encode())

    sys.addaudithook(hook)


if "TMR_AUDIT" in os.environ:
    listen(os.open(os.environ["TMR_AUDIT"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
