# SPDX-License-Identifier: GPL-3.0-or-later
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import tiny_model as tiny
from tmr_blender.errors import ModelProblem
from tmr_blender.tmr import encoders
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder, batches, model_folder

RANDOM = np.random.default_rng(7)


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def motions(*lengths: int) -> list[np.ndarray]:
    return [RANDOM.normal(size=(length, 263)).astype(np.float32) for length in lengths]


def test_text_vectors_are_unit_rows_in_the_order_of_the_texts(tiny_model: Path) -> None:
    encoder = TextEncoder(tiny_model)
    texts = ["jumps and then jumps and then jumps", "walks", "a person stands"]
    latents, sentences = encoder.encode(texts)
    assert latents.shape == (3, 3) and sentences.shape == (3, 384)
    assert latents.dtype == sentences.dtype == np.float32
    assert np.allclose(np.linalg.norm(latents, axis=1), 1.0) and np.allclose(np.linalg.norm(sentences, axis=1), 1.0)
    assert np.argmax(latents, axis=1).tolist() == [1, 0, 2]
    assert encoder.model_id == tiny.ID


def test_padding_and_company_change_nothing(tiny_model: Path) -> None:
    encoder = MotionEncoder(tiny_model)
    items = motions(200, 9, 61, 8, 120)
    together = encoder.encode(items)
    alone = np.concatenate([encoder.encode([item]) for item in items])
    assert np.allclose(together, alone, atol=1e-6)
    assert np.array_equal(together, encoder.encode(items))
    text = TextEncoder(tiny_model)
    assert np.allclose(text.encode(["walks", "a person walks and then jumps"])[0][0], text.encode(["walks"])[0][0], atol=1e-6)


def test_motions_shorter_than_any_in_training_stand_still_at_the_end(tiny_model: Path) -> None:
    encoder = MotionEncoder(tiny_model)
    (short,) = motions(2)
    held = np.concatenate([short, np.repeat(short[-1:], encoder.card.min_frames - 2, axis=0)])
    assert np.allclose(encoder.encode([short]), encoder.encode([held]), atol=1e-6)


def test_nothing_to_encode(tiny_model: Path) -> None:
    assert MotionEncoder(tiny_model).encode([]).shape[0] == 0
    assert [part.shape[0] for part in TextEncoder(tiny_model).encode([])] == [0, 0]
    latents, _ = TextEncoder(tiny_model).encode([""])
    assert np.isfinite(latents).all()


@pytest.mark.parametrize("shape", [(0, 263), (10, 262), (263,), (201, 263)])
def test_features_of_another_shape_are_refused(tiny_model: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        MotionEncoder(tiny_model).encode([np.zeros(shape)])


def test_batches_take_everything_once_and_stay_small() -> None:
    lengths = RANDOM.integers(1, 500, 300).tolist()
    found = list(batches(lengths, 2000))
    assert sorted(i for batch in found for i in batch) == list(range(300))
    assert all(len(batch) * max(lengths[i] for i in batch) <= 2000 for batch in found)
    assert list(batches([5000], 2000)) == [[0]]


def test_long_texts_are_cut(tiny_model: Path) -> None:
    encoder = TextEncoder(tiny_model)
    latents, _ = encoder.encode(["walks " * 32 + "jumps " * 1000])
    assert np.allclose(latents, encoder.encode(["walks"])[0], atol=1e-5)


FILES = ["model.json", "tokenizer.json", "text_encoder.ts", "motion_encoder.ts", "background.npy"]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelProblem, match=name.replace(".", r"\.")):
        assert len(TextEncoder(copy).background)
        MotionEncoder(copy)  # a missing file is told before anything is encoded


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95 pickled?", b"half"])
def test_a_damaged_file_is_named(copy: Path, name: str, content: bytes) -> None:
    whole = (copy / name).read_bytes()
    (copy / name).write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    with pytest.raises(ModelProblem, match=name.replace(".", r"\.")):
        assert len(TextEncoder(copy).background)
        MotionEncoder(copy).encode([np.zeros((20, 263))])


def test_nothing_is_loaded_before_it_is_needed(tiny_model: Path) -> None:
    code = (
        "import sys; from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder; place = sys.argv[1]; "
        "print(len(TextEncoder(place).encode([])[0]) + len(MotionEncoder(place).encode([])), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tiny_model)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "False"]


def test_the_background_has_unit_rows(copy: Path) -> None:
    np.save(copy / "background.npy", np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 2.0]], np.float32))
    assert TextEncoder(copy).background == pytest.approx(np.array([[0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]))


@pytest.mark.parametrize(
    "rows",
    [
        np.ones((4, 2), np.float32),  # another model's width
        np.ones((1, 3), np.float32),
        np.ones((20_000, 3), np.float16),
        np.ones((4, 3), np.float64),
        np.ones(12, np.float32),
        np.array([[1.0, np.nan, 0.0], [0.0, 1.0, 0.0]], np.float32),
        np.array([[{}, 1, 2]], object),  # pickled
    ],
)
def test_a_background_of_another_shape_is_refused(copy: Path, rows: np.ndarray) -> None:
    np.save(copy / "background.npy", rows)
    with pytest.raises(ModelProblem, match=r"background\.npy"):
        assert len(TextEncoder(copy).background)


def test_a_background_that_claims_more_than_it_holds_is_refused(copy: Path) -> None:
    with (copy / "background.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (10_000, 10_000_000)})
    with pytest.raises(ModelProblem, match=r"background\.npy"):
        assert len(TextEncoder(copy).background)


def test_whatever_is_done_to_a_header_is_told_or_read(tmp_path: Path) -> None:
    """Damaged at random: NumPy's own reading of these raises TokenError, SyntaxError, MemoryError and SystemError, too."""
    path = tmp_path / "background.npy"
    rows = np.eye(4, 8, dtype=np.float16)
    np.save(path, rows)
    whole, random, told = path.read_bytes(), np.random.default_rng(3), 0
    for _ in range(2000):
        content = bytearray(whole)
        for at in random.integers(8, 128, random.integers(1, 4)):
            content[at] = random.choice(np.frombuffer(b"()[]{}'\"\\,:-+ \n0L9a#\x00\xff", np.uint8))
        path.write_bytes(content)
        try:
            assert (encoders._load_background(path) == rows.astype(np.float32)).all()
        except ModelProblem as problem:
            told += "background.npy is damaged" in str(problem)
    assert told > 1000


@pytest.mark.parametrize(
    "card", [[], {}, {"id": ""}, {"id": 3}, {"id": "x", "max_frames": 0}, {"id": "x", "max_tokens": "many"}]
)
def test_a_card_that_says_nothing_is_refused(copy: Path, card: object) -> None:
    (copy / "model.json").write_text(json.dumps(card))
    with pytest.raises(ModelProblem):
        TextEncoder(copy)


def test_where_the_weights_are_looked_for(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMR_MODEL", raising=False)
    package = tmp_path / "extensions" / "tmr_blender"
    package.mkdir(parents=True)
    monkeypatch.setattr(encoders, "_PACKAGE", package)
    with pytest.raises(ModelProblem, match="No model in"):
        model_folder()
    shutil.copytree(copy, tmp_path / "extensions" / ".cache" / "model")
    assert model_folder() == tmp_path / "extensions" / ".cache" / "model"
    shutil.copytree(copy, package / "weights")
    assert model_folder() == package / "weights"
    monkeypatch.setenv("TMR_MODEL", str(copy))
    assert model_folder() == copy
    with pytest.raises(ModelProblem, match="elsewhere"):
        model_folder(tmp_path / "elsewhere")


def test_importing_the_room_loads_no_torch() -> None:
    script = "import sys, tmr_blender, tmr_blender.tmr.encoders; print('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True).stdout.strip() == "False"
