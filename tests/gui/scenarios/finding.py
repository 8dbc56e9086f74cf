# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters, more like this, describe."""

import time

from ..window import Window
from . import scenario

QUERY = "a person walks"


@scenario(5, "Filters, more like this, describe")
def finding(window: Window) -> None:
    window.open_tab()
    window.type_into("tmr.query", QUERY)
    window.key("Return")
    everything = window.wait("results", lambda state: state["searched"] == QUERY)
    window.click(window.find("tmr.more_like_this(", columns=(0.65, 0.25)))
    like = window.wait("similar motions", lambda state: state["like"])
    window.check("what is alike is listed", like["hits"] > 0)
    window.check("a motion is not its own likeness", everything["names"][0] != like["names"][0], like["names"][:3])
    window.shot("more like this")
    window.click(window.find("tmr.describe_result(", columns=(0.7, 0.4)))
    told = window.wait("a description", lambda state: state["sentences"])
    window.check("something is measured and said", len(told["sentences"]) > 1, told["sentences"])
    window.shot("described")
    window.key("Escape")
    window.point(window.middle())  # a popup closes when the mouse leaves it
    window.move(*_corner(window))
    time.sleep(0.5)
    filtered(window, everything["hits"])


def _corner(window: Window) -> tuple[float, float]:
    left, top, _, height = window.rectangle()
    return left + 30, top + height - 80


def filtered(window: Window, count: int) -> None:
    """No shorter than three seconds."""
    window.unfold("TMR_PT_filters")
    window.shot("filters")
    window.click(window.find("filters.min_duration", columns=(0.3, 0.25)))
    time.sleep(0.3)
    window.key("ctrl+a")
    window.type("3")
    window.key("Return")
    window.scroll_up()  # long filters: the query is off the screen
    window.type_into("tmr.query", QUERY + " on")
    window.key("Return")
    shown = window.wait("fewer results", lambda state: state["searched"] == QUERY + " on")
    window.check("a filter leaves fewer", 0 < shown["hits"] < count, f"{shown['hits']} of {count}")
    window.shot("filtered")
