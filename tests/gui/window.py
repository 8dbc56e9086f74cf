# SPDX-License-Identifier: GPL-3.0-or-later
"""The mouse, keyboard, camera and notebook of a scenario. Runs beside Blender, in the chroot, under its screen."""

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import numpy.typing

OUT = Path("/out")
Picture = numpy.typing.NDArray[numpy.uint8]
NEAR = 4
"""Pixels the mouse moves to the place of a click, for Blender to notice the button under it."""
SETTLE = 0.5
"""Seconds between that move and the press; a faster one is lost."""
LOOK = 0.1
EDGE = 14
"""Pixels at a region's lower end where the mouse takes hold of the edge instead of a button."""
STEP = 10
"""Half a button's height at a scale of 1."""
COLUMNS = (0.4, 0.12, 0.65, 0.82, 0.76, 0.88, 0.93, 0.25)
"""Where buttons are looked for across a region, as parts of its width."""


class Failed(Exception):
    """The scenario can't go on; `str(error)` says why."""


class Window:
    """One Blender window. clicks, sentences: how often the mouse was pressed and text typed, as a person would count."""

    def __init__(self, number: int, name: str) -> None:
        self.number, self.name = number, name
        self.clicks = self.sentences = self.shots = self.questions = 0
        self.checks: list[dict[str, Any]] = []
        self.figures: list[dict[str, Any]] = []

    # What Blender says

    def inside(self, function: Callable[..., Any] | str, *arguments: Any, timeout: float = 60.0) -> Any:
        """Call a function of this package inside Blender; its answer. Raises `Failed` where it fails or doesn't answer."""
        module, name = ("gui.inside", function) if isinstance(function, str) else (function.__module__, function.__name__)
        self.questions += 1
        question = {"id": self.questions, "module": module, "function": name, "arguments": arguments}
        draft = OUT / "asked.part"
        draft.write_text(json.dumps(question), encoding="utf-8")
        draft.replace(OUT / "asked.json")
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            told = OUT / "told.json"
            if told.exists():
                answer = json.loads(told.read_text(encoding="utf-8"))
                told.unlink()
                if answer["id"] == self.questions:
                    if "problem" in answer:
                        raise Failed(f"{name} failed inside Blender:\n{answer['problem']}")
                    return answer["value"]
            time.sleep(0.01)
        raise Failed(f"Blender did not answer {name} within {timeout:g} s.")

    def state(self) -> dict[str, Any]:
        """See `inside.state`."""
        return self.inside("state")

    def wait(self, what: str, reached: Callable[[dict[str, Any]], Any], timeout: float = 90.0) -> dict[str, Any]:
        """Look at the state until it is as wanted; raises `Failed` naming `what` where it isn't in time."""
        end = time.monotonic() + timeout
        shown = self.state()
        while not reached(shown):
            if time.monotonic() > end:
                raise Failed(f"waited {timeout:g} s for {what}; the window shows {shown}")
            time.sleep(LOOK)
            shown = self.state()
        return shown

    # Mouse and keyboard

    def move(self, x: float, y: float) -> None:
        """The mouse to a place in the window, pixels from its upper left."""
        _xdotool("mousemove", round(x), round(y))

    def point(self, place: tuple[float, float]) -> None:
        """The mouse to a place, as a hand comes to it."""
        self.move(place[0] - NEAR, place[1])
        time.sleep(0.15)
        self.move(*place)
        time.sleep(SETTLE)

    def click(self, place: tuple[float, float], button: int = 1, counted: bool = True, times: int = 1) -> None:
        """Move there and press. counted: whether an animator would have to."""
        self.point(place)
        self.press(button, counted, times)

    def press(self, button: int = 1, counted: bool = True, times: int = 1) -> None:
        """Press where the mouse is."""
        for _ in range(times):
            _xdotool("click", button)
        self.clicks += counted

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 12, drop: bool = True) -> None:
        """Press at one place, move to another, release there."""
        self.point(start)
        _xdotool("mousedown", 1)
        for step in range(1, steps + 1):
            self.move(*(a + (b - a) * step / steps for a, b in zip(start, end, strict=True)))
            time.sleep(0.05)
        time.sleep(SETTLE)
        if drop:
            _xdotool("mouseup", 1)
        self.clicks += 1

    def wheel(self, steps: int) -> None:
        """Turn the wheel: positive is down, towards the end of what is scrolled."""
        for _ in range(abs(steps)):
            _xdotool("click", 5 if steps > 0 else 4)
            time.sleep(0.05)

    def key(self, *keys: str) -> None:
        """Press keys one after the other, such as "Return", "ctrl+z"."""
        for key in keys:
            _xdotool("key", key)
            time.sleep(0.05)

    def type(self, text: str) -> None:
        """Type a sentence."""
        _xdotool("type", "--delay", 25, text)
        self.sentences += 1

    def type_into(self, path: str, text: str, counted: bool = True) -> None:
        """Click the text field that shows a property, replace what is in it; Enter is the caller's."""
        self.click(self.find(path), counted=counted)
        time.sleep(0.3)
        self.key("ctrl+a")
        self.type(text)

    def command(self, words: str) -> None:
        """An entry of the extension's menu, by its key, Space to search in it, the entry's name, Enter; over the viewport."""
        self.point(self.middle("VIEW_3D"))
        self.key("ctrl+shift+l")
        time.sleep(1.0)
        self.key("space")
        time.sleep(1.5)  # it reads all submenus first
        # A first letter may be lost, capitals more often; the search asks for neither capitals nor spaces before.
        _xdotool("type", "--delay", 25, f"  {words.lower()}")
        time.sleep(1.0)
        self.key("Return")

    # Where things are

    def rectangle(self, area: str = "VIEW_3D", region: str = "WINDOW") -> tuple[int, int, int, int]:
        """left, top, width, height of a region."""
        left, top, width, height = self.inside("rectangle", area, region)
        return left, top, width, height

    def middle(self, area: str = "VIEW_3D", region: str = "WINDOW") -> tuple[float, float]:
        """The middle of a region, left of the sidebar."""
        left, top, width, height = self.rectangle(area, region)
        return left + 0.4 * width, top + 0.5 * height

    def find(
        self,
        name: str,
        region: str = "UI",
        area: str = "VIEW_3D",
        columns: tuple[float, ...] = COLUMNS,
        pages: int = 3,
    ) -> tuple[float, float]:
        """The place of the first button from above, in these columns, whose operator call or property path has `name` in it.

        Where the region has none it is scrolled on, `pages` of them at most. Raises `Failed` where the mouse meets none.
        """
        met: set[str] = set()
        for page in range(pages):
            if page:
                self.scroll(area, region)
            # Unless told where, only the first page is looked through for small buttons, the next for what a whole row shows.
            place = self._sweep(name, area, region, columns[:2] if page and columns == COLUMNS else columns, met)
            if place is not None:
                return place
        raise Failed(f"no button for {name} in {region} of {area}; there are {sorted(met - {''})}")

    def _sweep(
        self, name: str, area: str, region: str, columns: tuple[float, ...], met: set[str]
    ) -> tuple[float, float] | None:
        """The place of a button in what a region shows now; `met` gets what else there is."""
        left, top, width, height = self.rectangle(area, region)
        for column in columns:
            x = left + column * width
            for y in range(top + STEP, top + height - EDGE, STEP):
                self.move(x, y)
                time.sleep(0.06)
                button = self.inside("under", area, region)
                if name in button:
                    return x, y + 4 if name in self.under(x, y + 4, area, region) else y
                met.add(button)
        return None

    def under(self, x: float, y: float, area: str = "VIEW_3D", region: str = "UI") -> str:
        """The button at a place, looked at twice: a busy window takes its time to notice the mouse."""
        for wait in (0.12, 0.3):
            self.move(x - NEAR, y)
            time.sleep(0.05)
            self.move(x, y)
            time.sleep(wait)
            button: str = self.inside("under", area, region)
            if button:
                return button
        return ""

    def scroll(self, area: str = "VIEW_3D", region: str = "UI", steps: int = 8) -> None:
        """Turn the wheel where only the region itself takes it, at its edge beside panels and lists."""
        left, top, _, height = self.rectangle(area, region)
        self.point((left + 5, top + 0.5 * height))
        self.wheel(steps)
        time.sleep(0.4)

    def scroll_up(self, area: str = "VIEW_3D", region: str = "UI") -> None:
        """To the region's upper end."""
        self.scroll(area, region, steps=-40)

    def open_tab(self, name: str = "TMR") -> None:
        """N where the sidebar is hidden, then a click on the tab."""
        if self.rectangle("VIEW_3D", "UI")[2] <= 1:
            self.point(self.middle())
            self.key("n")
            time.sleep(1.0)
        left, top, width, height = self.rectangle("VIEW_3D", "UI")
        # Blender does not say where a tab is. A person sees it: only the click that hits it counts.
        for y in range(top + 150, top + height, 18):
            self.click((left + width - 9, y), counted=False)
            time.sleep(0.3)
            if self.state()["category"] == name:
                self.clicks += 1
                return
        raise Failed(f"there is no tab {name} in the sidebar")

    def unfolded(self) -> set[str]:
        """The extension's panels that are drawn open."""
        before = self.inside("panel_draws")
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            time.sleep(0.3)
            drawn = {name for name, count in self.inside("panel_draws").items() if count > before.get(name, 0)}
            if drawn:
                return drawn
        return set()

    def unfold(self, panel: str) -> None:
        """Click the header of a panel of the tab where it is folded, scrolling on to it."""
        opened = self.unfolded()
        if panel in opened:
            return
        for page in range(3):
            if page:
                self.scroll()
            if self._unfold_here(panel, opened):
                return
        raise Failed(f"no header that unfolds {panel}; open are {sorted(opened)}")

    def _unfold_here(self, panel: str, opened: set[str]) -> bool:
        """Try what may be a header, from below: subpanels lie under the panel's own buttons."""
        left, top, width, height = self.rectangle("VIEW_3D", "UI")
        x = left + 0.3 * width
        for y in range(top + height - EDGE, top + 2 * STEP, -2 * STEP):  # headers are higher than that
            if self.under(x, y):  # a button, so no header
                continue
            self.click((x, y), counted=False)
            now = self.unfolded()
            if panel in now:
                self.clicks += 1
                return True
            if self.rectangle("FILE_BROWSER", "WINDOW")[2]:
                raise Failed(f"{panel} was looked for at {x:.0f}, {y}, where there is a button")
            if now != opened:  # the header of another panel: as it was
                self.click((x, y), counted=False)
        return False

    # What is kept

    def shot(self, what: str) -> None:
        """Photograph the screen."""
        time.sleep(0.4)
        self.shots += 1
        path = OUT / f"{self.number:02}_{self.name}_{self.shots}_{what}.png"
        taken = subprocess.run(["xwd", "-root", "-silent"], stdout=subprocess.PIPE, check=True).stdout
        done = subprocess.run(
            [sys.executable, "/src/xwd2png.py", str(path)], input=taken, stdout=subprocess.DEVNULL, check=False
        )
        self.check(f"the screen shows something at “{what}”", done.returncode == 0)

    def picture(self) -> Picture:
        """What the screen shows: [height, width, 4] bytes."""
        data = subprocess.run(["xwd", "-root", "-silent"], stdout=subprocess.PIPE, check=True).stdout
        head = struct.unpack(">25I", data[:100])
        width, height, row, start = head[4], head[5], head[12], head[0] + 12 * head[19]
        pixels = numpy.frombuffer(data, numpy.uint8, row * height, start)
        return pixels.reshape(height, row)[:, : 4 * width].reshape(height, width, 4)

    def appeared(self, before: Picture) -> tuple[int, int, int, int]:
        """left, top, right, bottom of what came over the screen after a picture, such as a popup; Blender says no place."""
        changed = (self.picture() != before)[..., :3].any(axis=2)
        # Little things blink beside it: only rows and columns that changed over a good part count.
        rows = numpy.flatnonzero(changed.sum(axis=1) > 100)
        columns = numpy.flatnonzero(changed.sum(axis=0) > 60)
        if not len(rows) or not len(columns):
            raise Failed("nothing has come over the screen")
        return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])

    def check(self, what: str, true: Any, detail: Any = "") -> None:
        """Note whether something is so; the scenario fails where it isn't, and goes on."""
        self.checks.append({"what": what, "passed": bool(true), "detail": "" if true else str(detail)})
        print(("passed: " if true else "FAILED: ") + what + ("" if true else f" ({detail})"), flush=True)

    def figure(self, what: str, value: float, unit: str, limit: float | None = None, without: float | None = None) -> None:
        """Note a measured value. limit: at most this. without: the same measured without the work."""
        busy = crowding()
        self.figures.append({"what": what, "value": value, "unit": unit, "limit": limit, "without": without, "busy": busy})
        print(f"{what}: {value:.3f} {unit} (limit {limit}, without {without}, machine {busy:.1f})", flush=True)


def crowding(seconds: float = 0.15) -> float:
    """How many times as long as its own processor time a bit of work takes now: 1 on a machine with a free processor."""
    start, own = time.perf_counter(), time.process_time()
    while time.process_time() - own < seconds:
        sum(range(1000))
    return (time.perf_counter() - start) / (time.process_time() - own)


def _xdotool(*arguments: Any) -> None:
    subprocess.run(["xdotool", *map(str, arguments)], check=True, env={**os.environ}, stdout=subprocess.DEVNULL)
