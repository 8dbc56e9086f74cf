# SPDX-License-Identifier: GPL-3.0-or-later
"""One JSON file per experiment: `models/configs/NAME.json`; what it leaves out keeps the default here.

A file may name another one as its `base` and hold only what differs from it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from models.architecture import Shape
from models.data.clips import Variation
from tmr_blender.errors import TMRError

FOLDER = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class Objective:
    """What is minimised: a weighted sum, defaults as published (TMR, ICCV 2023)."""

    contrastive: str | None = "infonce"
    """`infonce` (TMR), `margin` (Guo et al. 2022), or None (TEMOS)."""
    weights: dict[str, float] = field(
        default_factory=lambda: {"reconstruction": 1.0, "kl": 1e-5, "latent": 1e-5, "contrastive": 0.1}
    )
    """A term that is not named has no say."""
    temperature: float = 0.1
    alike: float = 0.6
    """Cosine of sentence vectors above which two captions are no negatives of each other."""
    alike_kinematic: float = 0.97
    """The same between kinematic sentences, which differ in single words that matter."""
    gap: float = 10.0
    """Distance that `margin` pushes strangers apart."""
    sampled: bool = True
    """Contrast draws from the distributions, as published, rather than their means."""


@dataclass(frozen=True)
class Training:
    """How it is minimised."""

    epochs: int = 60
    batch: int = 256
    rate: float = 5e-4
    """Peak learning rate: linear warm-up, then a cosine to a fiftieth."""
    warmup: float = 0.05
    """Share of the steps."""
    decay: float = 0.05
    """Weight decay of AdamW."""
    clip: float = 1.0
    """Greatest norm of the gradient."""
    average: float = 0.99
    """Decay per step of the running average of the weights, which is what is evaluated and kept."""
    views: int = 2
    """Texts per clip and step."""
    windows: float = 0.5
    """Windows with kinematic sentences drawn in an epoch, per whole take."""
    people_copies: int = 1
    """Times that a take with captions by people is drawn in an epoch; others are drawn once."""
    decoded: int = 48
    """Clips of a batch that are also reconstructed: at most ten seconds long, as published."""
    seed: int = 1234


@dataclass(frozen=True)
class Config:
    """One experiment."""

    name: str
    shape: Shape = field(default_factory=Shape)
    objective: Objective = field(default_factory=Objective)
    variation: Variation = field(default_factory=Variation)
    training: Training = Training()
    members: tuple[dict[str, Any], ...] = ({},)
    """The networks that are trained one after another and searched together: what each has of its own, settings as above."""

    def member(self, number: int) -> Self:
        """The config of one network alone: its own settings, and a seed of its own. Raises TMRError if there are fewer."""
        if not 0 <= number < len(self.members):
            raise TMRError(f"The config {self.name} has {len(self.members)} networks: there is no number {number}.")
        whole = _merged({**self.to_dict(), "members": ({},)}, self.members[number])
        whole["training"] = {**whole["training"], "seed": self.training.seed + number}
        return self.from_dict(whole)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The config of a JSON object without a base; an unknown key raises TMRError naming it."""
        parts = {"shape": Shape, "objective": Objective, "variation": Variation, "training": Training}
        unknown = sorted(data.keys() - parts.keys() - {"name", "members"})
        if unknown:
            raise TMRError(f"The config can't be used: it has no setting {', '.join(unknown)}.")
        try:
            made = {key: kind(**data.get(key, {})) for key, kind in parts.items()}
            return cls(data["name"], **made, members=tuple(dict(own) for own in data.get("members", ({},))))
        except (KeyError, TypeError, ValueError) as error:
            raise TMRError(f"The config can't be used: {error}.") from error

    def to_dict(self) -> dict[str, Any]:
        """The JSON object with every default filled in."""
        return asdict(self)


def load(name: str, changes: Sequence[str] = ()) -> Config:
    """The config called `name`, or in the file `name`, with changes such as `training.epochs=5` (values are JSON)."""
    return Config.from_dict(changed(_whole(name), changes))


def changed(data: dict[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """A copy of a config's JSON object with changes such as `training.epochs=5`; what is no JSON is taken as text."""
    for change in changes:
        where, _, value = change.partition("=")
        try:
            inner: Any = json.loads(value)
        except json.JSONDecodeError:
            inner = value
        for key in reversed(where.split(".")):
            inner = {key: inner}
        data = _merged(data, inner)
    return data


def _whole(name: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """The JSON object of the config `name` with what it takes over from its bases; `above` are the ones that led here."""
    if name in above:
        raise TMRError(f"The config {name} is its own base: {' -> '.join((*above, name))}.")
    path = Path(name) if name.endswith(".json") else FOLDER / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.json")))
        raise TMRError(f"There is no config {name}: give a .json file or one of {known}.")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise TMRError(f"{path} is no JSON: {error}.") from error
    if not isinstance(data, dict):
        raise TMRError(f"{path} is no config: it must hold one JSON object.")
    base = data.pop("base", None)
    return data if base is None else _merged(_whole(str(base), (*above, name)), data)


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `own`, objects merged at every depth."""
    both = {key: _merged(base[key], own[key]) for key in base if isinstance(base[key], dict) and isinstance(own.get(key), dict)}
    return {**base, **own, **both}
