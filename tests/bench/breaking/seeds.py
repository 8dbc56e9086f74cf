# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole files to damage: built in code, the same everywhere, and small real ones of `../shared` where it lies there."""

import io
import json
import struct
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tests.bench.breaking.fbx_binary import from_ascii
from tests.library.takes import write_take
from tests.motion.figures import PERSON, Bvh, moving, skeleton
from tests.motion.readers import fbx_text
from tmr_blender.motion.writers import write_bvh

SHARED = Path(__file__).resolve().parents[4] / "shared"
REAL = 300_000
"""Bytes of a real file that is taken; larger ones only cost time."""


def real(pattern: str, wanted: Callable[[bytes], bool] = lambda _data: True, count: int = 4) -> list[bytes]:
    """The smallest real files of a kind."""
    paths = sorted(SHARED.glob(pattern), key=lambda path: (path.stat().st_size, path.name))
    data = (path.read_bytes() for path in paths if path.stat().st_size <= REAL)
    return [content for content in data if wanted(content)][:count]


def _written(write: Callable[[Path], object], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


def bvh() -> list[bytes]:
    """A toy, a person as `write_bvh` has it, one as our test takes have it, two people in one file, and CMU takes."""
    person = _written(lambda path: write_bvh(moving(skeleton()), path), "person.bvh")
    take = _written(lambda path: write_take(path, "walks", 1.0), "take.bvh")
    header, _, _ = take.partition(b"MOTION")
    rows = [row.split() for row in take.partition(b"Frame Time:")[2].splitlines()[1:]]
    second = header.replace(b"HIERARCHY\n", b"").replace(b"ROOT Hips", b"ROOT Other")
    doubled = b"\n".join(b" ".join(row + row) for row in rows)
    pair = header + second + b"MOTION\nFrames: %d\nFrame Time: 0.0333333\n" % len(rows) + doubled + b"\n"
    cut = [data[: data.index(b"\n", 60_000) + 1] if len(data) > 60_000 else data for data in real("mocap/*/*.bvh", count=3)]
    return [Bvh().bytes(), person, take, pair, *cut]


def _limbs(takes: Iterable[str], frames: int = 12) -> list[fbx_text.Limb]:
    """The person, in centimetres, with a swaying of every joint in each take."""
    chance = np.random.default_rng(1)
    phase = np.linspace(0.0, 6.0, frames)[:, None]
    return [
        fbx_text.Limb(
            name,
            parent,
            tuple(100.0 * value for value in offset),  # pyright: ignore[reportArgumentType]
            keys={take: 30.0 * np.sin(phase + chance.uniform(0.0, 6.0, 3)) for take in takes},
        )
        for name, parent, offset in PERSON
    ]


def fbx_ascii() -> list[bytes]:
    """One take; two takes, Z up, in metres; and real files in ASCII."""
    one = fbx_text.text(_limbs(["Walk"]), ["Walk"])
    two = fbx_text.text(_limbs(["A", "B"], 5), ["A", "B"], unit=100.0, z_up=True)
    return [one.encode(), two.encode(), *real("fbx/*.fbx", lambda data: not data.startswith(b"Kaydara"))]


def fbx() -> list[bytes]:
    """The same in binary, of both widths of offsets, and real ones."""
    one = fbx_text.text(_limbs(["Walk"]), ["Walk"])
    two = fbx_text.text(_limbs(["A", "B"], 5), ["A", "B"])
    binary = [from_ascii(one), from_ascii(two, 7500)]
    return [*binary, *real("mocap/cmu_fbx/*.fbx", count=2), *real("fbx/*.fbx", lambda data: data.startswith(b"Kaydara"))]


def gltf_tree(frames: int = 12) -> tuple[dict[str, object], bytes]:
    """The JSON of a glTF file with the person, a skin and two animations, and the bytes of its buffer."""
    body = skeleton()
    clip = moving(body, frames)
    times = (np.arange(frames) / 30.0).astype("<f4")
    blocks, accessors, views, size = [times.tobytes()], [], [], 0
    accessors.append({"bufferView": 0, "componentType": 5126, "count": frames, "type": "SCALAR", "min": [0], "max": [1]})
    for joint in range(body.count):
        blocks.append(np.roll(clip.rotations[:, joint], -1, axis=-1).astype("<f4").tobytes())
        accessors.append({"bufferView": joint + 1, "componentType": 5126, "count": frames, "type": "VEC4"})
    blocks.append(clip.translations[:, 0].astype("<f4").tobytes())
    accessors.append({"bufferView": len(blocks) - 1, "componentType": 5126, "count": frames, "type": "VEC3"})
    for block in blocks:
        views.append({"buffer": 0, "byteOffset": size, "byteLength": len(block)})
        size += len(block)
    nodes = [{"name": name, "translation": list(offset)} for name, _, offset in PERSON]
    for joint, node in enumerate(nodes):
        if children := [int(child) for child in np.flatnonzero(body.parents == joint)]:
            node["children"] = children  # pyright: ignore[reportArgumentType]
    samplers = [{"input": 0, "output": joint + 1, "interpolation": "LINEAR"} for joint in range(body.count + 1)]
    channels = [{"sampler": j, "target": {"node": j, "path": "rotation"}} for j in range(body.count)]
    channels.append({"sampler": body.count, "target": {"node": 0, "path": "translation"}})
    tree: dict[str, object] = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": nodes,
        "skins": [{"joints": list(range(body.count)), "skeleton": 0}],
        "animations": [{"name": name, "samplers": samplers, "channels": channels} for name in ("Walk", "Run")],
        "accessors": accessors, "bufferViews": views, "buffers": [{"byteLength": size}],
    }  # fmt: skip
    return tree, b"".join(blocks)


def glb_file(tree: bytes, binary: bytes) -> bytes:
    """The two chunks as one file."""
    chunks = b""
    for kind, content, filler in ((b"JSON", tree, b" "), (b"BIN\0", binary, b"\0")):
        content += filler * (-len(content) % 4)
        chunks += struct.pack("<I", len(content)) + kind + content
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def glb() -> list[bytes]:
    """The person, and a real rig."""
    tree, binary = gltf_tree()
    return [glb_file(json.dumps(tree).encode(), binary), *real("rigs/*.glb")]


def gltf() -> list[bytes]:
    """The person with its buffer inside, and beside the file as `take.bin` (see `formats`)."""
    import base64

    out = []
    for uri in ("data:application/octet-stream;base64,", "take.bin"):
        tree, binary = gltf_tree()
        inside = base64.b64encode(binary).decode() if uri.startswith("data") else ""
        tree["buffers"] = [{"byteLength": len(binary), "uri": uri + inside}]
        out.append(json.dumps(tree, indent=1).encode())
    return out


def npz() -> list[bytes]:
    """AMASS (SMPL+H), SMPL-X as AMASS has it, and SMPL with parts by name; packed and not."""
    chance = np.random.default_rng(2)
    frames = 20
    trans = np.cumsum(chance.normal(0.0, 0.01, (frames, 3)), axis=0) + np.array([0.0, 0.0, 0.9])
    shared = {"trans": trans, "betas": np.zeros(16), "gender": np.array("neutral")}

    def swaying(columns: int) -> np.ndarray:
        return 0.3 * np.sin(np.linspace(0.0, 6.0, frames)[:, None] + chance.uniform(0.0, 6.0, columns))

    amass = {**shared, "poses": swaying(156), "dmpls": np.zeros((frames, 8)), "mocap_framerate": np.array(60.0)}
    smplx = {**shared, "poses": swaying(165), "mocap_frame_rate": np.array(30.0), "surface_model_type": np.array("smplx")}
    smplx |= {"root_orient": smplx["poses"][:, :3], "pose_body": smplx["poses"][:, 3:66]}
    parts = {"global_orient": swaying(3), "body_pose": swaying(63), "transl": trans, "betas": np.zeros((1, 10))}
    parts |= {"left_hand_pose": swaying(45), "right_hand_pose": swaying(45), "fps": np.array(30)}
    files = []
    for content, save in ((amass, np.savez), (smplx, np.savez_compressed), (parts, np.savez), (amass, np.savez_compressed)):
        stream = io.BytesIO()
        save(stream, **content)  # pyright: ignore[reportArgumentType]
        files.append(stream.getvalue())
    return files


ROWS = [
    {"file": "take.bvh", "text": "someone walks", "start": 0.5, "end": 1.0, "tags": ["calm", "old man"]},
    {"file": "sub\\take", "texts": ["a person turns left", "er dreht sich"], "take": 1},
    {"name": "take", "caption": "jumps — twice", "start": None},
]


def jsonl() -> list[bytes]:
    """Rows of every spelling."""
    return ["\n".join(json.dumps(row) for row in ROWS).encode(), json.dumps(ROWS[0]).encode() + b"\n"]


def json_captions() -> list[bytes]:
    """A list of rows, and an object."""
    return [json.dumps(ROWS).encode(), json.dumps({"take.bvh": ["walks", "goes"], "take": "runs"}, indent=1).encode()]


def json_notes() -> list[bytes]:
    """What lies beside one motion: rows, and an object that is one."""
    row = {"description": "someone walks", "label": "calm", "take": 0}
    return [json.dumps(ROWS).encode(), json.dumps(row, indent=1).encode()]


def csv_captions() -> list[bytes]:
    """With and without quotes."""
    return [
        b'file,text,start,end,take\r\ntake.bvh,walks,0.5,1.0,\r\ntake,"says ""no"", leaves",,,1\r\n',
        "file;text\ntake;läuft\n".encode(),
        b"file,text\n" + b"".join(b"take,line %d\n" % i for i in range(50)),
    ]


def notes() -> list[bytes]:
    """Plain lines, and HumanML3D's."""
    return ["someone walks\nein Mann läuft\n".encode(), b"a man walks.#a/DET man/NOUN walk/VERB#0.0#0.0\njumps#x#1.0#2.5\n"]
