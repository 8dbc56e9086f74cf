# SPDX-License-Identifier: GPL-3.0-or-later
"""The HIERARCHY section of a BVH file: statements, one after another, without recursion."""

import re
from dataclasses import dataclass, field

from .limits import MAX_JOINTS

_CHANNEL = re.compile(r"([XYZ])(position|rotation|scale)$", re.IGNORECASE)


class HeaderProblem(Exception):
    """A reason without the file's name; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass
class Header:
    """Joints in file order, parents before children.

    ends: whether the joint is an End Site.
    channels: (joint, "position" | "rotation" | "scale", axis 0..2) of every column of the motion, in order.
    """

    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[tuple[float, float, float]] = field(default_factory=list)
    ends: list[bool] = field(default_factory=list)
    channels: list[tuple[int, str, int]] = field(default_factory=list)


def parse(text: str) -> Header:
    """The joints of the text before MOTION. Raises HeaderProblem."""
    parser = _Parser()
    for line, row in enumerate(text.splitlines(), 1):
        for statement in re.split(r"([{}])", row):
            if words := statement.split(None, 1):
                try:
                    parser.take(words[0], words[1].strip() if len(words) > 1 else "")
                except ValueError as problem:
                    raise HeaderProblem(line, str(problem)) from problem
    if parser.open or parser.awaits_brace:
        raise HeaderProblem(text.count("\n") + 1, "the hierarchy isn't closed, a } is missing")
    return parser.header


class _Parser:
    """Takes statements; raises ValueError with the reason."""

    def __init__(self) -> None:
        self.header = Header()
        self.open: list[int] = []  # the joints whose brace is open, outermost first
        self.awaits_brace = False

    def take(self, word: str, rest: str) -> None:
        match word.upper():
            case "ROOT" | "JOINT" | "END" | "ENDSITE" as kind:
                self.joint(kind, rest)
            case "{":
                self.brace()
            case "}":
                if not self.open or self.awaits_brace:
                    raise ValueError("a } too many")
                self.open.pop()
            case "OFFSET":
                self.header.offsets[self.inside(word)] = self.offset(rest)
            case "CHANNELS":
                self.channels(self.inside(word), rest.split())
            case "HIERARCHY":
                pass
            case _:
                raise ValueError(f"{word[:40]!r} is not a statement of a BVH file")

    def joint(self, kind: str, name: str) -> None:
        if self.awaits_brace:
            raise ValueError("a { is missing before this joint")
        if kind != "ROOT" and not self.open:
            raise ValueError("this joint has no parent")
        parent = -1 if kind == "ROOT" else self.open[-1]
        if kind == "ROOT" and self.open:
            raise ValueError("a ROOT inside a joint")
        header = self.header
        if len(header.names) == MAX_JOINTS:
            raise ValueError(f"there are more than {MAX_JOINTS} joints")
        end = kind.startswith("END")
        header.names.append(f"{header.names[parent]}_end" if end else name or f"joint_{len(header.names)}")
        header.parents.append(parent)
        header.offsets.append((0.0, 0.0, 0.0))
        header.ends.append(end)
        self.awaits_brace = True

    def brace(self) -> None:
        if not self.awaits_brace:
            raise ValueError("a { without a joint")
        self.open.append(len(self.header.names) - 1)
        self.awaits_brace = False

    def inside(self, word: str) -> int:
        if not self.open or self.awaits_brace:
            raise ValueError(f"{word} outside of a joint")
        return self.open[-1]

    @staticmethod
    def offset(rest: str) -> tuple[float, float, float]:
        try:
            x, y, z = (float(word.replace(",", ".")) for word in rest.split())
        except ValueError:
            raise ValueError(f"OFFSET needs three numbers, not {rest[:60]!r}") from None
        # A length no body has, and the not-a-numbers: neither compares as small.
        if not all(abs(value) < 1e7 for value in (x, y, z)):
            raise ValueError(f"OFFSET {rest[:60]!r} is out of bounds")
        return x, y, z

    def channels(self, joint: int, words: list[str]) -> None:
        found = [_CHANNEL.match(word) for word in words[1:]]
        if not words or not words[0].isdecimal() or int(words[0]) != len(found):
            raise ValueError("CHANNELS needs their number and as many names")
        if self.header.ends[joint]:
            raise ValueError("an End Site with channels")
        if any(owner == joint for owner, _, _ in self.header.channels[-1:]):
            raise ValueError("a joint with two CHANNELS statements")
        for match, word in zip(found, words[1:], strict=True):
            if match is None:
                raise ValueError(f"{word[:40]!r} is not a channel")
            self.header.channels.append((joint, match[2].lower(), "XYZ".index(match[1].upper())))
        if len(self.header.channels) > 12 * MAX_JOINTS:
            raise ValueError("there are too many channels")
