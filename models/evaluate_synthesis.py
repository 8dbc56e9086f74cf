# SPDX-License-Identifier: GPL-3.0-or-later
"""What generated motions are worth: `python -m models.evaluate_synthesis --data FOLDER --draw 1 --weights FOLDER --judge FILE`.

On takes that neither the networks nor the decoder were trained on, with captions by people. Two questions. How far are the
joints of a motion that is decoded from its own latent from the truth, beside those of the mean of all motions and of the
nearest motion trained on? And is a motion that is generated from a caption recognised as that caption's, by a network that
had no part in generating it, beside the real motion and the training motion that search would offer?
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models import encode, figures, metrics, train, weights
from models.data import LOADERS, clips, splits
from models.data.takes import Caption, DataSet
from models.ensemble import Ensemble
from models.synthesise import Synthesiser, settled
from models.text import TextStore
from tmr_blender.errors import TMRError
from tmr_blender.motion import features, standing

LONGEST = 200
"""Frames: what is longer is judged by its first ten seconds."""
SHIFT = 12
"""Frames by which a motion may be moved in time where its phase is not to count."""

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Sets:
    """Motions (n_i, 263) of one length per caption, by name, and joints of some of them, by name."""

    real: list[Array]
    made: dict[str, list[Array]]
    joints: dict[str, list[Array]]


def training_spans(data: DataSet, takes: frozenset[str]) -> list[Array]:
    """All takes in spans of at most ten seconds, as they are and mirrored."""
    out: list[Array] = []
    for name in sorted(takes):
        rows = np.asarray(data.takes[name].features, dtype=np.float32)
        for part in np.array_split(rows, -(-len(rows) // LONGEST)):
            out += [part, clips.mirror(part)]
    return out


def fitted(rows: Array, frames: int) -> Array:
    """The first `frames` rows, or all and then the last pose standing still."""
    if len(rows) >= frames:
        return rows[:frames]
    rest = np.repeat(rows[-1:], frames - len(rows), axis=0)
    rest[:, 0:3] = 0.0
    rest[:, 193:259] = 0.0
    return np.concatenate([rows, rest])


def gather(maker: Synthesiser, data: DataSet, takes: frozenset[str], captions: tuple[Caption, ...]) -> Sets:
    """Real, decoded, generated and looked-up motions of the captions."""
    real = [np.array(data.span(caption)[:LONGEST]) for caption in captions]
    frames = [len(rows) for rows in real]
    spans = training_spans(data, takes)
    known = encode.motions(maker.networks, spans)
    latents = encode.motions(maker.networks, real)
    said = maker.latents([caption.texts[0] for caption in captions])
    average = train.statistics(data, takes)[0].numpy()

    def look_up(wanted: Array) -> list[Array]:
        best = (wanted @ known.T).argmax(axis=1)
        return [fitted(spans[i], count) for i, count in zip(best, frames, strict=True)]

    own = torch.from_numpy(latents)
    drawn = maker.motions(said, frames)
    made = {
        "mean of all motions": [np.repeat(average[None], count, axis=0) for count in frames],
        "mean answer to the motion's latent": [whole(rows) for rows in maker.means(own, frames)],
        "drawn for the motion's latent": [whole(rows) for rows in maker.motions(own, frames)],
        "training motion nearest to the motion": look_up(latents),
        "mean answer to the caption": [whole(rows) for rows in maker.means(said, frames)],
        "drawn for the caption, as decoded": [whole(rows) for rows in drawn],
        "training motion found for the caption": look_up(said.numpy()),
    }
    finished = [settled(rows) for rows in drawn]
    made["drawn for the caption, finished"] = [
        fitted(features.extract(joints, features.FPS), len(joints)) for joints in finished
    ]
    joints = {"real motion": [features.recover(rows) for rows in real], "drawn for the caption, finished": finished}
    joints["drawn for the caption, as decoded"] = [features.recover(rows) for rows in drawn]
    joints["mean answer to the caption"] = [features.recover(rows) for rows in maker.means(said, frames)]
    return Sets(real, made, joints)


def whole(rows: Array) -> Array:
    """All 263 columns of decoded features, of which some are filled."""
    return fitted(features.extract(features.recover(rows), features.FPS), len(rows))


def joint_error(made: Array, real: Array) -> dict[str, float]:
    """Mean distance of joints in centimetres: poses in the heading's frame, the same at the best moment, and along the path."""
    pose, truth = (rows[:, 3:67].astype(np.float64) for rows in (made, real))
    reach = min(SHIFT, len(real) // 4)
    shifted = [
        _pose_error(pose[max(-s, 0) : len(pose) - max(s, 0)], truth[max(s, 0) : len(truth) - max(-s, 0)])
        for s in range(-reach, reach + 1)
    ]
    whole = np.linalg.norm(features.recover(made) - features.recover(real), axis=-1).mean()
    return {
        "pose_cm": 100.0 * _pose_error(pose, truth),
        "pose_best_moment_cm": 100.0 * min(shifted),
        "global_cm": 100.0 * float(whole),
    }


def _pose_error(made: Array, real: Array) -> float:
    """Metres, over joints and frames, of columns 3 to 66 of features: height of the root and the others' places."""
    apart = made - real
    others = np.linalg.norm(apart[:, 1:].reshape(len(apart), 21, 3), axis=-1)
    return float((others.sum(axis=1) + np.abs(apart[:, 0])).mean() / 22.0)


def movement(joints: Array) -> dict[str, float]:
    """Mean speed of the joints against the root (m/s), mean jerk (m/s^3), and slip (m/s) of the feet that stand.

    Whether a foot stands is told from the joints, as in the features: from how slowly it moves.
    """
    third = np.linalg.norm(np.diff(joints, n=3, axis=0), axis=-1) * features.FPS**3
    inner = np.linalg.norm(np.diff(joints[:, 1:] - joints[:, :1], axis=0), axis=-1) * features.FPS
    held = standing.contacts(fitted(features.extract(joints, features.FPS), len(joints)))
    return {"speed": float(inner.mean()), "jerk": float(third.mean()), "slip": standing.drift(joints, held, features.FPS)}


def report(sets: Sets, judge: Ensemble, captions: tuple[Caption, ...]) -> dict[str, Any]:
    """The figures: joint errors, recognition by the judge, movement; with what they are to be compared with."""
    said = encode.texts(judge, TextStore(), [caption.texts[0] for caption in captions])

    def recognised(motions: list[Array]) -> dict[str, float]:
        return metrics.summary(metrics.ranks(encode.motions(judge, motions) @ said.T))

    def mean_of(parts: list[dict[str, float]]) -> dict[str, float]:
        return {key: round(float(np.mean([part[key] for part in parts])), 2) for key in parts[0]}

    def errors(motions: list[Array]) -> dict[str, float]:
        return mean_of([joint_error(*pair) for pair in zip(motions, sets.real, strict=True)])

    return {
        "captions": len(captions),
        "joints": {name: errors(motions) for name, motions in sets.made.items()},
        "recognised": {
            "real motion": recognised(sets.real),
            **{name: recognised(motions) for name, motions in sets.made.items()},
            "chance": metrics.chance(len(captions)),
        },
        "movement": {name: mean_of([movement(one) for one in joints]) for name, joints in sets.joints.items()},
    }


def table(result: dict[str, Any]) -> str:
    """The figures as lines to read."""
    lines = [f"{result['captions']} captions"]
    for part in ("joints", "recognised", "movement"):
        keys = list(next(iter(result[part].values())))
        lines.append(f"{part:<58}" + "".join(f"{key:>21}" for key in keys))
        for name, values in result[part].items():
            lines.append(f"  {name:<56}" + "".join(f"{values[key]:>21.2f}" for key in keys))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate_synthesis", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with motions.npz and captions.jsonl")
    parser.add_argument("--form", default="cmu", choices=sorted(LOADERS))
    parser.add_argument("--draw", type=int, help="takes that encoders and decoder never saw; default: the test rows")
    parser.add_argument("--held-out", type=int, default=240)
    parser.add_argument("--weights", type=Path, required=True, help="the encoders: folder of *.safetensors, or one file")
    parser.add_argument("--decoder", type=Path, help="the decoder (default: decoder.safetensors beside the weights)")
    parser.add_argument("--judge", type=Path, required=True, help="a network that knows neither the decoder nor those takes")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args(arguments)
    try:
        maker = Synthesiser.open(options.weights, options.decoder)
        judge = weights.opened(options.judge)
        if set(weights.digests(options.judge).values()) & set(weights.digests(options.weights).values()):
            raise TMRError("The judge is one of the networks that generate: name one that had no part in it.")
        data = LOADERS[options.form](options.data, train.CACHE / "features")
        chosen = splits.split(data, options.draw, options.held_out)
        captions = chosen.test if options.draw is None else chosen.validation
        result = report(gather(maker, data, chosen.train, captions), judge, captions)
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    print(table(result))
    figures.write(options.json, result)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
