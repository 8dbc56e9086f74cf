# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions as assets: what is said and shown about them, and files of an asset library that hold them."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..errors import FileProblem, QueryProblem
from ..motion import picture
from ..motion.png import Image
from . import catalogues, present
from .body import Sampling, Span
from .placing import DESCRIPTION

SIZE = 256
"""Pixels of a preview's sides, as Blender's own are."""


@dataclass(frozen=True)
class Label:
    """What is said about an asset. catalogue: the path of one; description: "" for what the action was found by."""

    catalogue: str = "Motions"
    description: str = ""
    tags: tuple[str, ...] = ()


def check(action: bpy.types.Action) -> None:
    """Raise QueryProblem if an action can't be made an asset."""
    if action.library is not None:
        raise QueryProblem(f"The action {action.name} is linked: it is an asset of the file that it comes from.")


def mark(action: bpy.types.Action, label: Label, catalogue: str, image: Image | None) -> None:
    """Make an action an asset. catalogue: its id. image: (n, n, 3) uint8 for its preview. The author is left as it is."""
    check(action)
    if action.asset_data is None:
        action.asset_mark()
    data = action.asset_data
    assert data is not None
    data.catalog_id = catalogue
    data.description = label.description or str(action.get(DESCRIPTION, "")) or data.description
    for tag in label.tags:
        data.tags.new(tag, skip_if_exists=True)
    if image is not None:
        show(action, image)


def show(action: bpy.types.Action, image: Image) -> None:
    """Give an action a picture as its preview: rows go upwards in Blender."""
    preview = action.preview_ensure()
    height, width = image.shape[:2]
    preview.image_size = (width, height)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = image[::-1].astype(np.float32) / 255.0
    preview.image_pixels_float.foreach_set(pixels.ravel())


def portrait(scene: bpy.types.Scene, rig: bpy.types.Object, action: bpy.types.Action) -> Image:
    """What a rig does by an action, in its most telling frame. Raises TMRError where it is no human motion."""
    first, last = (round(at) for at in action.frame_range)
    with present.playing(rig, action):
        sampling = Sampling(rig, Span(first, max(last, first + 1), action.name), scene)
        sampling.run()
    positions = sampling.body().positions
    return picture.thumbnail(positions, picture.telling(positions), SIZE)


def write(
    folder: Path, name: str, actions: Sequence[bpy.types.Action], labels: Sequence[Label], images: Sequence[Image | None]
) -> Path:
    """Write actions as assets to a new .blend in a folder of an asset library; what the open file says of them stays.

    Returns the file; a name that is taken gets a number. It appears in one go. Raises TMRError.
    """
    if not folder.is_dir():
        raise FileProblem(f"There is no folder {folder}: choose one of an asset library (Preferences > File Paths).")
    for action in actions:
        check(action)
    ids = [catalogues.ensure(folder, label.catalogue) for label in labels]
    with _as_they_were(actions):
        for action, label, found, image in zip(actions, labels, ids, images, strict=True):
            mark(action, label, found, image)
        return store(folder, name, set(actions))


def store(folder: Path, name: str, actions: set[bpy.types.Action]) -> Path:
    """Write actions to a new .blend in a folder, in one go. Returns the file. Raises FileProblem."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".tmr-") as place:
            temporary = Path(place) / "actions.blend"
            bpy.data.libraries.write(str(temporary), actions, path_remap="ABSOLUTE", fake_user=True, compress=True)
            target = _free(folder, name)
            temporary.replace(target)
    except (OSError, RuntimeError) as error:
        raise FileProblem(f"Nothing can be written to {folder}: {getattr(error, 'strerror', '') or error}.") from error
    return target


def _free(folder: Path, name: str) -> Path:
    """A path that nothing has: the name without what file systems refuse, and a number if need be."""
    safe = "".join(c if c.isalnum() or c in " -_.,()" else "_" for c in name).strip(" .")[:80] or "Motions"
    number, path = 1, folder / f"{safe}.blend"
    while path.exists():
        path = folder / f"{safe}.{number:03d}.blend"
        number += 1
    return path


@contextmanager
def _as_they_were(actions: Sequence[bpy.types.Action]) -> Iterator[None]:
    """What is changed about assets inside is put back, preview included."""
    before = []
    for action in actions:
        data = action.asset_data
        told = None if data is None else (data.catalog_id, data.description, [tag.name for tag in data.tags])
        before.append((told, _pixels(action)))
    try:
        yield
    finally:
        for action, (told, pixels) in zip(actions, before, strict=True):
            if told is None:
                action.asset_clear()
            else:
                data = action.asset_data
                data.catalog_id, data.description = told[:2]
                for tag in [tag for tag in data.tags if tag.name not in told[2]]:
                    data.tags.remove(tag)
            if pixels is not None:
                preview = action.preview_ensure()
                preview.image_size = pixels[0]
                preview.image_pixels_float.foreach_set(pixels[1])
            elif action.preview is not None:
                action.preview.is_image_custom = False


def _pixels(action: bpy.types.Action) -> tuple[tuple[int, int], np.ndarray] | None:
    preview = action.preview
    if preview is None or not preview.is_image_custom:
        return None
    size = (preview.image_size[0], preview.image_size[1])
    pixels = np.empty(4 * size[0] * size[1], np.float32)
    preview.image_pixels_float.foreach_get(pixels)
    return size, pixels
