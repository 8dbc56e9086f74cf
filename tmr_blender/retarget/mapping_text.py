# SPDX-License-Identifier: GPL-3.0-or-later
"""A mapping as a text in JSON and back. The format is told in docs/mappings.md.

Texts come from strangers: everything in them is checked, and what is wrong is told in a sentence.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ..errors import FileProblem, SkeletonProblem
from ..motion import body
from .conventions import PAIRS, Control
from .roles import RigMap, covered

FORMAT = 1

MAX_NAME = 255
"""Bytes of the name of a bone, a property or a mapping."""

MAX_LISTED = 500
"""Bones held, or switches."""

MAX_TWISTS = 16
MAX_CHAIN = 24
"""Bones of a spine or neck."""

SPINE = tuple(f"spine{i}" for i in range(1, MAX_CHAIN + 1))
NECK = tuple(f"neck{i}" for i in range(1, MAX_CHAIN + 1))
SIDES = tuple(f"{side}_{part}" for side in ("left", "right") for part in PAIRS)
ROLES: tuple[str, ...] = ("pelvis", *SPINE, *NECK, "head", *SIDES, *body.FINGERS)
"""Every role that a mapping can name, in the order in which files and people list them."""

LIMB_ENDS = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("wrist", "ankle"))
SEGMENTS = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "elbow", "hip", "knee"))

Problem = Callable[[str], Exception]


def to_text(rig_map: RigMap, name: str = "") -> str:
    """The mapping as JSON, without what is empty. name: what it is called; its convention if none is given.

    Raises SkeletonProblem for a mapping that could not be read again.
    """
    data: dict[str, Any] = {"format": FORMAT, "name": name or rig_map.convention}
    data["roles"] = _ordered(rig_map.bones, ROLES)
    if rig_map.travel != rig_map.bones.get("pelvis"):
        data["travel"] = rig_map.travel
    data["root"] = rig_map.root
    data["held"] = list(rig_map.held)
    data["switches"] = _switch_rows(rig_map.switches)
    data["controls"] = {end: _control_row(control) for end, control in _ordered(rig_map.controls, LIMB_ENDS).items()}
    data["twists"] = {segment: list(names) for segment, names in _ordered(rig_map.twists, SEGMENTS).items()}
    kept = {key: value for key, value in data.items() if value or key == "roles"}
    text = json.dumps(kept, indent=2, ensure_ascii=False) + "\n"
    _Reader("The mapping", SkeletonProblem).read(text)
    return text


def _ordered(table: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """In the given order; what is not in it goes last."""
    return {key: table[key] for key in sorted(table, key=lambda key: order.index(key) if key in order else len(order))}


def _switch_rows(switches: Mapping[tuple[str, str], float]) -> list[dict[str, Any]]:
    return [{"bone": bone, "property": key, "value": value} for (bone, key), value in switches.items()]


def _control_row(control: Control) -> dict[str, Any]:
    row = {"bone": control.bone, "pole": control.pole, "switches": _switch_rows(control.switches)}
    row |= {"toe": control.toe, "held": list(control.held)}
    return {key: value for key, value in row.items() if value}


def from_text(text: str, where: str) -> RigMap:
    """The mapping that a text in JSON holds. where: what the text is, for people.

    The name is given back as the convention, and as score which share of a body the mapping covers. A limb may be missing:
    `rest.require` tells. Raises FileProblem.
    """
    return _Reader(where, FileProblem).read(text)


@dataclass(frozen=True)
class _Reader:
    """Reads what a stranger may have written. where: for people. problem: what is raised."""

    where: str
    problem: Problem

    def read(self, text: str) -> RigMap:
        data = self.table(self.parsed(text), "The mapping")
        version = data.get("format")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            self.refuse(f'"format" has to be {FORMAT}: this is no mapping of a rig')
        if version > FORMAT:
            self.refuse(f"it is of format {_shown(version).strip('“”')}, and this version reads {FORMAT}: update the extension")
        self.known(data, ("format", "name", "roles", "travel", "root", "held", "switches", "controls", "twists"), "it")
        bones = self.roles(data.get("roles"))
        controls = self.table(data.get("controls", {}), '"controls"')
        self.known(controls, LIMB_ENDS, '"controls"')
        twists = self.table(data.get("twists", {}), '"twists"')
        self.known(twists, SEGMENTS, '"twists"')
        found = RigMap(
            convention=self.name(data.get("name"), '"name"'),
            score=covered(bones),
            bones=bones,
            travel=self.optional(data, "travel") or bones.get("pelvis", ""),
            held=self.names(data.get("held", []), '"held"', MAX_LISTED),
            switches=self.switches(data.get("switches", [])),
            root=self.optional(data, "root"),
            controls={end: self.control(row, end) for end, row in controls.items()},
            twists={segment: self.names(names, f"the twists of {segment}", MAX_TWISTS) for segment, names in twists.items()},
        )
        self.check_once(found)
        return found

    def refuse(self, reason: str) -> NoReturn:
        raise self.problem(f"{self.where}: {reason}.")

    def parsed(self, text: str) -> Any:
        def pairs(rows: list[tuple[str, Any]]) -> dict[str, Any]:
            table = dict(rows)
            if len(table) < len(rows):
                twice = next(key for i, (key, _) in enumerate(rows) if key in dict(rows[:i]))
                self.refuse(f"{_shown(twice)} is there twice; keep one")
            return table

        try:
            return json.loads(text, object_pairs_hook=pairs)
        except (ValueError, RecursionError) as error:
            raise self.problem(f"{self.where}: it is not JSON ({_shown(error)}).") from error

    def table(self, value: Any, what: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.refuse(f"{what} has to be an object {{...}}")
        return value

    def known(self, table: Mapping[str, Any], keys: Iterable[str], what: str) -> None:
        for key in table:
            if key not in keys:
                self.refuse(f"{what} knows no {_shown(key)}; there are {', '.join(keys)}")

    def name(self, value: Any, what: str) -> str:
        """A name as Blender could hold it."""
        if not isinstance(value, str) or not value.strip():
            self.refuse(f"{what} has to be a name")
        if any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in value) or len(value.encode()) > MAX_NAME:
            self.refuse(f"{what}: {_shown(value)} is no name that Blender could hold")
        return value

    def optional(self, table: Mapping[str, Any], key: str) -> str:
        return self.name(table[key], f'"{key}"') if key in table else ""

    def names(self, value: Any, what: str, most: int) -> tuple[str, ...]:
        """A list of names, each once."""
        if not isinstance(value, list) or len(value) > most:
            self.refuse(f"{what} has to be a list of bones, {most} at most")
        found = tuple(self.name(name, f"a bone of {what}") for name in value)
        if len(set(found)) < len(found):
            twice = next(name for i, name in enumerate(found) if name in found[:i])
            self.refuse(f"{what} names {_shown(twice)} twice; keep one")
        return found

    def roles(self, value: Any) -> dict[str, str]:
        table = self.table(value, '"roles"')
        for role in table:
            if role not in ROLES:
                self.refuse(f"there is no role {_shown(role)}; roles are such as pelvis, spine1, neck1, head, left_elbow")
        return {role: self.name(name, f"the bone of {role}") for role, name in table.items()}

    def switches(self, value: Any) -> dict[tuple[str, str], float]:
        if not isinstance(value, list) or len(value) > MAX_LISTED:
            self.refuse(f'"switches" has to be a list, {MAX_LISTED} long at most')
        found: dict[tuple[str, str], float] = {}
        for row in value:
            row = self.table(row, "each switch")
            self.known(row, ("bone", "property", "value"), "a switch")
            switch = (self.name(row.get("bone"), "the bone of a switch"), self.name(row.get("property"), "a switch's property"))
            if switch in found:
                self.refuse(f"the switch {_shown(switch[1])} of {_shown(switch[0])} is there twice; keep one")
            found[switch] = self.number(row.get("value"), switch[1])
        return found

    def number(self, value: Any, key: str) -> float:
        # Numbers far beyond what any switch takes are compared, not converted: an integer may be too large for that.
        if not isinstance(value, int | float) or isinstance(value, bool) or not -1e6 <= value <= 1e6:
            self.refuse(f"the value of the switch {_shown(key)} has to be a number between -1000000 and 1000000")
        return float(value)

    def control(self, value: Any, end: str) -> Control:
        row = self.table(value, f"the control of {end}")
        self.known(row, ("bone", "pole", "switches", "toe", "held"), f"the control of {end}")
        return Control(
            self.name(row.get("bone"), f"the bone of the control of {end}"),
            self.optional(row, "pole"),
            self.switches(row.get("switches", [])),
            self.optional(row, "toe"),
            self.names(row.get("held", []), f"what the control of {end} holds", MAX_LISTED),
        )

    def check_once(self, found: RigMap) -> None:
        """A bone plays one part of the body, and what is held or twisted with another plays none."""
        uses: dict[str, str] = {}
        listed = [(name, role) for role, name in found.bones.items()]
        listed += [(name, "held") for name in found.held]
        listed += [(name, f"a twist of {segment}") for segment, names in found.twists.items() for name in names]
        for name, use in listed:
            if name in uses:
                self.refuse(f"the bone {_shown(name)} is both {uses[name]} and {use}; it can be only one")
            uses[name] = use
        if uses.get(found.travel) == "held":
            self.refuse(f"the bone {_shown(found.travel)} can't be held: it travels")


def _shown(value: object) -> str:
    """Of a value from a file, what fits into a sentence."""
    text = str(value) if not isinstance(value, int) or abs(value) < 10**12 else "a very large number"
    return f"“{text[:80]}”"
