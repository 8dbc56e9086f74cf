# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the starter library's motion files: `python -m tmr_blender.library.starter.convert --source WHEEL_OR_DIR --out DIR`.

The clips come from the PyPI package pybullet at build time; `captions.json` here names the ones that are taken, how
often a loop is repeated, and what they show.
"""

import argparse
import json
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import FileProblem, TMRError
from ...motion.writers import write_bvh
from . import deepmimic

MOTIONS = "pybullet_data/data/motions"
BODY = "pybullet_data/humanoid/humanoid.urdf"
MAX_BYTES = 4 * 2**20
"""Of one file of the source; the largest is 0.2 MB."""

Open = Callable[[str], str]


def convert(source: Path, out: Path) -> list[Path]:
    """Write every clip that `captions.json` names as BVH into `out`, and `captions.jsonl` beside them.

    source: a pybullet wheel, or the folder that holds `pybullet_data`. Returns the BVH files.
    Raises FileProblem where the source lacks a file or holds something else.
    """
    rows = json.loads((Path(__file__).parent / "captions.json").read_text(encoding="utf-8"))
    if source.is_dir():
        return _convert(rows, lambda name: _from_folder(source, name), out)
    try:
        with zipfile.ZipFile(source) as wheel:
            return _convert(rows, lambda name: _from_wheel(wheel, name), out)
    except (OSError, zipfile.BadZipFile) as error:
        raise FileProblem(f"{source} is neither a pybullet wheel nor a folder ({error}).") from error


def _convert(rows: list[dict[str, Any]], read: Open, out: Path) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    body = deepmimic.skeleton(read(BODY))
    paths, captions = [], []
    for row in rows:
        motion = deepmimic.parse(read(f"{MOTIONS}/{row['source']}"), row["source"])
        path = out / f"{row['name']}.bvh"
        write_bvh(deepmimic.clip(motion, body, row["name"], row["cycles"]), path)
        paths.append(path)
        captions.append(json.dumps({"file": path.name, "texts": row["texts"]}, ensure_ascii=False))
    (out / "captions.jsonl").write_text("\n".join(captions) + "\n", encoding="utf-8", newline="\n")
    return paths


def _from_folder(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8")
    except OSError as error:
        raise FileProblem(
            f"{folder} lacks {name} ({error.strerror or error}): give the folder that holds pybullet_data."
        ) from error


def _from_wheel(wheel: zipfile.ZipFile, name: str) -> str:
    try:
        if wheel.getinfo(name).file_size > MAX_BYTES:
            raise FileProblem(f"{name} in {wheel.filename} is too large to be a motion.")
        return wheel.read(name).decode("utf-8")
    except KeyError:
        raise FileProblem(f"{wheel.filename} lacks {name}: it is not a pybullet wheel that carries motions.") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        "tmr_blender.library.starter.convert", description="Make the starter library's motion files."
    )
    parser.add_argument("--source", type=Path, required=True, help="a pybullet wheel, or the folder that holds pybullet_data")
    parser.add_argument("--out", type=Path, required=True, help="folder for the BVH files and captions.jsonl")
    options = parser.parse_args(arguments)
    try:
        paths = convert(options.source, options.out)
    except TMRError as problem:
        print(problem, file=sys.stderr)
        return 2
    print(f"{len(paths)} clips in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
