"""Ask the inspectors anew about files of the catalogue, and record what they say now.

What changes gives the file a next state: a row with the new date, times, keywords or version, the same bytes and the
same name; the former row keeps what was said before, and what was made from it. The next run puts right what was made
under a wrong date.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dbproc.changes.correcting import Correcting, correcting, known, refuse, require_some
from dbproc.changes.trial import Descendant, descendants, foresee
from dbproc.changes.withdraw import Choice
from dbproc.core.errors import FormatError, PlacementError, UserError
from dbproc.core.model import Definition, FileFacts, KnownFile, Move, Product, Verdict
from dbproc.core.states import Correction, Purpose, Standing
from dbproc.core.version import Version
from dbproc.database import corrections, files, queue
from dbproc.database import moves as placements
from dbproc.database.corrections import Corrected
from dbproc.database.definition.load import load_definition
from dbproc.database.files import FileRow
from dbproc.database.store import Store, Transaction
from dbproc.products.facts import FIRST_VERSION
from dbproc.products.inspection import Inspection
from dbproc.run.withdrawal import moved
from dbproc.storage.aside import path_of
from dbproc.storage.layout import directory_of, home

REINSPECTED = "inspected anew"
"""Why a file is queued of which an inspector says another thing."""

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFact:
    """One thing that an inspector says of a file, before and now."""

    what: str  #: date, start, stop, keywords or version
    before: str  #: what was recorded
    now: str  #: what it is


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinspectedFile:
    """A file of which something else is said, or which is of its product no more."""

    file: str  #: its name
    product: str  #: the name of its product
    changes: tuple[ChangedFact, ...]  #: what changes
    refused: str  #: why no inspector confirms it any more; then nothing is changed of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinspected:
    """What came of asking anew."""

    files: tuple[ReinspectedFile, ...]  #: those of which something else is said
    same: int  #: how many are as they were recorded
    made: int  #: how many a process made: they follow what they are made from, and are not asked about
    descendants: tuple[Descendant, ...]  #: what was made from those that change, and what becomes of it
    is_done: bool  #: whether it was recorded, not only foreseen


@dataclass(frozen=True, slots=True)
class _Change:
    """A file whose facts change, and the move that this takes."""

    row: FileRow
    file: KnownFile
    product: Product
    facts: FileFacts
    version: Version
    directory: str
    move: Move | None


def reinspect(store: Store, choice: Choice, *, only_look: bool = False) -> Reinspected:
    """Ask the inspectors anew about files, and record what changes; or with `only_look` say what would.

    Raises
    ------
    UserError
        No file is meant; two files would be one; or the place that one would have is taken.
    BusyError, LockError
        A run is live.
    """
    with correcting(store, "reinspect", only_look=only_look) as ground:
        with store.begin() as connection:
            rows = [row for row in choice(connection) if row.standing.exists]
            definition = load_definition(connection)
        require_some(rows, "inspect anew")
        refuse(
            [row for row in rows if row.standing is Standing.OFFLOADED],
            "offloaded, so there are no bytes of it here",
            "to have it back: dbproc recall FILE; or leave it out by the options that select",
        )
        delivered, made = _delivered(ground, rows, definition)
        verdicts = _verdicts(ground, definition, delivered)
        changes = [
            change for item in zip(delivered, verdicts, strict=True) for change in _changes(ground, definition, *item)
        ]
        _require_apart(store, changes)
        foreseen = foresee(store, partial(_enter, changes=changes))
        told = Reinspected(
            files=(*map(_told, changes), *_refusals(delivered, verdicts)),
            same=len(delivered) - len(changes) - sum(verdict.facts is None for verdict in verdicts),
            made=made,
            descendants=descendants(
                store,
                [change.row.file_id for change in changes],
                foreseen,
                [change.row.filename for change in changes],
            ),
            is_done=not only_look,
        )
        if changes and not only_look:
            _carry_out(ground, changes)
    return told


_Delivered = tuple[FileRow, KnownFile]


def _delivered(ground: Correcting, rows: Sequence[FileRow], definition: Definition) -> tuple[list[_Delivered], int]:
    """The delivered files of products that are defined, and how many others a process made."""
    pairs = list(zip(rows, known(ground.store, rows), strict=True))
    delivered = [(row, file) for row, file in pairs if not file.is_made and row.product_id in definition.products]
    return delivered, sum(file.is_made for _, file in pairs)


def _verdicts(ground: Correcting, definition: Definition, delivered: Sequence[_Delivered]) -> list[Verdict]:
    asked = [(path_of(ground.mission, file), row.product_id) for row, file in delivered]
    with Inspection(definition) as inspection:
        return inspection.confirm_many(asked)


def _changes(ground: Correcting, definition: Definition, item: _Delivered, verdict: Verdict) -> Iterator[_Change]:
    """What changes of a file, if anything does."""
    (row, file), facts = item, verdict.facts
    if facts is None:
        return
    product, version = definition.products[row.product_id], facts.version or FIRST_VERSION
    if not any(_differences(row, facts, version)):
        return
    try:
        directory = directory_of(product, facts, version)
        target = home(definition.mission, product, directory, row.filename)
    except (PlacementError, FormatError) as error:
        raise UserError(f"{row.filename}: {error}; nothing was changed") from error
    source = path_of(ground.mission, file)
    is_moved = os.path.normpath(source) != os.path.normpath(target)
    move = Move(Purpose.RENAME, source, target, file.digest, file.members) if is_moved else None
    yield _Change(row, file, product, facts, version, directory, move)


def _differences(row: FileRow, facts: FileFacts, version: Version) -> Iterator[ChangedFact]:
    pairs = {
        "date": (row.date, facts.date),
        "start": (row.start, facts.start),
        "stop": (row.stop, facts.stop),
        "keywords": (row.keywords, facts.keywords),
        "version": (row.version, version),
    }
    for what, (before, now) in pairs.items():
        if before != now:
            yield ChangedFact(what=what, before=_words(before), now=_words(now))


def _words(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _told(change: _Change) -> ReinspectedFile:
    changes = tuple(_differences(change.row, change.facts, change.version))
    return ReinspectedFile(file=change.row.filename, product=change.row.product, changes=changes, refused="")


def _refusals(delivered: Sequence[_Delivered], verdicts: Sequence[Verdict]) -> Iterator[ReinspectedFile]:
    for (row, _), verdict in zip(delivered, verdicts, strict=True):
        if verdict.facts is None:
            yield ReinspectedFile(file=row.filename, product=row.product, changes=(), refused=verdict.reason)


def _require_apart(store: Store, changes: Sequence[_Change]) -> None:
    """See that no two files would have one product, date, keywords and version."""
    places: dict[Any, list[str]] = defaultdict(list)
    for change in changes:
        places[_identity(change)].append(change.row.filename)
    with store.begin() as connection:
        others = files.known_by_identity(connection, list(places))
    changing = {change.row.filename for change in changes}
    for identity, name in others.items():
        if name not in changing:
            places[identity].append(name)
    twins = [names for names in places.values() if len(names) > 1]
    if twins:
        words = "; ".join(" and ".join(names) for names in twins[:_MOST_NAMED])
        raise UserError(
            f"{words} would be the same file of one product, date and version; make the format or the inspector tell "
            "them apart, or withdraw one; nothing was changed"
        )


def _identity(change: _Change) -> files.Identity:
    version, facts = change.version, change.facts
    parts = (version.interface, version.quality, version.revision)
    return (change.product.product_id, facts.date, facts.keywords, *parts)


def _values(change: _Change) -> Mapping[str, Any]:
    """What the columns of the next state hold."""
    facts, version = change.facts, change.version
    return {
        "utc_file_date": facts.date,
        "utc_start_time": facts.start,
        "utc_stop_time": facts.stop,
        "process_keywords": facts.keywords,
        "interface_version": version.interface,
        "quality_version": version.quality,
        "revision_version": version.revision,
        "relative_path": change.directory,
    }


def _former(change: _Change) -> Mapping[str, str]:
    """What was recorded before of what changes."""
    return {each.what: each.before for each in _differences(change.row, change.facts, change.version)}


def _enter(connection: Transaction, *, changes: Sequence[_Change]) -> None:
    """Record the next states, and queue what they change."""
    corrected = [Corrected(change.row.file_id, former=_former(change)) for change in changes]
    if not corrected:
        return
    corrections.enter(connection, Correction.REINSPECT, "", corrected)
    values = {change.row.file_id: _values(change) for change in changes}
    new = files.next_states(connection, values)
    queue.push(connection, [*values, *new], REINSPECTED)


def _carry_out(ground: Correcting, changes: Sequence[_Change]) -> None:
    wanted = [change.move for change in changes if change.move is not None]
    try:
        with moved(ground.store, wanted), ground.store.begin() as connection:
            _enter(connection, changes=changes)
            placements.withdraw(connection, wanted)
    except PlacementError as error:
        raise UserError(f"{error}; nothing was changed") from error
