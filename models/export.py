# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes what the extension loads: `python -m models.export --out DIR`.

DIR gets text_encoder.ts, motion_encoder.ts (TorchScript: loading them runs no Python of ours), tokenizer.json, background.npy
(latents of sentences about motion at large, which `library.moments` tells a query apart from) and model.json; and synthesis.ts,
the decoder of text to motion, where the weights have one.
The frozen language model joins the text encoder here, so it is never committed.
"""

import argparse
import hashlib
import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models import encode, minilm, weights
from models.ensemble import Ensemble, combined
from models.generator import GUIDANCE, HOP, STEPS, Generator
from models.text import TextStore
from tmr_blender.errors import TMRError
from tmr_blender.motion.features import FPS, WIDTH
from tmr_blender.tmr.synthesis import NETWORK

MAX_FRAMES = 2400


class ExportedText(nn.Module):
    """Token ids and mask (b, l) int64 to a unit latent (b, d) and the unit vector of the words (b, 384)."""

    matrix: Tensor

    def __init__(self, language: minilm.MiniLM, networks: Ensemble) -> None:
        super().__init__()
        self.language = language
        self.heads = nn.ModuleList(model.text for model in networks.models)
        self.words = networks.words or nn.Identity()
        self.register_buffer("matrix", networks.matrix)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        states = self.language(ids, mask)
        sentence = minilm.pool(states, mask)
        latents = []
        for head in self.heads:
            latents.append(head(states, mask, sentence)[0])
        return combined(latents, self.matrix), self.words(sentence)


class ExportedMotion(nn.Module):
    """Raw features (b, t, 263) float32 at 20 fps and lengths (b,) int64 to a unit latent (b, d)."""

    matrix: Tensor

    def __init__(self, networks: Ensemble) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(model.motion for model in networks.models)
        self.register_buffer("matrix", networks.matrix)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """See the class."""
        latents = []
        for encoder in self.encoders:
            latents.append(encoder(features, lengths)[0])
        return combined(latents, self.matrix)


def identity(networks: Ensemble) -> str:
    """A hash of all weights: libraries remember by which networks their vectors were made."""
    digest = hashlib.sha256(minilm.SHA256.encode())
    for model in networks.models:
        for name, value in sorted(model.state_dict().items()):
            if not name.startswith("decoder."):
                digest.update(name.encode() + value.numpy().tobytes())
    if networks.words is not None:
        for name, value in sorted(networks.words.state_dict().items()):
            digest.update(name.encode() + value.numpy().tobytes())
    digest.update(networks.matrix.numpy().tobytes())
    return digest.hexdigest()[:16]


def _ready(network: nn.Module) -> torch.jit.ScriptModule:
    """As TorchScript, its weights laid out as the products want them: a tenth less time for a query on two cores."""
    # The pass knows only what every build of torch has, as long as there are no convolutions.
    return torch.jit.optimize_for_inference(torch.jit.script(network.eval()))


def _save(network: torch.jit.ScriptModule, path: Path) -> None:
    """Write TorchScript without the places of our sources, which torch adds for its tracebacks.

    They are of the machine and folder that it was made in, and the same weights shall give the same bytes anywhere.
    """
    raw = path.with_suffix(".raw")
    torch.jit.save(network, raw)
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        for entry in old.infolist():
            if not entry.filename.endswith((".debug_pkl", ".data/serialization_id")):
                inside = entry.filename.partition("/")[2]
                new.writestr(zipfile.ZipInfo(f"{path.stem}/{inside}"), old.read(entry))
    raw.unlink()


class ExportedDecoder(nn.Module):
    """A step from noise to motion, see `Generator.forward`, and windows to raw features; `tmr.synthesis` draws by them."""

    def __init__(self, decoder: Generator) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, mixed: Tensor, moment: Tensor, latent: Tensor, spoken: Tensor, frames: Tensor) -> Tensor:
        """See the class."""
        return self.decoder(mixed, moment, latent, spoken, frames)

    @torch.jit.export
    def decode(self, windows: Tensor, frames: int) -> Tensor:
        """Raw features (frames, 263) of (windows, components)."""
        return self.decoder.windows.decode(windows, frames)


def decoder_card(decoder: Generator) -> dict[str, str | int | float]:
    """What model.json says about the decoder."""
    digest = hashlib.sha256()
    for name, value in sorted(decoder.state_dict().items()):
        digest.update(name.encode() + value.numpy().tobytes())
    components = decoder.config.components
    return {"id": digest.hexdigest()[:16], "components": components, "hop": HOP, "steps": STEPS, "guidance": GUIDANCE}


def export(networks: Ensemble, folder: Path, decoder: Generator | None = None) -> dict[str, Any]:
    """Writes the files and returns what model.json says. Existing files are replaced once all are made."""
    language = minilm.find_folder()
    texts = _ready(ExportedText(minilm.load(language), networks))
    motions = _ready(ExportedMotion(networks))
    background = encode.texts(networks, TextStore(), encode.at_large())
    facts: dict[str, Any] = {
        "id": identity(networks),
        "name": "tmr",
        "latent": networks.width,
        "sentence": minilm.WIDTH,
        "features": WIDTH,
        "fps": FPS,
        "max_frames": MAX_FRAMES,
        "patch": networks.models[0].shape.patch,
        "max_tokens": minilm.MAX_TOKENS,
        "networks": len(networks.models),
    }
    folder.mkdir(parents=True, exist_ok=True)
    _save(texts, folder / "text_encoder.ts.new")
    _save(motions, folder / "motion_encoder.ts.new")
    if decoder is not None:
        # As scripted: what is optimised for inference keeps `forward` alone.
        _save(torch.jit.script(ExportedDecoder(decoder).eval()), folder / f"{NETWORK}.new")
        facts["synthesis"] = decoder_card(decoder)
    with (folder / "background.npy.new").open("wb") as file:
        np.save(file, background.astype(np.float16))
    shutil.copyfile(language / "tokenizer.json", folder / "tokenizer.json.new")
    (folder / "model.json.new").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    for made in sorted(folder.glob("*.new")):
        made.replace(made.with_suffix(""))
    if decoder is None:
        (folder / NETWORK).unlink(missing_ok=True)
    return facts


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.export", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=weights.FOLDER, help="folder of *.safetensors, or one file")
    options = parser.parse_args(arguments)
    try:
        networks = weights.opened(options.weights)
        path = weights.decoder_path(options.weights)
        decoder = weights.decoder(path, weights.fingerprint(options.weights)) if path.is_file() else None
        facts = export(networks, options.out, decoder)
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    for file in sorted(options.out.iterdir()):
        print(f"{file.name:<20}{file.stat().st_size / 1e6:8.2f} MB")
    print(f"networks {facts['id']}, latents of {facts['latent']}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
