# SPDX-License-Identifier: GPL-3.0-or-later
"""Encoders that load their network when there is something to encode: a folder in which nothing has changed needs none."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from ..tmr.encoders import MotionEncoder, TextEncoder, Vectors, model_folder, read_card


class LateMotionEncoder(MotionEncoder):
    """Raises ModelProblem at once where there is no model, and at the first `encode` where its files are damaged."""

    def __init__(self) -> None:
        self._where = model_folder()
        self.card = read_card(self._where)
        self._loaded = False

    def encode(self, motions: Sequence[NDArray[Any]]) -> Vectors:
        """As `MotionEncoder.encode`."""
        if motions and not self._loaded:
            super().__init__(self._where)
            self._loaded = True
        return super().encode(motions)


class LateTextEncoder(TextEncoder):
    """As `LateMotionEncoder`."""

    def __init__(self) -> None:
        self._where = model_folder()
        self.card = read_card(self._where)
        self._loaded = False

    def encode(self, texts: Sequence[str]) -> tuple[Vectors, Vectors]:
        """As `TextEncoder.encode`."""
        if texts and not self._loaded:
            super().__init__(self._where)
            self._loaded = True
        return super().encode(texts)
