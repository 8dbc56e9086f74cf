# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Which mapping a rig goes by: the edits made in this scene, a saved file that fits, or what tables and shape say.

The rig itself is never edited. Edits are kept in the scene, so that they are undone and saved with it; a mapping that is
saved lies in the user's folder, which updates of the extension leave alone, or in the one that a studio shares.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import bpy
from bpy.props import CollectionProperty, PointerProperty, StringProperty

from ..errors import SkeletonProblem, TMRError
from ..retarget import editing, mapping, mapping_text, rest, roles
from ..retarget.mapping import Saved, Shelf
from ..retarget.rig import Rig
from ..retarget.roles import RigMap
from . import places, preferences
from . import rig as rig_reader

SEEN = 32
"""Rigs whose mapping is remembered for drawing."""

Source = Literal["edited", "user", "studio", "found", "none"]


@dataclass(frozen=True)
class Known:
    """What is known about a rig's mapping.

    source: "edited" in this scene, a file of the "user" or the "studio", "found" by tables and shape, or "none".
    saved: the file that fits the rig, whether or not edits go before it. problem: why nothing was found, or "".
    """

    rig_map: RigMap
    source: Source
    saved: Saved | None = None
    problem: str = ""


@dataclass(frozen=True)
class Shelves:
    """The saved mappings as they were last read. stamp: of the files, which tells when to read them again."""

    stamp: tuple
    user: Shelf
    studio: Shelf

    @property
    def in_order(self) -> tuple[tuple[Saved, ...], ...]:
        """The user's go before the studio's."""
        return self.user.saved, self.studio.saved

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence about each file that can't be used."""
        return self.user.problems + self.studio.problems


_shelves: Shelves | None = None
_seen: OrderedDict[tuple, Known] = OrderedDict()
_latest: dict[tuple, Known] = {}


def read(object: bpy.types.Object, scene: bpy.types.Scene) -> tuple[Rig, RigMap]:
    """The rig of an armature object and the mapping it goes by. Raises SkeletonProblem as `rig.read` and `roles.map_rig` do."""
    rig_reader.check(object)
    if not draft(scene, object) and not any(shelves().in_order):
        rig = rig_reader.read(object)
        return rig, roles.map_rig(rig)
    rig_map = of(object, rig_reader.plain(object), scene)
    return rig_reader.read(object, rig_map), rig_map


def of(object: bpy.types.Object, outline: Rig, scene: bpy.types.Scene) -> RigMap:
    """The mapping a rig goes by, whole enough for a motion. Raises SkeletonProblem.

    outline: the rig as `rig.plain` reads it.
    """
    known = look(object, outline, scene, shelves())
    if known.source == "none":
        raise SkeletonProblem(known.problem)
    rest.require(known.rig_map.bones, object.name)
    return known.rig_map


def look(object: bpy.types.Object, outline: Rig, scene: bpy.types.Scene, files: Shelves) -> Known:
    """The mapping a rig goes by, complete or not."""
    chosen = mapping.choose(outline, files.in_order)
    saved = chosen[0] if chosen else None
    text = draft(scene, object)
    if text:
        try:
            edited = mapping.placed(outline, mapping_text.from_text(text, f"The edited mapping of {object.name}"))
            return Known(_numeric(object, edited), "edited", saved)
        except TMRError as problem:
            return Known(editing.BY_HAND, "none", saved, str(problem))
    if chosen is not None:
        source = "user" if saved in files.user.saved else "studio"
        return Known(_numeric(object, chosen[1]), source, saved)
    try:
        found = roles.map_rig(outline)
        # Whatever was found can be edited: what is kept of an edit names no bone twice.
        return Known(replace(_numeric(object, mapping.placed(outline, found)), score=found.score), "found")
    except SkeletonProblem as problem:
        return Known(editing.BY_HAND, "none", None, str(problem))


def _numeric(object: bpy.types.Object, rig_map: RigMap) -> RigMap:
    """Without switches that are no numbers: a file can name any property of the rig."""

    def kept(switches: Any) -> dict[tuple[str, str], float]:
        bones = object.pose.bones
        return {(name, key): value for (name, key), value in switches.items() if isinstance(bones[name][key], int | float)}

    controls = {end: replace(control, switches=kept(control.switches)) for end, control in rig_map.controls.items()}
    return replace(rig_map, switches=kept(rig_map.switches), controls=controls)


def seen(object: bpy.types.Object, scene: bpy.types.Scene) -> Known:
    """What `look` says, remembered until bones, edits or files change: cheap enough for drawing. Reads no file twice."""
    files = _shelves or shelves()
    brief = _brief(object, scene, files)
    key = (*brief, hash(tuple(object.data.bones.keys())))
    if key not in _seen:
        _seen[key] = look(object, rig_reader.plain(object), scene, files)
        while len(_seen) > SEEN:
            _seen.popitem(last=False)
    _seen.move_to_end(key)
    _latest.clear()
    _latest[brief] = _seen[key]
    return _seen[key]


def _shown(object: bpy.types.Object, scene: bpy.types.Scene) -> Known:
    """The same for each of many fields: that no bone was renamed since the panel was drawn is taken for granted."""
    found = _latest.get(_brief(object, scene, _shelves)) if _shelves else None
    return found or seen(object, scene)


def _brief(object: bpy.types.Object, scene: bpy.types.Scene, files: Shelves) -> tuple:
    return object.session_uid, object.data.session_uid, len(object.data.bones), draft(scene, object), files.stamp


def forget() -> None:
    """Look at rigs and files anew when the next one is drawn."""
    global _shelves
    _shelves = None
    _seen.clear()
    _latest.clear()


def problems() -> tuple[str, ...]:
    """A sentence about each saved mapping that can't be used, as of the last look at the files."""
    return _shelves.problems if _shelves else ()


# Files


def folder() -> Path:
    """Where the user's own mappings lie."""
    return places.user_folder("mappings")


def studio_folder() -> Path | None:
    """Where the shared ones lie, if the preferences name a folder."""
    named = preferences.preferences(bpy.context).mappings
    return Path(bpy.path.abspath(named)) if named else None


def shelves() -> Shelves:
    """The saved mappings; files that have not changed since the last time are not read again."""
    global _shelves
    own, shared = folder(), studio_folder()
    stamp = (_stamp(own), _stamp(shared) if shared else None)
    if _shelves is None or _shelves.stamp != stamp:
        _shelves = Shelves(stamp, mapping.read_folder(own), mapping.read_folder(shared) if shared else Shelf())
    return _shelves


def _stamp(place: Path) -> tuple:
    """Changes whenever a file of mappings does."""
    try:
        found = [(path.name, path.stat()) for path in place.iterdir() if path.suffix.lower() == mapping.SUFFIX]
    except OSError as error:
        return (str(place), str(error))
    return (str(place), *sorted((name, status.st_mtime_ns, status.st_size) for name, status in found))


# Edits


class TMR_PG_draft(bpy.types.PropertyGroup):
    """A mapping edited in this scene and not saved as a file; `name` is the rig object's."""

    text: StringProperty(description="The mapping, as its file would be")
    armature: StringProperty(description="Name of the rig's armature, by which it is known once the object was renamed")


def draft(scene: bpy.types.Scene, object: bpy.types.Object) -> str:
    """The edited mapping of a rig, or ""."""
    place = _place(scene, object)
    return scene.tmr_mapping.drafts[place].text if place >= 0 else ""


def _place(scene: bpy.types.Scene, object: bpy.types.Object) -> int:
    """Of a rig's draft, or -1. A rig is known by its name and its armature's, of which one may have changed."""
    name, armature = object.name, object.data.name
    for i, item in enumerate(scene.tmr_mapping.drafts):
        if (item.name, item.armature) == (name, armature):
            return i
        former = bpy.data.objects.get(item.name)
        renamed = item.armature == armature and (former is None or former.data != object.data)
        if renamed or (item.name == name and item.armature not in bpy.data.armatures):
            return i
    return -1


def keep(scene: bpy.types.Scene, object: bpy.types.Object, rig_map: RigMap) -> None:
    """Have the rig go by an edited mapping in this scene. Raises SkeletonProblem for one that could not be read again."""
    text = mapping_text.to_text(rig_map)
    drafts = scene.tmr_mapping.drafts
    place = _place(scene, object)
    found = drafts[place] if place >= 0 else drafts.add()
    found.name, found.armature, found.text = object.name, object.data.name, text


def drop(scene: bpy.types.Scene, object: bpy.types.Object) -> None:
    """Forget the edits."""
    place = _place(scene, object)
    if place >= 0:
        scene.tmr_mapping.drafts.remove(place)


def edit(scene: bpy.types.Scene, object: bpy.types.Object, field: str, bone: str) -> str:
    """Give a bone to one of `editing.FIELDS`, or none (""). Returns the role that lost the bone by it, or "".

    Raises SkeletonProblem for a bone or field that there isn't.
    """
    rig_map = seen(object, scene).rig_map
    keep(scene, object, editing.assign(rig_reader.plain(object), rig_map, field, bone))
    return editing.holder(rig_map, field, bone)


def rig_of(context: bpy.types.Context) -> bpy.types.Object:
    """The rig whose mapping is shown. Raises SkeletonProblem with what to do where there is none or it can't be read."""
    from .apply import target  # which reads rigs by their mapping

    rig = target(context)
    if not rig.pose or not rig.pose.bones:
        raise SkeletonProblem(f"{rig.name} has no bones: pick an armature with a human rig")
    if rig.mode == "EDIT":
        raise SkeletonProblem(f"{rig.name} is in edit mode, where bones may change: leave it first (Tab)")
    if not rig.is_editable:
        raise SkeletonProblem(f"{rig.name} is linked: make a library override of it first (Object > Library Override)")
    return rig


def _field(field: str) -> Any:
    """A text field that shows a bone of the active rig's mapping, and edits it."""

    def get(self: "TMR_PG_mapping") -> str:
        try:
            return editing.get(_shown(rig_of(bpy.context), self.id_data).rig_map, field)
        except SkeletonProblem:
            return ""  # the panel says why

    def set(self: "TMR_PG_mapping", bone: str) -> None:
        edit(self.id_data, rig_of(bpy.context), field, bone)

    words = editing.in_words(field)
    return StringProperty(name=words, description=f"{words}: the bone that is keyed for it", get=get, set=set)


class TMR_PG_mapping(bpy.types.PropertyGroup):
    """The mapping of the active rig, one text field for each of `editing.FIELDS`, and the edits of this scene's rigs."""

    drafts: CollectionProperty(type=TMR_PG_draft)


TMR_PG_mapping.__annotations__.update({field: _field(field) for field in editing.FIELDS})

_CLASSES = (TMR_PG_draft, TMR_PG_mapping)


def register() -> None:
    """Register the classes and hang the fields on the scene, where edits are undone."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.tmr_mapping = PointerProperty(type=TMR_PG_mapping)


def unregister() -> None:
    """Undo `register`."""
    del bpy.types.Scene.tmr_mapping
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
    forget()
