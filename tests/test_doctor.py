# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor: that the healthy are told from the ill, and that a report holds nothing private."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tmr_blender import doctor
from tmr_blender.__main__ import main
from tmr_blender.motion import features, rigid
from tmr_blender.retarget import trial

built = pytest.mark.skipif(
    doctor.starter_library() is None or not (doctor.PACKAGE.parent / ".cache" / "model").is_dir(),
    reason="needs the built model and starter library: `python build.py test` builds them",
)


@built
def test_a_whole_installation_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for said in ("extension 0.", "torch ", "tokenizers ", "ufbx ", "text_encoder.ts: ", "19 takes", "finds cartwheel with"):
        assert said in text
    assert text.rstrip().endswith("All is well.")


@built
def test_each_part_stands_for_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--model", str(tmp_path), "--json"]) == doctor.ILL
    told = json.loads(capsys.readouterr().out)
    ill = {part["title"] for part in told["parts"] if any(level == "FAULT" for level, _ in part["lines"])}
    assert ill == {"Model", "Libraries", "Self-test: search"} and told["healthy"] is False


def test_without_a_starter_library_it_is_ill() -> None:
    found = {part.title: part for part in doctor.examine(doctor.Patient())}
    assert found["Self-test: search"].ill and found["Self-test: retarget"].ill and not found["Versions"].ill


def test_a_defect_is_told_and_the_lines_before_it_kept() -> None:
    def look(patient: doctor.Patient) -> Iterator[doctor.Line]:
        yield doctor.Line("seen")
        raise ZeroDivisionError("ours")

    part = doctor._looked_at("Part", look, doctor.Patient())
    assert part.ill and part.lines[0].text == "seen" and "ZeroDivisionError: ours" in part.text()


def test_private_folders_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.Path, "home", lambda: Path("/home/ada"))
    monkeypatch.setattr(doctor.getpass, "getuser", lambda: "ada")
    assert doctor.shortened("in /home/ada/mocap and /media/ada/disk") == "in ~/mocap and /media/USER/disk"
    assert doctor.shortened("/home/adage/x /srv/adas") == "/home/adage/x /srv/adas"


def test_the_trial_rig_follows_a_motion_and_would_tell_if_it_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    time = np.arange(40)[:, None, None] / features.FPS
    rest = np.zeros((22, 3))
    for joint, parent in enumerate(rigid._PARENTS):
        rest[joint] = rigid.rest_offsets()[joint] + (rest[parent] if parent >= 0 else (0.0, 0.93, 0.0))
    clip = rigid.clip(rest + time * [0.0, 0.0, 1.0], features.FPS, "slides")
    assert trial.off(clip) < 0.01
    posed = trial.posed
    monkeypatch.setattr(trial, "posed", lambda made, keys: posed(made, keys) @ np.diag([-1.0, 1.0, 1.0]))
    assert trial.off(clip) > 5.0
