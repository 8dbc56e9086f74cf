# SPDX-License-Identifier: GPL-3.0-or-later
"""From the source tree, the exported weights, the starter library and the locked wheels to one checked zip.

Blender's own `blender_ext.py` (from the bpy wheel) builds and validates; the zip is then rewritten with sorted names and
one fixed time, so that the same input gives the same bytes.
"""

import re
import shutil
import sys
import zipfile
from collections import Counter
from pathlib import Path

from . import wheels
from .environments import Environment
from .stages import CACHE, ROOT, BuildProblem, digest, require
from .wheels import PYTHONS, Target, Wheel

PACKAGE = ROOT / "tmr_blender"
MANIFEST = ROOT / "blender_manifest.toml"
MODEL = CACHE / "model"
STARTER = CACHE / "starter"
DATA_LICENCES = ROOT / "building" / "data_licences.md"
SAME_TIME = (1980, 1, 1, 0, 0, 0)
SAME_SECOND = 315532800  # the same in seconds since 1970
WEIGHTS = ("model.json", "tokenizer.json", "text_encoder.ts", "motion_encoder.ts", "background.npy", "synthesis.ts")


def version() -> str:
    """The extension's version, from its manifest."""
    found = re.search(r'^version = "(.+)"$', MANIFEST.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise BuildProblem(f"{MANIFEST.name} has no version.")
    return found.group(1)


def zip_name(target: Target) -> str:
    """File name of the zip of one target."""
    return f"tmr_blender-{version()}-{target.name}.zip"


def inputs(target: Target, rows: list[Wheel]) -> str:
    """Digest of everything that ends up in the zip of `target`."""
    builders = [ROOT / "building", ROOT / "LICENSE"]
    names = [f"{row.file} {row.sha256}" for row in wheels.shipped(target, rows)]
    return digest([PACKAGE, MANIFEST, MODEL, STARTER, *builders], target.name, *names)


def build(target: Target, rows: list[Wheel], folder: Path, blender: Environment, torch_index: str) -> Path:
    """Make the zip of one target in `folder`, validated by Blender's own tool. Raises `BuildProblem`."""
    chosen = wheels.shipped(target, rows)
    files = [wheels.fetch(row, torch_index, blender.python) for row in chosen]
    text = manifest(MANIFEST.read_text(encoding="utf-8"), target, [file.name for file in files])
    return pack(text, chosen, files, folder / zip_name(target), blender)


def pack(text: str, chosen: list[Wheel], files: list[Path], made: Path, blender: Environment) -> Path:
    """Make the zip `made` with the manifest `text` and the wheels `files` of the rows `chosen`. Raises `BuildProblem`."""
    stage = CACHE / "stage" / made.stem
    shutil.rmtree(stage, ignore_errors=True)
    _lay_out(stage, text, chosen, files)
    raw = CACHE / "stage" / made.name
    tool = command_line_tool(blender)
    require(
        [blender.python, "-I", tool, "build", "--source-dir", stage, "--output-filepath", raw],
        f"Blender's extension builder refused {made.name}",
    )
    made.parent.mkdir(parents=True, exist_ok=True)
    rewrite(raw, made)
    raw.unlink()
    shutil.rmtree(stage)
    require([blender.python, "-I", tool, "validate", made], f"Blender's extension validator refused {made.name}")
    return made


def command_line_tool(blender: Environment) -> Path:
    """Blender's `blender_ext.py` inside the bpy wheel of an environment."""
    found = sorted(blender.folder.glob("**/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise BuildProblem(f"{blender.folder.name} holds no bpy; remove the folder and run this again.")
    return found[-1]


def write_repository(folder: Path, blender: Environment) -> None:
    """Make a folder of zips an extension repository: a studio adds its URL or path in Blender and gets updates."""
    command = [blender.python, "-I", command_line_tool(blender), "server-generate", "--repo-dir", folder]
    require(command, "Blender's tool could not write the repository's index")


def _lay_out(stage: Path, text: str, chosen: list[Wheel], files: list[Path]) -> None:
    shutil.copytree(PACKAGE, stage, ignore=shutil.ignore_patterns("__pycache__"))
    missing = [name for name in WEIGHTS if not (MODEL / name).is_file()]
    if missing:
        raise BuildProblem(f"The exported model lacks {', '.join(missing)}.")
    (stage / "weights").mkdir()
    for name in WEIGHTS:
        shutil.copy(MODEL / name, stage / "weights" / name)
    shutil.copytree(STARTER, stage / "starter")
    shutil.copy(ROOT / "LICENSE", stage / "LICENSE")
    (stage / "wheels").mkdir()
    for file in files:
        link(file, stage / "wheels" / file.name)
    _write_licences(stage / "licences", chosen, files)
    (stage / MANIFEST.name).write_text(text, encoding="utf-8")


def manifest(source: str, target: Target, files: list[str]) -> str:
    """The manifest of one zip: `source` with its Blender versions, platform and wheels."""
    return served(source, target.platform, PYTHONS[target.python], files)


def served(source: str, platform: str, blenders: tuple[str, str | None], files: list[str]) -> str:
    """The manifest `source` for one platform, from the first of `blenders` on and below the second, with wheels."""
    first, beyond = blenders
    lines = [f'blender_version_min = "{first}"']
    if beyond is not None:
        lines.append(f'blender_version_max = "{beyond}"')
    lines.append(f'platforms = ["{platform}"]')
    lines.append("wheels = [\n" + "".join(f'  "./wheels/{name}",\n' for name in sorted(files)) + "]")
    made, count = re.subn(r'^blender_version_min = ".+"$', "\n".join(lines), source, flags=re.MULTILINE)
    if count != 1:
        raise BuildProblem(f"{MANIFEST.name} must set blender_version_min once.")
    return made


def link(source: Path, target: Path) -> None:
    """The same file under another name, without copying where the file system can."""
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without hard links
        shutil.copy(source, target)


def _write_licences(folder: Path, chosen: list[Wheel], files: list[Path]) -> None:
    """What third parties wrote and on which terms: one list, and every licence text the wheels carry."""
    folder.mkdir()
    lines = [DATA_LICENCES.read_text(encoding="utf-8"), "## Wheels\n", "| package | version | licence |", "|---|---|---|"]
    for row, file in zip(chosen, files, strict=True):
        lines.append(f"| {row.name} | {row.version} | {row.licence} |")
        for name, text in wheels.licence_texts(file).items():
            # The path inside the wheel becomes one file name: deep folders break on Windows.
            (folder / row.name).mkdir(exist_ok=True)
            (folder / row.name / name.replace("/", "-")).write_bytes(text)
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def rewrite(source: Path, made: Path) -> None:
    """Copy a zip with sorted names, fixed times and modes; wheels stored, the rest deflated."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(made, "w") as new:
        for name in sorted(old.namelist()):
            entry = zipfile.ZipInfo(name, SAME_TIME)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            # Weights hardly shrink: level 9 takes three times as long for 1 %.
            new.writestr(entry, old.read(name), compresslevel=1)


def sizes(path: Path) -> dict[str, int]:
    """Compressed bytes of a zip by part: each wheel, weights, starter library, licences, code."""
    total: Counter[str] = Counter()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            top, _, rest = entry.filename.partition("/")
            part = rest.split("-")[0] if top == "wheels" else top if top in ("weights", "starter", "licences") else "code"
            total[part] += entry.compress_size
    return dict(total.most_common())


def report(path: Path) -> None:
    """Print a zip's size by part."""
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB", file=sys.stdout)
    for part, size in sizes(path).items():
        print(f"  {part:<20} {size / 1e6:9.2f} MB")
