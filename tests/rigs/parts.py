# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands, and other parts that many hierarchies share."""

from collections.abc import Sequence

ROLES = ("thumb", "index", "middle", "ring", "pinky")


def hand(
    indent: int, pattern: str, words: Sequence[str], meta: str = "", ends: str = "", parts: Sequence[Sequence[str]] = ()
) -> str:
    """The lines of five fingers (or of as many as there are words, in the order of `ROLES`).

    pattern: with {f} for the finger's word and {n} for the count. meta: pattern of a bone in the palm that carries each
    finger but the thumb. ends: pattern of a leaf at the tip. parts: what {n} stands for, if not 1, 2, 3; for the thumb,
    then for the others.
    """
    lines = []
    for role, word in zip(ROLES, words, strict=False):
        counts = list(parts[0 if role == "thumb" else 1]) if parts else ["1", "2", "3"]
        depth = indent
        if meta and role != "thumb":
            lines.append(" " * depth + f"{meta.replace('{f}', word)} {role}0")
            depth += 1
        for n, count in enumerate(counts, 1):
            name = pattern.replace("{f}", word).replace("{n}", count)
            lines.append(" " * depth + f"{name} {role}{n} ={role}{n}" + (f" >{role}{n + 1}" if n == 3 else ""))
            depth += 1
        if ends:
            lines.append(" " * depth + f"{ends.replace('{f}', word)} {role}4")
    return "\n".join(lines)
