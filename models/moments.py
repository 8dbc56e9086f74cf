# SPDX-License-Identifier: GPL-3.0-or-later
"""Moment retrieval: `python -m models.moments --data FOLDER --labels moments.jsonl --json OUT`.

A text against one long take, by the very windows and the ranking of the extension (`tmr_blender.library.moments`), with the
networks in training form. With --stored, by the windows that a library keeps of a take, which are fewer and longer.

What is reported is how often the labelled span is among the first 1 and 5 spans at an intersection over union of 0.3,
0.5 and 0.7; beside it what random spans, randomly ordered windows and the middle of the take get. Labels only evaluate:
nothing trains on them, and the ranking was chosen by the takes that are reported as seen.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import encode, figures, weights
from models.data import LOADERS, rows
from models.data.takes import Caption, DataSet
from models.ensemble import Ensemble
from models.evaluate import CACHE
from models.export import MAX_FRAMES
from models.text import TextStore
from tmr_blender.errors import TMRError
from tmr_blender.library import moments
from tmr_blender.library.takes import spans as stored_windows
from tmr_blender.motion.features import FPS

Array = NDArray[np.float64]

TOP = (1, 5)
IOUS = (0.3, 0.5, 0.7)
CHANCE_DRAWS, ORDER_DRAWS = 200, 10
MIDDLES = (0.5, 0.3, 0.7, 0.1, 0.9)
"""Quantiles of the labels' lengths that the spans in the middle of the take have, in their order."""

Recall = dict[str, dict[str, float]]


def recall(found: Sequence[Array], truth: Array) -> Recall:
    """Percent of the labelled spans `truth` (n, 2) that the first 1 and 5 of their found spans (k_i, 2) meet, by IoU."""
    best = np.array(
        [[moments.iou(spans[:top], true).max(initial=0.0) for top in TOP] for spans, true in zip(found, truth, strict=True)]
    ).reshape(-1, len(TOP))
    return _recall(best)


def _recall(best: Array) -> Recall:
    """Recall of the best IoU (n, len(TOP)) within the first 1 and 5."""
    return {
        f"R{top}": {f"{limit}": round(100.0 * float(np.mean(best[:, i] >= limit)), 2) for limit in IOUS}
        for i, top in enumerate(TOP)
    }


def chance(truth: Array, seconds: Array, lengths: Array, seed: int = 0) -> Recall:
    """What random spans get: lengths drawn from those of the labels, places anywhere in the take (n,); mean of many draws."""
    rng = np.random.default_rng(seed)
    best = []
    for _ in range(CHANCE_DRAWS):
        length = np.minimum(rng.choice(lengths, (len(truth), max(TOP))), seconds[:, None])
        start = rng.random(length.shape) * (seconds[:, None] - length)
        met = moments.iou(np.stack([start, start + length], axis=-1), truth[:, None])
        best.append(np.stack([met[:, :top].max(axis=1) for top in TOP], axis=1))
    return _recall(np.concatenate(best))


def middle(seconds: Array, lengths: Array) -> list[Array]:
    """Spans (5, 2) about the middle of each take (n,), as long as quantiles of the labels' lengths, the median first."""
    wanted = np.quantile(lengths, MIDDLES)
    found = []
    for total in seconds:
        half = np.minimum(wanted, total) / 2.0
        found.append(np.stack([total / 2.0 - half, total / 2.0 + half], axis=1))
    return found


@dataclass(frozen=True)
class Scored:
    """A label, the windows (w, 2) of its take, and their scores (w,)."""

    label: Caption
    spans: Array
    scores: NDArray[np.float32]
    seconds: float

    @property
    def truth(self) -> tuple[float, float]:
        """The labelled span within the take, seconds."""
        start, end = self.label.start or 0.0, self.label.end
        return start, self.seconds if end is None else min(end, self.seconds)

    @property
    def found(self) -> Array:
        """The first spans (k, 2) of the ranking."""
        return np.array([(one.start, one.end) for one in moments.best(self.spans, self.scores, max(TOP))])

    def in_random_order(self, rng: np.random.Generator) -> Array:
        """Spans (k, 2) as they would be found by a network that knows nothing."""
        return self.spans[moments.suppress(self.spans, rng.random(len(self.spans)), max(TOP))]


def score(networks: Ensemble, data: DataSet, labels: Sequence[Caption], stored: bool = False) -> list[Scored]:
    """Windows and scores of every label. Raises TMRError for a take that `data` does not hold.

    stored: the windows of a library's entry instead of those of a file.
    """
    by_take: dict[str, list[Caption]] = {}
    for label in labels:
        by_take.setdefault(label.take, []).append(label)
    if unknown := sorted(by_take.keys() - data.takes.keys()):
        raise TMRError(f"The labels name takes that the data set does not hold: {', '.join(unknown[:5])}.")
    said, others = list(dict.fromkeys(label.texts[0] for label in labels)), encode.at_large()
    encoded = encode.texts(networks, TextStore(), [*said, *others])
    row, background = {text: i for i, text in enumerate(said)}, encoded[len(said) :]
    found = []
    for name, own in by_take.items():
        take = data.takes[name]
        count = len(take.features)
        frames = np.array([*stored_windows(count, MAX_FRAMES)]) if stored else moments.windows(count, MAX_FRAMES)
        motions = encode.motions(networks, [take.features[first:last] for first, last in frames], batch=128)
        standing = moments.stand_out(motions, encoded[[row[label.texts[0]] for label in own]], background)
        found.extend(Scored(label, frames / FPS, standing[:, i], take.seconds) for i, label in enumerate(own))
    return found


def report(scored: Sequence[Scored], lengths: Array) -> dict[str, Any]:
    """Figures of the labels given, and of the baselines on the same; `lengths` are those of all labels, seconds."""
    truth = np.array([one.truth for one in scored]).reshape(-1, 2)
    seconds = np.array([one.seconds for one in scored])
    rng = np.random.default_rng(0)
    shuffled = [one.in_random_order(rng) for _ in range(ORDER_DRAWS) for one in scored]
    return {
        "labels": len(scored),
        "takes": len({one.label.take for one in scored}),
        "seconds_of_take": round(float(np.median(seconds)), 2),
        "model": recall([one.found for one in scored], truth),
        "chance": chance(truth, seconds, lengths),
        "windows_in_random_order": recall(shuffled, np.tile(truth, (ORDER_DRAWS, 1))),
        "middle": recall(middle(seconds, lengths), truth),
    }


def usable(data: DataSet, labels: Sequence[Caption]) -> list[Caption]:
    """The labels with words and a span that begins inside their take."""
    return [
        label
        for label in labels
        if label.start is not None and label.end is not None and label.end > label.start and any(label.texts)
        if label.take not in data.takes or label.start < data.takes[label.take].seconds
    ]


def groups(data: DataSet, takes: Sequence[str]) -> dict[str, frozenset[str]]:
    """Takes by whether shipped weights may have seen their motion: those of test rows are left out of all training."""
    tested = frozenset(caption.take for caption in data.captions if caption.split == "test")
    found = {"all": frozenset(takes), "unseen": frozenset(takes) & tested, "seen": frozenset(takes) - tested}
    return found if found["unseen"] else {"all": found["all"]}


def table(result: dict[str, Any]) -> str:
    """The figures as lines to read."""
    lines = []
    for group, found in result.items():
        lines.append(f"{group}: {found['labels']} labels of {found['takes']} takes, half of them in takes over "
                     f"{found['seconds_of_take']:.0f} s")  # fmt: skip
        lines.append(" " * 26 + "".join(f"{f'R{top} IoU {limit}':>12}" for top in TOP for limit in IOUS))
        for name in ("model", "chance", "windows_in_random_order", "middle"):
            values = "".join(f"{found[name][f'R{top}'][str(limit)]:>12.2f}" for top in TOP for limit in IOUS)
            lines.append(f"{name.replace('_', ' '):<26}{values}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m models.moments", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--form", default="cmu", choices=sorted(LOADERS))
    parser.add_argument("--labels", type=Path, help="rows in the form of captions.jsonl; default: the data set's own")
    parser.add_argument("--weights", type=Path, default=weights.FOLDER, help="folder of tmr*.safetensors, or one file")
    parser.add_argument("--stored", action="store_true", help="by the windows that a library keeps of a take")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args(arguments)
    try:
        networks = weights.opened(options.weights)
        data = LOADERS[options.form](options.data, CACHE)
        labels = usable(data, rows.read(options.labels) if options.labels else data.captions)
        if not labels:
            raise TMRError("No label has words and a span: give moments.jsonl with --labels.")
        scored = score(networks, data, labels, options.stored)
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    lengths = np.array([end - start for start, end in (one.truth for one in scored)])
    result = {
        name: report([one for one in scored if one.label.take in takes], lengths)
        for name, takes in groups(data, [label.take for label in labels]).items()
        if takes
    }
    print(table(result))
    figures.write(options.json, result)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
