# SPDX-License-Identifier: GPL-3.0-or-later
"""Libraries of older versions: one step a version, each from the schema before it to the next, in one transaction.

Version 1 kept windows in a table of their own, a row each, and all facts in one text. Version 2 kept no poses and no pictures:
its files are read again by the next index.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LibraryProblem

VERSION = 3
UNFIT = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
"""What a database of a stranger's, with anything in its cells, can make of taking them for what they ought to be."""


def unfit(folder: Path, error: Exception) -> LibraryProblem:
    """The sentence about it."""
    return LibraryProblem(f"The library {folder} is damaged: it holds what it can't hold ({str(error)[:100]}).")


def bring(database: sqlite3.Connection, version: int, folder: Path) -> None:
    """Bring a database of an older `version` up to date. Raises LibraryProblem where it holds what it can't hold."""
    database.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, VERSION):
            STEPS[step](database)
        database.execute(f"PRAGMA user_version = {VERSION}")
    except UNFIT as error:
        database.execute("ROLLBACK")
        raise unfit(folder, error) from error
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def split(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Facts as two texts of JSON: plain values, which filters read, and lists."""
    plain = {key: value for key, value in facts.items() if not isinstance(value, list | tuple | dict)}
    return json.dumps(plain), json.dumps({key: value for key, value in facts.items() if key not in plain})


def _from_1(database: sqlite3.Connection) -> None:
    run = database.execute
    run("CREATE TABLE details (entry INTEGER PRIMARY KEY REFERENCES entries ON DELETE CASCADE, facts TEXT NOT NULL)")
    run("ALTER TABLE entries ADD COLUMN row INTEGER NOT NULL DEFAULT 0")
    run("ALTER TABLE entries ADD COLUMN spans BLOB NOT NULL DEFAULT x''")
    for entry, facts, tags in run("SELECT id, facts, tags FROM entries").fetchall():
        windows = run("SELECT start, end, row FROM windows WHERE entry = ? ORDER BY row", (entry,)).fetchall()
        first = windows[0][2] if windows else 0
        if [row[2] for row in windows] != list(range(first, first + len(windows))):
            raise ValueError(f"the vectors of entry {entry} do not follow one another")
        spans = np.array([row[:2] for row in windows], "<f8").tobytes()
        plain, lists = split({**json.loads(facts), "tags": json.loads(tags)})
        run("UPDATE entries SET facts = ?, row = ?, spans = ? WHERE id = ?", (plain, first, spans, entry))
        run("INSERT INTO details (entry, facts) VALUES (?, ?)", (entry, lists))
    run("DROP TABLE windows")
    run("CREATE INDEX files_hash ON files (hash)")


def _from_2(database: sqlite3.Connection) -> None:
    run = database.execute
    run("ALTER TABLE files ADD COLUMN reading INTEGER NOT NULL DEFAULT 1")
    for column in ("pose", "poses"):
        run(f"ALTER TABLE entries ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    run("CREATE TABLE thumbnails (entry INTEGER PRIMARY KEY REFERENCES entries ON DELETE CASCADE, png BLOB NOT NULL)")
    database.executemany("INSERT INTO meta VALUES (?, ?)", [("pose_generation", 0), ("pose_rows", 0)])


STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _from_1, 2: _from_2}
"""Version -> what brings it to the next one."""
