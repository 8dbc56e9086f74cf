# SPDX-License-Identifier: GPL-3.0-or-later
"""A script: Blender's own FBX importer reads a file and leaves plain arrays, for `motion.readers.blender_import`.

    blender --background --factory-startup --disable-autoexec --python import_motion.py -- FILE OUT
    python import_motion.py FILE OUT              (a Python that has Blender as the module bpy)

It runs by itself, outside of the extension, in any Blender from 4.2 on. `wm.fbx_import` (4.5 and later) is tried first,
then `import_scene.fbx`: the first knows ASCII and old versions, the second is another reader altogether.

OUT is an .npz without pickled objects, in metres and Y up, right-handed. Entries: `count`, `fps`, `problem` (a sentence
where nothing could be read), and for each of the `count` pairs of an armature and a take, numbered from 0, `N/name`
(the take), `N/armature`, `N/joints` (names), `N/parents` (joints,) with -1 for a root and parents before children,
`N/rest` (joints, 3, 4) and `N/poses` (frames, joints, 3, 4): matrices from the joint's frame to the scene's, with scale.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np

MAX_CELLS = 16_000_000
"""Frames times joints of all takes together; `motion.readers.limits` has the same for one."""

MAX_MEMORY = 6 << 30
"""Bytes of data that this process may hold, on systems that can limit it."""

Y_UP = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
"""From Blender's axes, Z up."""


class Unreadable(Exception):
    """The sentence for `problem`."""


def main() -> int:
    """Read the file that the command line names; 0 where OUT was written, with motion or with a problem."""
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    source, out = (Path(argument) for argument in arguments)
    limit_memory()
    try:
        content = content_of(source)
    except Unreadable as problem:
        content = {"count": np.array(0), "problem": np.array(str(problem))}
    with out.open("wb") as file:
        np.savez(file, **content)  # pyright: ignore[reportArgumentType]
    return 0


def limit_memory() -> None:
    """A damaged file that asks for more memory than there is ends this process and nothing else."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def content_of(source: Path) -> dict[str, np.ndarray]:
    """What OUT will hold. Raises Unreadable."""
    for read in (_import_native, _import_python):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        try:
            read(source)
        except RuntimeError:  # what an operator reports, with this machine's path in it
            continue
        return _content()
    raise Unreadable("None of its importers takes the file.")


def _import_native(source: Path) -> None:
    if "fbx_import" not in dir(bpy.ops.wm):  # hasattr says yes to any name
        raise RuntimeError("This Blender has no wm.fbx_import.")
    bpy.ops.wm.fbx_import(filepath=str(source), use_anim=True)


def _import_python(source: Path) -> None:
    if "io_scene_fbx" not in bpy.context.preferences.addons:
        bpy.ops.preferences.addon_enable(module="io_scene_fbx")
    bpy.ops.import_scene.fbx(filepath=str(source), use_anim=True, use_image_search=False)


def _content() -> dict[str, np.ndarray]:
    _drop_what_is_drawn()
    armatures = [item for item in bpy.context.scene.objects if item.type == "ARMATURE"]
    if not armatures:
        raise Unreadable("It holds no armature.")
    render = bpy.context.scene.render
    content: dict[str, np.ndarray] = {"fps": np.array(render.fps / render.fps_base)}
    still = {armature: (list(armature.data.bones), armature.matrix_world.copy()) for armature in armatures}
    count = cells = 0
    for name, parts in takes().items():
        first, last = (pick(action.frame_range[i] for _, action, _ in parts) for i, pick in enumerate((min, max)))
        frames = round(last - first) + 1
        assign(parts)
        for armature in moving(armatures, parts):
            bones, world = still[armature]
            cells += frames * len(bones)
            if cells > MAX_CELLS:
                raise Unreadable(f"It has more than {MAX_CELLS} frames times joints.")
            made = sampled(armature, bones, world, [first + frame for frame in range(frames)])
            content |= {f"{count}/{key}": value for key, value in made.items()}
            content |= {f"{count}/name": np.array(name), f"{count}/armature": np.array(armature.name)}
            count += 1
    if not count:
        raise Unreadable("It has a skeleton but no animation of it.")
    return content | {"count": np.array(count)}


def _drop_what_is_drawn() -> None:
    """Meshes and all else that costs time in every frame and carries no armature."""
    keep = {ancestor for item in bpy.context.scene.objects if item.type == "ARMATURE" for ancestor in _with_ancestors(item)}
    for item in list(bpy.context.scene.objects):
        if item not in keep:
            bpy.data.objects.remove(item)


def _with_ancestors(item: Any) -> list[Any]:
    out = [item]
    while out[-1].parent is not None:
        out.append(out[-1].parent)
    return out


def takes() -> dict[str, list[tuple[Any, Any, Any]]]:
    """Take -> the objects that it moves, each with its action and slot (None before Blender 4.4).

    `wm.fbx_import` makes one action for a take, with a slot for each object. `import_scene.fbx` makes one for each object
    and layer, OBJECT|TAKE or OBJECT|TAKE|LAYER; a take's second layer counts as a take of its own here.
    """
    out: dict[str, list[tuple[Any, Any, Any]]] = {}
    objects = list(bpy.context.scene.objects)
    for action in bpy.data.actions:
        slots = list(getattr(action, "slots", [None]))
        for item in objects:
            prefix = item.name + "|"
            slot = next((slot for slot in slots if slot is not None and slot.name_display == item.name), None)
            if slot is not None:
                out.setdefault(action.name, []).append((item, action, slot))
            elif action.name.startswith(prefix):
                out.setdefault(action.name.removeprefix(prefix), []).append((item, action, slots[0] if slots else None))
    return out


def assign(parts: list[tuple[Any, Any, Any]]) -> None:
    """Let the objects of a take move by it, and no others."""
    for item in bpy.context.scene.objects:
        if item.animation_data is not None:
            item.animation_data.action = None
    for item, action, slot in parts:
        data = item.animation_data or item.animation_data_create()
        data.action = action
        if slot is not None:
            data.action_slot = slot


def moving(armatures: list[Any], parts: list[tuple[Any, Any, Any]]) -> list[Any]:
    """The armatures that a take moves, by their bones or by what they hang from."""
    moved = {item for item, _, _ in parts}
    return [armature for armature in armatures if moved.intersection(_with_ancestors(armature))]


def sampled(armature: Any, bones: list[Any], world: Any, frames: Sequence[float]) -> dict[str, np.ndarray]:
    """The arrays of one armature in the take that is assigned; bones: parents first, as Blender lists them."""
    row = {bone.name: i for i, bone in enumerate(bones)}
    pose = armature.pose.bones
    order = [pose.find(bone.name) for bone in bones]
    poses = np.empty((len(frames), len(bones), 3, 4), dtype=np.float32)
    buffer = np.empty(16 * len(pose), dtype=np.float32)
    for number, frame in enumerate(frames):
        whole = int(np.floor(frame))
        bpy.context.scene.frame_set(whole, subframe=frame - whole)
        pose.foreach_get("matrix", buffer)
        poses[number] = _placed(armature.matrix_world, buffer.reshape(-1, 4, 4).swapaxes(1, 2)[order])
    return {
        "joints": np.array([bone.name for bone in bones]),
        "parents": np.array([-1 if bone.parent is None else row[bone.parent.name] for bone in bones], dtype=np.int64),
        "rest": _placed(world, np.array([bone.matrix_local for bone in bones])),
        "poses": poses,
    }


def _placed(world: Any, matrices: np.ndarray) -> np.ndarray:
    """From the armature's space (joints, 4, 4) to the scene's with Y up, (joints, 3, 4)."""
    return ((Y_UP @ np.array(world)) @ matrices)[:, :3].astype(np.float32)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Blender 4.5 as a module hangs at a normal exit
