# SPDX-License-Identifier: GPL-3.0-or-later
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.library.conftest import run
from tests.library.takes import write_take
from tmr_blender.errors import LibraryProblem, QueryProblem
from tmr_blender.library import labelling, tagging
from tmr_blender.library.filters import mask
from tmr_blender.library.index import index
from tmr_blender.library.merge import merge
from tmr_blender.library.search import search
from tmr_blender.library.store import Library
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]
WALKING = [f"a person walks along {where}" for where in "abcdefghij"]


class Texts:
    """A text encoder to whom all captions with the word "walks" mean one thing, and sentences are the same or unlike."""

    def __init__(self, of: TextEncoder, latent: np.ndarray, alike: bool = True) -> None:
        self.model_id, self.background = of.model_id, of.background
        self._latent, self._alike = latent, alike

    def encode(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        sign = np.array([[1.0 if "walks" in text else -1.0] for text in texts], np.float32)
        sentences = np.zeros((len(texts), 384), np.float32)
        for i in range(len(texts)):
            sentences[i, 0 if self._alike else i] = 1.0
        return sign * self._latent, sentences


@pytest.fixture
def held(tmp_path: Path, encoders: Encoders) -> Library:
    """Ten captioned walks and two takes without a caption, "bare" that walks and "tall" that jumps."""
    folder = tmp_path / "motions"
    for i, caption in enumerate(WALKING):
        write_take(folder / f"walk_{i}.bvh", "walks", 3.0 + 0.1 * i)
        (folder / f"walk_{i}.txt").write_text(caption)
    write_take(folder / "bare.bvh", "walks", 4.05)
    write_take(folder / "tall.bvh", "jumps", 3.0)
    run(tmp_path / "library", folder, encoders)
    return Library.open(tmp_path / "library")


def number(library: Library, name: str) -> int:
    return [entry.name for entry in library.entries].index(name)


def latent(library: Library) -> np.ndarray:
    windows = library.windows
    return np.array(library.motion[windows.row[windows.whole[number(library, "bare")]]])


def tagged(library: Library, encoder: Any, **options: Any) -> tagging.Progress:
    return list(tagging.tag(library.path, encoder, **options))[-1]


def said(path: Path) -> dict[str, list[tuple[str, str]]]:
    library = Library.open(path)
    kinds = ("tagged", "tag")
    return {
        entry.name: [(text.kind, text.text) for text in library.texts_of(i) if text.kind in kinds]
        for i, entry in enumerate(library.entries)
    }


def test_what_captions_agree_on_is_said_of_bare_takes_alone(held: Library, encoders: Encoders) -> None:
    before = [(text.entry, text.text, text.kind, text.row) for text in held.texts]
    last = tagged(held, Texts(encoders[1], latent(held)))
    assert (last.takes, last.sentences, last.words, last.stopped) == (2, last.tagged, 0, False)
    assert last.done == last.total
    found = said(held.path)
    assert [kind for kind, _ in found["bare"]] == ["tagged"]
    assert found["bare"][0][1] in WALKING
    assert all(not found[f"walk_{i}"] for i in range(10))
    # What people have written is all there, and what is said has no vector, so that it does not count in the ranking.
    library = Library.open(held.path)
    assert [(t.entry, t.text, t.kind, t.row) for t in library.texts if t.kind not in ("tagged", "tag")] == before
    assert {t.row for t in library.texts if t.kind == "tagged"} == {-1}
    assert library.measures["captioned"].sum() == 10
    assert mask(library, {"tagged": True})[number(library, "bare")]
    assert tagging.untag(held.path) == last.tagged
    assert not any(said(held.path).values())
    assert tagging.untag(held.path) == 0


def test_long_takes_are_counted(held: Library, encoders: Encoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagging, "LONGEST", held.durations[number(held, "bare")] - 0.01)
    last = tagged(held, Texts(encoders[1], latent(held)))
    assert last.long >= 1
    assert not said(held.path)["bare"]
    assert last.tagged <= last.takes - last.long


def test_where_captions_do_not_agree_nothing_is_said(held: Library, encoders: Encoders) -> None:
    assert tagged(held, Texts(encoders[1], latent(held), alike=False)).tagged == 0
    assert not any(said(held.path).values())


def test_a_gallery_too_small_says_nothing(tmp_path: Path, encoders: Encoders) -> None:
    folder = tmp_path / "motions"
    for i in range(tagging.AGREEING - 1):
        write_take(folder / f"walk_{i}.bvh", "walks", 3.0 + 0.1 * i).with_suffix(".txt").write_text(WALKING[i])
    write_take(folder / "bare.bvh", "walks", 4.05)
    run(tmp_path / "library", folder, encoders)
    library = Library.open(tmp_path / "library")
    assert tagged(library, Texts(encoders[1], latent(library))).tagged == 0


def test_paraphrases_of_one_take_are_one_opinion(tmp_path: Path, encoders: Encoders) -> None:
    folder = tmp_path / "motions"
    for i in range(tagging.AGREEING - 1):
        write_take(folder / f"walk_{i}.bvh", "walks", 3.0 + 0.1 * i).with_suffix(".txt").write_text(
            "\n".join(f"{caption}, {i}" for caption in WALKING)
        )
    write_take(folder / "bare.bvh", "walks", 4.05)
    run(tmp_path / "library", folder, encoders)
    library = Library.open(tmp_path / "library")
    assert sum(text.kind == "caption" for text in library.texts) > tagging.AGREEING
    assert tagged(library, Texts(encoders[1], latent(library))).tagged == 0


def test_words_stand_out_and_filter(held: Library, encoders: Encoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagging, "CLEAR", 0.0)
    encoder = Texts(encoders[1], latent(held))
    own = {word.casefold() for word in held.entries[number(held, "bare")].tags}
    assert tagged(held, encoder, words={"Strolls": "somebody walks", "lies": "somebody lies"}).words >= 1
    assert ("tag", "strolls") in said(held.path)["bare"]
    assert "strolls" not in own
    library = Library.open(held.path)
    assert mask(library, {"tag": ["strolls"]})[number(library, "bare")]
    # The next run replaces what this one has said.
    tagged(held, encoder)
    assert ("tag", "strolls") not in said(held.path)["bare"]
    monkeypatch.setattr(tagging, "CLEAR", np.inf)
    assert tagged(held, encoder, words={"strolls": "somebody walks"}).words == 0


def test_hits_and_descriptions_know_it_from_what_people_wrote(held: Library, encoders: Encoders) -> None:
    before = search([held], "a person walks", encoders[1])
    tagged(held, Texts(encoders[1], latent(held)))
    after = search([Library.open(held.path)], "a person walks", encoders[1])
    assert [(hit.name, hit.score, hit.matched) for hit in after] == [(hit.name, hit.score, hit.matched) for hit in before]
    (bare,) = (hit for hit in after if hit.name == "bare")
    assert bare.tagged in WALKING
    assert bare.caption == ""
    assert {hit.tagged for hit in after if hit.name.startswith("walk")} == {""}


def test_it_outlives_a_new_name_and_gives_way_to_a_caption(held: Library, encoders: Encoders) -> None:
    tagged(held, Texts(encoders[1], latent(held)))
    folder = held.sources[0]
    (folder / "bare.bvh").rename(folder / "named.bvh")
    list(index(held.path, folder, *encoders))
    assert said(held.path)["named"]
    (folder / "named.txt").write_text("a man strolls")
    list(index(held.path, folder, *encoders))
    assert not said(held.path)["named"]


def test_it_goes_along_when_libraries_are_merged(held: Library, encoders: Encoders, tmp_path: Path) -> None:
    tagged(held, Texts(encoders[1], latent(held)))
    merge(tmp_path / "merged", [Library.open(held.path)])
    assert said(tmp_path / "merged") == said(held.path)


def test_a_stop_leaves_what_is_done(held: Library, encoders: Encoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagging, "BLOCK", 1)
    work = tagging.tag(held.path, Texts(encoders[1], latent(held)), every=True)  # type: ignore[arg-type]
    step = next(work)
    while not step.takes:
        step = next(work)
    assert work.send(True).stopped
    assert next(work, None) is None
    assert sum(bool(texts) for texts in said(held.path).values()) == step.tagged


def test_a_library_of_another_model(held: Library, encoders: Encoders) -> None:
    other = SimpleNamespace(model_id="other", background=encoders[1].background)
    with pytest.raises(LibraryProblem, match="other"):
        next(tagging.tag(held.path, other))  # type: ignore[arg-type]


def test_lists_of_words(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("\ufeff# mine\nLimp: a person limps\n\n dance \n", encoding="utf-8")
    assert tagging.read_words(file) == {"limp": "a person limps", "dance": "dance"}
    for content in (b"", b"\xff\xfe\x00", b"!!!", b"x" * 300, b"\n".join(b"w%d" % i for i in range(2000)), b"a" * 2_000_000):
        file.write_bytes(content)
        with pytest.raises(QueryProblem):
            tagging.read_words(file)
    with pytest.raises(QueryProblem, match="can't be read"):
        tagging.read_words(tmp_path / "missing.txt")


def test_the_commands(held: Library, capsys: pytest.CaptureFixture[str], encoders: Encoders, monkeypatch: Any) -> None:
    from tmr_blender.tmr import encoders as module

    monkeypatch.setattr(module, "TextEncoder", lambda *_: Texts(encoders[1], latent(held)))
    options = SimpleNamespace(library=held.path, captions=[], words=None, all=False, json=True, model=None, threads=None)
    assert labelling._tag(options) == 0  # type: ignore[arg-type]
    told = json.loads(capsys.readouterr().out)
    assert told["takes"] == 2
    assert labelling._untag(options) == 0  # type: ignore[arg-type]
    assert json.loads(capsys.readouterr().out) == {"untagged": told["tagged"]}
