# SPDX-License-Identifier: GPL-3.0-or-later
"""A motion made up for a sentence: `python -m models.synthesise "a person walks in a circle" --seconds 5 --out walk.bvh`.

The sentence's latent goes through the decoder to features, joints, and a rigid skeleton. The same command gives the same
motion; `--seed` gives others. What comes out is generated, not recorded, and says so: in the name of the BVH's root, and in
the fields of the joints' file. The extension does the same with exported networks, see `tmr_blender.tmr.synthesis`.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models import weights
from models.ensemble import Ensemble
from models.generator import Generator
from models.text import TextStore
from tmr_blender.errors import TMRError
from tmr_blender.motion import features, picture, png
from tmr_blender.motion.quaternion import Array
from tmr_blender.motion.writers import write_bvh
from tmr_blender.tmr.synthesis import LABEL, LONGEST, SHORTEST, clip, settled

Rows = NDArray[np.float32]
PANELS = 8


@dataclass(frozen=True)
class Synthesiser:
    """The networks that make motions of sentences."""

    networks: Ensemble
    decoder: Generator

    @classmethod
    def open(cls, folder: Path = weights.FOLDER, decoder: Path | None = None) -> "Synthesiser":
        """The networks of a folder or file and the decoder that reads them. Raises ModelProblem where either is missing."""
        path = decoder or weights.decoder_path(folder)
        return cls(weights.opened(folder), weights.decoder(path, weights.fingerprint(folder)))

    def latents(self, texts: list[str], seed: int | None = None) -> torch.Tensor:
        """Unit latents (texts, d): the mean of each text's distribution, or a draw that the seed decides."""
        store = TextStore()
        store.add(texts)
        given = store.inputs(texts, self.networks.reads_tokens)
        with torch.inference_mode():
            if seed is None:
                return self.networks.text(*given)
            return self.networks.draw(*given, torch.Generator().manual_seed(seed))

    def motions(self, latents: torch.Tensor, frames: list[int], seed: int = 0) -> list[Rows]:
        """Features (n_i, 263), of which `generator.COLUMNS` are filled, of latents (b, d): a draw each."""
        return [rows.numpy() for rows in self.decoder.draw(latents, torch.tensor(frames), seed)]

    def means(self, latents: torch.Tensor, frames: list[int]) -> list[Rows]:
        """The same, of the mean motion that each latent stands for."""
        return [rows.numpy() for rows in self.decoder.mean(latents, torch.tensor(frames))]


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.synthesise", description=__doc__)
    parser.add_argument("text", help="what the motion should be")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--out", type=Path, required=True, help="BVH file to write")
    parser.add_argument("--joints", type=Path, help=".npz file to write: positions (frames, 22, 3), fps, text, origin")
    parser.add_argument("--picture", type=Path, help="film strip to write, .png")
    parser.add_argument("--seed", type=int, help="another motion for the text: draw its latent, too")
    parser.add_argument(
        "--mean", action="store_true", help="the mean of the motions meant, as a plain decoder gives it: blurred"
    )
    parser.add_argument("--weights", type=Path, default=weights.FOLDER, help="folder of *.safetensors, or one file")
    parser.add_argument("--decoder", type=Path, help="the decoder (default: decoder.safetensors beside the weights)")
    options = parser.parse_args(arguments)
    try:
        if not options.text.strip():
            raise TMRError("There is no text: say what the motion should be.")
        if not SHORTEST <= options.seconds <= LONGEST:
            raise TMRError(f"--seconds must be from {SHORTEST:g} to {LONGEST:g}, not {options.seconds:g}.")
        maker = Synthesiser.open(options.weights, options.decoder)
        frames = round(options.seconds * features.FPS)
        latents = maker.latents([options.text], options.seed)
        made = maker.means(latents, [frames]) if options.mean else maker.motions(latents, [frames], options.seed or 0)
        write(settled(made[0]), options.text, options)
    except (TMRError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def write(joints: Array, text: str, options: argparse.Namespace) -> None:
    """Writes the files that the options name."""
    made = clip(joints, text)
    write_bvh(made, options.out)
    if options.joints:
        np.savez(options.joints, positions=joints.astype(np.float32), fps=features.FPS, text=text, origin=LABEL)
    if options.picture:
        at = np.linspace(0, len(joints) - 1, PANELS).round().astype(int)
        figures = [picture.body(joints[i]) for i in at]
        path, times = joints[:, 0] * [1.0, 0.0, 1.0], (at / features.FPS).tolist()
        png.write(options.picture, picture.strip(figures, times, trail=path, ground=0.0))


if __name__ == "__main__":
    raise SystemExit(main())
