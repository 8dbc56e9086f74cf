# SPDX-License-Identifier: GPL-3.0-or-later
"""From nodes that move, turn and scale to clips, which know no scale: positions stay exact, turns stay turns.

Nodes are in order, parents first. T, R and S are local: translations (frames, nodes, 3), rotations (frames, nodes, 4) and
scales (frames or 1, nodes, 3); a node's linear part in the scene is the product of R S down from its root.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import FileProblem
from .. import quaternion
from ..clip import Clip
from ..quaternion import Array
from ..skeleton import Skeleton
from .limits import unique

LARGEST = 1e7
"""Metres from the origin that are believed."""

_SAME = 1e-6
_BLOCK = 2048

Transforms = tuple[Array, Array, Array]
"""T, R and S as above."""


@dataclass(frozen=True)
class Scene:
    """The nodes, parents before children. row: number in the file -> place here. rest: T, R and S of one frame."""

    names: list[str]
    parents: np.ndarray
    row: dict[int, int]
    rest: Transforms

    def only(self, kept: np.ndarray) -> "Scene":
        """The scene of the kept (nodes,), which must hold the parents of all that it holds."""
        place = np.cumsum(kept) - 1
        parents = self.parents[kept]
        return Scene(
            [name for name, keep in zip(self.names, kept.tolist(), strict=True) if keep],
            np.where(parents >= 0, place[parents], -1),
            {number: int(place[at]) for number, at in self.row.items() if kept[at]},
            (self.rest[0][:, kept], self.rest[1][:, kept], self.rest[2][:, kept]),
        )


def closed(joint: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Joints (nodes,), and the nodes between two of them."""
    below = carrying(joint, parents)
    inside = joint.copy()  # has a joint at or above it
    for node, parent in enumerate(parents.tolist()):
        if parent >= 0 and inside[parent]:
            inside[node] = True
    return joint | (below & inside)


def carrying(joint: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Whether each of (nodes,) is a joint or above one."""
    out = joint.copy()
    for node in range(len(out) - 1, 0, -1):
        if out[node] and parents[node] >= 0:
            out[parents[node]] = True
    return out


def skeletons(joint: np.ndarray, parents: np.ndarray) -> list[np.ndarray]:
    """The nodes of each connected group of joints, in order."""
    owner = np.full(len(parents), -1)
    for node in np.flatnonzero(joint).tolist():
        above = parents[node]
        owner[node] = owner[above] if above >= 0 and joint[above] else node
    order = np.argsort(owner, kind="stable")
    order = order[np.searchsorted(owner[order], 0) :]
    return [part for part in np.split(order, np.flatnonzero(np.diff(owner[order])) + 1) if len(part)]


def ancestors(parents: np.ndarray, node: int) -> list[int]:
    """The nodes above a node, the nearest first."""
    out = []
    while (node := int(parents[node])) >= 0:
        out.append(node)
    return out


def unscaled(path: Path, parents: np.ndarray, transforms: Transforms) -> tuple[Array, Array]:
    """Translations and rotations that give, without any scale, the positions that the transforms give.

    Raises FileProblem where they are not finite, or farther away than `LARGEST`.
    """
    with np.errstate(all="ignore"):
        moved, turns, scales = _unmirrored(parents, *transforms)
        moved = without_scale(parents, moved, turns, scales)
    # Not-a-numbers compare as false, so this finds them, too.
    if not (np.abs(moved).max(initial=0.0) <= LARGEST and np.abs(turns).max(initial=0.0) <= 1.0 + _SAME):
        raise FileProblem(f"{path.name} is damaged: it puts joints farther away than {LARGEST:g} metres.")
    return moved, turns


def clip(path: Path, name: str, fps: float, scene: Scene, joints: np.ndarray, moving: Transforms) -> Clip:
    """The clip of one skeleton: `joints` is its nodes in order; what is above its root is worked into the root.

    moving: T, R and S of all nodes of the scene in each frame. Raises FileProblem as `unscaled` does.
    """
    above = ancestors(scene.parents, int(joints[0]))
    used = np.array([*reversed(above), *joints.tolist()])
    place = np.full(len(scene.parents) + 1, -1)  # one more, for the parent -1
    place[used] = np.arange(len(used))
    parents = place[scene.parents[used]]
    rotations, translations = rooted(*unscaled(path, parents, _part(moving, used)), len(above))
    turned, offsets = rooted(*unscaled(path, parents, _part(scene.rest, used)), len(above))
    below = parents[len(above) :] - len(above)
    below[0] = -1
    skeleton = Skeleton(unique(scene.names[i] for i in joints), below, offsets[0], turned[0])
    return Clip(name, skeleton, fps, quaternion.continuous(rotations), translations)


def _part(transforms: Transforms, used: np.ndarray) -> Transforms:
    moved, turned, scaled = transforms
    return moved[:, used], turned[:, used], scaled[:, used]


def rooted(moved: Array, turns: Array, above: int) -> tuple[Array, Array]:
    """Rotations and translations of all but the first `above` nodes, a chain, which is worked into the next one."""
    rotations, translations = turns[:, above:].copy(), moved[:, above:].copy()
    for node in range(above - 1, -1, -1):
        translations[:, 0] = moved[:, node] + quaternion.rotate(turns[:, node], translations[:, 0])
        rotations[:, 0] = quaternion.multiply(turns[:, node], rotations[:, 0])
    return rotations, translations


def _unmirrored(parents: np.ndarray, translations: Array, rotations: Array, scales: Array) -> Transforms:
    """The same positions from scales that mirror nothing; a body under a mirrored node keeps turns of rigid bones.

    With L the linear part of a node in the scene and X the mirror of the x axis, L X takes the place of L wherever L
    mirrors. Whether a scale mirrors is judged by the first frame.
    """
    signs = np.where(scales[0] < 0.0, -1.0, 1.0)
    if np.all(signs > 0.0):
        return translations, rotations, scales
    odd = np.zeros(len(parents), dtype=bool)
    flips = np.ones(translations.shape[1:])
    proper = rotations.copy()
    for node, parent in enumerate(parents.tolist()):
        above = parent >= 0 and bool(odd[parent])
        odd[node] = above ^ bool(np.prod(signs[node]) < 0.0)
        if above:
            flips[node, 0] = -1.0
            proper[:, node] *= (1.0, 1.0, -1.0, -1.0)
        diagonal = signs[node] * (-1.0 if odd[node] != above else 1.0, 1.0, 1.0)
        if np.any(diagonal < 0.0):
            # Two minus signs are half a turn about the third axis.
            half = np.concatenate([[0.0], (diagonal > 0.0).astype(np.float64)])
            proper[:, node] = quaternion.multiply(proper[:, node], half)
    return translations * flips, proper, np.abs(scales)


def without_scale(parents: np.ndarray, translations: Array, rotations: Array, scales: Array) -> Array:
    """Translations (frames, nodes, 3) that with the rotations alone give the positions that all three give.

    With G the rotation of a node in the scene and L = G A all of its linear part, the translation t of a child becomes
    A t. Under a parent p, A = inverse(R) A(p) R S: a plain number where each scale is the same on its three axes.
    """
    below = np.flatnonzero(parents >= 0)
    above = parents[below]
    out = translations.copy()
    alike = scales[..., :1]
    if np.all(np.abs(scales - alike) <= _SAME * np.abs(alike)):
        sizes = alike.copy()
        for node in below:
            sizes[:, node] *= sizes[:, parents[node]]
        out[:, below] *= sizes[:, above]
        return out
    scales = np.broadcast_to(scales, translations.shape)
    for start in range(0, len(out), _BLOCK):
        block = slice(start, start + _BLOCK)
        turns = quaternion.to_matrix(rotations[block])
        shapes = np.eye(3) * scales[block, :, None, :]
        for node in below:
            turn = turns[:, node]
            shapes[:, node] = turn.swapaxes(-1, -2) @ shapes[:, parents[node]] @ turn @ shapes[:, node]
        out[block, below] = (shapes[:, above] @ translations[block, below, :, None])[..., 0]
    return out
