# SPDX-License-Identifier: GPL-3.0-or-later
"""One performance written twice, as BVH with rotations and as positions at 12 fps, is one motion to the shipped networks."""

import json
from pathlib import Path

import numpy as np
import pytest

from models import encode, weights
from models.data import cmu
from tmr_blender.motion import features, humanoid, readers

TAKES = ("02_04", "05_05", "07_01", "16_22", "35_19", "49_02", "49_20")


def written_as_positions(folder: Path) -> dict[str, np.ndarray]:
    """Features of the takes that `mocap/cmu` holds too; only these are extracted, for time."""
    chosen = {file.stem for file in (folder / "mocap" / "cmu").glob("*.bvh")}
    found = cmu.positions(folder / "data" / "cmu" / "motions.npz")
    return {name: features.extract(*found[name]) for name in sorted(chosen & found.keys())}


@pytest.mark.skipif(not any(weights.FOLDER.glob("*.safetensors")), reason="needs trained weights in models/weights")
def test_both_forms_of_a_take_have_one_latent(shared: Path):
    networks = weights.opened()
    gallery = written_as_positions(shared)
    names = list(gallery)
    latents = encode.motions(networks, list(gallery.values()))
    clips = [readers.read(shared / "mocap" / "cmu" / f"{name}.bvh")[0] for name in TAKES]
    made = [features.extract(humanoid.body_positions(clip), clip.fps) for clip in clips]
    scores = encode.motions(networks, made) @ latents.T
    own = np.array([scores[i, names.index(name)] for i, name in enumerate(TAKES)])
    assert own.min() > 0.98
    # Two walks may be closer to each other than a walk to its copy; most takes must still find themselves.
    assert np.sum(scores.argmax(axis=1) == [names.index(name) for name in TAKES]) >= len(TAKES) - 1


@pytest.mark.skipif(not any(weights.FOLDER.glob("*.safetensors")), reason="needs trained weights in models/weights")
def test_weights_are_small_and_name_their_config():
    files = sorted(weights.FOLDER.glob("tmr_*.safetensors"))
    assert sum(file.stat().st_size for file in files) < 60e6
    shipped = json.loads((Path(weights.__file__).parent / "configs" / "tmr.json").read_text(encoding="utf-8"))
    for file in files:
        _, config = weights.load(file)
        assert config.shape.width == shipped["shape"]["width"]
        assert config.objective.contrastive == "infonce"
