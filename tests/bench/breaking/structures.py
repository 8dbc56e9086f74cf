# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage by people who know the format: what is said of counts, lengths, offsets and references no longer holds."""

import json
import re
import struct
import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.bench.breaking import fbx_binary
from tests.bench.breaking.mutations import INTEGERS, LARGEST, Mutator
from tests.bench.breaking.seeds import glb_file

MOST = 50_000
"""Nodes of a damaged tree."""
Others = Sequence[bytes]
BOMB = 64 << 20
"""Bytes that a packed array of a few kilobytes becomes."""


# BVH


def bvh_nesting(data: bytes, chance: Random, _others: Others) -> bytes:
    """Many joints, one inside the other or side by side, closed or not."""
    count = chance.choice((10, 500, 4095, 4096, 5000, 20_000))
    head = b"JOINT x\n{\nOFFSET 0 1 0\nCHANNELS 0\n"
    deep = chance.random() < 0.5
    joints = head * count + (b"}\n" * count if chance.random() < 0.8 else b"") if deep else (head + b"}\n") * count
    found = list(re.finditer(rb"JOINT|End Site", data[:65_536]))
    at = chance.choice(found).start() if found else 0
    return data[:at] + joints + data[at:]


def bvh_channels(data: bytes, chance: Random, _others: Others) -> bytes:
    """A joint of other channels: none, the same again, hundreds, another number than it names."""
    names = [b"Xposition", b"Yposition", b"Zposition", b"Xrotation", b"Yrotation", b"Zrotation", b"Xscale", b"Wrotation"]
    count = chance.choice((0, 1, 3, 6, 9, 300, 50_000))
    stated = chance.choice((count, count, chance.choice(INTEGERS), -1))
    line = b"CHANNELS %d " % stated + b" ".join(chance.choice(names) for _ in range(count))
    return _line(data, rb"CHANNELS[^\n]*", line, chance)


def bvh_frames(data: bytes, chance: Random, _others: Others) -> bytes:
    """Another frame count, another frame time, or many more frames."""
    value = chance.choice(
        (b"0", b"-5", b"nan", b"1e308", b"99999999999", b"1e-30", b"1e-3", b"3600", b"3599", b"1e-400", b".05", b"")
    )
    match chance.randrange(3):
        case 0:
            return _line(data, rb"Frames:[^\n]*", b"Frames: " + value, chance)
        case 1:
            return _line(data, rb"Frame Time:[^\n]*", b"Frame Time: " + value, chance)
        case _:
            rows = data.rstrip().rsplit(b"\n", 1)[-1] + b"\n"
            return data + rows * min(chance.choice((10, 1000, 100_000)), LARGEST // len(rows))


def _line(data: bytes, pattern: bytes, new: bytes, chance: Random) -> bytes:
    found = list(re.finditer(pattern, data[:1_000_000]))
    if not found:
        return data
    match = chance.choice(found)
    return data[: match.start()] + new + data[match.end() :]


# FBX


def fbx_tree(data: bytes, chance: Random, _others: Others) -> bytes:
    """The tree with nodes taken away, doubled, moved, or put inside one another; offsets are right afterwards."""
    try:
        version, root = fbx_binary.parse(data)
    except (ValueError, LookupError, struct.error, RecursionError):
        return data
    nodes = root.walk()
    for _ in range(chance.choice((1, 1, 3, 10))):
        parents = [node for node in nodes if node.children]
        if not parents:
            break
        parent = chance.choice(parents)
        child = chance.choice(parent.children)
        match chance.randrange(5):
            case 0:
                parent.children.remove(child)
            case 1:
                parent.children += [child] * chance.choice((1, 2, 300))
            case 2:
                chance.choice(parents).children.append(child)
            case 3:
                for _ in range(chance.choice((3, 60, 2000))):
                    child = fbx_binary.Node(child.name, child.properties[:1], [child])
                parent.children.append(child)
            case _:
                chance.shuffle(parent.children)
    written = _bounded(root)
    if len(written) == MOST or sum(sum(map(len, node.properties)) + 40 for node in written) > LARGEST:
        return data
    return fbx_binary.write(version, root)


def _bounded(root: fbx_binary.Node) -> list[fbx_binary.Node]:
    """All nodes, or `MOST`: one that lies in two places counts twice, and one inside itself without end."""
    out, todo = [], [root]
    while todo and len(out) < MOST:
        node = todo.pop()
        out.append(node)
        todo.extend(node.children)
    return out


def fbx_values(data: bytes, chance: Random, _others: Others) -> bytes:
    """Properties of other values and types; arrays that say another length, are packed bombs, or hold the extreme."""
    try:
        version, root = fbx_binary.parse(data)
    except (ValueError, LookupError, struct.error, RecursionError):
        return data
    wanted = chance.choice((b"", b"KeyTime", b"KeyValueFloat", b"KeyAttr", b"C", b"P", b"Model"))
    nodes = [node for node in root.walk() if node.properties and node.name.startswith(wanted)]
    for node in chance.sample(nodes, min(len(nodes), chance.choice((1, 1, 2, 20)))):
        at = chance.randrange(len(node.properties))
        node.properties[at] = _property(node.properties[at], chance)
    return fbx_binary.write(version, root)


def _property(old: bytes, chance: Random) -> bytes:
    kind = chr(old[0])
    if kind in "fdlib":
        return _array(old, chance)
    integer = chance.choice(INTEGERS) % (1 << 63)
    real = chance.choice((0.0, -1.0, 1e308, -1e308, float("nan"), float("inf"), 1e-320, 1e12, 3600.0))
    return chance.choice(
        (
            b"L" + struct.pack("<q", chance.choice((integer, -integer))),
            b"I" + struct.pack("<I", integer % (1 << 32)),
            b"D" + struct.pack("<d", real),
            b"S" + struct.pack("<I", 3) + b"\xff\0x",
            b"S" + struct.pack("<I", 100_000) + b"n" * 100_000,
            b"C\1",
            b"R" + struct.pack("<I", 0),
        )
    )


def _array(old: bytes, chance: Random) -> bytes:
    kind = chr(old[0])
    count, packed, _ = struct.unpack_from("<III", old, 1)
    content = old[13:]
    size = {"f": 4, "d": 8, "l": 8, "i": 4, "b": 1}[kind]
    match chance.randrange(5):
        case 0:
            return old[:1] + struct.pack("<III", chance.choice(INTEGERS) % (1 << 32), packed, len(content)) + content
        case 1:  # a bomb that tells the truth, or not
            claim = chance.choice((BOMB // size, count, 0xFFFFFFFF))
            return kind.encode() + struct.pack("<III", claim, 1, len(_ZEROS)) + _ZEROS
        case 2:
            return old[:1] + struct.pack("<III", count, chance.choice((0, 1, 2, 0xFFFFFFFF)), len(content)) + content
        case 3:
            return fbx_binary.array(kind, b"", 0, packed=chance.random() < 0.5)
        case _:
            try:
                values = bytearray(zlib.decompress(content) if packed else content)
            except zlib.error:
                return old
            for _ in range(chance.choice((1, 5))):
                at = chance.randrange(max(len(values) // size, 1)) * size
                values[at : at + size] = chance.choice(_extremes(kind))
            return fbx_binary.array(kind, bytes(values), len(values) // size)


_ZEROS = zlib.compress(bytes(BOMB), 9)


def _extremes(kind: str) -> list[bytes]:
    if kind in "fd":
        return [struct.pack(f"<{kind}", value) for value in (float("nan"), float("inf"), 1e30, -1e30, 0.0)]
    size = {"l": 8, "i": 4, "b": 1}[kind]
    return [(value % (1 << 8 * size)).to_bytes(size, "little") for value in (*INTEGERS, -1, 46186158000 * 3600)]


def fbx_offsets(data: bytes, chance: Random, _others: Others) -> bytes:
    """Where a node ends, how many properties it has and how long they are: one of them made wrong in place."""
    out = bytearray(data)
    wide = len(data) > 27 and struct.unpack_from("<I", data, 23)[0] >= 7500
    size = 8 if wide else 4
    found = [match.start() for match in re.finditer(rb"[A-Z][A-Za-z0-9]{2,30}", data)]
    places = [at - 1 for at in found if at > 30 and data[at - 1] <= 40]
    for place in chance.sample(places, min(len(places), chance.choice((1, 1, 4)))):
        which = place - size * chance.choice((1, 2, 3))
        if which < 27:
            continue
        old = int.from_bytes(data[which : which + size], "little")
        new = chance.choice((old + 1, old - 1, which, place, 27, 0, len(data), len(data) - 1, chance.choice(INTEGERS)))
        out[which : which + size] = (new % (1 << 8 * size)).to_bytes(size, "little")
    return bytes(out)


# JSON: glTF and captions

_STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 0.5, 1e308, -1e308, float("nan"), float("inf"), 10**400, 2**31, 2**32, 2**53, 2**63, 2**64),
    *("", "x", "\ud800", "\0", "../../x", "/etc/passwd", "a" * 100_000, [], {}, [[]], [None], {"": []}, "é\u202e"),
)


def json_values(data: bytes, chance: Random, _others: Others) -> bytes:
    """Values of a JSON text replaced, taken away, doubled, exchanged, or nested deeply."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return data
    for _ in range(chance.choice((1, 1, 2, 5))):
        tree = _edited(tree, chance)
    try:
        return json.dumps(tree, ensure_ascii=chance.random() < 0.8).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError, MemoryError):
        return data


def json_rows(data: bytes, chance: Random, others: Others) -> bytes:
    """One line of a file of JSON lines edited."""
    rows = data.split(b"\n")
    at = chance.randrange(len(rows))
    rows[at] = json_values(rows[at], chance, others)
    return b"\n".join(rows)


def _edited(tree: Any, chance: Random) -> Any:
    slots = _slots(tree)
    if not slots:
        return chance.choice(_STRANGE)
    holder, key = chance.choice(slots)
    match chance.randrange(7):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder[key:key] = [holder[key]] * chance.choice((1, 2, 3000))
        case 2:
            other, place = chance.choice(slots)
            holder[key] = _copied(other[place])
        case 3:
            for _ in range(chance.choice((1, 20, 500))):
                holder[key] = [holder[key]] if chance.random() < 0.5 else {"children": holder[key]}
        case 4 if isinstance(holder[key], int):
            holder[key] += chance.choice((-1, 1, -holder[key] * 2, 1 << 20, 1 << 30))
        case _:
            holder[key] = chance.choice(_STRANGE)
    return tree


def _slots(tree: Any) -> list[tuple[Any, Any]]:
    """Every place of a value: what holds it, and its key. Deep ones are as likely as shallow ones are rare."""
    out: list[tuple[Any, Any]] = []
    todo = [tree]
    while todo and len(out) < 20_000:
        item = todo.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else ()
        for key in keys:
            out.append((item, key))
            todo.append(item[key])
    return out


def _copied(tree: Any) -> Any:
    """A copy of a value that is neither large nor deep; else 0."""
    try:
        return json.loads(json.dumps(tree)) if len(_slots(tree)) < 2000 else 0
    except (ValueError, RecursionError):
        return 0


def glb_values(data: bytes, chance: Random, others: Others) -> bytes:
    """The JSON chunk of a GLB file edited, with right lengths around it."""
    try:
        length = struct.unpack_from("<I", data, 12)[0]
    except struct.error:
        return data
    tree, rest = data[20 : 20 + length], data[28 + length :]
    return glb_file(json_values(gltf_references(tree, chance, others), chance, others), rest)


def glb_lengths(data: bytes, chance: Random, _others: Others) -> bytes:
    """A length or a kind in the headers of the file and its chunks made wrong."""
    out = bytearray(data)
    try:
        length = struct.unpack_from("<I", data, 12)[0]
    except struct.error:
        return data
    at = chance.choice((4, 8, 12, 16, 20 + length, 24 + length))
    new = chance.choice((length + 1, length - 1, length + 4, len(data), len(data) + 4, chance.choice(INTEGERS))) % (1 << 32)
    out[at : at + 4] = struct.pack("<I", new)
    return bytes(out)


def gltf_references(data: bytes, chance: Random, _others: Others) -> bytes:
    """Numbers that refer: accessors, views, counts, offsets, strides, children (cycles), samplers, targets."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return data
    names = ("bufferView", "byteOffset", "byteLength", "byteStride", "count", "componentType", "type", "input", "output")
    names += ("sampler", "node", "path", "children", "joints", "skeleton", "nodes", "buffer", "interpolation", "matrix")
    wanted = chance.choice(names)
    slots = [(holder, key) for holder, key in _slots(tree) if key == wanted]
    for holder, key in chance.sample(slots, min(len(slots), chance.choice((1, 1, 3)))):
        holder[key] = _reference(holder[key], chance)
    if not slots and isinstance(tree, dict) and isinstance(tree.get("nodes"), list):
        node = chance.choice(tree["nodes"] or [{}])
        if isinstance(node, dict):
            node[wanted] = chance.choice(([0], [chance.randrange(len(tree["nodes"]) + 1)], [1e308] * 16, [0.0] * 16, 0))
    return json.dumps(tree).encode("utf-8", "surrogatepass")


def _reference(old: Any, chance: Random) -> Any:
    if isinstance(old, list):
        return chance.choice(([*old, 0], [0], old * 2, [-1], old[::-1], [chance.randrange(40)], old + old * 5000, []))
    if isinstance(old, str):
        return chance.choice(("SCALAR", "VEC3", "VEC4", "MAT4", "STEP", "CUBICSPLINE", "scale", "weights", "rotation", "x"))
    small = old if isinstance(old, int) else 0
    return chance.choice(
        (small + 1, small - 1, -1, 0, 5120, 5121, 5123, 5125, 5126, 2**31, 2**32, 2**53, 10**18, small * 1000, 40)
    )


# Captions as tables


def csv_cells(data: bytes, chance: Random, _others: Others) -> bytes:
    """A cell that is very long, opens a quotation and never closes it, or holds what is no text."""
    cell = chance.choice((b'"', b'"' * 5, b"x" * 200_000, b"\0", b"\r", b"," * 5000, b"\xff", b"nan", b"-1", b"1e400", b"1e20"))
    at = chance.choice([match.start() for match in re.finditer(rb"[,\n]|$", data)])
    return data[:at] + b"," + cell + data[at:]


FBX: tuple[Mutator, ...] = (fbx_tree, fbx_values, fbx_values, fbx_offsets)
BVH: tuple[Mutator, ...] = (bvh_nesting, bvh_channels, bvh_frames)
GLTF: tuple[Mutator, ...] = (json_values, gltf_references, gltf_references)
GLB: tuple[Mutator, ...] = (glb_values, glb_values, glb_lengths)
