# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Iterator
from pathlib import Path

import bpy
import parts
import pytest

places, preferences = parts.ours("blender.places"), parts.ours("blender.preferences")


@pytest.fixture
def library(factory_scene: None, tmp_path: Path) -> Iterator[str]:
    """The index of two takes with captions, listed in the preferences, which are put back."""
    parts.write_bvh(tmp_path / "motions" / "first.bvh", "waves", "a person waves hello with one arm")
    parts.write_bvh(tmp_path / "motions" / "second.bvh", "walks", "someone strolls straight ahead")
    assert bpy.ops.tmr.add_library(directory=str(tmp_path / "motions")) == {"FINISHED"}
    index = str(places.library_for(tmp_path / "motions"))
    yield index
    bpy.ops.tmr.remove_library(directory=str(tmp_path / "motions"))


def test_the_words_of_a_caption_find_its_take(library: str) -> None:
    shown = bpy.context.window_manager.tmr
    for query, name in (("a person waves hello with one arm", "first"), ("someone strolls straight ahead", "second")):
        assert bpy.ops.tmr.search(query=query, library=library) == {"FINISHED"}
        assert shown.query == shown.searched == query
        assert shown.hits[0].name == name
        assert len(shown.hits) == 2
        best = shown.hits[0]
        assert best.caption == query
        assert best.matched in {"motion", "caption", "name"}
        assert 0.0 <= shown.hits[1].score <= best.score <= 1.0
        assert 0.0 <= best.start < best.end <= best.duration + 0.01
        assert Path(best.path).name == f"{name}.bvh"


def test_the_same_performance_appears_once_with_its_twin(library: str, tmp_path: Path) -> None:
    text = (tmp_path / "motions" / "first.bvh").read_text(encoding="utf-8")
    # Other bytes, so that it isn't known as the same file.
    (tmp_path / "motions" / "again.bvh").write_text(text + "\n\n", encoding="utf-8")
    assert bpy.ops.tmr.refresh_library(directory=str(tmp_path / "motions")) == {"FINISHED"}
    assert bpy.ops.tmr.search(query="a person waves hello with one arm", library=library) == {"FINISHED"}
    shown = bpy.context.window_manager.tmr
    assert [hit.name for hit in shown.hits] == ["first", "second"]
    (twin,) = shown.hits[0].twins
    assert (twin.name, Path(twin.path).name, twin.mirrored) == ("again", "again.bvh", False)
    parts.human()
    hit = shown.hits[0]
    bpy.ops.tmr.apply(path=twin.path, take=twin.take, start=hit.start, end=hit.end, action_name=twin.name)
    assert bpy.context.object.animation_data.action.name == "again"


def test_the_panels_examples_find_what_they_say_in_the_starter_library(factory_scene: None) -> None:
    if not places.STARTER.is_dir():
        pytest.skip("this zip holds no starter library")
    meant = {"cartwheel": {"cartwheel"}, "gets up": {"get_up_from_front", "get_up_from_back"}, "jogs": {"run"}}
    examples = parts.ours("blender.ops_search").EXAMPLES
    assert len(examples) == len(meant)
    for example in examples:
        (expected,) = (names for word, names in meant.items() if word in example)
        bpy.ops.tmr.search(query=example, library=str(places.STARTER))
        assert bpy.context.window_manager.tmr.hits[0].name in expected, example


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("a person waves hello with one arm", "2 motions for “a person waves hello with one arm”"),
        ("a walrus assembles a wardrobe", "Nothing close to “a walrus assembles a wardrobe” among 2 motions"),
    ],
)
def test_the_report_says_whether_anything_is_close(
    library: str, query: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    bpy.ops.tmr.search(query=query, library=library)
    assert said in capfd.readouterr().out
    offered = parts.ours("blender.ops_synthesise").offered(bpy.context.window_manager.tmr)
    assert offered == said.startswith("Nothing")


def test_limit(library: str) -> None:
    bpy.ops.tmr.search(query="a person moves", library=library, limit=1)
    assert len(bpy.context.window_manager.tmr.hits) == 1


@pytest.mark.parametrize("query", ["", "   "])
def test_an_empty_query_says_what_to_do_and_keeps_the_results(library: str, query: str) -> None:
    shown = bpy.context.window_manager.tmr
    bpy.ops.tmr.search(query="someone strolls", library=library)
    with pytest.raises(RuntimeError, match="Describe a motion first"):
        bpy.ops.tmr.search(query=query, library=library)
    assert shown.searched == "someone strolls"
    assert len(shown.hits) == 2


def test_a_missing_library_is_a_sentence(factory_scene: None, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no motion library"):
        bpy.ops.tmr.search(query="a person walks", library=str(tmp_path / "nowhere"))


def test_ticks_choose_the_libraries(library: str) -> None:
    settings = preferences.preferences(bpy.context)
    item = settings.libraries[-1]
    starter = settings.use_starter
    try:
        settings.use_starter = False
        assert [str(path) for path in preferences.searched(bpy.context)] == [library]
        item.use = False
        with pytest.raises(RuntimeError, match="tick one"):
            bpy.ops.tmr.search(query="a person walks")
    finally:
        settings.use_starter = starter


def test_a_missing_model_is_a_sentence(library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = parts.ours("blender.jobs")
    jobs.end_client()
    monkeypatch.setenv("TMR_MODEL", str(tmp_path / "no model"))
    try:
        with pytest.raises(RuntimeError, match=r"No model in .*no model"):
            bpy.ops.tmr.search(query="a person walks", library=library)
    finally:
        jobs.end_client()
