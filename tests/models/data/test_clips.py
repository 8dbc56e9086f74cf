# SPDX-License-Identifier: GPL-3.0-or-later
"""Variations of clips are what the varied motion's own features would be."""

import numpy as np
import pytest

from models.data import clips, wording
from models.data.kinematics import Kinematics
from models.data.takes import Caption, DataSet, Take
from tests.models.conftest import performance
from tmr_blender.motion import body, features
from tmr_blender.motion.humanoid import from_cmu20

SWAP = [body.INDEX[body.mirrored(name)] for name in body.JOINTS]


@pytest.mark.parametrize("kind", ["walk", "wave", "spin"])
def test_mirrored_features_are_those_of_the_mirrored_body(kind: str):
    joints = from_cmu20(performance(kind, 3.0, 4))
    expected = features.extract(joints[:, SWAP] * np.array([-1.0, 1.0, 1.0]), 12.0)
    found = clips.mirror(features.extract(joints, 12.0))
    # The uniform skeleton's sides differ by up to 7 mm a bone, and so do the copies.
    assert found[:, :259] == pytest.approx(expected[:, :259], abs=0.02)
    assert np.mean(found[:, 259:] == expected[:, 259:]) > 0.95


def test_mirroring_twice_changes_nothing():
    rows = features.extract(from_cmu20(performance("spin", 2.0, 0)), 12.0)
    assert np.array_equal(clips.mirror(clips.mirror(rows)), rows)


def test_faster_travels_as_far_in_less_time():
    rows = features.extract(from_cmu20(performance("walk", 6.0, 2)), 12.0)
    quick = clips.faster(rows, 1.25)
    assert len(quick) == round(len(rows) / 1.25)
    assert quick[:, 2].sum() == pytest.approx(rows[:, 2].sum(), rel=0.02)


def make_data() -> DataSet:
    takes = {name: Take(name, np.zeros((200, 263), np.float32)) for name in ("a", "b")}
    captions = (
        Caption("a", None, None, ("a person turns left",), "kit", "train"),
        Caption("a", None, None, ("turn",), "cmu", "all"),
        Caption("a", 2.0, 4.0, ("a person stops",), "kit", "train"),
        Caption("b", None, None, ("19.5lb",), "cmu", "all"),
    )
    return DataSet(takes, captions)


def test_clips_gather_what_is_said_of_each_span():
    known = {"b": Kinematics(("someone stands",), ((0, 60, ("stand still",)),))}
    whole, windows = clips.clips_of(make_data(), ["a", "b"], known)
    spans = {(clip.take, clip.first, clip.last): clip for clip in whole}
    assert spans["a", 0, 200].people == ("a person turns left",)
    assert "turn" in spans["a", 0, 200].labels
    assert spans["a", 40, 80].people == ("a person stops",)
    # A description that says nothing is no text; the take still has what was computed from its motion.
    assert spans["b", 0, 200].labels == ()
    assert [(clip.first, clip.last, clip.kinematic) for clip in windows] == [(0, 60, ("stand still",))]


def test_captions_of_ours_are_kept_apart_and_may_have_spans_of_their_own(monkeypatch: pytest.MonkeyPatch):
    own = [Caption("a", None, None, ("a person spins",), wording.OURS, "train")]
    own.append(Caption("b", 1.0, 3.0, ("someone waits",), wording.OURS, "train"))
    monkeypatch.setattr(wording, "of_takes", lambda: own)
    whole, _ = clips.clips_of(make_data(), ["a", "b"], {})
    spans = {(clip.take, clip.first, clip.last): clip for clip in whole}
    assert spans["a", 0, 200].ours == ("a person spins",)
    assert spans["a", 0, 200].people == ("a person turns left",)
    assert spans["b", 20, 60].worded == ("someone waits",)
    sampler = clips.Sampler(make_data(), clips.Variation(people=0.0, ours=1.0, labels=0.0, mirror=0.0), seed=1)
    assert {sampler.draw(spans["a", 0, 200], 1).texts[0] for _ in range(9)} == {"a person spins"}


def test_takes_left_out_are_left_out_altogether():
    whole, windows = clips.clips_of(make_data(), ["b"], {})
    assert not [clip for clip in [*whole, *windows] if clip.take == "a"]
    assert "a person turns left" not in clips.texts_of(whole)


def test_every_text_that_can_be_drawn_is_listed():
    data = make_data()
    whole, _ = clips.clips_of(data, ["a", "b"], {"a": Kinematics(("turns right twice",), ())})
    known = set(clips.texts_of(whole))
    sampler = clips.Sampler(data, clips.Variation(longest=120), seed=5)
    for clip in whole * 20:
        sample = sampler.draw(clip, 2)
        assert set(sample.texts) <= known
        assert 1 <= len(sample.features) <= 140


def test_a_part_of_a_take_is_not_described_by_what_was_computed_for_the_whole():
    data = make_data()
    whole, _ = clips.clips_of(data, ["a"], {"a": Kinematics(("turns right twice",), ())})
    clip = next(clip for clip in whole if clip.last == 200 and clip.first == 0)
    sampler = clips.Sampler(data, clips.Variation(crop=1.0, speed=0.0), seed=1)
    assert not any(any(sampler.draw(clip, 2).kinematic) for _ in range(30))


def test_a_seed_repeats():
    data = make_data()
    whole, _ = clips.clips_of(data, ["a", "b"], {})
    drawn = [[clips.Sampler(data, clips.Variation(), seed=9).draw(clip, 2).texts for clip in whole] for _ in range(2)]
    assert drawn[0] == drawn[1]
