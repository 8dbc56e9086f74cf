# SPDX-License-Identifier: GPL-3.0-or-later
"""A body in motion as a translucent mesh, for whoever can draw triangles: points, normals and colours of any moment.

The body is that of `picture.body`: rounded bones, grey, left orange and right blue. Its triangles are the same in every frame,
so that only points and colours change. Metres, Y up; a motion that is `staged` starts over the origin, on the floor, facing +Z.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import picture
from .body import INDEX
from .quaternion import Array
from .render import PALETTE

Faces = NDArray[np.int32]

AROUND, RINGS = 10, 3
"""Corners round a bone, and rings from its middle to the pole of either end."""
PAUSE = 0.5
"""Seconds for which the last frame is held before the motion starts again."""
PATH_STEP = 0.03
"""Metres between two points of the path at least: a body that stands leaves no knot."""
PATH_WIDTH = 0.03
SHADOW_CORNERS = 24

_KEY_LIGHT: Array = np.array([-0.45, 0.75, 0.60]) / np.linalg.norm([-0.45, 0.75, 0.60])
_INSIDE, _EDGE = 0.45, 0.92
"""How opaque the body is where it looks at the viewer, and at its outline."""


@dataclass(frozen=True)
class Motion:
    """A motion to be played. positions: (n, 22, 3) metres, staged. fps: frames a second. size: metres, see `size_of`."""

    positions: Array
    fps: float
    size: float

    @property
    def duration(self) -> float:
        """Seconds from the first to the last frame."""
        return (len(self.positions) - 1) / self.fps

    def phase(self, seconds: float) -> float:
        """Seconds in the motion, so long after its start: it is played in a loop, with a pause at its end."""
        return min(seconds % (self.duration + PAUSE), self.duration)

    def joints(self, phase: float) -> Array:
        """(22, 3) at a phase in seconds, between the frames in a straight line."""
        at = np.clip(phase * self.fps, 0.0, len(self.positions) - 1.0)
        before = min(int(at), max(len(self.positions) - 2, 0))
        after = min(before + 1, len(self.positions) - 1)
        share = at - before
        out: Array = self.positions[before] * (1.0 - share) + self.positions[after] * share
        return out

    def path(self) -> Array:
        """(k, 3) where the pelvis goes, on the floor, in pieces of `PATH_STEP` or longer; k is 1 for a body that stays."""
        way = self.positions[:, 0] * [1.0, 0.0, 1.0]
        kept = [way[0]]
        for point in way[1:]:
            if np.linalg.norm(point - kept[-1]) >= PATH_STEP:
                kept.append(point)
        return np.stack(kept)


@dataclass(frozen=True)
class Mesh:
    """Triangles. points: (n, 3). normals: (n, 3) unit, outwards. sides: (n,) 1 left, -1 right, 0 middle. faces: (m, 3)."""

    points: Array
    normals: Array
    sides: NDArray[np.int64]
    faces: Faces


def staged(positions: Array, fps: float) -> Motion:
    """A motion moved and turned so that it starts over the origin, facing +Z, its lowest joint on the floor.

    positions: (n, 22, 3) metres, Y up, n at least 1.
    """
    moved = positions - positions[0, 0] * [1.0, 0.0, 1.0]
    moved = moved - [0.0, float(moved[..., 1].min()), 0.0]
    ahead = _ahead(moved[0])
    # About Y, from where the body looks onto +Z.
    length = max(float(np.hypot(ahead[0], ahead[2])), 1e-9)
    sine, cosine = ahead[0] / length, ahead[2] / length
    turn = np.array([[cosine, 0.0, -sine], [0.0, 1.0, 0.0], [sine, 0.0, cosine]])
    return Motion(moved @ turn.T, fps, size_of(positions))


def size_of(positions: Array) -> float:
    """Metres from the ankles to the hips and from there to the shoulders, stretched, of (n, 22, 3): without feet and head."""

    def apart(a: str, b: str) -> float:
        return float(np.median(np.linalg.norm(positions[:, INDEX[a]] - positions[:, INDEX[b]], axis=-1)))

    leg = sum(apart(f"{s}_{a}", f"{s}_{b}") for s in picture.SIDES for a, b in (("hip", "knee"), ("knee", "ankle"))) / 2.0
    hips = (positions[:, INDEX["left_hip"]] + positions[:, INDEX["right_hip"]]) / 2.0
    shoulders = (positions[:, INDEX["left_shoulder"]] + positions[:, INDEX["right_shoulder"]]) / 2.0
    # A body that bends is shorter in most frames than it is.
    return leg + float(np.quantile(np.linalg.norm(shoulders - hips, axis=-1), 0.9))


def _ahead(joints: Array) -> Array:
    """(3,) where the body (22, 3) faces, horizontally; +Z where it has no side."""
    left = joints[INDEX["left_hip"]] - joints[INDEX["right_hip"]]
    left = left + joints[INDEX["left_shoulder"]] - joints[INDEX["right_shoulder"]]
    ahead = np.cross(left * [1.0, 0.0, 1.0], [0.0, 1.0, 0.0])
    return ahead if np.linalg.norm(ahead) > 1e-6 else np.array([0.0, 0.0, 1.0])


def body(joints: Array) -> Mesh:
    """The body (22, 3) as triangles."""
    bones = picture.body(joints)
    count = len(bones.heads)
    axis = bones.tails - bones.heads
    length = np.linalg.norm(axis, axis=1, keepdims=True)
    axis = np.where(length > 1e-9, axis / np.maximum(length, 1e-9), [0.0, 1.0, 0.0])
    # Any direction across: it turns about the bone from frame to frame, which smooth shading does not show.
    other = np.eye(3)[np.argmin(np.abs(axis), axis=1)]
    across = np.cross(axis, other)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    frame = np.stack([across, np.cross(axis, across), axis], axis=1)
    normals = _DIRECTIONS @ frame
    ends = np.where(_AT_TAIL[None, :, None], bones.tails[:, None], bones.heads[:, None])
    radii = np.where(_AT_TAIL, bones.radii[:, 1:], bones.radii[:, :1])
    points = ends + normals * radii[..., None]
    faces = (_FACES[None] + (np.arange(count) * len(_DIRECTIONS))[:, None, None]).reshape(-1, 3)
    sides = np.repeat(bones.sides, len(_DIRECTIONS))
    return Mesh(points.reshape(-1, 3), normals.reshape(-1, 3), sides, faces.astype(np.int32))


def _capsule() -> tuple[Array, NDArray[np.bool_], Faces]:
    """Of one bone along +Z: directions (k, 3) from either end's middle, which of them are at the tail, faces (m, 3)."""
    angles = np.linspace(-0.5, 0.0, RINGS + 1)[1:] * np.pi
    latitudes = np.concatenate([angles, -angles[::-1]])
    around = np.arange(AROUND) / AROUND * 2.0 * np.pi
    circle = np.stack([np.cos(around), np.sin(around)], axis=1)
    rings = [np.column_stack([circle * np.cos(at), np.full(AROUND, np.sin(at))]) for at in latitudes]
    directions = np.concatenate([[[0.0, 0.0, -1.0]], *rings, [[0.0, 0.0, 1.0]]])
    at_tail = np.arange(len(directions)) > RINGS * AROUND
    faces: list[tuple[int, int, int]] = []
    top = len(directions) - 1
    for i in range(AROUND):
        j = (i + 1) % AROUND
        faces.append((0, 1 + j, 1 + i))
        faces.append((top, top - AROUND + i, top - AROUND + j))
        for ring in range(len(latitudes) - 1):
            a, b = 1 + ring * AROUND, 1 + (ring + 1) * AROUND
            faces += [(a + i, a + j, b + j), (a + i, b + j, b + i)]
    return directions, at_tail, np.array(faces, np.int32)


_DIRECTIONS, _AT_TAIL, _FACES = _capsule()
CORNERS = len(_DIRECTIONS)
"""Points of each part of a body: `Mesh.points` has those of one part after the other."""


def shaded(mesh: Mesh, towards: Array) -> NDArray[np.float32]:
    """Colours (n, 4), 0..1, not premultiplied, of the mesh's points: darker and denser at the outline, so that it can be told
    from light and dark backgrounds. towards: (n, 3) or (3,) unit vectors to the viewer, in the mesh's space."""
    facing = np.abs((mesh.normals * towards).sum(axis=-1))
    rim = (1.0 - facing) ** 2
    light = 0.50 + 0.25 * (0.5 + 0.5 * mesh.normals[:, 1]) + 0.40 * np.maximum(mesh.normals @ _KEY_LIGHT, 0.0)
    colours = PALETTE[mesh.sides] * (light * (1.0 - 0.65 * rim))[:, None]
    alpha = _INSIDE + (_EDGE - _INSIDE) * rim
    return np.concatenate([np.clip(colours, 0.0, 1.0), alpha[:, None]], axis=1).astype(np.float32)


def ribbon(path: Array, width: float = PATH_WIDTH) -> tuple[Array, Faces]:
    """A band along a path (k, 3) on the floor, k at least 2: points (2 k, 3), those of one place side by side; faces (m, 3)."""
    ahead = np.gradient(path, axis=0)
    across = np.cross(ahead, [0.0, 1.0, 0.0])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    points = np.stack([path - across * width / 2.0, path + across * width / 2.0], axis=1).reshape(-1, 3)
    first = 2 * np.arange(len(path) - 1)[:, None]
    faces = np.concatenate([first + np.array([0, 1, 3]), first + np.array([0, 3, 2])])
    return points, faces.astype(np.int32)


def shadow(joints: Array) -> tuple[Array, Faces]:
    """A disc on the floor below the body (22, 3), as wide as the body is: its middle first, then its edge; faces (m, 3)."""
    flat = joints * [1.0, 0.0, 1.0]
    middle = (flat.min(axis=0) + flat.max(axis=0)) / 2.0
    radius = float(np.linalg.norm(flat - middle, axis=1).max()) + 0.12
    around = np.arange(SHADOW_CORNERS) / SHADOW_CORNERS * 2.0 * np.pi
    edge = middle + radius * np.stack([np.cos(around), np.zeros(SHADOW_CORNERS), np.sin(around)], axis=1)
    i = np.arange(SHADOW_CORNERS)
    faces = np.stack([np.zeros_like(i), 1 + i, 1 + (i + 1) % SHADOW_CORNERS], axis=1)
    return np.concatenate([middle[None], edge]), faces.astype(np.int32)
