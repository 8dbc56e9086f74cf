# SPDX-License-Identifier: GPL-3.0-or-later
"""build.py and what it is made of, without network and without Blender; the built zip where build.py names one."""

import argparse
import ast
import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import build
from building import blenders, environments, extension, stages, wheels
from building.stages import ROOT, BuildProblem, digest, stage


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stages, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(wheels, "STORE", tmp_path / "store")
    return tmp_path


def test_a_stage_runs_once_per_input(cache: Path) -> None:
    runs: list[str] = []
    output = cache / "output"

    def action() -> None:
        runs.append("ran")
        output.write_text("made")

    assert stage("first", "a", [output], action)
    assert not stage("first", "a", [output], action)
    assert stage("first", "b", [output], action)
    output.unlink()
    assert stage("first", "b", [output], action)
    assert len(runs) == 3


def test_a_stage_that_failed_runs_again(cache: Path) -> None:
    def fail() -> None:
        raise BuildProblem("no")

    with pytest.raises(BuildProblem):
        stage("second", "a", [], fail)
    assert stage("second", "a", [], lambda: None)


def test_a_stage_that_makes_nothing_is_a_problem(cache: Path) -> None:
    with pytest.raises(BuildProblem, match=r"lost\.txt"):
        stage("third", "a", [cache / "lost.txt"], lambda: None)


def test_digest_sees_names_contents_and_texts(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    file = tmp_path / "a.py"
    file.write_text("1")
    first = digest([tmp_path])
    (tmp_path / "__pycache__" / "a.pyc").write_text("compiled")
    assert digest([tmp_path]) == first
    assert digest([tmp_path], "text") != first
    file.write_text("2")
    second = digest([tmp_path])
    file.rename(tmp_path / "b.py")
    assert len({first, second, digest([tmp_path])}) == 3


def test_lock_is_complete_but_for_what_is_named() -> None:
    """Every target has all its wheels, or the problem names the package and the target."""
    rows = wheels.read_lock()
    for target in wheels.TARGETS:
        try:
            names = {row.name for row in wheels.shipped(target, rows)}
        except BuildProblem as problem:
            assert "torch 2.13.0" in str(problem), problem
            assert target.name in str(problem)
            assert target.name != wheels.Target("linux-x64", "3.11").name
        else:
            assert names == set(wheels.SHIPPED)


def test_coverage_is_told_for_every_target_at_once() -> None:
    everything = [wheels.Wheel(name, "1", f"{name}.whl", "0", "ship", ("linux-x64-cp311",), "MIT") for name in wheels.SHIPPED]
    possible, lacking = wheels.coverage(wheels.TARGETS, everything)
    assert [target.name for target in possible] == ["linux-x64-cp311"]
    assert set(lacking) == set(wheels.TARGETS) - set(possible)
    assert all(target.name in why and "torch" in why for target, why in lacking.items())


def test_what_cannot_be_packed_is_said_once_and_before_anything_is_made(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environments, "plain", lambda index: None)
    monkeypatch.setattr(environments, "blender", lambda version: None)
    monkeypatch.setattr(build, "OUT", cache / "out")
    monkeypatch.setattr(wheels, "read_lock", list)
    monkeypatch.setattr(build, "contents", lambda *_: pytest.fail("began to build"))
    assert build.main(["package"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == len(wheels.TARGETS) and all("was not made: the lock has no torch" in line for line in told)


def test_a_blender_that_pip_does_not_find_is_skipped_and_leaves_no_environment(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def install(made: environments.Environment, requirements: Path, more: list[str], index: str | None) -> None:
        made.python.parent.mkdir(parents=True, exist_ok=True)
        made.python.touch()
        if more:
            raise BuildProblem("pip could not")

    monkeypatch.setattr(environments, "ROOT", cache)
    monkeypatch.setattr(environments, "plain", lambda index: None)
    monkeypatch.setattr(environments, "_install", install)
    assert build.main(["test", "--versions", "--bpy", "4.0.0"]) == stages.SKIPPED
    assert "skipped. Blender 4.0.0 as a module can't be installed" in capsys.readouterr().out
    assert build.main(["test", "--bpy", "4.0.0"]) == 2
    assert not (cache / ".venv-bpy-4.0.0").exists()


def test_lock_rows_fit_their_targets() -> None:
    for row in wheels.read_lock():
        assert re.fullmatch(r"[0-9a-f]{64}", row.sha256)
        assert row.file.endswith(".whl")
        assert "numpy" not in row.name
        for name in row.targets:
            target = next(target for target in wheels.TARGETS if target.name == name)
            tags = row.file.removesuffix(".whl").split("-")[2:]
            assert tags[2] == "any" or set(tags[2].split(".")) & set(wheels.PLATFORMS[target.platform])
            assert tags[1] in ("none", "abi3") or tags[1] == f"cp{target.python.replace('.', '')}"


def test_linux_never_gets_torch_with_cuda() -> None:
    for row in wheels.read_lock():
        if row.name == "torch" and any(name.startswith("linux") for name in row.targets):
            assert row.version.endswith("+cpu")


def test_a_file_with_another_hash_is_removed(cache: Path) -> None:
    row = wheels.Wheel("small", "1", "small-1-py3-none-any.whl", "0" * 64, "ship", ("linux-x64-cp311",), "MIT")
    wheels.STORE.mkdir()
    path = wheels.STORE / row.file
    path.write_bytes(b"not that file")
    with pytest.raises(BuildProblem, match="SHA-256"):
        wheels.fetch(row, environments.TORCH_INDEX, Path(sys.executable))
    assert not path.exists()
    path.write_bytes(b"that file")
    right = dataclasses.replace(row, sha256=stages.file_digest(path))
    assert wheels.fetch(right, environments.TORCH_INDEX, Path(sys.executable)) == path


def test_a_broken_lock_is_one_sentence(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "LOCK", cache / "lock.toml")
    for text in ("[[wheel]]\nname = 'x'\ntargets = []\n", "nonsense", "other = 1\n"):
        wheels.LOCK.write_text(text)
        with pytest.raises(BuildProblem, match="lock"):
            wheels.read_lock()


@pytest.mark.parametrize("target", wheels.TARGETS, ids=lambda target: target.name)
def test_manifest_of_each_zip(target: wheels.Target) -> None:
    source = extension.MANIFEST.read_text(encoding="utf-8")
    made = tomllib.loads(extension.manifest(source, target, ["b-1-py3-none-any.whl", "a-1-py3-none-any.whl"]))
    assert made["platforms"] == [target.platform]
    assert made["wheels"] == ["./wheels/a-1-py3-none-any.whl", "./wheels/b-1-py3-none-any.whl"]
    assert (made["blender_version_min"], made.get("blender_version_max")) == wheels.PYTHONS[target.python]
    assert set(made["permissions"]) == {"files", "network"}


def test_rewritten_zips_are_the_same_bytes(tmp_path: Path) -> None:
    for number, order in enumerate((["b.py", "a.py", "w.whl"], ["w.whl", "a.py", "b.py"])):
        with zipfile.ZipFile(tmp_path / f"raw{number}.zip", "w") as archive:
            for name in order:
                archive.writestr(zipfile.ZipInfo(name, (2000 + number, 1, 1, 0, 0, 0)), name * 50)
        extension.rewrite(tmp_path / f"raw{number}.zip", tmp_path / f"made{number}.zip")
    assert (tmp_path / "made0.zip").read_bytes() == (tmp_path / "made1.zip").read_bytes()


def test_licences_are_read_from_a_wheel(tmp_path: Path) -> None:
    path = tmp_path / "small-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("small-1.dist-info/METADATA", "Name: small\nLicense-Expression: BSD-3-Clause\n")
        archive.writestr("small-1.dist-info/licenses/deep/LICENSE.txt", "do as you like")
        archive.writestr("small/licence.py", "code")
    assert wheels.licence(path) == "BSD-3-Clause"
    assert wheels.licence_texts(path) == {"deep/LICENSE.txt": b"do as you like"}


@pytest.mark.parametrize("arguments", [["test", "--bpy"], ["install"], ["bench", "nothing"], ["unknown"]])
def test_wrong_arguments_exit_with_2(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, str(ROOT / "build.py"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("wish", "printed"), [(["--json"], True), (["--json", "figures.json"], False), ([], False)])
def test_a_benchmark_without_a_file_for_its_json_prints_it(
    wish: list[str],
    printed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    def benchmark(options: argparse.Namespace, target: Path | None) -> int:
        if target is not None:
            target.write_text('["rows"]\n')
        return 1

    monkeypatch.setattr(build, "benchmark", benchmark)
    assert build.main(["bench", "retarget", *wish, "--quick"]) == 1
    assert ('["rows"]' in capsys.readouterr().out) == printed
    assert (tmp_path / "figures.json").exists() == ("figures.json" in wish)


@pytest.mark.parametrize("arguments", [["--library", "nowhere"], ["--rig", "nowhere.blend"], ["--query", " "]])
def test_a_wrong_wish_is_refused_before_anything_is_built(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    shutil.copy(ROOT / "build.py", tmp_path / "copy")
    shutil.copytree(ROOT / "building", tmp_path / "copy" / "building")
    command = [sys.executable, str(tmp_path / "copy" / "build.py"), "try", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
    assert not (tmp_path / "copy" / ".venv").exists()


def test_build_needs_only_the_standard_library() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import build"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], check=True)


@pytest.fixture
def built() -> zipfile.ZipFile:
    path = os.environ.get("TMR_ZIP")
    if not path:
        pytest.skip("needs the built zip; `python build.py test` builds it")
    return zipfile.ZipFile(path)


def test_zip_holds_what_it_must_and_nothing_else(built: zipfile.ZipFile) -> None:
    names = built.namelist()
    assert {f"weights/{name}" for name in extension.WEIGHTS} <= set(names)
    assert any(name.startswith("starter/") and name.endswith(".bvh") for name in names)
    assert {"LICENSE", "licences/README.md", "__init__.py"} <= set(names)
    assert not [
        name for name in names if "__pycache__" in name or "numpy" in name.lower() or name.startswith(("tests/", "models/"))
    ]
    assert names == sorted(names)
    manifest = tomllib.loads(built.read("blender_manifest.toml").decode())
    assert sorted(name for name in names if name.endswith(".whl")) == sorted(
        name.removeprefix("./") for name in manifest["wheels"]
    )


def test_zip_ships_every_import_of_the_package(built: zipfile.ZipFile) -> None:
    """What the package imports is Blender's, Python's, its own, or in a wheel."""
    given = {"bpy", "bpy_extras", "mathutils", "gpu", "gpu_extras", "blf", "idprop"}
    given |= {"addon_utils", "bl_ext", "rna_keymap_ui", "rigify", "numpy"}
    shipped = {name.replace("-", "_") for name in wheels.SHIPPED}
    for name in built.namelist():
        if name.endswith(".py"):
            found = imported(built.read(name).decode())
            assert found <= given | shipped | set(sys.stdlib_module_names), name


def imported(source: str) -> set[str]:
    """Top-level names of the packages that a source imports, relative imports left out."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def fake_blender(folder: Path, says: str) -> blenders.Program:
    path = folder / "blender"
    path.write_text(f"#!/bin/sh\necho Blender 4.5\n{says}\n")
    path.chmod(0o755)
    return blenders.Program(path, private=True)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_the_zip_fits_the_python_inside_a_blender(tmp_path: Path) -> None:
    assert fake_blender(tmp_path, "echo PYTHON.3.13").target() == wheels.Target(wheels.host().platform, "3.13")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize("says", ["echo PYTHON.3.10", "exit 0", "exit 1"])
def test_a_blender_that_can_not_be_served_is_one_sentence(tmp_path: Path, says: str) -> None:
    with pytest.raises(BuildProblem, match=r"is no Blender with Python 3\.11 or 3\.13"):
        fake_blender(tmp_path, says).target()


def test_a_blender_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BuildProblem, match="can't be run"):
        blenders.Program(tmp_path / "blender", private=True).target()
