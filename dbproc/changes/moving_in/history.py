"""What happened with dbprocessing: what was made from what, by which code; runs, releases, what is queued."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dbproc.changes.moving_in.files import MovedFiles, Row
from dbproc.changes.moving_in.findings import Findings
from dbproc.core.graph import circles
from dbproc.core.model import Timebase
from dbproc.core.periods import read_timebase
from dbproc.core.slots import period_at
from dbproc.core.spec import ProcessSpec
from dbproc.core.states import AttemptStatus
from dbproc.database.dbprocessing.reading import OldDatabase, OldRow
from dbproc.database.dbprocessing.values import is_true, text_of, time_of, utc
from dbproc.mission.dbprocessing import OldCode, OldMission
from dbproc.system import processes

IMPORTED = "imported"
"""The reason that stands in what the import records."""

PURPOSE = "dbprocessing"
"""Of the rows of runs of dbprocessing."""


@dataclass(slots=True)
class MovedHistory:
    """Rows of dbproc's tables; attempts without the run that records them, each with its inputs in their order."""

    links: list[Row] = field(default_factory=list)
    code_links: list[Row] = field(default_factory=list)
    attempts: list[tuple[Row, tuple[int, ...]]] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    releases: list[Row] = field(default_factory=list)
    queue: list[Row] = field(default_factory=list)
    problems: Findings = field(default_factory=Findings)
    notes: Findings = field(default_factory=Findings)


def moved_history(old: OldDatabase, found: OldMission, files: MovedFiles) -> MovedHistory:
    """All of it; needs the rows of files."""
    history = MovedHistory()
    made_from = _links(old, found, files, history)
    made_by = _code_links(old, found, files, history)
    for file_id, code_id in sorted(made_by.items()):
        inputs = made_from.get(file_id, ())
        history.attempts.append(_attempt(files.rows[file_id], found, code_id, inputs, files.rows))
    for file_id in sorted(made_from.keys() - made_by.keys()):
        history.notes.add(
            "files with inputs and no code: they count as delivered, and their inputs are kept",
            files.rows[file_id]["filename"],
        )
    history.runs = [_run(row, found, history) for row in old["logging"]]
    history.releases = _releases(old, files, history)
    history.queue = _queue(old, files, history)
    if old["logging_file"]:
        history.notes.add(f"the {len(old['logging_file'])} rows of logging_file are left out: nothing reads them", "")
    return history


def _links(old: OldDatabase, found: OldMission, files: MovedFiles, history: MovedHistory) -> dict[int, tuple[int, ...]]:
    """By file: what it was made from."""
    made_from: dict[int, dict[int, None]] = defaultdict(dict)
    for row in old["filefilelink"]:
        source, result = row.source_file, row.resulting_file
        if source not in files.rows or result not in files.rows:
            history.notes.add("links of files that are not there, and are left out", f"{source} → {result}")
        elif source == result:
            history.notes.add("files that were made from themselves: that is left out", files.rows[source]["filename"])
        else:
            made_from[result][source] = None
    pairs = [(source, result) for result, sources in made_from.items() for source in sources]
    for circle in circles(pairs):
        names = " → ".join(files.rows[number]["filename"] for number in circle)
        history.problems.add(
            "files that were made from each other in a circle; take a row of it out of filefilelink, in the database "
            "that is imported or in a copy of it",
            names,
        )
    history.links = [{"source_file": source, "resulting_file": result} for source, result in pairs]
    return {result: tuple(sources) for result, sources in made_from.items()}


def _code_links(old: OldDatabase, found: OldMission, files: MovedFiles, history: MovedHistory) -> dict[int, int]:
    """By file: the code that made it."""
    made_by: dict[int, list[int]] = defaultdict(list)
    for row in old["filecodelink"]:
        if row.resulting_file not in files.rows or row.source_code not in found.codes:
            history.notes.add(
                "links of files and codes of which one is not there, and are left out",
                f"code {row.source_code} → file {row.resulting_file}",
            )
        elif row.source_code not in made_by[row.resulting_file]:
            made_by[row.resulting_file].append(row.source_code)
    chosen: dict[int, int] = {}
    for file_id, codes in made_by.items():
        newest = max(codes, key=lambda number: (found.codes[number].spec.version, number))
        if len(codes) > 1:
            history.notes.add(
                "files of several codes, of which the newest counts",
                f"{files.rows[file_id]['filename']} (codes {', '.join(map(str, sorted(codes)))})",
            )
        chosen[file_id] = newest
    history.code_links = [{"resulting_file": number, "source_code": code} for number, code in chosen.items()]
    return chosen


def _attempt(
    row: Row, found: OldMission, code_id: int, inputs: Sequence[int], files: Mapping[int, Row]
) -> tuple[Row, tuple[int, ...]]:
    code = found.codes[code_id]
    process = found.processes[code.process_id]
    words = text_of(row["verbose_provenance"]).split()
    ordered = _as_in_command(inputs, words, files)
    keywords = _slot_keywords(process, code, [files[number] for number in ordered], row, found)
    cadence = read_timebase(process.timebase)
    timebase = cadence.timebase if cadence is not None else Timebase.DAILY
    period = period_at(timebase, dt.timedelta(days=1), row["utc_file_date"], keywords)
    return {
        "process_id": code.process_id,
        "utc_file_date": row["utc_file_date"],
        "process_keywords": keywords,
        "utc_start_time": period.start,
        "utc_stop_time": period.stop,
        "code_id": code_id,
        "code_shasum": None,
        "status": AttemptStatus.SUCCEEDED,
        "reasons": json.dumps([IMPORTED]),
        "command_line": json.dumps(words),
        "output_filename": row["filename"],
        "output_file": row["file_id"],
        "created_time": row.get("file_create_date"),
        "end_time": row.get("file_create_date"),
    }, ordered


def _as_in_command(inputs: Sequence[int], words: Sequence[str], files: Mapping[int, Row]) -> tuple[int, ...]:
    """Inputs in the order in which a command line names them, and by their names where it does not."""
    places = {os.path.basename(word): position for position, word in reversed(list(enumerate(words)))}
    names = {number: files[number]["filename"] for number in inputs}
    return tuple(sorted(inputs, key=lambda number: (places.get(names[number], len(words)), names[number])))


def _slot_keywords(process: ProcessSpec, code: OldCode, inputs: Sequence[Row], row: Row, found: OldMission) -> str:
    """The keywords of the slot that a file was made for: for timebase FILE those of its inputs, else none."""
    if process.timebase != Timebase.FILE:
        return ""
    required = {each.product for each in process.inputs if not each.optional}
    first = [each for each in inputs if found.products[each["product_id"]].name in required] or list(inputs)
    return str(first[0]["process_keywords"] if first else row["process_keywords"])


# --- runs, releases, the queue ---


def _run(row: OldRow, found: OldMission, history: MovedHistory) -> Row:
    comment, pid, host = row.comment, int(row.pid or 0), text_of(row.hostname)
    started, ended = (_run_time(value, row, history) for value in (row.processing_start_time, row.processing_end_time))
    if is_true(row.currently_processing):
        if pid and host == socket.gethostname() and processes.look(pid) is not None:
            history.problems.add(
                "a run of dbprocessing is at work; import when it has ended (if that is another program by now: "
                "clearProcessingFlag.py of dbprocessing)",
                f"PID {pid}, logging_id {row.logging_id}",
            )
        elif host != socket.gethostname():
            history.notes.add(
                "runs of dbprocessing on other machines that never ended: be sure that they have",
                f"PID {pid} on {host}, logging_id {row.logging_id}",
            )
        comment = f"{comment}; " if comment else ""
        comment += "it had not ended when the mission was imported, and counts as crashed"
    return {
        "logging_id": row.logging_id,
        "currently_processing": False,
        "pid": pid,
        "pid_start_time": "",
        "boot_id": "",
        "processing_start_time": started or ended or dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
        "processing_end_time": ended,
        "comment": comment,
        "purpose": PURPOSE,
        "mission_id": found.mission_id,
        "user": text_of(row.user),
        "hostname": host,
    }


def _run_time(value: Any, row: OldRow, history: MovedHistory) -> dt.datetime | None:
    try:
        time = time_of(value)
    except ValueError:
        history.notes.add("times of runs that are none, and are not kept", f"logging_id {row.logging_id}")
        return None
    return None if time is None else utc(time)


def _releases(old: OldDatabase, files: MovedFiles, history: MovedHistory) -> list[Row]:
    rows: dict[tuple[int, str], None] = {}
    for row in old["release"]:
        if row.file_id in files.rows:
            rows[row.file_id, text_of(row.release_num)] = None
        else:
            history.notes.add(
                "files of releases that are not there, and are left out", f"{row.file_id} of {row.release_num}"
            )
    return [{"file_id": file_id, "release_num": number} for file_id, number in rows]


def _queue(old: OldDatabase, files: MovedFiles, history: MovedHistory) -> list[Row]:
    now = dt.datetime.now(dt.UTC)
    rows: dict[int, Row] = {}
    for row in old["processqueue"]:
        if row.file_id not in files.rows:
            history.notes.add("files of the queue that are not there, and are left out", f"{row.file_id}")
            continue
        bump = row.version_bump if row.version_bump in (0, 1, 2) else None
        rows[row.file_id] = {
            "file_id": row.file_id,
            "version_bump": bump,
            "reason": IMPORTED,
            "queued_time": now,
        }
    return list(rows.values())
