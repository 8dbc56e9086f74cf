# SPDX-License-Identifier: GPL-3.0-or-later
import parts
import pytest

layouts = parts.ours("blender.strip_layout")
FREE = (60.0, 20.0, 860.0, 700.0)


def overlap(a: tuple, b: tuple) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.mark.parametrize("count", [1, 3, 8, 40])
@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_cells_lie_in_what_is_free_and_beside_each_other(count: int, scale: float) -> None:
    layout = layouts.Layout(FREE, count, 0, scale)
    boxes = [layout.cell(index) for index in layout.cells()]
    boxes += [layout.arrow(part) for part in (layouts.PREVIOUS, layouts.NEXT) if layout.scrolls]
    assert boxes
    for i, box in enumerate(boxes):
        assert FREE[0] <= layout.bar[0] <= box[0] < box[2] <= layout.bar[2] <= FREE[2]
        assert FREE[1] <= layout.bar[1] <= box[1] < box[3] <= layout.bar[3] <= FREE[3]
        assert not any(overlap(box, other) for other in boxes[:i])


def test_each_result_is_found_in_the_middle_of_its_picture() -> None:
    layout = layouts.Layout(FREE, 40, 5)
    assert next(iter(layout.cells())) == 5
    for index in layout.cells():
        x0, y0, x1, y1 = layout.picture(index)
        assert layout.at((x0 + x1) / 2, (y0 + y1) / 2) == index
    for part in (layouts.PREVIOUS, layouts.NEXT):
        x0, y0, x1, y1 = layout.arrow(part)
        assert layout.at((x0 + x1) / 2, (y0 + y1) / 2) == part
    assert layout.at(layout.bar[0] + 30, layout.bar[1] + 1) == layouts.BAR
    assert layout.at(layout.bar[0] + 30, layout.bar[3] + 1) == layouts.NOTHING
    assert layout.cell(4) is layout.cell(5 + layout.shown) is None


def test_the_last_page_is_full() -> None:
    layout = layouts.Layout(FREE, 40, 1000)
    assert list(layout.cells())[-1] == 39
    assert len(list(layout.cells())) == layout.shown > 2
    assert layouts.Layout(FREE, 40, -7).start == 0


def test_few_results_need_no_arrows() -> None:
    layout = layouts.Layout(FREE, 2)
    assert layout.shown == 2
    assert layout.arrow(layouts.NEXT) is None
    assert layout.bar[2] - layout.bar[0] < 300


@pytest.mark.parametrize("free", [(0, 0, 90, 700), (0, 0, 800, 150), (400, 0, 300, 700)])
def test_where_there_is_no_room_there_is_no_strip(free: tuple) -> None:
    layout = layouts.Layout(free, 10)
    assert layout.bar is None
    assert not list(layout.cells())
    assert layout.at(free[2] - 5, 50) == layouts.NOTHING


def test_nothing_found_is_no_strip() -> None:
    assert layouts.Layout(FREE, 0).bar is None


def test_sidebar_toolbar_and_headers_are_left_free() -> None:
    whole = (100.0, 50.0, 900.0, 650.0)
    others = [
        ("LEFT", (100.0, 50.0, 140.0, 650.0)),
        ("RIGHT", (700.0, 50.0, 900.0, 650.0)),
        ("TOP", (100.0, 620.0, 900.0, 650.0)),
        ("BOTTOM", (100.0, 50.0, 900.0, 80.0)),
        ("RIGHT", (899.0, 50.0, 900.0, 650.0)),  # closed
        ("LEFT", (0.0, 50.0, 100.0, 650.0)),  # beside it
    ]
    assert layouts.uncovered(whole, others) == (40.0, 30.0, 600.0, 570.0)
    assert layouts.uncovered(whole, []) == (0.0, 0.0, 800.0, 600.0)
