"""Faults among the records alone: lineage, and attempts without their file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dbproc.check.faults import Fault, Kind
from dbproc.core.graph import circles
from dbproc.database.audit import FileRow, MadeRow, Records

_FROM_COPY = "restore the rows from a copy of the database"


def lineage_faults(records: Records, rows: Mapping[int, FileRow]) -> tuple[list[Fault], set[int]]:
    """The faults of lineage, and the files of whose lineage something is wrong."""
    around = list(circles(records.links))
    in_circle = {file_id for circle in around for file_id in circle}
    faults = [_circle(circle, rows) for circle in around]
    doubtful = set(in_circle)
    for kind, made, text, remedy in _lists(records):
        for row in made:
            if row.file_id not in in_circle:
                doubtful.add(row.file_id)
                faults.append(_fault(kind, row, text, remedy))
    names = {name for _, name in records.without_output}
    if names:
        doubtful.update(row.file_id for row in rows.values() if row.filename in names)
    return [*faults, *_without_output(records)], doubtful


def _lists(records: Records) -> Iterator[tuple[Kind, Sequence[MadeRow], str, str]]:
    yield (
        Kind.NO_ATTEMPT,
        records.without_attempt,
        "it has a code or inputs, and no attempt that made it",
        _FROM_COPY,
    )
    yield (
        Kind.NO_CODE,
        records.without_code,
        "it was made by attempt {}, and has no link to its code",
        f"{_FROM_COPY}, or add the code that the attempt names to filecodelink",
    )
    yield (
        Kind.NO_INPUTS,
        records.without_inputs,
        "it was made by attempt {}, and has no links to its inputs",
        f"{_FROM_COPY}, or add the files that attemptinput names to filefilelink",
    )
    yield (
        Kind.OTHER_LINKS,
        records.made_otherwise,
        "its inputs or its code are not those of attempt {}, which made it",
        f"{_FROM_COPY}: attempt, attemptinput, filefilelink and filecodelink contradict each other",
    )


def _fault(kind: Kind, row: MadeRow, text: str, remedy: str) -> Fault:
    return Fault(kind=kind, place=row.filename, text=text.format(row.attempt_id), remedy=remedy)


def _without_output(records: Records) -> Iterator[Fault]:
    for attempt_id, name in records.without_output:
        yield Fault(
            kind=Kind.NO_OUTPUT,
            place=f"attempt {attempt_id}",
            text=f"succeeded, and no file is recorded for it; promised was {name}",
            remedy=_FROM_COPY,
        )


def _circle(circle: Sequence[int], rows: Mapping[int, FileRow]) -> Fault:
    names = [rows[file_id].filename for file_id in circle]
    return Fault(
        kind=Kind.LINEAGE_CYCLE,
        place=min(names),
        text=" → ".join(names),
        remedy="find the link in filefilelink that is not in attemptinput, and remove it",
    )
