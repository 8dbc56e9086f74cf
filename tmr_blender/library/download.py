# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloading one file over HTTPS, so that a cut connection or a cancelled download goes on where it was.

    for received in fetch(archive, path): ...   # send(True) stops it; what has come stays in `path`.part

Bytes are added to a part only where the server says that it still holds the same file: by its ETag or date (If-Range,
RFC 9110 13.1.5), or where the archive's hash will tell in the end. Nothing has the final name before size and hash are right.
"""

import contextlib
import hashlib
import http.client
import importlib
import json
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from ..errors import SourceProblem
from .sources import Archive, in_words

TIMEOUT = 30.0
"""Seconds without a byte after which a connection is given up."""
CHUNK = 1 << 18
WAITS = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Seconds between attempts after the connection was cut; each byte received begins them anew."""
RESERVE = 512 << 20
"""Bytes of the disk that are left free."""
REDIRECTS = 5
LOCAL = ("127.0.0.1", "::1", "localhost")
PASSING = (408, 429, 500, 502, 503, 504)
"""Answers of HTTP that may be others in a moment."""


@dataclass(frozen=True)
class Received:
    """Where a download stands, in bytes. total: None while it isn't known. note: what it waits for. stopped: as asked for."""

    done: int
    total: int | None
    note: str = ""
    stopped: bool = False


Run = Generator[Received, bool | None, bool]


class _Cut(Exception):
    """The connection was lost, or the server is busy: worth another attempt."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, and never away from encryption."""

    max_redirections = REDIRECTS

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_url(newurl, from_here=urlsplit(req.full_url).hostname in LOCAL)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_url(url: str, from_here: bool = True) -> None:
    """Raise SourceProblem for an address that is not HTTPS, unless this machine leads to itself."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL and from_here):
        raise SourceProblem(f"{parts.scheme}://{parts.netloc} is not an encrypted address: nothing is downloaded from there.")


def _opener() -> urllib.request.OpenerDirector:
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):  # Blender brings it along; some systems keep their own where OpenSSL doesn't look
        context.load_verify_locations(importlib.import_module("certifi").where())
    return urllib.request.build_opener(_Redirects, urllib.request.HTTPSHandler(context=context))


def fetch(archive: Archive, path: Path) -> Run:
    """Download an archive to `path`, going on with `path`.part if there is one. Returns whether it is there.

    Yields after every piece, and while it waits to try again; `send(True)` stops it. Raises SourceProblem where the server
    refuses, keeps sending something else, or can't be reached, and where the disk is full.
    """
    _check_url(archive.url)
    download = _Download(archive, path)
    waits = list(WAITS)
    while True:
        before = download.done
        try:
            finished = yield from download.attempt()
        except _Cut as cut:
            waits = list(WAITS) if download.done > before else waits
            if not waits:
                sentence = f"{_host(archive)}: {cut}. What has come is kept: try again later to go on."
                raise SourceProblem(sentence) from cut
            stopped = yield from _pause(waits.pop(0), download, f"{cut}, trying again")
            if stopped:
                return False
            continue
        if finished:
            download.finish()
        return finished


def _pause(seconds: float, download: "_Download", note: str) -> Run:
    """Wait; whether it was asked to stop."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (yield Received(download.done, download.total, note)):
            yield Received(download.done, download.total, stopped=True)
            return True
        time.sleep(0.05)
    return False


def _host(archive: Archive) -> str:
    return urlsplit(archive.url).hostname or archive.url


class _Download:
    """A file on its way. done: bytes in the part. total: bytes it should have. tag: the server's word for this version."""

    def __init__(self, archive: Archive, path: Path) -> None:
        self.archive, self.path = archive, path
        self.part, self.notes = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json")
        self.done = self.part.stat().st_size if self.part.is_file() else 0
        held = _held(self.notes)
        self.tag = held.get("tag", "") if held.get("url") == archive.url else ""
        self.total: int | None = archive.size
        if not (self.tag or (archive.sha256 and held.get("url") == archive.url)):
            self.done = 0

    def attempt(self) -> Run:
        """One connection. Returns True where all has come, False where it was stopped. Raises _Cut, SourceProblem."""
        if self.done and self.done == self.total:
            return True
        try:
            with _opener().open(self.request(), timeout=TIMEOUT) as response:
                self.begin(response)
                return (yield from self.receive(response))
        except urllib.error.HTTPError as error:
            with error:
                self.refused(error)
                return (yield from self.attempt())
        except (OSError, http.client.HTTPException) as error:  # of the connection: those of the disk are sentences by now
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise SourceProblem(f"{_host(self.archive)} could not prove who it is: {reason.verify_message}.") from error
            raise _Cut(f"the connection failed ({reason or type(error).__name__})") from error

    def request(self) -> urllib.request.Request:
        headers = {"User-Agent": "tmr_blender", "Accept-Encoding": "identity"}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
            if self.tag:
                headers["If-Range"] = self.tag
        return urllib.request.Request(self.archive.url, headers=headers)

    def refused(self, error: urllib.error.HTTPError) -> None:
        """What to make of an answer that is no file; returns where beginning anew may help."""
        if error.code == 416 and self.done:  # the file has become shorter than what we have
            self.done, self.tag = 0, ""
            return
        if error.code in PASSING:
            raise _Cut(f"the server is busy ({error.code})")
        raise SourceProblem(f"{_host(self.archive)} refuses the download: {error.code} {error.reason}.")

    def begin(self, response: Any) -> None:
        """Take over what the answer says about the file: whether it goes on, how large it is, which version."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise SourceProblem(f"{_host(self.archive)} sends the file in another encoding than asked for.")
        length = _number(response.headers.get("Content-Length"))
        if response.status == 206:
            start, total = _range(response.headers.get("Content-Range", ""))
            if start != self.done:
                raise SourceProblem(f"{_host(self.archive)} sends another part of the file than asked for.")
        else:
            self.done, total = 0, length
        if self.archive.size is not None and total not in (None, self.archive.size):
            raise SourceProblem(
                f"{self.archive.name} has {in_words(total)} ({total} bytes) at {_host(self.archive)} now, and should have "
                f"{self.archive.size}: it has changed, and isn't downloaded."
            )
        self.total = self.archive.size if self.archive.size is not None else total
        self.check_size(self.total or 0)
        self.check_disk((self.total or 0) - self.done)
        self.tag = _strong(response.headers)
        with _writing(self.notes):
            self.notes.write_text(json.dumps({"url": self.archive.url, "tag": self.tag}), encoding="utf-8")

    def receive(self, response: Any) -> Run:
        """Add what comes to the part."""
        with self.opened() as file:
            while piece := response.read1(CHUNK):  # what is there, without waiting for more
                self.check_size(self.done + len(piece))
                with _writing(self.part):
                    rest = memoryview(piece)
                    while rest:
                        rest = rest[file.write(rest) :]
                self.done += len(piece)
                if (yield Received(self.done, self.total)):
                    yield Received(self.done, self.total, stopped=True)
                    return False
                if self.total is None:
                    self.check_disk(0)
        if self.total is not None and self.done < self.total:
            raise _Cut("the connection was cut")
        return True

    def opened(self) -> BinaryIO:
        """The part, to be written on; unbuffered, so that what has been counted is there."""
        with _writing(self.part):
            file = self.part.open("r+b" if self.part.exists() else "wb", buffering=0)
            file.truncate(self.done)
            file.seek(self.done)
        return file

    def check_size(self, size: int) -> None:
        """Raise SourceProblem where the file would be longer than it may be, and drop what has come."""
        known = self.archive.size
        limit = self.archive.limit if known is None else known
        if size > limit:
            self.drop()
            raise SourceProblem(f"{self.archive.name} is larger at {_host(self.archive)} than {in_words(limit)}, its limit.")

    def check_disk(self, needed: int) -> None:
        check_disk(self.path.parent, needed)

    def finish(self) -> None:
        """Give the whole file its name. Raises SourceProblem, and drops the part, where it is not what it should be."""
        wanted = self.archive.sha256
        if wanted is not None:
            with self.part.open("rb") as file:
                found = _hash(file)
            if found != wanted:
                self.drop()
                raise SourceProblem(
                    f"{self.archive.name} from {_host(self.archive)} is not the file it should be: its SHA-256 is {found}, "
                    f"not {wanted}. It was deleted; try again, and tell the makers of this extension if that doesn't help."
                )
        with _writing(self.path):
            self.part.replace(self.path)
        self.notes.unlink(missing_ok=True)

    def drop(self) -> None:
        """Forget what has come."""
        self.part.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)
        self.done, self.tag = 0, ""


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what the disk says into a sentence."""
    try:
        yield
    except OSError as error:
        raise SourceProblem(f"{path} can't be written: {error.strerror or error}. What has come is kept.") from error


def check_disk(folder: Path, needed: int) -> None:
    """Raise SourceProblem where the disk of a folder has no room for so many more bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed + RESERVE:
        raise SourceProblem(
            f"The disk of {folder} has {in_words(free)} free, and {in_words(needed + RESERVE)} are needed to go on. "
            "Make room there, or choose another folder."
        )


def _held(path: Path) -> Mapping[str, Any]:
    """What an earlier run has noted about a part; nothing where that is missing or damaged."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(held, dict) or not all(isinstance(value, str) and value.isprintable() for value in held.values()):
        return {}
    return held


def _strong(headers: Any) -> str:
    """What `If-Range` may name: a strong ETag, else the date of the last change, else nothing."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "") if not tag else ""


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 19 else None


def _range(text: str) -> tuple[int | None, int | None]:
    """First byte and total of `bytes 5-9/10`."""
    span, _, total = text.removeprefix("bytes").strip().partition("/")
    return _number(span.partition("-")[0]), _number(total)


def _hash(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
