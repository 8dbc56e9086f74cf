# SPDX-License-Identifier: GPL-3.0-or-later
"""The words for each kind of beat: verbs in their base form and what follows them."""

from ..beats import Beat
from ..facts import Facts
from . import gestures, moves, postures
from .common import Phrase as Phrase
from .common import Table

WORDS: Table = moves.WORDS | postures.WORDS | gestures.WORDS
"""Label of a beat to all ways to say it."""


def phrases_of(b: Beat, facts: Facts) -> list[Phrase]:
    """All ways to say one beat; none is empty of words."""
    return [(verb, rest.strip()) for verb, rest in WORDS[b.label](b, facts)]


def stance(facts: Facts) -> list[Phrase]:
    """What to say of a body that does nothing told by events: it stands, and its limbs may stir."""
    last = max(facts.postures, key=lambda p: p[2] - p[1])[0] if facts.postures else "standing"
    if last != "standing":
        return [("stay", "in a low position"), ("move", "close to the floor")]
    arms, legs = max(facts.limbs[:2]), max(facts.limbs[2:])
    if arms < 0.15 and facts.energy < 0.12:
        return [("stand", "still"), ("stand", ""), ("stand", "in place"), ("stand", "motionless"), ("remain", "standing")]
    if arms > 0.3:
        which = f"{{their}} {facts.handed} arm" if facts.handed in ("left", "right") else "both arms"
        hand = which.replace("arm", "hand")
        return [
            ("stand", f"moving {which}"),
            ("move", which),
            ("gesture", f"with {hand}"),
            ("move", f"{hand} around while standing"),
        ]
    if legs > 0.2:
        return [("shift", "{their} weight"), ("move", "on the spot"), ("move", "{their} feet while standing")]
    return [("stand", ""), ("stand", "swaying slightly"), ("stand", "almost still"), ("move", "a little while standing")]
