# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie: the starter library inside the package, everything that is written in the user's own folder."""

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import bpy

from ..library.store import DATABASE
from ..motion.readers import blender_import
from ..tmr import encoders
from ..tmr import threads as limits

PACKAGE = __name__.rsplit(".", 2)[0]
"""The extension's module, such as `bl_ext.user_default.tmr_blender`."""

STARTER = Path(__file__).resolve().parents[1] / "starter" / "library"


def user_folder(name: str) -> Path:
    """A folder of the extension's own among the user's files; made if missing."""
    return Path(bpy.utils.extension_path_user(PACKAGE, path=name, create=True))


def settings() -> Any:
    """The preferences of this extension, None before it is enabled."""
    addon = bpy.context.preferences.addons.get(PACKAGE)
    return addon.preferences if addon is not None else None


def index_folders() -> list[Path]:
    """The folders that indexes are in. The first one is for new ones; in the others are those that were not moved there."""
    chosen = settings()
    own = user_folder("libraries")
    if chosen is None:
        return [own]
    listed = [Path(line) for line in (chosen.indexes_in, *chosen.former.splitlines()) if line]
    return list(dict.fromkeys([*listed, own] if chosen.indexes_in else [own, *listed]))


def kept_for(folder: Path) -> Path:
    """Where all that is kept about the motions in `folder` lives, readable and unique: where there is such a place already,
    else in the first of the `index_folders`."""
    whole = folder.resolve()
    readable = re.sub(r"\W+", "_", whole.name).strip("_")[:40] or "library"
    name = f"{readable}-{hashlib.sha256(str(whole).encode()).hexdigest()[:8]}"
    possible = [place / name for place in index_folders()]
    return next((place for place in possible if place.is_dir()), possible[0])


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
    """What our processes are told: this Blender, to read what no other reader can, and the preferences' limits."""
    told = {blender_import.VARIABLE: bpy.app.binary_path or sys.executable}
    chosen = settings()
    if chosen is not None and chosen.threads:
        told[limits.THREADS] = str(chosen.threads)
    if chosen is not None and chosen.readers:
        told[limits.READERS] = str(chosen.readers)
    return told
