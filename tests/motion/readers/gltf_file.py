# SPDX-License-Identifier: GPL-3.0-or-later
"""glTF files built in code, piece by piece, so that tests can bend each piece."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from tmr_blender.motion.clip import Clip

CODES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


class File:
    """`root` is the JSON, `data` the one buffer."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "nodes": [],
            "accessors": [],
            "bufferViews": [],
            "animations": [],
        }
        self.data = b""

    def view(self, data: bytes, **more: Any) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        self.root["bufferViews"].append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data), **more})
        self.data += data
        return len(self.root["bufferViews"]) - 1

    def accessor(self, values: Any, kind: str = "f4", **more: Any) -> int:
        """values: (count,) or (count, width)."""
        values = np.asarray(values).astype("<" + kind)
        width = 1 if values.ndim == 1 else values.shape[1]
        stored = {"bufferView": self.view(values.tobytes())}
        stored |= {"componentType": CODES[kind], "count": len(values), "type": TYPES[width]}
        self.root["accessors"].append(stored | more)
        return len(self.root["accessors"]) - 1

    def nodes(self, clip: Clip, **root: Any) -> list[int]:
        """The skeleton of a clip at rest; `root` goes into the node of its root."""
        first = len(self.root["nodes"])
        for joint, name in enumerate(clip.skeleton.names):
            children = [first + child for child in clip.skeleton.children(joint)]
            node = {"name": name, "translation": clip.skeleton.offsets[joint].tolist()}
            node["rotation"] = clip.skeleton.rest[joint, [1, 2, 3, 0]].tolist()
            self.root["nodes"].append(node | ({"children": children} if children else {}))
        self.root["nodes"][first] |= root
        return list(range(first, len(self.root["nodes"])))

    def skin(self, joints: list[int], binds: np.ndarray | None = None) -> None:
        """binds: (joints, 4, 4) inverse bind matrices that act on columns."""
        skin: dict[str, Any] = {"joints": joints}
        if binds is not None:
            skin["inverseBindMatrices"] = self.accessor(np.swapaxes(binds, 1, 2).reshape(len(binds), 16))
        self.root.setdefault("skins", []).append(skin)

    def animation(self, name: str = "take") -> dict[str, Any]:
        self.root["animations"].append({"name": name, "channels": [], "samplers": []})
        return self.root["animations"][-1]

    def channel(self, animation: dict[str, Any], node: int, path: str, times: int, values: int, how: str = "LINEAR") -> None:
        animation["samplers"].append({"input": times, "output": values, "interpolation": how})
        target = {"node": node, "path": path}
        animation["channels"].append({"sampler": len(animation["samplers"]) - 1, "target": target})

    def play(self, clip: Clip, joints: list[int], name: str = "take", start: float = 0.0) -> None:
        """The clip as an animation of the joints, a key in each frame."""
        taken = [animation for animation in self.root["animations"] if animation["name"] == name]
        animation = taken[0] if taken else self.animation(name)
        times = self.accessor(start + np.arange(clip.frames) / clip.fps)
        for joint, node in enumerate(joints):
            rotations = self.accessor(clip.rotations[:, joint, [1, 2, 3, 0]])
            self.channel(animation, node, "rotation", times, rotations)
        self.channel(animation, joints[0], "translation", times, self.accessor(clip.translations[:, 0]))

    def glb(self) -> bytes:
        self.root["buffers"] = [{"byteLength": len(self.data)}]
        text = json.dumps(self.root).encode()
        text += b" " * (-len(text) % 4)
        data = self.data + b"\0" * (-len(self.data) % 4)
        body = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
        return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body

    def write(self, path: Path, beside: str | None = None) -> Path:
        """As .glb or .gltf, by the suffix; beside: the address of the buffer, which is not written, of a .gltf."""
        if path.suffix == ".glb":
            path.write_bytes(self.glb())
            return path
        inline = "data:application/octet-stream;base64," + base64.b64encode(self.data).decode()
        self.root["buffers"] = [{"byteLength": len(self.data), "uri": beside or inline}]
        path.write_text(json.dumps(self.root))
        return path
