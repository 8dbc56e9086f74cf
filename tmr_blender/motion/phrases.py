# SPDX-License-Identifier: GPL-3.0-or-later
"""Measured facts in words, the way people annotate mocap: seeded, varied, and true of the motion."""

import re
from random import Random
from typing import TypeVar

import numpy as np

from .beats import MOVES, Beat, beats, summary
from .facts import Facts
from .wording import Phrase, phrases_of, stance

T = TypeVar("T")
Source = np.random.Generator | Random

# Subject and its possessive, as often as people use them.
SUBJECTS: tuple[tuple[str, str, int], ...] = (
    ("a person", "their", 22),
    ("a person", "his", 8),
    ("a person", "the", 8),
    ("the person", "their", 6),
    ("someone", "their", 10),
    ("a human", "the", 8),
    ("a human", "his", 4),
    ("a man", "his", 8),
    ("the man", "his", 5),
    ("a woman", "her", 3),
    ("a figure", "its", 3),
    ("", "the", 15),
)
DOUBLED = frozenset(("run", "sit", "hop", "jog", "get", "put", "clap", "spin", "step", "squat", "flip", "bob", "skip"))
PLURAL_S = ("s", "sh", "ch", "x", "o")
SUMMARISED = 0.35
"""Share of sentences that sum up many walks in one phrase, where there are many."""
LONGEST = 30
SHORTEST = 4


def pick(random: Source, items: list[T] | tuple[T, ...]) -> T:
    """One of the items, from either kind of random numbers."""
    return items[min(int(random.random() * len(items)), len(items) - 1)]


def third(verb: str) -> str:
    """Third person singular of a base form ("lie down" -> "lies down")."""
    head, _, tail = verb.partition(" ")
    if head.endswith(PLURAL_S):
        head += "es"
    elif head.endswith("y") and head[-2] not in "aeiou":
        head = head[:-1] + "ies"
    else:
        head = "has" if head == "have" else "is" if head == "be" else head + "s"
    return f"{head} {tail}".strip()


def gerund(verb: str) -> str:
    """The -ing form of a base form ("lie down" -> "lying down")."""
    head, _, tail = verb.partition(" ")
    if head.endswith("ie"):
        head = head[:-2] + "ying"
    elif head.endswith("e") and not head.endswith(("ee", "be")):
        head = head[:-1] + "ing"
    elif head in DOUBLED:
        head = head + head[-1] + "ing"
    else:
        head += "ing"
    return f"{head} {tail}".strip()


def sentences(facts: Facts, random: Source, count: int = 1) -> list[str]:
    """`count` sentences of 4 to 30 words (now and then 3) about the motion; the same random state gives the same ones.

    They differ in subject, tense, order of telling and level of detail, and may repeat where there is little to say.
    """
    told = beats(facts)
    return [_sentence(facts, told, random) for _ in range(count)]


def _sentence(facts: Facts, told: list[Beat], random: Source) -> str:
    """The first of a few tries that is neither too short nor too long; each tells at most `limit` things."""
    whole = summary(facts)
    tries: list[str] = []
    for limit in (5, 5, 3, 3, 2, 1):
        chosen = [whole] if whole is not None and random.random() < SUMMARISED else _chosen(told, random, limit)
        text = _compose(facts, chosen, random)
        words = len(text.split())
        if SHORTEST <= words <= LONGEST:
            return text
        if words <= LONGEST:
            tries.append(text)
    return max(tries, key=len) if tries else " ".join(text.split()[:LONGEST])


def _chosen(told: list[Beat], random: Source, limit: int) -> list[Beat]:
    """Some of the weightiest beats in order of time, with the turns between walks."""
    if not told:
        return []
    # Most people name one or two things; some tell the whole sequence.
    wanted = min(pick(random, (1, 1, 1, 2, 2, 3, 4, 5)), limit, len(told))
    # A little noise on the weights tells the minor things in some of the sentences.
    noisy = sorted(told, key=lambda b: -b.weight * (0.6 + 0.8 * random.random()))
    return _linked(sorted(noisy[:wanted], key=lambda b: (b.start, b.end)), told)


def _linked(chosen: list[Beat], told: list[Beat]) -> list[Beat]:
    """Two like moves in a row need the turn between them, or the second says nothing new."""
    out: list[Beat] = []
    for b in chosen:
        last = out[-1] if out else None
        if last is not None and b.label in MOVES and (last.label, last.direction) == (b.label, b.direction):
            between = [t for t in told if t.label in ("turn", "curve") and last.end - 1.5 < t.start and t.end < b.start + 1.5]
            if not between:
                continue
            out.append(max(between, key=lambda t: t.amount))
        out.append(b)
    return out


def _compose(facts: Facts, chosen: list[Beat], random: Source) -> str:
    subject, their, _ = _weighted(random)
    if not chosen:
        options = stance(facts)
        return _finish(_simple([pick(random, options)], subject, random), their)
    main, beside = _attached(chosen, random)
    parts = [pick(random, phrases_of(b, facts)) for b in main]
    extra = [pick(random, phrases_of(b, facts)) for b in beside]
    text = _simple(parts, subject, random)
    if extra:
        text += " while " + " and ".join(f"{gerund(verb)} {rest}".strip() for verb, rest in extra)
    return _finish(text, their)


def _weighted(random: Source) -> tuple[str, str, int]:
    at = random.random() * sum(w for _, _, w in SUBJECTS)
    for entry in SUBJECTS:
        at -= entry[2]
        if at < 0:
            return entry
    return SUBJECTS[0]


def _attached(chosen: list[Beat], random: Source) -> tuple[list[Beat], list[Beat]]:
    """Parts the beats of arms and head that happen during a move, to be told with "while"."""
    carriers = (*MOVES, "in place", "one leg", "sitting", "kneeling", "lying", "crouching")
    gestures = (
        "raise",
        "wave",
        "clap",
        "hands on hips",
        "hand to head",
        "arms out",
        "arms forward",
        "hands together",
        "stroke",
        "fiddle",
        "punch",
        "swing",
    )
    base = [b for b in chosen if b.label in carriers]
    beside = [
        b
        for b in chosen
        if b.label in gestures and any(min(b.end, m.end) - max(b.start, m.start) > 0.6 * (b.end - b.start) for m in base)
    ]
    if not base or not beside or len(beside) > 2 or base[-1] is not [b for b in chosen if b not in beside][-1]:
        return chosen, []
    if random.random() < 0.15:
        return [b for b in chosen if b not in beside], []
    return [b for b in chosen if b not in beside], beside


def _simple(parts: list[Phrase], subject: str, random: Source) -> str:
    """One sentence of phrases in order."""
    if not subject:
        if random.random() < 0.25:
            return _chain([f"{verb} {rest}" for verb, rest in parts], random)
        return _chain([f"{gerund(verb)} {rest}" for verb, rest in parts], random)
    told = [f"{third(verb)} {rest}" for verb, rest in parts]
    style = random.random()
    if style < 0.25 and not parts[0][0].startswith("be "):
        told[0] = f"is {gerund(parts[0][0])} {parts[0][1]}"
        if len(parts) > 1 and random.random() < 0.4:
            told[1:] = [f"{gerund(verb)} {rest}" for verb, rest in parts[1:]]
    elif style < 0.33 and len(parts) == 2:
        return f"{subject} {told[0]} before {gerund(parts[1][0])} {parts[1][1]}"
    elif style < 0.39 and len(parts) == 2:
        return f"after {gerund(parts[0][0])} {parts[0][1]}, {subject} {told[1]}"
    return f"{subject} {_chain(told, random)}"


def _chain(told: list[str], random: Source) -> str:
    told = [t.strip() for t in told]
    if len(told) == 1:
        return told[0]
    last = pick(random, (" and ", " and then ", ", then ", " then ", " and "))
    middle = pick(random, (", ", ", ", ", then ", " and "))
    return middle.join(told[:-1]) + last + told[-1]


def _finish(text: str, their: str) -> str:
    text = re.sub(r"\s+", " ", text.replace("{their}", their)).strip()
    return re.sub(r" ([,.])", r"\1", text)
