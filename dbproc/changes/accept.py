"""Other bytes of a file in its place, accepted as they are: their digest takes the place of the recorded one.

Nobody has the former bytes any more; their digest stands in the correction. What was made from them is made anew, or by
a person's word stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dbproc.changes.correcting import Correcting, correcting, known
from dbproc.changes.trial import Descendant, descendants, foresee
from dbproc.core.errors import UserError
from dbproc.core.model import Definition, FileFacts, KnownFile
from dbproc.core.states import Correction, Standing
from dbproc.core.version import Part
from dbproc.database import corrections, data_releases, files, queue
from dbproc.database.corrections import Corrected
from dbproc.database.definition.load import load_definition
from dbproc.database.files import FileRow
from dbproc.database.store import Store, Transaction
from dbproc.products.inspection import Inspection
from dbproc.storage.aside import path_of
from dbproc.storage.digest import algorithm_of, digest_file
from dbproc.storage.fingerprint import Measured, Unmeasured, measure_all

_REASON = "its new bytes were accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedFile:
    """A file whose bytes on disk are accepted."""

    file: str  #: its name
    former: str  #: the digest that was recorded
    digest: str  #: that of the bytes that it has


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedBytes:
    """What is accepted, and what comes of it."""

    reason: str  #: why
    files: tuple[AcceptedFile, ...]  #: the files whose bytes differ from the recorded ones
    descendants: tuple[Descendant, ...]  #: what was made from them, and what becomes of it
    is_done: bool  #: whether it was done, not only foreseen


@dataclass(frozen=True, slots=True)
class _Change:
    """A file, and what it was measured to be."""

    row: FileRow
    file: KnownFile
    measured: Measured


def accept_bytes(
    store: Store, names: Sequence[str], reason: str, *, keep: bool = False, only_look: bool = False
) -> AcceptedBytes:
    """Accept the bytes that files have in their places.

    Parameters
    ----------
    store
        The mission's database.
    names
        The names, paths or numbers of the files.
    reason
        Why; it is shown by ``why``.
    keep
        Leave what was made from them as it is.
    only_look
        Change nothing.

    Raises
    ------
    NotFoundError
        There is no such file.
    UserError
        A file is not in its place, has its recorded bytes, is no file of its product any more, or a release of data
        holds it.
    BusyError, LockError
        A run is live.
    """
    if not reason.strip():
        raise UserError("give the reason, for those who ask later: --reason TEXT")
    with correcting(store, "accept", only_look=only_look) as ground:
        changes = _changes(ground, names)

        def enter(connection: Transaction) -> None:
            _enter(connection, changes, reason, keep=keep)

        foreseen = foresee(store, enter)
        told = AcceptedBytes(
            reason=reason,
            files=tuple(
                AcceptedFile(file=each.file.filename, former=each.file.digest, digest=each.measured.digest)
                for each in changes
            ),
            descendants=descendants(store, [each.file.file_id for each in changes], foreseen),
            is_done=not only_look,
        )
        if not only_look:
            with store.begin() as connection:
                enter(connection)
    return told


def _changes(ground: Correcting, names: Sequence[str]) -> list[_Change]:
    store = ground.store
    with store.begin() as connection:
        definition = load_definition(connection)
        rows = list({row.file_id: row for name in names for row in (files.find_file(connection, name),)}.values())
        held = data_releases.holding(connection, [row.file_id for row in rows])
    some = known(store, rows)
    for row, file in zip(rows, some, strict=True):
        _require_acceptable(row, file, definition, held.get(row.file_id, ()))
    paths = [path_of(ground.mission, file) for file in some]
    wanted = [(path, definition.products[row.product_id].companion) for path, row in zip(paths, rows, strict=True)]
    measured = measure_all(wanted, ground.mission.digest)
    with Inspection(definition) as inspection:
        pairs = [(path, row.product_id) for path, row in zip(paths, rows, strict=True)]
        verdicts = inspection.confirm_many(pairs)
    found = zip(rows, some, measured, verdicts, strict=True)
    changes = [_change(row, file, size, verdict.facts, verdict.reason) for row, file, size, verdict in found]
    for path, each in zip(paths, changes, strict=True):
        _require_other(path, each)
    return changes


def _require_other(path: str, change: _Change) -> None:
    """See that the bytes are not the recorded ones, whose digest may be of another algorithm."""
    recorded = change.file.digest
    is_alike = algorithm_of(recorded) == algorithm_of(change.measured.digest)
    now = change.measured.digest if is_alike else digest_file(path, algorithm_of(recorded))
    if now == recorded and set(change.measured.members) == set(change.file.members):
        raise UserError(f"{change.file.filename} has its recorded bytes; there is nothing to accept")


def _require_acceptable(row: FileRow, file: KnownFile, definition: Definition, releases: Sequence[str]) -> None:
    if file.standing is not Standing.IN_PLACE:
        raise UserError(f"{file.filename} is {file.standing}, so there are no bytes of it in its place to be accepted")
    if row.product_id not in definition.products:
        raise UserError(
            f"product {row.product} of {file.filename} is retired; bring it back into the mission file first"
        )
    if releases:
        raise UserError(f"{file.filename} is in the release {releases[0]} with its recorded bytes; put these back")


def _change(
    row: FileRow, file: KnownFile, measured: Measured | Unmeasured, facts: FileFacts | None, reason: str
) -> _Change:
    if not isinstance(measured, Measured):
        text = getattr(measured, "strerror", None) or str(measured)
        raise UserError(f"{file.filename} cannot be read: {text}")
    if facts is None:
        raise UserError(f"the bytes of {file.filename} are not accepted by its inspector: {reason}")
    is_of_key = facts.keywords == row.keywords or (file.is_made and not facts.keywords)
    if facts.date != row.date or not is_of_key:
        raise UserError(
            f"these bytes are of {_slot(facts)}, and {file.filename} is of {_slot(row)}; move it away, and deliver it "
            "under a name of its own"
        )
    if not file.is_made and _span(facts) != _span(row):
        raise UserError(
            f"these bytes are of {_span(facts)}, and {file.filename} is recorded as of {_span(row)}; to have it with "
            f"other times: dbproc replace {file.filename} with PATH --reason TEXT"
        )
    return _Change(row, file, measured)


def _slot(of: FileFacts | FileRow) -> str:
    return f"{of.date} {of.keywords}".strip()


def _span(of: FileFacts | FileRow) -> str:
    return f"{of.start:%Y-%m-%dT%H:%M:%S} to {of.stop:%Y-%m-%dT%H:%M:%S}"


def _enter(connection: Transaction, changes: Sequence[_Change], reason: str, *, keep: bool) -> None:
    """Record the digests with what they were before, and queue what is to be made anew."""
    corrected = [
        Corrected(each.file.file_id, former={"shasum": each.file.digest, "file_size": each.file.size})
        for each in changes
    ]
    corrections.enter(connection, Correction.ACCEPT, reason, corrected)
    for each in changes:
        files.record_bytes(
            connection, each.file.file_id, each.measured.size, each.measured.digest, each.measured.members
        )
    if keep:
        return
    newest = {file.file_id for file in files.newest_known(connection, [each.file.file_id for each in changes])}
    queue.push(connection, sorted(newest), _REASON, Part.QUALITY)
