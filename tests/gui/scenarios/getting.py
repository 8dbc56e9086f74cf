# SPDX-License-Identifier: GPL-3.0-or-later
"""A public library: why not while Blender is offline, its terms, and a download from a server on this machine."""

import functools
import hashlib
import http.server
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

from ..window import Failed, Window
from . import scenario

DATA = Path("/out/data/mocap/bandai")
PLACE = "/out/got"


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
    window.click(window.find("tmr.get_source"))
    time.sleep(1.2)
    window.shot("terms")
    # A dialog takes the keyboard: without the tick it says what is missing.
    window.key("Return")
    time.sleep(1.0)
    window.shot("without accepting")
    told = window.inside(last_reports)
    window.check("nothing comes to who does not accept", not window.state()["jobs"], told)
    accepted(window, title)


def accepted(window: Window, title: str) -> None:
    """Called as a script would, with the terms accepted, since no one can tell where a dialog's buttons are."""
    window.inside(begin)
    try:
        window.wait("the job", lambda state: state["jobs"] or state["libraries"], timeout=20.0)
    except Failed:
        window.check("the download begins", False, window.inside(last_reports))
        return
    window.shot("coming")
    shown = window.wait("the library", lambda state: state["libraries"] and not state["jobs"], timeout=180.0)
    window.check("it is listed", any(title in folder for folder in shown["libraries"]), shown["libraries"])
    window.shot("there")


def begin() -> list[str]:
    """Get the first library."""
    import importlib

    import bpy

    from ..inside import MODULE

    name = importlib.import_module(f"{MODULE}.library.sources").SOURCES[0].name
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    with bpy.context.temp_override(window=window, area=area):
        return sorted(bpy.ops.tmr.get_source("EXEC_DEFAULT", source=name, directory=PLACE, accept=True))
