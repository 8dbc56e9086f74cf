# SPDX-License-Identifier: GPL-3.0-or-later
"""Binary FBX as a tree, taken apart and put together again, and made from our FBX in ASCII.

Nodes only: what the nodes mean is nobody's business here. The format is described at
https://code.blender.org/2013/08/fbx-binary-file-format-specification/.
"""

import re
import struct
import zlib
from dataclasses import dataclass, field

MAGIC = b"Kaydara FBX Binary  \x00\x1a\x00"
_SIZES = {"Y": 2, "C": 1, "I": 4, "F": 4, "D": 8, "L": 8}
_ARRAYS = {"KeyTime": ("l", "q"), "KeyValueFloat": ("f", "f"), "KeyAttrFlags": ("i", "i")}
_ARRAYS |= {"KeyAttrDataFloat": ("f", "f"), "KeyAttrRefCount": ("i", "i")}


@dataclass
class Node:
    """name, properties as their bytes (the type's letter first), and nodes inside."""

    name: bytes
    properties: list[bytes] = field(default_factory=list)
    children: list["Node"] = field(default_factory=list)

    def walk(self) -> "list[Node]":
        """This node and all below it."""
        out: list[Node] = []
        todo: list[Node] = [self]
        while todo:
            node = todo.pop()
            out.append(node)
            todo.extend(reversed(node.children))
        return out


def array(kind: str, data: bytes, count: int, packed: bool = True) -> bytes:
    """An array property; `count` is what it says of itself."""
    content = zlib.compress(data) if packed else data
    return kind.encode() + struct.pack("<III", count % (1 << 32), int(packed), len(content)) + content


def parse(data: bytes) -> tuple[int, Node]:
    """The version and the tree, under a node without a name. Raises ValueError or struct.error for what is no FBX."""
    if not data.startswith(MAGIC):
        raise ValueError("not a binary FBX file")
    version = struct.unpack_from("<I", data, 23)[0]
    root, at = Node(b""), 27
    while at < len(data):
        child, at = _node(data, at, version)
        if child is None:
            break
        root.children.append(child)
    return version, root


def _node(data: bytes, at: int, version: int) -> tuple[Node | None, int]:
    layout = "<QQQ" if version >= 7500 else "<III"
    end, count, _ = struct.unpack_from(layout, data, at)
    at += struct.calcsize(layout)
    length = data[at]
    node = Node(data[at + 1 : at + 1 + length])
    at += 1 + length
    if end == 0:
        return None, at
    if end < at or count > len(data):
        raise ValueError("a node that ends before it begins")
    for _ in range(count):
        size = _property(data, at)
        node.properties.append(data[at : at + size])
        at += size
    while at < end:
        child, at = _node(data, at, version)
        if child is None:
            break
        node.children.append(child)
    if at > end:
        raise ValueError("a node that ends before it begins")
    return node, end


def _property(data: bytes, at: int) -> int:
    kind = chr(data[at])
    if kind in _SIZES:
        return 1 + _SIZES[kind]
    if kind in "SR":
        return 5 + struct.unpack_from("<I", data, at + 1)[0]
    if kind in "fdlibc":
        return 13 + struct.unpack_from("<I", data, at + 9)[0]
    raise ValueError(f"a property of type {kind!r}")


def write(version: int, root: Node) -> bytes:
    """The file."""
    out = bytearray(MAGIC + struct.pack("<I", version))
    layout = "<QQQ" if version >= 7500 else "<III"
    empty = bytes(struct.calcsize(layout) + 1)
    todo: list[Node | tuple[int, bool]] = [*reversed(root.children)]
    while todo:
        item = todo.pop()
        if isinstance(item, tuple):  # the end of a node that begins at this byte
            begin, inside = item
            out += empty if inside else b""
            struct.pack_into(layout[:2], out, begin, len(out))
            continue
        begin, size = len(out), sum(map(len, item.properties))
        out += struct.pack(layout, 0, len(item.properties), size)
        out += bytes([len(item.name)]) + item.name + b"".join(item.properties)
        todo.append((begin, bool(item.children)))
        todo.extend(reversed(item.children))
    return bytes(out + empty)


def from_ascii(text: str, version: int = 7400) -> bytes:
    """Our files of `tests.motion.readers.fbx_text` in binary."""
    root = Node(b"")
    stack = [root]
    for line in text.splitlines():
        line = line.strip()
        if line == "}":
            stack.pop()
        elif found := re.match(r"(\w+):(.*?)(\{?)$", line):
            name, rest, opens = found[1], found[2].strip(), found[3]
            if name == "a":
                kind, letter = _ARRAYS[stack[-1].name.decode()]
                values = [float(word) if letter == "f" else int(word) for word in rest.split(",")]
                stack[-1].properties = [array(kind, struct.pack(f"<{len(values)}{letter}", *values), len(values))]
                continue
            node = Node(name.encode(), [] if rest.startswith("*") else [_value(word) for word in _split(rest)])
            stack[-1].children.append(node)
            if opens:
                stack.append(node)
    return write(version, root)


def _split(rest: str) -> list[str]:
    return [word.strip() for word in re.findall(r'\s*("[^"]*"|[^,]+)', rest) if word.strip()]


def _value(word: str) -> bytes:
    if word.startswith('"'):
        kind, separator, name = word.strip('"').partition("::")
        content = f"{name}\0\1{kind}".encode() if separator else kind.encode()
        return b"S" + struct.pack("<I", len(content)) + content
    return b"L" + struct.pack("<q", int(word)) if re.fullmatch(r"-?\d+", word) else b"D" + struct.pack("<d", float(word))
