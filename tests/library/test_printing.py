# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

from tmr_blender.library.printing import clock, table
from tmr_blender.library.search import Hit, Twin

TOP = Path("/studio/mocap").absolute()


def hit(name: str, path: str, **fields: object) -> Hit:
    values = {
        "caption": "",
        "score": 0.5,
        "start": 0.0,
        "end": 2.5,
        "matched": "motion",
        "library": "/l",
        "entry": 1,
        "take": 0,
    }
    return Hit(**{**values, "duration": 12.34, "name": name, "path": str(TOP / path), **fields})  # pyright: ignore[reportArgumentType]


def test_time_is_read_at_a_glance() -> None:
    assert [clock(seconds) for seconds in (0.0, 9.96, 59.94, 59.96, 61.25, 3599.99, 3723.4)] == [
        *("0:00.0", "0:10.0", "0:59.9", "1:00.0", "1:01.2", "1:00:00.0", "1:02:03.4"),
    ]


def test_a_line_says_where_and_why() -> None:
    twin = Twin("walk_02", str(TOP / "b" / "walk_02.fbx"), 0, 2, "/l", True)
    hits = [
        hit("walk_01", "a/walk_01.bvh", caption="a person walks", matched="caption", twins=(twin,)),
        hit("scene dodge", "b/scene.fbx", start=61.0, end=66.0, take=3, score=0.25),
    ]
    head, names, first, folded, second = table(hits)
    assert head == f"2 takes, and 1 like them, in {TOP}"
    assert names.split() == ["#", "score", "moment", "of", "why", "file", "caption"]
    walk = str(Path("a/walk_01.bvh"))
    assert first.split(maxsplit=6) == ["1", "0.500", "0:00.0-0:02.5", "0:12.3", "caption", walk, "a person walks (+1 like it)"]
    assert folded.split() == ["mirrored", str(Path("b/walk_02.fbx"))]
    assert second.split() == ["2", "0.250", "1:01.0-1:06.0", "0:12.3", "motion", str(Path("b/scene.fbx")), "[dodge]"]
    # Columns stand under their names.
    assert first.index("caption") == names.index("why") and first.index(walk) == names.index("file")
    assert folded.index(str(Path("b/walk_02.fbx"))) == names.index("file")


def test_without_captions_there_is_no_column_for_them() -> None:
    assert "caption" not in list(table([hit("a", "a.bvh")]))[1]
    assert next(iter(table([hit("a", "a.bvh")]))) == f"1 take, in {TOP}"


def test_nothing_is_said_too() -> None:
    assert list(table([])) == ["No take matches."]
