# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of mappings that a studio can share, and the one of them that fits a rig."""

import contextlib
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import FileProblem, SkeletonProblem, one_line
from ..motion import body
from . import rest, roles
from .conventions import Control
from .mapping_text import from_text
from .rig import Rig
from .roles import RigMap, covered

SUFFIX = ".json"

MAX_BYTES = 256 * 1024
MAX_FILES = 500


@dataclass(frozen=True)
class Saved:
    """A mapping and the file that it lies in."""

    rig_map: RigMap
    path: Path


@dataclass(frozen=True)
class Shelf:
    """The mappings of a folder in order of their file names, and a sentence about each file that can't be used."""

    saved: tuple[Saved, ...] = ()
    problems: tuple[str, ...] = ()


def for_rig(rig: Rig, shelves: Sequence[Sequence[Saved]] = ()) -> RigMap:
    """The saved mapping that fits the rig best, or else what `roles.map_rig` finds. Raises SkeletonProblem as that does."""
    chosen = choose(rig, shelves)
    return chosen[1] if chosen else roles.map_rig(rig)


def choose(rig: Rig, shelves: Sequence[Sequence[Saved]]) -> tuple[Saved, RigMap] | None:
    """The saved mapping that fits the rig best, and what it is on this rig.

    The first shelf with one that fits decides; of several on it the one with most bones on this rig, then the first.
    """
    if not rig.count or not any(shelves):
        return None
    find = finder(rig)
    for shelf in shelves:
        fitting = [(saved, placed(rig, saved.rig_map, find)) for saved in shelf if fits(saved.rig_map, find)]
        if fitting:
            return max(fitting, key=lambda pair: len(pair[1].bones))
    return None


Find = Callable[[str], str]
"""Name of a bone -> the rig's own name of it, or "" where it has none."""


def finder(rig: Rig) -> Find:
    """Looks bones up by their exact names, else without namespace and letter case, as the tables of conventions are."""
    exact = frozenset(rig.names)
    known: dict[str, str] = {}
    for name in rig.names:
        known.setdefault(roles.plain(name), name)
    return lambda name: name if name in exact else known.get(roles.plain(name), "") if name else ""


def fits(rig_map: RigMap, find: Find) -> bool:
    """Whether a rig has every bone of the body that a mapping names, each another one, and the bone that travels.

    Fingers, twist bones, controls, held bones and switches may be missing: characters of one studio differ in those.
    """
    wanted = [name for role, name in rig_map.bones.items() if role not in body.FINGERS]
    found = {find(name) for name in wanted}
    return "" not in found and len(found) == len(wanted) and bool(find(rig_map.travel))


def placed(rig: Rig, rig_map: RigMap, find: Find | None = None) -> RigMap:
    """The mapping as far as the rig has its bones and properties, under the rig's own names of them."""
    find = find or finder(rig)

    def switches(wanted: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
        found = {(find(name), key): value for (name, key), value in wanted.items()}
        return {switch: value for switch, value in found.items() if switch in rig.properties}

    def names(wanted: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(own for name in wanted if (own := find(name))))

    bones: dict[str, str] = {}
    for role, name in rig_map.bones.items():
        if (own := find(name)) and own not in bones.values():
            bones[role] = own
    controls = {
        end: Control(find(control.bone), find(control.pole), switches(control.switches), find(control.toe), names(control.held))
        for end, control in rig_map.controls.items()
        if find(control.bone)
    }
    twists = {
        segment: found
        for segment, listed in rig_map.twists.items()
        if (found := tuple(name for name in names(listed) if name not in bones.values()))
    }
    travel = _travel(rig, find(rig_map.travel), bones.get("pelvis", ""), rig_map)
    return replace(
        rig_map,
        score=covered(bones),
        bones=bones,
        travel=travel,
        held=tuple(name for name in names(rig_map.held) if name not in (*bones.values(), travel)),
        switches=switches(rig_map.switches),
        root=find(rig_map.root),
        controls=controls,
        twists=twists,
    )


def _travel(rig: Rig, named: str, pelvis: str, rig_map: RigMap) -> str:
    """The bone that a mapping says travels; where it says the pelvis or nothing, the nearest one upwards that can be moved."""
    if named and rig_map.travel != rig_map.bones.get("pelvis"):
        return named
    start = pelvis or named
    if not start:
        return ""
    index = rig.index(start)
    return next((rig.names[i] for i in (index, *roles.ancestors(rig, index)) if not rig.connected[i]), start)


def file_name(name: str) -> str:
    """What the file of a mapping of that name is called, safe on every system. Raises SkeletonProblem for an empty name."""
    bare = re.sub(r"[^\w\- ]+", "_", name).strip("_ ")[:60].strip()
    if not bare:
        raise SkeletonProblem("Give the mapping a name with letters or digits.")
    # Windows keeps some names for its devices, whatever their suffix.
    reserved = re.fullmatch(r"con|prn|aux|nul|(com|lpt)\d", bare, re.IGNORECASE)
    return (f"{bare}_" if reserved else bare) + SUFFIX


def write(path: Path, text: str) -> None:
    """Put a mapping's text into a file at once, or leave the file as it was. Raises FileProblem."""
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise FileProblem(f"{path} can't be written: {error.strerror or error}.") from error


# Files


def read(path: Path) -> RigMap:
    """The mapping in a file. Raises FileProblem, naming the file and what is wrong with it."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileProblem(f"{path.name} is not a file.")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileProblem(f"{path.name} can't be read: {error.strerror or error}.") from error
    if len(content) > MAX_BYTES:
        raise FileProblem(f"{path.name} is larger than {MAX_BYTES // 1024} KiB: no mapping is.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileProblem(f"{path.name} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    return from_text(text, path.name)


def read_folder(folder: Path) -> Shelf:
    """The mappings that lie in a folder itself, not below it. What can't be used is told about and left out."""
    saved, problems = [], []
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == SUFFIX and not path.name.startswith("."))
    except OSError as error:
        return Shelf(problems=(one_line(f"The folder of mappings {folder} can't be read: {error.strerror or error}."),))
    if len(paths) > MAX_FILES:
        problems.append(one_line(f"The folder {folder} holds {len(paths)} mappings: the first {MAX_FILES} are used."))
    for path in paths[:MAX_FILES]:
        try:
            rig_map = read(path)
            rest.require(rig_map.bones, path.name)
        except (FileProblem, SkeletonProblem) as problem:
            problems.append(str(problem))
        else:
            saved.append(Saved(rig_map, path))
    return Shelf(tuple(saved), tuple(problems))
