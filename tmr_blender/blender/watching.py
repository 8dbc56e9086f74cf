# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Work that outlives Blender: `library.detached` does it, a modal operator shows it, and a timer finds what goes on.

A job's place is the folder of its library among the user's files. While Blender runs, each job is watched by one operator,
which reports the outcome. A job that was started earlier, by a Blender that is closed or by another one, is found within a
second.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ..library import detached, getting, pace
from ..library.sources import Source
from . import jobs, language, places, preferences, summaries, wording

FIND_SECONDS = 1.0
"""How often jobs are looked for."""
LOOK_SECONDS = 0.1
"""How often a job that is shown is looked at; it tells no more often."""

WAIT_SECONDS = 0.05
CHARACTER = 5.8
"""Mean width of a letter, and what of a region's width is no room for the line: its edges, the tabs, the button."""
MARGIN = 60.0

STARTING = language.marked("Starting")

Report = Callable[[set[str], str], None]


@dataclass
class Shown:
    """What the panel says about a job.

    sentence: all of it. fraction: 0..1. stopping: whether it has been asked to end. shorter: what to say where the sentence
    has no room, the longest first.
    """

    sentence: str
    fraction: float = 0.0
    stopping: bool = False
    shorter: tuple[str, ...] = ()

    def within(self, characters: int) -> str:
        """The longest that has room, or as much of the shortest as has."""
        lines = (self.sentence, *self.shorter)
        return next((line for line in lines if len(line) <= characters), wording.shortened(lines[-1], characters))


watched: dict[Path, Shown] = {}
"""The jobs that are shown, by place."""
_watchers: list["Watcher"] = []


def begin(
    operator: Any, context: bpy.types.Context, library: Path, folder: Path, index: bool, source: Source | None = None
) -> set[str]:
    """Start a job on the library of a folder: `index` it, after getting the `source`, or only encode it anew. The operator's
    answer.

    In a window it is watched from now on; without one the outcome is waited for. If one is under way, it is that one.
    """
    place = places.kept_for(folder)
    try:
        told = {"variables": places.variables(), "gentle": not jobs.waits(context)}
        task = "get" if source is not None else "index" if index else "reencode"
        job = detached.start(place, library, folder, task, source=source, **told)
    except OSError as problem:
        operator.report(
            {"ERROR"}, language.told("The indexing process can't be started: {problem}.", problem=problem.strerror or problem)
        )
        return {"CANCELLED"}
    if jobs.waits(context):
        return take(context, operator.report, folder, _waited(place, job))
    watch(context, place, mine=True)
    return {"FINISHED"}


def _waited(place: Path, job: detached.Job) -> detached.Job | None:
    """The job at its end, or None where another Blender has taken the result."""
    try:
        while (found := detached.look(place)) is not None and found.alive:
            time.sleep(WAIT_SECONDS)
    except KeyboardInterrupt:
        detached.stop(place)
        raise
    return found if found is not None and found.id == job.id else None


def watch(context: bpy.types.Context, place: Path, mine: bool) -> None:
    """Show a job from now on. mine: whether it was started here, so that Esc stops it."""
    if place in watched:
        return
    watched[place] = Shown(STARTING)
    window = context.window or context.window_manager.windows[0]
    with context.temp_override(window=window):
        bpy.ops.tmr.watch("INVOKE_DEFAULT", place=str(place), mine=mine)


def under_way(folder: Path) -> bool:
    """Whether a job works on the library of a folder."""
    job = detached.look(places.kept_for(folder))
    return job is not None and job.alive


def lines(job: detached.Job) -> tuple[float, list[str]]:
    """How far a job is (0..1), and lines about it, the fullest first."""
    name = Path(job.folder).name
    progress = job.progress
    if progress is None:
        return 0.0, [language.told("{library}: starting", library=name)]
    if job.stage in ("download", "unpack"):
        told, total = getting.lines(progress), max(progress["total"], progress["done"], 1)
    else:
        unread = progress.get("errors", 0)
        told = pace.of_files(progress["done"], progress["total"], progress["rate"], progress["seconds_left"], unread)
        total = max(progress["total"], 1)
    work = "re-encoding, " if job.stage == "reencode" else ""
    return progress["done"] / total, [f"{name}: {work}{line}" for line in told]


def take(context: bpy.types.Context, report: Report, folder: Path | None, job: detached.Job | None) -> set[str]:
    """Report the outcome of a job, list its library, and forget it; the operator's answer.

    job: None where another Blender has taken the outcome, so that only the library itself tells it.
    """
    if job is None:
        if folder is not None:
            preferences.remember(context, folder)
        return {"FINISHED"}
    detached.forget(Path(job.library).parent)
    error = job.raised()
    if error is not None:
        report({"ERROR"}, str(error))
        return {"CANCELLED"}
    assert job.result is not None
    if job.task == "reencode":
        _report_reencoded(report, Path(job.folder), job.result)
        return {"FINISHED"}
    folder = Path(job.folder)
    if job.result.get("stage"):
        said = "{library}: the download was stopped, what has come is kept. Get it again to go on"
        report({"INFO"}, language.told(said, library=folder.name))
        return {"FINISHED"}
    preferences.remember(context, folder)
    preferences.clear_older(folder)
    _report_indexed(report, folder, job.result)
    return {"FINISHED"}


def _report_reencoded(report: Report, folder: Path, result: Mapping[str, Any]) -> None:
    if result["stopped"]:
        report({"INFO"}, language.told("{library}: stopped, and as it was. Re-encode it again to go on", library=folder.name))
    else:
        report({"INFO"}, language.told("{library}: {count} takes re-encoded", library=folder.name, count=result["takes"]))


def _report_indexed(report: Report, folder: Path, result: Mapping[str, Any]) -> None:
    if "total" in result and "failed" not in result:
        report({"INFO"}, language.told("{library}: stopped while it was re-encoded. Refresh to go on", library=folder.name))
        return
    for line in result["errors"]:
        report({"WARNING"}, line)
    said = language.told("{library}: {done} of {total} files", library=folder.name, done=result["done"], total=result["total"])
    if result["failed"]:
        said += language.told("; {count} could not be read, see Libraries", count=result["failed"])
    if result["stopped"]:
        said += language.told(", stopped before the end: refresh to go on")
    report({"INFO"}, said)


class Watcher:
    """What watches one job, tick by tick; the operator below without Blender around it.

    where: the job's place. mine: whether Esc stops it.
    """

    report: Any
    where: Path
    mine = False
    timer: bpy.types.Timer | None = None

    def attend(self, where: Path, timer: bpy.types.Timer | None) -> None:
        """Begin to watch."""
        self.where, self.timer = where, timer
        watched[where] = Shown(STARTING)
        _watchers.append(self)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self not in _watchers:
            return {"CANCELLED"}
        playing = any(window.screen.is_animation_playing for window in context.window_manager.windows)
        if event.type == "ESC" and event.value == "PRESS" and self.mine and not playing:  # Esc also stops playback
            interrupt(self.where)
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        job = detached.look(self.where)
        if job is not None and job.alive:
            self.show(context, job)
            return {"PASS_THROUGH"}
        self.leave(context)
        summaries.redraw()
        return take(context, self.report, None, job)

    def show(self, context: bpy.types.Context, job: detached.Job) -> None:
        """Bring what is shown up to date."""
        shown = watched[self.where]
        before = shown.sentence, shown.fraction
        shown.fraction, (shown.sentence, *shorter) = lines(job)
        shown.shorter = tuple(shorter)
        if shown.stopping:
            shown.sentence, shown.shorter = language.told("{library}: stopping", library=Path(job.folder).name), ()
        if before != (shown.sentence, shown.fraction):
            summaries.redraw()

    def cancel(self, context: bpy.types.Context) -> None:
        """Another file is loaded, or the window closes: the job goes on, and is found again."""
        self.leave(context)

    def leave(self, context: bpy.types.Context) -> None:
        """Take the timer and the line away."""
        if self.timer is not None:
            context.window_manager.event_timer_remove(self.timer)
            self.timer = None
        watched.pop(self.where, None)
        if self in _watchers:
            _watchers.remove(self)


class TMR_OT_watch(Watcher, bpy.types.Operator):
    bl_idname = "tmr.watch"
    bl_label = "Indexing"
    bl_description = "Show how far a folder of motions is indexed, and report the outcome"
    bl_options = {"INTERNAL"}

    place: StringProperty(options={"SKIP_SAVE"})
    mine: BoolProperty(options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.attend(Path(self.place), context.window_manager.event_timer_add(LOOK_SECONDS, window=context.window))
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}


def interrupt(place: Path) -> None:
    """Ask a job to end; what it has stored stays."""
    detached.stop(place)
    if place in watched:
        watched[place].stopping = True


def draw(layout: bpy.types.UILayout) -> None:
    """A line for each job under way, as full as the region has room for, with a button that stops it."""
    scale = bpy.context.preferences.system.ui_scale
    characters = int((bpy.context.region.width / scale - MARGIN) / CHARACTER)
    for place, shown in watched.items():
        row = layout.row(align=True)
        row.progress(factor=shown.fraction, text=shown.within(characters))
        row.operator("tmr.cancel", text="", icon="X").job = str(place)


def found() -> list[Path]:
    """The places of jobs that nobody here watches yet: under way, or with an outcome."""
    statuses = [status for folder in places.index_folders() for status in folder.glob(f"*/{detached.STATUS}")]
    return [path.parent for path in statuses if path.parent not in watched and detached.look(path.parent) is not None]


def _find() -> float:
    """Watch what is found."""
    if bpy.context.window_manager.windows:
        for place in found():
            watch(bpy.context, place, mine=False)
    return FIND_SECONDS


class TMR_OT_cancel(bpy.types.Operator):
    bl_idname = "tmr.cancel"
    bl_label = "Cancel"
    bl_description = "Stop the search or the indexing under way. What has been indexed so far is kept"
    bl_options = {"INTERNAL"}

    job: StringProperty(
        name="Job", description="The folder of the indexing to stop; empty stops all that is under way", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(language.told, "Nothing is under way")
        return jobs.running() or bool(watched)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self.job:
            jobs.interrupt(context)
        for place in list(watched):
            if self.job in {"", str(place)}:
                interrupt(place)
        return {"FINISHED"}


_CLASSES = (TMR_OT_watch, TMR_OT_cancel)


def register() -> None:
    """Register the classes, and look for what an earlier Blender has left to be done."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    if not bpy.app.background:
        bpy.app.timers.register(_find, first_interval=FIND_SECONDS, persistent=True)


def unregister() -> None:
    """Undo `register`. Jobs go on: this is also called when Blender quits."""
    if bpy.app.timers.is_registered(_find):
        bpy.app.timers.unregister(_find)
    for watcher in list(_watchers):
        watcher.leave(bpy.context)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
