# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line, as a user runs it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.library.takes import write_take
from tmr_blender.__main__ import main

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_take(tmp_path / "mocap" / "stroll.bvh", "walks")
    write_take(tmp_path / "mocap" / "b.bvh", "jumps")
    (tmp_path / "mocap" / "broken.bvh").write_text("HIERARCHY")
    return tmp_path / "mocap"


@pytest.fixture
def model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMR_MODEL", str(tiny_model))
    return tiny_model


def test_index_search_info(folder: Path, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = str(tmp_path / "library")
    assert main(["index", str(folder), "--library", library]) == 0
    printed = capsys.readouterr()
    assert "3 of 3 files, 2 takes stored" in printed.out
    assert "broken.bvh" in printed.err
    assert main(["index", str(folder), "--library", library, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["takes"], again["unchanged"], len(again["errors"])) == (0, 3, 1)
    assert main(["search", "a person walks", "--library", library]) == 0
    assert "stroll" in capsys.readouterr().out.splitlines()[2]
    assert main(["search", "jumps", "--library", library, "--json", "--limit", "1"]) == 0
    (hit,) = json.loads(capsys.readouterr().out)
    assert hit["name"] == "b"
    assert {"name", "caption", "score", "start", "end", "path", "matched"} <= set(hit)
    assert main(["info", "--library", library, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["takes"], facts["sources"]) == (2, [str(folder)])
    assert main(["info", "--library", library]) == 0
    assert "broken.bvh" in capsys.readouterr().out


def test_filters_shards_merge_check_and_remove(
    folder: Path, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = [str(tmp_path / f"shard-{i}") for i in (1, 2)]
    for i, shard in enumerate(shards, 1):
        assert main(["index", str(folder), "--library", shard, "--shard", f"{i}/2", "--json"]) == 0
    library = str(tmp_path / "library")
    assert main(["merge", *shards, "--into", library]) == 0
    capsys.readouterr()
    assert main(["search", "jumps", "--library", library, "--json", "--min-travel", "1", "--max-duration", "60"]) == 0
    assert [hit["name"] for hit in json.loads(capsys.readouterr().out)] == ["stroll"]
    assert main(["search", "jumps", "--library", library, "--json", "--no-captioned", "--skeleton", "nobody"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["check", "--library", library, "--json"]) == 0
    health = json.loads(capsys.readouterr().out)
    assert (health["faults"], health["files"], health["entries"]) == ([], 3, 2)
    assert main(["remove", str(folder / "b.bvh"), "--library", library, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": 1}
    (folder / "stroll.bvh").unlink()
    assert main(["check", "--library", library]) == 0
    assert f"vanished: {folder / 'stroll.bvh'}" in capsys.readouterr().out
    vectors = next((tmp_path / "library").glob("motion-*.f32"))
    vectors.write_bytes(b"\xff" * vectors.stat().st_size)
    assert main(["check", "--library", library]) == 2
    assert "not of unit length" in capsys.readouterr().err


def test_similar_describe_and_moments(folder: Path, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = str(tmp_path / "library")
    write_take(folder / "amble.bvh", "walks", 5.0)
    (folder / "captions.json").write_text(json.dumps({"amble": "a person walks", "b": "jumps"}))
    assert main(["index", str(folder), "--library", library]) == 0
    capsys.readouterr()
    clip = str(write_take(tmp_path / "mine.bvh", [("jumps", 8.0), ("walks", 8.0)]))
    for span, first in ((["--end", "7"], "b"), (["--start", "9"], "amble")):
        assert main(["similar", clip, *span, "--library", library, "--json", "--captioned"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["name"] == first
    assert main(["search", "walks", "--library", library, "--json", "--max-duration", "4"]) == 0
    hit = json.loads(capsys.readouterr().out)[0]
    assert main(["similar", "--entry", str(hit["entry"]), "--library", library]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert hit["name"] == "stroll" and "amble" in printed[2] and not any("stroll" in line for line in printed)
    assert main(["describe", clip, "--start", "8.5", "--library", library]) == 0
    printed = capsys.readouterr().out
    assert "walk" in printed and "a person walks  (amble)" in printed
    assert main(["describe", clip, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["captions"] == []
    assert main(["moments", "walks", clip, "--json", "--limit", "1"]) == 0
    (moment,) = json.loads(capsys.readouterr().out)
    assert 7.5 <= moment["start"] < moment["end"] <= 16.0
    assert main(["moments", "walks", "--entry", str(hit["entry"]), "--library", library]) == 0
    assert capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["search", "", "--library", "LIBRARY"], "Type what the motion"),
        (["search", "walks", "--library", "nowhere"], "There is no motion library in"),
        (["search", "walks", "--library", "LIBRARY", "--limit", "0"], "at least one"),
        (["search", "walks", "--library", "LIBRARY", "--model", "nowhere"], "model.json"),
        (["index", "nowhere", "--library", "LIBRARY"], "There is no folder"),
        (["index", "empty", "--library", "LIBRARY"], "no motion file"),
        (["info", "--library", "nowhere"], "There is no motion library in"),
        (["check", "--library", "nowhere"], "There is no motion library in"),
        (["remove", "nowhere", "--library", "LIBRARY"], "holds nothing from"),
        (["remove", "--library", "LIBRARY"], "Name a folder"),
        (["similar", "--library", "LIBRARY"], "one of them"),
        (["similar", "mocap/b.bvh", "--take", "1", "--library", "LIBRARY"], "no take 1"),
        (["similar", "mocap/b.bvh", "--start", "99", "--library", "LIBRARY"], "there is nothing from"),
        (["similar", "--entry", "99", "--library", "LIBRARY"], "no entry 99"),
        (["describe", "mocap/broken.bvh"], "broken.bvh"),
        (["moments", "walks", "--entry", "1"], "Name the --library"),
        (["moments", "", "mocap/b.bvh"], "Type what the motion"),
        (["merge", "nowhere", "--into", "new"], "There is no motion library in"),
        (["search", "walks", "--library", "LIBRARY", "--min-speed", "3", "--max-speed", "1"], "`speed`"),
    ],
)
def test_a_problem_is_one_sentence_and_status_2(
    arguments: list[str],
    sentence: str,
    folder: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder.parent)
    Path("empty").mkdir()
    assert main(["index", "mocap", "--library", "LIBRARY"]) == 0
    capsys.readouterr()
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err and len(printed.err.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_stops_cleanly_and_the_next_run_goes_on(tmp_path: Path, model: Path) -> None:
    for i in range(60):
        write_take(tmp_path / "many" / f"{i:02}.bvh", "walks", 4.0)
    arguments = ["index", str(tmp_path / "many"), "--library", str(tmp_path / "library")]
    command = [sys.executable, "-u", "-c", _SLOW, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert printed.startswith("Stopped: ")
    done = int(printed.split()[1])
    assert 0 < done < 60
    again = subprocess.run(
        [sys.executable, "-m", "tmr_blender", *arguments, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(again.stdout)["unchanged"] == done


# The command itself, telling when the first file has been read.
_SLOW = """
import sys
from tmr_blender import __main__ as command
from tmr_blender.library import index
whole = index.index
def told(*arguments, **options):
    run = whole(*arguments, **options)
    first = next(run)
    print("begun")
    yield run.send((yield first))
    yield from run
index.index = told
sys.exit(command.main())
"""
