# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the parts of the strip of results are in a region: rectangles and what is at a point. Pixels, from the lower left."""

from collections.abc import Iterator
from dataclasses import dataclass

PREVIOUS, NEXT, BAR, NOTHING = -2, -3, -4, -1
"""What is at a point, besides a result's number: the arrows at the ends, the strip's own ground, none of it."""

PICTURE, TEXT, GAP, MARGIN, ARROW = 88.0, 30.0, 6.0, 8.0, 22.0
"""At a user interface scale of 1: sides of a picture, height of the two lines below it, distances, width of an arrow."""
FOLDED = 40.0
"""At a scale of 1: the height that is left free below, for the folded panel of the last operator."""

Rectangle = tuple[float, float, float, float]
"""Left, lower, right, upper."""


@dataclass(frozen=True)
class Layout:
    """A strip along the lower edge of what is free of a region.

    free: of the region, without what other regions cover. count: results. first: the leftmost that is shown; it is kept in
    range. scale: of the user interface.
    """

    free: Rectangle
    count: int
    first: int = 0
    scale: float = 1.0

    @property
    def shown(self) -> int:
        """How many results fit beside each other."""
        width = self._width
        whole = int((width + self._gap) // (self._cell + self._gap))
        if whole >= self.count:
            return self.count
        return max(int((width - 2 * ARROW * self.scale + self._gap) // (self._cell + self._gap)), 0)

    @property
    def start(self) -> int:
        """The leftmost result, such that the last page is full."""
        return min(max(self.first, 0), max(self.count - self.shown, 0))

    @property
    def scrolls(self) -> bool:
        """Whether there is more than fits."""
        return 0 < self.shown < self.count

    @property
    def bar(self) -> Rectangle | None:
        """The ground below all; None where there is no room or nothing to show."""
        left, lower, right, upper = self.free
        height = (PICTURE + TEXT + 3 * GAP) * self.scale
        if self.shown < 1 or upper - lower < 2 * height:
            return None
        wide = self._used + 2 * self._gap
        middle, base = (left + right) / 2, lower + FOLDED * self.scale
        return middle - wide / 2, base, middle + wide / 2, base + height

    def cell(self, index: int) -> Rectangle | None:
        """Where a result is, its lines of text included; None for one that is scrolled away."""
        bar, place = self.bar, index - self.start
        if bar is None or not 0 <= place < self.shown:
            return None
        left = bar[0] + self._gap + (ARROW * self.scale if self.scrolls else 0.0) + place * (self._cell + self._gap)
        return left, bar[1] + self._gap, left + self._cell, bar[3] - self._gap

    def picture(self, index: int) -> Rectangle | None:
        """Where a result's picture is, inside its cell."""
        cell = self.cell(index)
        if cell is None:
            return None
        inset = (self._cell - PICTURE * self.scale) / 2
        return cell[0] + inset, cell[3] - PICTURE * self.scale, cell[2] - inset, cell[3]

    def arrow(self, part: int) -> Rectangle | None:
        """Where PREVIOUS or NEXT is; None where all results are shown."""
        bar = self.bar
        if bar is None or not self.scrolls:
            return None
        width = ARROW * self.scale
        return (bar[0], bar[1], bar[0] + width, bar[3]) if part == PREVIOUS else (bar[2] - width, bar[1], bar[2], bar[3])

    def cells(self) -> Iterator[int]:
        """The results that are shown."""
        return iter(range(self.start, self.start + self.shown)) if self.bar is not None else iter(())

    def at(self, x: float, y: float) -> int:
        """The number of the result at a point, or PREVIOUS, NEXT, BAR or NOTHING."""
        if self.bar is None or not inside(self.bar, x, y):
            return NOTHING
        for part in (PREVIOUS, NEXT):
            if inside(self.arrow(part), x, y):
                return part
        return next((index for index in self.cells() if inside(self.cell(index), x, y)), BAR)

    @property
    def _cell(self) -> float:
        return (PICTURE + 8.0) * self.scale

    @property
    def _gap(self) -> float:
        return GAP * self.scale

    @property
    def _width(self) -> float:
        return self.free[2] - self.free[0] - 2 * MARGIN * self.scale - 2 * self._gap

    @property
    def _used(self) -> float:
        arrows = 2 * ARROW * self.scale if self.scrolls else 0.0
        return self.shown * (self._cell + self._gap) - self._gap + arrows


def inside(rectangle: Rectangle | None, x: float, y: float) -> bool:
    """Whether a point is in a rectangle, if there is one."""
    return rectangle is not None and rectangle[0] <= x < rectangle[2] and rectangle[1] <= y < rectangle[3]


def uncovered(whole: Rectangle, others: list[tuple[str, Rectangle]]) -> Rectangle:
    """What regions that lie over another leave of it: each is cut off at the side it is aligned to.

    whole, others: in the window's pixels, with "LEFT", "RIGHT", "TOP" or "BOTTOM". Returns pixels inside `whole`.
    """
    left, lower, right, upper = whole
    for side, (x0, y0, x1, y1) in others:
        if x1 - x0 < 2 or y1 - y0 < 2 or x1 <= whole[0] or x0 >= whole[2] or y1 <= whole[1] or y0 >= whole[3]:
            continue
        if side == "LEFT":
            left = max(left, x1)
        elif side == "RIGHT":
            right = min(right, x0)
        elif side == "TOP":
            upper = min(upper, y0)
        elif side == "BOTTOM":
            lower = max(lower, y1)
    return left - whole[0], lower - whole[1], right - whole[0], upper - whole[1]
