# SPDX-License-Identifier: GPL-3.0-or-later
"""Captions and notes that lie beside motion files.

About many files, in any folder:
- `captions.jsonl`: one row a line, {"file": ..., "text": ... or "texts": [...], "start", "end", "take", "tags"}.
- `captions.json`: a list of such rows, or {file: text or [texts]}.
- `captions.csv`: a header with at least `file` and a text; commas, semicolons or tabs between.

About the file that they lie beside and are called like:
- `NAME.txt`: one caption a line; HumanML3D's `text#tokens#start#end` is understood.
- `NAME.json`: a text, a row, or a list of them.
- `NAME.csv`: a header and rows.
Rows of these need no `file`. What has none of the columns below (an export of markers, say) is no sidecar and is left alone.

Columns, in any letter case, of which a row may have several: see `FILE`, `TEXT`; `tags` are a list, or text with commas or
semicolons between. A file is named by its path from the sidecar's folder, with or without its suffix, slashes either way.
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

MAX_NOTES = 1000
"""Captions of one motion file from one sidecar; each gets a vector of its own."""

NAMES = ("captions.jsonl", "captions.json", "captions.csv")
BESIDE = (".txt", ".json", ".csv")
"""Suffixes of a sidecar of one file."""

FILE = ("file", "filename", "path", "name", "motion")
TEXT = ("text", "texts", "caption", "captions", "description", "descriptions", "notes", "note", "label", "labels", "title")
TAGS = ("tags", "tag", "keywords")

Row = dict[str, Any]
"""A row by its columns, in small letters."""


@dataclass(frozen=True)
class Note:
    """One text about a file, or "" and tags. start, end: seconds or None. take: which of its clips, None for all."""

    text: str
    start: float | None = None
    end: float | None = None
    take: int | None = None
    tags: tuple[str, ...] = ()


def read_captions(path: Path) -> dict[str, list[Note]]:
    """File key (see `key_of`) -> notes, of a `captions.*` file. Raises FileProblem, naming file and row."""
    notes: dict[str, list[Note]] = {}
    for number, row in enumerate(_rows(path, _read(path, MAX_BYTES)), 1):
        where = f"{path.name}, row {number}"
        row = _row(row, where)
        file = next((row[column] for column in FILE if row.get(column)), None)
        if not isinstance(file, str) or not row.keys() & {*TEXT, *TAGS}:
            raise FileProblem(f"{where}: expected `file` and `text`.")
        mine = notes.setdefault(key_of(file), [])
        mine += _notes(row, where)
        _check_count(where, len(mine))
    return notes


def read_notes(path: Path) -> list[Note]:
    """The notes of a NAME.txt, NAME.json or NAME.csv; none where it is something else. Raises FileProblem."""
    if path.suffix == ".txt":
        found = [note for line in _read(path, MAX_NOTES_BYTES).splitlines() for note in _line(line)]
        _check_count(path.name, len(found))
        return found
    if path.suffix == ".csv":
        rows = _table(path, _read(path, MAX_NOTES_BYTES)) if _is_table_of_notes(path) else []
    else:
        data = _parsed(_read(path, MAX_NOTES_BYTES), path.name)
        rows = [{"text": row} if isinstance(row, str) else row for row in (data if isinstance(data, list) else [data])]
    kept = [row for row in rows if isinstance(row, Mapping)]
    found = [note for i, row in enumerate(kept, 1) for note in _notes(_row(row, ""), f"{path.name}, row {i}")]
    _check_count(path.name, len(found))
    return found


def _line(line: str) -> list[Note]:
    """The caption in a line of a NAME.txt, if there is one."""
    text, *rest = line.strip().split("#")
    span: tuple[float | None, float | None] = (None, None)
    if len(rest) == 3:
        try:
            start, end = float(rest[1]), float(rest[2])
        except ValueError:
            start = end = 0.0
        # 0.0#0.0 is HumanML3D's whole clip. Not-a-numbers compare as false.
        span = (start, end) if 0.0 <= start < end < math.inf else (None, None)
    return [Note(_words(text), *span)] if text.strip() else []


def _check_count(where: str, count: int) -> None:
    if count > MAX_NOTES:
        raise FileProblem(f"{where}: more than {MAX_NOTES} captions or tags of one file. Keep the best.")


def key_of(file: str) -> str:
    """The form in which a file is looked up: slashes forward, letter case ignored."""
    return str(PurePosixPath(file.replace("\\", "/"))).casefold()


def _size(path: Path) -> int:
    """Bytes of a file; a pipe, which would be waited for, is refused. Raises OSError and FileProblem."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise FileProblem(f"{path.name} is not a file.")
    return status.st_size


def _read(path: Path, limit: int) -> str:
    try:
        if _size(path) > limit:
            raise FileProblem(f"{path.name} is larger than {limit // 2**20} MiB: too large for captions.")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileProblem(f"{path.name} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    except OSError as error:
        raise FileProblem(f"{path.name} can't be read: {error.strerror or error}.") from error


def _rows(path: Path, text: str) -> Iterable[Any]:
    if path.suffix == ".csv":
        return _table(path, text)
    if path.suffix == ".jsonl":
        return [_parsed(line, f"{path.name}, line {i}") for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    data = _parsed(text, path.name)
    if isinstance(data, Mapping):
        return [{"file": file, "texts": texts} for file, texts in data.items()]
    if not isinstance(data, list):
        raise FileProblem(f"{path.name} must hold a list of rows, or one object from file names to captions.")
    return data


def _table(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        return list(csv.DictReader(io.StringIO(text), delimiter=_delimiter(text.partition("\n")[0])))
    except csv.Error as error:
        raise FileProblem(f"{path.name}: not a table in CSV ({error}).") from error


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _is_table_of_notes(path: Path) -> bool:
    """Whether the header has a column of texts or tags: most tables beside motions hold numbers, and many of them."""
    try:
        _size(path)
        with path.open("rb") as file:
            header = file.readline(MAX_TEXT).decode("utf-8-sig", "replace")
    except OSError as error:
        raise FileProblem(f"{path.name} can't be read: {error.strerror or error}.") from error
    columns = {column.strip().strip('"').strip().casefold() for column in header.split(_delimiter(header))}
    return bool(columns & {*TEXT, *TAGS})


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileProblem(f"{where}: not JSON ({_shown(error)}).") from error


def _row(row: Any, where: str) -> Row:
    if not isinstance(row, Mapping):
        raise FileProblem(f"{where}: expected an object with `file` and `text`.")
    return {column.strip().casefold(): value for column, value in row.items() if isinstance(column, str)}


def _notes(row: Row, where: str) -> list[Note]:
    """What a row says."""
    texts = [text for column in TEXT for text in _texts(row.get(column), where)]
    tags = tuple(
        _words(part)
        for column in TAGS
        for text in _texts(row.get(column), where)
        for part in text.replace(";", ",").split(",")
        if part.strip()
    )
    start, end, take = (_number(row.get(key), key, where) for key in ("start", "end", "take"))
    kept = [_words(text) for text in texts if text.strip()] or ([""] if tags else [])
    _check_count(where, len(kept) + len(tags))
    return [Note(text, start, end, None if take is None else int(take), tags) for text in kept]


def _texts(value: Any, where: str) -> list[str]:
    texts = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise FileProblem(f"{where}: captions and tags must be text.")
    return texts


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
