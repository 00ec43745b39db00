"""Other bytes under the name of a file: they are delivered in its place, and the former ones are kept by their digest.

The bytes are copied first and then go the way of every delivery: an inspector confirms them, moves are announced, and
one transaction records them. What was made of the former bytes keeps them in its lineage, and is made anew by the next
run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dbproc.changes.arrivals import taken_in
from dbproc.changes.correcting import Correcting, correcting, require_there
from dbproc.changes.trial import Descendant, Foreseen, descendants
from dbproc.changes.whatif import predict
from dbproc.core.errors import UserError
from dbproc.core.events import Event, Report
from dbproc.core.filenames import companion_of
from dbproc.core.model import Definition, KnownFile, Mission, SameName
from dbproc.core.states import Standing
from dbproc.database import data_releases, files, quarantine
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.ingest import quarantine as custody
from dbproc.ingest.incoming import Arrival, Kind
from dbproc.ingest.ingest import Ingest, Order
from dbproc.ingest.triage import Accepted, Decision, Duplicate, Left, Refused, Triage
from dbproc.products.inspection import Inspection
from dbproc.run.simulation import Hypothesis
from dbproc.storage import removal
from dbproc.storage.aside import is_whole, move_aside
from dbproc.storage.digest import algorithm_of, digest_file, state_of
from dbproc.storage.layout import kept_path
from dbproc.storage.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What a replacement does."""

    file: str  #: the name of the file
    reason: str  #: why
    former: str  #: the digest of the bytes that it had
    digest: str  #: the digest of those that it has now
    kept: str | None  #: where the former bytes are kept; null: they were lost before
    aside: str | None  #: where other bytes are kept that somebody had put in their place; null: there were none
    releases: tuple[str, ...]  #: the releases of data that hold it with its former bytes
    descendants: tuple[Descendant, ...]  #: what was made from it, and what becomes of it
    is_done: bool  #: whether it was done, not only foreseen


def replace_file(store: Store, name: str, path: str, reason: str, *, only_look: bool = False) -> Replaced:
    """Give a file the bytes of another one, which stays where it is; or with `only_look` say what would come of it.

    Raises
    ------
    NotFoundError
        The catalogue has no such file.
    UserError
        The bytes are the same, or were its bytes before; no inspector confirms them for its product; a process makes
        the file.
    BusyError, LockError
        A run is live.
    """
    if not reason.strip():
        raise UserError("give the reason, for those who ask later: --reason TEXT")
    with correcting(store, "replace", only_look=only_look) as ground:
        return _replaced(ground, name, path, reason)


def accept(store: Store, quarantine_id: int, reason: str, *, only_look: bool = False) -> Replaced:
    """Let a file in quarantine take the place of the file of its name; or with `only_look` say what would come of it.

    Raises
    ------
    UserError
        It has left the quarantine, or the catalogue has no file of its name: then it can be released.
    """
    why = reason.strip() or f"accepted from quarantine, entry {quarantine_id}"
    with correcting(store, f"quarantine entry {quarantine_id} accepted", only_look=only_look) as ground:
        with store.begin() as connection:
            row = quarantine.entry(connection, quarantine_id)
            file = files.known_named(connection, row.filename)
        if file is not None and row.is_open and _has_bytes(file, row):
            done = _as_it_is(file, why, is_done=ground.run_id is not None)
        else:
            accepted, path = _acceptable(store, row, file)
            done = _replaced(ground, accepted.filename, path, why)
        if not only_look:
            _close(ground, row, why)
    return done


def _acceptable(store: Store, row: quarantine.QuarantineRow, file: KnownFile | None) -> tuple[KnownFile, str]:
    """The file whose place is taken, and the path of what takes it."""
    _, path = custody.present(store, row.quarantine_id)
    if file is None:
        raise UserError(
            f"the catalogue has no file {row.filename} whose place it could take; put it back into incoming: "
            f"dbproc quarantine release {row.quarantine_id}"
        )
    if row.shasum and digest_file(path, algorithm_of(row.shasum)) != row.shasum:
        raise UserError(
            f"{path} does not have the bytes any more that came; if they are right: "
            f"dbproc replace {file.filename} with {path} --reason TEXT"
        )
    return file, path


def _has_bytes(file: KnownFile, row: quarantine.QuarantineRow) -> bool:
    """Whether a file has the bytes of an entry already, which one with a companion directory says itself."""
    return file.standing.exists and file.digest == row.shasum and not file.members


def _as_it_is(file: KnownFile, reason: str, *, is_done: bool) -> Replaced:
    """That a file stays as it is, as it has the bytes that it is given."""
    return Replaced(
        file=file.filename,
        reason=reason,
        former=file.digest,
        digest=file.digest,
        kept=None,
        aside=None,
        releases=(),
        descendants=(),
        is_done=is_done,
    )


def _close(ground: Correcting, row: quarantine.QuarantineRow, comment: str) -> None:
    """Remove a file from quarantine whose bytes are in the catalogue, and close its entry: in this order, because an
    open entry is looked at again."""
    custody.remove_file(row, os.path.join(ground.mission.quarantine, row.stored_name))
    with ground.store.begin() as connection:
        quarantine.close_entry(connection, row.quarantine_id, discarded=False, comment=comment)


def _replaced(ground: Correcting, name: str, path: str, reason: str) -> Replaced:
    store = ground.store
    with store.begin() as connection:
        row = files.find_file(connection, name)
        (file,) = files.known_by_number(connection, [row.file_id])
        definition = load_definition(connection)
    _require_replaceable(file, row.product, definition)
    require_there(ground, [file])
    has_companion = definition.products[row.product_id].companion
    with _copied(ground, path, file.filename, has_companion) as arrival, Inspection(definition) as inspection:
        decisions = Triage(store, definition, inspection, SameName.REPLACE).decide([arrival])
        accepted = _require_accepted(decisions, file, row.product_id, definition)
        foreseen = _foreseen(store, definition, accepted)
        kept, aside = _kept(ground.mission, file)
        with store.begin() as connection:
            releases = data_releases.names_holding(connection, [file.file_id])
        told = Replaced(
            file=file.filename,
            reason=reason,
            former=file.digest,
            digest=accepted.file.digest,
            kept=kept,
            aside=aside,
            releases=releases,
            descendants=descendants(store, [file.file_id], foreseen, [file.filename]),
            is_done=ground.run_id is not None,
        )
        if ground.run_id is not None:
            report = Report()
            Ingest(store, definition, inspection, ground.run_id, report, Order(reason)).take([arrival])
            _require_done(report)
    return told


def _kept(mission: Mission, file: KnownFile) -> tuple[str | None, str | None]:
    """Where the bytes of a file will be kept, and those that somebody had put in their place."""
    move = move_aside(mission, file) if file.standing is Standing.IN_PLACE else None
    if move is not None:
        return (move.target, None) if is_whole(file, move) else (None, move.target)
    kept = kept_path(mission, file.file_id, file.digest, file.filename)
    return (kept if os.path.lexists(kept) else None), None


def _require_replaceable(file: KnownFile, product: str, definition: Definition) -> None:
    if file.is_made:
        raise UserError(
            f"{file.filename} is made by a process, and would be made again; correct its inputs or its code, or take "
            f"it back: dbproc withdraw {file.filename}"
        )
    if file.standing is Standing.REPLACED:
        raise UserError(f"{file.filename}: this row was replaced already; name the file itself")
    if product not in {each.name for each in definition.products.values()}:
        raise UserError(f"product {product} of {file.filename} is retired; bring it back into the mission file first")


def _require_accepted(decisions: list[Decision], file: KnownFile, product_id: int, definition: Definition) -> Accepted:
    match decisions:
        case [Accepted(file=new) as accepted] if new.product_id == product_id:
            return accepted
        case [Accepted(file=new)]:
            wrong = definition.products[new.product_id].name
            raise UserError(f"these bytes are a file of product {wrong}, not of that of {file.filename}")
        case [Duplicate(target=target), *_]:
            if digest_file(target, algorithm_of(file.digest)) != file.digest:
                raise UserError(
                    f"{target} was changed in its place, and these are its recorded bytes: move it away, put them into "
                    f"incoming as {file.filename}, and the next run has it as it was"
                )
            raise UserError(f"{file.filename} has these bytes already; nothing was changed")
        case [Refused(message=message) | Left(message=message)]:
            raise UserError(f"these bytes cannot take the place of {file.filename}: {message}")
        case [_]:
            raise UserError(
                f"{file.filename} is missing from its place, and these are its own bytes; put the file into incoming, "
                "the next run takes it"
            )
        case _:
            raise UserError("the file changes while it is read; try again when it is complete")


def _foreseen(store: Store, definition: Definition, accepted: Accepted) -> Foreseen:
    taken = taken_in(store, [accepted])
    hypothesis = Hypothesis(definition, taken.queued, taken.delivered, replaced=taken.replaced)
    with store.at_one_moment() as still:
        return Foreseen(definition, tuple(predict(still, hypothesis)))


def _require_done(report: Report) -> None:
    """See that the file was taken, not kept back by something in its way."""
    wrong = [told.text for told in report.events if told.event in (Event.PROBLEM, Event.QUARANTINED)]
    if wrong:
        raise UserError("; ".join(wrong))


def _directory(ground: Correcting) -> str:
    """A new directory: of the mission's for a correction, of temporary files for a look."""
    if ground.run_id is None:
        return tempfile.mkdtemp(prefix="dbproc-")
    directory = Workspace(ground.mission.root).job_directory(f"replace-{ground.run_id}")
    os.makedirs(directory)
    return directory


@contextmanager
def _copied(ground: Correcting, path: str, name: str, has_companion: bool) -> Iterator[Arrival]:
    """A private copy of a file under another name, with its companion directory if it has one."""
    if not os.path.isfile(path):
        raise UserError(f"{path} is not a file")
    directory = _directory(ground)
    copy = os.path.join(directory, name)
    try:
        try:
            shutil.copy2(path, copy)
            if has_companion and os.path.isdir(companion_of(path)):
                shutil.copytree(companion_of(path), companion_of(copy), symlinks=True)
        except OSError as error:
            raise UserError(f"{path} cannot be copied: {error.strerror or error}; nothing was changed") from error
        status = os.lstat(copy)
        yield Arrival(copy, name, Kind.FILE, status.st_size, state_of(status), has_companion, status.st_ctime)
    finally:
        removal.remove_tree(directory)
