# SPDX-License-Identifier: GPL-3.0-or-later
"""What the name of a joint says about it, whatever the convention: a part of the body, a side, or a helper.

Names are evidence, not a key: `humanoid` weighs them against the shape of the hierarchy.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

FINGER_PARTS = ("thumb", "index", "middle", "ring", "pinky")

# Pattern of the joined lower-case words (side and prefix removed) -> the parts it may mean, surest first.
# The first row that matches counts, so longer words stand before those they contain.
_PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"toes?|ball|つま先|足先", ("toe",)),
    (r"thumb|親指", ("thumb",)),
    (r"index|pointer|人指|人差指", ("index",)),
    (r"middle|中指|^(finger|hand)?mid(finger)?$", ("middle",)),
    (r"ring|薬指", ("ring",)),
    (r"pinky|pinkie|little|小指", ("pinky",)),
    (r"upper?leg|legupper|upleg|thigh|femur|hipjoint|足付根|太もも|もも", ("upleg",)),
    (r"lower?leg|leglower|loleg|calf|shin|tibia|knee|ひざ|膝", ("leg",)),
    (r"foot|ankle|feet|足首", ("foot",)),
    (r"fore?arm|lower?arm|armlower|loarm|elbow|radius|ulna|ひじ|肘", ("forearm",)),
    (r"upper?arm|armupper|uparm|humerus", ("arm",)),
    (r"clavicle|collar|scapula", ("collar",)),
    (r"shoulder|shldr|肩", ("collar", "arm")),
    (r"hand|wrist|手首", ("hand",)),
    (r"finger|digit|指", ("index",)),
    (r"hips?$|pelvis|^cog$|下半身|センター|腰", ("hips",)),
    (r"neck|首", ("neck",)),
    (r"head|skull|頭", ("head",)),
    (r"spine|chest|torso|abdomen|abdo|stomach|belly|waist|thorax|ribcage|back$|backbone|上半身|胸", ("spine",)),
    (r"^(up)?arm$|腕", ("arm", "forearm")),
    (r"^leg(s)?$|足", ("leg", "upleg")),
)
_PART_TABLE = tuple((re.compile(pattern), parts) for pattern, parts in _PARTS)

# Joints that follow the body instead of being it: whole words, and beginnings or endings of words.
_HELPER = re.compile(
    r"(end|site|ik|fk|tip|ear|lip|roll|prop|tail|wing|cape|belt|heel|palm|nub|target|pole|rib|ribs|bust)$|"
    r"(twist|share|helper|ctrl|control|effector|eye|jaw|brow|tongue|teeth|tooth|cheek|nose|facial|face|hair|skirt|cloth|breast|"
    r"pectoral|butt|glute|weapon|socket|camera|muscle|bulge|pivot|carpal|metacarpal)s?|.+(nub|twist|roll|ik)$|ik.+(root|goal)|"
    r"捩|.+ik$"
)
_SIDES = {"l": 1, "left": 1, "lft": 1, "lf": 1, "lt": 1, "左": 1, "r": -1, "right": -1, "rgt": -1, "rt": -1, "右": -1}

# Words that name the rig and not the joint.
_PREFIXES = frozenset(
    [
        "mixamorig",
        "cc",
        "base",
        "bip",
        "biped",
        "def",
        "org",
        "mch",
        "jnt",
        "joint",
        "jt",
        "jj",
        "bone",
        "bn",
        "b",
        "j",
        "sk",
        "valvebiped",
        "rig",
        "character",
        "char",
        "quick",
        "skeleton",
        "skel",
        "body",
        "avatar",
        "player",
        "human",
        "hum",
        "armature",
        "grp",
        "drv",
        "deform",
        "bind",
        "fk",
    ]
)

_CONVENTIONS: tuple[tuple[str, re.Pattern[str], int], ...] = tuple(
    (label, re.compile(pattern, re.IGNORECASE), count)
    for label, pattern, count in (
        ("Mixamo", r"^mixamorig\d*[:_]", 5),
        ("Character Creator", r"^CC_Base_", 5),
        ("Biped", r"^Bip\d+\b", 5),
        ("VRM", r"^J_Bip_", 5),
        ("Valve", r"^ValveBiped", 5),
        ("Rigify", r"^DEF-(thigh|shin|upper_arm|forearm)", 4),
        ("CMU", r"^([LR]HipJoint|LowerBack|(Left|Right)FingerBase)$", 5),
        ("ASF", r"^[lr](femur|tibia|humerus|radius)$", 6),
        ("Unreal", r"^(thigh|calf|upperarm|lowerarm)_[lr]$", 6),
        ("SMPL", r"^([LR]_)?(left|right)?_?(hip|knee|ankle|collar|spine3)$", 6),
        ("Bandai Namco", r"^(Upper|Lower)(Arm|Leg)_[LR]$", 6),
        ("HumanIK", r"(^|:)(Left|Right)(UpLeg|ForeArm|Arm|Leg)$", 6),
        ("MMD", r"[左右](ひじ|ひざ|足首|手首)", 6),
    )
)


@dataclass(frozen=True)
class Reading:
    """parts: what the joint may be, surest first, empty if unknown; side: 1 left, -1 right, 0 neither."""

    parts: tuple[str, ...]
    side: int
    helper: bool

    def says(self, part: str) -> float:
        """How well the name fits a part: 1 surely, 0.6 perhaps, 0 it says nothing, -1 it says something else."""
        if self.helper:
            # In-line twist joints of a neck or a spine are that neck or spine.
            return 0.5 if part in self.parts and part in ("neck", "spine") else -1.0
        if part in self.parts:
            return 1.0 if part == self.parts[0] else 0.6
        return -1.0 if self.parts else 0.0


@lru_cache(maxsize=16384)
def read_name(name: str) -> Reading:
    """What one name says."""
    words = _words(name)
    sides = [_SIDES[word] for word in words if word in _SIDES]
    rest = [word for word in words if word not in _SIDES]
    rest = [word for word in rest if word not in _PREFIXES] or rest
    side = sides[0] if sides else 0
    helper = any(_HELPER.match(word) for word in rest)
    text = "".join(word for word in rest if not _HELPER.match(word))
    parts = _parts(text)
    if not side:
        side, text, parts = _glued_side(text, parts)
    if side and parts == ("hips",) and "pelvis" not in text and "cog" not in text:
        parts = ("upleg",)
    return Reading(parts, side, helper)


def convention(names: Iterable[str]) -> str:
    """The name of a known naming convention, or an empty string."""
    names = list(names)
    for label, pattern, count in _CONVENTIONS:
        if sum(pattern.search(name) is not None for name in names) >= count:
            return label
    return ""


def _words(name: str) -> list[str]:
    """mixamorig:LeftUpLeg.001 -> left, up, leg."""
    name = re.split(r"[:|]", unicodedata.normalize("NFKC", name))[-1]
    name = re.sub(r"([左右])", r" \1 ", name)
    name = re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    words = (word.rstrip("0123456789") for word in re.split(r"[\W_]+", name.lower()))
    return [word for word in words if word]


def _parts(text: str) -> tuple[str, ...]:
    for pattern, parts in _PART_TABLE:
        if pattern.search(text):
            return parts
    return ()


def _glued_side(text: str, parts: tuple[str, ...]) -> tuple[int, str, tuple[str, ...]]:
    """Sides without a word of their own: leftupleg, lfemur, rhip; but not leg, lowerarm, ring or radius."""
    for prefix, side in (("left", 1), ("right", -1)):
        if text.startswith(prefix) and len(text) > len(prefix):
            return side, text[len(prefix) :], _parts(text[len(prefix) :])
        if text.endswith(prefix) and len(text) > len(prefix):
            return side, text[: -len(prefix)], _parts(text[: -len(prefix)])
    first, rest = text[:1], text[1:]
    if first in ("l", "r") and _WHOLE_WORD.match(rest):
        return _SIDES[first], rest, _parts(rest)
    return 0, text, parts


_WHOLE_WORD = re.compile(
    r"(hip|upleg|thigh|femur|knee|shin|calf|tibia|leg|foot|ankle|toes?|ball|collar|clavicle|shoulder|shldr|arm|upperarm|uparm|"
    r"forearm|lowerarm|humerus|elbow|radius|ulna|wrist|hand|thumb|index|mid|middle|pinky|fingers?)(joint|base)?$"
)
