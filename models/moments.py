# SPDX-License-Identifier: GPL-3.0-or-later
"""Moment retrieval: `python -m models.moments --data FOLDER --labels moments.jsonl --json OUT`.

A text against one long take: windows of several lengths slide over it, each is encoded and scored against the text by how far
its similarity stands out among that window's similarities to sentences at large, and overlapping windows give way to the
best. What is reported is how often the labelled span is among the first 1 and 5 spans at an intersection over union of 0.3,
0.5 and 0.7; beside it what random spans, randomly ordered windows and the middle of the take get. Labels only evaluate:
nothing trains on them, and nothing here was chosen by the takes reported as unseen.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import encode, weights
from models.data import LOADERS, rows, wording
from models.data.takes import Caption, DataSet
from models.ensemble import Ensemble
from models.evaluate import CACHE
from models.text import TextStore
from tmr_blender.errors import TMRError
from tmr_blender.motion.features import FPS

Array = NDArray[np.float64]

LENGTHS = tuple(1.5**i for i in range(8))
"""Seconds of the windows: one to seventeen, each half as long again as the one before. Half a second does worse on seen takes:
there are many such windows, and little in each to tell them apart."""
STRIDE = 0.25
"""Share of its length by which a window moves on."""
OVERLAP = 0.5
"""Intersection over union above which the lower-scored of two windows gives way."""
BACKGROUND = 400
"""Sentences of ours, drawn once, that the similarities of a window are measured against."""
TOP = (1, 5)
IOUS = (0.3, 0.5, 0.7)
CHANCE_DRAWS, ORDER_DRAWS = 200, 10
MIDDLES = (0.5, 0.3, 0.7, 0.1, 0.9)
"""Quantiles of the labels' lengths that the spans in the middle of the take have, in their order."""

Recall = dict[str, dict[str, float]]


def windows(seconds: float) -> Array:
    """Spans (w, 2) in seconds that a take is searched by; the last of each length ends with the take."""
    spans = [(0.0, seconds)]
    for length in LENGTHS:
        if length < seconds:
            starts = np.append(np.arange(0.0, seconds - length, STRIDE * length), seconds - length)
            spans.extend((start, start + length) for start in starts)
    return np.array(spans)


def iou(a: Array, b: Array) -> Array:
    """Intersection over union of spans (..., 2) with spans (..., 2), broadcast."""
    shared = np.clip(np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]), 0.0, None)
    joined = (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0]) - shared
    return shared / np.maximum(joined, 1e-9)


def suppress(spans: Array, scores: NDArray[np.floating], count: int = max(TOP), overlap: float = OVERLAP) -> Array:
    """The `count` best spans (k, 2), best first, none of which overlaps a better one by more than `overlap`."""
    chosen: list[Array] = []
    for i in np.argsort(-scores, kind="stable"):
        if all(iou(spans[i], other) <= overlap for other in chosen):
            chosen.append(spans[i])
            if len(chosen) == count:
                break
    return np.array(chosen)


def recall(found: Sequence[Array], truth: Array) -> Recall:
    """Percent of the labelled spans `truth` (n, 2) that the first 1 and 5 of their found spans (k_i, 2) meet, by IoU."""
    best = np.array(
        [[iou(spans[:top], true).max(initial=0.0) for top in TOP] for spans, true in zip(found, truth, strict=True)]
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
        met = iou(np.stack([start, start + length], axis=-1), truth[:, None])
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


def score(networks: Ensemble, data: DataSet, labels: Sequence[Caption]) -> list[Scored]:
    """Windows and scores of every label. Raises TMRError for a take that `data` does not hold."""
    by_take: dict[str, list[Caption]] = {}
    for label in labels:
        by_take.setdefault(label.take, []).append(label)
    if unknown := sorted(by_take.keys() - data.takes.keys()):
        raise TMRError(f"The labels name takes that the data set does not hold: {', '.join(unknown[:5])}.")
    said = list(dict.fromkeys(label.texts[0] for label in labels))
    others = background()
    encoded = encode.texts(networks, TextStore(), [*said, *others])
    row, at_large = {text: i for i, text in enumerate(said)}, encoded[len(said) :]
    found = []
    for name, own in by_take.items():
        take = data.takes[name]
        spans = windows(take.seconds)
        frames = np.rint(spans * FPS).astype(np.int64)
        clips = [take.features[first : max(last, first + 1)] for first, last in frames]
        motions = encode.motions(networks, clips, batch=128)
        queries = encoded[[row[label.texts[0]] for label in own]]
        standing = stand_out(motions @ queries.T, motions @ at_large.T)
        found.extend(Scored(label, spans, standing[:, i], take.seconds) for i, label in enumerate(own))
    return found


def background() -> list[str]:
    """Sentences about motion at large: always the same draw of our own captions."""
    ours = sorted({text for texts in wording.paraphrases().values() for text in texts})
    return random.Random(0).sample(ours, min(BACKGROUND, len(ours)))


def stand_out(similarity: NDArray[np.float32], at_large: NDArray[np.float32]) -> NDArray[np.float32]:
    """Similarities (windows, queries) in standard deviations above the mean of the window's similarities at large.

    Windows that are near to every text (or whose similarities hardly differ) would otherwise come first, or never.
    """
    mean, deviation = at_large.mean(axis=1, keepdims=True), at_large.std(axis=1, keepdims=True)
    return (similarity - mean) / np.maximum(deviation, 1e-6)


def report(scored: Sequence[Scored], lengths: Array) -> dict[str, Any]:
    """Figures of the labels given, and of the baselines on the same; `lengths` are those of all labels, seconds."""
    truth = np.array([one.truth for one in scored]).reshape(-1, 2)
    seconds = np.array([one.seconds for one in scored])
    rng = np.random.default_rng(0)
    shuffled = [
        suppress(one.spans, rng.random(len(one.scores))) for _ in range(ORDER_DRAWS) for one in scored
    ]  # the same windows without the network
    return {
        "labels": len(scored),
        "takes": len({one.label.take for one in scored}),
        "seconds_of_take": round(float(np.median(seconds)), 2),
        "model": recall([suppress(one.spans, one.scores) for one in scored], truth),
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
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args(arguments)
    try:
        networks = weights.opened(options.weights)
        data = LOADERS[options.form](options.data, CACHE)
        labels = usable(data, rows.read(options.labels) if options.labels else data.captions)
        if not labels:
            raise TMRError("No label has words and a span: give moments.jsonl with --labels.")
        scored = score(networks, data, labels)
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
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
