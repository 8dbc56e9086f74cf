# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics on matrices whose ranks can be read off by hand."""

import numpy as np
import pytest

from models import metrics


def test_ranks_of_a_hand_made_matrix():
    scores = np.array([[0.9, 0.1, 0.2], [0.5, 0.4, 0.3], [0.3, 0.2, 0.1]], np.float32)
    assert metrics.ranks(scores).tolist() == [0, 1, 2]
    found = metrics.summary(metrics.ranks(scores))
    assert found["R1"] == pytest.approx(33.33)
    assert found["R2"] == pytest.approx(66.67)
    assert found["R3"] == 100.0
    assert found["MedR"] == 2.0


def test_both_ways_reads_rows_and_columns():
    # Every text finds its motion second; every motion but the last finds its text first.
    scores = np.array([[2, 0, 3], [0, 2, 3], [4, 0, 3.5]], np.float32)
    found = metrics.both_ways(scores)
    assert found["t2m"]["R1"] == 0.0
    assert found["t2m"]["R2"] == 100.0
    assert found["m2t"]["R1"] == pytest.approx(66.67)


def test_ties_share_the_average_place():
    # The published rule: two at the top are 0.5 and count for R1, three are 1.0 and miss it.
    two = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    three = np.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]], np.float32)
    assert metrics.ranks(two)[0] == 0.5
    assert metrics.summary(metrics.ranks(two))["R1"] == 100.0
    assert metrics.ranks(three)[0] == 1.0
    assert metrics.summary(metrics.ranks(three))["R1"] == pytest.approx(66.67)


def test_threshold_takes_the_best_of_the_positives_and_leaves_the_gallery_alone():
    scores = np.array([[0.1, 0.8, 0.9], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], np.float32)
    positives = np.eye(3, dtype=bool)
    assert metrics.ranks(scores, positives)[0] == 2
    positives[0, 1] = positives[1, 0] = True
    assert metrics.ranks(scores, positives).tolist() == [1, 0, 0]


def test_small_batches_drop_the_remainder_and_average():
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(70, 70)).astype(np.float32)
    order = np.arange(70)
    np.random.RandomState(0).shuffle(order)
    blocks = [metrics.both_ways(scores[np.ix_(o, o)])["t2m"] for o in (order[:32], order[32:64])]
    found = metrics.small_batches(scores)["t2m"]
    assert found["MedR"] == pytest.approx(np.mean([block["MedR"] for block in blocks]), abs=0.01)
    assert found["R10"] == pytest.approx(np.mean([block["R10"] for block in blocks]), abs=0.01)
    assert metrics.small_batches(np.eye(5, dtype=np.float32))["t2m"]["R1"] == 100.0


def test_a_random_order_scores_chance():
    rng = np.random.default_rng(0)
    found = [metrics.both_ways(rng.normal(size=(50, 50)).astype(np.float32))["t2m"] for _ in range(200)]
    known = metrics.chance(50)
    assert np.mean([f["R10"] for f in found]) == pytest.approx(known["R10"], abs=1.0)
    assert np.mean([f["MedR"] for f in found]) == pytest.approx(known["MedR"], abs=1.0)


def test_dissimilar_leaves_out_near_copies():
    rng = np.random.default_rng(1)
    base = rng.normal(size=(10, 8))
    vectors = np.concatenate([base, base + 0.001 * rng.normal(size=base.shape)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chosen = metrics.dissimilar((vectors @ vectors.T).astype(np.float32), 10)
    assert len({index % 10 for index in chosen}) == 10
    assert len(metrics.dissimilar(np.eye(4, dtype=np.float32), 100)) == 4


def test_a_matrix_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match="square"):
        metrics.ranks(np.zeros((2, 3), np.float32))


def test_chance_where_several_are_right():
    assert metrics.chance_with(np.eye(240, dtype=bool)) == metrics.chance(240)
    assert metrics.chance_with(np.eye(5, dtype=bool)) == metrics.chance(5)
    blocks = np.kron(np.eye(4, dtype=bool), np.ones((3, 3), dtype=bool)).astype(bool)
    rng = np.random.default_rng(0)
    places = np.concatenate([metrics.ranks(rng.random((12, 12)).astype(np.float32), blocks) for _ in range(2000)])
    measured, expected = metrics.summary(places), metrics.chance_with(blocks)
    for key in ("R1", "R2", "R3", "R5", "R10"):
        assert expected[key] == pytest.approx(measured[key], abs=1.5), key
    assert expected["MedR"] == measured["MedR"]


def test_log_rank_is_the_mean_over_both_directions():
    scores = np.array([[3.0, 2.0], [1.0, 0.0]], np.float32)
    # Ranks 1 and 2 of the texts' rows, 1 and 2 of the motions' columns.
    assert metrics.log_rank(scores) == 0.5
