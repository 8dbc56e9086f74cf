# SPDX-License-Identifier: GPL-3.0-or-later
import bpy
import parts
import pytest

wording = parts.ours("blender.wording")


def test_a_higher_score_never_gets_a_weaker_word() -> None:
    words = [word for _, word in wording.VERDICTS]
    given = [wording.verdict(score / 100).split(" (")[0] for score in range(100, -1, -1)]
    assert [word for place, word in enumerate(given) if place == 0 or word != given[place - 1]] == words
    assert wording.verdict(0.912).endswith("(0.91)")
    assert wording.verdict(wording.CLOSE).startswith("close") and wording.verdict(wording.CLOSE - 0.01).startswith("similar")


@pytest.mark.parametrize("like", [False, True])
def test_what_is_called_far_off_is_far(like: bool) -> None:
    for score in range(101):
        assert wording.far(score / 100, like) == wording.verdict(score / 100, like).startswith("far off")


@pytest.mark.parametrize(
    ("names", "ends"),
    [
        (["bandai-1_walk_happy_001", "bandai-1_walk_sad_001"], ["…happy_001", "…sad_001"]),
        (["bandai-1_walk_001", "bandai-1_walk_002"], ["…001", "…002"]),
        (["bandai-1_walking", "bandai-1_walks"], ["…walking", "…walks"]),
        (["run_1", "run_2"], ["run_1", "run_2"]),  # too little to leave out
        (["walk", "walk"], ["walk", "walk"]),
        (["bandai-1_walk", "cartwheel"], ["bandai-1_walk", "cartwheel"]),
        (["long_name_", "long_name_b"], ["long_name_", "long_name_b"]),  # nothing would be left
        (["alone_in_the_list"], ["alone_in_the_list"]),
        ([], []),
    ],
)
def test_names_are_told_apart_by_their_ends(names: list[str], ends: list[str]) -> None:
    assert wording.endings(names) == ends


def test_each_library_has_names_of_its_own() -> None:
    names = ["bandai-1_walk", "cartwheel", "bandai-1_run"]
    assert wording.within(names, ["a", "b", "a"]) == ["…walk", "cartwheel", "…run"]


def test_captions_go_before_names_and_shared_ones_are_told_apart() -> None:
    captions = ["A person is walking in a circle.", "someone waves", "someone waves", "", "The man-eater jumps"]
    assert wording.titles(["1", "2", "3", "4", "5"], captions) == [
        "Walking in a circle",
        "Waves · 2",
        "Waves · 3",
        "4",
        "The man-eater jumps",
    ]


@pytest.mark.parametrize(("width", "text"), [(40, "walk_happy_take_001"), (12, "walk_h…e_001"), (7, "wal…001"), (1, "wa…1")])
def test_the_middle_is_left_out(width: int, text: str) -> None:
    assert wording.shortened("walk_happy_take_001", width) == text
    assert len(text) <= max(width, 4)


def test_results_are_entitled(factory_scene: None) -> None:
    hits = bpy.context.window_manager.tmr.hits
    hits.clear()
    for path in ("bandai/bandai-1_walk.bvh", "bandai/bandai-1_run.bvh", "cmu/02_10.bvh"):
        row = hits.add()
        row.library, row.path, row.name, row.caption = "/index", f"/mocap/{path}", path[:-4].split("/")[1], "A person moves."
    wording.entitle(hits)
    assert [hit.ending for hit in hits] == ["…walk", "…run", "02_10"], "each archive has a beginning of its own"
    assert [hit.title for hit in hits] == ["Moves · …walk", "Moves · …run", "Moves · 02_10"]
    hits.clear()
