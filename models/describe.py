# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion to text: `python -m models.describe FILE`, or `--data FOLDER --take NAME` for a take of a data set.

Prints what is measured of the motion, in words, and the captions whose latents are nearest to it, each with the take that it
was written of: our own captions, with --data also the data set's training captions, with --captions those of more rows.
Captions of the very take are left out unless --own asks for them; a file is taken for the take that its name names.

Captions are compared by plain cosines. To measure them against motions at large, as moments are against sentences, was tried
on 240 held-out takes (draw 1, one network) and left R@10 of motion to text at 66.7 and the median rank at 6 (deviations
counted too: 66.7 and 7), so it isn't done.
"""

import argparse
import hashlib
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import encode, figures, weights
from models.data import LOADERS, rows, wording
from models.data.takes import Caption, DataSet
from models.ensemble import Ensemble
from models.evaluate import CACHE
from models.text import TextStore
from tmr_blender.errors import QueryProblem, TMRError
from tmr_blender.library import similar
from tmr_blender.motion import facts, features, phrases
from tmr_blender.motion.features import FPS

Array = NDArray[np.float32]

SENTENCES = 5


@dataclass(frozen=True)
class Motion:
    """What is to be described. take: the name by which captions may speak of it. rows: (n, 263) features at 20 fps."""

    take: str
    rows: Array
    facts: facts.Facts


@dataclass(frozen=True)
class Said:
    """A caption, the take and the span (seconds, None: to its ends) that it was written of, and its cosine with the motion."""

    text: str
    take: str
    start: float | None
    end: float | None
    source: str
    cosine: float


def of_file(path: Path, take: int, start: float | None, end: float | None) -> Motion:
    """A clip of a motion file; raises as `library.similar.motion_of` does."""
    motion = similar.motion_of(path, take, start, end)
    return Motion(path.stem, np.asarray(motion.rows, np.float32), motion.facts)


def of_take(data: DataSet, name: str, start: float | None, end: float | None) -> Motion:
    """A take of a data set, or its span. Raises QueryProblem where there is none."""
    if name not in data.takes:
        raise QueryProblem(f"The data set has no take {name}; its takes are named like {', '.join(sorted(data.takes)[:3])}.")
    seconds = data.takes[name].seconds
    begin, until = 0.0 if start is None else start, seconds if end is None else end
    if not 0.0 <= begin < min(until, seconds):
        raise QueryProblem(f"{name} lasts {seconds:.1f} s: there is nothing from {begin:g} to {until:g} s.")
    span = data.span(Caption(name, begin, until, (), "", ""))
    return Motion(name, span, facts.measure(features.recover(span), FPS))


def gallery(data: DataSet | None, more: Sequence[Caption], without: str | None) -> dict[str, Caption]:
    """Every text to the row it stands in; none of the take `without`, none of a data set's validation and test rows."""
    trained = [] if data is None else [caption for caption in data.captions if caption.split == "train"]
    found: dict[str, Caption] = {}
    for caption in (*trained, *more, *wording.of_takes()):
        if caption.take != without:
            for text in caption.texts:
                found.setdefault(text, caption)
    return found


def latents(networks: Ensemble, texts: Sequence[str], cache: Path) -> Array:
    """(texts, d), from the file `cache` if that holds exactly these; else computed and kept there."""
    digest = hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()
    if cache.is_file():
        with np.load(cache, allow_pickle=False) as kept:
            if str(kept["digest"]) == digest:
                return kept["latents"]
    print(f"encoding {len(texts)} captions, once ...", file=sys.stderr)
    found = encode.texts(networks, TextStore(), texts)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, digest=digest, latents=found)
    return found


def nearest(motion: Array, texts: dict[str, Caption], encoded: Array, limit: int) -> list[Said]:
    """The captions nearest to a motion's latent (d,), best first; encoded: (texts, d) in the order of the texts."""
    cosines = encoded @ motion
    said = list(texts.items())
    best = np.argsort(-cosines, kind="stable")[:limit]
    return [
        Said(text, row.take, row.start, row.end, row.source, round(float(cosines[i]), 4))
        for i in best
        for text, row in [said[i]]
    ]


def describe(motion: Motion, networks: Ensemble, texts: dict[str, Caption], encoded: Array, limit: int) -> dict[str, Any]:
    """{"take", "seconds", "tags", "sentences", "captions"} of a motion."""
    told = phrases.sentences(motion.facts, random.Random(0), SENTENCES)  # the same words every time
    captions = nearest(encode.motions(networks, [motion.rows])[0], texts, encoded, limit)
    return {
        "take": motion.take,
        "seconds": round(motion.facts.duration, 2),
        "tags": list(facts.tags(motion.facts)),
        "sentences": list(dict.fromkeys(told)),
        "captions": [asdict(said) for said in captions],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.describe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a motion file of any format that is read")
    parser.add_argument("--take", default="", help="which of the file's takes, from 0; with --data, the take's name")
    parser.add_argument("--data", type=Path, help="a data set's folder: its training captions join the gallery")
    parser.add_argument("--form", default="cmu", choices=sorted(LOADERS))
    parser.add_argument("--start", type=float, help="seconds into the take")
    parser.add_argument("--end", type=float)
    parser.add_argument("--captions", type=Path, help="more captions, rows in the form of captions.jsonl")
    parser.add_argument("--own", action="store_true", help="captions of the very take as well")
    parser.add_argument("--limit", type=int, default=5)
    parser.add_argument("--weights", type=Path, default=weights.FOLDER, help="folder of *.safetensors, or one file")
    parser.add_argument("--json", type=Path, help="where to write the same")
    return parser


def _run(options: argparse.Namespace) -> dict[str, Any]:
    if options.limit < 1:
        raise QueryProblem("Ask for at least one caption.")
    data = None if options.data is None else LOADERS[options.form](options.data, CACHE)
    if options.file is not None:
        if not (options.take or "0").isdecimal():
            raise QueryProblem(f"The takes of a file are told by number, from 0, not by name ({options.take}).")
        motion = of_file(options.file, int(options.take or 0), options.start, options.end)
    elif data is not None and options.take:
        motion = of_take(data, options.take, options.start, options.end)
    else:
        raise QueryProblem("Name a motion file, or a data set's folder and one of its takes (--data FOLDER --take NAME).")
    networks = weights.opened(options.weights)
    more = rows.read(options.captions) if options.captions else []
    # All texts are encoded and kept, so that the next take finds them; its own are left out afterwards.
    known = list(gallery(data, more, None))
    place = {text: i for i, text in enumerate(known)}
    encoded = latents(networks, known, CACHE.parent / f"gallery_{weights.fingerprint(options.weights)}.npz")
    texts = gallery(data, more, None if options.own else motion.take)
    return describe(motion, networks, texts, encoded[[place[text] for text in texts]], options.limit)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        found = _run(options)
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{found['take']}: {found['seconds']:.1f} s, {', '.join(found['tags'])}")
    for sentence in found["sentences"]:
        print(f"  {sentence}")
    print("nearest captions")
    for said in found["captions"]:
        begin, until = (
            f"{said[key]:.1f}" if said[key] is not None else word for key, word in (("start", "start"), ("end", "end"))
        )
        span = "" if said["start"] is None and said["end"] is None else f", {begin} to {until} s"
        print(f"  {said['cosine']:.3f}  {said['text']}  ({said['take']}{span}, {said['source']})")
    figures.write(options.json, found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
