# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions of files as assets: solved on a rig one by one, and written to an asset library in one go.

Between two slices what is made waits in the open file, without users, and is known by its session id: it may be undone there.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy

from ..errors import FileProblem, SkeletonProblem
from ..motion import facts, humanoid, picture
from ..motion.clip import Excerpt
from ..motion.png import Image
from . import action as action_writer
from . import apply, assets, catalogues, mannequin, places
from .apply import Composed, Placement, Stage
from .assets import Label
from .background import Work
from .origin import Origin
from .scenes import scene_fps

OWN_LIBRARY = "Motions"
MOST_TAGS = 16
_WORD = re.compile(r"[^\W\d_]{3,}")
UNSAID = frozenset(
    _WORD.findall(
        "about after along and another are around back before both does for from has have her hers him his into its makes near "
        "off onto out over own person someone somebody something takes that the their them then there they this through "
        "towards under until very was were while who with"
    )
)
"""Words of captions that nobody looks for."""


@dataclass(frozen=True)
class Solved:
    """A motion as keys, its picture, and words to find it by."""

    composed: Composed
    image: Image
    tags: tuple[str, ...]


class Sending:
    """What becomes of many motions: counts, for people, and the file once it is there."""

    def __init__(self, origins: Sequence[Origin], folder: Path, name: str, catalogue: str) -> None:
        self.origins, self.folder, self.name = list(origins), folder, name
        self.catalogue = catalogues.clean(catalogue)
        self.done = 0
        self.problems: list[str] = []
        self.made: Path | None = None
        self.count = 0
        self._names: dict[int, str] = {}

    def work(self, context: bpy.types.Context, rig: bpy.types.Object | None, placement: Placement) -> Work:
        """For a `SlicedOperator`: solve each in a thread, write them all. Closed earlier, it leaves nothing."""
        placement = replace(placement, at=1, extent="KEEP", goes="file", blend=0, place="rig")
        fps = scene_fps(context.scene)
        try:
            owner, stage = stage_of(context, rig, placement)
            for origin in self.origins:
                try:
                    solved = yield solve, (origin, stage, placement, fps)
                    self._keep(owner, origin, solved, placement)
                except (FileProblem, SkeletonProblem) as problem:
                    self.problems.append(f"{origin.name}: {problem}")
                self.done += 1
            self._write()
        except (FileProblem, SkeletonProblem) as problem:
            self.problems.append(str(problem))
        finally:
            found = self._found()
            if found:
                bpy.data.batch_remove(found)

    def _keep(self, owner: str, origin: Origin, solved: Solved, placement: Placement) -> None:
        keys = solved.composed.keys
        action, _ = action_writer.make(_Named(owner), keys, origin.name, 1)
        self._names[action.session_uid] = origin.name
        if placement.loop:
            action.use_frame_range = action.use_cyclic = True
            action.frame_start, action.frame_end = 1, keys.frames
        origin.note(action)
        label = Label(self.catalogue, origin.caption, solved.tags)
        assets.mark(action, label, catalogues.identity(self.catalogue), solved.image)
        origin.note(action.asset_data)

    def _found(self) -> list[bpy.types.Action]:
        return [action for action in bpy.data.actions if action.session_uid in self._names]

    def _write(self) -> None:
        """Raises FileProblem."""
        actions = self._found()
        if not actions:
            return
        catalogue = catalogues.ensure(self.folder, self.catalogue)
        for action in actions:
            assert action.asset_data is not None
            action.asset_data.catalog_id = catalogue
        with named(actions, [self._names[action.session_uid] for action in actions]):
            self.made = assets.store(self.folder, self.name, set(actions))
        self.count = len(actions)


@dataclass(frozen=True)
class _Named:
    """In place of an object that is gone: new actions ask for its name alone."""

    name: str


def solve(origin: Origin, stage: Stage, placement: Placement, fps: float) -> Solved:
    """In any thread. Raises FileProblem, SkeletonProblem."""
    clip = apply.read_take(Path(origin.path), origin.take)
    if origin.end > origin.start:
        clip = clip.excerpt(origin.start, origin.end)
    composed = apply.compose([clip], stage, placement, fps)
    positions = humanoid.body_positions(clip, humanoid.recognise(clip.whole if isinstance(clip, Excerpt) else clip))
    image = picture.thumbnail(positions, picture.telling(positions), assets.SIZE)
    measured = facts.tags(facts.measure(positions, clip.fps))
    return Solved(composed, image[:, ::-1] if placement.mirror else image, _tags(origin.caption, measured))


def _tags(caption: str, measured: Sequence[str]) -> tuple[str, ...]:
    said = [word for word in _WORD.findall(caption.lower()) if word not in UNSAID]
    return tuple(dict.fromkeys([*measured, *said]))[:MOST_TAGS]


def stage_of(context: bpy.types.Context, rig: bpy.types.Object | None, placement: Placement) -> tuple[str, Stage]:
    """The rig's name and what solving needs to know of it; without a rig, of the plain figure that `tmr.add_rig` adds.

    Raises SkeletonProblem.
    """
    if rig is not None:
        return rig.name, apply.read_stage(context, rig, placement)
    if context.mode != "OBJECT":
        raise SkeletonProblem("Go to object mode first: motions are put on a figure there that is added for a moment.")
    layer = context.view_layer
    chosen, active = list(context.selected_objects), layer.objects.active
    known = {item.session_uid for item in bpy.data.user_map()}
    try:
        figure = mannequin.add(context)
        figure.location = (0.0, 0.0, 0.0)
        return mannequin.NAME, apply.read_stage(context, figure, placement)
    finally:
        bpy.data.batch_remove([item for item in bpy.data.user_map() if item.session_uid not in known])
        for item in chosen:
            item.select_set(True)
        layer.objects.active = active


@contextmanager
def named(actions: Sequence[bpy.types.Action], names: Sequence[str]) -> Iterator[None]:
    """The actions by these names, whoever has them; afterwards the others have theirs again.

    Two that are to have the same name get numbers.
    """
    own = {action.session_uid for action in actions}
    others = [(bpy.data.actions.get(name), name) for name in dict.fromkeys(names)]
    moved = [(action, action.name) for action, _ in others if action is not None and action.session_uid not in own]
    try:
        for action, name in moved:
            action.name = f"{name[:50]} (kept)"
        for action in actions:
            action.name = "waits"
        for action, name in zip(actions, names, strict=True):
            action.name = name
        yield
    finally:
        for action in actions:
            action.name = "waits"
        for action, name in moved:
            action.name = name


def library_folder(context: bpy.types.Context, directory: str, name: str, make: bool) -> Path:
    """The folder to write to: `directory`, that of the asset library `name`, or of the first one that is there.

    make: where there is none, one of our own is made among the user's files and added to the preferences. Raises FileProblem.
    """
    if directory:
        return Path(bpy.path.abspath(directory))
    libraries: Any = context.preferences.filepaths.asset_libraries
    there = [item for item in libraries if item.path and Path(bpy.path.abspath(item.path)).is_dir()]
    chosen = [item for item in there if item.name == name] if name else there
    if chosen:
        return Path(bpy.path.abspath(chosen[0].path))
    if name:
        raise FileProblem(f"There is no asset library {name} whose folder is there: see Preferences > File Paths.")
    if not make:
        raise FileProblem("No asset library has a folder that is there: add one in Preferences > File Paths, or have one made.")
    folder = places.user_folder("assets")
    added = libraries.new(name=OWN_LIBRARY, directory=str(folder))
    added.import_method = "APPEND"
    context.preferences.is_dirty = True
    return folder


def refresh(context: bpy.types.Context) -> bool:
    """Have asset browsers and shelves look at their folders again; whether a shelf did."""
    done = False
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                shelf = region.type == "ASSET_SHELF" and region.height > 1
                if not shelf and not (area.ui_type == "ASSETS" and region.type == "WINDOW"):
                    continue
                with context.temp_override(window=window, area=area, region=region):
                    if bpy.ops.asset.library_refresh.poll():
                        bpy.ops.asset.library_refresh()
                        done = done or shelf
    return done
