# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import numpy as np
import pytest

from tests.library.conftest import run
from tests.library.takes import write_take
from tmr_blender.errors import LibraryProblem, QueryProblem
from tmr_blender.library import similar
from tmr_blender.library.store import Library
from tmr_blender.motion import humanoid, readers
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder

Encoders = tuple[MotionEncoder, TextEncoder]


def test_a_stored_clip_is_nearest_to_itself(library: Library, folder: Path, encoders: Encoders) -> None:
    motion = similar.motion_of(folder / "Take_0002.bvh")
    latent = similar.latent_of(motion, encoders[0])
    assert similar.similar([library], latent, "tiny-1")[0].name == "Take_0002"
    number = [entry.name for entry in library.entries].index("Take_0002")
    assert similar.latent_at(library, number) == pytest.approx(latent, abs=1e-5)
    others = similar.similar([library], latent, "tiny-1", limit=3, but=(str(motion.path), 0))
    assert len(others) == 3 and "Take_0002" not in {hit.name for hit in others}
    with pytest.raises(LibraryProblem, match="tiny-1"):
        similar.similar([library], latent, "other")


def test_the_window_nearest_to_a_span_stands_for_it(library: Library) -> None:
    number = [entry.name for entry in library.entries].index("Take_0004")
    windows = library.windows
    for i in range(windows.first[number], windows.first[number + 1]):
        vector = similar.latent_at(library, number, float(windows.start[i]) + 0.1, float(windows.end[i]) + 0.1)
        assert np.array_equal(vector, library.motion[windows.row[i]])


def test_a_long_motion_is_encoded_in_parts(folder: Path, encoders: Encoders) -> None:
    motion = similar.motion_of(write_take(folder / "long.bvh", "walks", 25.0))
    assert len(motion.rows) > 2 * encoders[0].card.max_frames
    latent = similar.latent_of(motion, encoders[0])
    assert np.linalg.norm(latent) == pytest.approx(1.0, abs=1e-5)
    walk = similar.latent_of(similar.motion_of(folder / "01" / "Take_0001.bvh"), encoders[0])
    assert float(latent @ walk) > 0.95


@pytest.mark.parametrize(
    ("take", "start", "end"), [(1, None, None), (-1, None, None), (0, 3.5, None), (0, 2.0, 1.0), (0, -1.0, 2.0)]
)
def test_what_the_file_does_not_have(folder: Path, take: int, start: float | None, end: float | None) -> None:
    with pytest.raises(QueryProblem, match=r"Take_0002\.bvh"):
        similar.motion_of(folder / "Take_0002.bvh", take, start, end)


def test_a_description_tells_what_is_measured_and_what_others_said(tmp_path: Path, folder: Path, encoders: Encoders) -> None:
    rows = {"01/Take_0001": "a person walks", "Take_0002": ["a happy person jumps", "jumps"], "Take_0003": "stands"}
    (folder / "captions.json").write_text(json.dumps(rows))
    run(tmp_path / "library", folder, encoders)
    library = Library.open(tmp_path / "library")
    motion = similar.motion_of(write_take(tmp_path / "new.bvh", "walks", 4.0))
    told = similar.describe(motion, [library], *encoders)
    assert told.captions[0].text == "a person walks" and told.captions[0].name == "Take_0001"
    assert [said.score for said in told.captions] == sorted((said.score for said in told.captions), reverse=True)
    assert {said.text for said in told.captions} == {"a person walks", "a happy person jumps", "jumps", "stands"}
    assert told.sentences and told == similar.describe(motion, [library], *encoders)
    assert len(similar.describe(motion, [library], *encoders, limit=2).captions) == 2
    # Its own captions would be no news.
    own = similar.describe(similar.motion_of(folder / "01" / "Take_0001.bvh"), [library], *encoders)
    assert "a person walks" not in {said.text for said in own.captions}
    assert similar.describe(motion, [], *encoders).captions == ()


def test_a_body_without_a_file_is_as_good(library: Library, folder: Path, encoders: Encoders) -> None:
    path = folder / "01" / "Take_0001.bvh"
    clip = readers.read(path)[0]
    body = similar.motion_from(humanoid.body_positions(clip), clip.fps, "mine")
    assert body.origin is None and body.name == "mine"
    read = similar.motion_of(path)
    assert read.origin == (str(path), 0) and np.array_equal(body.rows, read.rows) and body.facts == read.facts
    # It is no entry of the library, so none is left out.
    told = similar.describe(body, [library], *encoders)
    assert told.name == "mine" and told.sentences


def test_an_entry_is_made_of_its_stored_poses(library: Library, folder: Path) -> None:
    number = [entry.name for entry in library.entries].index("Take_0004")
    path = folder / "17s" / "Take_0004.bvh"
    whole, read, span = similar.motion_at(library, number), similar.motion_of(path), similar.motion_of(path, 0, 6.0, 11.0)
    path.unlink()
    assert whole.origin == read.origin and np.array_equal(whole.rows, read.rows)
    assert whole.facts.travel == pytest.approx(read.facts.travel, abs=0.05)
    walk, stand = similar.motion_at(library, number, 6.0, 11.0), similar.motion_at(library, number, end=5.0)
    assert walk.facts.duration == pytest.approx(5.0) and walk.facts.travel == pytest.approx(span.facts.travel, abs=0.1)
    assert stand.facts.travel == pytest.approx(0.0, abs=0.1)
    for start, end in ((18.0, 19.0), (6.0, 2.0), (-2.0, 1.0)):
        with pytest.raises(QueryProblem, match=r"Take_0004 lasts 17\.0 s"):
            similar.motion_at(library, number, start, end)


def test_a_span_goes_by_what_the_whole_take_shows(shared: Path) -> None:
    """A second of a skeleton whose rest pose is no body does not show what its joints are."""
    path = shared / "mocap" / "bandai" / "dataset-1_walk-back_angry_001.bvh"
    whole, part = similar.motion_of(path), similar.motion_of(path, 0, 0.0, 1.0)
    np.testing.assert_allclose(part.rows[2:15, 3], whole.rows[2:15, 3], atol=0.03, err_msg="height of the hips")
