# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading one motion file: what an index stores of it, but for the vectors.

`read` depends on nothing but its arguments and the file, and what goes in and comes out are arrays and dataclasses: it can
run here, in a child process (`pool`) or on another machine (`farm`), and gives the same.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import TMRError, one_line
from ..motion import readers
from .folder import Found
from .records import Take
from .takes import take_of

# What a malformed file can make arithmetic and look-ups do, beside what the readers foresee. It must cost one line in the
# report and not the run; defects of ours elsewhere keep their traceback.
DATA_FAULTS = (TMRError, ValueError, ArithmeticError, LookupError, MemoryError, RecursionError)


@dataclass(frozen=True)
class Order:
    """A file to read. root: the folder that `file.path` starts from. max_frames: the longest motion the encoder takes."""

    root: Path
    file: Found
    max_frames: int


@dataclass(frozen=True)
class Reading:
    """What was read of a file.

    takes: their windows without vectors, unless whoever read the file has encoded them as well (`encoded`).
    rows: the features (n, 263) of each take; `takes.spans` says which of them a window covers. Empty where encoded.
    error: the sentence, where the file could not be read. absent: the fault was not in the file; it could not be reached.
    """

    takes: list[Take] = field(default_factory=list)
    rows: list[NDArray[np.float32]] = field(default_factory=list)
    error: str | None = None
    absent: bool = False
    encoded: bool = False

    @property
    def bytes(self) -> int:
        """Memory that the arrays take."""
        return sum(rows.nbytes for rows in self.rows) + sum(take.poses.nbytes for take in self.takes)


@dataclass(frozen=True)
class Defect:
    """What a process elsewhere says instead, where it fails by a fault of ours: the traceback."""

    text: str


class DefectError(RuntimeError):
    """An exception that no file should be able to cause; its message is the traceback it had where it was raised."""


class Source(Protocol):
    """Whatever reads files for an index. Used from one thread.

    spare: threads that the encoder of this process may use meanwhile.
    """

    spare: int

    @property
    def ahead(self) -> int:
        """How many files to look at before the first of them is done with."""
        ...

    def submit(self, order: Order) -> Any:
        """Have the file read; what `take` wants in exchange for it."""
        ...

    def take(self, ticket: Any, seconds: float) -> Reading | None:
        """What was read, as soon as it is there; None where that is not within so many seconds. Take everything once."""
        ...

    def close(self) -> None:
        """End at once, whatever is under way."""
        ...


def read(order: Order) -> Reading:
    """Read the file: its takes, or the sentence that says why there are none."""
    file, takes, rows = order.file, [], []
    try:
        clips = readers.read(order.root / file.path)
        for number, clip in enumerate(clips):
            take, features = take_of(file, number, clip, len(clips), order.max_frames)
            takes.append(take)
            rows.append(features)
    except DATA_FAULTS as error:
        absent = isinstance(error, TMRError) and isinstance(error.__cause__, OSError)
        return Reading(error=_sentence(file, error), absent=absent)
    return Reading(takes, rows)


def fault(file: Found, reason: str) -> str:
    """The line of a report about a file."""
    path, reason = one_line(file.path), one_line(reason)
    return reason if Path(path).name in reason else f"{path}: {reason}"


def _sentence(file: Found, error: BaseException) -> str:
    if isinstance(error, TMRError):
        return fault(file, str(error))
    if isinstance(error, MemoryError):
        return fault(file, "reading it takes more memory than there is.")
    return fault(file, f"It could not be understood ({error}).")


class Here:
    """The source that reads in this very process, one file after another."""

    ahead = 1
    spare = 1 << 16

    def submit(self, order: Order) -> Order:
        """Remember it."""
        return order

    def take(self, ticket: Order, seconds: float) -> Reading:
        """Read it now."""
        return read(ticket)

    def close(self) -> None:
        """There is nothing to end."""
