# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings sentence vectors nearer where they speak of the same motion.

`python -m models.words --data FOLDER` writes words.safetensors into models/weights; with `--draw N --weights DIR` it is fitted
without that draw's validation takes and prints what it does for a search of their descriptions.

The frozen language model knows what sentences mean, not what matters about a motion: to it "plays golf" and "swings a club"
are further apart than "walks left" and "walks right". Captions and descriptions of one take are pairs that should meet, so a
small residual network on top of the sentence vectors is trained by InfoNCE between the two, over a batch of takes. Queries,
captions and names of files all pass through it. Motions play no part here.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from models import encode, evaluate, losses, metrics, minilm, weights
from models.architecture import Words
from models.data import LOADERS, clips, splits
from models.data.takes import Caption, DataSet
from models.ensemble import Ensemble
from models.text import TextStore
from tmr_blender.errors import TMRError

CACHE = Path(__file__).parent.parent / ".cache"


@dataclass(frozen=True)
class Fitting:
    """How it is trained; chosen on draws 1 to 3 of validation takes."""

    steps: int = 1500
    batch: int = 256
    rate: float = 1e-3
    decay: float = 0.05
    temperature: float = 0.1
    alike: float = 0.8
    """Cosine of raw sentence vectors above which two texts are no negatives of each other."""
    people_takes: int = 3
    """Times that a take with captions by people is drawn for once that another is: they are what queries are like."""
    people_texts: int = 4
    """Likewise a caption by people, for once that each of ours is."""
    straight: float = 0.01
    """Weight of the squared distance of the straight part from the identity."""


def pairs(whole: Sequence[clips.Clip], how: Fitting) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """(take, queries, what is written about it) of every clip that has both; in the proportions that they are drawn."""
    found = []
    for clip in whole:
        queries = clip.people * how.people_texts + clip.ours
        if queries and clip.labels:
            found.extend([(clip.take, queries, clip.labels)] * (how.people_takes if clip.people else 1))
        elif len(queries) > 1:
            found.append((clip.take, queries, queries))
    return found


def fit(whole: Sequence[clips.Clip], store: TextStore, seed: int = 0, how: Fitting = Fitting()) -> Words:
    """The network for the texts of the clips, which the store must hold; the same seed gives the same one."""
    material, chance = pairs(whole, how), random.Random(seed)
    if len(material) < 2:
        raise TMRError("No two takes have a caption and a description: there is nothing to learn words by.")
    torch.manual_seed(seed)
    words = Words()
    optimizer = torch.optim.AdamW(words.parameters(), lr=how.rate, weight_decay=how.decay)
    identity = torch.eye(minilm.WIDTH)
    for step in range(how.steps):
        for group in optimizer.param_groups:
            group["lr"] = how.rate * (1.0 - step / how.steps) + 1e-5
        drawn = chance.sample(material, min(how.batch, len(material)))
        asked = torch.from_numpy(store.sentence([chance.choice(queries) for _, queries, _ in drawn]))
        said = torch.from_numpy(store.sentence([chance.choice(texts) for _, _, texts in drawn]))
        takes = np.array([take for take, _, _ in drawn])
        skip = (asked @ asked.T > how.alike) | (said @ said.T > how.alike) | torch.from_numpy(takes[:, None] == takes[None])
        loss = losses.info_nce(words(asked), words(said), how.temperature, skip)
        loss = loss + 0.5 * how.straight * ((words.straight.weight - identity) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return words.eval().requires_grad_(False)


def searched(words: Words, data: DataSet, captions: tuple[Caption, ...]) -> dict[str, dict[str, metrics.Metrics] | None]:
    """Text search for the captions over the descriptions of their takes, by sentence vectors as they are and through words."""
    store = TextStore()
    store.add([text for caption in (*captions, *data.captions) for text in caption.texts])
    encoders = {"plain": store.sentence, "words": encode.said(Ensemble([], words=words), store)}
    found = {name: evaluate.description_scores(data, captions, encoder) for name, encoder in encoders.items()}
    return {name: None if scores is None else metrics.both_ways(scores) for name, scores in found.items()}


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m models.words", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder that the networks are trained on")
    parser.add_argument("--form", default="cmu", choices=sorted(LOADERS))
    parser.add_argument("--draw", type=int, help="leave out this draw of validation takes, and print what it does for them")
    parser.add_argument("--held-out", type=int, default=240)
    parser.add_argument("--weights", type=Path, default=weights.FOLDER, help="where to write words.safetensors")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        data = LOADERS[options.form](options.data, CACHE / "features")
        chosen = splits.split(data, options.draw, options.held_out)
        whole, _ = clips.clips_of(data, chosen.train, {})
        store = TextStore()
        store.add([text for clip in whole for text in clip.worded])
        words = fit(whole, store)
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"words: {weights.save_words(options.weights, words)}")
    if options.draw is not None:
        print(json.dumps(searched(words, data, chosen.validation), indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
