# SPDX-License-Identifier: GPL-3.0-or-later
"""`sources` and `get` on the command line; the library comes from a server on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.library.serving import Site, serving, sha256, zipped
from tests.library.takes import write_take
from tmr_blender.__main__ import main
from tmr_blender.library import sources
from tmr_blender.library.sources import Archive, Source

ROOT = Path(__file__).resolve().parents[2]


def made(site: Site) -> Source:
    texts = {name: f"the {name}" for name in ("what", "licence", "terms", "credit", "page", "licence_page")}
    archive = Archive(site.url, "motions", len(site.data), sha256(site.data))
    return Source(name="made", title="Made", takes=1, hours=0.1, archives=(archive,), **texts)


def test_every_source_is_listed_with_size_and_terms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources"]) == 0
    printed = capsys.readouterr().out
    for row in sources.SOURCES:
        assert f"{row.name}: {row.title}" in printed and row.terms in printed and row.credit in printed
    assert main(["sources", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == [row.name for row in sources.SOURCES]


def test_nothing_is_asked_for_before_the_terms_are_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = zipped({"walk.bvh": write_take(tmp_path / "walk.bvh", "walks").read_bytes()})
    with serving(data) as site:
        monkeypatch.setattr(sources, "SOURCES", (made(site),))
        assert main(["get", "made", "--to", str(tmp_path / "to")]) == 2
        printed = capsys.readouterr().err
        assert "the terms" in printed and "--accept-licence" in printed
        assert site.asked == [] and not (tmp_path / "to").exists()
        assert main(["get", "made", "--to", str(tmp_path / "to"), "--accept-licence"]) == 0
        assert "1 motion files" in capsys.readouterr().out
        assert (tmp_path / "to" / "Made" / "motions" / "walk.bvh").is_file()
        assert main(["get", "made", "--to", str(tmp_path / "to"), "--accept-licence", "--json"]) == 0
        again = json.loads(capsys.readouterr().out)
        assert (again["files"], again["folder"], len(site.asked)) == (1, str(tmp_path / "to" / "Made"), 1)
    assert main(["get", "other", "--to", str(tmp_path)]) == 2
    assert "known are made" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to send")
def test_ctrl_c_keeps_what_has_come(tmp_path: Path) -> None:
    data = zipped({"walk.bvh": b"x", "film.mp4": os.urandom(400_000)})
    code = f"""
import sys
from tmr_blender.library import sources
from tmr_blender.__main__ import main
sources.SOURCES = (sources.from_text(sys.argv[1]),)
sys.exit(main(["get", "made", "--to", {str(tmp_path)!r}, "--accept-licence"]))
"""
    with serving(data) as site:
        site.pause = 0.05
        process = subprocess.Popen([sys.executable, "-c", code, made(site).as_text()], cwd=ROOT, stdout=subprocess.PIPE)
        part, deadline = tmp_path / "Made" / ".tmr-get" / "motions.zip.part", time.monotonic() + 60.0
        while not (part.exists() and part.stat().st_size > 20_000) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out = process.communicate(timeout=60)[0]
    assert process.returncode == 130 and b"Start it again to go on" in out
    assert part.stat().st_size > 20_000
