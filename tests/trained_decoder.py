# SPDX-License-Identifier: GPL-3.0-or-later
"""The committed decoder beside the tiny encoders of `tiny_model`, whose latents have as many numbers as it reads."""

import json
import warnings
from pathlib import Path

import torch

from models import weights
from models.export import ExportedDecoder, decoder_card
from models.generator import Generator
from tests import tiny_model
from tmr_blender.tmr.synthesis import NETWORK


def trained() -> Generator:
    """The decoder as it was trained."""
    return weights.decoder(weights.decoder_path(), weights.fingerprint())


def make(folder: Path) -> Path:
    """Write the files of a model that can make up motions into `folder` and return it."""
    decoder = trained()
    tiny_model.make(folder, width=decoder.config.latent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(ExportedDecoder(decoder).eval()).save(str(folder / NETWORK))
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps({**card, "synthesis": decoder_card(decoder)}), encoding="utf-8")
    return folder
