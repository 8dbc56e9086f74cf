# SPDX-License-Identifier: GPL-3.0-or-later
"""From a fresh profile to a moving rig."""

import time
from typing import Any

from ..window import Window
from . import scenario

QUERY = "a person does a cartwheel"
AGAIN = "someone kicks"
FIELD = "tmr.query"
FIRST_SECONDS = 3.0
WARM_SECONDS = 0.1
CLICKS = 3


def farthest(before: dict[str, list[float]], after: dict[str, list[float]]) -> float:
    """Metres by which the bone that moved most has moved."""
    return max(sum((a - b) ** 2 for a, b in zip(before[name], after[name], strict=True)) ** 0.5 for name in before)


def answered(window: Window, query: str, pressed: float) -> tuple[float, float]:
    """Seconds from Enter, `pressed` by time.monotonic(), until its hits are there, and until the panel is drawn with them.

    By Enter, not by the state that tells what was asked: a search that is answered at once changes both in one go.
    """
    changes: list[Any] = window.inside("changes")
    found = next(at for at, shown in changes if shown and shown["searched"] == query)
    drawn = next((at for at, hits in window.inside("panel_times") if at >= found and hits), float("inf"))
    return found - pressed, drawn - pressed


@scenario(1, "The first minute: tab, sentence, Enter, Apply")
def first_minute(window: Window) -> None:
    window.inside("rigify_human", timeout=120.0)
    window.shot("before")
    window.open_tab()
    opened = next(at for at, _ in window.inside("panel_times"))
    window.shot("tab")
    window.type_into(FIELD, QUERY)
    typed = time.monotonic()
    window.key("Return")
    shown = window.wait("results", lambda state: state["hits"] and not state["work"])
    first = next(at for at, hits in window.inside("panel_times") if hits)
    window.figure("first results from the tab's first drawing on, with the typing", first - opened, "s")
    window.figure("first results from Enter on", first - typed, "s", limit=FIRST_SECONDS)
    window.check("the first hit is a cartwheel", "cartwheel" in shown["names"][0].lower(), shown["names"][:3])
    window.shot("results")
    window.click(window.find("tmr.apply("))
    before = window.inside("pose")
    shown = window.wait("an action", lambda state: state["action"])
    window.shot("applied")
    window.point(window.middle())
    window.key(*["Right"] * 12)
    time.sleep(0.5)
    moved = farthest(before, window.inside("pose"))
    window.check("the rig moves", moved > 0.05, f"{moved:.3f} m in 12 frames")
    window.shot("moving")
    window.figure("clicks", window.clicks, "", limit=CLICKS)
    window.figure("sentences typed", window.sentences, "", limit=1)
    undone(window)
    again(window)


def undone(window: Window) -> None:
    """Undo takes the motion away and leaves the results."""
    for _ in range(13):  # steps through the frames may be undo steps as well
        window.key("ctrl+z")
        time.sleep(0.3)
        if window.state()["action"] is None:
            break
    shown = window.state()
    window.check("undo takes the action off the rig", shown["action"] is None, shown["action"])
    window.check("undo leaves the results", shown["hits"] > 0)
    window.shot("undone")


def again(window: Window) -> None:
    """A second search, with everything loaded."""
    window.type_into(FIELD, AGAIN, counted=False)
    pressed = time.monotonic()
    window.key("Return")
    window.wait("other results", lambda state: state["searched"] == AGAIN)
    time.sleep(1.0)
    found, drawn = answered(window, AGAIN, pressed)
    window.figure("second search from Enter on, until its results are there", found, "s", limit=WARM_SECONDS)
    window.figure("second search from Enter on, until they are drawn", drawn, "s")
    window.shot("second")
