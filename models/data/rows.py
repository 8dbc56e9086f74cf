# SPDX-License-Identifier: GPL-3.0-or-later
"""Caption rows, one JSON object a line: motion, start, end (seconds, or null for the whole), texts, source, split."""

import json
from pathlib import Path

from models.data.takes import Caption
from tmr_blender.errors import FileProblem


def read(path: Path) -> list[Caption]:
    """The rows of captions.jsonl, moments.jsonl and the like. Raises FileProblem if it is missing or a row can't be read."""
    if not path.is_file():
        raise FileProblem(f"{path} is missing: rows with motion, start, end, texts, source and split belong there.")
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            start, end = (None if row.get(key) is None else float(row[key]) for key in ("start", "end"))
            texts = tuple(map(str, row["texts"]))
            found.append(Caption(str(row["motion"]), start, end, texts, str(row["source"]), str(row["split"])))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileProblem(f"{path}, line {number}, is not a caption row: {error!r}.") from error
    return found
