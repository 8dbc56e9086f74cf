# SPDX-License-Identifier: GPL-3.0-or-later
"""What a library holds, for people and for scripts."""

from typing import Any

from .store import Library


def info(library: Library) -> dict[str, Any]:
    """Counts and lists as plain values: takes, seconds, windows, captions, sources, model, errors as [path, sentence]."""
    return {
        "library": str(library.path),
        "takes": len(library.entries),
        "seconds": round(float(library.durations.sum()), 1),
        "windows": len(library.windows.row),
        "captions": sum(text.kind == "caption" for text in library.texts),
        "sources": [str(source) for source in library.sources],
        "model": library.meta.model,
        "errors": [list(row) for row in library.errors()],
    }
