# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside Blender as a module: `inside.py install ZIP`, or `inside.py run ARGUMENTS...`.

The caller sets BLENDER_USER_RESOURCES to a private profile; the extension comes from there alone.
"""

import importlib
import os
import sys

MODULE = "bl_ext.user_default.tmr_blender"


def main() -> int:
    """Do what the arguments say; the exit code."""
    if not os.environ.get("BLENDER_USER_RESOURCES"):
        print(
            "BLENDER_USER_RESOURCES must name a private profile, or your own Blender settings would be changed.",
            file=sys.stderr,
        )
        return 2
    bpy = importlib.import_module("bpy")  # a C module without stubs, and one to import only now
    command, *rest = sys.argv[1:]
    if command == "install":
        bpy.ops.extensions.package_install_files(filepath=rest[0], repo="user_default", enable_on_install=True)
        enabled = MODULE in bpy.context.preferences.addons
        if not enabled:
            print("Blender could not enable the extension.", file=sys.stderr)
        return 0 if enabled else 1
    bpy.ops.preferences.addon_enable(module=MODULE)
    return importlib.import_module(f"{MODULE}.blender.command").run(rest)


if __name__ == "__main__":
    try:
        status = main()
    except RuntimeError as problem:  # an operator's; as a traceback it would leave a reference alive, see below
        print(problem, file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Blender 4.5 as a module never ends, and 4.2 crashes, where a reference to bpy is alive at the interpreter's exit.
    os._exit(status)
