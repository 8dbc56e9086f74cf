# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpacking the motions of a zip that a stranger has made.

An archive with a name that leads out of the folder, a link, a device, or an encrypted file is refused as a whole. Of the
others only motions, and texts that say what they are and on what terms, come out; sizes are those that were counted, not those
that the archive claims. What comes out appears all at once, under its final name.
"""

import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import SourceProblem
from ..motion.readers import BESIDE, SUFFIXES
from ..motion.readers.limits import MAX_BYTES
from .download import check_disk
from .sources import in_words

MAX_FILES = 200_000
MAX_DIRECTORY = 64 << 20
"""Bytes of the archive's own list: it is read as a whole."""
MAX_TOTAL = 64 << 30
"""Bytes that come out of one archive, altogether."""
MAX_RATIO = 100
"""Times that what comes out may be larger than the archive: numbers as text shrink to a tenth."""
MAX_TEXT = 4 << 20
MAX_NAME = 200
CHUNK = 1 << 20

TEXTS = re.compile(r"(?i)(licen[cs]e|copying|readme|read_?me_?first|terms|notice|credits|citation)[^/]*")
"""Names of files that are kept for people."""
TEXT_SUFFIXES = ("", ".txt", ".md", ".pdf", ".rst")
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
"""Names that are devices on Windows."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]|^[A-Za-z]:")
"""What no name has: control characters, and the letter of a drive."""
UNSUITED = re.compile(r'[<>:"|?*]')
"""What names can't have on Windows."""


@dataclass(frozen=True)
class Unpacked:
    """Where unpacking stands. done, total: bytes. files: motions so far. current: name. stopped: as asked for."""

    done: int
    total: int
    files: int = 0
    current: str = ""
    stopped: bool = False


Run = Generator[Unpacked, bool | None, bool]


def unpack(archive: Path, folder: Path, also: Iterable[str] = ()) -> Run:
    """Unpack the motions of a zip to `folder`, which must not exist yet. Returns whether it is there.

    also: names of further files to keep. Yields after every piece; `send(True)` stops it, and nothing is left. Raises
    SourceProblem where the archive is damaged, unsafe, too large, or holds no motion.
    """
    draft = folder.with_name(folder.name + ".unpacking")
    _remove(draft)
    try:
        _check_directory(archive)
        with zipfile.ZipFile(archive) as opened:
            chosen = _chosen(archive, opened.infolist(), frozenset(also))
            draft.mkdir(parents=True)
            finished = yield from _extract(archive, opened, chosen, draft)
        if finished:
            draft.rename(folder)
        return finished
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, UnicodeError) as error:
        raise SourceProblem(f"{archive.name} is damaged, or no zip: {error}. Delete it and get the library again.") from error
    except OSError as error:
        raise SourceProblem(f"{draft} can't be written: {error.strerror or error}.") from error
    finally:
        _remove(draft)


def _remove(draft: Path) -> None:
    if draft.is_symlink():
        draft.unlink()
    shutil.rmtree(draft, ignore_errors=True)


def _check_directory(archive: Path) -> None:
    """Refuse a list of files that would not fit into the memory, before `zipfile` reads it."""
    size = archive.stat().st_size
    with archive.open("rb") as file:
        file.seek(max(size - 65_557, 0))
        tail = file.read()
        place = tail.rfind(b"PK\x05\x06")
        if place < 0 or place + 22 > len(tail):
            raise zipfile.BadZipFile("it has no list of its files")
        count, length = struct.unpack_from("<HI", tail, place + 10)
        if place >= 20 and tail[place - 20 : place - 16] == b"PK\x06\x07":
            file.seek(struct.unpack_from("<Q", tail, place - 12)[0])
            record = file.read(56)
            if record[:4] != b"PK\x06\x06" or len(record) < 56:
                raise zipfile.BadZipFile("its list is damaged")
            count, length = struct.unpack_from("<QQ", record, 32)
    if count > MAX_FILES or length > min(MAX_DIRECTORY, size):
        raise SourceProblem(f"{archive.name} lists {count} files: at most {MAX_FILES} are unpacked.")


def _chosen(archive: Path, infos: list[zipfile.ZipInfo], also: frozenset[str]) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The files to unpack. Raises SourceProblem for what no honest archive of motions has."""
    chosen: dict[str, tuple[zipfile.ZipInfo, PurePosixPath]] = {}
    for info in infos:
        path = _safe(archive, info)
        if info.is_dir() or not _kept(path, also):
            continue
        key = str(path).casefold()
        if key in chosen:
            raise SourceProblem(f"{archive.name} holds {path} twice: it isn't unpacked.")
        chosen[key] = info, path
    if len({path.parts[0] for _, path in chosen.values()}) == 1 and all(len(path.parts) > 1 for _, path in chosen.values()):
        chosen = {key: (info, path.relative_to(path.parts[0])) for key, (info, path) in chosen.items()}  # paths may be long
    if not any(path.suffix.lower() in SUFFIXES for _, path in chosen.values()):
        raise SourceProblem(f"{archive.name} holds no motion file ({', '.join(sorted(SUFFIXES))}).")
    total = sum(info.file_size for info, _ in chosen.values())
    _check_total(archive, total)
    check_disk(archive.parent, total)
    return list(chosen.values())


def _safe(archive: Path, info: zipfile.ZipInfo) -> PurePosixPath:
    """The path of a file in an archive. Raises SourceProblem where it leads elsewhere, or is no file."""
    name = info.filename.replace("\\", "/")
    parts = name.rstrip("/").split("/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if name.startswith("/") or ".." in parts or CONTROL.search(info.orig_filename) or CONTROL.search(name):
        raise SourceProblem(f"{archive.name} holds an unsafe name ({name!r}): it isn't unpacked.")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SourceProblem(f"{archive.name} holds a link or device ({name!r}): it isn't unpacked.")
    if info.flag_bits & 0x1:
        raise SourceProblem(f"{archive.name} is encrypted ({name!r}): it can't be unpacked.")
    return PurePosixPath(*[part for part in parts if part not in ("", ".")])


def _kept(path: PurePosixPath, also: frozenset[str]) -> bool:
    """Whether a file is wanted: a motion, what belongs to one, or a text about them."""
    if any(part.startswith((".", "__MACOSX")) or part != part.rstrip(". ") or RESERVED.fullmatch(part) for part in path.parts):
        return False
    if len(str(path)) > MAX_NAME or UNSUITED.search(str(path)):
        return False
    suffix = path.suffix.lower()
    if suffix in SUFFIXES or suffix in BESIDE.values() or path.name in also:
        return True
    return suffix in TEXT_SUFFIXES and TEXTS.fullmatch(path.name) is not None


def _check_total(archive: Path, total: int) -> None:
    limit = min(MAX_TOTAL, max(archive.stat().st_size * MAX_RATIO, 1 << 20))
    if total > limit:
        raise SourceProblem(f"{archive.name} would become {in_words(total)}, far more than motions shrink by: not unpacked.")


def _extract(archive: Path, opened: zipfile.ZipFile, chosen: list[tuple[zipfile.ZipInfo, PurePosixPath]], draft: Path) -> Run:
    """Write the chosen files; whether it came to its end."""
    total = sum(info.file_size for info, _ in chosen)
    done = files = 0
    for info, path in chosen:
        target = draft.joinpath(*path.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        motion = path.suffix.lower() in SUFFIXES
        limit = min(MAX_BYTES if motion or path.suffix.lower() in BESIDE.values() else MAX_TEXT, info.file_size)
        written = 0
        with opened.open(info) as packed, target.open("xb") as file:
            while piece := packed.read(CHUNK):  # at the end of a file its checksum is compared
                written += len(piece)
                if written > limit:
                    raise SourceProblem(f"{path} in {archive.name} is larger than it may be: nothing was unpacked.")
                file.write(piece)
                if (yield Unpacked(done + written, total, files, path.name)):
                    yield Unpacked(done + written, total, files, stopped=True)
                    return False
        done += written
        files += motion
    yield Unpacked(done, total, files)
    return True
