# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole path without a window: `blender --command tmr --query "..."`, or `run` where Blender is a module.

Find the motion, put it on a rig, and leave a file that plays, the ranking, and a picture.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..errors import LibraryProblem, QueryProblem, SkeletonProblem, TMRError
from ..library.store import DATABASE
from ..motion import picture, png
from . import default_rig, jobs, places, preferences, sample
from .language import plain
from .properties import state
from .scenes import scene_fps

NAME = "tmr"
PANELS = 9
_handle: Any = None


def run(argv: Sequence[str]) -> int:
    """Search, apply the best hit, write the results. Returns the exit code: 2, and one sentence on stderr, for what
    the user can solve; nothing is written then."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as leaving:  # argparse has printed its help or what it misses; Blender has to be left in good order
        return int(leaving.code or 0)
    try:
        _check(options)
        hits = _search(options.query, _library(options.library), options.limit)
        rig = default_rig.load(options.rig.resolve()) if options.rig else default_rig.rigify_human()
        _apply(rig, hits[0], options.whole)
        _write(options.out.resolve(), rig, hits)
    except TMRError as error:
        print(f"tmr: {error}", file=sys.stderr)
        return 2
    finally:
        jobs.end_client()
    _print(hits)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="blender --command tmr", description="Find a described motion in a library and put it on a rig."
    )
    parser.add_argument("--query", required=True, help="the motion in words")
    parser.add_argument(
        "--library", type=Path, metavar="FOLDER", help="BVH, FBX, glTF or AMASS motions (default: the starter library)"
    )
    parser.add_argument("--rig", type=Path, metavar="FILE", help=".blend, .fbx, .glb or .gltf (default: Rigify's human)")
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path("out"), help="where the results go (default: out)")
    parser.add_argument("--limit", type=int, default=20, help="how many takes to rank (default: 20)")
    parser.add_argument("--whole", action="store_true", help="put the whole take on the rig, not only the best moment")
    return parser


def _check(options: argparse.Namespace) -> None:
    """Refuse what can be refused before anything long is begun."""
    if not options.query.strip():
        raise QueryProblem("The query is empty: describe a motion, such as: a person walks in a circle.")
    if options.rig is not None:
        default_rig.check(options.rig.resolve())
    if options.out.exists() and not options.out.is_dir():
        raise QueryProblem(f"{options.out} is a file: choose a folder for the results.")


def _library(folder: Path | None) -> Path:
    """The library to search: the index of `folder`, brought up to date but not added to the user's list, or the starter
    library."""
    if folder is None:
        if not (places.STARTER / DATABASE).is_file():
            raise LibraryProblem("The starter library is missing: install the extension's zip again, or name a --library.")
        return places.STARTER
    listed = preferences.place_of(bpy.context, str(folder.resolve())) >= 0
    _call(bpy.ops.tmr.add_library, directory=str(folder.resolve()))
    if not listed:
        preferences.forget(bpy.context, str(folder.resolve()))
    return places.library_for(folder)


def _search(query: str, library: Path, limit: int) -> list[dict[str, Any]]:
    """The hits, best first, as plain values: opening the rig's file clears the window's state."""
    _call(bpy.ops.tmr.search, query=query, library=str(library), limit=limit)
    names = ("name", "caption", "score", "start", "end", "path", "take")
    hits = [{name: getattr(hit, name) for name in names} for hit in state(bpy.context).hits]
    if not hits:
        raise LibraryProblem("The library holds no motion to search.")
    return hits


def _apply(rig: bpy.types.Object, hit: dict[str, Any], whole: bool) -> None:
    """Make the best hit the rig's action, from the first frame, and the scene as long as the motion."""
    scene = bpy.context.scene
    scene.frame_start = 1
    scene.frame_set(1)
    moment = {name: hit[name] for name in ("path", "take", "start", "end")}
    _call(bpy.ops.tmr.apply, **moment, action_name=hit["name"], whole="TAKE" if whole else "MOMENT", at="START", extent="FIT")
    if rig.animation_data is None or rig.animation_data.action is None:
        raise SkeletonProblem(f"{rig.name} took no action.")


def _call(operator: Any, **arguments: Any) -> None:
    """Run an operator; what it reports as an error is raised again as a sentence for the user."""
    try:
        operator(**arguments)
    except RuntimeError as error:
        if "Traceback" in str(error):  # a defect of ours inside the operator, not a report
            raise
        raise TMRError(plain(error)) from None


def _print(hits: list[dict[str, Any]]) -> None:
    """The head of the ranking, for people."""
    for place, hit in enumerate(hits[:5], 1):
        moment = f"{hit['start']:.1f} to {hit['end']:.1f} s"
        print(f"{place}. {hit['score']:.3f}  {hit['name']}  {moment}  {hit['caption']}".rstrip())


def _write(out: Path, rig: bpy.types.Object, hits: list[dict[str, Any]]) -> None:
    """All three results or none: they are made in a folder beside and moved when complete."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".tmr-") as name:
        draft = Path(name)
        # Blender's properties hold 32 bits: past the fourth place there is only noise.
        ranking = [hit | {name: round(hit[name], 4) for name in ("score", "start", "end")} for hit in hits]
        (draft / "ranking.json").write_text(json.dumps(ranking, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        png.write(draft / "preview.png", preview(rig))
        bpy.ops.wm.save_as_mainfile(filepath=str(draft / "result.blend"), copy=True)
        out.mkdir(exist_ok=True)
        for path in draft.iterdir():
            shutil.move(path, out / path.name)


def preview(rig: bpy.types.Object) -> png.Image:
    """A film strip of the rig over the scene's frame range."""
    scene = bpy.context.scene
    frames = np.linspace(scene.frame_start, scene.frame_end, PANELS)
    taken = sample.figures(rig, frames.tolist())
    times = (frames - scene.frame_start) / scene_fps(scene)
    return picture.strip(taken.figures, times.tolist(), trail=taken.trail, ground=taken.floor)


def register() -> None:
    """Make the command known to `blender --command`."""
    global _handle
    _handle = bpy.utils.register_cli_command(NAME, run)


def unregister() -> None:
    """Undo `register`."""
    global _handle
    bpy.utils.unregister_cli_command(_handle)
    _handle = None
