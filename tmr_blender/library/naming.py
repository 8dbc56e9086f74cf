# SPDX-License-Identifier: GPL-3.0-or-later
"""A short name made of a sentence about a motion, for lists: "A man is limping, slowly." becomes "Limping, slowly"."""

import re

LONGEST = 48
"""Characters: Blender's lists show about so many, and its names hold 63 bytes."""
MOST_BYTES = 60
"""In UTF-8, which leaves room for the ".001" of a name that is taken."""

_WHO = r"(?:person|human|man|woman|guy|girl|boy|figure|character|actor|actress|performer|subject|individual)"
_ALONE = r"(?:person|human|man|woman|someone|somebody|he|she|they|it)"
_SUBJECT = re.compile(
    rf"^(?:(?:the|a|an|this|that)\s+{_WHO}|{_ALONE})\s+(?:(?:is|are|was|were)\s+(?=\w+ing\b))?", re.IGNORECASE
)
_CLAUSE = re.compile(r"\s*(?:,|;|\band\b|\bthen\b|\bwhile\b|\bbefore\b)", re.IGNORECASE)
_DANGLING = re.compile(
    r"[\s,;:-]+(?:and|then|while|with|a|an|the|to|of|in|on|at|by|for|from|into|his|her|their|its|or|as)?$",
    re.IGNORECASE,
)


def short_name(sentence: str) -> str:
    """The sentence without who does it, one line, cut between words where it is long; "" where nothing is said.

    At most `LONGEST` characters and `MOST_BYTES` bytes of UTF-8.
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in sentence)
    words = " ".join(plain.split()).strip(" .!?,;:\"'“”")
    if not any(letter.isalnum() for letter in words):
        return ""
    words = _cut(_SUBJECT.sub("", words) or words)
    return words[:1].upper() + words[1:]


def _cut(words: str) -> str:
    if len(words) <= LONGEST and len(words.encode()) <= MOST_BYTES:
        return words
    cut = words[: LONGEST + 1].encode()[: MOST_BYTES + 1].decode(errors="ignore")
    kept = cut.rpartition(" ")[0] or cut[:-1]
    ends = [found.start() for found in _CLAUSE.finditer(kept) if found.start() >= LONGEST // 2]
    kept = kept[: ends[0]] if ends else kept
    while (shorter := _DANGLING.sub("", kept)) != kept and shorter:
        kept = shorter
    return kept
