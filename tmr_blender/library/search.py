# SPDX-License-Identifier: GPL-3.0-or-later
"""Search: encode the query, score the vectors, group by take."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..tmr.encoders import TextEncoder
from .store import Entry, Library

Matched = Literal["motion", "caption", "name"]


@dataclass(frozen=True)
class Hit:
    """One take that answers a query, with its best moment.

    name: of the take. caption: the one of its captions nearest to the query, "" where it has none.
    score: 0..1, (cosine + 1) / 2 of the combined similarity. start, end: seconds in the take.
    path: absolute, of the file. take: which of the file's clips, as `motion.readers.read` numbers them.
    matched: what the score rests on. library: the library's folder. entry: the take's number in it.
    duration: of the whole take, seconds.
    """

    name: str
    caption: str
    score: float
    start: float
    end: float
    path: str
    matched: Matched
    library: str
    entry: int
    take: int
    duration: float

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def search(
    libraries: Sequence[Library],
    query: str,
    encoder: TextEncoder,
    limit: int = 20,
    accept: Callable[[Entry], bool] | None = None,
) -> list[Hit]:
    """The best takes of all the libraries together, best first."""
    raise NotImplementedError
