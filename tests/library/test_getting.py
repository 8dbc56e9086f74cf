# SPDX-License-Identifier: GPL-3.0-or-later
"""A public library from a server on this machine: downloaded, unpacked, described, indexed; stopped and gone on with."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.library.serving import Site, serving, sha256, zipped
from tests.library.takes import write_take
from tmr_blender.errors import SourceProblem
from tmr_blender.library import detached, download, getting, sources
from tmr_blender.library.getting import ABOUT, CAPTIONS, WORK, Progress, get
from tmr_blender.library.sidecars import read_captions
from tmr_blender.library.sources import SOURCES, Archive, Source
from tmr_blender.library.store import Library

INDEX = "Subject #1 (walks)\n\n01_01\tsomebody strolls\n01_02\tUnknown\n02_09\tof no file\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(download, "WAITS", (0.01, 0.01))
    takes = [write_take(tmp_path / "made" / f"{name}.bvh", "walks") for name in ("01_01", "01_02")]
    files = {f"top-1/data/01/{path.name}": path.read_bytes() for path in takes}
    noise = random.Random(3).randbytes(400_000)  # what does not shrink, so that the archive takes several pieces
    with serving(zipped({**files, "top-1/index.txt": INDEX, "top-1/LICENSE.txt": "free", "top-1/film.mp4": noise})) as site:
        yield site


def source(*sites: Site, hashed: bool = True) -> Source:
    archives = [
        Archive(site.url, f"part{i}", len(site.data) if hashed else None, sha256(site.data) if hashed else None)
        for i, site in enumerate(sites, 1)
    ]
    texts = {name: name for name in ("what", "licence", "terms", "credit", "page", "licence_page")}
    return Source(name="test", title="Test", takes=2, hours=0.1, archives=tuple(archives), index="index.txt", **texts)


def run(wanted: Source, folder: Path, stop: str = "") -> list[Progress]:
    """Get it, or stop it in a stage; every step."""
    steps: list[Progress] = []
    generator, asked = get(wanted, folder), None
    try:
        while True:
            steps.append(generator.send(asked))
            asked = steps[-1].stage == stop
    except StopIteration:
        return steps


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


WHOLE = [ABOUT, CAPTIONS, *(f"part1/{name}" for name in ("LICENSE.txt", "data/01/01_01.bvh", "data/01/01_02.bvh", "index.txt"))]


@pytest.mark.parametrize("hashed", [True, False])
def test_all_of_it(site: Site, tmp_path: Path, hashed: bool) -> None:
    folder = tmp_path / "mine" / "Test"
    steps = run(source(site, hashed=hashed), folder)
    assert names(folder) == WHOLE and not (folder / WORK).exists()
    assert [step.stage for step in steps] == sorted(step.stage for step in steps), "download, then unpack"
    fetched = [step for step in steps if step.stage == "download"]
    assert fetched[-1].done == fetched[-1].total == len(site.data)
    assert steps[-1].files == 2 and not steps[-1].stopped
    captions = read_captions(folder / CAPTIONS)
    assert {key: [note.text for note in notes] for key, notes in captions.items()} == {
        "part1/data/01/01_01.bvh": ["somebody strolls"]
    }
    told = (folder / ABOUT).read_text(encoding="utf-8")
    assert all(word in told for word in ("licence", "terms", "credit", "licence_page", site.url))


def test_what_is_there_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    run(source(site), tmp_path / "Test")
    sent = site.sent
    assert run(source(site), tmp_path / "Test")[-1].files == 2
    assert site.sent == sent and names(tmp_path / "Test") == WHOLE


@pytest.mark.parametrize("stage", ["download", "unpack"])
def test_stopped_and_gone_on_with(site: Site, tmp_path: Path, stage: str) -> None:
    steps = run(source(site), tmp_path / "Test", stop=stage)
    assert steps[-1].stopped and steps[-1].stage == stage
    assert all(name.startswith(WORK) for name in names(tmp_path / "Test")), "no half a library"
    run(source(site), tmp_path / "Test")
    assert names(tmp_path / "Test") == WHOLE
    assert len(site.asked) == (2 if stage == "download" else 1)
    assert stage == "unpack" or site.asked[1]["Range"] == f"bytes={steps[-1].done}-"


def test_of_several_archives_only_the_missing_are_fetched(site: Site, tmp_path: Path) -> None:
    with serving(site.data) as other:
        wanted = source(site, other)
        other.statuses = [404]
        with pytest.raises(SourceProblem, match="404"):
            run(wanted, tmp_path / "Test")
        sent = site.sent
        steps = run(wanted, tmp_path / "Test")
        assert site.sent == sent and steps[-1].files == 4


def test_a_folder_with_other_things_is_left_alone(site: Site, tmp_path: Path) -> None:
    (tmp_path / "Test").mkdir()
    (tmp_path / "Test" / "mine.blend").write_text("work of months")
    with pytest.raises(SourceProblem, match="holds other files"):
        run(source(site), tmp_path / "Test")
    assert names(tmp_path / "Test") == ["mine.blend"] and site.asked == []


def test_a_damaged_archive_of_unknown_hash_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    whole = site.data
    site.data = bytes(reversed(whole))
    with pytest.raises(SourceProblem, match="damaged"):
        run(source(site, hashed=False), tmp_path / "Test")
    site.data = whole
    run(source(site, hashed=False), tmp_path / "Test")
    assert names(tmp_path / "Test") == WHOLE


def until(place: Path, stage: str = "", seconds: float = 120.0) -> detached.Job:
    """Look until the job has ended, or is in a stage."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = detached.look(place)
        assert job is not None
        if not job.alive or (job.stage == stage and (job.progress or {}).get("done", 0) > 0):
            return job
        time.sleep(0.02)
    raise AssertionError(f"the job never came to {stage or 'its end'}")


def test_a_process_gets_and_indexes_it(site: Site, tmp_path: Path, tiny_model: Path) -> None:
    place, folder = tmp_path / "jobs", tmp_path / "Test"
    site.pause = 0.02  # some seconds
    wanted = source(site)
    begun = detached.start(place, place / "library", folder, "get", model=tiny_model, source=wanted)
    assert begun.task == "get"
    job = until(place, "download")
    assert job.progress is not None and 0 < job.progress["done"] < job.progress["total"] == len(site.data)
    detached.stop(place)
    job = until(place)
    assert job.raised() is None and job.result is not None and job.result["stopped"] and job.result["stage"] == "download"
    assert not (place / "library").exists()
    site.pause = 0.0
    detached.start(place, place / "library", folder, "get", model=tiny_model, source=wanted)
    job = until(place)
    assert job.raised() is None and job.result is not None and job.result["takes"] == 2
    assert site.asked[-1]["Range"].startswith("bytes=")
    library = Library.open(place / "library")
    assert len(library.entries) == 2
    detached.forget(place)


def test_a_process_tells_what_went_wrong(site: Site, tmp_path: Path, tiny_model: Path) -> None:
    place = tmp_path / "jobs"
    wanted = source(site)
    site.data = site.data[:-1] + b"x"
    detached.start(place, place / "library", tmp_path / "Test", "get", model=tiny_model, source=wanted)
    error = until(place).raised()
    assert isinstance(error, SourceProblem) and "SHA-256" in str(error)


def test_the_table() -> None:
    assert len({row.name for row in SOURCES}) == len({row.title for row in SOURCES}) == len(SOURCES)
    for row in SOURCES:
        assert sources.from_text(row.as_text()) == row
        assert row.terms and row.licence and row.credit and row.licence_page.startswith("http")
        assert getting.about(row).count(row.terms) == 1
        for archive in row.archives:
            assert archive.url.startswith("https://")
            assert archive.sha256 is None or (len(bytes.fromhex(archive.sha256)) == 32 and archive.size is not None)
            assert (archive.size or 0) < archive.limit
    assert sources.find("LAFAN1").hours == 4.6
    with pytest.raises(SourceProblem, match="lafan1, 100style"):
        sources.find("amass")
