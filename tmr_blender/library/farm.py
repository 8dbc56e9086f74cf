# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexing on a Dask cluster: its workers read and encode, the process that submits writes the library.

Every worker must see the folder of motions under the path it has here, and have this package, of this version, and the same
weights: at the same path or where it finds its own (`encoders.model_folder`). The scheduler needs none of them. Whoever can
submit work to a cluster can run anything on it: a cluster is trusted, and what its workers send is unpickled. A worker reads
in child processes (`pool`), so that no file takes it down; where one dies nevertheless, Dask gives its files to another.

dask and distributed are no part of the extension: they are imported when a farm is made.
"""

import gc
import importlib
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import LibraryProblem, ModelProblem, QueryProblem, TMRError
from ..tmr.encoders import MotionEncoder, TextEncoder, model_folder, read_card
from .encoding import with_captions, with_motion
from .pool import Pool, default_jobs
from .reading import Order, Reading, fault
from .records import READING

CONNECT_SECONDS = 20.0
"""How long the scheduler may take to answer, and to have a worker."""
FILES_A_THREAD = 4
"""Files under way for each thread of the cluster: while one is read, others wait on its worker and some travel back."""
GATHERED = 64
"""Most files that are fetched from the workers in one go."""
COUNT_SECONDS = 5.0
"""Between two looks at how many workers there are."""


class Farm:
    """A source (`reading.Source`) of readings that are encoded as well. address: the scheduler's; None for a cluster here.

    Raises QueryProblem where dask is missing, LibraryProblem where there is no cluster or it has no worker.
    """

    spare = 1

    def __init__(self, address: str | None, motion: MotionEncoder, text: TextEncoder | None, model: Path | None = None) -> None:
        try:
            self._dask = importlib.import_module("distributed")
        except ImportError as error:
            raise QueryProblem(
                f"`--dask` needs the packages dask and distributed ({error}): pip install distributed."
            ) from error
        self._about = str(model_folder(model).absolute()), motion.model_id, text is not None, READING
        self._cluster = None if address else self._local()
        self._address = address or "this machine"
        try:
            self._client = self._connected(address or self._cluster)
        except BaseException:
            self._end(self._cluster)
            raise
        self._run = _remote()
        self._under_way: deque[Any] = deque()
        self._got: dict[str, Reading] = {}
        self._counted, self._threads = -COUNT_SECONDS, 0

    @property
    def ahead(self) -> int:
        """Files under way, by the workers that there are now."""
        if time.monotonic() - self._counted > COUNT_SECONDS:
            self._threads = sum(self._client.nthreads().values())
            self._counted = time.monotonic()
        return FILES_A_THREAD * max(self._threads, 2)

    def submit(self, order: Order) -> Any:
        """Have the file read and encoded by a worker."""
        future = self._client.submit(self._run, str(__package__), pickle.dumps((order, *self._about)), pure=False)
        future.order = order
        self._under_way.append(future)
        return future

    def take(self, ticket: Any, seconds: float) -> Reading | None:
        """What was read, encoded, or None after so many seconds.

        Raises LibraryProblem where the cluster is gone or a worker of it can't do the work.
        """
        try:
            with self._client.as_current():
                self._dask.wait([ticket], timeout=max(seconds, 0.01))
        except (TimeoutError, self._dask.TimeoutError):
            return None
        except (CancelledError, OSError) as error:
            raise self._lost() from error
        if ticket.key not in self._got:
            self._gather(ticket)
        return self._got.pop(ticket.key)

    def _gather(self, first: Any) -> None:
        """Fetch the file that is waited for, and what else is done."""
        try:
            self._got[first.key] = self._result(first)
            more = [future for future in list(self._under_way)[:GATHERED] if future.status == "finished"]
            more = [future for future in more if future.key not in self._got]
            self._got.update(zip([future.key for future in more], self._client.gather(more), strict=True))
        except (CancelledError, OSError) as error:
            raise self._lost() from error
        self._under_way = deque(future for future in self._under_way if future.key not in self._got)

    def _result(self, future: Any) -> Reading:
        try:
            return future.result()
        except self._dask.KilledWorker as error:
            reason = f"Every worker that read it died, the last was {error.last_worker.address}."
            return Reading(error=fault(future.order.file, reason))
        except ModuleNotFoundError as error:
            raise LibraryProblem(
                f"A worker of the cluster {self._address} can't do the work: it lacks the package {error.name}. "
                "Install it there, or put this package's folder on the worker's PYTHONPATH."
            ) from error

    def close(self) -> None:
        """Cancel what is under way; a cluster that was started here ends."""
        self._client.cancel(list(self._under_way))
        self._end(self._client, self._cluster)

    def _end(self, *parts: Any) -> None:
        for part in parts:
            if part is not None:
                part.close(timeout=CONNECT_SECONDS)

    def _local(self) -> Any:
        return self._dask.LocalCluster(
            n_workers=default_jobs(), threads_per_worker=1, processes=True, dashboard_address=None, silence_logs="ERROR"
        )

    def _connected(self, cluster: Any) -> Any:
        """A client of the cluster, which has a worker."""
        client, reason = None, ""
        try:
            client = self._dask.Client(cluster, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            reason = type(error).__name__
        if client is None:
            gc.collect()  # it closes itself when it is collected, which must not happen in the thread of another one
            raise LibraryProblem(
                f"No Dask scheduler answers at {self._address} ({reason}). Its address looks like tcp://host:8786."
            )
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError as error:
            client.close()
            raise LibraryProblem(
                f"The Dask cluster at {self._address} has no worker. Start some: dask worker ADDRESS"
            ) from error
        return client

    def _lost(self) -> LibraryProblem:
        return LibraryProblem(f"The Dask cluster at {self._address} is gone. What was stored is kept; index again to go on.")


def _remote() -> Callable[[str, bytes], Any]:
    """What a worker is asked to run. A function without a name of its own travels as it is: the scheduler needn't import it."""

    def read_and_encode(package: str, order: bytes) -> Any:
        import importlib

        return importlib.import_module(f"{package}.farm").work(order)

    return read_and_encode


_KITS: dict[tuple[str, str, bool], tuple[Pool, MotionEncoder, TextEncoder | None]] = {}
_LOADING = threading.Lock()


def work(packed: bytes) -> Reading:
    """On a worker: read and encode a file. Raises LibraryProblem and ModelProblem where this machine can't."""
    order, model, model_id, text, reading = pickle.loads(packed)  # noqa: S301 (from whoever runs this process)
    here = importlib.import_module("distributed").get_worker()
    if reading != READING:
        raise LibraryProblem(f"The worker {here.address} has another version of this package. Install the same everywhere.")
    if not order.root.is_dir():
        raise LibraryProblem(
            f"The worker {here.address} can't see the folder {order.root}: it must have this path on every machine."
        )
    pool, motion, texts = _kit(here, model, model_id, text)
    found = None
    ticket = pool.submit(order)
    while found is None:
        found = pool.take(ticket, 60.0)
    (found,) = with_motion([found], motion)
    return replace(found, takes=with_captions(found.takes, texts))


def _kit(here: Any, model: str, model_id: str, text: bool) -> tuple[Pool, MotionEncoder, TextEncoder | None]:
    """The readers and encoders of this worker, made once."""
    key = model, model_id, text
    with _LOADING:
        if key not in _KITS:
            folder = _weights(here.address, model, model_id)
            encoders = MotionEncoder(folder, threads=1), TextEncoder(folder, threads=1) if text else None
            _KITS[key] = Pool(here.state.nthreads), *encoders
        return _KITS[key]


def _weights(worker: str, model: str, model_id: str) -> Path:
    """The folder of the weights on this machine: where the submitting one has them, or this one's own."""
    found = []
    for place in (model, None):
        try:
            folder = model_folder(place)
            found.append(read_card(folder).id)
        except TMRError:
            continue
        if found[-1] == model_id:
            return folder
    has = f"has the model {found[-1]}" if found else "has no model"
    raise ModelProblem(f"The worker {worker} {has}; the index needs {model_id}. Put it in {model} there, or set TMR_MODEL.")
