"""A mission in numbers for Prometheus: what ``/metrics`` answers, and what runs write for its node exporter.

No number has a label of which there are ever more: files, attempts and transfers are counted, never named.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from dbproc import __version__
from dbproc.core.imports import URL
from dbproc.core.metrics import Metric, counter, exposition, gauge, histogram
from dbproc.core.model import Definition, Mission
from dbproc.core.slot_text import EVERY_SLOT
from dbproc.core.states import AttemptStatus
from dbproc.core.transfers import OPEN, Task, TransferState
from dbproc.database import lock, metrics, replicas, summary
from dbproc.database.definition.load import load_definition
from dbproc.database.metrics import Moved
from dbproc.database.store import Store, Transaction
from dbproc.explain.disk import forecast
from dbproc.explain.expectations import late_products
from dbproc.run.failures import standing_failures
from dbproc.storage.durable import write_whole
from dbproc.system.machine import Judgement

Labels = Mapping[str, str]
_OUT = frozenset({Task.REPLICATE, Task.STAGE, Task.HEAL})


@dataclass(frozen=True, slots=True)
class Numbers:
    """The metrics of a mission, and the labels of each."""

    labels: Labels
    metrics: tuple[Metric, ...]


def mission_numbers(store: Store) -> Numbers:
    """All of them, as they are now."""
    now, holder = dt.datetime.now(dt.UTC), lock.seen(store)
    with store.begin() as connection:
        definition = load_definition(connection)
        found = (
            gauge("dbproc_build_info", "The dbproc that gives these numbers.", ({"version": __version__}, 1)),
            gauge("dbproc_collected_timestamp_seconds", "When these numbers were collected.", ({}, now.timestamp())),
            *_of_runs(connection, definition.mission, holder, now),
            *_of_jobs(connection, definition),
            *_of_files(connection, definition, now),
            *_of_transfers(connection, definition.mission),
            *_of_places(connection, store),
        )
    return Numbers({"mission": definition.mission.name}, found)


def write_textfile(store: Store, mission: Mission) -> None:
    """Write them where the mission says, for the node exporter to read.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    found = mission_numbers(store)
    write_whole(os.path.join(mission.root, mission.monitor.textfile), exposition(found.metrics, found.labels))


def _of_runs(
    connection: Transaction, mission: Mission, holder: lock.Holder | None, now: dt.datetime
) -> Iterator[Metric]:
    last, success = summary.last_run(connection), metrics.last_success(connection)
    is_live = holder is not None and lock.judged(holder) is Judgement.LIVE
    started = ended = status = None
    if last is not None:
        started, ended, status = last.processing_start_time, last.processing_end_time, last.exit_status
    yield gauge(
        "dbproc_run_interval_seconds", "How often a run is to come.", ({}, mission.monitor.every.total_seconds())
    )
    yield gauge("dbproc_run_active", "Whether a run, or a command that keeps runs away, is at work.", ({}, is_live))
    yield gauge("dbproc_run_last_start_timestamp_seconds", "When the last run began.", ({}, _seconds(started)))
    yield gauge(
        "dbproc_run_last_end_timestamp_seconds", "When the last run ended; none: it has not.", ({}, _seconds(ended))
    )
    yield gauge("dbproc_run_last_exit_status", "What the last run ended with.", ({}, status))
    took = None if started is None or ended is None else (ended - started).total_seconds()
    yield gauge("dbproc_run_duration_seconds", "How long the last run took.", ({}, took))
    yield gauge(
        "dbproc_run_last_success_timestamp_seconds", "When the last run ended that did all.", ({}, _seconds(success))
    )
    held = 0.0 if holder is None else max(0.0, (now - holder.since).total_seconds())
    yield gauge("dbproc_lock_held_seconds", "For how long the lock has been held.", ({}, held))
    queued, since = metrics.queue_age(connection)
    age = 0.0 if since is None else max(0.0, (now - since).total_seconds())
    yield gauge("dbproc_queue_files", "Files that are still to be looked at as inputs.", ({}, queued))
    yield gauge("dbproc_queue_oldest_age_seconds", "For how long the oldest of them has waited.", ({}, age))


def _of_jobs(connection: Transaction, definition: Definition) -> Iterator[Metric]:
    names = {number: each.name for number, each in definition.processes.items()}
    now_open = Counter({(name, state): 0 for name in names.values() for state in ("running", "failed")})
    standing = set(standing_failures(connection, definition))
    for number, slot, status in metrics.open_attempts(connection):
        if status is AttemptStatus.RUNNING or number in standing:
            state = "running" if status is AttemptStatus.RUNNING else "failed"
            now_open[names.get(slot, ""), state] += 1
    yield gauge(
        "dbproc_jobs",
        "Jobs that run, and those that failed and were not made good since.",
        *(({"process": name, "state": state}, count) for (name, state), count in now_open.items() if name),
    )
    ended = metrics.attempts(connection)
    yield counter(
        "dbproc_job_attempts_total",
        "Jobs that ended, by what came of them.",
        *(({"process": name, "outcome": status}, spread.count) for name, status, spread in ended),
    )
    took = [({"process": name}, spread) for name, status, spread in ended if status is AttemptStatus.SUCCEEDED]
    yield histogram("dbproc_job_duration_seconds", "How long jobs took that succeeded.", took)


def _of_files(connection: Transaction, definition: Definition, now: dt.datetime) -> Iterator[Metric]:
    yield gauge(
        "dbproc_files",
        "Files of the catalogue, by product and by how they stand.",
        *(({"product": name, "state": how}, count) for name, how, count in metrics.files(connection)),
    )
    latest = metrics.latest_data(connection)
    yield gauge(
        "dbproc_product_latest_data_timestamp_seconds",
        "The end of the time that the latest file of a product is of.",
        *(({"product": name}, time.timestamp()) for name, time in latest.items()),
    )
    late = {each.product: each.count for each in late_products(connection, definition, EVERY_SLOT, now)}
    expected = [each.name for each in definition.products.values() if each.late_after is not None]
    yield gauge(
        "dbproc_late_files",
        "Files that should have come, of products that say when.",
        *(({"product": name}, late.get(name, 0)) for name in expected),
    )
    yield gauge("dbproc_quarantine_files", "Files that were refused.", ({}, metrics.in_quarantine(connection)))


def _of_transfers(connection: Transaction, mission: Mission) -> Iterator[Metric]:
    moved = metrics.transfers(connection)
    states = Counter({(each.task, each.state): 0 for each in moved})
    sizes, failures = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for each in moved:
        peer = _peer(each, mission)
        states[each.task, each.state] += each.count
        sizes[peer] += each.bytes
        failures[peer] += each.count * (each.state is TransferState.FAILED)
    yield gauge(
        "dbproc_transfers",
        "Transfers, by what they are for and what they are at.",
        *(({"task": task, "state": state}, count) for (task, state), count in states.items()),
    )
    uploads = {state: states[Task.UPLOAD, state] for state in TransferState}
    yield gauge("dbproc_uploads", "Uploads, by what they are at.", *(({"state": s}, n) for s, n in uploads.items()))
    yield counter(
        "dbproc_transfer_bytes_total",
        "Bytes that were moved.",
        *((_labels(peer), size) for peer, size in sizes.items()),
    )
    yield counter(
        "dbproc_transfer_failures_total",
        "Transfers that failed for good.",
        *((_labels(peer), count) for peer, count in failures.items()),
    )
    left = sum(each.left for each in moved if each.state in OPEN)
    yield gauge("dbproc_transfer_in_flight_bytes", "Bytes that transfers have still to move.", ({}, left))


def _peer(moved: Moved, mission: Mission) -> tuple[str, str, str]:
    """The protocol of a transfer, its direction, and the place beyond it."""
    place, direction = (moved.target, "out") if moved.task in _OUT else (moved.origin, "in")
    kind, _, name = place.partition(" ")
    known = {"source": mission.sources, "store": mission.stores}.get(kind, ())
    urls = [spec.url for spec in known if spec.name == name]
    if kind == URL.rstrip():  # whoever may read the numbers need not see what others import, and there are ever more
        return "http", direction, kind
    return (urlsplit(urls[0]).scheme if urls else "http" if kind == "client" else "file", direction, place)


def _labels(peer: tuple[str, ...]) -> Labels:
    return dict(zip(("protocol", "direction", "peer"), peer, strict=True))


def _of_places(connection: Transaction, store: Store) -> Iterator[Metric]:
    copies = replicas.counts(connection)
    yield gauge(
        "dbproc_copies",
        "Copies of files in stores, by what is known of them.",
        *(
            ({"place": place, "state": state}, count)
            for place, known in copies.items()
            for state, count in known.states.items()
        ),
    )
    disks = forecast(connection, store)
    yield gauge("dbproc_disk_free_bytes", "Bytes that are free.", *(({"area": d.area}, d.free) for d in disks))
    yield gauge("dbproc_disk_size_bytes", "Bytes of a disk.", *(({"area": d.area}, d.size) for d in disks))
    yield gauge(
        "dbproc_disk_reserve_bytes", "Bytes that are to stay free.", *(({"area": d.area}, d.reserve) for d in disks)
    )
    yield gauge(
        "dbproc_disk_full_timestamp_seconds",
        "When no more than the reserve is free, at the pace of the last month.",
        *(({"area": each.area}, _seconds(each.full)) for each in disks),
    )
    yield gauge(
        "dbproc_secret_expiry_timestamp_seconds",
        "When a token of the service expires.",
        *(({"name": word}, time.timestamp()) for word, time in metrics.secrets(connection)),
    )


def _seconds(time: dt.datetime | None) -> float | None:
    return None if time is None else time.timestamp()
