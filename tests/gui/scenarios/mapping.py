# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bone is which, on a Rigify rig."""

import time

from ..window import Window
from . import scenario


@scenario(3, "The mapping of a Rigify rig")
def mapping(window: Window) -> None:
    window.inside("rigify_human", timeout=120.0)
    window.open_tab()
    time.sleep(8.0)  # until the networks are loaded
    window.inside("begin_gaps", True)
    time.sleep(5.0)
    folded = window.inside("gaps")
    window.unfold("TMR_PT_mapping")
    time.sleep(0.5)
    window.inside("begin_gaps", True)
    time.sleep(5.0)
    unfolded = window.inside("gaps")
    window.figure(
        "99th of 100 drawings of the sidebar with the mapping open", unfolded["draw p99"], "s", without=folded["draw p99"]
    )
    window.shot("open")
    window.point(_beside(window))
    for page in ("middle", "end"):
        for _ in range(12):
            window.wheel(1)
        window.shot(page)


def _beside(window: Window) -> tuple[float, float]:
    left, top, width, height = window.rectangle("VIEW_3D", "UI")
    return left + 0.5 * width, top + 0.6 * height
