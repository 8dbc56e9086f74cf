# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie: the starter library inside the package, everything that is written in the user's own folder."""

import hashlib
import re
from pathlib import Path

import bpy

from ..tmr import encoders

PACKAGE = __name__.rsplit(".", 2)[0]
"""The extension's module, such as `bl_ext.user_default.tmr_blender`."""

STARTER = Path(__file__).resolve().parents[1] / "starter" / "library"


def user_folder(name: str) -> Path:
    """A folder of the extension's own among the user's files; made if missing."""
    return Path(bpy.utils.extension_path_user(PACKAGE, path=name, create=True))


def kept_for(folder: Path) -> Path:
    """Where all that is kept about the motions in `folder` lives: the same place every time, readable and unique."""
    whole = folder.resolve()
    readable = re.sub(r"\W+", "_", whole.name).strip("_")[:40] or "library"
    return user_folder("libraries") / f"{readable}-{hashlib.sha256(str(whole).encode()).hexdigest()[:8]}"


def library_for(folder: Path) -> Path:
    """Where the index of the motions in `folder` lives for the networks in use: vectors of others can't be compared.

    Raises ModelProblem where the networks are missing.
    """
    model = encoders.read_card(encoders.model_folder()).id
    return kept_for(folder) / re.sub(r"\W+", "_", model)
