# SPDX-License-Identifier: GPL-3.0-or-later
"""A public library: why not while Blender is offline, its terms, and a download from a server on this machine."""

import functools
import hashlib
import http.server
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..window import Window
from . import scenario

DATA = Path("/out/data/mocap/bandai")


def offline() -> bool:
    """Whether Blender may not use the network, as in a fresh profile."""
    import bpy

    return not bpy.app.online_access


def allowed(url: str, size: int, sha256: str) -> str:
    """Blender may go online, and the first public library is kept by the server of this scenario; its title."""
    import importlib
    from dataclasses import replace

    import bpy

    from ..inside import MODULE

    bpy.context.preferences.system.use_online_access = True
    sources: Any = importlib.import_module(f"{MODULE}.library.sources")
    first = sources.SOURCES[0]
    archive = replace(first.archives[0], url=url, size=size, sha256=sha256)
    sources.SOURCES = (replace(first, archives=(archive,)), *sources.SOURCES[1:])
    return str(first.title)


def last_reports() -> list[str]:
    """What was reported last."""
    from ..inside import reports

    return reports()[-6:]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def served() -> tuple[str, int, str]:
    """A zip of motions on a server of this machine: its address, size and SHA-256."""
    folder = Path("/out/served")
    folder.mkdir(exist_ok=True)
    path = folder / "motions.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(DATA.glob("*.bvh"))[:12]:
            archive.write(file, file.name)
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/motions.zip"
    return address, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()


@scenario(14, "Get a public library, from a server on this machine", needs=("mocap/bandai",))
def getting(window: Window) -> None:
    window.open_tab()
    window.unfold("TMR_PT_libraries")
    window.check("Blender is offline at first", window.inside(offline))
    window.point(window.find("tmr.get_source"))
    time.sleep(2.0)  # until the tooltip says why
    window.shot("offline")
    title = window.inside(allowed, *served())
    time.sleep(0.5)
    before = window.picture()
    window.click(window.find("tmr.get_source"))
    time.sleep(1.2)
    window.shot("terms")
    left, _, right, bottom = window.appeared(before)
    window.check("the terms are not accepted yet", not window.inside(accepted))
    # From below: the sentence why Download is grey, Download, and the box to tick; then that button, now the lowest.
    ticked = upwards(window, 0.25 * left + 0.75 * right, bottom, lambda: window.inside(accepted))
    window.check("without consent nothing comes", not window.state()["jobs"], window.state()["jobs"])
    window.check("a tick accepts them", ticked)
    time.sleep(0.5)
    window.shot("accepted")
    left, _, right, bottom = window.appeared(before)  # a line is gone, and a click beside the popup closes it
    asked = upwards(window, 0.5 * (left + right), bottom, lambda: window.state()["jobs"] or window.state()["libraries"])
    window.check("the download begins", asked, window.inside(last_reports))
    window.shot("coming")
    shown = window.wait("the library", lambda state: state["libraries"] and not state["jobs"], timeout=180.0)
    window.check("it is listed", any(title in folder for folder in shown["libraries"]), shown["libraries"])
    window.shot("there")


def upwards(window: Window, x: float, bottom: float, reached: Callable[[], Any]) -> bool:
    """Click what a popup has from below until it is as wanted; whether it came to be."""
    for y in range(round(bottom) - 14, round(bottom) - 100, -14):
        window.click((x, y), counted=False)
        time.sleep(0.6)
        if reached():
            window.clicks += 1
            return True
    return False


def accepted() -> bool:
    """Whether the terms are accepted."""
    import bpy

    return bool(bpy.context.window_manager.tmr_source.accept)
