"""The report of a canary: one HTML file that needs nothing but the pictures beside it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from dbproc.changes.canary.directory import Place
from dbproc.core.states import SampleVerdict

Row = Mapping[str, Any]

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 72em; color: #222 }
table { border-collapse: collapse } td, th { padding: .25em .8em; text-align: left; border-bottom: 1px solid #ddd }
.same { color: #2a7a2a } .differs { color: #a15c00 } .failed { color: #b00020 } img { max-width: 100% }
"""


def write_report(place: Place, canary: Row, files: Sequence[Row]) -> None:
    """Write it; it appears whole or not at all."""
    partial = f"{place.report}.partial"
    with open(partial, "w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(report_html(canary, files))
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, place.report)


def report_html(canary: Row, files: Sequence[Row]) -> str:
    """The page."""
    title = f"canary {canary['canary_id']}: {canary['process']} {canary['version']}"
    counts = Counter(row["verdict"] for row in files)
    summary = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    facts = f"{canary['directory']}/{canary['filename']}, {canary['digest']}, by {canary['user']} {canary['created']}"
    return "\n".join(
        (
            f"<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>",
            f"<style>{_STYLE}</style><h1>{escape(title)}</h1><p>{escape(facts)}</p><p>{escape(summary)}</p>",
            "<table><tr><th>date</th><th>keywords</th><th>sample</th><th>published</th><th>verdict</th></tr>",
            *map(_row, files),
            "</table>",
            *(part for row in files for part in _details(row)),
            "</html>\n",
        )
    )


def _row(row: Row) -> str:
    cells = (row["date"], row["keywords"], row["filename"], row["published"] or "", row["verdict"])
    texts = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
    return f"<tr class='{escape(row['verdict'])}'>{texts}</tr>"


def _details(row: Row) -> Iterator[str]:
    lines = list(words_of(row))
    if lines or row["report"].get("picture"):
        yield f"<h2>{escape(row['filename'])}</h2><ul>"
        yield from (f"<li>{escape(line)}</li>" for line in lines)
        yield "</ul>"
    if row["report"].get("picture"):
        yield f"<img alt='old, new, difference' src='pictures/{escape(row['report']['picture'])}'>"


def words_of(row: Row) -> Iterator[str]:
    """What is to be said of a file of a sample, line by line."""
    report = row["report"]
    sizes = report.get("sizes")
    if sizes and sizes[0] is not None and sizes[0] != sizes[1]:
        yield f"size {sizes[0]} → {sizes[1]} bytes"
    if row["verdict"] == SampleVerdict.SAME and report.get("how") != "bytes":
        yield f"other bytes, the same contents ({report['how']})"
    for each in report.get("differences", ()):
        yield f"{each['name']}: {each['what']}"
    if report.get("more"):
        yield f"and {report['more']} more"
    for key in ("problem", "no_picture"):
        if report.get(key):
            yield report[key] if key == "problem" else f"no picture: {report[key]}"
