# SPDX-License-Identifier: GPL-3.0-or-later
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.library.conftest import run
from tests.library.takes import write_take
from tests.tiny_model import make
from tmr_blender.errors import LibraryProblem, QueryProblem
from tmr_blender.library.search import Hit, search
from tmr_blender.library.store import Library
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]


def names(hits: list[Hit]) -> list[str]:
    return [hit.name for hit in hits]


def test_the_motion_decides_where_names_say_nothing(library: Library, encoders: Encoders) -> None:
    for query, first in (("a person walks", "Take_0001"), ("jumps", "Take_0002"), ("stands", "Take_000[34]")):
        hits = search([library], query, encoders[1])
        assert re.fullmatch(first, hits[0].name)
        assert hits[0].matched == "motion"
        assert len(hits) == 4 == len(set(names(hits)))
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert all(0.0 <= hit.score <= 1.0 and 0.0 <= hit.start < hit.end <= hit.duration + 1e-6 for hit in hits)


def test_the_moment_is_where_it_happens(library: Library, encoders: Encoders) -> None:
    hit = next(hit for hit in search([library], "walks", encoders[1]) if hit.name == "Take_0004")
    # It stands for six seconds, walks for five, and stands again.
    assert 5.0 <= hit.start < hit.end <= 12.0
    assert hit.end - hit.start <= 5.1


def test_limit_and_predicate(library: Library, encoders: Encoders) -> None:
    assert len(search([library], "walks", encoders[1], limit=2)) == 2
    short = search([library], "walks", encoders[1], filters={"duration": {"max": 5.0}})
    assert set(names(short)) == {"Take_0001", "Take_0002", "Take_0003"}
    assert search([library], "walks", encoders[1], filters={"duration": {"max": 0.0}}) == []


def test_captions_and_names_are_found_and_named_as_the_reason(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    write_take(folder / "cartwheel_left.bvh", "stands", 2.5)
    (folder / "captions.json").write_text(json.dumps({"Take_0003": ["a sad old man"], "Take_0002": "happy kick"}))
    run(tmp_path / "library", folder, encoders)
    library = Library.open(tmp_path / "library")
    by_caption = search([library], "an old man", encoders[1])[0]
    assert (by_caption.name, by_caption.matched, by_caption.caption) == ("Take_0003", "caption", "a sad old man")
    by_name = search([library], "cartwheel", encoders[1])[0]
    assert (by_name.name, by_name.matched, by_name.caption) == ("cartwheel_left", "name", "")


def test_a_file_is_found_by_its_very_name(library: Library, encoders: Encoders) -> None:
    assert search([library], "take_0003", encoders[1])[0].name == "Take_0003"
    assert search([library], "Take_0003.bvh", encoders[1])[0].matched == "name"


def test_a_caption_of_a_span_gives_the_span(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    row = {"file": "Take_0004.bvh", "text": "happy old man", "start": 12.5, "end": 15.0}
    (folder / "17s" / "captions.jsonl").write_text(json.dumps(row))
    run(tmp_path / "library", folder, encoders)
    hit = search([Library.open(tmp_path / "library")], "happy old man", encoders[1])[0]
    assert (hit.name, hit.matched, hit.start, hit.end) == ("Take_0004", "caption", 12.5, 15.0)


def test_several_libraries_are_one(tmp_path: Path, library: Library, folder: Path, encoders: Encoders) -> None:
    write_take(tmp_path / "second" / "fast.bvh", "walks", 2.5)
    run(tmp_path / "other", tmp_path / "second", encoders)
    run(tmp_path / "same", folder, encoders)
    places = [library, Library.open(tmp_path / "other"), Library.open(tmp_path / "same")]
    hits = search(places, "walks", encoders[1])
    assert sorted(names(hits)) == ["Take_0001", "Take_0002", "Take_0003", "Take_0004", "fast"]
    assert {hit.library for hit in hits} == {str(library.path), str(tmp_path / "other")}
    alone = {hit.name: hit.score for hit in search([library], "walks", encoders[1])}
    assert all(alone[hit.name] == hit.score for hit in hits if hit.name in alone)


@pytest.mark.parametrize("query", ["", "   ", "\n\t", "?!", "..."])
def test_an_empty_query_is_refused(library: Library, encoders: Encoders, query: str) -> None:
    with pytest.raises(QueryProblem, match="Type what the motion"):
        search([library], query, encoders[1])


def test_odd_queries_are_answered(library: Library, encoders: Encoders) -> None:
    for query in ("歩く", "x" * 10_000, "walks " * 500, "'; DROP TABLE entries; --", "100"):
        assert len(search([library], query, encoders[1])) == 4
    with pytest.raises(QueryProblem):
        search([library], "walks", encoders[1], limit=0)


def test_nothing_to_search(tmp_path: Path, encoders: Encoders) -> None:
    with pytest.raises(LibraryProblem, match="nothing to search"):
        search([Library.open(tmp_path / "new", create=True)], "walks", encoders[1])
    with pytest.raises(LibraryProblem, match="nothing to search"):
        search([], "walks", encoders[1])


def test_vectors_of_another_model_are_not_compared(tmp_path: Path, library: Library) -> None:
    other = TextEncoder(make(tmp_path / "other", "tiny-2"))
    with pytest.raises(LibraryProblem, match="tiny-1"):
        search([library], "walks", other)


def test_motions_may_be_gone(library: Library, folder: Path, encoders: Encoders) -> None:
    shutil.rmtree(folder)  # a drive that is not mounted: what is known can still be searched
    assert len(search([library], "walks", encoders[1])) == 4
