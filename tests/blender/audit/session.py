# SPDX-License-Identifier: GPL-3.0-or-later
"""A session of use in a Blender of its own: `session.py FOLDER`, a folder of motions. Started by test_surprises.py."""

import os
import sys

import bpy
import parts


def main(folder: str) -> None:
    """Enable, search, apply, index a folder, search it, make a motion up, disable."""
    bpy.ops.preferences.addon_enable(module=parts.MODULE)
    assert bpy.ops.tmr.search(query="a person does a cartwheel") == {"FINISHED"}
    parts.human()
    assert bpy.ops.tmr.apply() == {"FINISHED"}
    assert bpy.ops.tmr.add_library(directory=folder) == {"FINISHED"}
    assert bpy.ops.tmr.search(query="a person walks") == {"FINISHED"}
    assert bpy.ops.tmr.find_moments(query="a person walks") == {"FINISHED"}
    if not parts.ours("tmr.synthesis").lacking():
        assert bpy.ops.tmr.synthesise(query="a person waves", seconds=2.0, draws=1) == {"FINISHED"}
    bpy.ops.preferences.addon_disable(module=parts.MODULE)


if __name__ == "__main__":
    main(sys.argv[1])
    print("The session is over.", flush=True)
    os._exit(0)  # Blender 4.5 as a module hangs at a normal exit
