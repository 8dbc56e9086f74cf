# SPDX-License-Identifier: GPL-3.0-or-later
"""How long one waits: for the extension to be enabled, for the first search, for every further one.

Enabling is compared with Rigify, an add-on of like size that Blender ships; the first search with merely importing torch
in a fresh process, which no search by a network can do without; a warm search with encoding the query alone.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import figures
from figures import MODULE, Figure

ENABLE = """
import importlib, json, os, sys, time
import bpy
start = time.perf_counter()
bpy.ops.preferences.addon_enable(module=sys.argv[1])
print(json.dumps([time.perf_counter() - start, "torch" in sys.modules]), flush=True)
os._exit(0)
"""
QUERIES = (
    "a person walks forward",
    "someone runs in a circle",
    "a man jumps over something",
    "a person kicks with the right leg",
    "someone throws punches",
    "a person does a cartwheel",
    "somebody crawls on the floor",
    "a person dances",
    "someone falls down and gets up",
    "a person turns around slowly",
)


def enabling(module: str, repeats: int = 3) -> tuple[float, bool]:
    """Seconds to enable an add-on in a fresh Blender, the best of some, and whether that imported torch."""
    taken, torch = [], False
    for _ in range(repeats):
        command = [sys.executable, "-P", "-c", ENABLE, module]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        seconds, imported = json.loads(lines[-1])
        taken.append(seconds)
        torch |= imported
    return min(taken), torch


def importing_torch(environment: dict[str, str]) -> float:
    """Seconds for a fresh process that only imports torch."""
    command = [sys.executable, "-W", "ignore", "-c", "import torch"]
    return figures.seconds(lambda: subprocess.run(command, env=environment, check=True), repeats=3)


def main() -> int:
    """Measure and report."""
    own, torch_imported = enabling(MODULE)
    rigify, _ = enabling("rigify")
    _, folder = figures.enable()
    client = figures.ours("library.client")
    torch_alone = importing_torch(client.child_environment())
    params = {"libraries": [str(folder / "starter" / "library")], "limit": 20}

    start = time.perf_counter()
    with client.Client.start() as worker:
        worker.request("search", {"query": QUERIES[0], **params}).wait(120)
        first = time.perf_counter() - start
        warm = []
        for query in QUERIES:
            start = time.perf_counter()
            worker.request("search", {"query": query, **params}).wait(60)
            warm.append(time.perf_counter() - start)

    encoder = figures.ours("tmr.encoders").TextEncoder()
    encoder.encode([QUERIES[0]])
    encoding = []
    for query in QUERIES:
        start = time.perf_counter()
        encoder.encode([query])
        encoding.append(time.perf_counter() - start)
    alone = statistics.median(encoding)
    rows = [
        Figure("enable the extension (baseline: enable Rigify)", own, "s", rigify, 2 * rigify),
        Figure("enabling imports torch", float(torch_imported), "times", None, 0.0),
        Figure("first search (baseline: import torch in a new process)", first, "s", torch_alone, 3 * torch_alone),
        Figure("warm search, median (baseline: encode the query)", statistics.median(warm), "s", alone, 2 * alone),
    ]
    return figures.finish(rows, f"Starter library, {len(QUERIES)} queries, one process after another on this machine.")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Blender 4.5 as a module hangs at a normal exit
