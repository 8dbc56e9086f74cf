# SPDX-License-Identifier: GPL-3.0-or-later
"""A library of a million windows of real motion, to measure search on.

    python build.py bench million [--windows 1000000] [--library .cache/million/library-1000000] [--processes 2]

The CMU takes lie in ../shared/data/cmu. The virtual takes of `virtual` are encoded with the shipped networks in chunks that are
kept under .cache/million, so a run that was stopped goes on where it was; then facts, captions, poses and vectors are written
as an index would write them. Prints build times and sizes as JSON. `bench library` measures search on the libraries of 100,000
and 1,000,000 windows where they have been made; both together take an hour or two of two cores and 4 GB of disk.
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from models.data import cmu
from tests.bench.virtual import Studio, Virtual
from tmr_blender.library.poses import pack
from tmr_blender.library.records import Caption, FileState, Take, Window
from tmr_blender.library.store import Library
from tmr_blender.library.writer import Writer
from tmr_blender.motion import facts
from tmr_blender.motion.features import FPS, recover
from tmr_blender.tmr.encoders import MotionEncoder, TextEncoder, model_folder, read_card

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
SOURCE = ROOT.parent / "shared" / "data" / "cmu"
CHUNK = 40
"""Virtual takes that are encoded together: some 2,700 windows, a few seconds' work."""


@dataclass(frozen=True)
class Chunks:
    """The vectors of virtual takes on disk, `CHUNK` takes a file; a file's name tells what it was made of."""

    studio: Studio
    model: str
    max_frames: int

    def takes(self, number: int) -> list[Virtual]:
        """The takes of a chunk."""
        return [self.studio.take(number * CHUNK + i) for i in range(CHUNK)]

    def path(self, number: int) -> Path:
        """Where its vectors lie; another model, other takes or other windows have another name."""
        takes = self.takes(number)
        made_of = [self.model, [[asdict(take), take.spans(self.max_frames)] for take in takes]]
        digest = hashlib.blake2b(json.dumps(made_of).encode(), digest_size=6).hexdigest()
        return CACHE / "million" / "vectors" / f"{number:05}-{digest}.npy"

    def needed(self, windows: int) -> list[int]:
        """The chunks that together hold at least so many windows."""
        found, held = [], 0
        while held < windows:
            held += sum(len(take.spans(self.max_frames)) for take in self.takes(len(found)))
            found.append(len(found))
        return found


class Encoding:
    """What a process needs to make chunks; one for each."""

    def __init__(self) -> None:
        os.nice(19 - os.nice(0))  # the machine is others', too
        self.encoder = MotionEncoder(threads=1)

    @cached_property
    def chunks(self) -> Chunks:
        """Those of the encoder's model."""
        return Chunks(Studio(cmu.load(SOURCE, CACHE / "features")), self.encoder.model_id, self.encoder.card.max_frames)

    def make(self, number: int) -> tuple[int, float]:
        """Write a chunk; how many windows it has, and the seconds it took."""
        begun = time.perf_counter()
        path, slices = self.chunks.path(number), []
        for take in self.chunks.takes(number):
            rows = self.chunks.studio.features(take)
            slices += [rows[first:last] for first, last in take.spans(self.chunks.max_frames)]
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.stem}.{os.getpid()}.npy")
        np.save(draft, self.encoder.encode(slices))
        draft.replace(path)
        return len(slices), time.perf_counter() - begun


_encoding: Encoding | None = None


def _begin() -> None:
    global _encoding
    _encoding = Encoding()


def _make(number: int) -> tuple[int, float]:
    assert _encoding is not None
    return _encoding.make(number)


def encode(chunks: Chunks, numbers: Sequence[int], processes: int) -> float:
    """Make the chunks that are missing; the seconds that all of them took, those of earlier runs not counted."""
    missing = [number for number in numbers if not chunks.path(number).exists()]
    begun = time.perf_counter()
    if missing:
        with ProcessPoolExecutor(processes, get_context("spawn"), _begin) as pool:
            made = 0
            for done, job in enumerate(as_completed([pool.submit(_make, number) for number in missing]), 1):
                made += job.result()[0]
                rate = made / (time.perf_counter() - begun)
                print(f"{done}/{len(missing)} chunks, {made} windows, {rate:.0f} windows/s", flush=True)
    return time.perf_counter() - begun


def measured(studio: Studio) -> dict[str, dict[str, Any]]:
    """Facts and tags of every real take, kept between runs."""
    names = sorted(studio.data.takes)
    digest = hashlib.blake2b(Path(facts.__file__).read_bytes() + json.dumps(names).encode(), digest_size=6).hexdigest()
    path = CACHE / "million" / f"facts-{digest}.json"
    if not path.exists():
        found = {}
        for name, (positions, fps) in cmu.positions(SOURCE / "motions.npz").items():
            own = facts.measure(positions, fps)
            found[name] = asdict(own) | {"loopable": own.loopable, "tags": facts.tags(own)}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def told(virtual: Virtual, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Facts of a virtual take from those of the real takes it is cut from: what grows with time, by the share that it holds."""
    seconds = virtual.frames / FPS
    travel = turning = 0.0
    for piece in virtual.pieces:
        share = (piece.last - piece.first) / FPS / max(known[piece.take]["duration"], 0.1)
        travel += known[piece.take]["travel"] * share
        turning += known[piece.take]["turning"] * share
    longest = max(virtual.pieces, key=lambda piece: piece.frames)
    whole = len(virtual.pieces) == 1
    return known[longest.take] | {
        "duration": round(seconds, 3),
        "travel": round(travel, 3),
        "turning": round(turning, 3),
        "speed": round(travel / seconds, 3),
        "loopable": whole and known[longest.take]["loopable"],
        "tags": sorted({tag for piece in virtual.pieces for tag in known[piece.take]["tags"] if whole or tag != "loop"}),
    }


def entries(chunks: Chunks, numbers: Sequence[int], windows: int, texts: TextEncoder) -> Iterator[list[tuple[FileState, Take]]]:
    """What the index would hand to the writer, chunk by chunk, until there are as many windows."""
    known, held = measured(chunks.studio), 0
    for number in numbers:
        vectors, at, group = np.load(chunks.path(number)), 0, []
        said = {take.number: chunks.studio.captions(take) for take in chunks.takes(number)}
        words = sorted({text for captions in said.values() for text, _, _ in captions})
        sentences = dict(zip(words, texts.encode(words)[1], strict=True)) if words else {}
        for virtual in chunks.takes(number):
            if held >= windows:
                break
            spans = virtual.spans(chunks.max_frames)
            shown = [Window(a / FPS, b / FPS, row) for (a, b), row in zip(spans, vectors[at : at + len(spans)], strict=True)]
            captions = [Caption(text, "caption", start, end, sentences[text]) for text, start, end in said[virtual.number]]
            own = told(virtual, known)
            name = Path(virtual.path).stem
            seen = pack(recover(chunks.studio.features(virtual)), FPS)
            take = Take(0, name, 60.0, virtual.frames / FPS, "mixamo", shown, captions, own, own["tags"], seen)
            group.append((FileState(virtual.path, 1, 1, f"{virtual.number:032x}", ""), take))
            at += len(spans)
            held += len(spans)
        yield group


def write(library: Path, groups: Iterator[list[tuple[FileState, Take]]], model: str) -> float:
    """A new library; the seconds it took."""
    begun = time.perf_counter()
    Library.open(library, create=True)
    with Writer(library, model) as writer:
        source = writer.source(CACHE / "million" / "studio")
        for group in groups:
            for state, take in group:
                writer.put(source, state, [take])
            writer.commit()
    return time.perf_counter() - begun


def main() -> None:
    """Encode what is missing and write the library."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=1_000_000)
    parser.add_argument("--library", type=Path, help="must not exist yet; .cache/million/library-WINDOWS where it isn't said")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--vectors-only", action="store_true", help="encode, and leave the library for later")
    parser.add_argument("--json", type=Path, help="write the report there, too")
    options = parser.parse_args()
    library = (options.library or CACHE / "million" / f"library-{options.windows}").absolute()
    folder = model_folder()
    card = read_card(folder)
    chunks = Chunks(Studio(cmu.load(SOURCE, CACHE / "features")), card.id, card.max_frames)
    numbers = chunks.needed(options.windows)
    encoding = encode(chunks, numbers, options.processes)
    if options.vectors_only:
        return
    texts = TextEncoder(folder, threads=1)
    writing = write(library, entries(chunks, numbers, options.windows, texts), card.id)
    held = Library.open(library)
    begun = time.perf_counter()
    assert held.sketch.table.shape[0] == len(held.motion)
    sketching = time.perf_counter() - begun
    files = {path.name: path.stat().st_size for path in sorted(library.iterdir())}
    report = {
        "windows": len(held.windows.row),
        "takes": len(held.entries),
        "hours": round(float(held.durations.sum()) / 3600.0, 1),
        "captions": len(held.texts),
        "encoding_seconds": round(encoding, 1),
        "writing_seconds": round(writing, 1),
        "sketch_seconds": round(sketching, 2),
        "bytes": files,
    }
    print(json.dumps(report, indent=1))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
