"""What holds at any moment, after any kill, before anybody has put anything right."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, select, text

from dbproc.core.candidates import Queued, consumers
from dbproc.core.model import Period
from dbproc.core.plan import State
from dbproc.database import queue, schema
from dbproc.database.attempts import due_retries
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store, Transaction
from dbproc.run.decide import candidates, decide, facts_in
from tests.kit.mission import Mission

FILE = schema.file
UNLINKED = """
SELECT filename FROM file f WHERE verbose_provenance IS NOT NULL AND (
    NOT EXISTS (SELECT 1 FROM filecodelink l WHERE l.resulting_file = f.file_id)
    OR NOT EXISTS (SELECT 1 FROM filefilelink l WHERE l.resulting_file = f.file_id)
    OR NOT EXISTS (SELECT 1 FROM attempt a LEFT JOIN attemptoutput o ON o.attempt_id = a.attempt_id
                   WHERE (a.output_file = f.file_id OR o.file_id = f.file_id) AND a.status = 'succeeded'))
"""


def violations(mission: Mission, delivered: frozenset[str], *, while_moved: bool = False) -> list[str]:
    """What should never be, in words; `delivered` are the digests of the contents that somebody delivered.

    `while_moved`: a code may have moved them into its own directory, from which they are still to be taken back.
    """
    with Store(mission.database, read_only=True) as store, store.begin() as connection:
        found = [*_damage(connection), *_without_lineage(connection), *_forgotten(connection)]
        found += [] if while_moved else _without_file(connection, mission.root)
        found += _in_no_store(connection, getattr(mission, "outside", mission.root))
    lost = delivered - contents(mission, with_jobs=while_moved) if delivered else delivered
    if lost:
        found.append(f"{len(lost)} delivered contents are nowhere any more")
    return found


def stray_logs(mission: Mission) -> list[str]:
    """Logs of jobs that no attempt names: of a mission that has recovered there are none."""
    with Store(mission.database, read_only=True) as store, store.begin() as connection:
        named = {path for (path,) in connection.execute(text("SELECT log_path FROM attempt"))}
    folder = mission.root / ".dbproc" / "jobs"
    found = sorted(folder.iterdir()) if folder.exists() else []
    return [f"no attempt names the log {path}" for path in found if str(path) not in named]


def contents(mission: Mission, *, with_jobs: bool = False) -> frozenset[str]:
    """The digests of all files of the mission, those that are out of their places included; `with_jobs`: those in the
    directories of jobs, too."""
    places = {mission.root, mission.incoming, getattr(mission, "outside", mission.root)}
    return frozenset(_digest(path) for place in places for path in _files(place, with_jobs=with_jobs))


def _files(top: Path, *, with_jobs: bool) -> Iterator[Path]:
    for directory, _, names in os.walk(top):
        kept = ("/.dbproc/withdrawn/", "/.dbproc/trash/", *(("/.dbproc/work/",) if with_jobs else ()))
        if "/.dbproc/" not in f"{directory}/" or any(place in f"{directory}/" for place in kept):
            yield from (path for name in names if (path := Path(directory, name)).is_file() and not path.is_symlink())


def _damage(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        (answer,) = connection.execute(text("PRAGMA quick_check")).one()
        if answer != "ok":
            yield f"the database is damaged: {answer}"


def _without_file(connection: Connection, root: Path) -> Iterator[str]:
    """A row implies a file, whole, with its companion directory: in its place, or where an announced move has it."""
    moved = select(schema.placement.c.source, schema.placement.c.target)
    moved = moved.where(schema.placement.c.purpose.in_(("aside", "rename")))
    aside = {source: Path(target) for source, target in connection.execute(moved)}
    members: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for file_id, path, digest in connection.execute(
        select(*(schema.filemember.c[name] for name in ("file_id", "member_path", "shasum")))
    ):
        members[file_id].append((path, digest))
    in_place = select(FILE).where(FILE.c.exists_on_disk, FILE.c.offloaded_time.is_(None))
    for row in connection.execute(in_place).mappings():
        home = root / row["relative_path"] / row["filename"]
        places = [home, *((aside[str(home)],) if str(home) in aside else ())]
        wanted = [(None, row["shasum"]), *members[row["file_id"]]]
        for member, digest in wanted:
            found = [path for place in places if (path := _part(place, member)).is_file()]
            if not found:
                yield f"{row['filename']} is in the catalogue, but {_part(home, member)} does not exist"
            elif digest not in {f"sha256:{_digest(path)}" for path in found}:
                yield f"{row['filename']} is in the catalogue, but {found[0]} has other bytes"


def _in_no_store(connection: Connection, outside: Path) -> Iterator[str]:
    """An offloaded file is whole in a store, which is the directory of its name; so is what is known to be there."""
    copy = schema.replica.c
    good: set[tuple[int, str]] = set()
    for row in connection.execute(select(schema.replica).where(copy.state == "verified")).mappings():
        path = outside / row["store"] / row["path"]
        if path.is_file() and f"sha256:{_digest(path)}" == row["shasum"]:
            good.add((row["file_id"], row["member"]))
    members = schema.filemember.c
    offloaded = select(FILE.c.file_id, FILE.c.filename).where(FILE.c.exists_on_disk, FILE.c.offloaded_time.is_not(None))
    for file_id, name in connection.execute(offloaded).all():
        parts = ["", *connection.scalars(select(members.member_path).where(members.file_id == file_id))]
        yield from (
            f"{name} is offloaded, and no store has its {part!r}" for part in parts if (file_id, part) not in good
        )


def _part(place: Path, member: str | None) -> Path:
    return place if member is None else place.with_suffix("") / member


def _without_lineage(connection: Connection) -> Iterator[str]:
    for (name,) in connection.execute(text(UNLINKED)):
        yield f"{name} was made, and its code, its inputs or its attempt is not recorded"


def _forgotten(connection: Transaction) -> Iterator[str]:
    """What is stale and has no cause in the queue: no run will ever build it."""
    definition = load_definition(connection)
    by_product, facts = consumers(definition), facts_in(connection, definition)
    queued = {slot for slot, _ in candidates(definition, facts, by_product, queue.load(connection))}
    queued |= set(due_retries(connection, dt.datetime.now(dt.UTC)))
    slots = {slot for slot, _ in candidates(definition, facts, by_product, _all_files(connection))}
    for decision in decide(definition, facts, sorted(slots - queued, key=repr), _now()):
        slot = decision.slot
        if decision.state is State.STALE:
            name = definition.processes[slot.process_id].name
            yield f"{name} {slot.date} {slot.keywords} is stale ({decision.explanation}), and no queued file says so"


def _all_files(connection: Connection) -> Iterator[Queued]:
    for row in connection.execute(select(FILE).where(FILE.c.exists_on_disk)).mappings():
        span = Period(row["utc_start_time"], row["utc_stop_time"])
        yield Queued(row["file_id"], row["product_id"], row["utc_file_date"], row["process_keywords"], (span,), None)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
