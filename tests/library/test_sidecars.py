# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import pytest

from tests.library.conftest import run
from tests.library.takes import write_take
from tmr_blender.errors import FileProblem
from tmr_blender.library import sidecars
from tmr_blender.library.sidecars import Note, read_captions, read_notes
from tmr_blender.library.store import Library
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder


@pytest.mark.parametrize(
    ("name", "content", "notes"),
    [
        ("a.txt", "limps\n\nfalls#fall/VERB#1.0#2.5\n", [Note("limps"), Note("falls", 1.0, 2.5)]),
        ("a.json", '"limps"', [Note("limps")]),
        ("a.json", '["limps", "falls"]', [Note("limps"), Note("falls")]),
        ("a.json", '{"Description": "limps", "tags": ["old", "slow"]}', [Note("limps", tags=("old", "slow"))]),
        ("a.json", '{"notes": ["limps", "falls"], "fps": 120}', [Note("limps"), Note("falls")]),
        ("a.json", '[{"label": "falls", "start": 1, "end": 2.5, "take": 0}]', [Note("falls", 1.0, 2.5, 0)]),
        ("a.json", '{"tags": "old, slow"}', [Note("", tags=("old", "slow"))]),
        ("a.json", '{"markers": [1, 2], "actor": "Kim"}', []),
        ("a.json", "[1, 2]", []),
        ("a.csv", "Label,Start,End,Tags\nfalls,1,2.5,old;slow\n", [Note("falls", 1.0, 2.5, tags=("old", "slow"))]),
        ("a.csv", "description;notes\nlimps;take 3, good\n", [Note("limps"), Note("take 3, good")]),
        ("a.csv", '\ufeff"Notes"\n"limps, then falls"\n', [Note("limps, then falls")]),
        ("a.csv", "Frame,Time,Hips.x\n0,0.0,1.5\n", []),
        ("a.csv", "", []),
    ],
)
def test_sidecars_of_one_file(tmp_path: Path, name: str, content: str, notes: list[Note]) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read_notes(tmp_path / name) == notes


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", "{", "a.json: not JSON"),
        ("a.json", '{"text": [1]}', "a.json, row 1: captions and tags must be text"),
        ("a.csv", "text,start\nlimps,soon\n", "`start` must be a number"),
        ("a.csv", "text\nlimps\xff\n", "not UTF-8"),
    ],
)
def test_faults_in_sidecars_are_told(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(FileProblem, match=sentence):
        read_notes(tmp_path / name)


def test_sidecars_of_one_file_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecars, "MAX_NOTES_BYTES", 100)
    for name in ("a.txt", "a.json"):
        (tmp_path / name).write_text('"' + "x" * 200 + '"')
        with pytest.raises(FileProblem, match="too large"):
            read_notes(tmp_path / name)
    (tmp_path / "a.csv").write_text("Frame,X\n" + "1,2\n" * 100)
    assert read_notes(tmp_path / "a.csv") == []


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_tables_about_many_files(tmp_path: Path, between: str) -> None:
    rows = [["Filename", "Description", "Tags"], ["walks\\a.bvh", "limps", "old"], ["b", "", "slow"], ["b", "falls", ""]]
    (tmp_path / "captions.csv").write_text("\n".join(between.join(row) for row in rows), encoding="utf-8-sig")
    assert read_captions(tmp_path / "captions.csv") == {
        "walks/a.bvh": [Note("limps", tags=("old",))],
        "b": [Note("", tags=("slow",)), Note("falls")],
    }
    (tmp_path / "captions.csv").write_text(between.join(["file", "frames"]) + "\n" + between.join(["a", "3"]))
    with pytest.raises(FileProblem, match="row 1: expected `file` and `text`"):
        read_captions(tmp_path / "captions.csv")


def test_they_reach_their_takes(tmp_path: Path, encoders: tuple[MotionEncoder, TextEncoder]) -> None:
    root = tmp_path / "mocap"
    for name in ("a", "b", "captions"):
        write_take(root / f"{name}.bvh", "walks")
    (root / "a.json").write_text(json.dumps({"description": "limps", "tags": ["old"]}))
    (root / "a.csv").write_text("notes\nsecond try\n")
    (root / "b.csv").write_text("frame,x\n1,2\n")
    (root / "b.json").write_text("{")
    (root / "unrelated.json").write_text("{")
    (root / "captions.csv").write_text("file,tags\nb,slow\n")
    last = run(tmp_path / "library", root, encoders)
    assert [path for path, _ in last.errors] == ["b.json"]
    library = Library.open(tmp_path / "library")
    texts = {(library.entries[text.entry].name, text.text) for text in library.texts if text.kind == "caption"}
    assert texts == {("a", "limps"), ("a", "second try")}
    tags = {entry.name: set(entry.tags) for entry in library.entries}
    assert "old" in tags["a"] and "slow" in tags["b"] and not {"old", "slow"} & tags["captions"]
