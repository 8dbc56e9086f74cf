# SPDX-License-Identifier: GPL-3.0-or-later
"""The two trained networks, as TorchScript files: text and motion into one space of unit vectors.

A folder of weights holds `model.json` ({"id", "max_tokens", "min_frames", "max_frames"}; only the id is required),
`tokenizer.json`, `text_encoder.ts`, `motion_encoder.ts` and `background.npy`, the latents of sentences about motion at
large that a query is told apart from (`library.moments`). torch is imported when an encoder first encodes something, never
before: enabling the extension, starting the worker and indexing a folder in which nothing has changed must stay quick.
"""

import json
import os
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelProblem
from . import threads as limits

Vectors = NDArray[np.float32]

FEATURES = 263
BATCH_CELLS = 16_384
"""Most padded frames or tokens in one batch: bounds memory whatever is encoded."""
MOTION_CELLS = 2048
"""The same for motions: what a layer makes of so many frames stays in a processor's cache. Measured on one thread, batches
of 16,384 take twice as long."""
FEWEST_AT_LARGE, MOST_AT_LARGE = 2, 10_000
"""Sentences that a background may be of."""
MOST_BYTES_AT_LARGE = 64 << 20
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '<f([24])', 'fortran_order': False, 'shape': \((\d{1,6}), (\d{1,6})\), \} *\n", re.DOTALL
)
"""Of a file that `numpy.save` has made of a table of float16 or float32."""

_PACKAGE = Path(__file__).resolve().parents[1]
LOADING = threading.Lock()  # torch's import is not safe from two threads at once


def model_folder(chosen: Path | str | None = None) -> Path:
    """Where the weights lie: `chosen`, else the variable TMR_MODEL, else the extension's own, else a checkout's.

    Raises ModelProblem where no such folder has a model.json.
    """
    wanted = chosen or os.environ.get("TMR_MODEL")
    places = [Path(wanted)] if wanted else [_PACKAGE / "weights", _PACKAGE.parent / ".cache" / "model"]
    for place in places:
        if (place / "model.json").is_file():
            return place
    raise ModelProblem(
        f"No model in {places[0]}: it must hold model.json, tokenizer.json, text_encoder.ts, motion_encoder.ts and "
        "background.npy. "
        "Install the extension's zip again, or build it with `python build.py package`."
    )


@dataclass(frozen=True)
class Card:
    """What model.json says.

    id: names the training run and version; vectors of different ids are never compared.
    max_tokens: longer texts are cut. min_frames, max_frames: the lengths, at 20 frames a second, that the motion
    encoder was trained on; shorter motions are held on their last frame, longer ones must be cut by the caller.
    """

    id: str
    max_tokens: int = 128
    min_frames: int = 8
    max_frames: int = 200


def read_card(folder: Path) -> Card:
    """The model's card; raises ModelProblem where model.json is missing or isn't one."""
    path = folder / "model.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelProblem(f"The model file {path} is missing. Install the extension's zip again.") from None
    except (OSError, ValueError) as error:
        raise ModelProblem(f"The model file {path} can't be read ({error}). Install the extension's zip again.") from error
    if not isinstance(data, dict) or not isinstance(data.get("id"), str) or not data["id"]:
        raise ModelProblem(f"The model file {path} names no model id. Install the extension's zip again.")
    numbers = {key: data[key] for key in ("max_tokens", "min_frames", "max_frames") if key in data}
    if not all(isinstance(value, int) and value > 0 for value in numbers.values()):
        raise ModelProblem(f"The model file {path} holds a length that is not a positive whole number.")
    return Card(data["id"], **numbers)


class TextEncoder:
    """Sentences into the shared space, and into the space in which texts are compared with texts."""

    def __init__(self, folder: Path | str | None = None, threads: int | None = None) -> None:
        """Of `folder` (see `model_folder`). `threads` sets torch's thread count for the whole process.

        Raises ModelProblem for missing files and a damaged card; for other damaged files the first `encode` does.
        """
        self._folder = model_folder(folder)
        self.card = read_card(self._folder)
        self._network = _Network(self._folder / "text_encoder.ts", threads)
        self._tokens = _present(self._folder / "tokenizer.json")

    @property
    def model_id(self) -> str:
        """The id of the model that made these vectors."""
        return self.card.id

    @cached_property
    def _tokenizer(self) -> Any:
        return _load_tokenizer(self._tokens, self.card.max_tokens)

    def encode(self, texts: Sequence[str]) -> tuple[Vectors, Vectors]:
        """Latents (n, d) and sentence vectors (n, 384) of `texts`: unit rows, float32."""
        if not texts:
            return np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32)
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        latents: list[Vectors] = [np.zeros(0, np.float32)] * len(ids)
        sentences = list(latents)
        for batch in batches([len(row) for row in ids]):
            width = max(len(ids[i]) for i in batch)
            tokens = np.zeros((len(batch), width), np.int64)
            mask = np.zeros((len(batch), width), np.int64)
            for row, i in enumerate(batch):
                tokens[row, : len(ids[i])] = ids[i]
                mask[row, : len(ids[i])] = 1
            latent, sentence = self._network.run(tokens, mask)
            for row, i in enumerate(batch):
                latents[i], sentences[i] = latent[row], sentence[row]
        return np.stack(latents), np.stack(sentences)

    @cached_property
    def background(self) -> Vectors:
        """Latents (b, d) of sentences about motion at large, unit rows; read when first asked for.

        Raises ModelProblem where background.npy is missing, damaged, or not of this model's width.
        """
        path, width = self._folder / "background.npy", self.encode(["a person moves"])[0].shape[1]
        rows = _load_background(path)
        if rows.shape[1] != width:
            raise ModelProblem(
                f"The model file {path} holds latents of {rows.shape[1]} numbers, the model's have {width}. "
                "Install the extension's zip again."
            )
        return rows


class MotionEncoder:
    """Motion features into the shared space."""

    def __init__(self, folder: Path | str | None = None, threads: int | None = None) -> None:
        """As `TextEncoder`."""
        where = model_folder(folder)
        self.card = read_card(where)
        self._network = _Network(where / "motion_encoder.ts", threads)

    @property
    def model_id(self) -> str:
        """The id of the model that made these vectors."""
        return self.card.id

    def encode(self, motions: Sequence[NDArray[np.floating[Any]]]) -> Vectors:
        """Latents (n, d) of motions, each (n_i, 263) as `motion.features.extract` made it; unit rows, float32.

        Raises ValueError for another width or no frames, and for more than the card's max_frames.
        """
        if not motions:
            return np.zeros((0, 0), np.float32)
        for motion in motions:
            if motion.ndim != 2 or motion.shape[1] != FEATURES or not 0 < motion.shape[0] <= self.card.max_frames:
                raise ValueError(f"features of shape {motion.shape}, expected (1..{self.card.max_frames}, {FEATURES})")
        lengths = [max(len(motion), self.card.min_frames) for motion in motions]
        latents: list[Vectors] = [np.zeros(0, np.float32)] * len(motions)
        for batch in batches(lengths, MOTION_CELLS):
            width = max(lengths[i] for i in batch)
            block = np.zeros((len(batch), width, FEATURES), np.float32)
            for row, i in enumerate(batch):
                block[row, : len(motions[i])] = motions[i]
                # A motion shorter than any in training stands still at its end.
                block[row, len(motions[i]) : lengths[i]] = motions[i][-1]
            latent = self._network.run(block, np.array([lengths[i] for i in batch], np.int64))
            for row, i in enumerate(batch):
                latents[i] = latent[0][row]
        return np.stack(latents)


def batches(lengths: Sequence[int], cells: int = BATCH_CELLS) -> Iterator[list[int]]:
    """Indices grouped so that items of like length share a batch of at most `cells` padded cells (or one item)."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if batch and (len(batch) + 1) * lengths[i] > cells:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _load_tokenizer(path: Path, max_tokens: int) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ModelProblem(f"The package `tokenizers` is missing ({error}). Install the extension's zip again.") from error
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # what the tokenizers package raises is a bare Exception
        raise ModelProblem(f"The model file {path} is damaged ({error}). Install the extension's zip again.") from error
    # The file may ask for padding to a fixed width, which would cost time in every search.
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _load_background(path: Path) -> Vectors:
    """The rows of a background.npy, unit length.

    Its header is read here: NumPy takes one for Python, and what it makes of a damaged one depends on the version. A header
    that claims more than the file holds costs nothing.
    """
    try:
        with _present(path).open("rb") as file:
            held = file.read(MOST_BYTES_AT_LARGE)
    except OSError as error:
        raise ModelProblem(f"The model file {path} can't be read ({error}). Install the extension's zip again.") from error
    stated = _HEADER.match(held)
    kind, rows, width = (f"<f{int(stated[1])}", int(stated[2]), int(stated[3])) if stated else ("<f4", 0, 0)
    data = held[stated.end() :] if stated else b""
    right = width > 0 and FEWEST_AT_LARGE <= rows <= MOST_AT_LARGE and len(data) == rows * width * np.dtype(kind).itemsize
    stored = np.frombuffer(data if right else b"", kind)
    if not right or not np.isfinite(stored).all():
        raise ModelProblem(
            f"The model file {path} is damaged (it holds no table of {FEWEST_AT_LARGE} to {MOST_AT_LARGE} latents). "
            "Install the extension's zip again."
        )
    return unit(stored.reshape(rows, width))


def _present(path: Path) -> Path:
    if not path.is_file():
        raise ModelProblem(f"The model file {path} is missing. Install the extension's zip again.")
    return path


class _Network:
    """A TorchScript file, loaded when it first runs."""

    def __init__(self, path: Path, threads: int | None) -> None:
        self._path, self._threads = _present(path), threads
        self._loaded: tuple[Any, Any] | None = None

    def run(self, *inputs: NDArray[Any]) -> list[Vectors]:
        """Its outputs as float32 arrays with unit rows. Raises ModelProblem where the file is damaged."""
        with LOADING:
            self._loaded = self._loaded or load_network(self._path, self._threads)
        torch, network = self._loaded
        # Without "optimised execution" the first runs of each new shape are not spent on profiling and recompiling.
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            outputs = network(*(torch.from_numpy(array) for array in inputs))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return [unit(output.numpy()) for output in outputs]


def load_network(path: Path, threads: int | None) -> tuple[Any, Any]:
    """The torch module and the network, ready to run."""
    try:
        import torch
    except ImportError as error:
        raise ModelProblem(
            f"The package `torch` can't be imported ({error}). Install the extension's zip for this platform again."
        ) from error
    most = limits.held()
    if threads is None and most is not None and torch.get_num_threads() > most:
        threads = most
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is announced as deprecated; the files are what we ship
            network = torch.jit.load(str(path), map_location="cpu")
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelProblem(f"The model file {path} is damaged ({reason}). Install the extension's zip again.") from error
    return torch, network.eval()


def unit(rows: NDArray[np.floating[Any]]) -> Vectors:
    """Rows scaled to unit length, float32; a zero row stays zero."""
    rows = np.asarray(rows, np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
