# SPDX-License-Identifier: GPL-3.0-or-later
"""One JSON file per experiment: `models/configs/NAME.json`; what it leaves out keeps the default here."""

import json
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
    networks: int = 1
    """Networks trained one after another from seed, seed + 1, ...: their latents are searched together."""


@dataclass(frozen=True)
class Config:
    """One experiment."""

    name: str
    shape: Shape = field(default_factory=Shape)
    objective: Objective = field(default_factory=Objective)
    variation: Variation = field(default_factory=Variation)
    training: Training = Training()

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The config of a JSON object; an unknown key raises TMRError naming it."""
        parts = {"shape": Shape, "objective": Objective, "variation": Variation, "training": Training}
        try:
            return cls(data["name"], **{key: kind(**data.get(key, {})) for key, kind in parts.items()})
        except (KeyError, TypeError) as error:
            raise TMRError(f"The config can't be used: {error}.") from error

    def to_dict(self) -> dict[str, Any]:
        """The JSON object with every default filled in."""
        return asdict(self)


def load(name: str, changes: list[str] | None = None) -> Config:
    """The config called `name`, or in the file `name`, with changes such as `training.epochs=5` (values are JSON)."""
    path = Path(name) if name.endswith(".json") else FOLDER / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.json")))
        raise TMRError(f"There is no config {name}: give a .json file or one of {known}.")
    data = json.loads(path.read_text(encoding="utf-8"))
    for change in changes or []:
        where, _, value = change.partition("=")
        *groups, key = where.split(".")
        target = data
        for group in groups:
            target = target.setdefault(group, {})
        try:
            target[key] = json.loads(value)
        except json.JSONDecodeError:
            target[key] = value
    return Config.from_dict(data)
