# SPDX-License-Identifier: GPL-3.0-or-later
import json
import struct
from pathlib import Path

import bpy
import numpy as np
import parts
import pytest

command, jobs, preferences = (parts.ours(f"blender.{name}") for name in ("command", "jobs", "preferences"))


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("motions")
    parts.write_bvh(folder / "first.bvh", "waves", "a person waves hello with one arm")
    parts.write_bvh(folder / "second.bvh", "walks", "someone strolls straight ahead")
    return folder


@pytest.fixture
def rig(tmp_path: Path, factory_scene: None) -> Path:
    """A .blend with one human armature."""
    parts.human("Hero")
    path = tmp_path / "hero.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    return path


def run(out: Path, motions: Path, rig: Path, query: str = "someone strolls straight ahead", *more: str) -> int:
    return command.run(["--query", query, "--library", str(motions), "--rig", str(rig), "--out", str(out), *more])


def test_leaves_a_file_that_plays_a_ranking_and_a_picture(tmp_path: Path, motions: Path, rig: Path) -> None:
    out = tmp_path / "new" / "out"
    listed = [item.folder for item in preferences.preferences(bpy.context).libraries]
    assert run(out, motions, rig) == 0
    assert [item.folder for item in preferences.preferences(bpy.context).libraries] == listed
    assert sorted(path.name for path in out.iterdir()) == ["preview.png", "ranking.json", "result.blend"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]

    ranking = json.loads((out / "ranking.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in ranking] == ["second", "first"]
    assert ranking[0]["caption"] == "someone strolls straight ahead"
    assert ranking[0]["score"] >= ranking[1]["score"]
    assert {"name", "caption", "score", "start", "end", "path"} <= set(ranking[0])

    bpy.ops.wm.open_mainfile(filepath=str(out / "result.blend"))
    hero, scene = bpy.data.objects["Hero"], bpy.context.scene
    assert hero.animation_data.action.name == "second"
    assert (scene.frame_start, scene.frame_end) == tuple(hero.animation_data.action.frame_range)
    start, end = (np.array(parts.heads(hero, frame)["Hips"]) for frame in (scene.frame_start, scene.frame_end))
    assert np.linalg.norm(end - start) > 1.0, "the rig plays"

    data = (out / "preview.png").read_bytes()
    width, height = struct.unpack(">2I", data[16:24])
    assert width > 6 * height
    assert len(data) > 20_000


def test_a_second_run_reads_nothing_again_and_replaces_the_results(
    tmp_path: Path, motions: Path, rig: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(out, motions, rig) == 0
    first = (out / "ranking.json").read_text(encoding="utf-8")
    assert run(out, motions, rig, "a person waves hello with one arm") == 0
    assert (out / "ranking.json").read_text(encoding="utf-8") != first
    assert len(list(out.iterdir())) == 3
    assert "Traceback" not in "".join(capfd.readouterr())


def test_without_a_rig_it_is_rigifys_human(tmp_path: Path, motions: Path, factory_scene: None) -> None:
    addons = set(bpy.context.preferences.addons.keys())
    handlers = len(bpy.app.handlers.load_post)
    out = tmp_path / "out"
    assert command.run(["--query", "someone strolls", "--library", str(motions), "--out", str(out)]) == 0
    assert set(bpy.context.preferences.addons.keys()) == addons
    assert len(bpy.app.handlers.load_post) == handlers
    bpy.ops.wm.open_mainfile(filepath=str(out / "result.blend"))
    rigs = [item for item in bpy.data.objects if item.type == "ARMATURE"]
    assert len(rigs) == 1
    start, end = (np.array(parts.heads(rigs[0], frame)["DEF-hand.L"]) for frame in (1, bpy.context.scene.frame_end))
    assert np.linalg.norm(end - start) > 0.3, "the deforming bones follow"


def test_the_child_process_ends_with_the_command(tmp_path: Path, motions: Path, rig: Path) -> None:
    assert run(tmp_path / "out", motions, rig) == 0
    assert jobs._client is None


def bad_arguments(tmp_path: Path, motions: Path, rig: Path) -> dict[str, list[str]]:
    """Name of a mistake -> arguments."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "bad.bvh").write_text("HIERARCHY nonsense", encoding="utf-8")
    (tmp_path / "rig.txt").write_text("no rig", encoding="utf-8")
    (tmp_path / "fake.glb").write_text("no glTF", encoding="utf-8")
    (tmp_path / "fake.blend").write_text("no blend", encoding="utf-8")
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "nothing.blend"), copy=True)
    parts.armature("Snake", [(f"b{i}", f"b{i - 1}" if i else None, (0, i, 0), (0, i + 1, 0)) for i in range(6)])
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "snake.blend"), copy=True)
    good = {"--query": "someone strolls", "--library": str(motions), "--rig": str(rig), "--out": str(tmp_path / "out")}
    changes = {
        "empty query": {"--query": " "},
        "missing folder": {"--library": str(tmp_path / "nowhere")},
        "empty folder": {"--library": str(tmp_path / "empty")},
        "broken motions": {"--library": str(tmp_path / "broken")},
        "missing rig": {"--rig": str(tmp_path / "gone.glb")},
        "foreign rig": {"--rig": str(tmp_path / "rig.txt")},
        "broken glTF": {"--rig": str(tmp_path / "fake.glb")},
        "broken blend": {"--rig": str(tmp_path / "fake.blend")},
        "no armature": {"--rig": str(tmp_path / "nothing.blend")},
        "no limbs": {"--rig": str(tmp_path / "snake.blend")},
        "out is a file": {"--out": str(tmp_path / "rig.txt")},
    }
    return {name: [item for pair in {**good, **change}.items() for item in pair] for name, change in changes.items()}


def test_bad_input_is_one_sentence_and_changes_nothing(
    tmp_path: Path, motions: Path, rig: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, arguments in bad_arguments(tmp_path, motions, rig).items():
        before = sorted(path.name for path in tmp_path.iterdir())
        capfd.readouterr()
        assert command.run(arguments) == 2, name
        told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("tmr: ")]
        assert len(told) == 1, name
        assert len(told[0]) > 25, name
        assert "Traceback" not in told[0], name
        assert sorted(path.name for path in tmp_path.iterdir()) == before, name


def test_a_missing_model_is_one_sentence(
    tmp_path: Path, motions: Path, rig: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMR_MODEL", str(tmp_path / "no model"))
    assert run(tmp_path / "out", motions, rig) == 2
    assert "No model in" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2), (["--query"], 2)])
def test_usage_comes_back_as_an_exit_code(arguments: list[str], code: int) -> None:
    """Blender must not be left by SystemExit: it would skip its own clean-up."""
    assert command.run(arguments) == code
