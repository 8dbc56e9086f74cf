# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tmr_blender synthesise "TEXT" --out FILE.bvh`: a motion made up where no library has one."""

import argparse
import json
from pathlib import Path
from typing import Any

from .driving import returned


def add_to(command: Any) -> None:
    """Add the command by `commands.Command`."""
    parser = command("synthesise", _synthesise, "make up a motion for a sentence: generated, not recorded", networks=True)
    parser.add_argument("query")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.bvh", help="written in centimetres, Y up, 20 fps")
    parser.add_argument("--seconds", type=float, default=5.0, help="from 1 to 20; over 10 movements are as if slowed down")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same motion, another another one")
    parser.add_argument("--draws", type=int, default=4, help="motions to choose the one that fits the sentence best from")


def _synthesise(options: argparse.Namespace) -> int:
    from ..errors import FileProblem
    from ..motion.writers import write_bvh
    from ..tmr import synthesis
    from ..tmr.encoders import MotionEncoder, TextEncoder
    from .search import asked

    if options.out.suffix.lower() != ".bvh":
        raise FileProblem(f"{options.out.name} is not the name of a BVH file: it must end in .bvh.")
    synthesis.check(options.seconds, options.seed, options.draws)
    maker = synthesis.Synthesiser(options.model, options.threads)
    text, motion = TextEncoder(options.model, options.threads), MotionEncoder(options.model, options.threads)
    latent, _, words = asked(options.query, text)
    made = returned(maker.synthesise(latent, motion, options.seconds, options.seed, options.draws))
    try:
        write_bvh(synthesis.clip(made.positions, words), options.out)
    except OSError as error:
        raise FileProblem(f"{options.out} can't be written ({error.strerror or error}).") from error
    facts = {"file": str(options.out), "query": words, "seconds": len(made.positions) / made.fps, "seed": options.seed}
    facts |= {"score": round(made.score, 4), "origin": synthesis.LABEL, "model": f"{text.model_id} {maker.card.id}"}
    if options.json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        print(f"{options.out}: {facts['seconds']:.1f} s. {synthesis.LABEL}.")
    return 0
