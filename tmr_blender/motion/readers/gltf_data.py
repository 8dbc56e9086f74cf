# SPDX-License-Identifier: GPL-3.0-or-later
"""What a glTF 2.0 file holds: its JSON, its buffers, and the arrays of its accessors (Khronos, glTF 2.0 specification).

Nothing is read but what is asked for: of a film's worth of textures in the same file not a byte. Whatever a file states
is checked before it is followed, and each fault is a FileProblem.
"""

import base64
import binascii
import json
import re
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np

from ...errors import FileProblem
from ..quaternion import Array
from .limits import MAX_BYTES

MAX_JSON = 64 << 20
"""Bytes of JSON in a .glb; a .gltf may have buffers in its JSON and is bounded as any file."""
MAX_VALUES = 4_000_000
"""Values and containers in the JSON: each costs some dozens of bytes when it is read."""
_LARGEST = 1e30
_SPARE = 4 << 20
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PACKED = ("EXT_meshopt_compression", "KHR_meshopt_compression")


class Document:
    """One file. Every method raises FileProblem for what is missing, damaged or too large."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bin: tuple[int, int] | None = None  # where the binary chunk begins, and its length
        self._buffers: dict[int, bytes | tuple[Path, int, int]] = {}
        self._lists: dict[str, list[dict[str, Any]]] = {}
        self._arrays: dict[int, Array] = {}
        self._left = _SPARE  # numbers that may still be decoded: see `_decoded`
        try:
            self._size = path.stat().st_size
            text = self._json_text()
        except OSError as problem:
            raise FileProblem(f"{path.name} can't be read: {problem.strerror or problem}.") from problem
        self.root = self._parsed(text)
        version = self.mapping(self.root.get("asset"), "asset").get("version")
        if not (isinstance(version, str) and version.startswith("2")):
            raise FileProblem(f"{path.name} is glTF of version {str(version)[:20]}: export it as glTF 2.0.")

    def fault(self, what: str) -> FileProblem:
        """The problem, to be raised: `what` names the part that is wrong."""
        return FileProblem(f"{self.path.name} is damaged: {what}.")

    def _json_text(self) -> bytes:
        with self.path.open("rb") as file:
            start = file.read(20)
            if start[:4] != b"glTF":
                return start + file.read(MAX_BYTES)
            if len(start) < 20:
                raise self.fault("it is cut short")
            version, total, length, kind = struct.unpack("<III4s", start[4:])
            if version != 2:
                raise FileProblem(f"{self.path.name} is binary glTF of version {version}: export it as glTF 2.0.")
            if kind != b"JSON":
                raise self.fault("it does not begin with JSON")
            if length > MAX_JSON:
                raise FileProblem(f"{self.path.name} has {length >> 20} MiB of JSON; the limit is {MAX_JSON >> 20} MiB.")
            text, after = file.read(length), file.read(8)
            if len(text) < length:
                raise self.fault("it is cut short")
            if len(after) == 8 and after[4:] == b"BIN\0":
                present = min(total, self.path.stat().st_size) - (28 + length)
                self._bin = (28 + length, max(min(struct.unpack("<I", after[:4])[0], present), 0))
            return text

    def _parsed(self, text: bytes) -> dict[str, Any]:
        if sum(text.count(sign) for sign in (b",", b"[", b"{")) > MAX_VALUES:
            raise FileProblem(f"{self.path.name} has more than {MAX_VALUES} values in its JSON.")
        try:
            # Not-a-numbers and infinities, which JSON has no words for, are seen where a number is asked for.
            root = json.loads(text.decode("utf-8-sig").rstrip("\0"))
        except (ValueError, RecursionError) as problem:
            raise FileProblem(f"{self.path.name} is not a glTF file, or it is damaged ({str(problem)[:80]}).") from problem
        if not (isinstance(root, dict) and "asset" in root):
            raise FileProblem(f"{self.path.name} is not a glTF file.")
        return root

    # Parts of the JSON

    def mapping(self, value: Any, what: str) -> dict[str, Any]:
        """The value, which has to be a JSON object."""
        if not isinstance(value, dict):
            raise self.fault(f"{what} is missing or is not an object")
        return value

    def items(self, holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
        """A list of objects, empty where there is none."""
        found = holder.get(key, [])
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise self.fault(f"{key} is not a list of objects")
        return found

    def item(self, key: str, index: int) -> dict[str, Any]:
        """One object of a list at the top of the file."""
        if key not in self._lists:
            self._lists[key] = self.items(self.root, key)
        found = self._lists[key]
        if index >= len(found):
            raise self.fault(f"{key} has no number {index}")
        return found[index]

    def integer(self, holder: dict[str, Any], key: str, default: int | None = None) -> int:
        """A number that counts something; without a default it has to be there."""
        value = holder.get(key, default)
        if type(value) is not int or not 0 <= value < 2**53:
            raise self.fault(f"{key} is missing or is not a count")
        return value

    def indices(self, holder: dict[str, Any], key: str, count: int) -> list[int]:
        """A list of numbers below `count`, empty where there is none."""
        found = holder.get(key, [])
        if not isinstance(found, list) or not all(type(i) is int and 0 <= i < count for i in found):
            raise self.fault(f"{key} leads to something that is not there")
        return found

    def numbers(self, holder: dict[str, Any], key: str, default: tuple[float, ...]) -> list[float]:
        """As many finite numbers as the default has."""
        found = holder.get(key, default)
        if not isinstance(found, list | tuple) or len(found) != len(default):
            raise self.fault(f"{key} does not have {len(default)} numbers")
        if not all(isinstance(x, int | float) and abs(x) < _LARGEST for x in found):
            raise self.fault(f"{key} has something else than finite numbers")
        return [float(x) for x in found]

    def name(self, holder: dict[str, Any], default: str) -> str:
        """A name that can be stored and shown."""
        name = holder.get("name")
        if not isinstance(name, str) or not name.strip():
            return default
        return name[:200].replace("\0", "").encode("utf-8", "replace").decode("utf-8")

    # Arrays

    def accessor(self, index: int, kind: str) -> Array:
        """The elements of an accessor, (count, width) float64; normalised integers come as -1..1 or 0..1.

        kind: "SCALAR", "VEC3", "VEC4" or "MAT4", which the accessor has to be. Not all have to be finite.
        """
        found = self.item("accessors", index)
        if found.get("type") != kind:
            raise self.fault(f"accessor {index} is not of the type {kind}")
        if index not in self._arrays:
            self._arrays[index] = self._decoded(index, found)
        return self._arrays[index]

    def _decoded(self, index: int, found: dict[str, Any]) -> Array:
        width, count = _WIDTHS[found["type"]], self.integer(found, "count")
        code = self._type(found, index)
        sparse = self.mapping(found["sparse"], "sparse") if "sparse" in found else None
        # Each byte of a sound file is decoded once: there are no more numbers than bytes, but for zeros that aren't stored.
        # Ten thousand accessors to one array, or a sparse one of nothing, would otherwise ask for any memory.
        self._left -= count * width
        if self._left < -self._size:
            raise self.fault("its accessors state more numbers than it holds")
        raw = self._elements(found, code, width, count) if "bufferView" in found else np.zeros((count, width), dtype=code)
        if sparse is not None:
            raw = self._replaced(raw, sparse, code, width)
        with np.errstate(invalid="ignore"):  # not-a-numbers are the caller's to find
            out = raw.astype(np.float64)
        if found.get("normalized") is True and raw.dtype.kind in "iu":
            out = np.maximum(out / np.iinfo(raw.dtype).max, -1.0)
        return out

    def _replaced(self, raw: np.ndarray, sparse: dict[str, Any], code: np.dtype[Any], width: int) -> np.ndarray:
        """A copy with the elements of a sparse accessor put in."""
        count = self.integer(sparse, "count")
        places, values = (self.mapping(sparse.get(key), key) for key in ("indices", "values"))
        kind = self._type(places, -1)
        if count > len(raw) or kind.kind != "u":
            raise self.fault("a sparse accessor does not fit")
        at = self._elements(places, kind, 1, count)[:, 0]
        if count and int(at.max()) >= len(raw):
            raise self.fault("a sparse accessor leads out of its array")
        out = raw.copy()
        out[at] = self._elements(values, code, width, count)
        return out

    def _type(self, holder: dict[str, Any], index: int) -> np.dtype[Any]:
        code = holder.get("componentType")
        if type(code) is not int or code not in _TYPES:
            raise self.fault(f"accessor {index} has no known type of component")
        return np.dtype(_TYPES[code])

    def _elements(self, holder: dict[str, Any], code: np.dtype[Any], width: int, count: int) -> np.ndarray:
        """(count, width) as stored, read through a buffer view that has to hold them all."""
        view = self.item("bufferViews", self.integer(holder, "bufferView"))
        extensions = view.get("extensions")
        if isinstance(extensions, dict) and any(name in extensions for name in _PACKED):
            raise FileProblem(f"{self.path.name} is compressed with meshopt, which can't be read: export it without.")
        size = code.itemsize * width
        stride = self.integer(view, "byteStride", size) or size
        offset, first = self.integer(holder, "byteOffset", 0), self.integer(view, "byteOffset", 0)
        span = stride * (count - 1) + size if count else 0
        if stride < size or offset + span > self.integer(view, "byteLength"):
            raise self.fault("an accessor leads out of its buffer view")
        data = self._bytes(self.integer(view, "buffer"), first + offset, span)
        return np.ndarray((count, width), code, data, strides=(stride, code.itemsize))

    # Buffers

    def _bytes(self, number: int, start: int, length: int) -> bytes:
        """A part of a buffer."""
        if number not in self._buffers:
            self._buffers[number] = self._buffer(number)
        source = self._buffers[number]
        if isinstance(source, bytes):
            data = source[start : start + length]
        else:
            path, base, size = source
            if start + length > size:
                raise self.fault(f"buffer {number} is cut short")
            try:
                with path.open("rb") as file:
                    file.seek(base + start)
                    data = file.read(length)
            except OSError as problem:
                raise FileProblem(f"{self.path.name}: {path.name} can't be read: {problem.strerror or problem}.") from problem
        if len(data) < length:
            raise self.fault(f"buffer {number} is cut short")
        return data

    def _buffer(self, number: int) -> bytes | tuple[Path, int, int]:
        """The bytes of a buffer, or the file, the place in it and the length."""
        uri = self.item("buffers", number).get("uri")
        if uri is None:
            if number or self._bin is None:
                raise self.fault(f"buffer {number} is nowhere")
            return (self.path, *self._bin)
        if not isinstance(uri, str):
            raise self.fault(f"buffer {number} has no address")
        if uri[:5].lower() == "data:":
            return self._inline(uri, number)
        path = self._beside(uri)
        size = path.stat().st_size
        self._size += size
        if size > MAX_BYTES:
            raise FileProblem(f"{self.path.name}: {path.name} has {size >> 20} MiB; the limit is {MAX_BYTES >> 20} MiB.")
        return path, 0, size

    def _inline(self, uri: str, number: int) -> bytes:
        header, comma, data = uri.partition(",")
        try:
            if not comma:
                raise ValueError("no comma")
            return base64.b64decode(data, validate=True) if header.endswith(";base64") else unquote_to_bytes(data)
        except (binascii.Error, ValueError) as problem:
            raise self.fault(f"buffer {number} is not what its address says ({problem})") from problem

    def _beside(self, uri: str) -> Path:
        """The file at a relative address, which has to lie in the folder of the .gltf."""
        name = unquote_to_bytes(uri.encode("utf-8", "replace")).decode("utf-8", "replace")
        shown = name if len(name) <= 80 and name.isprintable() else "a buffer"
        if _SCHEME.match(name) or "\\" in name or name.startswith("/") or any(ord(letter) < 32 for letter in name):
            raise FileProblem(f"{self.path.name} asks for {shown}: only files beside it are read.")
        folder = self.path.parent.resolve()
        try:
            path = (folder / name).resolve()
            inside, there = path.is_relative_to(folder), path.is_file()
        except (OSError, RuntimeError, ValueError) as problem:
            raise FileProblem(f"{self.path.name} asks for {shown}, which can't be opened.") from problem
        if not inside:
            raise FileProblem(f"{self.path.name} asks for {shown}: only files beside it are read.")
        if not there:
            raise FileProblem(f"{self.path.name} needs {shown}, which is not there.")
        return path
