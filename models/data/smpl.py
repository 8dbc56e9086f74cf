# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints of SMPL+H bodies (Loper et al. 2015; Romero et al. 2017), posed with the package `smplx`, which the user installs.

Joint places depend on shape and pose only, not on the skin, so vertices are never posed: the rest joints are regressed
once, and `smplx.lbs` turns the chain. AMASS's soft-tissue coefficients (dmpls), which smplx does not know, are left out.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.data import arrays
from tmr_blender.errors import FileProblem, ModelProblem
from tmr_blender.motion import body

Array = NDArray[np.float64]

JOINTS = len(body.JOINTS)
"""The first 22 of SMPL+H's 52 joints are SMPL's, in the order of motion.body.JOINTS; fingers follow."""
BETAS = 10
MOST_VERTICES = 20_000
MOST_FRAMES = 500_000
"""Of one recording: over an hour at 120 Hz."""
_BLOCK = 8192


@dataclass(frozen=True)
class BodyModel:
    """Rest joints (22, 3) of the mean shape, metres, what each beta adds to them (22, 3, betas), and the parents (22,)."""

    rest: Array
    shapes: Array
    parents: NDArray[np.int64]


@dataclass(frozen=True)
class Recording:
    """One AMASS file: axis-angle poses (n, 66) of the first 22 joints, root positions (n, 3), z up, shape and frame rate."""

    poses: Array
    trans: Array
    betas: Array
    gender: str
    fps: float


def read_body_model(folder: Path, gender: str) -> BodyModel:
    """smplh/GENDER/model.npz below `folder`: `male`, and `female` for anyone else, as HumanML3D was made.

    Raises FileProblem if it is missing or no such model.
    """
    path = folder / "smplh" / ("male" if gender == "male" else "female") / "model.npz"
    if not path.is_file():
        pickled = next(iter(sorted(folder.rglob("*.pkl"))), None) if folder.is_dir() else None
        refused = f" ({pickled.name} is a pickle, which can run code, and is not read)" if pickled else ""
        raise FileProblem(
            f"{path} is missing{refused}: get the Extended SMPL+H model (smplh.tar.xz) from the download page of MANO, "
            "mano.is.tue.mpg.de, which holds male/model.npz and female/model.npz."
        )
    found = arrays.archive(path, ("v_template", "shapedirs", "J_regressor", "kintree_table"))
    try:
        template, regressor, shapes = found["v_template"], found["J_regressor"][:JOINTS], found["shapedirs"][:, :, :BETAS]
        parents = found["kintree_table"][0, :JOINTS].astype(np.int64)
    except (KeyError, IndexError) as error:
        raise FileProblem(f"{path} is not a model of SMPL+H: {error}.") from error
    count = len(template)
    if (
        template.shape != (count, 3)
        or not 0 < count <= MOST_VERTICES
        or regressor.shape != (JOINTS, count)
        or shapes.shape[:2] != (count, 3)
        or tuple(parents[1:]) != body.PARENTS[1:]
    ):
        raise FileProblem(f"{path} is not a model of SMPL+H: its arrays don't fit each other, or its joints are others.")
    regressor = regressor.astype(np.float64)
    parents[0] = -1
    return BodyModel(regressor @ template, np.einsum("jv,vcb->jcb", regressor, shapes.astype(np.float64)), parents)


def read_recording(path: Path) -> Recording | None:
    """An AMASS .npz, or None for one that holds a shape without a motion. Raises FileProblem for a broken one."""
    names = ("poses", "trans", "betas", "gender", "mocap_framerate", "mocap_frame_rate")
    found = arrays.archive(path, names)
    if "poses" not in found:
        return None
    rates = [found[name] for name in names[4:] if name in found]
    if not rates or not {"trans", "betas", "gender"} <= found.keys():
        raise FileProblem(f"{path} is no AMASS file of SMPL+H: it must hold trans, betas, gender and mocap_framerate.")
    poses, trans, betas, gender = found["poses"], found["trans"], found["betas"].ravel()[:BETAS], found["gender"]
    fits = poses.ndim == 2 and poses.shape[1] >= 3 * JOINTS and trans.shape == (len(poses), 3)
    numeric = all(array.dtype.kind == "f" for array in (poses, trans, betas)) and rates[0].size == 1
    if not (fits and numeric and 0 < len(poses) <= MOST_FRAMES):
        raise FileProblem(f"{path}: poses {poses.shape} and trans {trans.shape} are not (frames, 156) and (frames, 3).")
    name = gender.ravel()[0] if gender.size else ""
    name = name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)
    return Recording(
        poses[:, : 3 * JOINTS].astype(np.float64),
        trans.astype(np.float64),
        betas.astype(np.float64),
        name,
        float(rates[0].ravel()[0]),
    )


def joints(model: BodyModel, recording: Recording) -> Array:
    """Positions (n, 22, 3) in metres, in AMASS's axes (z up). Raises ModelProblem if smplx is not installed."""
    try:
        lbs = importlib.import_module("smplx.lbs")
    except ModuleNotFoundError as error:
        raise ModelProblem("Reading AMASS needs the package smplx: install it with `pip install smplx`.") from error
    count = min(len(recording.betas), model.shapes.shape[2])
    rest = torch.from_numpy(model.rest + model.shapes[:, :, :count] @ recording.betas[:count])
    parents = torch.from_numpy(model.parents)
    blocks = []
    for at in range(0, len(recording.poses), _BLOCK):
        poses = torch.from_numpy(recording.poses[at : at + _BLOCK]).reshape(-1, 3)
        turns = lbs.batch_rodrigues(poses).reshape(-1, JOINTS, 3, 3)
        placed, _ = lbs.batch_rigid_transform(turns, rest.expand(len(turns), JOINTS, 3), parents, dtype=rest.dtype)
        blocks.append(placed.numpy() + recording.trans[at : at + _BLOCK, None])
    return np.concatenate(blocks)


def upright(positions: Array) -> Array:
    """Positions (..., 3) from AMASS's axes (z up) to ours (y up): (x, y, z) becomes (-x, z, y), a rotation."""
    return positions[..., [0, 2, 1]] * np.array([-1.0, 1.0, 1.0])


def mirrored(positions: Array) -> Array:
    """Positions (n, 22, 3) of the mirrored body: x negated, sides exchanged."""
    other = [body.INDEX[body.mirrored(name)] for name in body.JOINTS]
    return positions[:, other] * np.array([-1.0, 1.0, 1.0])
