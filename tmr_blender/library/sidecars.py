# SPDX-License-Identifier: GPL-3.0-or-later
"""Captions and notes that lie beside motion files.

- `captions.jsonl`: one row a line, {"file": ..., "text": ... or "texts": [...], "start", "end", "take", "tags"}.
- `captions.json`: a list of such rows, or {file: text or [texts]}.
- `captions.csv`: a header with at least `file` and `text`; `start`, `end`, `take` if wanted.
- `NAME.txt` beside NAME.bvh: one caption a line; HumanML3D's `text#tokens#start#end` is understood.

A file is named by its path from the sidecar's folder, with or without its suffix, slashes either way.
"""

import csv
import io
import json
import math
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import FileProblem

MAX_BYTES = 64 * 2**20
MAX_NOTES_BYTES = 2**20
MAX_TEXT = 1000
"""Characters; a longer text is not a caption, and its end is cut off."""

NAMES = ("captions.jsonl", "captions.json", "captions.csv")


@dataclass(frozen=True)
class Note:
    """One text about a file. start, end: seconds or None. take: which of its clips, None for all."""

    text: str
    start: float | None = None
    end: float | None = None
    take: int | None = None
    tags: tuple[str, ...] = ()


def read_captions(path: Path) -> dict[str, list[Note]]:
    """File key (see `key_of`) -> notes, of a `captions.*` file. Raises FileProblem, naming file and row."""
    text = _read(path, MAX_BYTES)
    notes: dict[str, list[Note]] = {}
    for number, row in enumerate(_rows(path, text), 1):
        file, found = _notes(row, f"{path.name}, row {number}")
        notes.setdefault(key_of(file), []).extend(found)
    return notes


def read_notes(path: Path) -> list[Note]:
    """The captions of a NAME.txt. Raises FileProblem."""
    notes = []
    for line in _read(path, MAX_NOTES_BYTES).splitlines():
        text, *rest = line.strip().split("#")
        span: tuple[float | None, float | None] = (None, None)
        if len(rest) == 3:
            try:
                start, end = float(rest[1]), float(rest[2])
            except ValueError:
                start = end = 0.0
            # 0.0#0.0 is HumanML3D's whole clip. Not-a-numbers compare as false.
            span = (start, end) if 0.0 <= start < end < math.inf else (None, None)
        if text.strip():
            notes.append(Note(_words(text), *span))
    return notes


def key_of(file: str) -> str:
    """The form in which a file is looked up: slashes forward, letter case ignored."""
    return str(PurePosixPath(file.replace("\\", "/"))).casefold()


def _read(path: Path, limit: int) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
            raise FileProblem(f"{path.name} is not a file.")
        if status.st_size > limit:
            raise FileProblem(f"{path.name} is larger than {limit // 2**20} MiB: too large for captions.")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileProblem(f"{path.name} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    except OSError as error:
        raise FileProblem(f"{path.name} can't be read: {error.strerror or error}.") from error


def _rows(path: Path, text: str) -> Iterable[Any]:
    if path.suffix == ".csv":
        try:
            return list(csv.DictReader(io.StringIO(text)))
        except csv.Error as error:
            raise FileProblem(f"{path.name}: not a table in CSV ({error}).") from error
    if path.suffix == ".jsonl":
        return [_parsed(line, f"{path.name}, line {i}") for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    data = _parsed(text, path.name)
    if isinstance(data, Mapping):
        return [{"file": file, "texts": texts} for file, texts in data.items()]
    if not isinstance(data, list):
        raise FileProblem(f"{path.name} must hold a list of rows, or one object from file names to captions.")
    return data


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileProblem(f"{where}: not JSON ({_shown(error)}).") from error


def _notes(row: Any, where: str) -> tuple[str, list[Note]]:
    """The file that a row names, and what it says about it."""
    if not isinstance(row, Mapping):
        raise FileProblem(f"{where}: expected an object with `file` and `text`.")
    file = row.get("file") or row.get("name") or row.get("motion")
    texts = row.get("texts", row.get("text", row.get("caption")))
    texts = [texts] if isinstance(texts, str) else texts
    tags = row.get("tags") or []
    if not isinstance(file, str) or not isinstance(texts, list) or not isinstance(tags, list):
        raise FileProblem(f"{where}: expected `file` and `text`.")
    if not all(isinstance(text, str) for text in [*texts, *tags]):
        raise FileProblem(f"{where}: captions and tags must be text.")
    start, end, take = (_number(row.get(key), key, where) for key in ("start", "end", "take"))
    kept = [_words(text) for text in texts if text.strip()]
    own = tuple(_words(tag) for tag in tags)
    return file, [Note(text, start, end, None if take is None else int(take), own) for text in kept]


def _words(text: str) -> str:
    """Text that can be stored: JSON can write halves of characters ("\\ud800"), which no encoding holds."""
    return text.strip()[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")


def _shown(value: object) -> str:
    """Of a value from a file, what fits into a sentence."""
    return repr(str(value))[1:-1][:80]


def _number(value: Any, key: str, where: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or number < 0.0:
        raise FileProblem(f"{where}: `{key}` must be a number from zero up, not {_shown(value)}.")
    return number
