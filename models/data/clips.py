# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network trains on: clips of takes, the texts that are true of them, and how both are varied."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.data import wording
from models.data.kinematics import Kinematics
from models.data.takes import DataSet
from tmr_blender.motion import body
from tmr_blender.motion.features import FPS

Array = NDArray[np.float32]

_SWAP = np.array([body.INDEX[body.mirrored(name)] for name in body.JOINTS])


@dataclass(frozen=True)
class Clip:
    """A span of a take in frames of features, and what may be said of it."""

    take: str
    first: int
    last: int
    people: tuple[str, ...] = ()
    """Captions by people who saw the motion."""
    ours: tuple[str, ...] = ()
    """Captions of ours for this very span."""
    labels: tuple[str, ...] = ()
    """The data base's description and our paraphrases of it."""
    kinematic: tuple[str, ...] = ()
    """Sentences computed from the motion: true of exactly this span."""

    @property
    def worded(self) -> tuple[str, ...]:
        """All that was written by somebody."""
        return (*self.people, *self.ours, *self.labels)


@dataclass
class _Said:
    """The texts of a span while they are gathered."""

    people: list[str] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


def clips_of(data: DataSet, takes: Iterable[str], kinematics: dict[str, Kinematics]) -> tuple[list[Clip], list[Clip]]:
    """The whole takes (and captioned spans), and the windows that only kinematic sentences describe."""
    reworded = wording.paraphrases()
    whole, windows = [], []
    chosen = frozenset(takes)
    spans = {(name, 0, len(data.takes[name].features)): _Said() for name in chosen}
    for caption in (*data.captions, *wording.of_takes()):
        if caption.take not in chosen:
            continue
        count = len(data.takes[caption.take].features)
        first = 0 if caption.start is None else min(int(caption.start * FPS), count - 1)
        last = count if caption.end is None else min(max(int(caption.end * FPS), first + 1), count)
        said = spans.setdefault((caption.take, first, last), _Said())
        if caption.source == wording.OURS:
            said.ours.extend(caption.texts)
        elif caption.split == "all":
            for text in caption.texts:
                said.labels.extend(([wording.spaced(text)] if wording.says_something(text) else []) + reworded.get(text, []))
        else:
            said.people.extend(caption.texts)
    for (name, first, last), said in sorted(spans.items(), key=lambda item: item[0]):
        known = kinematics.get(name)
        computed = known.whole if known is not None and last - first == len(data.takes[name].features) else ()
        clip = Clip(name, first, last, tuple(said.people), tuple(said.ours), tuple(said.labels), computed)
        if clip.worded or clip.kinematic:
            whole.append(clip)
    for name in sorted(chosen & kinematics.keys()):
        windows.extend(Clip(name, first, last, kinematic=said) for first, last, said in kinematics[name].windows if said)
    return whole, windows


def texts_of(clips: Iterable[Clip]) -> list[str]:
    """Every text that `Sampler` may draw for the clips, mirrored ones too."""
    texts = dict.fromkeys(text for clip in clips for text in (*clip.worded, *clip.kinematic))
    return list(dict.fromkeys([*texts, *map(wording.mirrored, texts)]))


@dataclass(frozen=True)
class Variation:
    """How clips are varied in training; shares are probabilities."""

    mirror: float = 0.5
    crop: float = 0.3
    """Share of clips with words cut to `shortest` or more of their length; no kinematic sentence is drawn for those."""
    shortest: float = 0.6
    speed: float = 0.1
    """Greatest change of speed, as a share."""
    noise: float = 0.02
    """Standard deviation of an offset per joint and clip, metres."""
    longest: int = 800
    """Frames; longer clips are cut to a random span of this length."""
    kinematic: bool = True
    """Sentences computed from the motion take part."""
    people: float = 0.35
    ours: float = 0.4
    labels: float = 0.25
    """Shares of captions by people, of ours, and of descriptions; what a clip lacks leaves its share to the others."""
    paraphrases: bool = True
    """Our paraphrases of the descriptions take part."""
    widened: bool = True
    """Captions of ours take part for spans and takes that nobody else described, too."""


def mirror(features: Array) -> Array:
    """The features (n, 263) of the mirrored motion: x negated, sides exchanged.

    Rotations (columns 67-192) are mirrored too: the first two columns of S R S with S = diag(-1, 1, 1) and the joint's
    other side, in a rest pose that is its own mirror image.
    """
    out = features.copy()
    n = len(features)
    out[:, 0] *= -1.0
    out[:, 1] *= -1.0
    flip = np.array([-1.0, 1.0, 1.0], np.float32)
    out[:, 4:67] = (features[:, 4:67].reshape(n, 21, 3)[:, _SWAP[1:] - 1] * flip).reshape(n, 63)
    turn = np.array([1.0, -1.0, -1.0, -1.0, 1.0, 1.0], np.float32)
    out[:, 67:193] = (features[:, 67:193].reshape(n, 21, 6)[:, _SWAP[1:] - 1] * turn).reshape(n, 126)
    out[:, 193:259] = (features[:, 193:259].reshape(n, 22, 3)[:, _SWAP] * flip).reshape(n, 66)
    out[:, 259:263] = features[:, [261, 262, 259, 260]]
    return out


def faster(features: Array, factor: float) -> Array:
    """The features (n, 263) of the motion played `factor` times as fast: steps grow as the frames get fewer."""
    count = max(round(len(features) / factor), 1)
    at = np.minimum(np.arange(count) * factor, len(features) - 1)
    low = at.astype(np.int64)
    share = (at - low).astype(np.float32)[:, None]
    out = features[low] * (1.0 - share) + features[np.minimum(low + 1, len(features) - 1)] * share
    out[:, 0:3] *= factor
    out[:, 193:259] *= factor
    out[:, 259:263] = np.round(out[:, 259:263])
    return out


@dataclass(frozen=True)
class Sample:
    """One clip as the network sees it: features (n, 263), and a text of each view with whether it is kinematic."""

    take: str
    features: Array
    texts: tuple[str, ...]
    kinematic: tuple[bool, ...]


class Sampler:
    """Draws samples of clips; the same seed draws the same ones."""

    def __init__(self, data: DataSet, variation: Variation, seed: int | str) -> None:
        self.data, self.variation = data, variation
        self.random = random.Random(seed)

    def draw(self, clip: Clip, views: int) -> Sample:
        """A varied copy of the clip with `views` texts: words of people or descriptions first, then kinematic ones."""
        chance, how = self.random, self.variation
        first, last = clip.first, clip.last
        worded = bool(clip.worded)
        # Kinematic sentences are true of the span as a whole: a part of it is described by words only.
        part = worded and (last - first > how.longest or chance.random() < how.crop)
        drawn = [self._text(clip, 0 if part else view) for view in range(views)]
        if part:
            count = max(int((last - first) * chance.uniform(how.shortest, 1.0)), 1)
            first += chance.randint(0, last - first - count)
            last = first + count
        if last - first > how.longest:
            first += chance.randint(0, last - first - how.longest)
            last = first + how.longest
        features = np.array(self.data.takes[clip.take].features[first:last])
        change: Callable[[str], str] = str
        if chance.random() < how.mirror:
            features, change = mirror(features), wording.mirrored
        if how.speed:
            features = faster(features, chance.uniform(1.0 - how.speed, 1.0 + how.speed))
        if how.noise:
            offsets = np.random.default_rng(chance.getrandbits(32)).normal(0.0, how.noise, 63)
            features[:, 4:67] += offsets.astype(np.float32)
        return Sample(clip.take, features, tuple(change(text) for text, _ in drawn), tuple(kind for _, kind in drawn))

    def _text(self, clip: Clip, view: int) -> tuple[str, bool]:
        chance = self.random
        if view % 2 == 1 and clip.kinematic:
            return chance.choice(clip.kinematic), True
        if not clip.worded:
            return chance.choice(clip.kinematic), True
        kinds = [(clip.people, self.variation.people), (clip.ours, self.variation.ours), (clip.labels, self.variation.labels)]
        kinds = [(texts, share) for texts, share in kinds if texts]
        texts = chance.choices([texts for texts, _ in kinds], [share for _, share in kinds])[0]
        return chance.choice(texts), False
