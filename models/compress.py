# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits the matrix that brings the joined latents of several networks to fewer numbers.

`python -m models.compress --data FOLDER` reads the networks in models/weights and writes projection.safetensors beside them.

The columns are the principal directions, about the origin, of the latents of training takes and their texts, each side
weighing half: among all matrices of that width these keep the dot products of the set best (Eckart and Young 1936). Networks
that were trained on the same data agree on most of what they tell apart, so a few directions hold nearly all of it.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models import encode, weights
from models.data import LOADERS, clips, splits
from models.data.takes import DataSet
from models.ensemble import Ensemble
from models.text import TextStore
from tmr_blender.errors import TMRError

CACHE = Path(__file__).parent.parent / ".cache"
WIDTH = 128
MOST = 4000
"""Motions and texts that are enough to fit by."""
LONGEST = 1200
"""Frames of a take that are encoded: a minute."""

Array = NDArray[np.float64]


def directions(motions: Array, texts: Array, width: int) -> tuple[Array, float]:
    """The matrix (d, width) and the share of the squared lengths it keeps; motions (n, d), texts (m, d), unit rows."""
    moment = motions.T @ motions / len(motions) + texts.T @ texts / len(texts)
    values, vectors = np.linalg.eigh(moment)
    return vectors[:, ::-1][:, :width], float(values[::-1][:width].sum() / values.sum())


def fit(ensemble: Ensemble, data: DataSet, takes: frozenset[str], width: int) -> tuple[torch.Tensor, float]:
    """The matrix for an ensemble, by the takes given (training takes) and what is said of them."""
    whole, _ = clips.clips_of(data, takes, {})
    chosen = np.random.default_rng(0).permutation(len(whole))[:MOST]
    spans = [data.takes[whole[i].take].features[whole[i].first : whole[i].last][:LONGEST] for i in chosen]
    said = list(dict.fromkeys(text for i in chosen for text in whole[i].worded))[:MOST]
    plain = Ensemble(ensemble.models)
    motions = encode.motions(plain, spans).astype(np.float64)
    texts = encode.texts(plain, TextStore(), said).astype(np.float64)
    matrix, kept = directions(motions, texts, width)
    return torch.from_numpy(np.ascontiguousarray(matrix, np.float32)), kept


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m models.compress", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder that the networks were trained on")
    parser.add_argument("--form", default="cmu", choices=sorted(LOADERS))
    parser.add_argument("--draw", type=int, help="the draw of validation takes that the networks were trained without")
    parser.add_argument("--weights", type=Path, default=weights.FOLDER, help="folder of *.safetensors")
    parser.add_argument("--width", type=int, default=WIDTH)
    options = parser.parse_args(arguments)
    try:
        ensemble = weights.opened(options.weights)
        data = LOADERS[options.form](options.data, CACHE / "features")
        matrix, kept = fit(ensemble, data, splits.split(data, options.draw).train, options.width)
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    path = weights.save_projection(options.weights, matrix)
    print(f"{matrix.shape[0]} numbers to {matrix.shape[1]}, which keep {100 * kept:.2f} % of the squared lengths: {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
