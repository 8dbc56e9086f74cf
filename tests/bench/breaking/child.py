# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged files, one after another, in a process that may die: `python -m tests.bench.breaking.child` (see `fuzz`).

Prints two lines of JSON for each file: its number before it is read, and what came of it. The address space is bounded,
and so is the processor time of each file, by signals that no code in C can hold up.
"""

import argparse
import contextlib
import faulthandler
import json
import logging
import os
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from tests.bench.breaking import formats
from tmr_blender.errors import TMRError
from tmr_blender.library.reading import DATA_FAULTS

LONGEST = 400
"""Characters of a sentence in a report."""


def bound(megabytes: int) -> None:
    """No more address space than there is now and so much above."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def resident(name: str) -> int:
    """VmRSS or VmHWM of this process, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) >> 10


def outcome(case: formats.Format, path: Path) -> dict[str, Any]:
    """What comes of one file: "read", "refused", "fault" (the index makes one line of it), or a failure."""
    try:
        return {"kind": "read", "count": case.read(path)}
    except TMRError as problem:
        return _refused(case, str(problem))
    except MemoryError as problem:
        return {"kind": "memory", **_trace(problem)}
    except formats.UnsoundError as problem:
        return {"kind": "unsound", **_trace(problem)}
    except DATA_FAULTS as problem:
        # The index makes a sentence of what goes wrong in a motion file, and of nothing else.
        return {"kind": "fault" if case.read is formats.motion else "raised", **_trace(problem)}
    except Exception as problem:  # noqa: BLE001 - this is what is looked for
        return {"kind": "raised", **_trace(problem)}


def _refused(case: formats.Format, sentence: str) -> dict[str, Any]:
    good = "\n" not in sentence and "\r" not in sentence and sentence.isprintable() and len(sentence) <= LONGEST
    return {"kind": "refused" if good else "sentence", "text": sentence[: 2 * LONGEST], "where": "a sentence"}


def _trace(problem: BaseException) -> dict[str, Any]:
    """The message, and the innermost place in our code: by it failures are told apart."""
    frames = traceback.extract_tb(problem.__traceback__)
    own = [frame for frame in frames if "tmr_blender" in frame.filename] or list(frames)
    where = f"{type(problem).__name__} in {Path(own[-1].filename).name}:{own[-1].lineno}"
    return {"text": str(problem)[:LONGEST], "where": where}


def main() -> None:
    """The child's command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("format")
    parser.add_argument("folder", type=Path)
    for name in ("seed", "first", "last", "megabytes", "seconds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    case = formats.named(options.format)
    case.seeds  # noqa: B018 - made before memory is bounded
    faulthandler.enable()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    faulthandler.register(signal.SIGPROF, chain=True)
    bound(options.megabytes)
    for number in range(options.first, options.last):
        folder = options.folder / "case"
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)
        folder.mkdir()
        for name, data in case.case(options.seed, number).items():
            (folder / name).write_bytes(data)
        _report({"number": number})
        Path("/proc/self/clear_refs").write_text("5")  # the peak of this file begins here
        before, begun = resident("VmRSS"), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, options.seconds)
        found = outcome(case, folder / case.file)
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        found |= {"seconds": round(time.process_time() - begun, 3), "peak": resident("VmHWM") - before}
        _report({"number": number, **found})


def _report(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
