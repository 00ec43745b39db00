"""Cost and output of codes by version; versions that are markedly slower or make other sizes."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dbproc.core.answers import key
from dbproc.core.errors import NotFoundError
from dbproc.core.likeness import no_such
from dbproc.core.states import AttemptStatus
from dbproc.core.version import Version
from dbproc.database import statistics as history
from dbproc.database.statistics import CodeRow, JobRow
from dbproc.database.store import Store, Transaction

SLOWER = 1.5  #: times the seconds of the version before
LEAST_JOBS = 3
LEAST_SECONDS = 1.0
_RECENT = 1000
"""How many of the latest jobs of a code a run looks at."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and maximum of some values; null without values."""

    median: float | None  #: the median
    most: float | None = field(metadata=key("max"))  #: the greatest


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Cost and output of the jobs of one version of a code; spreads are over successful jobs."""

    process: str  #: the name of the process
    code: str  #: the name of the code's file
    version: Version  #: its version
    active: bool  #: whether it is in use
    jobs: int  #: how many jobs there were
    failures: int  #: how many of them failed
    seconds: Spread  #: how long a job took
    cpu_seconds: Spread  #: CPU seconds of a job
    memory_bytes: Spread  #: bytes of memory of a job
    output_bytes: Spread  #: bytes of all that a job made
    remarks: tuple[str, ...] = ()  #: how it differs from the version before


def records(store: Store, process: str | None = None) -> list[Record]:
    """A record for each version of a code that ever ran, of one process or all; by process, then version.

    Raises
    ------
    NotFoundError
        There is no such process.
    """
    codes, jobs = _read(store, process)
    return [_record(code, jobs, codes) for code in codes if code.code_id in jobs]


@dataclass(frozen=True, slots=True)
class Values:
    """What each job of a version of a code took and made that succeeded."""

    words: str  #: the process, and the code with its version
    seconds: tuple[float, ...]
    output_bytes: tuple[float, ...]


def values_of_jobs(store: Store, process: str | None = None) -> list[Values]:
    """The values of which :func:`records` tells the medians, by version of a code.

    Raises
    ------
    NotFoundError
        There is no such process.
    """
    codes, jobs = _read(store, process)
    return [_values(code, jobs[code.code_id]) for code in codes if code.code_id in jobs]


def _read(store: Store, process: str | None) -> tuple[list[CodeRow], dict[int, list[JobRow]]]:
    """The codes of a process, or of all, and the jobs of each."""
    with store.begin() as connection:
        codes = _codes(connection, process)
        return codes, _by_code(history.jobs_of(connection, [code.code_id for code in codes]))


def _values(code: CodeRow, jobs: Sequence[JobRow]) -> Values:
    good = [job for job in jobs if job.status is AttemptStatus.SUCCEEDED]
    return Values(
        words=f"{code.process}: {code.name} {code.version}",
        seconds=tuple(job.seconds for job in good if job.seconds is not None),
        output_bytes=tuple(float(job.size) for job in good if job.size is not None),
    )


def _codes(connection: Transaction, process: str | None) -> list[CodeRow]:
    """The codes of a process, or of all."""
    codes = history.codes_of(connection)
    if process is None:
        return codes
    names = {code.process for code in codes}
    codes = [code for code in codes if process in (code.process, str(code.process_id))]
    if not codes:
        raise NotFoundError(no_such("process with a code", process, names))
    return codes


def remarks_on_run(store: Store, run_id: int) -> list[tuple[str, str]]:
    """Remarks on the codes whose jobs ran; each is made once, by the run that first sees it.

    Returns
    -------
    list of (str, str)
        The process, and a sentence.
    """
    with store.begin() as connection:
        ran = history.codes_of_run(connection, run_id)
        codes = history.codes_of(connection, {process_id for process_id, _ in ran})
        pairs = [(code, before) for code in codes if _pair(code) in ran and (before := version_before(code, codes))]
        wanted = dict.fromkeys(code.code_id for pair in pairs for code in pair)
        jobs = _by_code(history.jobs_of(connection, list(wanted), recent=_RECENT))
    found = []
    for code, before in pairs:
        old, new = jobs.get(before.code_id, []), jobs.get(code.code_id, [])
        known = _kinds(old, [job for job in new if job.run_id != run_id])
        found += [(code.process, text) for kind, text in _remarks(code, before, old, new) if kind not in known]
    return found


def version_before(code: CodeRow, codes: Sequence[CodeRow]) -> CodeRow | None:
    """The highest version below a version of a code."""
    below = [each for each in codes if each.process_id == code.process_id and _rank(each) < _rank(code)]
    return max(below, key=_rank, default=None)


def _rank(code: CodeRow) -> tuple[object, int]:
    return code.version, code.code_id


def _pair(code: CodeRow) -> tuple[int, int]:
    return code.process_id, code.code_id


def _by_code(jobs: Sequence[JobRow]) -> dict[int, list[JobRow]]:
    result: dict[int, list[JobRow]] = defaultdict(list)
    for job in jobs:
        result[job.code_id].append(job)
    return dict(result)


def _record(code: CodeRow, jobs: dict[int, list[JobRow]], codes: Sequence[CodeRow]) -> Record:
    own = jobs[code.code_id]
    good = [job for job in own if job.status is AttemptStatus.SUCCEEDED]
    before = version_before(code, codes)
    remarks = _remarks(code, before, jobs.get(before.code_id, []), own) if before else ()
    return Record(
        process=code.process,
        code=code.name,
        version=code.version,
        active=code.active,
        jobs=len(own),
        failures=len(own) - len(good),
        seconds=_spread([job.seconds for job in good]),
        cpu_seconds=_spread([job.cpu_seconds for job in good]),
        memory_bytes=_spread([job.memory for job in good]),
        output_bytes=_spread([job.size for job in good]),
        remarks=tuple(text for _, text in remarks),
    )


def _spread(values: Sequence[float | None]) -> Spread:
    known = [value for value in values if value is not None]
    return Spread(statistics.median(known), max(known)) if known else Spread(None, None)


def _kinds(old: Sequence[JobRow], new: Sequence[JobRow]) -> set[str]:
    return {kind for kind, *_ in _differences(old, new)}


def _remarks(code: CodeRow, before: CodeRow, old: Sequence[JobRow], new: Sequence[JobRow]) -> Iterator[tuple[str, str]]:
    for kind, was, now in _differences(old, new):
        name = f"{code.name} {code.version}"
        if kind == "bytes":
            yield kind, f"{name} makes {now:,.0f} bytes a job, {before.version} made {was:,.0f}"
        else:
            yield kind, f"{name} is slower: {now:.3g} {kind} a job, {before.version} took {was:.3g}"


def _differences(old: Sequence[JobRow], new: Sequence[JobRow]) -> Iterator[tuple[str, float, float]]:
    """Marked differences in CPU seconds (or else seconds) and bytes, with the medians before and now."""
    for kind, value in (("CPU seconds", _cpu), ("seconds", _seconds)):
        was, now = _median(old, value), _median(new, value)
        if was is not None and now is not None and now > SLOWER * was and now - was >= LEAST_SECONDS:
            yield kind, was, now
            break
    was, now = _median(old, _size), _median(new, _size)
    if was is not None and now is not None and (now > 2 * was or now < was / 2):
        yield "bytes", was, now


def _median(jobs: Sequence[JobRow], value: Callable[[JobRow], float | None]) -> float | None:
    """The median over successful jobs; None when they are too few."""
    known = [number for job in jobs if job.status is AttemptStatus.SUCCEEDED and (number := value(job)) is not None]
    return statistics.median(known) if len(known) >= LEAST_JOBS else None


def _cpu(job: JobRow) -> float | None:
    return job.cpu_seconds


def _seconds(job: JobRow) -> float | None:
    return job.seconds


def _size(job: JobRow) -> float | None:
    return job.size
