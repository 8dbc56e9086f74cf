# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server on this machine for the tests of downloads, with the faults that real ones have."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Site:
    """What the server serves and how. cut: close the connection after so many bytes of an answer, once for each in the list.

    ranges: whether it can go on in the middle. tag: its ETag, "" for none. length: claimed size instead of the true one, None
    for none at all. redirect: where it sends everybody. statuses: answers to give first. pause: seconds between pieces.
    """

    data: bytes
    url: str = ""
    cut: list[int] = field(default_factory=list)
    ranges: bool = True
    tag: str = '"one"'
    length: int | None = -1
    redirect: str = ""
    statuses: list[int] = field(default_factory=list)
    pause: float = 0.0
    asked: list[Mapping[str, str]] = field(default_factory=list)
    """The headers of every request."""
    sent: int = 0


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    """A zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@contextmanager
def serving(data: bytes) -> Iterator[Site]:
    """A site on a free port of this machine, in a thread."""
    site = Site(data)
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(self, site, stopped)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}/library.zip"
    try:
        yield site
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, site: Site, stopped: threading.Event) -> None:
    handler.close_connection = True
    site.asked.append(dict(handler.headers.items()))
    if site.redirect or site.statuses:
        handler.send_response(302 if site.redirect else site.statuses.pop(0))
        handler.send_header("Location", site.redirect)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    start = 0
    wanted = handler.headers.get("Range", "")
    same = handler.headers.get("If-Range", site.tag) == site.tag
    if wanted and site.ranges and same:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(site.data):
            handler.send_error(416)
            return
    body = site.data[start:]
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(site.data) - 1}/{len(site.data)}")
    if site.tag:
        handler.send_header("ETag", site.tag)
    if site.length is not None:
        handler.send_header("Content-Length", str(len(body) if site.length < 0 else site.length))
    handler.end_headers()
    limit = site.cut.pop(0) if site.cut else len(body)
    try:
        for place in range(0, min(limit, len(body)), 4096):
            handler.wfile.write(body[place : min(place + 4096, limit)])
            site.sent += len(body[place : min(place + 4096, limit)])
            if site.pause and stopped.wait(site.pause):
                return
    except ConnectionError:
        pass  # the other side has left
