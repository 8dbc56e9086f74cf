# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one scenario beside Blender: `python3 -m gui.drive NAME`, in the chroot with DISPLAY set. Leaves /out/results.json."""

import json
import sys
import time
import traceback
from pathlib import Path

from .scenarios import known
from .window import Failed, Window


def main() -> int:
    """Run it; 1 where anything failed."""
    found = next(item for item in known() if item.name == sys.argv[1])
    window = Window(found.number, found.name)
    start = time.monotonic()
    problem = ""
    try:
        found.run(window)
    except Failed as failure:
        problem = str(failure)
    except Exception:  # noqa: BLE001 - a fault of the scenario's is a result as well
        problem = traceback.format_exc()
    if problem:
        window.check("the scenario came to its end", False, problem)
        window.shot("where it stopped")
    results = {
        "name": found.name,
        "title": found.title,
        "clicks": window.clicks,
        "sentences": window.sentences,
        "seconds": time.monotonic() - start,
        "checks": window.checks,
        "figures": window.figures,
    }
    Path("/out/results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    return 0 if all(check["passed"] for check in window.checks) else 1


if __name__ == "__main__":
    sys.exit(main())
