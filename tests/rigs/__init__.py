# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs of the world's conventions, built in code: true names, hierarchies and rest poses, and what a map of them has to say.

`RIGS` is data and needs neither Blender nor the package; `plain.as_rig` makes arrays of it, `in_blender.build` armatures.
A new convention is a new sample in one of the families' files.
"""

from . import capture, characters, controls, games
from .animals import NOT_PEOPLE
from .sample import Bone, Constraint, Control, Sample

RIGS: dict[str, Sample] = {sample.name: sample for family in (games, characters, capture, controls) for sample in family.ALL}

__all__ = ["NOT_PEOPLE", "RIGS", "Bone", "Constraint", "Control", "Sample"]
