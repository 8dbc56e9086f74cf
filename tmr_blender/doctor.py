# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bug report needs to know about an installation, and whether it works: `python -m tmr_blender doctor`.

Each part is looked at on its own and printed before the next one is begun, so that a report tells of the others where one
fails or takes the whole process with it. Folders are told from the user's own, which is written ~.
"""

import argparse
import getpass
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from .errors import LibraryProblem, TMRError

ILL = 2
PACKAGE = Path(__file__).resolve().parent
WHEELS = ("torch", "tokenizers", "ufbx", "typing_extensions")
"""What a zip brings along, as it is imported; NumPy is Blender's."""
QUERY, ANSWER = "a person does a cartwheel", "cartwheel"
"""Of the starter library."""
LEAST_LIKE = 0.99
"""Cosine between the vectors of a motion encoded here and of the same where the library was made."""
MOST_OFF = 0.5
"""Degrees by which a limb of the trial rig may point elsewhere than the motion's; it is within rounding."""
LEAST_FREE = 2e9
"""Bytes; a library of 100,000 takes has about as many."""
TOLD = 3
"""Sentences about unread files and faults that are printed."""

Level = Literal["", "warning", "FAULT"]


@dataclass(frozen=True)
class Line:
    """One line of the report. level: "" for what is fine or only told, "FAULT" for what keeps the extension from working."""

    text: str
    level: Level = ""


@dataclass(frozen=True)
class Part:
    """What is looked at together; `seconds` it took."""

    title: str
    lines: tuple[Line, ...]
    seconds: float

    @property
    def ill(self) -> bool:
        """Whether anything in it is at fault."""
        return any(line.level == "FAULT" for line in self.lines)

    def text(self) -> str:
        """As it is printed, without private folders."""
        head = f"{self.title} ({self.seconds:.1f} s)" if self.seconds >= 0.05 else self.title
        rows = [f"  {line.level + ': ' if line.level else ''}{line.text}" for line in self.lines]
        return shortened("\n".join([head, *rows]))


@dataclass(frozen=True)
class Patient:
    """What is examined. libraries: the user's; starter: the one that comes along, or None; model: a folder, or the default."""

    libraries: tuple[Path, ...] = ()
    starter: Path | None = None
    model: Path | None = None


def starter_library() -> Path | None:
    """The starter library of an installation or, built, of a checkout; None where there is none."""
    from .library.schema import DATABASE

    places = (PACKAGE / "starter" / "library", PACKAGE.parent / ".cache" / "starter" / "library")
    return next((place for place in places if (place / DATABASE).is_file()), None)


def examine(patient: Patient) -> Iterator[Part]:
    """All parts, each looked at when it is asked for."""
    for title, look in (
        ("Versions", _versions),
        ("Wheels", _wheels),
        ("Threads", _threads),
        ("Disk", _disk),
        ("Model", _model),
        ("Libraries", _libraries),
        ("Self-test: search", _search),
        ("Self-test: retarget", _retarget),
    ):
        yield _looked_at(title, look, patient)


def _looked_at(title: str, look: Callable[[Patient], Iterator[Line]], patient: Patient) -> Part:
    """One part; what it fails with is a line of it."""
    start, lines = time.perf_counter(), []
    try:
        for line in look(patient):
            lines.append(line)
    except TMRError as problem:
        lines.append(Line(str(problem), "FAULT"))
    except Exception:  # noqa: BLE001 (a defect of ours is what the report is there to tell of; the other parts still count)
        lines += [Line(row, "FAULT") for row in traceback.format_exc().strip().splitlines()]
    return Part(title, tuple(lines), time.perf_counter() - start)


def _versions(patient: Patient) -> Iterator[Line]:
    import numpy

    yield Line(f"extension {version()}")
    yield Line(f"Python {platform.python_version()}, NumPy {numpy.__version__}")
    yield Line(f"{platform.platform()}, {platform.machine()}")
    yield Line(f"package in {PACKAGE}")


def version() -> str:
    """The extension's, from its manifest beside the package or, in a checkout, above it; "unknown" without one."""
    for folder in (PACKAGE, PACKAGE.parent):
        manifest = folder / "blender_manifest.toml"
        found = re.search(r'^version = "(.+)"$', manifest.read_text("utf-8"), re.MULTILINE) if manifest.is_file() else None
        if found:
            return found.group(1)
    return "unknown"


def _wheels(patient: Patient) -> Iterator[Line]:
    for name in WHEELS:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            yield Line(f"{name} is missing. Install the extension's zip for this platform and Blender again.", "FAULT")
            continue
        yield Line(f"{name} {_version_of(name)} in {_above(found.origin)}")


def _version_of(name: str) -> str:
    try:
        return importlib.metadata.version(name.replace("_", "-"))
    except importlib.metadata.PackageNotFoundError:
        return "(of no known version)"


def _above(origin: str) -> Path:
    """The folder that a module or package is imported from."""
    path = Path(origin)
    return path.parent.parent if path.name.startswith("__init__.") else path.parent


def _threads(patient: Patient) -> Iterator[Line]:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Line(f"{os.cpu_count()} processors, of which {allowed} may be used")
    import torch

    yield Line(f"torch runs on {torch.get_num_threads()}")
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    held = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    if held:
        yield Line("held by " + ", ".join(held))


def _disk(patient: Patient) -> Iterator[Line]:
    places = {"home": Path.home(), "temporary files": Path(tempfile.gettempdir())}
    places |= {f"library {number}": path for number, path in enumerate(patient.libraries, 1)}
    for name, path in places.items():
        there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        free = shutil.disk_usage(there).free
        yield Line(f"{name}: {free / 1e9:.1f} GB free", "" if free >= LEAST_FREE else "warning")


def _model(patient: Patient) -> Iterator[Line]:
    from .library.contents import hash_of
    from .tmr.encoders import model_folder, read_card

    folder = model_folder(patient.model)
    yield Line(f"networks {read_card(folder).id} in {folder}")
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield Line(f"{path.name}: {path.stat().st_size:,} bytes, {hash_of(path)[:16]}")
    start = time.perf_counter()
    width = _text_encoder(patient.model).encode([QUERY])[0].shape[1]
    yield Line(f"text encoder loaded and run in {time.perf_counter() - start:.1f} s, latents of {width}")


@cache
def _text_encoder(model: Path | None) -> Any:
    from .tmr.encoders import TextEncoder

    return TextEncoder(model)


def _libraries(patient: Patient) -> Iterator[Line]:
    from .library.info import summary
    from .tmr.encoders import model_folder, read_card

    model = read_card(model_folder(patient.model)).id
    named = {"starter library": patient.starter} if patient.starter else {}
    named |= {f"library {number}": path for number, path in enumerate(patient.libraries, 1)}
    if not patient.starter:
        yield Line("the starter library is missing. Install the extension's zip again.", "FAULT")
    for name, path in named.items():
        known = summary(path)
        if known.problem:
            yield Line(f"{name} in {path}: {known.problem}", "FAULT" if path == patient.starter else "warning")
            continue
        yield Line(f"{name} in {path}: {known.takes:,} takes, {known.seconds / 60.0:.1f} minutes")
        if known.model not in ("", model):
            yield Line(f"{name} was encoded by other networks ({known.model}): re-encode it to search it", "warning")
        if known.failed:
            yield Line(f"{name}: {known.failed:,} files could not be read, such as: {known.sentences[0]}", "warning")
        yield from _faults(name, path)


def _faults(name: str, path: Path) -> Iterator[Line]:
    """What is wrong inside a library."""
    from .library.upkeep import check

    health = check(path)
    for fault in health.faults[:TOLD]:
        yield Line(f"{name}: {fault}", "FAULT")
    if len(health.faults) > TOLD:
        yield Line(f"{name}: and {len(health.faults) - TOLD} more faults", "FAULT")
    for folder in health.missing:
        yield Line(f"{name}: its folder {folder} is not there", "warning")


def _search(patient: Patient) -> Iterator[Line]:
    from .library.search import search
    from .library.store import Library

    if patient.starter is None:
        raise LibraryProblem("There is no starter library to search.")
    encoder, library = _text_encoder(patient.model), Library.open(patient.starter)
    search([library], "a person walks", encoder, 1)
    start = time.perf_counter()
    hits = search([library], QUERY, encoder, 3)
    taken = (time.perf_counter() - start) * 1000.0
    if not hits or ANSWER not in hits[0].name:
        found = ", ".join(f"{hit.name} {hit.score:.2f}" for hit in hits)
        raise LibraryProblem(f"“{QUERY}” finds {found or 'nothing'} instead of {ANSWER}.")
    yield Line(f"“{QUERY}” finds {hits[0].name} with {hits[0].score:.3f} in {taken:.0f} ms")
    yield _found_again(patient, patient.starter, library)


def _found_again(patient: Patient, starter: Path, library: Any) -> Line:
    """Whether a motion that is encoded here is what the library has of it: the motion encoder, the readers, the features."""
    from .library import similar
    from .tmr.encoders import MotionEncoder

    encoder = MotionEncoder(patient.model)
    latent = similar.latent_of(similar.motion_of(_clip_of(starter)), encoder)
    hit = similar.similar([library], latent, encoder.model_id, 1)[0]
    alike = float(latent @ similar.latent_at(library, similar.entry_at(library, hit.entry)))
    text = f"the motion of {ANSWER} finds {hit.name}, whose stored vector is like its own to {alike:.4f}"
    return Line(text, "" if ANSWER in hit.name and alike >= LEAST_LIKE else "FAULT")


def _clip_of(starter: Path) -> Path:
    return starter.parent / "clips" / f"{ANSWER}.bvh"


def _retarget(patient: Patient) -> Iterator[Line]:
    from .motion import readers
    from .retarget import trial

    if patient.starter is None:
        raise LibraryProblem("There is no starter library to take a motion from.")
    clip = readers.read(_clip_of(patient.starter))[0]
    off = trial.off(clip)
    text = f"{clip.name}, {clip.frames} frames, on a rig of {trial.rig().count} bones: limbs off by {off:.4f} degrees at most"
    yield Line(text, "" if off <= MOST_OFF else "FAULT")


def shortened(text: str) -> str:
    """The text with the user's folder as ~ and, in other folders, the user's name left out."""
    for home in {str(Path.home()), str(Path.home().resolve())}:
        for spelt in {home, home.replace("\\", "/"), home.replace("\\", "\\\\")}:
            if len(spelt) > 1:
                text = re.sub(re.escape(spelt) + r"(?![\w.-])", "~", text, flags=re.IGNORECASE if os.name == "nt" else 0)
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such entry, as in some containers
        return text
    return re.sub(rf"([/\\]){re.escape(user)}(?=[/\\])", r"\1USER", text)


def add_to(commands: Any) -> None:
    """Add the command to the parser's."""
    help = "say what is installed, whether it works, and what a bug report needs to know"
    parser = commands.add_parser("doctor", help=help, description=help)
    parser.add_argument("--library", type=Path, action="append", default=[], help="to look at as well; may be repeated")
    parser.add_argument("--model", type=Path, help="folder of the weights (default: TMR_MODEL, or the extension's own)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the report; 0 where nothing is at fault."""
    patient = Patient(tuple(options.library), starter_library(), options.model)
    parts = []
    for part in examine(patient):
        parts.append(part)
        if not options.json:
            print(part.text(), flush=True)
    ill = [part.title for part in parts if part.ill]
    if options.json:
        told = [{**asdict(part), "lines": [[line.level, shortened(line.text)] for line in part.lines]} for part in parts]
        print(json.dumps({"healthy": not ill, "parts": told}, ensure_ascii=False))
    else:
        print(verdict(ill))
    return ILL if ill else 0


def verdict(ill: Sequence[str]) -> str:
    """The last line."""
    return f"At fault: {', '.join(ill)}." if ill else "All is well."
