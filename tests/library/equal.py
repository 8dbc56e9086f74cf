# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether two libraries hold the same."""

from pathlib import Path

import numpy as np

from tmr_blender.library.store import Library


def content(path: Path) -> list[object]:
    """All that a library holds but for vectors, in order."""
    library = Library.open(path)
    numbers = range(len(library.entries))
    poses = [np.asarray(library.bodies.of(i)).tobytes() for i in numbers]
    windows = [library.windows.start.tolist(), library.windows.end.tolist(), library.windows.first.tolist()]
    texts = [(t.entry, t.text, t.kind, t.start, t.end) for t in library.texts]
    seen = list(library.entries), library.facts(numbers), library.thumbnails(numbers)
    return [*seen, poses, windows, texts, sorted(library.errors())]


def same(one: Path, other: Path) -> None:
    """Assert that two libraries are equal entry for entry; vectors but for what rounding in other batches does."""
    assert content(one) == content(other)
    a, b = Library.open(one), Library.open(other)
    assert np.allclose(a.motion[a.windows.row], b.motion[b.windows.row], atol=1e-5)
    rows = [[t.row for t in library.texts] for library in (a, b)]
    assert np.allclose(a.text[rows[0]], b.text[rows[1]], atol=1e-5)
