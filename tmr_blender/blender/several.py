# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""Which motions an operator for several is about: marked results, files, actions of the rig."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from ..errors import QueryProblem
from ..motion import readers
from ..motion.clip import Clip
from .apply import read_take
from .placing import Placing
from .properties import state

EXAMPLE = '{"path": "walk.bvh", "take": 0, "start": 0.5, "end": 2, "name": "walk"}'
"""Of a motion among several; an action of the rig is {"action": "Walk"}."""


@dataclass(frozen=True)
class Source:
    """Where a motion comes from: a file, or an action of the rig.

    take: -1 stands for all of the file's. start, end: seconds; 0 is the end of the take.
    """

    name: str = ""
    path: str = ""
    take: int = 0
    start: float = 0.0
    end: float = 0.0
    action: str = ""

    @classmethod
    def of(cls, row: Any) -> "Source":
        """From a row of JSON: a path, or an object of these fields. Raises QueryProblem."""
        fields: Any = {"path": row} if isinstance(row, str) else row
        kinds: dict[str, type | tuple[type, ...]] = {"take": int, "start": (int, float), "end": (int, float)}
        if not isinstance(fields, dict) or not all(
            name in cls.__dataclass_fields__ and isinstance(value, kinds.get(name, str)) for name, value in fields.items()
        ):
            raise QueryProblem(f"A motion is a path or such as {EXAMPLE}, not {json.dumps(row)}.")
        made = cls(**fields)
        if bool(made.path) == bool(made.action):
            raise QueryProblem(f"A motion needs a path, or the action of a rig: {json.dumps(row)} is no such thing.")
        return replace(made, name=made.name or made.action or Path(made.path).stem)

    def clips(self) -> list[Clip]:
        """What the file holds of it. Raises FileProblem."""
        if self.take < 0:
            return readers.read(Path(self.path))
        clip = read_take(Path(self.path), self.take)
        return [clip.excerpt(self.start, self.end) if self.end > self.start else clip]


class SeveralMotions(Placing):
    """Mix-in: which motions an operator is about."""

    clips: StringProperty(
        name="Motions",
        description=f"As JSON, a list of paths or of such as {EXAMPLE}; empty takes results",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    results: StringProperty(
        name="Results",
        description="Which results, counted from 0, such as 0,3,1; empty takes the marked ones in their order",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def sources(self, context: bpy.types.Context) -> list[Source]:
        """The motions that were chosen; they are kept, so that a redo repeats them. Raises QueryProblem for none."""
        if not self.clips.strip():
            self.clips = json.dumps(
                [{"name": h.name, "path": h.path, "take": h.take, "start": h.start, "end": h.end} for h in self._hits(context)]
            )
        try:
            listed = json.loads(self.clips)
        except ValueError as error:
            raise QueryProblem(f"The motions are no JSON ({error}), such as [{EXAMPLE}].") from error
        if not isinstance(listed, list) or not listed:
            raise QueryProblem(f"The motions are a list of one or more, such as [{EXAMPLE}].")
        return [Source.of(row) for row in listed]

    def _hits(self, context: bpy.types.Context) -> list[Any]:
        hits = state(context).hits
        if not self.results.strip():
            marked = sorted((hit for hit in hits if hit.mark), key=lambda hit: hit.mark)
            if not marked:
                raise QueryProblem("No result is marked: tick the boxes in the list of results, in the order of the motions.")
            return marked
        try:
            chosen = [int(part) for part in self.results.split(",")]
        except ValueError as error:
            raise QueryProblem(f"Results are numbers from 0 with commas between, not “{self.results}”.") from error
        wrong = [number for number in chosen if not 0 <= number < len(hits)]
        if wrong:
            raise QueryProblem(f"There is no result {wrong[0]}: the list has {len(hits)}, counted from 0.")
        return [hits[number] for number in chosen]
