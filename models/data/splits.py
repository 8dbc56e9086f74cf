# SPDX-License-Identifier: GPL-3.0-or-later
"""Who trains on what. Splits go by take: every caption, span and mirrored copy of a take is on one side."""

import random
from dataclasses import dataclass

from models.data.takes import Caption, DataSet


@dataclass(frozen=True)
class Split:
    """Takes to train on, and captions by people on other takes to choose by."""

    train: frozenset[str]
    validation: tuple[Caption, ...]
    test: tuple[Caption, ...]


def split(data: DataSet, draw: int | None, held_out: int = 240) -> Split:
    """The test takes are always left out; validation is a draw of takes with captions by people.

    With a `draw` (a seed), validation holds the takes of the rows marked `val` and so many of those marked `train` that
    there are `held_out` in all; their other rows (descriptions) leave training too. With `draw` None everything but the
    test takes is trained on, which is how shipped weights are made once the recipe is chosen.
    """
    people = [caption for caption in data.captions if caption.split in ("train", "val", "test")]
    test_takes = {caption.take for caption in people if caption.split == "test"}
    held: set[str] = set()
    if draw is not None:
        held = {caption.take for caption in people if caption.split == "val"} - test_takes
        rest = sorted({caption.take for caption in people} - held - test_takes)
        random.Random(draw).shuffle(rest)
        held |= set(rest[: max(held_out - len(held), 0)])
    return Split(
        train=frozenset(data.takes.keys() - test_takes - held),
        validation=tuple(caption for caption in people if caption.take in held),
        test=tuple(caption for caption in people if caption.split == "test"),
    )
