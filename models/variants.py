# SPDX-License-Identifier: GPL-3.0-or-later
"""What `models.ablate` compares: a table of variants, each a question, a name, and changes to the config."""

import re
from dataclasses import dataclass

from models import config as configs
from models.config import Config

BASE = "base"


@dataclass(frozen=True)
class Variant:
    """One row: what is asked, what the answer is called, and how its config differs from the base."""

    question: str
    name: str
    changes: tuple[str, ...] = ()
    """As in `--set`: `objective.temperature=0.05`."""

    @property
    def slug(self) -> str:
        """The name as part of a file name."""
        return re.sub(r"[^A-Za-z0-9.]+", "-", self.name).strip("-")

    def applied(self, base: Config) -> Config:
        """The base with the changes."""
        return Config.from_dict(configs.changed(base.to_dict(), self.changes))


NO_DECODER = ("shape.decoder_layers=0", "training.decoded=0")
NO_LATENT_TERMS = ("objective.weights.kl=0", "objective.weights.latent=0")
AS_PUBLISHED = ("objective.weights.contrastive=0.1", "objective.sampled=true")


def variants(base: Config) -> list[Variant]:
    """The table; a row whose changes give the base itself is not trained again."""
    margins = [(gap, ("objective.contrastive=margin", f"objective.gap={gap}")) for gap in (3.0, 10.0, 20.0)]
    temos = ("objective.contrastive=null", f"training.decoded={base.training.batch}")
    return [
        Variant("", BASE),
        Variant("joint training", "contrastive only", (*NO_DECODER, *NO_LATENT_TERMS)),
        Variant("joint training", "without decoder", NO_DECODER),
        Variant("joint training", "without KL and latent terms", NO_LATENT_TERMS),
        Variant("joint training", "contrast of draws, weight 0.1 (published)", AS_PUBLISHED),
        *(Variant("contrast", f"margin of {gap:g} instead of InfoNCE", changes) for gap, changes in margins),
        Variant("contrast", "no contrast (TEMOS)", temos),
        Variant("filter", "no filter but for spans of one take", ("objective.alike=2", "objective.alike_kinematic=2")),
        *(Variant("filter", f"filter above {limit}", (f"objective.alike={limit}",)) for limit in (0.6, 0.8, 0.9)),
        *(Variant("temperature", f"temperature {t}", (f"objective.temperature={t}",)) for t in (0.05, 0.07, 0.1, 0.2)),
        *(Variant("batch", f"batch {size}", _batch(base, size)) for size in (32, 64, 128, 256)),
        *(Variant("latent size", f"latent {size}", (f"shape.latent={size}",)) for size in (64, 128, 256, 512)),
        Variant("texts", "without captions of ours", ("variation.ours=0", "variation.paraphrases=false")),
        Variant("texts", "captions of ours only where people described", ("variation.widened=false",)),
        Variant("texts", "without sentences from the motion", ("variation.kinematic=false",)),
        Variant("texts", "without mirroring", ("variation.mirror=0",)),
    ]


def _batch(base: Config, size: int) -> tuple[str, ...]:
    """Another batch over the same number of clips: as many epochs, so more or fewer steps.

    The learning rate grows with the square root of the batch, as for Adam (Malladi et al. 2022); the share of clips that are
    reconstructed and the span of the running average, counted in clips, stay.
    """
    how, ratio = base.training, size / base.training.batch
    if ratio == 1.0:
        return ()
    return (
        f"training.batch={size}",
        f"training.rate={how.rate * ratio**0.5:.4g}",
        f"training.decoded={round(how.decoded * ratio)}",
        f"training.average={how.average**ratio:.4g}",
    )
