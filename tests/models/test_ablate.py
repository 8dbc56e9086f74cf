# SPDX-License-Identifier: GPL-3.0-or-later
"""Ablations as a command on a small folder, and the tables on figures made by hand."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models import ablate, evaluate, tables, train
from models import config as configs
from models.data import cmu, splits
from models.data.takes import Caption
from models.variants import BASE, variants
from tmr_blender.errors import TMRError

TINY = [
    *("shape.latent=16", "shape.width=32", "shape.heads=2", "shape.feedforward=64", "shape.motion_layers=1"),
    *("shape.text_layers=1", "shape.decoder_layers=1", "training.batch=8", "training.decoded=4", "training.windows=0"),
]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: Path) -> None:
    monkeypatch.setattr(train, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("TMR_MINILM", str(language))


def command(folder: Path, out: Path, *more: str) -> int:
    changes = [part for change in TINY for part in ("--set", change)]
    return ablate.main(["--data", str(folder), "--out", str(out), "--draws", "1", "--held-out", "9", *changes, *more])


def finished(out: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (out / "runs").glob("*.json")}


@pytest.mark.usefixtures("private_cache")
def test_two_shares_make_one_table_and_nothing_is_trained_twice(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    more = ["--epochs", "1", "--only", "without captions of ours", "contrastive only"]
    assert command(folder, out, *more, "--share", "2/2") == 0
    assert set(finished(out)) == {"contrastive-only_1234_1", "base_1235_1", "without-captions-of-ours_1235_1"}
    before = finished(out)
    assert command(folder, out, *more) == 0
    assert len(finished(out)) == 6
    assert before.items() <= finished(out).items()
    assert not any((out / "state").iterdir())
    found = json.loads((out / "table.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in found["rows"]}
    assert {name for name, row in rows.items() if not row["is_base"]} == {"contrastive only", "without captions of ours"}
    assert all(row["runs"] == 2 for row in rows.values())
    assert "gallery 9" in capsys.readouterr().out

    assert command(folder, out, *more[2:], "--epochs", "2") == 2
    assert "another config" in capsys.readouterr().err


@pytest.mark.usefixtures("private_cache")
def test_a_run_cut_short_goes_on(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = configs.load("tmr", [*TINY, "training.epochs=6", "members=[{}]", "variation.kinematic=false"])
    material = train.gather(config, data := cmu.load(folder), splits.split(data, 1, 9), tmp_path / "sentences.json")
    job = ablate.Job(variants(config)[0], config, 1)
    ablate.run_one(job, material, "mark", 0.000001, tmp_path)
    assert finished(tmp_path) == {}
    ablate.show(tmp_path, None)
    assert "No run" in capsys.readouterr().out
    ablate.run_one(job, material, "mark", 10.0, tmp_path)
    # Saved where the time was up, between the epochs at which it is saved anyway.
    assert "continues after epoch 1" in capsys.readouterr().out
    record = tables.read_all(tmp_path)[0]
    assert [line["epoch"] for line in record["history"]] == [1, 2, 4, 6]
    assert record["steps"] == 6 * (record["steps"] // 6) > 0


@pytest.mark.usefixtures("private_cache")
def test_models_are_compared_in_four_protocols(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    assert command(folder, out, "--models", "temos", "guo", "--seeds", "1", "--epochs", "1") == 0
    text = capsys.readouterr().out
    found = json.loads((out / "table.json").read_text(encoding="utf-8"))
    for protocol in evaluate.PROTOCOLS:
        for way in ("t2m", "m2t"):
            assert set(found[protocol][way]) == {"temos", "guo", "text search", "chance"}
            assert set(found[protocol][way]["guo"]) == {"R1", "R2", "R3", "R5", "R10", "MedR"}
    assert found["temos"][0]["parameters"]["motion encoder"] > found["temos"][0]["parameters"]["text encoder"] > 0
    # Three captions for nine takes: any take of the same caption is right.
    said = Counter(caption.texts for caption in splits.split(cmu.load(folder), 1, 9).validation)
    expected = 100.0 * sum(count**2 for count in said.values()) / 9**2
    assert found["threshold"]["t2m"]["chance"]["R1"]["mean"] == pytest.approx(expected, abs=0.01)
    assert found["all"]["t2m"]["chance"]["R1"]["mean"] == pytest.approx(11.11)
    assert "| small batches of 32 | guo |" in text


def test_mistakes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    place = ["--out", str(tmp_path)]
    assert ablate.main(place) == 2
    assert "--data" in capsys.readouterr().err
    for mistake, named in ((["--share", "3/2"], "3/2"), (["--only", "wings"], "wings"), (["--models", "none"], "none")):
        assert ablate.main([*place, "--data", str(tmp_path), *mistake]) == 2
        assert named in capsys.readouterr().err


def test_every_variant_is_a_config_of_its_own_name():
    base = configs.load("tmr", ["members=[{}]"])
    rows = variants(base)
    assert len({row.slug for row in rows}) == len(rows)
    assert rows[0].applied(base) == base
    same = [row for row in rows[1:] if row.applied(base) == base]
    # Each series of values holds the base's own value once at most, and nothing else repeats the base.
    assert len({row.question for row in same}) == len(same)
    jobs = ablate.jobs_of([(row, row.applied(base)) for row in rows], ablate.parser().parse_args(["--seeds", "2"]))
    assert len({job.key for job in jobs}) == len(jobs) == 4 * (len(rows) - len(same))
    halves = [ablate.share_of(jobs, share) for share in ("1/2", "2/2")]
    assert sorted(job.key for half in halves for job in half) == sorted(job.key for job in jobs)


def test_other_batches_see_as_many_clips():
    base = configs.load("tmr", ["training.batch=128", "training.decoded=16", "training.average=0.99"])
    half = next(row for row in variants(base) if row.name == "batch 32").applied(base).training
    assert (half.batch, half.decoded, half.epochs) == (32, 4, base.training.epochs)
    assert half.rate == pytest.approx(base.training.rate / 2)
    assert half.average**4 == pytest.approx(0.99, abs=1e-3)


def record(name: str, seed: int, log_rank: float, *changes: str, material: str = "m") -> dict[str, Any]:
    """Figures as a run leaves them; the recalls are made up from the log rank."""
    config = configs.load("tmr", ["members=[{}]", f"training.seed={seed}", *changes]).to_dict()
    figures = {"R10": 100.0 / log_rank, "MedR": 2.0**log_rank}
    report = {"all": {"t2m": figures, "m2t": figures}, "gallery": 240, "takes": 240, "chance": {"R10": 4.17}}
    return {
        **{"question": "", "name": name, "draw": 1, "config": config, "material": material, "steps": 10, "minutes": 1.0},
        **{"cpu_minutes": 1.0, "history": [], "log_rank": log_rank, "report": report, "text_search": None},
    }


def keep(out: Path, *records: dict[str, Any]) -> None:
    for i, one in enumerate(records):
        tables.write(tables.path_of(out, str(i)), one)


def test_differences_are_paired_by_seed_and_no_spread_is_not_called_a_difference(tmp_path: Path):
    hot, small = "objective.temperature=0.2", "shape.latent=64"
    noise = (0.0, 0.5, -0.3)
    keep(
        tmp_path,
        *(record(BASE, seed, 3.0 + noise[seed]) for seed in range(3)),
        *(record("temperature 0.2", seed, 3.5 + noise[seed] + 0.01 * seed, hot) for seed in range(3)),
        *(record("latent 64", seed, 3.0 + noise[seed] + (0.02, -0.03, 0.01)[seed], small) for seed in range(3)),
    )
    text, found = tables.ablation(tables.read_all(tmp_path))
    rows = {row["name"]: row for row in found["rows"]}
    # Seeds differ by 0.8 in all rows alike; the difference within a pair hardly varies.
    assert rows["temperature 0.2"]["to_base"]["mean"] == pytest.approx(0.51)
    deviations = [*(np.array([0.0, 0.01, 0.02]) - 0.01), 0.02, -0.03, 0.01]
    pooled = float(np.sqrt(np.square(deviations).sum() / 4.0))
    assert rows["temperature 0.2"]["to_base"]["error"] == pytest.approx(pooled / 3**0.5, abs=1e-4)
    lines = {line.split("|")[2].strip(): line for line in text.splitlines() if line.startswith("| ")}
    assert "worse" in lines["temperature 0.2"]
    assert "within the spread" in lines["latent 64"]
    assert "3.07 (2.70 to 3.50)" in lines[BASE]
    assert "no filter but" in text.splitlines()[-1]


def test_one_run_has_no_spread(tmp_path: Path):
    keep(tmp_path, record(BASE, 0, 3.0), record("latent 64", 0, 2.0, "shape.latent=64"))
    text, _ = tables.ablation(tables.read_all(tmp_path))
    assert "-1.00 (spread unknown)" in text


def test_runs_that_can_not_be_compared_are_refused(tmp_path: Path):
    keep(tmp_path, record(BASE, 0, 3.0), record("latent 64", 0, 2.0, "shape.latent=64", material="other texts"))
    with pytest.raises(TMRError, match="different texts"):
        tables.read_all(tmp_path)
    keep(tmp_path, record(BASE, 0, 3.0), record("latent 64", 0, 2.0, "shape.latent=65"))
    with pytest.raises(TMRError, match="latent 64"):
        tables.ablation(tables.read_all(tmp_path))
    keep(tmp_path, record("guo", 0, 3.0), record("guo", 1, 3.0, "training.epochs=2"))
    with pytest.raises(TMRError, match="guo"):
        tables.models(["guo"], tables.read_all(tmp_path))
    (tmp_path / "runs" / "0.json").write_text("{", encoding="utf-8")
    with pytest.raises(TMRError, match=r"0\.json"):
        tables.read_all(tmp_path)


def test_text_search_and_chance_are_measured_in_the_protocols_of_the_networks():
    captions = tuple(Caption(f"t{i}", None, None, (f"text {i}",), "kit", "val") for i in range(4))
    random = np.random.default_rng(0).random((4, 4)).astype(np.float32)
    same = np.eye(4, dtype=np.float32)
    scores = evaluate.Scores(captions, random, same, same, same)
    found = ablate.figures(scores)
    assert found["text_search"]["log_rank"] == 0.0
    assert found["text_search"]["small_batches"]["m2t"]["R1"] == 100.0
    assert found["chance"]["threshold"] == {"t2m": found["report"]["chance"], "m2t": found["report"]["chance"]}
    assert ablate.figures(evaluate.Scores(captions, random, same, None, None))["text_search"] is None
