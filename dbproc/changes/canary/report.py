"""The report of a canary: one HTML file that needs only the pictures beside it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from dbproc.changes.canary.directory import Place
from dbproc.core.answers import extended
from dbproc.core.states import SampleVerdict
from dbproc.database import canaries
from dbproc.database.canaries import CanaryRow, SampleFailure, SampleReport, SampleRow
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 72em; color: #222 }
table { border-collapse: collapse } td, th { padding: .25em .8em; text-align: left; border-bottom: 1px solid #ddd }
.same { color: #2a7a2a } .differs { color: #a15c00 } .failed { color: #b00020 } img { max-width: 100% }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryShown(CanaryRow):
    """A candidate, and each file of its sample compared with the published one."""

    report: str  #: the path of its report
    sample: tuple[SampleRow, ...]  #: the files of its sample, in the order of their dates


def canary_shown(store: Store, name: str) -> CanaryShown:
    """A canary by its number, or the latest one of a process, with its sample.

    Raises
    ------
    NotFoundError
        There is none.
    """
    with store.begin() as connection:
        row = canaries.find(connection, name)
        files = canaries.files_of(connection, row.canary_id)
        place = Place(load_mission(connection), row.canary_id)
    return extended(CanaryShown, row, report=place.report, sample=tuple(files))


def write_report(place: Place, canary: CanaryRow, files: Sequence[SampleRow]) -> None:
    """Write the report; it appears whole or not at all."""
    partial = f"{place.report}.partial"
    with open(partial, "w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(report_html(canary, files))
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, place.report)


def report_html(canary: CanaryRow, files: Sequence[SampleRow]) -> str:
    """The report as HTML."""
    title = f"canary {canary.canary_id}: {canary.process} {canary.version}"
    counts = Counter(row.verdict for row in files)
    summary = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    facts = f"{canary.directory}/{canary.filename}, {canary.digest}, by {canary.user} {canary.created}"
    return "\n".join(
        (
            f"<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>",
            f"<style>{_STYLE}</style><h1>{escape(title)}</h1><p>{escape(facts)}</p><p>{escape(summary)}</p>",
            "<table><tr><th>period and key</th><th>sample</th><th>published</th><th>verdict</th></tr>",
            *map(_row, files),
            "</table>",
            *(part for row in files for part in _details(row)),
            "</html>\n",
        )
    )


def _row(row: SampleRow) -> str:
    cells = (row.slot, row.filename, row.published or "", row.verdict)
    texts = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
    return f"<tr class='{escape(row.verdict)}'>{texts}</tr>"


def _details(row: SampleRow) -> Iterator[str]:
    lines = list(words_of(row))
    picture = row.report.picture if isinstance(row.report, SampleReport) else None
    if lines or picture:
        yield f"<h2>{escape(row.filename)}</h2><ul>"
        yield from (f"<li>{escape(line)}</li>" for line in lines)
        yield "</ul>"
    if picture:
        yield f"<img alt='old, new, difference' src='pictures/{escape(picture)}'>"


def words_of(row: SampleRow) -> Iterator[str]:
    """The remarks on a file of a sample, line by line."""
    report = row.report
    if isinstance(report, SampleFailure):
        yield from filter(None, (report.problem,))
        return
    if report.sizes and report.sizes[0] is not None and report.sizes[0] != report.sizes[1]:
        yield f"size {report.sizes[0]} → {report.sizes[1]} bytes"
    if row.verdict is SampleVerdict.SAME and report.how != "bytes":
        yield f"other bytes, the same contents ({report.how})"
    for each in report.differences or ():
        yield f"{each['name']}: {each['what']}"
    if report.more:
        yield f"and {report.more} more"
    if report.problem:
        yield report.problem
    if report.no_picture:
        yield f"no picture: {report.no_picture}"
