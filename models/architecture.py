# SPDX-License-Identifier: GPL-3.0-or-later
"""The three networks of TMR (Petrovich et al., ICCV 2023): motion encoder, text encoder, motion decoder.

ACTOR-style transformers (Petrovich et al., ICCV 2021): two learned tokens, mu and logvar, lead the sequence and come
out as the latent distribution. Differences from the published networks, all for small data and processors without a
GPU: several frames make one token (`patch`), layers are pre-norm, the motion encoder also sees the path and heading
that the features imply, and the text encoder may see the sentence vector as one more token.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.minilm import WIDTH as TEXT_WIDTH
from tmr_blender.motion import body
from tmr_blender.motion.features import FPS
from tmr_blender.motion.features import WIDTH as FEATURES

ABSENT = tuple(body.INDEX[name] for name in ("spine1", "spine2", "spine3", "left_collar", "right_collar"))
"""Joints that are interpolated in takes without a spine: they carry nothing, so the encoder doesn't read them."""


def read_columns() -> list[int]:
    """Columns that the motion encoder reads: root, positions and steps of the joints that are measured, contacts.

    The rotations follow from the positions, except for twists that positions can't show, so they are left out.
    """
    joints = [j for j in range(22) if j not in ABSENT]
    places = [4 + 3 * (j - 1) + axis for j in joints if j > 0 for axis in range(3)]
    steps = [193 + 3 * j + axis for j in joints for axis in range(3)]
    return [0, 1, 2, 3, *places, *steps, 259, 260, 261, 262]


PATH_COLUMNS = 8
"""What `path_features` adds to a frame."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the networks."""

    latent: int = 256
    width: int = 256
    heads: int = 4
    feedforward: int = 1024
    dropout: float = 0.1
    patch: int = 8
    motion_layers: int = 4
    text_layers: int = 2
    decoder_layers: int = 4
    text_input: str = "tokens+sentence"
    """`tokens`: as published; `sentence`: only the pooled vector; `tokens+sentence`: both."""


class Block(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, feedforward)
        self.down = nn.Linear(feedforward, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        """`x` (b, n, width); `visible` (b, 1, 1, n) bool, false where there is only padding."""
        b, n, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        # Written out: for some dozens of tokens on a processor this is faster, forwards and backwards, than the fused kernel.
        scores = (q * (1.0 / math.sqrt(q.shape[-1]))) @ k.transpose(2, 3)
        mixed = torch.softmax(scores.masked_fill(~visible, -1e4), dim=-1).to(v.dtype) @ v
        x = x + self.out(mixed.transpose(1, 2).reshape(b, n, width))
        return x + self.dropout(self.down(F.gelu(self.up(self.norm2(x)))))


def sinusoids(count: int, width: int, like: Tensor) -> Tensor:
    """Positional encoding (count, width) of Vaswani et al. 2017, interleaved sine and cosine, base 10000."""
    at = torch.arange(count, device=like.device, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, device=like.device, dtype=torch.float32) * (-math.log(10000.0) / width))
    return torch.stack([torch.sin(at * rate), torch.cos(at * rate)], dim=-1).reshape(count, width).to(like.dtype)


class Distribution(nn.Module):
    """A sequence of tokens to mu and logvar of a Gaussian over latents."""

    def __init__(self, shape: Shape, layers: int) -> None:
        super().__init__()
        self.width = shape.width
        self.tokens = nn.Parameter(torch.randn(2, shape.width))
        self.dropout = nn.Dropout(shape.dropout)
        self.layers = nn.ModuleList(Block(shape.width, shape.heads, shape.feedforward, shape.dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(shape.width)
        self.mu = nn.Linear(shape.width, shape.latent)
        self.logvar = nn.Linear(shape.width, shape.latent)
        # Narrow to begin with: draws of unit variance would drown the means for the first hundreds of steps.
        nn.init.constant_(self.logvar.bias, -4.0)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """`x` (b, n, width), `mask` (b, n) bool; returns mu and logvar, (b, latent) each."""
        b = x.shape[0]
        x = torch.cat([self.tokens[None].expand(b, 2, self.width).to(x.dtype), x], dim=1)
        x = self.dropout(x + sinusoids(x.shape[1], self.width, x))
        visible = torch.cat([torch.ones(b, 2, dtype=torch.bool, device=mask.device), mask], dim=1)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, visible)
        ends = self.norm(x[:, :2])
        return self.mu(ends[:, 0]), self.logvar(ends[:, 1])


def path_features(features: Tensor, lengths: Tensor) -> Tensor:
    """What a frame's place in the whole span is, (b, t, PATH_COLUMNS), from raw features (b, t, 3 or more).

    Sine and cosine of the heading since the start, the turn so far in half turns, ground position (right, ahead) and its
    distance from the start in units of 2 m, path walked in units of 5 m, and the share of the span that has passed.
    """
    half = torch.cumsum(features[:, :, 0], dim=1)
    sine, cosine = torch.sin(2.0 * half), torch.cos(2.0 * half)
    x, z = features[:, :, 1], features[:, :, 2]
    right = torch.cumsum(x * cosine - z * sine, dim=1)
    ahead = torch.cumsum(x * sine + z * cosine, dim=1)
    walked = torch.cumsum(torch.sqrt(x * x + z * z + 1e-12), dim=1)
    away = torch.sqrt(right * right + ahead * ahead + 1e-12)
    at = torch.arange(features.shape[1], device=features.device, dtype=torch.float32)[None]
    passed = (at / lengths[:, None].to(torch.float32)).expand(features.shape[0], features.shape[1])
    turned = torch.asinh(2.0 * half / math.pi)
    far = [torch.asinh(value) for value in (right / 2.0, ahead / 2.0, away / 2.0, walked / 5.0)]
    return torch.stack([sine, cosine, turned, far[0], far[1], far[2], far[3], passed], dim=-1)


class MotionEncoder(nn.Module):
    """Raw features to mu and logvar; normalising and choosing columns are part of it."""

    columns: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.patch, self.fps = shape.patch, FPS
        columns = read_columns()
        self.register_buffer("columns", torch.tensor(columns))
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(FEATURES))
        self.inner = (len(columns) + PATH_COLUMNS) * shape.patch
        self.project = nn.Linear(self.inner + 1, shape.width)
        self.body = Distribution(shape, shape.motion_layers)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """`features` (b, t, 263) float32, `lengths` (b,) int64 frames; what lies beyond a length has no effect."""
        missing = (self.patch - features.shape[1] % self.patch) % self.patch
        features = F.pad(features, (0, 0, 0, missing))
        b, t = features.shape[0], features.shape[1]
        inside = torch.arange(t, device=features.device)[None] < lengths[:, None]
        kept = inside[:, :, None].to(features.dtype)
        path = path_features(features[:, :, :3] * kept, lengths)
        x = features.index_select(2, self.columns)
        x = ((x - self.mean[self.columns]) * self.scale[self.columns]).clamp(-8.0, 8.0)
        x = torch.cat([x, path], dim=-1) * kept
        x = x.reshape(b, t // self.patch, self.inner)
        seconds = torch.log(lengths.to(features.dtype) / self.fps + 0.1)[:, None, None].expand(b, t // self.patch, 1)
        return self.body(self.project(torch.cat([x, seconds], dim=-1)), inside[:, :: self.patch])


class TextEncoder(nn.Module):
    """States of the frozen language model to mu and logvar."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.reads_tokens = shape.text_input != "sentence"
        self.reads_sentence = shape.text_input != "tokens"
        self.project = nn.Linear(TEXT_WIDTH, shape.width)
        self.sentence = nn.Linear(TEXT_WIDTH, shape.width)
        self.body = Distribution(shape, shape.text_layers)

    def forward(self, states: Tensor, mask: Tensor, sentence: Tensor) -> tuple[Tensor, Tensor]:
        """`states` (b, l, 384), `mask` (b, l) int64, unit `sentence` (b, 384)."""
        # Unit sentence vectors have entries near 1/20; the states' are near 0.4.
        whole = self.sentence(sentence * 8.0)[:, None]
        seen = torch.ones(states.shape[0], 1, dtype=torch.bool, device=states.device)
        if not self.reads_tokens:
            return self.body(whole, seen)
        tokens = self.project(states)
        if not self.reads_sentence:
            return self.body(tokens, mask > 0)
        return self.body(torch.cat([whole, tokens], dim=1), torch.cat([seen, mask > 0], dim=1))


class Decoder(nn.Module):
    """A latent and a length to normalised features.

    Attention to a memory of one token has a softmax of one entry, so cross-attention is exactly a linear map of the
    latent that is added to every query; it is written as that map.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.width, self.patch = shape.width, shape.patch
        self.memory = nn.ModuleList(nn.Linear(shape.latent, shape.width) for _ in range(shape.decoder_layers))
        self.layers = nn.ModuleList(
            Block(shape.width, shape.heads, shape.feedforward, shape.dropout) for _ in range(shape.decoder_layers)
        )
        self.norm = nn.LayerNorm(shape.width)
        self.frames = nn.Linear(shape.width, shape.patch * FEATURES)

    def forward(self, latent: Tensor, lengths: Tensor, frames: int) -> Tensor:
        """`latent` (b, d), `lengths` (b,) to (b, frames, 263), normalised, zero beyond each length."""
        patches = (frames + self.patch - 1) // self.patch
        at = torch.arange(patches * self.patch, device=latent.device)
        inside = at[None] < lengths[:, None]
        x = sinusoids(patches, self.width, latent)[None].expand(latent.shape[0], patches, self.width)
        visible = inside[:, :: self.patch][:, None, None, :]
        for memory, layer in zip(self.memory, self.layers, strict=True):
            x = layer(x + memory(latent)[:, None], visible)
        x = self.frames(self.norm(x)).reshape(latent.shape[0], patches * self.patch, FEATURES)
        return (x * inside[:, :, None].to(x.dtype))[:, :frames]


class Words(nn.Module):
    """Unit sentence vectors (b, 384) to unit vectors (b, 384) of what they say of a motion."""

    def __init__(self, hidden: int = 512, dropout: float = 0.3) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.straight = nn.Linear(TEXT_WIDTH, TEXT_WIDTH, bias=False)
        self.up = nn.Linear(TEXT_WIDTH, hidden)
        self.down = nn.Linear(hidden, TEXT_WIDTH)
        # It begins as the identity: what training doesn't speak of stays as the language model has it.
        nn.init.eye_(self.straight.weight)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, sentence: Tensor) -> Tensor:
        """See the class."""
        x = self.dropout(sentence)
        # Entries of a unit vector are near 1/20: brought to the scale that the nonlinearity bends at, and back.
        bent = self.down(self.dropout(F.gelu(self.up(8.0 * x)))) / 4.0
        return F.normalize(self.straight(x) + bent, dim=-1)


class TMR(nn.Module):
    """The three networks together; baselines use the same ones."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.motion = MotionEncoder(shape)
        self.text = TextEncoder(shape)
        self.decoder = Decoder(shape) if shape.decoder_layers else None

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Per-feature mean and standard deviation (263,) over the training takes."""
        self.motion.mean.copy_(mean)
        # A column that never moves carries nothing: it becomes zero, not a division by next to nothing.
        self.motion.scale.copy_(torch.where(std > 1e-4, 1.0 / std.clamp(min=1e-4), torch.zeros_like(std)))


def draw(mu: Tensor, logvar: Tensor) -> Tensor:
    """A sample of the Gaussian (reparametrisation of Kingma and Welling 2014)."""
    return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
