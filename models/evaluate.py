# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark: `python -m models.evaluate --data FOLDER --protocol all --json OUT`.

Four protocols (TMR, ICCV 2023): every row against every row; the same with all motions whose caption means nearly the same
counted as right; a subset of captions unlike each other; batches of 32. Text to motion and motion to text. Beside them
chance, plain text search over the files' descriptions, and both kinds of search together, on the same queries.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import encode, figures, metrics, weights
from models.data import LOADERS, splits
from models.data.takes import Caption, DataSet
from models.ensemble import Ensemble
from models.text import TextStore
from tmr_blender.errors import TMRError
from tmr_blender.library.scores import TEXT_FLOOR, TEXT_WEIGHT

CACHE = Path(__file__).parent.parent / ".cache" / "features"
PROTOCOLS = ("all", "threshold", "dissimilar", "small_batches")
ALIKE = 0.9
"""Cosine of sentence vectors above which `threshold` counts another caption's motion as right (0.95 on the scale 0 to 1)."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Scores:
    """Similarities of the queries (rows) to the motions (columns), (n, n) each."""

    captions: tuple[Caption, ...]
    motion: Array
    alikeness: Array
    """Cosines between the captions' sentence vectors."""
    description: Array | None
    """Cosines of captions to the descriptions of the motions' files, by the language model alone; None without descriptions."""
    words: Array | None
    """The same through the network of words: what the library's search adds to the motion's part."""

    @property
    def hybrid(self) -> Array | None:
        """The ranking of `tmr_blender.library.search`: the motion's cosine and, weighted, what the words exceed a floor by."""
        return None if self.words is None else self.motion + TEXT_WEIGHT * np.maximum(self.words - TEXT_FLOOR, 0.0)


def score(networks: Ensemble, data: DataSet, captions: tuple[Caption, ...]) -> Scores:
    """Encodes each unique caption and each unique span once, so that equal ones tie exactly."""
    said = [caption.texts[0] for caption in captions]
    spans = {(caption.take, caption.start, caption.end): caption for caption in captions}
    row = {key: i for i, key in enumerate(spans)}
    store = TextStore()
    takes = {caption.take for caption in captions}
    store.add([*said, *(text for caption in data.captions if caption.take in takes for text in caption.texts)])
    motions = encode.motions(networks, [data.span(caption) for caption in spans.values()])
    motions = motions[[row[caption.take, caption.start, caption.end] for caption in captions]]
    sentences = store.sentence(said)
    queries = encode.texts(networks, store, said)
    encoders = (store.sentence, encode.said(networks, store))
    described, words = (description_scores(data, captions, encoder) for encoder in encoders)
    return Scores(captions, queries @ motions.T, sentences @ sentences.T, described, words)


def description_scores(data: DataSet, captions: tuple[Caption, ...], encoder: Callable[[Sequence[str]], Array]) -> Array | None:
    """Cosine of every caption to the best description of every take, (n, n); a take without one gets its row's mean.

    encoder: texts to unit vectors (texts, d).
    """
    described: dict[str, list[str]] = {}
    for caption in data.captions:
        if caption.split == "all":
            described.setdefault(caption.take, []).extend(caption.texts)
    queries = encoder([caption.texts[0] for caption in captions])
    found: dict[str, Array] = {}
    for take in {caption.take for caption in captions} & described.keys():
        found[take] = (queries @ encoder(described[take]).T).max(axis=1)
    if not found:
        return None
    mean = np.stack(list(found.values())).mean(axis=0)
    columns = defaultdict(lambda: mean, found)
    return np.stack([columns[caption.take] for caption in captions], axis=1)


def report(scores: Scores, protocols: tuple[str, ...] = PROTOCOLS) -> dict[str, Any]:
    """The figures of the protocols asked for, with gallery, chance, text_search and hybrid."""
    count = len(scores.captions)
    result: dict[str, Any] = {}
    if "all" in protocols:
        result["all"] = metrics.both_ways(scores.motion)
    if "threshold" in protocols:
        near = (scores.alikeness > ALIKE) | np.eye(count, dtype=bool)
        result["threshold"] = metrics.both_ways(scores.motion, near)
    if "dissimilar" in protocols:
        chosen = metrics.dissimilar(scores.alikeness)
        result["dissimilar"] = {**metrics.both_ways(scores.motion[np.ix_(chosen, chosen)]), "gallery": len(chosen)}
    if "small_batches" in protocols:
        result["small_batches"] = metrics.small_batches(scores.motion)
    result["gallery"] = count
    result["takes"] = len({caption.take for caption in scores.captions})
    result["chance"] = metrics.chance(count)
    result["text_search"] = None if scores.description is None else metrics.both_ways(scores.description)
    result["hybrid"] = None if scores.hybrid is None else metrics.both_ways(scores.hybrid)
    return result


def table(result: dict[str, Any]) -> str:
    """The figures as lines to read."""
    keys = [*(f"R{k}" for k in metrics.KS), "MedR"]
    lines = [
        f"gallery {result['gallery']} captions of {result['takes']} takes",
        " " * 22 + "".join(f"{key:>8}" for key in keys),
    ]
    for name in (*PROTOCOLS, "text_search", "hybrid"):
        for way in ("t2m", "m2t") if result.get(name) else ():
            lines.append(f"{name:<18}{way:<4}" + "".join(f"{result[name][way][key]:>8.2f}" for key in keys))
    lines.append(f"{'chance':<22}" + "".join(f"{result['chance'][key]:>8.2f}" for key in keys))
    return "\n".join(lines)


def rows_of(data: DataSet, split: str) -> tuple[Caption, ...]:
    """The captions of a split. Raises TMRError if there are none."""
    rows = tuple(caption for caption in data.captions if caption.split == split)
    if not rows:
        known = ", ".join(sorted({caption.split for caption in data.captions}))
        raise TMRError(f"No caption row has the split {split}: there are {known}.")
    return rows


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with motions.npz and captions.jsonl")
    parser.add_argument("--form", default="cmu", choices=sorted(LOADERS))
    parser.add_argument("--protocol", default="all", choices=("all", *PROTOCOLS), help="all: the four of them")
    parser.add_argument("--split", default="test")
    parser.add_argument("--draw", type=int, help="score this draw of validation takes instead of a split")
    parser.add_argument("--weights", type=Path, default=weights.FOLDER, help="folder of *.safetensors, or one file")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args(arguments)
    try:
        networks = weights.opened(options.weights)
        data = LOADERS[options.form](options.data, CACHE)
        captions = rows_of(data, options.split) if options.draw is None else splits.split(data, options.draw).validation
        scores = score(networks, data, captions)
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    # `--protocol all` means all four; the plain protocol of that name is always among the figures.
    result = report(scores, PROTOCOLS if options.protocol == "all" else ("all", options.protocol))
    print(table(result))
    figures.write(options.json, result)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
