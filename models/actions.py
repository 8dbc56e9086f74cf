# SPDX-License-Identifier: GPL-3.0-or-later
"""Zero-shot action recognition: `python -m models.actions --data FOLDER --labels moments.jsonl --json OUT`.

The labels of whole takes are the text gallery; a take is recognised if one of its own labels is among the first 1 or 5.
No label trained anything. Beside the accuracy stand chance and always naming the most frequent labels.
"""

import argparse
import sys
from collections.abc import Sequence
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import encode, figures, weights
from models.data import LOADERS, babel, rows
from models.data.takes import Caption, DataSet
from models.ensemble import Ensemble
from models.evaluate import CACHE
from models.moments import groups
from models.text import TextStore
from tmr_blender.errors import TMRError

TOP = (1, 5)


def accuracy(scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> dict[str, float]:
    """Percent of takes whose best own label is among the first 1 and 5 of `scores` (takes, labels); ties share their places."""
    best = np.where(truth, scores, -np.inf).max(axis=1, keepdims=True)
    place = (scores > best).sum(axis=1) + ((scores == best).sum(axis=1) - 1) / 2.0
    return {f"top{k}": round(100.0 * float(np.mean(place < k)), 2) for k in TOP}


def chance(truth: NDArray[np.bool_]) -> dict[str, float]:
    """What a random order of the labels gets in expectation: one of a take's m own labels among the first k of n."""
    n = truth.shape[1]
    own = truth.sum(axis=1).tolist()
    missed = {k: [comb(n - m, min(k, n)) / comb(n, min(k, n)) for m in own] for k in TOP}
    return {f"top{k}": round(100.0 * (1.0 - float(np.mean(missed[k]))), 2) for k in TOP}


def majority(truth: NDArray[np.bool_], counted: NDArray[np.bool_]) -> dict[str, float]:
    """What always naming the labels most frequent in `counted` gets."""
    order = np.argsort(-counted.sum(axis=0), kind="stable")
    return {f"top{k}": round(100.0 * float(np.mean(truth[:, order[:k]].any(axis=1))), 2) for k in TOP}


def labels_of(captions: Sequence[Caption]) -> dict[str, set[str]]:
    """Take to the labels of the whole of it."""
    found: dict[str, set[str]] = {}
    for caption in captions:
        if caption.start is None and caption.end is None and caption.texts:
            found.setdefault(caption.take, set()).add(caption.texts[0])
    return found


def categories_of(labels: Sequence[babel.Label]) -> dict[str, set[str]]:
    """Take to BABEL's action categories of the whole of it."""
    found: dict[str, set[str]] = {}
    for label in labels:
        if label.start is None and label.categories:
            found.setdefault(label.take, set()).update(label.categories)
    return found


def evaluate(networks: Ensemble, data: DataSet, labelled: dict[str, set[str]]) -> dict[str, Any]:
    """Figures of all takes, and apart of those that shipped weights may have seen. Raises TMRError for unknown takes."""
    if unknown := sorted(labelled.keys() - data.takes.keys()):
        raise TMRError(f"The labels name takes that the data set does not hold: {', '.join(unknown[:5])}.")
    if not labelled:
        raise TMRError("No label is of a whole take: give moments.jsonl with --labels.")
    names = sorted(labelled)
    gallery = sorted(set().union(*labelled.values()))
    motions = encode.motions(networks, [data.takes[name].features for name in names])
    scores = motions @ encode.texts(networks, TextStore(), gallery).T
    truth = np.array([[label in labelled[name] for label in gallery] for name in names])
    result: dict[str, Any] = {"labels": len(gallery)}
    for group, takes in groups(data, names).items():
        chosen = np.array([name in takes for name in names])
        if chosen.any():
            result[group] = {
                "takes": int(chosen.sum()),
                "model": accuracy(scores[chosen], truth[chosen]),
                "chance": chance(truth[chosen]),
                "majority": majority(truth[chosen], truth),
            }
    return result


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m models.actions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--form", default="cmu", choices=sorted(LOADERS), help="babel: the gallery is its action categories")
    parser.add_argument("--labels", type=Path, help="rows in the form of captions.jsonl; default: the data set's own")
    parser.add_argument("--weights", type=Path, default=weights.FOLDER, help="folder of tmr*.safetensors, or one file")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args(arguments)
    try:
        networks = weights.opened(options.weights)
        data = LOADERS[options.form](options.data, CACHE)
        if options.form == "babel" and not options.labels:
            labelled = categories_of([label for label in babel.read_labels(options.data) if label.take in data.takes])
        else:
            labelled = labels_of(rows.read(options.labels) if options.labels else data.captions)
        result = evaluate(networks, data, labelled)
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{result['labels']} labels")
    for group in (name for name in ("all", "unseen", "seen") if name in result):
        for name in ("model", "chance", "majority"):
            values = "".join(f"{key:>8} {value:6.2f}" for key, value in result[group][name].items())
            print(f"{group:<8}{result[group]['takes']:>5} takes  {name:<10}{values}")
    figures.write(options.json, result)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
