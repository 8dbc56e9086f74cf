# SPDX-License-Identifier: GPL-3.0-or-later
"""Encoders of plain arithmetic, where what is broken on purpose is not the networks: no torch to wait for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tmr_blender.tmr.encoders import Card, unit

WIDTH = 16


class Encoder:
    """Stands for both encoders: the same input gives the same unit rows, and other input others."""

    card, model_id = Card("plain"), "plain"
    background = unit(np.eye(WIDTH) + 0.1)

    def encode(self, items: Sequence[Any]) -> Any:
        """As `tmr.encoders` has it: (latents, sentences) of texts, rows of motions."""
        if items and isinstance(items[0], str):
            codes = [[len(text), *text.encode("utf-8", "replace")[: WIDTH - 1].ljust(WIDTH - 1)] for text in items]
            rows = unit(np.array(codes, np.float32))
            return rows, rows
        return unit(np.array([[*item.mean(0)[: WIDTH - 1], len(item)] for item in items], np.float32).reshape(-1, WIDTH))
