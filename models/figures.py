# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures that a command was asked to write."""

import json
from pathlib import Path
from typing import Any


def write(path: Path | None, figures: Any) -> None:
    """Writes what JSON can hold to `path`, making its folder; does nothing without a path."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
