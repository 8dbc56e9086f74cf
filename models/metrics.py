# SPDX-License-Identifier: GPL-3.0-or-later
"""Retrieval metrics: recall at k and median rank, in the four protocols of TMR (Petrovich et al., ICCV 2023)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

KS = (1, 2, 3, 5, 10)
Metrics = dict[str, float]


def ranks(scores: NDArray[np.float32], positives: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """0-based rank of the truth in every row of `scores` (n, n), higher is better.

    The truth of row i is column i, or, with `positives` (n, n), the best-ranked column marked in the row. Equal scores share
    the average of the places they take, so a rank may be fractional.
    """
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise ValueError(f"expected a square matrix of scores, got {scores.shape}")
    if positives is None:
        best = np.diagonal(scores)[:, None]
    else:
        best = np.where(positives, scores, -np.inf).max(axis=1, keepdims=True)
    better = (scores > best).sum(axis=1)
    level = (scores == best).sum(axis=1)
    return better + (level - 1) / 2.0


def summary(places: NDArray[np.float64]) -> Metrics:
    """R1, R2, R3, R5, R10 in percent and MedR, the 1-based median rank, of 0-based ranks; rounded to two decimals."""
    metrics = {f"R{k}": round(100.0 * float(np.mean(places < k)), 2) for k in KS}
    return {**metrics, "MedR": round(float(np.median(places)) + 1.0, 2)}


def log_rank(scores: NDArray[np.float32]) -> float:
    """Mean of log2 of the 1-based ranks in both directions, of `scores` (n, n): it varies less between runs than recalls do."""
    places = np.concatenate([ranks(scores), ranks(scores.T)])
    return round(float(np.log2(places + 1.0).mean()), 4)


def both_ways(scores: NDArray[np.float32], positives: NDArray[np.bool_] | None = None) -> dict[str, Metrics]:
    """Text to motion over the rows of `scores` (texts, motions), and motion to text over its columns."""
    back = None if positives is None else positives.T
    return {"t2m": summary(ranks(scores, positives)), "m2t": summary(ranks(scores.T, back))}


def small_batches(scores: NDArray[np.float32], size: int = 32, seed: int = 0) -> dict[str, Metrics]:
    """Mean of the metrics over blocks of `size` pairs in an order shuffled once with NumPy's seed; the remainder is dropped.

    A set smaller than one block is a block of its own.
    """
    order = np.arange(len(scores))
    np.random.RandomState(seed).shuffle(order)
    blocks = list(_blocks(order, size))
    parts = [both_ways(scores[np.ix_(block, block)]) for block in blocks]
    return {
        way: {key: round(float(np.mean([part[way][key] for part in parts])), 2) for key in parts[0][way]} for way in parts[0]
    }


def _blocks(order: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    if len(order) < size:
        yield order
    for at in range(0, len(order) - size + 1, size):
        yield order[at : at + size]


def dissimilar(alikeness: NDArray[np.float32], count: int = 100) -> NDArray[np.int64]:
    """Indices, in order, of up to `count` texts that are as unlike each other as a greedy choice finds.

    Farthest-point selection on `alikeness` (n, n), the cosines of sentence vectors: begin with the text that is least like
    all others, then add, each time, the one whose nearest chosen text is farthest. The authors ship a fixed list for
    HumanML3D only, so on other sets the subset has to be made.
    """
    chosen = [int(np.argmin(alikeness.sum(axis=1)))]
    nearest = alikeness[chosen[0]].copy()
    while len(chosen) < min(count, len(alikeness)):
        nearest[chosen] = np.inf
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, alikeness[chosen[-1]])
    return np.array(sorted(chosen), dtype=np.int64)


def chance(count: int) -> Metrics:
    """What a random order of `count` candidates gets in expectation."""
    recall = {f"R{k}": round(100.0 * min(k, count) / count, 2) for k in KS}
    return {**recall, "MedR": round((count + 1) / 2.0, 2)}


def chance_with(positives: NDArray[np.bool_]) -> Metrics:
    """The same where any of several columns is right: `positives` (n, n) marks them; ranks are those of the best-ranked one.

    With m right ones among n, the best is beyond rank k with probability (n - m choose k) / (n choose k).
    """
    count = len(positives)
    right = positives.sum(axis=1)
    places = np.arange(count)
    miss = np.clip((count - right[:, None] - places) / (count - places), 0.0, 1.0).cumprod(axis=1)
    found = 1.0 - miss.mean(axis=0)
    median = (np.searchsorted(found, 0.5 - 1e-9) + np.searchsorted(found, 0.5 + 1e-9)) / 2.0 + 1.0
    return {**{f"R{k}": round(100.0 * float(found[min(k, count) - 1]), 2) for k in KS}, "MedR": round(float(median), 2)}
