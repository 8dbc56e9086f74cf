# SPDX-License-Identifier: GPL-3.0-or-later
"""What every loader returns: takes with their features, and captions that point at spans of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tmr_blender.motion.features import FPS


@dataclass(frozen=True)
class Take:
    """One recorded take; `features` (n, 263) float32 at 20 fps, which may be mapped from disk."""

    name: str
    features: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.features) / FPS


@dataclass(frozen=True)
class Caption:
    """One row of annotations: texts that describe a span of a take (None: from its beginning, to its end), seconds."""

    take: str
    start: float | None
    end: float | None
    texts: tuple[str, ...]
    source: str
    split: str


@dataclass(frozen=True)
class DataSet:
    """Takes by name and the captions of them, in the order of the files."""

    takes: dict[str, Take]
    captions: tuple[Caption, ...]

    def span(self, caption: Caption) -> NDArray[np.float32]:
        """The features (n, 263) that a caption describes; never empty."""
        features = self.takes[caption.take].features
        first = 0 if caption.start is None else int(caption.start * FPS)
        last = len(features) if caption.end is None else int(caption.end * FPS)
        first = min(max(first, 0), len(features) - 1)
        return features[first : max(last, first + 1)]
