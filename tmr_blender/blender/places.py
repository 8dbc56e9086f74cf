# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie: the starter library inside the package, everything that is written in the user's own folder."""

import hashlib
import re
import sys
from pathlib import Path

import bpy

from ..library.store import DATABASE
from ..motion.readers import blender_import
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
    """Where the index of the motions in `folder` lives, whatever networks made its vectors.

    An earlier version kept one for each network, under its name: the one written last is gone on with.
    """
    kept = kept_for(folder)
    found = list(kept.glob(f"*/{DATABASE}"))
    return max(found, key=lambda path: path.stat().st_mtime).parent if found else kept / "library"


def installed_model() -> str:
    """The id of the networks in use. Raises ModelProblem where they are missing."""
    return encoders.read_card(encoders.model_folder()).id


def variables() -> dict[str, str]:
    """What our processes are told about this Blender: they have it read what no other reader can."""
    return {blender_import.VARIABLE: bpy.app.binary_path or sys.executable}
