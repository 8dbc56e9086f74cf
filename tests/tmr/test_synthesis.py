# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions made up at run time are those of the trained decoder, repeat from their seed, and say what they are."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from models import synthesise as training
from tests import tiny_model, trained_decoder
from tmr_blender.errors import ModelProblem, QueryProblem
from tmr_blender.library.driving import returned
from tmr_blender.motion import features, readers
from tmr_blender.tmr import synthesis
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

FRAMES = 70


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_decoder.make(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def maker(model: Path) -> synthesis.Synthesiser:
    return synthesis.Synthesiser(model, threads=1)


def latent(seed: int = 0) -> np.ndarray:
    row = np.random.default_rng(seed).normal(size=128).astype(np.float32)
    return row / np.linalg.norm(row)


@pytest.mark.parametrize("seed", [0, 7])
def test_what_is_exported_draws_what_the_trained_decoder_draws(maker: synthesis.Synthesiser, seed: int) -> None:
    trained = trained_decoder.trained().draw(torch.from_numpy(latent()[None]), torch.tensor([FRAMES]), seed)[0].numpy()
    (rows,) = returned(maker.draw(latent(), FRAMES, seed))
    assert rows.shape == (FRAMES, 263) and rows.dtype == np.float32
    assert np.abs(rows - trained).max() < 1e-4
    assert np.abs(synthesis.settled(rows) - training.settled(trained)).max() < 1e-4


def test_a_seed_decides_and_more_tries_begin_with_the_same_one(maker: synthesis.Synthesiser) -> None:
    one, two = (returned(maker.draw(latent(), FRAMES, 3, draws)) for draws in (1, 2))
    assert np.abs(one[0] - two[0]).max() < 1e-5
    assert np.abs(two[0] - two[1]).max() > 0.05
    assert np.array_equal(two, returned(maker.draw(latent(), FRAMES, 3, 2)))
    # The tries of the next seed are none of this one's.
    for other in returned(maker.draw(latent(), FRAMES, 4, 2)):
        assert min(np.abs(other - mine).max() for mine in two) > 0.05


def test_the_best_try_is_the_one_encoded_nearest_to_the_text(maker: synthesis.Synthesiser, model: Path) -> None:
    encoder = MotionEncoder(model)
    wanted = TextEncoder(model).encode(["walks"])[0][0]
    tries = [synthesis.settled(rows) for rows in returned(maker.draw(wanted, FRAMES, 1, 4))]
    scores = [synthesis.best([joints], wanted, encoder).score for joints in tries]
    made = returned(maker.synthesise(wanted, encoder, FRAMES / features.FPS, 1, 4))
    assert len({round(score, 4) for score in scores}) > 1
    assert made.score == pytest.approx(max(scores), abs=1e-5)
    assert np.abs(made.positions - tries[int(np.argmax(scores))]).max() < 1e-5
    assert made.positions.shape == (FRAMES, 22, 3) and made.fps == features.FPS


def test_progress_rises_and_the_draw_ends_where_nobody_goes_on(maker: synthesis.Synthesiser) -> None:
    run = maker.draw(latent(), FRAMES)
    shares = [next(run) for _ in range(5)]
    assert shares == sorted(shares) and 0.0 <= shares[0] < shares[-1] < 1.0
    # What runs between two steps is not in torch's inference mode.
    assert not torch.is_inference_mode_enabled()
    run.close()


def test_bones_keep_their_lengths_and_no_foot_is_below_the_floor(maker: synthesis.Synthesiser) -> None:
    joints = synthesis.settled(returned(maker.draw(latent(1), 100))[0])
    lengths = np.linalg.norm(joints[:, [4, 5, 7, 8]] - joints[:, [1, 2, 4, 5]], axis=-1)
    assert np.allclose(lengths, features.BONES[[4, 5, 7, 8]], atol=1e-6)
    assert joints[:, [7, 8, 10, 11], 1].min() > -0.02


@pytest.mark.parametrize("asked", [(0.5, 0, 1), (21.0, 0, 1), (float("nan"), 0, 1), (5.0, -1, 1), (5.0, 2**40, 1), (5.0, 0, 0)])
def test_what_cannot_be_made_is_a_sentence(maker: synthesis.Synthesiser, model: Path, asked: tuple[float, int, int]) -> None:
    with pytest.raises(QueryProblem, match=r"(?i)from"):
        returned(maker.synthesise(latent(), MotionEncoder(model), *asked))


def test_an_older_model_is_told_from_a_damaged_one(model: Path, tmp_path: Path) -> None:
    assert synthesis.lacking(model) == ""
    older = tiny_model.make(tmp_path / "older")
    assert "can search but not make up motions" in synthesis.lacking(older)
    with pytest.raises(ModelProblem, match="newer zip"):
        synthesis.Synthesiser(older)
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    card = json.loads((copy / "model.json").read_text(encoding="utf-8"))
    for change in ({"hop": 0}, {"components": 10**9}, {"steps": "32"}, {"guidance": None}, {"id": 3}):
        (copy / "model.json").write_text(json.dumps({**card, "synthesis": {**card["synthesis"], **change}}), encoding="utf-8")
        assert "damaged" in synthesis.lacking(copy)
    (copy / "model.json").write_text(json.dumps(card), encoding="utf-8")
    (copy / synthesis.NETWORK).write_bytes(b"PK" + bytes(100))
    with pytest.raises(ModelProblem, match=r"synthesis\.ts is damaged"):
        returned(synthesis.Synthesiser(copy).draw(latent(), FRAMES))
    (copy / synthesis.NETWORK).unlink()
    assert "can search but not make up motions" in synthesis.lacking(copy)


def test_the_file_of_the_command_says_that_it_is_generated(model: Path, tmp_path: Path) -> None:
    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tmr_blender", "synthesise", "a person walks", "--model", str(model), *more]
        return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)

    done = run("--out", str(tmp_path / "a.bvh"), "--seconds", "2", "--draws", "1", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["seconds"] == 2.0 and facts["origin"] == synthesis.LABEL and facts["query"] == "a person walks"
    (clip,) = readers.read(tmp_path / "a.bvh")
    assert clip.frames == 40 and clip.skeleton.names[0].endswith("_generated")
    again = run("--out", str(tmp_path / "b.bvh"), "--seconds", "2", "--draws", "1")
    assert "not recorded" in again.stdout
    assert (tmp_path / "a.bvh").read_bytes() == (tmp_path / "b.bvh").read_bytes()
    for more, sentence in ((("--out", "c.txt"), "must end in .bvh"), (("--out", "c.bvh", "--seconds", "99"), "20 seconds")):
        refused = run(*more)
        assert refused.returncode == 2 and sentence in refused.stderr and "Traceback" not in refused.stderr
