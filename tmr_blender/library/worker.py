# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that searches and indexes for a window or a script: JSON lines over stdin and stdout.

    -> {"id": 1, "method": "search", "params": {"query": "...", "libraries": ["..."], "limit": 20}}
    <- {"id": 1, "result": [...]}
    -> {"id": 2, "method": "index", "params": {"folder": "...", "library": "..."}}
    <- {"id": 2, "progress": {...}}, many times, then {"id": 2, "result": {...}}
    -> {"cancel": 2}
    <- {"id": 3, "error": {"kind": "QueryProblem", "message": "..."}}

Requests run in two lanes, so that one can search while a folder is indexed. The process ends with its input. A line that
is no request is answered with an error (its id null where it has none) and changes nothing.
"""

import base64
import hashlib
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO, Any

from ..errors import QueryProblem, TMRError
from .driving import reported
from .parameters import Params, filters_of, limit_of, places_of, seconds_of, text_of, whole_of

END_SECONDS = 20.0
"""How long a running index has, once the input has ended, to commit what it has read."""

MOST_PICTURES = 1000
"""In one request; about 5 MB."""
MOST_SHOWN = 120.0
"""Seconds of a motion that are handed out to be shown."""
DRAWN, DRAWS = 5.0, 4
"""Seconds of a motion that is made up, and how many are made to choose the best of, where a request doesn't say."""

Report = Callable[[Any], None]


class Worker:
    """The methods, and what they keep between requests: the encoders and the libraries opened last."""

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._text: Any = None
        self._motion: Any = None
        self._maker: Any = None
        self._libraries: dict[str, Any] = {}
        self._encoded: tuple[str, Any] | None = None

    def status(self, _params: Params, _report: Report, _stop: threading.Event) -> dict[str, Any]:
        """{"pid", "model": folder of the weights or null, "loaded": whether the text encoder is}."""
        from ..tmr.encoders import model_folder

        try:
            model = str(model_folder())
        except TMRError:
            model = None
        return {"pid": os.getpid(), "model": model, "loaded": self._text is not None}

    def warm(self, _params: Params, _report: Report, _stop: threading.Event) -> dict[str, Any]:
        """Load the text encoder and run it once, so that the first search answers at once."""
        encoder = self._text_encoder()
        encoder.encode(["a person walks"])
        return {"id": encoder.model_id}

    def search(self, params: Params, _report: Report, _stop: threading.Event) -> list[dict[str, Any]]:
        """{"query", "libraries": [folder], "limit": 20, "filters": {name: value}} -> list of hits.

        Filters, if any, are those of `filters.FILTERS`: {"duration": {"min": 2}, "loopable": true, "tag": ["walk"]}.
        """
        query, limit, filters, places = text_of(params, "query"), limit_of(params), filters_of(params), places_of(params)
        if not query.strip():
            raise QueryProblem("Type what the motion should look like, for example: a person limps, then sits down.")
        from .search import search

        libraries = [self._library(place) for place in places]
        return [hit.as_json() for hit in search(libraries, query, self._text_encoder(), limit, filters)]

    def index(self, params: Params, report: Report, stop: threading.Event) -> dict[str, Any]:
        """{"folder", "library"}: index; progress is that of `index.Progress`, and the result is the last one."""
        from .index import index

        folder, library = text_of(params, "folder"), text_of(params, "library")
        run = index(library, folder, self._motion_encoder(), self._text_encoder(), gentle=True)
        return reported(run, lambda progress: report(progress.as_json()), stop.is_set).as_json()

    def reencode(self, params: Params, report: Report, stop: threading.Event) -> dict[str, Any]:
        """{"library"}: encode it anew; progress is that of `reencode.Progress`, and the result is the last one."""
        from .reencode import reencode

        run = reencode(text_of(params, "library"), self._motion_encoder(), self._text_encoder())
        return reported(run, lambda progress: report(progress.as_json()), stop.is_set).as_json()

    def info(self, params: Params, _report: Report, _stop: threading.Event) -> dict[str, Any]:
        """{"library"} -> {"takes", "seconds", "captions", "sources", "model", "errors": [[path, sentence]]}."""
        from .info import info

        return info(self._library(text_of(params, "library")))

    def similar(self, params: Params, _report: Report, _stop: threading.Event) -> list[dict[str, Any]]:
        """The takes nearest to a motion -> list of hits.

        {"libraries", "limit": 20, "filters"} and the motion, see `_shown`; of an entry the stored vectors are taken.
        """
        from . import similar

        limit, filters = limit_of(params), filters_of(params)
        libraries = [self._library(place) for place in places_of(params)]
        if "entry" in params:
            library, number = self._entry(params)
            latent = similar.latent_at(library, number, seconds_of(params, "start"), seconds_of(params, "end"))
            entry = library.entries[number]
            but, model = (str(entry.path), entry.take), library.meta.model
        else:
            motion, encoder = self._shown(params), self._motion_encoder()
            latent, but, model = similar.latent_of(motion, encoder), motion.origin, encoder.model_id
        return [hit.as_json() for hit in similar.similar(libraries, latent, model, limit, filters, but)]

    def describe(self, params: Params, _report: Report, _stop: threading.Event) -> dict[str, Any]:
        """{"libraries": [], "limit": 10} and the motion, see `_shown` -> the fields of `similar.Description`."""
        from . import similar

        libraries = [self._library(place) for place in places_of(params)] if params.get("libraries") else []
        limit, motion = whole_of(params, "limit", 10), self._shown(params)
        return similar.describe(motion, libraries, self._motion_encoder(), self._text_encoder(), limit).as_json()

    def _shown(self, params: Params) -> Any:
        """The `similar.Motion` that a request is about, one of three.

        {"path", "take": 0, "start", "end"}: a file's. {"library", "entry", "start", "end"}: a library's.
        {"positions", "fps", "name": ""}: one that is in no file, see `wire`.
        """
        from . import similar, wire

        if "positions" in params:
            positions, fps = wire.from_text(params["positions"], params.get("fps"))
            return similar.motion_from(positions, fps, text_of(params, "name") if "name" in params else "")
        start, end = seconds_of(params, "start"), seconds_of(params, "end")
        if "entry" in params:
            return similar.motion_at(*self._entry(params), start, end)
        return similar.motion_of(text_of(params, "path"), whole_of(params, "take", 0), start, end)

    def moments(self, params: Params, _report: Report, _stop: threading.Event) -> list[dict[str, Any]]:
        """Where it happens in one take: [{"start", "end", "score"}], best first.

        {"query", "limit": 5} and either {"library", "entry"} or, closer and slower, {"path", "take": 0} of a file.
        """
        from . import moments, similar
        from .search import asked

        limit, text = whole_of(params, "limit", 5), self._text_encoder()
        latent = asked(text_of(params, "query"), text)[0]
        if "entry" in params:
            library, number = self._entry(params)
            found = moments.of_entry(library, number, latent, text, limit)
        else:
            motion = similar.motion_of(text_of(params, "path"), whole_of(params, "take", 0))
            found = moments.of_motion(motion, self._motion_encoder(), latent, text.background, limit)
        return [moment.as_json() for moment in found]

    def curve(self, params: Params, report: Report, stop: threading.Event) -> dict[str, Any]:
        """How well a query fits over the time of a motion -> the fields of `moments.Curve`.

        {"query", "limit": 5} and the motion, see `_shown`; progress is the share (0..1) of it that has been looked at. Of the
        last motion the windows are kept: the next query about it takes no longer than a search. One that is stopped has
        neither scores nor moments.
        """
        from . import moments
        from .search import asked

        limit, text = whole_of(params, "limit", 5), self._text_encoder()
        latent = asked(text_of(params, "query"), text)[0]
        motion = self._shown(params)
        named = hashlib.sha256(motion.rows.tobytes()).hexdigest()
        if self._encoded is None or self._encoded[0] != named:
            encoded = _driven(moments.encoding(motion, self._motion_encoder()), report, stop)
            if encoded is None:
                return moments.Curve(moments.STEP, (), ()).as_json()
            self._encoded = named, encoded
        return moments.curve(self._encoded[1], latent, text.background, limit).as_json()

    def synthesise(self, params: Params, report: Report, stop: threading.Event) -> dict[str, Any] | None:
        """{"query", "seconds": 5, "seed": 0, "draws": 4} -> {"positions", "fps", "score", "model"}, null if it is stopped.

        A motion made up for the query, see `tmr.synthesis` and `wire`; progress is the share (0..1) that is done.
        """
        from . import wire
        from .search import asked

        seconds, seed, draws = seconds_of(params, "seconds"), whole_of(params, "seed", 0), whole_of(params, "draws", DRAWS)
        maker, text = self._synthesiser(), self._text_encoder()
        latent = asked(text_of(params, "query"), text)[0]
        lasting = DRAWN if seconds is None else seconds
        made = _driven(maker.synthesise(latent, self._motion_encoder(), lasting, seed, draws), report, stop)
        if made is None:
            return None
        model = f"{text.model_id} {maker.card.id}"
        return {"positions": wire.to_text(made.positions), "fps": made.fps, "score": round(made.score, 4), "model": model}

    def pictures(self, params: Params, _report: Report, _stop: threading.Event) -> list[str]:
        """{"library", "entries": [number]} -> the thumbnail of each as a PNG file in base64, "" for one without."""
        from .similar import entry_at

        numbers = params.get("entries")
        if not isinstance(numbers, list) or len(numbers) > MOST_PICTURES or not all(type(number) is int for number in numbers):
            raise QueryProblem(f"Name the entries to be shown by number, {MOST_PICTURES} at most.")
        library = self._library(text_of(params, "library"))
        pictures = library.thumbnails([entry_at(library, number) for number in numbers])
        return [base64.b64encode(picture).decode("ascii") for picture in pictures]

    def strip(self, params: Params, _report: Report, _stop: threading.Event) -> list[str]:
        """{"library", "entry", "start", "end", "panels": 4} -> the panels of a film strip, each a PNG file in base64."""
        from ..motion import features
        from . import showing, similar

        count = whole_of(params, "panels", showing.PANELS)
        start, end = seconds_of(params, "start"), seconds_of(params, "end")
        poses = similar.poses_at(*self._entry(params), start, end)[: int(MOST_SHOWN * features.FPS)]
        return [base64.b64encode(panel).decode("ascii") for panel in showing.panels(poses, start or 0.0, count)]

    def motion(self, params: Params, _report: Report, _stop: threading.Event) -> dict[str, Any]:
        """{"library", "entry", "start", "end"} -> {"positions", "fps"}: the body as the library keeps it, see `wire`."""
        from ..motion import features
        from . import similar, wire

        start, end = seconds_of(params, "start"), seconds_of(params, "end")
        poses = similar.poses_at(*self._entry(params), start, end)[: int(MOST_SHOWN * features.FPS)]
        return {"positions": wire.to_text(poses), "fps": features.FPS}

    def _entry(self, params: Params) -> tuple[Any, int]:
        """The library and the index of the entry that the request names."""
        from .similar import entry_at

        library = self._library(text_of(params, "library"))
        return library, entry_at(library, whole_of(params, "entry", -1))

    def check(self, params: Params, _report: Report, _stop: threading.Event) -> dict[str, Any]:
        """{"library", "contents": false} -> the fields of `upkeep.Health`; the library is whole where "faults" is empty."""
        from .upkeep import check

        return check(text_of(params, "library"), params.get("contents") is True).as_json()

    def remove(self, params: Params, _report: Report, _stop: threading.Event) -> dict[str, Any]:
        """{"library", "places": [folder or file], "entries": [number]} -> {"removed": how many entries}."""
        places, entries = params.get("places", []), params.get("entries", [])
        if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
            raise QueryProblem("Name the folders and files to forget.")
        if not isinstance(entries, list) or not all(type(number) is int for number in entries):
            raise QueryProblem("Entries to forget are given by number.")
        from .upkeep import remove

        return {"removed": remove(text_of(params, "library"), places, entries)}

    def tag(self, params: Params, report: Report, stop: threading.Event) -> dict[str, Any]:
        """{"library", "captions": [library], "words": {tag: sentence}, "all": false}: see `tagging.tag`.

        Progress is that of `tagging.Progress`, and the result is the last one.
        """
        from . import tagging

        words, places = params.get("words"), params.get("captions") or []
        if not (words is None or (isinstance(words, dict) and all(isinstance(one, str) for one in words.values()))):
            raise QueryProblem("Words to tag by are given as {tag: sentence}.")
        if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
            raise QueryProblem("Name the libraries whose captions may be said.")
        from .store import Library

        galleries = [Library.open(place) for place in places]  # not the other lane's: it may be closing them
        run = tagging.tag(text_of(params, "library"), self._text_encoder(), galleries, words or None, params.get("all") is True)
        return reported(run, lambda progress: report(progress.as_json()), stop.is_set).as_json()

    def untag(self, params: Params, _report: Report, _stop: threading.Event) -> dict[str, Any]:
        """{"library"} -> {"untagged": how many takes had words of `tag`}."""
        from .tagging import untag

        return {"untagged": untag(text_of(params, "library"))}

    def _text_encoder(self) -> Any:
        from ..tmr.encoders import TextEncoder

        with self._loading:
            self._text = self._text or TextEncoder()
        return self._text

    def _synthesiser(self) -> Any:
        from ..tmr.synthesis import Synthesiser

        with self._loading:
            self._maker = self._maker or Synthesiser()
        return self._maker

    def _motion_encoder(self) -> Any:
        from ..tmr.encoders import MotionEncoder

        with self._loading:
            self._motion = self._motion or MotionEncoder()
        return self._motion

    def _library(self, place: str) -> Any:
        from .store import Library

        held = self._libraries.get(place)
        if held is None or held.changed():
            held = self._libraries[place] = Library.open(Path(place))
        return held


METHODS = (
    *("status", "warm", "search", "similar", "describe", "moments", "curve", "pictures", "strip", "motion"),
    *("index", "reencode", "info", "check", "remove", "synthesise", "tag", "untag"),
)
SLOW = ("index", "reencode", "check", "remove", "synthesise", "tag", "untag")
"""Methods of the second lane."""


class Lane:
    """A thread that answers requests one after another."""

    def __init__(self, worker: Worker, send: Report) -> None:
        self.jobs: queue.SimpleQueue[tuple[int, str, Params, threading.Event] | None] = queue.SimpleQueue()
        self._worker, self._send = worker, send
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while (job := self.jobs.get()) is not None:
            number, method, params, stop = job
            try:
                result = getattr(self._worker, method)(
                    params, lambda progress, number=number: self._send({"id": number, "progress": progress}), stop
                )
            except TMRError as error:
                self._send(_error(number, type(error).__name__, str(error)))
            except Exception as error:  # noqa: BLE001 (a defect of ours: its traceback goes to the log, the window lives on)
                traceback.print_exc()
                self._send(_error(number, "Defect", f"{type(error).__name__}: {error}"))
            else:
                self._send({"id": number, "result": result})


class Server:
    """Reads requests and hands them to the lanes."""

    def __init__(self, output: IO[str]) -> None:
        self._output = output
        self._writing = threading.Lock()
        self._stops: dict[int, threading.Event] = {}
        worker = Worker()
        self._fast, self._slow = Lane(worker, self._send), Lane(worker, self._send)

    def serve(self, lines: IO[str]) -> None:
        """Until `lines` ends; then running work is told to stop and given a moment."""
        for line in lines:
            if line.strip():
                self._take(line)
        for stop in list(self._stops.values()):
            stop.set()
        for lane in (self._fast, self._slow):
            lane.jobs.put(None)
        for lane in (self._fast, self._slow):
            lane.thread.join(END_SECONDS)

    def _take(self, line: str) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self._send(_error(None, "QueryProblem", "The line is not a JSON object."))
        elif "cancel" in message:
            stop = self._stops.get(message["cancel"]) if isinstance(message["cancel"], int) else None
            if stop is not None:
                stop.set()
        else:
            self._start(message)

    def _start(self, message: dict[str, Any]) -> None:
        number, method, params = message.get("id"), message.get("method"), message.get("params", {})
        if type(number) is not int:
            self._send(_error(None, "QueryProblem", "A request needs a whole number as its id."))
        elif method not in METHODS or not isinstance(params, dict):
            self._send(_error(number, "QueryProblem", f"The method must be one of {', '.join(METHODS)}, with params."))
        else:
            stop = self._stops[number] = threading.Event()
            lane = self._slow if method in SLOW else self._fast
            lane.jobs.put((number, method, params, stop))

    def _send(self, message: dict[str, Any]) -> None:
        if "progress" not in message:
            self._stops.pop(message["id"], None)
        with self._writing:
            try:
                self._output.write(json.dumps(message) + "\n")
                self._output.flush()
            except OSError:  # nobody listens any more; the input ends too
                return


def _error(number: int | None, kind: str, message: str) -> dict[str, Any]:
    return {"id": number, "error": {"kind": kind, "message": message}}


def _driven(run: Generator[float, None, Any], report: Report, stop: threading.Event) -> Any:
    """What a generator of shares (0..1) returns in the end; None where it is told to stop."""
    while not stop.is_set():
        try:
            report(next(run))
        except StopIteration as end:
            return end.value
    return None


def main() -> None:
    """Serve stdin until it closes. What libraries print goes to stderr, so that stdout carries answers only."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    Server(output).serve(sys.stdin)
    sys.stderr.flush()
    os._exit(0)  # a lane may still be inside torch; what it was told to store is stored


if __name__ == "__main__":
    main()
