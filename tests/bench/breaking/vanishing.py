# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and files that go away, can't be entered, or are no files; and names that nobody expects."""

import json
import os
import shutil
import socket
import subprocess
import time
from functools import partial
from pathlib import Path
from random import Random

from tests.bench.breaking.disks import without_privileges
from tests.bench.breaking.studio import BrokenError, Count, Done, Studio, compare, contents, finish

STRANGE = (
    "a\nb.bvh",
    "\udcff\udcfe.bvh",
    "ü" * 120 + ".bvh",
    "'; DROP TABLE files; --.bvh",
    "%s%n{}.bvh",
    "\u202egnp.bvh",
    " .bvh",
)
STRANGE += (
    "-rf.bvh",
    "con.bvh",
    "a\tb\rc.bvh",
    "*.bvh",
    "\x1b[31mred.bvh",
    "🕺.BVH",
    "#.bvh",
    "x#y?z=1&.bvh",
    "a\\b.bvh",
    "~.bvh",
)


def folder_goes(studio: Studio, rounds: int, seed: int = 5) -> Count:
    """Renamed while it is read, and back for the next run."""
    count = Count("folder vanishes")
    chance = Random(seed)
    folder, library = studio.folder(studio.place / "network"), studio.place / "network-library"
    away = studio.place / "away"
    length = _length(studio, folder, library)
    for number in range(rounds):
        count.runs += 1
        studio.copy(folder, f"more/{number}.bvh", number)
        _rewrite(studio, folder, chance)
        before = contents(library)
        process = studio.start("index", folder, "--library", library, "--json")
        time.sleep(chance.uniform(0.0, length))
        folder.rename(away)
        done = finish(process)
        _ended(studio, count, done, library, before)
        count.attempt("while it is away", partial(_told, studio, folder, library, before))
        away.rename(folder)
        count.attempt("back again", lambda: studio.same_as_in_one_go(library, folder))
    return count


def mount_goes(studio: Studio, rounds: int, seed: int = 6) -> Count:
    """A mounted file system: what stays is an empty folder in its place."""
    count = Count("mount vanishes")
    chance = Random(seed)
    place, store = studio.place / "mount", studio.folder(studio.place / "mount-store")
    library = studio.place / "mount-library"
    place.mkdir()
    for _ in range(rounds):
        if subprocess.run(["mount", "--bind", str(store), str(place)], check=False, capture_output=True).returncode:
            count.note = "nothing can be mounted here"
            return count
        count.runs += 1
        length = 0.0
        if not library.exists():
            length = _length(studio, place, library)
        _rewrite(studio, store, chance)
        before = contents(library)
        process = studio.start("index", place, "--library", library, "--json")
        time.sleep(chance.uniform(0.0, length or 4.0))
        subprocess.run(["umount", "-l", str(place)], check=True)
        _ended(studio, count, finish(process), library, before)
        count.attempt("while it is away", partial(_told, studio, place, library, before))
        subprocess.run(["mount", "--bind", str(store), str(place)], check=True)
        count.attempt("back again", lambda: studio.same_as_in_one_go(library, place))
        subprocess.run(["umount", "-l", str(place)], check=True)
    return count


def _length(studio: Studio, folder: Path, library: Path) -> float:
    begun = time.monotonic()
    done = studio.index(folder, library)
    if done.code != 0:
        raise BrokenError(f"it can't be indexed at all: {done.err[-300:]}")
    return time.monotonic() - begun


def _rewrite(studio: Studio, folder: Path, chance: Random) -> None:
    """Something to read for the next run."""
    for path in chance.sample(sorted(folder.rglob("*.bvh")), 15):
        shutil.copyfile(chance.choice(studio.pool), path)


def _ended(studio: Studio, count: Count, done: Done, library: Path, before: dict[str, object]) -> None:
    """How an index ended whose folder went away: nothing that was stored may be gone."""
    count.ended(done.how)
    if done.code == 2:
        count.attempt("the sentence", done.sentence)
    elif done.code != 0:
        count.broken.append(f"run {count.runs}: {done.how} {done.err[-300:]}")

    def kept() -> None:
        if lost := set(before) - set(studio.whole(library)):
            raise BrokenError(f"{len(lost)} takes are lost, such as {min(lost)}")

    count.attempt("afterwards", kept)


def _told(studio: Studio, folder: Path, library: Path, before: dict[str, object]) -> None:
    """A folder that is not there is told, and nothing is forgotten."""
    done = studio.run("index", folder, "--library", library)
    done.sentence()
    if set(before) - set(contents(library)):
        raise BrokenError("takes of a folder that is away are forgotten")


def files_go(studio: Studio, rounds: int, seed: int = 7) -> Count:
    """Files that are removed or moved after they were listed."""
    count = Count("files vanish")
    chance = Random(seed)
    folder, library = studio.place / "files", studio.place / "files-library"
    for _ in range(rounds):
        count.runs += 1
        for path in (folder, library):
            shutil.rmtree(path, ignore_errors=True)
        studio.folder(folder)
        process = studio.start("index", folder, "--library", library, "--json")
        while process.poll() is None and len(list(folder.rglob("*.bvh"))) > 10:
            path = chance.choice(sorted(folder.rglob("*.bvh")))
            path.unlink() if chance.random() < 0.5 else path.rename(folder / f"m{chance.randrange(10**6)}.bvh")
            time.sleep(chance.uniform(0.0, 0.3))
        done = finish(process)
        count.ended(done.how)
        count.expect(done.err[-300:], done.code == 0)
        count.attempt("afterwards", lambda: studio.same_as_in_one_go(library, folder))
    return count


def no_permission(studio: Studio) -> Count:
    """A folder and a file that may not be read any more, without the privileges of root; what was stored of them stays."""
    count = Count("no permission")
    place = studio.place / "permission"
    folder, library = studio.folder(place / "folder", 20), place / "library"
    limits = without_privileges if os.geteuid() == 0 else None
    done = studio.index(folder, library, limits)
    count.expect(f"it can't be indexed: {done.err[-300:]}", done.code == 0)
    before = contents(library)
    for closed in (folder / "1", sorted((folder / "2").iterdir())[0], folder / "3"):
        count.runs += 1
        closed.chmod(0)
        done = studio.index(folder, library, limits)
        count.ended(done.how)
        count.expect(done.err[-300:], done.code == 0 and bool(json.loads(done.out)["errors"]))
        count.attempt("what was stored", lambda: compare(studio.whole(library), before, "the library before and after"))
    for closed in (folder / "1", sorted((folder / "2").iterdir())[0], folder / "3"):
        closed.chmod(0o755)
    count.attempt("open again", lambda: _complete(studio, folder, library, before))
    folder.chmod(0)
    count.runs += 1
    done = studio.run("index", folder, "--library", library, limits=limits)
    count.ended(done.how)
    count.attempt("the whole folder is closed", done.sentence)
    count.attempt("what was stored", lambda: compare(contents(library), before, "the library before and after"))
    folder.chmod(0o755)
    return count


def _complete(studio: Studio, folder: Path, library: Path, before: dict[str, object]) -> None:
    done = studio.index(folder, library)
    if done.code != 0 or json.loads(done.out)["errors"]:
        raise BrokenError(f"{done.how}: {done.out[-300:]} {done.err[-300:]}")
    compare(studio.whole(library), before, "the library before and after")


def no_files(studio: Studio) -> Count:
    """Pipes, sockets, devices, folders and links in circles with the names of motions and captions: none may hold it up."""
    count = Count("no files at all")
    folder, library = studio.folder(studio.place / "odd", 6), studio.place / "odd-library"
    names = (
        "x.bvh",
        "x.fbx",
        "0/walk_00.txt",
        "captions.jsonl",
        "1/captions.csv",
        "captions.json",
        "1/walk_01.csv",
        "2/walk_02.json",
    )
    for name in names:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "s.bvh"))
        (folder / "folder.bvh").mkdir()
        (folder / "loop").symlink_to(folder)
        (folder / "zero.bvh").symlink_to("/dev/zero")
        (folder / "circle.bvh").symlink_to("circle.bvh")
        (folder / "nowhere.bvh").symlink_to("nowhere-else.bvh")
        count.runs += 1
        done = studio.index(folder, library)
    count.ended(done.how)
    count.expect(f"{done.how} {done.err[-300:]}", done.code == 0)
    if done.code == 0:
        count.note = f"{len(json.loads(done.out)['errors'])} lines in the report"
        count.attempt("afterwards", lambda: count.expect("the takes beside are missing", len(studio.whole(library)) == 6))
    return count


def strange_names(studio: Studio) -> Count:
    """Names with line breaks, very long ones, names that look like something else, and one that is no text."""
    count = Count("strange names")
    folder, library = studio.folder(studio.place / "strange", 3), studio.place / "strange-library"
    for number, name in enumerate(STRANGE):
        studio.copy(folder, f"{number}/{name}", number)
        (folder / f"{number}" / ("broken" + name)).write_bytes(b"nothing")
    (folder / "\udcffolder").mkdir()
    studio.copy(folder, "\udcffolder/inside.bvh", 5)
    count.runs += 2 * len(STRANGE) + 1
    done = studio.index(folder, library)
    count.ended(done.how)
    count.expect(f"{done.how} {done.err[-600:]}", done.code == 0)
    if done.code == 0:
        errors = json.loads(done.out)["errors"]
        bad = [sentence for _, sentence in errors if not sentence.isprintable()]
        count.expect(f"a sentence that is no line: {bad[:1]!r}", not bad)
        count.note = f"{len(errors)} lines in the report"
        count.attempt("afterwards", lambda: studio.same_as_in_one_go(library, folder))
        count.expect(f"{len(contents(library))} takes are stored", len(contents(library)) == 3 + len(STRANGE) - 1)
    return count
