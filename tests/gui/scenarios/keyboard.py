# SPDX-License-Identifier: GPL-3.0-or-later
"""From a sentence to a motion on the rig and a moment in it by keys alone; the pointer only rests over the 3D view."""

import time

from ..window import Window
from . import scenario
from .timeline import moments

QUERY = "a person does a cartwheel"
MOMENT = "a person stands upside down on their hands"


@scenario(60, "Search, choose, apply and find a moment by keyboard alone")
def keyboard(window: Window) -> None:
    window.inside("rigify_human", timeout=120.0)
    window.move(*window.middle())
    window.key("ctrl+shift+l")
    time.sleep(1.0)
    window.shot("the menu")
    window.key("Escape")
    time.sleep(0.5)
    searched(window)
    chosen(window)
    applied(window)
    found(window)
    window.check("without a click", window.clicks == 0, window.clicks)


def searched(window: Window) -> None:
    """The dialog at the pointer: a sentence, Enter to end the text, Enter for its button."""
    window.key("ctrl+shift+f")
    time.sleep(1.0)
    window.shot("the dialog")
    window.type(QUERY)
    time.sleep(0.3)
    window.key("Return")
    time.sleep(0.5)
    window.key("Return")
    shown = window.wait("results are listed", lambda state: state["hits"] > 0 and not state["work"])
    window.check("for what was typed", shown["searched"] == QUERY, shown["searched"])


def chosen(window: Window) -> None:
    """The second result, and the first again."""
    before = window.state()
    window.key("ctrl+shift+Next")
    stepped = window.wait("the next one is selected", lambda state: state["active"] == 1, timeout=10.0)
    window.check("in the same list", stepped["hits"] == before["hits"])
    window.shot("the second result")
    window.key("ctrl+shift+Prior")
    window.wait("the first one is selected", lambda state: state["active"] == 0, timeout=10.0)


def applied(window: Window) -> None:
    """Apply, and a rig that moves."""
    window.key("ctrl+shift+Return")
    shown = window.wait("an action", lambda state: state["action"] and not state["work"])
    window.check("the first result is applied", "cartwheel" in shown["action"].lower(), shown["action"])
    time.sleep(1.0)
    window.shot("applied")


def found(window: Window) -> None:
    """Find a Moment, which has no key, by the menu's, and the keys from one to the next."""
    window.command("Find a Moment")
    time.sleep(1.0)
    window.shot("a moment is asked for")
    window.type(MOMENT)
    window.key("Return")
    time.sleep(0.5)
    window.key("Return")
    shown = window.wait("markers", lambda state: state["markers"] and not state["work"])
    spans = window.inside(moments)["spans"]
    window.check("a marker for each span", len(shown["markers"]) == len(spans), shown["markers"])
    window.shot("moments")
    window.key("ctrl+shift+period")
    time.sleep(0.8)
    after = window.inside(moments)
    window.check("the key goes to a moment", after["frame"] in [span[0] for span in spans], after)
    window.check("which is the preview range", after["preview"] and after["preview"][0] == after["frame"], after)
