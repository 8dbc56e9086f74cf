# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole libraries of a stranger, as one archive each: damaged in their files, and in their tables by someone with SQLite."""

import io
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.breaking import mutations
from tests.bench.breaking.mutations import Mutator
from tests.bench.breaking.plain import Encoder
from tests.library.takes import write_take
from tmr_blender.library.index import index
from tmr_blender.library.info import info
from tmr_blender.library.merge import merge
from tmr_blender.library.moments import of_entry
from tmr_blender.library.schema import DATABASE
from tmr_blender.library.search import search
from tmr_blender.library.store import Library
from tmr_blender.library.upkeep import check

VALUES: tuple[Any, ...] = (
    *(None, 0, -1, 1, 2, 3, 7, 10**6, 2**31, 2**53, 2**63 - 1, -(2**63), 0.5, -0.5, 1e308, float("inf"), float("nan")),
    *("", "x", "[]", "{}", "[1]", "7", "null", '{"a": NaN}', '["\\ud800"]', "../../etc/passwd", "/etc/passwd", "C:/x", "a\0b"),
    *(b"", b"\0" * 16, b"\xff" * 16, b"\xff" * 8, "[" * 2000, "x" * 100_000, "C:\\x", "..", ".", "a//b", "é\u202e"),
)
STATEMENTS = (
    "DROP TABLE {table}",
    "DELETE FROM {table}",
    "DELETE FROM {table} WHERE rowid % 2",
    "ALTER TABLE {table} RENAME TO other",
    "ALTER TABLE {table} RENAME COLUMN {column} TO other",
    "ALTER TABLE {table} ADD COLUMN other DEFAULT 7",
    "DROP TABLE {table}; CREATE VIEW {table} AS SELECT 1 AS id",
    "CREATE TRIGGER bad AFTER UPDATE ON {table} BEGIN DELETE FROM {table}; END",
    "CREATE TRIGGER bad BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END",
    "PRAGMA user_version = 1",
    "PRAGMA user_version = 2",
    "PRAGMA user_version = 0",
    "PRAGMA user_version = 99",
    "PRAGMA user_version = -1",
    "PRAGMA application_id = 7",
    "PRAGMA journal_mode = WAL",
    "PRAGMA auto_vacuum = 1; VACUUM",
    "PRAGMA page_size = 512; VACUUM",
    "PRAGMA encoding = 'UTF-16'; VACUUM",
    "UPDATE {table} SET {column} = zeroblob(1000000)",
)


def _pack(folder: Path) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            info = tarfile.TarInfo(path.name)
            info.size = path.stat().st_size
            archive.addfile(info, io.BytesIO(path.read_bytes()))
    return stream.getvalue()


def unpack(data: bytes, folder: Path) -> None:
    """The library in a new folder."""
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            (folder / Path(member.name).name).write_bytes(content.read() if content else b"")


def seeds() -> list[bytes]:
    """Three takes, one of them with captions, and a file that could not be read; as of this version and of those before."""
    from tests.library.test_migrate import as_version_1, as_version_2

    with tempfile.TemporaryDirectory() as place:
        folder, path = Path(place) / "mocap", Path(place) / "library"
        for name, kind in (("walks/01.bvh", "walks"), ("jump.bvh", "jumps"), ("still.bvh", "stands")):
            write_take(folder / name, kind, 3.0)
        (folder / "jump.txt").write_text("someone jumps\nsecond line#x#0.5#1.5\n", encoding="utf-8")
        (folder / "broken.bvh").write_bytes(b"nothing")
        for _ in index(path, folder, Encoder(), Encoder()):  # pyright: ignore[reportArgumentType]
            pass
        out = [_pack(path)]
        for older in (as_version_2, as_version_1):
            copy = Path(place) / older.__name__
            shutil.copytree(path, copy)
            older(copy)
            out.append(_pack(copy))
        return [out[0], out[0], *out]


def files(data: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """One file of the library damaged byte by byte, taken away, or that of another library."""
    with tempfile.TemporaryDirectory() as place:
        folder, other = Path(place) / "one", Path(place) / "other"
        unpack(data, folder)
        unpack(chance.choice(others), other)
        path = chance.choice(sorted(folder.iterdir()))
        if chance.random() < 0.5 and (folder / DATABASE).exists():
            path = folder / DATABASE
        match chance.randrange(10):
            case 0:
                path.unlink()
            case 1 if (other / path.name).exists():
                shutil.copy(other / path.name, path)
            case _:
                path.write_bytes(mutations.mutated(path.read_bytes(), [], (), chance))
        made = _pack(folder)
        return made if len(made) <= mutations.LARGEST else data


def tables(data: bytes, chance: Random, _others: Sequence[bytes]) -> bytes:
    """A few values of the database replaced, or its schema changed."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "one"
        unpack(data, folder)
        try:
            with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as database:
                for _ in range(chance.choice((1, 1, 2, 6))):
                    _edit(database, chance)
        except (sqlite3.Error, OverflowError, LookupError, ValueError):
            pass  # it was damaged before; what has been changed stays
        made = _pack(folder)
        return made if len(made) <= mutations.LARGEST else data


def _edit(database: sqlite3.Connection, chance: Random) -> None:
    tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    table = chance.choice(tables)
    column = chance.choice([row[1] for row in database.execute(f"PRAGMA table_info({table})")])
    if chance.random() < 0.25:
        database.executescript(chance.choice(STATEMENTS).format(table=table, column=column))
        return
    database.execute("PRAGMA ignore_check_constraints = ON")
    where = chance.choice(("", "LIMIT 1", "LIMIT 1 OFFSET 1"))
    picked = f"SELECT {column} FROM {table} {where}" if where else f"SELECT {column} FROM {table}"
    database.execute(f"UPDATE {table} SET {column} = ? WHERE {column} IN ({picked})", (chance.choice(VALUES),))


def read(path: Path) -> int:
    """Everything that is done with a library, the search and the writing of it included; how many entries it has."""
    folder = path.parent / "library"
    unpack(path.read_bytes(), folder)
    encoder: Any = Encoder()
    library = Library.open(folder)
    health = check(folder)
    entries = range(len(library.entries))
    info(library)
    if entries:
        hits = search([library], "someone jumps", encoder, 10, {"duration": {"min": 0.1}})
        [hit.as_json() for hit in hits]
    library.facts(entries)
    if hasattr(library, "thumbnails"):
        library.thumbnails(entries)
    for number in entries:
        library.texts_of(number)
        library.poses(number)
        of_entry(library, number, encoder.encode(["someone jumps"])[0][0], encoder)
    # Its own search is over; what it holds goes into another library, and it is written itself.
    target = path.parent / "target"
    merge(target, [library])
    found = check(target)
    if found.faults and not health.faults:
        raise AssertionError(f"a library without a fault becomes one with: {found.faults}")
    for _ in index(folder, _folder(path.parent), encoder, encoder):
        pass
    return len(entries)


def _folder(place: Path) -> Path:
    """A folder with something to index."""
    write_take(place / "mocap" / "new.bvh", "walks", 0.5)
    return place / "mocap"


OWN: tuple[Mutator, ...] = (files, tables, tables)
