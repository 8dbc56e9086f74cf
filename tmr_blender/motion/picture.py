# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a motion: film strips and thumbnails, NumPy only.

The camera stands at a fixed three-quarter angle to where the body faces and travels along with it at one scale, so
that the panels of a strip can be compared; the grid and the path on the floor show how far it went. The left side of
the body is orange, the right side blue.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .body import INDEX
from .png import Image
from .quaternion import Array
from .render import Bones, Camera, Figure, axes, render

PANEL = (224, 288)
"""Width and height of one panel of a strip, in pixels."""

ELEVATION = np.radians(14.0)
AZIMUTH = np.radians(-42.0)
"""The viewer stands ahead of the body on its right, so that walking goes from left to right."""


def strip(
    figures: Sequence[Figure],
    times: Sequence[float],
    panel: tuple[int, int] = PANEL,
    trail: Array | None = None,
    ground: float | None = None,
) -> Image:
    """A film strip: one panel per figure, left to right, with its time in seconds below it.

    figures: one per panel, in one space (metres, Y up). times: seconds, one per figure.
    trail: (k, 3) points of the way the body goes, drawn on the floor. ground: height of the floor; by default the lowest
    point of all figures. Returns (height, width, 3) uint8.
    """
    shown = panels(figures, times, panel, trail, ground)
    divider = np.full((panel[1], 2, 3), 255, np.uint8)
    parts: list[Image] = [shown[0]]
    for image in shown[1:]:
        parts += [divider, image]
    return np.concatenate(parts, axis=1)


def panels(
    figures: Sequence[Figure],
    times: Sequence[float],
    panel: tuple[int, int] = PANEL,
    trail: Array | None = None,
    ground: float | None = None,
) -> list[Image]:
    """The panels of a film strip one by one, each (height, width, 3) uint8; what is given is as for `strip`."""
    stage = _Stage.of(figures, panel, _GLYPH_HEIGHT * 2 + 8, ground)
    return [_labelled(stage.shot(figure, trail), f"{time:.1f} s") for figure, time in zip(figures, times, strict=True)]


def thumbnail(positions: Array, frame: int, size: int = 128) -> Image:
    """One frame of a motion of the common body as a square picture (size, size, 3) uint8.

    positions: (frames, 22, 3) metres, joints of `body.JOINTS`. The view fits that frame.
    """
    figure = body(positions[frame])
    return _Stage.of([figure], (size, size), 0, None).shot(figure, None)


def telling(positions: Array) -> int:
    """The frame of (n, 22, 3) in which the body is farthest from how it mostly is."""
    shape = positions[:, 1:] - positions[:, :1]
    shape[..., 1] += positions[:, :1, 1]  # how high the body is tells a jump or a fall; where it is does not
    # The median, not the mean, so that a long stand does not lose to a short one.
    away = np.linalg.norm(shape - np.median(shape, axis=0), axis=-1).mean(axis=1)
    return int(np.argmax(away))


def body(joints: Array) -> Bones:
    """The common body (22, 3) as rounded bones, its thickness in proportion to its legs."""
    at = {name: joints[i] for name, i in INDEX.items()}
    leg = float(np.mean([_length(at, side, "hip", "knee") + _length(at, side, "knee", "ankle") for side in SIDES]))
    bones = [_bone(at[a], at[b], radii, 0) for a, b, radii in _TRUNK]
    for name, side in SIDES.items():
        bones += [_bone(at[f"{name}_{a}"], at[f"{name}_{b}"], radii, side) for a, b, radii in _LIMBS]
        # The flank gives the trunk its width; the hand and the crown lie beyond the last joint.
        flank = 0.5 * (at["spine3"] + at[f"{name}_shoulder"])
        bones.append(_bone(at[f"{name}_hip"], flank, (0.105, 0.10), 0))
        reach = _unit(at[f"{name}_wrist"] - at[f"{name}_elbow"]) * leg
        bones.append(_bone(at[f"{name}_wrist"], at[f"{name}_wrist"] + 0.13 * reach, (0.045, 0.04), side))
    upward = _unit(at["head"] - at["neck"])
    crown = at["head"] + upward * 0.1 * leg
    bones.append(_bone(at["head"], crown, (0.105, 0.118), 0))
    # A nose tells front from back. It looks where the shoulders do: the joints don't say how the head is turned.
    ahead = _unit(np.cross(at["left_shoulder"] - at["right_shoulder"], upward))
    nose = at["head"] + (0.045 * upward + 0.1 * ahead) * leg
    bones.append(_bone(nose, nose + (0.035 * ahead - 0.02 * upward) * leg, (0.03, 0.025), 0))
    heads, tails, radii, sides = zip(*bones, strict=True)
    return Bones(np.stack(heads), np.stack(tails), np.array(radii) * max(leg, 1e-3), np.array(sides, dtype=np.int64))


SIDES = {"left": 1, "right": -1}

# Joints at both ends of a bone and its radii there, as shares of the length of a leg.
_TRUNK = (
    ("pelvis", "spine1", (0.125, 0.115)),
    ("spine1", "spine2", (0.115, 0.12)),
    ("spine2", "spine3", (0.12, 0.13)),
    ("spine3", "neck", (0.125, 0.06)),
    ("neck", "head", (0.06, 0.06)),
)
_LIMBS = (
    ("hip", "knee", (0.105, 0.065)),
    ("knee", "ankle", (0.068, 0.045)),
    ("ankle", "foot", (0.05, 0.04)),
    ("collar", "shoulder", (0.08, 0.07)),
    ("shoulder", "elbow", (0.065, 0.048)),
    ("elbow", "wrist", (0.05, 0.036)),
)

_Bone = tuple[Array, Array, tuple[float, float], int]


def _bone(head: Array, tail: Array, radii: tuple[float, float], side: int) -> _Bone:
    return head, tail, radii, side


def _length(at: dict[str, Array], side: str, a: str, b: str) -> float:
    return float(np.linalg.norm(at[f"{side}_{a}"] - at[f"{side}_{b}"]))


def _unit(v: Array) -> Array:
    return v / max(float(np.linalg.norm(v)), 1e-9)


@dataclass(frozen=True)
class _Stage:
    """What all panels share: the direction of view, the scale and the floor."""

    axes: Array
    scale: float
    middle: float
    ground: float
    size: tuple[int, int]

    @classmethod
    def of(cls, figures: Sequence[Figure], size: tuple[int, int], label: int, ground: float | None) -> "_Stage":
        """Fit every figure, each centred sideways but at its true height, above `label` pixels at the lower edge."""
        view = axes(_viewer(figures), ELEVATION)
        low, high, half, lowest = np.inf, -np.inf, 0.0, np.inf
        for figure in figures:
            points, radii = figure.bounds()
            seen = points - _anchor(figure)
            lowest = min(lowest, float((points[:, 1] - radii).min()))
            across = seen @ view[0]
            half = max(half, float((np.abs(across) + radii).max()))
            upward = seen @ view[1]
            low, high = min(low, float((upward - radii).min())), max(high, float((upward + radii).max()))
        # The floor in front of the feet and a little air above the head belong to the picture.
        margin = 0.07 * (high - low)
        scale = min(0.46 * size[0] / half, (size[1] - label) / (high - low + 2.0 * margin))
        middle = (low + high) / 2.0 - label / 2.0 / scale
        return cls(view, scale, middle, lowest if ground is None else ground, size)

    def shot(self, figure: Figure, trail: Array | None) -> Image:
        """The panel of one figure."""
        centre = np.array([_anchor(figure) @ self.axes[0], _anchor(figure) @ self.axes[1] + self.middle])
        return render(figure, Camera(self.axes, self.scale, centre, self.size), self.ground, trail)


def _anchor(figure: Figure) -> Array:
    """The point on the height zero that the camera follows: the middle of the body's extent."""
    points, _ = figure.bounds()
    middle = (points.min(axis=0) + points.max(axis=0)) / 2.0
    return np.array([middle[0], 0.0, middle[2]])


def _viewer(figures: Sequence[Figure]) -> Array:
    """The horizontal direction (3,) in which the viewer stands: three-quarters from where the body faces on the whole."""
    left = np.zeros(3)
    for figure in figures:
        facing = _leftward(figure)
        # A body that turns round has no mean facing; then the start counts.
        left = left + (facing if np.linalg.norm(left + facing) > 0.3 else 0.0)
    ahead = np.arctan2(*np.cross(left, [0.0, 1.0, 0.0])[[0, 2]])
    return np.array([np.sin(ahead + AZIMUTH), 0.0, np.cos(ahead + AZIMUTH)])


def _leftward(figure: Figure) -> Array:
    """Unit horizontal direction (3,) from the right side of the body to its left; +X where it has no sides."""
    points, _ = figure.bounds()
    sides = np.tile(figure.sides, len(points) // len(figure.sides))
    if not (np.any(sides == 1) and np.any(sides == -1)):
        return np.array([1.0, 0.0, 0.0])
    across = points[sides == 1].mean(axis=0) - points[sides == -1].mean(axis=0)
    across[1] = 0.0
    return _unit(across)


# Digits, point and "s" on a grid of 3 x 5, one row per number, the leftmost dot is the highest bit.
_GLYPHS = {
    "0": (7, 5, 5, 5, 7),
    "1": (2, 6, 2, 2, 7),
    "2": (7, 1, 7, 4, 7),
    "3": (7, 1, 7, 1, 7),
    "4": (5, 5, 7, 1, 1),
    "5": (7, 4, 7, 1, 7),
    "6": (7, 4, 7, 5, 7),
    "7": (7, 1, 1, 2, 2),
    "8": (7, 5, 7, 5, 7),
    "9": (7, 5, 7, 1, 7),
    ".": (0, 0, 0, 0, 2),
    "-": (0, 0, 7, 0, 0),
    "s": (0, 7, 6, 3, 7),
    " ": (0, 0, 0, 0, 0),
}
_GLYPH_HEIGHT = 5
_INK = np.array([110, 116, 126], np.uint8)


def _labelled(image: Image, text: str) -> Image:
    """The image with a small text at the middle of its lower edge."""
    columns = [np.array([[row >> bit & 1 for bit in (2, 1, 0)] + [0] for row in _GLYPHS[c]], bool) for c in text]
    mask = np.kron(np.concatenate(columns, axis=1), np.ones((2, 2), bool))
    height, width = mask.shape
    top, left = image.shape[0] - height - 6, (image.shape[1] - width) // 2
    image[top : top + height, left : left + width][mask] = _INK
    return image
