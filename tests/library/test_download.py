# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads go on after a cut, and nothing gets its name that is not what it should be. The server is on this machine."""

import errno
import random
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.library.serving import Site, serving, sha256
from tmr_blender.errors import SourceProblem
from tmr_blender.library import download
from tmr_blender.library.download import Received, fetch
from tmr_blender.library.sources import Archive

DATA = random.Random(7).randbytes(3_000_000)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(download, "WAITS", (0.01, 0.01))
    monkeypatch.setattr(download, "TIMEOUT", 5.0)
    monkeypatch.setattr(download, "CHUNK", 16_384)
    with serving(DATA) as site:
        yield site


def archive(site: Site, **changes: Any) -> Archive:
    return Archive(**{"url": site.url, "name": "library", "size": len(DATA), "sha256": sha256(DATA), **changes})


def run(wanted: Archive, path: Path, stop_at: int | None = None) -> list[Received]:
    """Download, asking to stop once so many bytes are there; every step."""
    steps: list[Received] = []
    generator, asked = fetch(wanted, path), None
    try:
        while True:
            steps.append(generator.send(asked))
            asked = stop_at is not None and steps[-1].done >= stop_at
    except StopIteration as end:
        assert end.value is not steps[-1].stopped
        return steps


def test_a_whole_file_comes_with_its_progress(site: Site, tmp_path: Path) -> None:
    steps = run(archive(site), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    done = [step.done for step in steps]
    assert done == sorted(done) and done[-1] == len(DATA) and len(done) > 20
    assert {step.total for step in steps} == {len(DATA)}
    assert "Range" not in site.asked[0] and site.asked[0]["Accept-Encoding"] == "identity"


def test_it_goes_on_after_every_cut_without_asking_twice_for_a_byte(site: Site, tmp_path: Path) -> None:
    site.cut = [500_000, 0, 1_000_000, 0]
    steps = run(archive(site, sha256=None), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert len(site.asked) == 5 and site.sent == len(DATA)
    assert [asked.get("Range") for asked in site.asked[1:3]] == ["bytes=500000-", "bytes=500000-"]
    assert site.asked[1]["If-Range"] == '"one"'
    assert any("trying again" in step.note for step in steps)


def test_a_server_that_is_down_is_given_up_and_what_came_is_kept(site: Site, tmp_path: Path) -> None:
    site.cut = [400_000] + [0] * 10
    with pytest.raises(SourceProblem, match=r"cut.*try again later"):
        run(archive(site), tmp_path / "a.zip")
    assert len(site.asked) == 1 + len(download.WAITS)
    assert (tmp_path / "a.zip.part").stat().st_size == 400_000
    site.cut = []
    run(archive(site), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA and site.sent == len(DATA)


def test_cancelled_it_stops_soon_and_another_run_goes_on(site: Site, tmp_path: Path) -> None:
    steps = run(archive(site), tmp_path / "a.zip", stop_at=1_000_000)
    assert steps[-1].stopped and not (tmp_path / "a.zip").exists()
    held = (tmp_path / "a.zip.part").stat().st_size
    assert 1_000_000 <= held < 1_100_000
    run(archive(site), tmp_path / "a.zip")
    assert site.asked[-1]["Range"] == f"bytes={held}-"
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_cancelled_while_it_waits(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "WAITS", (60.0,))
    site.cut = [100_000]
    steps = run(archive(site), tmp_path / "a.zip", stop_at=100_000)
    assert steps[-1].stopped


def test_a_server_without_ranges_begins_anew(site: Site, tmp_path: Path) -> None:
    site.ranges, site.cut = False, [700_000]
    run(archive(site), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert site.sent == len(DATA) + 700_000


def test_another_version_of_the_file_is_not_mixed_in(site: Site, tmp_path: Path) -> None:
    wanted = archive(site, size=None, sha256=None)
    run(wanted, tmp_path / "a.zip", stop_at=1_000_000)
    site.data, site.tag = DATA[::-1], '"two"'
    run(wanted, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA[::-1]
    assert site.asked[-1]["If-Range"] == '"one"'


def test_without_tag_and_hash_nothing_is_added_to_a_part(site: Site, tmp_path: Path) -> None:
    site.tag = 'W/"weak"'
    wanted = archive(site, sha256=None)
    run(wanted, tmp_path / "a.zip", stop_at=1_000_000)
    run(wanted, tmp_path / "a.zip")
    assert "Range" not in site.asked[-1]
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_a_wrong_hash_is_refused_and_the_file_deleted(site: Site, tmp_path: Path) -> None:
    site.data = DATA[:-1] + b"x"
    with pytest.raises(SourceProblem, match="not the file it should be"):
        run(archive(site), tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_was_tampered_with_is_found_by_the_hash(site: Site, tmp_path: Path) -> None:
    run(archive(site), tmp_path / "a.zip", stop_at=1_000_000)
    with (tmp_path / "a.zip.part").open("r+b") as file:
        file.write(b"something else")
    with pytest.raises(SourceProblem, match="SHA-256"):
        run(archive(site), tmp_path / "a.zip")
    run(archive(site), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA


@pytest.mark.parametrize("claimed", [len(DATA) - 5, len(DATA) + 5, 10**15])
def test_another_size_than_published_is_refused(site: Site, tmp_path: Path, claimed: int) -> None:
    site.length = claimed
    with pytest.raises(SourceProblem, match="has changed"):
        run(archive(site), tmp_path / "a.zip")


def test_a_size_that_was_a_lie_is_found(site: Site, tmp_path: Path) -> None:
    site.length = len(DATA) + 100  # of a file whose size isn't known: the rest never comes
    with pytest.raises(SourceProblem, match="cut"):
        run(archive(site, size=None, sha256=None), tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_more_than_is_accepted_is_refused_before_and_while_it_comes(site: Site, tmp_path: Path) -> None:
    wanted = archive(site, size=None, sha256=None, limit=1_000_000)
    with pytest.raises(SourceProblem, match="larger"):
        run(wanted, tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []
    site.length = None  # it doesn't say, and sends on
    with pytest.raises(SourceProblem, match="larger"):
        run(wanted, tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_nobody_tells_is_no_obstacle(site: Site, tmp_path: Path) -> None:
    site.length = None
    steps = run(archive(site, size=None, sha256=None), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA and steps[-1].total is None


def test_busy_servers_are_asked_again_and_refusals_believed(site: Site, tmp_path: Path) -> None:
    site.statuses = [503, 429]
    run(archive(site), tmp_path / "a.zip")
    assert len(site.asked) == 3
    site.statuses = [404]
    with pytest.raises(SourceProblem, match="404"):
        run(archive(site), tmp_path / "b.zip")
    assert len(site.asked) == 4


def test_a_part_longer_than_the_file_begins_anew(site: Site, tmp_path: Path) -> None:
    wanted = archive(site, size=None, sha256=None)
    run(wanted, tmp_path / "a.zip", stop_at=2_000_000)
    site.data = DATA[:1_000_000]
    run(wanted, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA[:1_000_000]


@pytest.mark.parametrize("target", ["http://example.org/x.zip", "file:///etc/passwd", "ftp://example.org/x.zip"])
def test_nobody_is_led_away_from_encryption(site: Site, tmp_path: Path, target: str) -> None:
    with pytest.raises(SourceProblem, match="not an encrypted address"):
        run(Archive(target, "library"), tmp_path / "a.zip")
    site.redirect = target
    with pytest.raises(SourceProblem, match=r"not an encrypted address|refuses"):
        run(archive(site), tmp_path / "a.zip")
    assert len(site.asked) == 1


def test_a_redirect_is_followed_in_the_middle_of_a_file(site: Site, tmp_path: Path) -> None:
    with serving(b"") as moved:
        moved.redirect = site.url
        held = run(archive(moved), tmp_path / "a.zip", stop_at=1_000_000)[-1].done
        run(archive(moved), tmp_path / "a.zip")
    assert moved.asked[-1]["Range"] == site.asked[-1]["Range"] == f"bytes={held}-"
    assert site.asked[-1]["If-Range"] == site.tag
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_nobody_elsewhere_leads_to_this_machine() -> None:
    handler, request = download._Redirects(), urllib.request.Request("https://example.org/a.zip")
    with pytest.raises(SourceProblem, match="not an encrypted address"):
        handler.redirect_request(request, None, 302, "", {}, "http://127.0.0.1:8080/secret")
    assert (
        handler.redirect_request(request, None, 302, "", {}, "https://example.com/a.zip").full_url
        == "https://example.com/a.zip"
    )


def test_redirects_end(site: Site, tmp_path: Path) -> None:
    site.redirect = site.url
    with pytest.raises(SourceProblem, match="302"):
        run(archive(site), tmp_path / "a.zip")
    assert len(site.asked) <= download.REDIRECTS + 1


def test_a_disk_too_small_is_told_before_anything_comes(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, download.RESERVE + 10))
    with pytest.raises(SourceProblem, match="Make room"):
        run(archive(site), tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_keeps_what_came(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """A file on a disk with room for a million bytes."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, piece: memoryview) -> int:
            room = 1_000_000 - self.file.tell()
            if room <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(piece[:room])

    whole = download._Download.opened
    monkeypatch.setattr(download._Download, "opened", lambda self: Full(whole(self)))
    with pytest.raises(SourceProblem, match="No space left on device"):
        run(archive(site), tmp_path / "a.zip")
    monkeypatch.setattr(download._Download, "opened", whole)
    held = (tmp_path / "a.zip.part").stat().st_size
    assert 900_000 < held <= 1_000_000
    run(archive(site), tmp_path / "a.zip")
    assert site.asked[-1]["Range"] == f"bytes={held}-"
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "WAITS", (0.01,))
    with serving(b"") as gone:
        url = gone.url
    with pytest.raises(SourceProblem, match="connection failed"):
        run(Archive(url, "library"), tmp_path / "a.zip")
