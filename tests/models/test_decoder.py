# SPDX-License-Identifier: GPL-3.0-or-later
"""The second stage and what comes of it, as commands on a small folder: train, generate, measure."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from models import decoder, evaluate_synthesis, synthesise, train, weights
from tmr_blender.motion import body, humanoid, readers

SMALL = ["latent=16", "width=32", "heads=2", "feedforward=64", "motion_layers=1", "text_layers=1", "decoder_layers=0"]
NETWORKS = [*(f"shape.{change}" for change in SMALL), "training.batch=8", "training.epochs=2", "members=[{}, {}]"]
DECODER = ["components=16", "width=32", "heads=2", "feedforward=64", "layers=1", "batch=8", "rate=0.003", "average=0.9"]


def settings(changes: list[str]) -> list[str]:
    return [part for change in changes for part in ("--set", change)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, folder: Path, language: Path):
    """A folder with a tiny network that reads (tmr_0), one that judges (judge.safetensors), and a decoder of some steps."""
    root, patch, threads = tmp_path_factory.mktemp("second"), pytest.MonkeyPatch(), torch.get_num_threads()
    patch.setattr(train, "CACHE", root / "cache")
    patch.setattr(decoder, "CACHE", root / "cache")
    patch.setenv("TMR_MINILM", str(language))
    held = ["--draw", "1", "--held-out", "9", "--threads", "1"]
    changes = settings([*NETWORKS, "variation.kinematic=false"])
    assert train.main(["--data", str(folder), "--out", str(root / "nets"), *held, *changes]) == 0
    (root / "nets" / "tmr_1.safetensors").rename(root / "judge.safetensors")
    assert command(folder, root, root / "nets" / "decoder.safetensors", "steps=400") == 0
    yield root
    patch.undo()
    torch.set_num_threads(threads)


def command(folder: Path, place: Path, out: Path, *changes: str, more: tuple[str, ...] = ()) -> int:
    paths = ["--data", str(folder), "--weights", str(place / "nets"), "--out", str(out), "--every", "100", "--threads", "1"]
    return decoder.main([*paths, "--draw", "1", "--held-out", "9", *more, *settings([*DECODER, *changes])])


def history(out: Path) -> list[dict[str, float]]:
    return json.loads(header(out.with_suffix(".run") / "state.safetensors")["history"])


def header(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def test_it_learns(place: Path):
    losses = [line["loss"] for line in history(place / "nets" / "decoder.safetensors")]
    assert len(losses) == 4
    assert losses[-1] < 0.97 * losses[0]


def test_an_interrupted_run_goes_on_as_if_it_had_not_stopped(folder: Path, place: Path, tmp_path: Path):
    out = tmp_path / "again.safetensors"
    for minutes in ("0.000001", "0.000001", "5"):
        assert command(folder, place, out, "steps=400", more=("--minutes", minutes)) == 0
    networks = weights.fingerprint(place / "nets")
    one = weights.decoder(place / "nets" / "decoder.safetensors", networks).state_dict()
    two = weights.decoder(out, networks).state_dict()
    for name, value in one.items():
        assert torch.allclose(value, two[name], atol=1e-3), name


def test_a_run_on_other_takes_is_not_taken_up(folder: Path, place: Path, capsys: pytest.CaptureFixture[str]):
    out = place / "nets" / "decoder.safetensors"
    assert command(folder, place, out, "steps=400", more=("--held-out", "6")) == 2
    assert "other encoders, takes or settings" in capsys.readouterr().err
    assert command(folder, place, out, "steps=130") == 2
    assert "another config" in capsys.readouterr().err


def test_the_decoder_is_no_network_of_the_search(place: Path):
    assert len(weights.opened(place / "nets").models) == 1


def generate(place: Path, out: Path, *more: str) -> int:
    text = "a person walks forward"
    return synthesise.main([text, "--seconds", "3", "--out", str(out), "--weights", str(place / "nets"), *more])


def test_a_sentence_becomes_a_file_that_says_what_it_is(place: Path, tmp_path: Path):
    out, points, strip = tmp_path / "walk.bvh", tmp_path / "walk.npz", tmp_path / "walk.png"
    assert generate(place, out, "--joints", str(points), "--picture", str(strip)) == 0
    (clip,) = readers.read(out)
    assert (clip.frames, clip.fps) == (60, 20.0)
    assert clip.skeleton.names[0] == "pelvis_generated"
    assert set(humanoid.recognise(clip).joints) == set(body.JOINTS)
    with np.load(points, allow_pickle=False) as kept:
        assert kept["positions"].shape == (60, 22, 3)
        assert "not recorded" in str(kept["origin"]) and str(kept["text"]) == "a person walks forward"
        at = [clip.skeleton.names.index(name if name != "pelvis" else "pelvis_generated") for name in body.JOINTS]
        assert np.abs(clip.globals()[1][:, at] - kept["positions"]).max() < 1e-4
        assert kept["positions"][:, 7:12, 1].min() > -1e-4
    assert strip.read_bytes()[:4] == b"\x89PNG"


def test_the_same_command_gives_the_same_motion_and_seeds_give_others(place: Path, tmp_path: Path):
    for name, more in {"a": (), "b": (), "c": ("--seed", "5"), "d": ("--mean",)}.items():
        assert generate(place, tmp_path / f"{name}.bvh", *more) == 0
    a, b, c, d = ((tmp_path / f"{name}.bvh").read_text() for name in "abcd")
    assert a == b and a != c and a != d


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["  ", "--out", "x.bvh"], "no text"),
        (["walk", "--out", "x.bvh", "--seconds", "0.2"], "--seconds"),
        (["walk", "--out", "x.bvh", "--seconds", "nan"], "--seconds"),
        (["walk", "--out", "x.bvh", "--weights", "nowhere"], "nowhere"),
    ],
)
def test_what_can_not_be_done_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert synthesise.main(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_network_without_a_decoder_is_named(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["walk", "--out", str(tmp_path / "x.bvh"), "--weights", str(place / "judge.safetensors")]
    assert synthesise.main(arguments) == 2
    assert "models.decoder" in capsys.readouterr().err


def test_figures_of_held_out_takes(folder: Path, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    paths = ["--data", str(folder), "--weights", str(place / "nets"), "--draw", "1", "--held-out", "9"]
    assert (
        evaluate_synthesis.main([*paths, "--judge", str(place / "judge.safetensors"), "--json", str(tmp_path / "s.json")]) == 0
    )
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["captions"] == 9
    assert found["joints"]["mean of all motions"]["pose_cm"] > 0.0
    for values in found["joints"].values():
        assert values["pose_best_moment_cm"] <= values["pose_cm"]
    assert 0.0 <= found["recognised"]["drawn for the caption, finished"]["R10"] <= 100.0
    assert found["recognised"]["chance"]["MedR"] == 5.0
    assert evaluate_synthesis.main([*paths, "--judge", str(place / "nets" / "tmr_0.safetensors")]) == 2
    assert "no part in it" in capsys.readouterr().err
