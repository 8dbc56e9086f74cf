# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving what was read of files its vectors, many files at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from ..tmr.encoders import MotionEncoder, TextEncoder
from .reading import Reading
from .records import Labels, Take
from .takes import spans

P = TypeVar("P", Take, Labels)


def with_motion(readings: Sequence[Reading], encoder: MotionEncoder) -> list[Reading]:
    """The readings with a vector for every window, in place of the features."""
    longest = encoder.card.max_frames
    rows = [rows for reading in readings for rows in reading.rows]
    slices = [part[first:last] for part in rows for first, last in spans(len(part), longest)]
    vectors = iter(encoder.encode(slices))

    def encoded(take: Take) -> Take:
        return replace(take, windows=[replace(window, vector=next(vectors)) for window in take.windows])

    return [
        reading if reading.encoded else replace(reading, takes=[*map(encoded, reading.takes)], rows=[], encoded=True)
        for reading in readings
    ]


def with_captions(parts: Sequence[P], encoder: TextEncoder | None) -> list[P]:
    """The takes or labels with a sentence vector for every caption, if there is an encoder; each text is encoded once."""
    if encoder is None:
        return list(parts)
    texts = sorted({caption.text for part in parts for caption in part.captions if caption.vector is None})
    vectors = dict(zip(texts, encoder.encode(texts)[1], strict=True)) if texts else {}

    def said(part: P) -> P:
        captions = [c if c.vector is not None else replace(c, vector=vectors[c.text]) for c in part.captions]
        return replace(part, captions=captions)

    return [said(part) for part in parts]
