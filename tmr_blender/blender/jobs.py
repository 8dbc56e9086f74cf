# SPDX-License-Identifier: GPL-3.0-or-later
"""Long work: one child process that searches, and the operators that wait for it. (Indexing outlives Blender: `watching`.)

In a window an operator polls its request from a timer and Esc cancels; without one it waits. The child starts with
the first look at the panel or the first request, so enabling the extension costs nothing, and ends with the extension
or with Blender.
"""

import atexit
import time
from collections.abc import Mapping
from typing import Any, Protocol

import bpy

from ..errors import TMRError
from ..library.client import Client, Reply, Request
from . import places, redraw
from .language import marked, told
from .properties import state

TICK = 0.01
"""Seconds between two looks at the child's answers: they come within 0.1 s."""
AT_ONCE = 0.05
"""Seconds that a window may be held up for an answer that is about to come: so it is there for the drawing that the request
causes anyway, which can take longer than the search did."""
SHOWN_AFTER = 0.15
"""Seconds of waiting from which the panel says so; a line that comes and goes with every quick search would only flicker."""

CLOSE_SECONDS = 2.0
"""How long the child may take to end by itself when Blender quits; what it was writing stays whole even if killed."""

STOPPING = marked("Stopping")
"""What the panel shows once an operator has been asked to stop."""

_client: Client | None = None
_told: dict[str, str] = {}
"""What the child was told when it was started; see `places.variables`."""
_running: list["Operator"] = []


class Operator(Protocol):
    """An operator that is under way and can be asked to stop."""

    def interrupt(self, context: bpy.types.Context) -> None:
        """Stop soon."""

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop at once."""


def client() -> Client:
    """The child process, started if there is none, if the last one has died, or if the preferences say another number of
    threads; then not while it still works for an operator."""
    global _client, _told
    told = places.variables()
    if _client is None or not _client.alive or (told != _told and not _running):
        end_client()
        _client, _told = Client.start(variables=told), told
    return _client


def end_client() -> None:
    """End the child, if there is one."""
    global _client
    if _client is not None:
        _client.close(CLOSE_SECONDS)
        _client = None


def warm_up() -> None:
    """Have the child load the text network soon, once a session: the panel is open, so a search is likely.

    Called while the panel draws, where nothing may be started.
    """
    if _client is None and not bpy.app.background and not bpy.app.timers.is_registered(_warm):
        bpy.app.timers.register(_warm, first_interval=TICK)


def _warm() -> None:
    client().request("warm")


class WorkerOperator:
    """Mix-in of an operator whose work is one request to the child.

    A subclass calls `begin` from its `execute` or `invoke` and defines `finish`, which takes the result, and `arrived` where
    something can be shown even before the operator may end.
    """

    report: Any
    request: Request | None = None
    early: Reply | None = None
    """The answer, where it came before `begin` came back."""
    timer: bpy.types.Timer | None = None
    shown_from: float | None = None
    """By time.monotonic(), when the panel shall say that this is under way; None once it does."""
    cancelled = False
    work = ""
    """What is under way, as the panel shows it."""

    def arrived(self, context: bpy.types.Context, result: Any) -> None:
        """Show the result; called once, before `finish`."""

    def finish(self, context: bpy.types.Context, result: Any) -> set[str]:
        """Take the result; the operator's answer."""
        raise NotImplementedError

    def describe(self, progress: Any) -> tuple[float, str]:
        """How far a progress message says it is (0..1), and a sentence about it."""
        return 0.0, self.work

    def begin(self, context: bpy.types.Context, method: str, params: Mapping[str, Any]) -> set[str]:
        """Send the request; wait for it in background mode, else come back and poll."""
        idle = _client is not None and _client.idle
        if not self.ask(method, params):
            return {"CANCELLED"}
        if waits(context):
            return self.settle(context)
        if idle:
            self.expect(context)
        return self.watch(context)

    def ask(self, method: str, params: Mapping[str, Any]) -> bool:
        """Send the request; False where there is no child to send it to, which is reported."""
        try:
            self.request = client().request(method, params)
        except OSError as problem:
            self.report({"ERROR"}, told("The search process can't be started: {problem}.", problem=problem.strerror or problem))
            return False
        return True

    def expect(self, context: bpy.types.Context) -> None:
        """Give the answer a moment, and show a result that comes in it.

        The operator ends on the next tick all the same: what it reports here would go to a caller's Python, not to people.
        """
        assert self.request is not None
        reply = self.request.within(AT_ONCE)
        self.early = reply if reply is not None and reply.kind != "progress" else None
        if self.early is not None and self.early.kind == "result":
            self.arrived(context, self.early.value)

    def watch(self, context: bpy.types.Context) -> set[str]:
        """Come back with every tick of a timer and with every event."""
        _running.append(self)
        self.shown_from = time.monotonic() + SHOWN_AFTER
        self.timer = context.window_manager.event_timer_add(TICK, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.request is None:
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS":
            self.interrupt(context)
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        while reply := self.early or self.request.poll():
            if reply.kind == "progress":
                self.shown_from = None
                fraction, sentence = self.describe(reply.value)
                show(context, sentence, fraction)
                continue
            self.stop(context)
            return self._answer(context, reply.value if reply.kind == "result" else reply.raised())
        if self.shown_from is not None and time.monotonic() >= self.shown_from:
            self.shown_from = None
            show(context, self.work, 0.0)
        return {"PASS_THROUGH"}

    def interrupt(self, context: bpy.types.Context) -> None:
        """Ask the child to stop; its answer still comes."""
        self.cancelled = True
        if self.request is not None:
            self.request.cancel()
        self.shown_from = None
        show(context, STOPPING, 1.0)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: another file is loaded, or the window closes."""
        if self.request is not None:
            self.request.cancel()
        self.stop(context)

    def stop(self, context: bpy.types.Context) -> None:
        """Take the timer and the progress away."""
        if self.timer is not None:
            context.window_manager.event_timer_remove(self.timer)
            self.timer = None
        self.request = None
        leave(context, self)

    def settle(self, context: bpy.types.Context) -> set[str]:
        """Wait for the answer of what was asked."""
        assert self.request is not None
        try:
            result = self.request.wait()
        except TMRError as error:
            return self._answer(context, error)
        return self._answer(context, result)

    def _answer(self, context: bpy.types.Context, result: Any) -> set[str]:
        try:
            if isinstance(result, Exception):
                raise result
            if self.early is None and not self.cancelled:
                self.arrived(context, result)
            return self.finish(context, result)
        except TMRError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}


def waits(context: bpy.types.Context) -> bool:
    """Whether an operator has to wait for its results: there is no window that could bring it back."""
    return bpy.app.background or context.window is None


def show(context: bpy.types.Context, work: str, progress: float) -> None:
    """Tell the panel what is under way ("" for nothing) and redraw it.

    The sidebar alone: drawing the view beside it can take longer than a search does.
    """
    shown = state(context)
    shown.work, shown.progress = work, progress
    redraw.sidebars()


def enter(context: bpy.types.Context, operator: Operator, work: str) -> None:
    """An operator is under way: the panel shows it, and Cancel stops it."""
    _running.append(operator)
    show(context, work, 0.0)


def leave(context: bpy.types.Context, operator: Operator) -> None:
    """It no longer is."""
    if operator in _running:
        _running.remove(operator)
    if not _running:
        show(context, "", 0.0)


def running() -> bool:
    """Whether any operator is under way."""
    return bool(_running)


def expecting() -> bool:
    """Whether an answer that should come at once is waited for: what only looks nice stands back for it."""
    return any(getattr(operator, "shown_from", None) is not None for operator in _running)


def interrupt(context: bpy.types.Context) -> None:
    """Ask all operators that are under way to stop."""
    for operator in _running:
        operator.interrupt(context)


def register() -> None:
    """Make sure that the child never outlives Blender."""
    atexit.register(end_client)


def unregister() -> None:
    """Stop what is under way, end the child and undo `register`."""
    for operator in list(_running):
        operator.cancel(bpy.context)
    if bpy.app.timers.is_registered(_warm):
        bpy.app.timers.unregister(_warm)
    end_client()
    atexit.unregister(end_client)
