# SPDX-License-Identifier: GPL-3.0-or-later
"""Long work that changes the file, done in slices: what needs Blender between two ticks of a timer, all else in a thread.

An operator writes its work as a generator. What it yields, a function that touches nothing of Blender's and its arguments,
is called in a thread, and its result is sent back; between two yields the generator has Blender for itself, for as long as one
slice takes. Without a window the same generator runs to its end at once.
"""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import bpy

from ..errors import TMRError
from . import jobs

TICK = 0.02
"""Seconds between two looks at the thread."""

Request = tuple[Callable[..., Any], tuple[Any, ...]]
Work = Generator[Request, Any, None]


class SlicedOperator:
    """Mix-in of an operator that does its work in slices.

    A subclass calls `begin` from its `execute` with its generator and defines `finish`, which says what became of it.
    Esc ends the work after the slice under way: the generator is closed, what it has done stays, in one undo step.
    """

    report: Any
    timer: bpy.types.Timer | None = None
    cancelled = False
    work: Work | None = None
    pool: ThreadPoolExecutor | None = None
    pending: Future[Any] | None = None

    def finish(self, context: bpy.types.Context) -> set[str]:
        """Say what was done; the operator's answer."""
        raise NotImplementedError

    def describe(self) -> tuple[float, str]:
        """How far the work is (0..1), and a sentence about it."""
        raise NotImplementedError

    def begin(self, context: bpy.types.Context, work: Work) -> set[str]:
        """Do the work: at once without a window, else slice by slice."""
        self.work = work
        if jobs.waits(context):
            return self._all(context)
        self.pool = ThreadPoolExecutor(1)
        try:
            self._submit(next(work))
        except StopIteration:
            return self._end(context)
        jobs.enter(context, self, self.describe()[1])
        self.timer = context.window_manager.event_timer_add(TICK, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self.interrupt(context)
            return {"RUNNING_MODAL"}
        if event.type != "TIMER" or self.pending is None or not self.pending.done():
            return {"PASS_THROUGH"}
        if self.cancelled:
            return self._end(context)
        try:
            self._submit(self._next(self.pending))
        except StopIteration:
            return self._end(context)
        except BaseException:
            self._stop(context)
            raise
        fraction, sentence = self.describe()
        jobs.show(context, sentence, fraction)
        return {"PASS_THROUGH"}

    def interrupt(self, context: bpy.types.Context) -> None:
        """Stop after the slice under way."""
        self.cancelled = True
        jobs.show(context, jobs.STOPPING, 1.0)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: another file is loaded, or the window closes."""
        self.cancelled = True
        self._stop(context)

    def _all(self, context: bpy.types.Context) -> set[str]:
        assert self.work is not None
        try:
            request = next(self.work)
            while True:
                done: Future[Any] = Future()
                _call(done, request)
                request = self._next(done)
        except StopIteration:
            return self.finish(context)

    def _next(self, done: Future[Any]) -> Request:
        """Hand a result, or the sentence instead of it, to the generator; what it asks for next."""
        assert self.work is not None
        problem = done.exception()
        if problem is None:
            return self.work.send(done.result())
        return self.work.throw(problem)

    def _submit(self, request: Request) -> None:
        assert self.pool is not None
        function, arguments = request
        self.pending = self.pool.submit(function, *arguments)

    def _end(self, context: bpy.types.Context) -> set[str]:
        self._stop(context)
        return self.finish(context)

    def _stop(self, context: bpy.types.Context) -> None:
        if self.work is not None:
            self.work.close()
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
        if self.timer is not None:
            context.window_manager.event_timer_remove(self.timer)
        self.work = self.pool = self.timer = self.pending = None
        jobs.leave(context, self)


def _call(done: Future[Any], request: Request) -> None:
    function, arguments = request
    try:
        done.set_result(function(*arguments))
    except TMRError as problem:
        done.set_exception(problem)
