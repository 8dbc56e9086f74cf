# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays of strangers: what is refused, and that packing changes nothing."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models.data import arrays
from tests.models.data.feature_files import walk, write
from tmr_blender.errors import FileProblem


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple:
        return os.system, ("echo trapped > trapped",)


def test_genuine_files(shared: Path):
    rows = arrays.features(shared / "features" / "012314_features.npy")
    assert rows.dtype == np.float32
    assert np.array_equal(rows, np.load(shared / "features" / "012314_features.npy"))


@pytest.mark.parametrize("rows", [np.zeros((5, 262)), np.zeros(263), np.zeros((5, 263), int), np.array([Trap()], object)])
def test_other_arrays_are_refused(rows: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", rows, allow_pickle=True)
    with pytest.raises(FileProblem, match=r"x\.npy"):
        arrays.features(Path("x.npy"))
    assert not Path("trapped").exists()


def test_a_file_cut_short_is_refused(tmp_path: Path):
    write(tmp_path / "x.npy", walk(30))
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileProblem, match=r"x\.npy"):
        arrays.features(tmp_path / "x.npy")


def test_packed_and_not_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    broken = walk(60)
    broken[3, 7] = np.nan
    files = {}
    for name, rows in {"a": walk(50), "short": walk(39), "broken": broken, "b": walk(45, 2.0)}.items():
        files[name] = tmp_path / f"{name}.npy"
        write(files[name], rows)
    plain = arrays.takes(files, "from somewhere.", None, 40)
    said = capsys.readouterr().err
    assert said == "left out: 1 motions with values that are not finite, 1 motions with fewer than 40 frames\n"
    for _ in range(2):
        packed = arrays.takes(files, "from somewhere.", tmp_path / "cache", 40)
        assert capsys.readouterr().err == said
        assert list(packed) == list(plain) == ["a", "b"]
        assert all(np.array_equal(packed[name].features, plain[name].features) for name in plain)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    write(files["a"], walk(70))
    assert len(arrays.takes(files, "", tmp_path / "cache", 40)["a"].features) == 70


def test_a_missing_file_is_named_with_where_it_comes_from(tmp_path: Path):
    with pytest.raises(FileProblem, match=r"a\.npy is missing \(2 of 2 are\): a script writes it\."):
        arrays.takes({"a": tmp_path / "a.npy", "b": tmp_path / "b.npy"}, "a script writes it.", None)


def test_members_of_archives(tmp_path: Path):
    table = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    np.savez_compressed(tmp_path / "x.npz", table=table, name="male", other=np.zeros(3), empty=np.zeros((0, 3)))
    found = arrays.archive(tmp_path / "x.npz", ("table", "name", "empty", "absent"))
    assert set(found) == {"table", "name", "empty"}
    assert np.array_equal(found["table"], table)
    assert found["empty"].shape == (0, 3)
    assert str(found["name"]) == "male"


def test_pickles_in_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    np.savez("x.npz", poses=np.array([Trap()], object))
    with pytest.raises(FileProblem, match="pickled"):
        arrays.archive(Path("x.npz"), ("poses",))
    Path("y.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(FileProblem, match=r"y\.npz"):
        arrays.archive(Path("y.npz"), ("poses",))
    assert not Path("trapped").exists()


def test_a_header_that_promises_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 156)})
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("poses.npy", header.getvalue() + b"\0" * 64)
    with pytest.raises(FileProblem, match="cut short"):
        arrays.archive(tmp_path / "x.npz", ("poses",))
    np.savez_compressed(tmp_path / "y.npz", poses=np.zeros(1000))
    monkeypatch.setattr(arrays, "MOST_BYTES", 4000)
    with pytest.raises(FileProblem, match="larger"):
        arrays.archive(tmp_path / "y.npz", ("poses",))
