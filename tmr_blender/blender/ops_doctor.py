# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""The doctor's button: a report for the clipboard and Blender's text editor, made by a process of its own.

torch is never imported in Blender's process; and a report is wanted most of all where the search process doesn't start.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import bpy

from .. import doctor
from ..library.client import PACKAGE, child_environment
from . import jobs, places, preferences
from .language import marked, told

NAME = "TMR Doctor"
CHECKING = marked("Checking the installation…")
TICK = 0.1
MOST_SECONDS = 300.0
"""After which a doctor that says nothing more is ended."""


class TMR_OT_doctor(bpy.types.Operator):
    bl_idname = "tmr.doctor"
    bl_label = "Check Installation"
    bl_description = (
        "See whether everything is installed and works: versions, networks, libraries, a search and a retarget by itself.\n"
        "The report opens as a text and is copied, to be pasted in a bug report; it names no folder of yours beyond ~"
    )

    process: "subprocess.Popen[bytes] | None" = None
    output: IO[bytes] | None = None
    timer: bpy.types.Timer | None = None
    until = 0.0
    stopped = False

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self._start(context)
        except OSError as problem:
            self._stop(context)
            self.report({"ERROR"}, told("The check can't be started: {problem}.", problem=problem.strerror or problem))
            return {"CANCELLED"}
        if jobs.waits(context):
            assert self.process is not None
            try:
                self.process.wait(MOST_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            return self._finish(context)
        self.timer = context.window_manager.event_timer_add(TICK, window=context.window)
        context.window_manager.modal_handler_add(self)
        jobs.enter(context, self, told(CHECKING))
        self.report({"INFO"}, CHECKING)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type != "TIMER" or self.process is None:
            return {"PASS_THROUGH"}
        if self.process.poll() is None:
            if time.monotonic() > self.until:
                self.process.kill()
            return {"PASS_THROUGH"}
        if self.stopped:
            self._stop(context)
            return {"CANCELLED"}
        return self._finish(context)

    def interrupt(self, context: bpy.types.Context) -> None:
        """End the check; there is no report then."""
        self.stopped = True
        if self.process is not None:
            self.process.kill()
        jobs.show(context, jobs.STOPPING, 1.0)

    def cancel(self, context: bpy.types.Context) -> None:
        self._stop(context)

    def _start(self, context: bpy.types.Context) -> None:
        self.until = time.monotonic() + MOST_SECONDS
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 (closed by _stop)
        command = [sys.executable, "-X", "faulthandler", "-m", PACKAGE.name, "doctor"]
        for item in preferences.preferences(context).libraries:
            command += ["--library", str(places.library_for(Path(item.folder)))]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            env={**child_environment(), **places.variables()},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    def _stop(self, context: bpy.types.Context) -> None:
        """Take the timer, the process and its output away."""
        if self.timer is not None:
            context.window_manager.event_timer_remove(self.timer)
            self.timer = None
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.output is not None:
            self.output.close()
        self.process = self.output = None
        jobs.leave(context, self)

    def _finish(self, context: bpy.types.Context) -> set[str]:
        """Show and copy what was said; FINISHED also where that is bad news."""
        assert self.process is not None and self.output is not None
        code = self.process.returncode
        self.output.seek(0)
        said = doctor.shortened(self.output.read().decode("utf-8", "replace"))
        self._stop(context)
        ended = "" if code in (0, doctor.ILL) else f"The check itself ended with status {code}.\n"
        text = f"{about()}\n{said}{ended}"
        show(text)
        context.window_manager.clipboard = text
        well = code == 0
        verdict = told("All is well") if well else told("Something is at fault")
        where = told("{verdict}: the report is copied, and is the text “{name}”", verdict=verdict, name=NAME)
        self.report({"INFO"} if well else {"WARNING"}, where)
        return {"FINISHED"}


def about() -> str:
    """Blender itself, which the doctor's own process knows nothing of."""
    settings: Any = bpy.context.preferences
    online = "allowed" if getattr(bpy.app, "online_access", True) else "not allowed"
    device = "background" if bpy.app.background else f"scale {settings.system.ui_scale:.2f}"
    return f"Blender {bpy.app.version_string}, {bpy.app.build_branch.decode() or 'module'}; online access {online}; {device}"


def show(text: str) -> bpy.types.Text:
    """The report as a text of the open file, in a text editor where one is open; one report at a time."""
    block = bpy.data.texts.get(NAME) or bpy.data.texts.new(NAME)
    block.clear()
    block.write(text)
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "TEXT_EDITOR":
                area.spaces.active.text = block
    return block


def draw(layout: bpy.types.UILayout) -> None:
    """The button."""
    layout.operator(TMR_OT_doctor.bl_idname, icon="HEART")


def register() -> None:
    """Register the operator."""
    bpy.utils.register_class(TMR_OT_doctor)


def unregister() -> None:
    """Undo `register`."""
    bpy.utils.unregister_class(TMR_OT_doctor)
