# SPDX-License-Identifier: GPL-3.0-or-later
"""What an animator does, done in real Blender windows by mouse and keyboard: `python build.py test --gui [-- NAMES]`.

NAMES are suites (`trixie`: Blender 4.3, `sid`: 5.2) and scenarios; none is all of them. Each scenario gets a window of its own
with a fresh profile in which the built zip is installed. Left behind: `out/gui/SUITE/NN_scenario_M_what.png`, a table in
`out/gui/results.md`, and the window's log and answers in `out/gui/SUITE/window`.

A new scenario is one function in a module of `scenarios`:

    @scenario(12, "Drag a result onto one of two rigs")
    def drag(window: Window) -> None:
        window.inside(two_rigs)                       # a function of this package, called inside Blender; its answer is JSON
        window.open_tab()                             # N, then a click on the tab
        window.type_into("window_manager.tmr.query", "a person waves")    # clicks the field that shows this property
        window.key("Return")
        window.wait("hits", lambda state: state["hits"])
        window.drag(window.find("tmr.drag"), window.middle("VIEW_3D"))
        window.shot("dropped")                        # a photograph of the whole screen
        window.check("the left rig moves", window.inside(inside.action_of, "Left") is not None)
        window.figure("from drop to action", seconds, "s", limit=0.5)

Three parties run it. `__main__` on the host starts windows and prints the table. `drive` runs beside Blender in the chroot and
calls the scenario; `window.Window` is its mouse, keyboard and camera. `probe` runs inside Blender, and only looks: it calls the
functions it is asked for (those of `inside`, or of the scenario's own module), and keeps time. Scenarios set the scene through
it, such as the rig that is open, and then only touch mouse and keyboard. A scenario of many repetitions says so when it calls
operators.

Where a button is: nothing in Blender tells. `Window.find` moves the mouse along a region in steps of half a button and asks
Blender which operator or property is under it, so scenarios name an operator or a property, and stand when a panel is
rearranged.

`check` fails the scenario; `figure` is a time or a size, with what it was `without` the work under test where the machine
itself is slow: the limit counts only if the window alone keeps it.
"""
