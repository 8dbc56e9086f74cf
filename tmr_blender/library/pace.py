# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast work goes and how long it will yet take, told by the last seconds of it, and put in words.

An average since the beginning is wrong for long once the work changes: other formats, a slower disk, another program's turn.
"""

import time
from collections.abc import Sequence

WINDOW_SECONDS = 10.0
"""Over which the pace is measured: two of an index's blocks to encode, so that one more or less in it changes little."""
SETTLED_SECONDS = 1.0
"""Before that nothing is told."""
MARK_SECONDS = 0.2
"""How often an amount is kept, at most."""
SEPARATOR = " · "


class Meter:
    """The pace of something that grows, such as bytes or files done.

    window: seconds over which it is measured. settled: seconds before which it is not told.
    """

    def __init__(self, window: float = WINDOW_SECONDS, settled: float = SETTLED_SECONDS) -> None:
        self.window, self.settled = window, settled
        self.marks: list[tuple[float, float]] = []

    def rate(self, done: float) -> float:
        """Amount a second over the last seconds, 0.0 while it can't be told.

        done: the amount by now; what the first call names was there before, and is no work of this run.
        Where nothing has come for longer than the window, it is measured from the last time that something came: it sinks,
        and does not vanish.
        """
        now = time.monotonic()
        if not self.marks or (done != self.marks[-1][1] and now - self.marks[-1][0] >= MARK_SECONDS):
            self.marks.append((now, done))
        while len(self.marks) > 2 and now - self.marks[1][0] > self.window:
            self.marks.pop(0)
        since, before = self.marks[0]
        return max(done - before, 0.0) / (now - since) if now - since >= self.settled else 0.0


def seconds_for(left: float, rate: float) -> float | None:
    """How long an amount takes at a rate; None where the rate can't be told."""
    return left / rate if rate > 0.0 else None


def time_left(seconds: float | None) -> str:
    """ "40 s left", "12 min left", "1.5 h left"; "" where it can't be told."""
    for least, unit, shown in ((5400.0, 3600.0, "{:.1f} h"), (90.0, 60.0, "{:.0f} min"), (0.0, 1.0, "{:.0f} s")):
        if seconds is not None and seconds >= least:
            return f"{shown.format(seconds / unit)} left"
    return ""


def per_second(rate: float) -> str:
    """ "3.1/s", "42/s", or by the minute where it is less than one in two seconds; "" where it can't be told."""
    if rate <= 0.0:
        return ""
    if rate < 0.5:
        return f"{60.0 * rate:.2g}/min"
    return f"{rate:.1f}/s" if rate < 10.0 else f"{rate:.0f}/s"


def lines(parts: Sequence[str]) -> list[str]:
    """What may stand on a line, the fullest first, given its parts from the most important on; empty ones are left out."""
    said = [part for part in parts if part]
    return [SEPARATOR.join(said[:count]) for count in range(len(said), 0, -1)]


def of_files(done: int, total: int, rate: float, seconds: float | None, unread: int = 0) -> list[str]:
    """The `lines` about work file by file. unread: files that could not be read so far."""
    return lines((f"{done} of {total}", time_left(seconds), per_second(rate), f"{unread} unread" if unread else ""))
