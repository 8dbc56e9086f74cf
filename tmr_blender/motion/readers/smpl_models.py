# SPDX-License-Identifier: GPL-3.0-or-later
"""Rest joints of the user's own SMPL body models, where the environment variable SMPL_MODELS names their folder.

The folder is laid out as for the package `smplx` (smplh/SMPLH_MALE.npz, smplx/SMPLX_NEUTRAL.npz) or as AMASS offers it
(smplh/male/model.npz). Only .npz are read: the models in .pkl are pickles, which can run code.
"""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...errors import FileProblem
from ..quaternion import Array
from . import npz

VARIABLE = "SMPL_MODELS"
_BETAS = 16
_MODEL_BYTES = 1 << 30
_PARTS = ("v_template", "shapedirs", "J_regressor")
_BODY = 22
_FIRST_FINGER = {"smplh": 22, "smplx": 25}
_FINGERS = 30
_GENDERS = ("male", "female", "neutral")


def rest_joints(model: str, gender: np.ndarray | None, betas: np.ndarray | None) -> Array | None:
    """The 22 joints of `body.JOINTS`, then the 30 of the fingers, (52, 3), metres, of a person in the body's space.

    model: "smplh" or "smplx" (others are never there). None without such a model. Raises FileProblem for a damaged one.
    """
    path = _file(model, _word(gender))
    if path is None:
        return None
    rest, shapes = _joints(path, path.stat().st_mtime_ns)
    if betas is not None and betas.dtype.kind == "f" and betas.size:
        person = np.atleast_2d(betas)[0, : shapes.shape[2]].astype(np.float64)
        if np.abs(person).max() < 100.0:
            rest = rest + shapes[:, :, : len(person)] @ person
    first = _FIRST_FINGER[model]
    return np.concatenate([rest[:_BODY], rest[first : first + _FINGERS]])


def _word(gender: np.ndarray | None) -> str:
    if gender is None or gender.dtype.kind not in "SU" or not gender.size:
        return "neutral"
    word = gender.ravel()[0]
    word = word.decode("ascii", "replace") if isinstance(word, bytes) else str(word)
    return word.lower() if word.lower() in _GENDERS else "neutral"


def _file(model: str, gender: str) -> Path | None:
    folder = os.environ.get(VARIABLE)
    if not folder or model not in _FIRST_FINGER:
        return None
    for kind in dict.fromkeys((gender, "neutral", "female", "male")):
        for path in (Path(folder, model, f"{model.upper()}_{kind.upper()}.npz"), Path(folder, model, kind, "model.npz")):
            if path.is_file():
                return path
    return None


@lru_cache(maxsize=8)
def _joints(path: Path, _changed: int) -> tuple[Array, Array]:
    """Joints (j, 3) of the mean shape, and what each beta adds to them (j, 3, betas)."""
    found = npz.arrays(path, _PARTS, spare=_MODEL_BYTES)
    if len(found) < len(_PARTS):
        raise FileProblem(f"{path.name} in the folder of {VARIABLE} is no body model: it needs {', '.join(_PARTS)}.")
    template, shapes, regressor = (found[name].astype(np.float64) for name in _PARTS)
    count = len(template)
    if template.shape != (count, 3) or shapes.shape[:2] != (count, 3) or shapes.ndim != 3 or regressor.shape[1:] != (count,):
        raise FileProblem(f"{path.name} in the folder of {VARIABLE} is no body model: its arrays don't fit each other.")
    if len(regressor) < _BODY + _FINGERS:
        raise FileProblem(f"{path.name} in the folder of {VARIABLE} has {len(regressor)} joints: it has no fingers.")
    return regressor @ template, np.einsum("jv,vcb->jcb", regressor, shapes[:, :, :_BETAS])
