# SPDX-License-Identifier: GPL-3.0-or-later
"""The same input gives the same bytes, whatever folder it lies in: networks, an index, a zip."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from building import environments, extension, stages, wheels
from building.stages import ROOT, BuildProblem
from tests import tiny_model
from tests.library import takes

NETWORK = """
import sys
from pathlib import Path
import torch
from models.export import _save

class Net(torch.nn.Module):
    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        if rows.shape[0] == 0:
            raise ValueError("no rows")
        return rows * 2.0

_save(torch.jit.script(Net()), Path("net.ts"))
assert torch.jit.load("net.ts")(torch.ones(1)).item() == 2.0
"""


def folders(place: Path) -> list[Path]:
    """Two folders whose names differ in length."""
    made = [place / "one", place / "the other" / "deeper"]
    for folder in made:
        folder.mkdir(parents=True)
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run(folder: Path, *arguments: str | Path) -> None:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    subprocess.run([sys.executable, *map(str, arguments)], cwd=folder, env=variables, check=True, capture_output=True)


def test_exported_networks(tmp_path: Path) -> None:
    made = folders(tmp_path)
    for folder in made:
        (folder / "network.py").write_text(NETWORK)
        run(folder, folder / "network.py")
    first, second = ((folder / "net.ts").read_bytes() for folder in made)
    assert first == second
    assert str(tmp_path).encode() not in first


def test_an_index(tmp_path: Path) -> None:
    model = tiny_model.make(tmp_path / "model")
    made = folders(tmp_path)
    for folder in made:
        for kind in ("walks", "jumps"):
            takes.write_take(folder / "clips" / f"{kind}.bvh", kind)
        for file in (folder / "clips").rglob("*"):
            os.utime(file, (extension.SAME_SECOND, extension.SAME_SECOND))
        run(folder, "-m", "tmr_blender", "index", "clips", "--library", "library", "--model", model)
    first, second = (contents(folder / "library") for folder in made)
    assert {name for name in first if first[name] != second.get(name)} == set()
    assert first.keys() == second.keys()
    assert not [name for name, data in first.items() if str(tmp_path).encode() in data]


def test_a_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed by Blender's own tool twice, in folders written at other times and with other rights."""
    blender = environments.Environment(ROOT / ".venv-bpy")
    try:
        extension.command_line_tool(blender)
    except BuildProblem:
        pytest.skip("needs Blender as a module in .venv-bpy; `python build.py try` makes it")
    row = wheels.Wheel("small", "1", "small-1-py3-none-any.whl", "0" * 64, "ship", ("linux-x64-cp311",), "MIT")
    zips: list[bytes] = []
    for number, folder in enumerate(folders(tmp_path)):
        for name, place in (("PACKAGE", "package"), ("MODEL", "model"), ("STARTER", "starter"), ("CACHE", "cache")):
            monkeypatch.setattr(extension, name, folder / place)
        names = ["package/__init__.py", "package/b.py", *(f"model/{name}" for name in extension.WEIGHTS), "starter/clips/a.bvh"]
        for name in names if number else reversed(names):  # in another order, which is a folder's own
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
            file.chmod(0o600 if number else 0o755)
            second = 1_500_000_000 + 10**7 * number
            os.utime(file, (second, second))
        wheel = folder / row.file
        with zipfile.ZipFile(wheel, "w") as archive:
            for name in ("small.py", "small-1.dist-info/LICENSE"):
                archive.writestr(zipfile.ZipInfo(name), "as you like")
        text = extension.manifest(extension.MANIFEST.read_text(encoding="utf-8"), wheels.TARGETS[0], [wheel.name])
        (folder / "cache" / "stage").mkdir(parents=True)
        zips.append(extension.pack(text, [row], [wheel], folder / "made" / "small.zip", blender).read_bytes())
    assert zips[0] == zips[1]
    assert stages.ROOT == ROOT and str(tmp_path).encode() not in zips[0]
