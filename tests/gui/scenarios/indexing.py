# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder becomes a library while the window stays alive."""

import time
from typing import Any

from ..window import Window
from . import scenario

FOLDER = "/out/data/mocap"
GAP_SECONDS = 0.15
LOOK_SECONDS = 6.0


def browse_in_this_window() -> None:
    """Without a window manager on the screen the keyboard never reaches a file browser in a window of its own."""
    import bpy

    bpy.context.preferences.view.filebrowser_display_type = "SCREEN"


def measured(window: Window) -> dict[str, float]:
    """Gaps in the next seconds: of the event loop as the extension leaves it, then of the sidebar, drawn on every tick."""
    window.inside("begin_gaps", False)
    time.sleep(LOOK_SECONDS)
    alone = window.inside("gaps")
    window.inside("begin_gaps", True)
    time.sleep(LOOK_SECONDS)
    drawn = window.inside("gaps")
    return {"tick": alone["tick"], "tick p99": alone["tick p99"], "draw": drawn["draw"], "draw p99": drawn["draw p99"]}


def done(shown: dict[str, Any]) -> int:
    """Files that the line about the job says are done."""
    words = (shown["jobs"] or [""])[0].partition(": ")[2].split()
    return int(words[0]) if words and words[0].isdigit() else 0


def add_folder(window: Window, folder: str) -> None:
    """Libraries, Add Folder, the path, Enter, Add Folder."""
    window.unfold("TMR_PT_libraries")
    window.click(window.find("tmr.add_library"))
    time.sleep(2.0)
    window.click(window.find("directory", "UI", "FILE_BROWSER", (0.4,)))
    time.sleep(0.3)
    window.key("ctrl+a")
    window.type(folder)
    window.key("Return")
    time.sleep(1.0)
    left, top, width, height = window.rectangle("FILE_BROWSER", "WINDOW")
    # Blender 5.2 goes on editing the path after Enter; a press on the empty part of the list ends that.
    window.click((left + 0.4 * width, top + 0.8 * height), counted=False)
    time.sleep(1.0)
    window.shot("browser")
    window.click(window.find("file.execute", "EXECUTE", "FILE_BROWSER", (0.75, 0.6, 0.9)))


@scenario(2, "Index a folder while the window stays alive; Esc; go on", needs=("mocap/bandai", "mocap/cmu"))
def indexing(window: Window) -> None:
    window.inside(browse_in_this_window)
    window.open_tab()
    time.sleep(8.0)  # until the networks are loaded, which is not what is measured
    idle = measured(window)
    add_folder(window, FOLDER)
    window.wait("the first files", lambda state: done(state) > 2, timeout=120.0)
    stopped(window)
    goes_on(window, idle)


def stopped(window: Window) -> None:
    """Esc keeps what is there."""
    window.move(*window.middle())
    pressed = time.monotonic()
    window.key("Escape")
    heard = window.wait("the answer to Esc", lambda state: not state["jobs"] or "stopping" in state["jobs"][0], timeout=10.0)
    window.figure("from Esc until the panel says so", time.monotonic() - pressed, "s", limit=1.0)
    window.check("Esc stops it before the end", heard["jobs"], heard)
    shown = window.wait("the end of the job", lambda state: not state["jobs"], timeout=60.0)
    window.figure("from Esc to the end of the job", time.monotonic() - pressed, "s")
    window.check("the library is listed", FOLDER in shown["libraries"], shown["libraries"])
    takes = window.inside(takes_of, FOLDER)
    window.check("what was indexed before Esc is kept", takes > 2, takes)
    window.shot("stopped")


def goes_on(window: Window, idle: dict[str, float]) -> None:
    """Refresh reads the rest, while the window stays alive, and it can be found."""
    before = window.inside(takes_of, FOLDER)
    window.click(window.find("tmr.refresh_library"))
    start = time.monotonic()
    told = window.wait("the job", lambda state: state["jobs"] and done(state), timeout=30.0)
    window.check("the panel says how far it is", "of" in told["jobs"][0], told["jobs"])
    window.shot("under way")
    busy = measured(window)
    for kind, what in (("tick", "rounds of the event loop"), ("draw", "drawings of the sidebar")):
        window.figure(f"longest gap between {what}", busy[kind], "s", limit=GAP_SECONDS, without=idle[kind])
        window.figure(f"99th of 100 gaps between {what}", busy[f"{kind} p99"], "s", without=idle[f"{kind} p99"])
    window.wait("the whole folder", lambda state: not state["jobs"], timeout=420.0)
    takes = window.inside(takes_of, FOLDER)
    window.figure("takes a second, on", (takes - before) / (time.monotonic() - start), "")
    window.check("the rest was indexed", takes > before, f"{before} takes before, {takes} after")
    window.shot("complete")
    window.type_into("tmr.query", "a person bows")
    window.key("Return")
    shown = window.wait("results", lambda state: state["searched"] == "a person bows")
    window.check("motions of the folder are found", window.inside(from_folder, FOLDER) > 0, shown["names"][:5])
    window.shot("found")


def takes_of(folder: str) -> int:
    """How many takes the index of a folder holds."""
    import importlib
    from pathlib import Path

    from ..inside import MODULE

    places = importlib.import_module(f"{MODULE}.blender.places")
    summaries = importlib.import_module(f"{MODULE}.blender.summaries")
    return summaries.read(places.library_for(Path(folder))).takes


def from_folder(folder: str) -> int:
    """How many of the results lie in a folder."""
    import bpy

    return sum(hit.path.startswith(folder) for hit in bpy.context.window_manager.tmr.hits)
