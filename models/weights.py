# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights on disk: safetensors with the config of the run in the header, halved in precision where it costs nothing."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.architecture import TMR, Words
from models.config import Config
from models.ensemble import Ensemble
from models.generator import DecoderConfig, Generator
from tmr_blender.errors import ModelProblem

FOLDER = Path(__file__).parent / "weights"
PROJECTION = "projection.safetensors"
DECODER = "decoder.safetensors"
WORDS = "words.safetensors"


def save(path: Path, state: dict[str, Tensor], config: Config, half: bool = False) -> None:
    """Writes a state; with `half`, float tensors but the statistics are kept in 16 bits."""
    kept = {}
    for name, value in state.items():
        small = half and value.is_floating_point() and not name.endswith((".mean", ".scale"))
        kept[name] = (value.half() if small else value).contiguous()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(kept, path, {"config": json.dumps(config.to_dict())})


def load(path: Path) -> tuple[TMR, Config]:
    """Networks in evaluation mode and their config. Raises ModelProblem for a file that is missing or something else."""
    if not path.is_file():
        raise ModelProblem(
            f"The weights {path} are missing: train them with `python -m models.train --config tmr --data FOLDER`."
        )
    try:
        with safe_open(path, framework="pt") as file:
            config = Config.from_dict(json.loads((file.metadata() or {})["config"]))
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        model = TMR(config.shape)
        model.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in state.items()})
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ModelProblem(f"{path} does not hold weights of these networks: {error}") from error
    return model.eval().requires_grad_(False), config


def opened(path: Path = FOLDER) -> Ensemble:
    """The networks of a folder, in the order of their files and with the matrix that joins them, or of one file.

    Raises ModelProblem where there are none.
    """
    if path.is_file():
        return Ensemble([load(path)[0]])
    files = [file for file in sorted(path.glob("*.safetensors")) if file.name not in (PROJECTION, DECODER, WORDS)]
    if not files:
        raise ModelProblem(f"{path} holds no weights (*.safetensors): train them with `python -m models.train`.")
    ensemble = Ensemble([load(file)[0] for file in files], words=_words(path / WORDS))
    if not (path / PROJECTION).is_file():
        return ensemble
    try:
        matrix = load_file(path / PROJECTION)["matrix"]
    except (SafetensorError, KeyError) as error:
        raise ModelProblem(f"{path / PROJECTION} does not hold a projection: {error}") from error
    if matrix.shape[0] != ensemble.width:
        raise ModelProblem(f"{path / PROJECTION} was fitted to other networks: run `python -m models.compress` again.")
    return replace(ensemble, matrix=matrix)


def _words(path: Path) -> Words | None:
    """The network of sentence vectors in a file; None without the file."""
    if not path.is_file():
        return None
    try:
        words = Words()
        words.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    except (SafetensorError, RuntimeError) as error:
        raise ModelProblem(f"{path} does not hold a network of sentence vectors: {error}") from error
    return words.eval().requires_grad_(False)


def save_words(folder: Path, words: Words) -> Path:
    """Writes the network of sentence vectors, in 16 bits, that `opened` finds beside the others; returns its path."""
    path = folder / WORDS
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in words.state_dict().items()}, path)
    return path


def save_projection(folder: Path, matrix: Tensor) -> Path:
    """Writes the matrix (sum of the networks' latents, k) that `opened` finds beside the networks; returns its path."""
    path = folder / PROJECTION
    save_file({"matrix": matrix.contiguous()}, path)
    return path


def decoder_path(path: Path = FOLDER) -> Path:
    """Where the decoder of text to motion lies: in the folder of the networks, or beside the one file."""
    return (path if path.is_dir() else path.parent) / DECODER


def digests(path: Path = FOLDER) -> dict[str, str]:
    """Name to SHA-256 of the files that `opened` would open, in its order."""
    others = (DECODER, WORDS)
    files = [path] if path.is_file() else [file for file in sorted(path.glob("*.safetensors")) if file.name not in others]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def fingerprint(path: Path = FOLDER) -> str:
    """Of the networks that `opened` would open: a decoder understands the latents of exactly those, joined so."""
    return hashlib.sha256(" ".join(digests(path).values()).encode()).hexdigest()[:16]


def save_decoder(path: Path, decoder: Generator, networks: str) -> None:
    """Writes a decoder in 16 bits, its statistics in 32, with its config and the fingerprint of the networks it reads."""
    state = {
        k: (v if k in ("windows.mean", "windows.scale") else v.half()).contiguous() for k, v in decoder.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path, {"decoder": json.dumps(decoder.config.to_dict()), "networks": networks})


def decoder(path: Path, networks: str) -> Generator:
    """The decoder in evaluation mode. Raises ModelProblem if it is missing, broken, or was trained for other networks."""
    if not path.is_file():
        raise ModelProblem(f"The decoder {path} is missing: train it with `python -m models.decoder --data FOLDER`.")
    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (no mapping)
        model = Generator(DecoderConfig.from_dict(json.loads(meta["decoder"])))
        model.load_state_dict(state)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ModelProblem(f"{path} does not hold a decoder of text to motion: {error}") from error
    if meta.get("networks") != networks:
        raise ModelProblem(f"{path} reads the latents of other networks: train it again with `python -m models.decoder`.")
    return model.eval().requires_grad_(False)
