# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import parts
import pytest
from test_ops_similar import only_these

places = parts.ours("blender.places")

WHO = ("a person", "someone", "a man", "a woman", "the person", "a human", "somebody", "a figure", "the man")


@pytest.fixture
def library(factory_scene: None, tmp_path: Path) -> Iterator[Path]:
    """Nine walks that people have said the same of, and one that nobody has written about; the only library ticked."""
    folder = tmp_path / "motions"
    for i, who in enumerate(WHO):
        parts.write_bvh(folder / f"walk_{i}.bvh", "walks", f"{who} walks straight ahead", 40 + i)
    parts.write_bvh(folder / "bare.bvh", "walks", frames=52)
    assert bpy.ops.tmr.add_library(directory=str(folder)) == {"FINISHED"}
    with only_these(1):
        yield folder
    bpy.ops.tmr.remove_library(directory=str(folder))


def hits(filters: str) -> dict[str, str]:
    bpy.ops.tmr.search(query="a person walks", filters=filters)
    return {hit.name: hit.tagged for hit in bpy.context.window_manager.tmr.hits}


def test_a_library_is_tagged_and_untagged(library: Path, tmp_path: Path) -> None:
    assert bpy.ops.tmr.tag_library(directory=str(library)) == {"FINISHED"}
    found = hits('{"tagged": true}')
    assert set(found) == {"bare"}
    assert "walks straight ahead" in found["bare"]
    assert set(hits('{"tagged": true, "captioned": true}')) == set()
    assert bpy.ops.tmr.untag_library(directory=str(library)) == {"FINISHED"}
    assert hits('{"tagged": true}') == {}


def test_reasons(library: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="can't be read"):
        bpy.ops.tmr.tag_library(directory=str(library), words=str(tmp_path / "none.txt"))
    (tmp_path / "words.txt").write_text("?!")
    with pytest.raises(RuntimeError, match="no word to tag by"):
        bpy.ops.tmr.tag_library(directory=str(library), words=str(tmp_path / "words.txt"))
    with pytest.raises(RuntimeError, match="not one of the libraries"):
        bpy.ops.tmr.untag_library(directory=str(tmp_path))


def test_words_of_a_file(library: Path, tmp_path: Path) -> None:
    words: Any = tmp_path / "words.txt"
    words.write_text("swims: a person swims\nlies: a person lies on the floor\n")
    assert bpy.ops.tmr.tag_library(directory=str(library), words=str(words), every=True) == {"FINISHED"}
    assert all("swims" not in said and "lies" not in said for said in hits("{}").values())
