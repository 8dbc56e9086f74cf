# SPDX-License-Identifier: GPL-3.0-or-later
"""AMASS (Mahmood et al., ICCV 2019): from its .npz files to features, and the features as takes without captions."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.data import annotated, arrays, smpl
from models.data.takes import DataSet
from tmr_blender.errors import FileProblem, TMRError
from tmr_blender.motion import features

MIRRORED = "M"
"""Folder of the mirrored copies inside guoh3dfeats."""
WRITTEN, KEPT, NO_MOTION = "written", "made before", "without motion"
"""What became of a file that has no problem."""


def load(folder: Path, cache: Path | None = None) -> DataSet:
    """Every file below guoh3dfeats/ but mirrored copies, which training makes itself, as takes without captions.

    Raises FileProblem if there is none.
    """
    base = annotated.features_folder(folder)
    files = {path.relative_to(base).with_suffix("").as_posix(): path for path in sorted(base.rglob("*.npy"))}
    files = {name: path for name, path in files.items() if not name.startswith(f"{MIRRORED}/")}
    if not files:
        raise FileProblem(f"{base} holds no features: {annotated.ORIGIN}")
    return DataSet(arrays.takes(files, annotated.ORIGIN, cache), ())


def prepare(source: Path, body_models: Path, out: Path, again: bool = False) -> Iterator[tuple[Path, str]]:
    """Writes features of every .npz below `source` and of its mirror image to `out`/guoh3dfeats; yields (file, outcome).

    The outcome is WRITTEN, KEPT (unless `again`), NO_MOTION, or a sentence that says why it can't be read. Frame rates
    are resampled in time by features.extract. Raises FileProblem if `source` holds no .npz or a body model is missing.
    """
    files = sorted(source.rglob("*.npz"))
    if not files:
        raise FileProblem(f"{source} holds no .npz files: unpack the SMPL+H archives of AMASS there.")
    models: dict[str, smpl.BodyModel] = {}
    for path in files:
        name = path.relative_to(source).with_suffix(".npy")
        if not again and all((out / annotated.FEATURES / part / name).is_file() for part in ("", MIRRORED)):
            yield path, KEPT
            continue
        try:
            recording = smpl.read_recording(path)
        except FileProblem as error:
            yield path, str(error)
            continue
        if recording is None:
            yield path, NO_MOTION
            continue
        if recording.gender not in models:
            models[recording.gender] = smpl.read_body_model(body_models, recording.gender)
        positions = smpl.upright(smpl.joints(models[recording.gender], recording))
        yield path, _write_both(positions, recording.fps, out / annotated.FEATURES, name)


def prepare_joints(source: Path, out: Path) -> Iterator[tuple[Path, str]]:
    """The same for HumanAct12 as HumanML3D ships it: .npy files of joints (n, 22 or more, 3), 20 fps, y up.

    Written to guoh3dfeats/humanact12/humanact12, where the annotations expect them.
    """
    files = sorted(source.rglob("*.npy"))
    if not files:
        raise FileProblem(f"{source} holds no .npy files: unpack humanact12.zip of HumanML3D there.")
    for path in files:
        try:
            positions = np.lib.format.open_memmap(path, mode="r")
        except (OSError, ValueError, EOFError) as error:
            yield path, f"{path} can't be read as a .npy file of joints: {error}."
            continue
        if positions.ndim != 3 or positions.shape[1] < smpl.JOINTS or len(positions) > smpl.MOST_FRAMES:
            yield path, f"{path} holds {positions.shape} where joints (frames, {smpl.JOINTS} or more, 3) belong."
            continue
        name = Path("humanact12", "humanact12", path.name)
        yield path, _write_both(np.array(positions[:, : smpl.JOINTS]), features.FPS, out / annotated.FEATURES, name)


def _write_both(positions: np.ndarray, fps: float, folder: Path, name: Path) -> str:
    """Writes a motion and its mirror image; returns WRITTEN or, for one that has no features, the sentence why."""
    for part, joints in (("", positions), (MIRRORED, smpl.mirrored(positions))):
        path = folder / part / name
        try:
            rows = features.extract(joints, fps)
        except TMRError as error:
            return f"{name}: {error}"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Moved into place when whole: an interrupted run is taken up again where it was.
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            np.save(file, rows)
        fresh.replace(path)
    return WRITTEN
