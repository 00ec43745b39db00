"""Answers as pages of HTML: the one place that writes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from dbproc import __version__
from dbproc.core.coverage import Bucket, Mark, Series, buckets, clipped
from dbproc.core.durations import duration_text
from dbproc.core.html import Markup, element, legend, note, page, section, strip, table
from dbproc.core.model import Period
from dbproc.core.slot_text import period_words
from dbproc.core.text import size_words
from dbproc.database.report import Holding, RunInNumbers
from dbproc.explain.activity import Activity
from dbproc.explain.coverage import Coverage, CoveredSeries, Gap
from dbproc.explain.report import MissionReport
from dbproc.explain.status import Status

_MOST_YEARS = 100
_MOST_GAPS = 2000
_MINUTE = 60.0


def coverage_page(answer: Coverage) -> str:
    """The page of ``dbproc coverage --html``."""
    return page(f"{answer.mission}: coverage", *coverage_sections(answer))


def coverage_sections(answer: Coverage) -> Iterator[Markup]:
    """The calendar year by year, and the gaps."""
    if answer.span is None:
        yield note("There is nothing, and nothing is expected.")
        return
    used = [mark for mark in Mark if any(part.mark is mark for each in answer.series for part in each.stretches)]
    yield note(f"{period_words(answer.span)}; times are UTC; what a colour stands for is told where the pointer rests.")
    yield legend({_kind(mark): str(mark) for mark in used})
    years = buckets(answer.span, Bucket.YEAR)
    if len(years) > _MOST_YEARS:
        years = [answer.span]
    for year in years:
        span = Period(max(year.start, answer.span.start), min(year.stop, answer.span.stop))
        rows = [row for each in answer.series for row in _row(each, span)]
        if rows:
            title = f"{year.start:%Y}" if len(years) > 1 else "Calendar"
            yield section(title, table(("product", "", _months(span)), rows, "calendar"))
    yield section("Gaps", *_gaps(answer.gaps))


def _row(shown: CoveredSeries, span: Period) -> Iterator[Sequence[object]]:
    parts = [each for each in shown.stretches if span.overlaps(each.start, each.stop)]
    if not parts:
        return
    length = span.stop - span.start

    def share(time: dt.datetime) -> float:
        return float(min(max((time - span.start) / length, 0.0), 1.0))

    drawn = [
        (
            share(each.start),
            share(each.stop),
            _kind(each.mark),
            f"{period_words(Period(each.start, each.stop))}: {each.mark}{f': {each.why}' if each.why else ''}",
        )
        for each in parts
    ]
    yield shown.words, _percent(clipped(shown.series, span)), element("div", strip(drawn))


def _percent(series: Series) -> str:
    return f"{100 * series.there // wanted}%" if (wanted := series.wanted) else ""


def _kind(mark: Mark) -> str:
    return mark.value.replace(" ", "-")


def _months(span: Period) -> str:
    first, last = span.days
    return str(first) if first == last else f"{first} to {last}"


def _gaps(gaps: Sequence[Gap]) -> Iterator[Markup]:
    if not gaps:
        yield note("There are none.")
        return
    rows = (
        (gap.product, gap.words, gap.count, gap.mark, gap.why, element("code", gap.command) if gap.command else "")
        for gap in gaps[:_MOST_GAPS]
    )
    yield table(("product", "period and key", "periods", "how it stands", "why", "what helps"), rows)
    if len(gaps) > _MOST_GAPS:
        yield note(f"and {len(gaps) - _MOST_GAPS:,} more")


# --- what runs did ---


def activity_page(answer: Activity) -> str:
    """The page of ``dbproc report --since --html``."""
    head = ("day", "product", "ingested", "made", "failed", "refused")
    rows = ((each.day, each.product, each.ingested, each.made, each.failed, each.refused) for each in answer.days)
    slow = ((each.process, each.slot, each.code, _seconds(each.seconds)) for each in answer.slowest)
    sums = f"{answer.runs:,} runs; {answer.quarantined:,} files to quarantine; {answer.queued:,} files queued now"
    return page(
        f"{answer.mission}: since {_time(answer.since)}",
        note(f"{sums}; written {_time(answer.time)} by dbproc {__version__}"),
        section("Days", table(head, rows) if answer.days else note("Runs took in and made nothing.")),
        section("The longest jobs", table(("process", "for", "code", "took"), slow)),
    )


# --- the report ---


def report_page(answer: MissionReport) -> str:
    """The page of ``dbproc report``."""
    return page(
        f"{answer.mission}: report",
        note(f"root {answer.root}; written {_time(answer.time)} by dbproc {__version__}"),
        section("Summary", *_summary(answer)),
        section("Products", _products(answer)),
        section("Processes", _processes(answer)),
        section("Coverage", *coverage_sections(answer.coverage)),
        section("Codes and their versions", _codes(answer)),
        section("Costs", _costs(answer)),
        section("Failures", *_failures(answer.status)),
        section("Late and waiting", *_pending(answer.status)),
        section("Corrections", *_corrections(answer)),
        section("Quarantine", *_quarantine(answer.status)),
        *((section("Staged", _staged(answer.status)),) if answer.status.staged else ()),
        section("Runs", _runs(answer)),
    )


def _summary(answer: MissionReport) -> Iterator[Markup]:
    there = sum(each.files for each in answer.holdings)
    size = sum(each.size for each in answer.holdings)
    gaps = sum(gap.count for gap in answer.coverage.gaps if gap.mark.is_gap)
    facts = (
        ("files in their places", f"{there:,}, {size_words(size)}"),
        ("periods that should be there and are not", f"{gaps:,}"),
        ("withdrawn files", f"{sum(each.withdrawn for each in answer.holdings):,}"),
        ("files gone from disk", f"{sum(each.gone for each in answer.holdings):,}"),
        ("failures that nobody mended", f"{len(answer.status.failures):,}"),
        ("files in quarantine", f"{answer.status.quarantine:,}"),
    )
    yield table(("what", "how much"), facts)
    if answer.status.root_problem:
        yield note(f"No run does anything: {answer.status.root_problem}")


def _products(answer: MissionReport) -> Markup:
    held = {each.product: each for each in answer.holdings}
    head = (
        "product",
        "level",
        "format",
        "made by",
        "expected",
        "files",
        "size",
        "offloaded",
        "first",
        "last",
        "withdrawn",
        "gone",
    )
    defined = {each.product for each in answer.products}
    rows = [
        (each.product, f"{each.level:g}", each.format, each.made_by, each.expected, *_held(held[each.product]))
        for each in answer.products
    ]
    retired = [
        (each.product, "", "retired", "", "", *_held(each))
        for each in answer.holdings
        if each.product not in defined and each.files
    ]
    return table(head, [*rows, *retired])


def _held(row: Holding) -> Sequence[object]:
    return row.files, size_words(row.size), row.offloaded, row.first, row.last, row.withdrawn, row.gone


def _processes(answer: MissionReport) -> Markup:
    rows = ((each.process, each.timebase, ", ".join(each.inputs), ", ".join(each.outputs)) for each in answer.processes)
    return table(("process", "timebase", "inputs", "outputs"), rows)


def _codes(answer: MissionReport) -> Markup:
    head = ("process", "code", "version", "in use", "for data", "files made", "known since", "digest")
    rows = (
        (
            *(each.process, each.file, each.version, "yes" if each.active else "no", f"{each.first} to {each.last}"),
            *(each.files, _time(each.released), element("code", (each.digest or "")[:19])),
        )
        for each in answer.codes
    )
    return table(head, rows)


def _costs(answer: MissionReport) -> Markup:
    head = ("process", "code", "jobs", "failed", "median time", "longest", "median memory", "median output", "remarks")
    rows = (
        (
            *(each.process, f"{each.code} {each.version}", each.jobs, each.failures),
            *(_seconds(each.seconds.median), _seconds(each.seconds.most)),
            *(_size(each.memory_bytes.median), _size(each.output_bytes.median), "; ".join(each.remarks)),
        )
        for each in answer.records
    )
    return table(head, rows)


def _failures(status: Status) -> Iterator[Markup]:
    if not status.failures:
        yield note("There are none.")
        return
    head = ("process", "period and key", "what", "times", "since", "log")
    rows = (
        (each.process, each.slot, each.message, each.failures, _time(each.ended or each.created), each.log)
        for each in status.failures
    )
    yield table(head, rows)


def _pending(status: Status) -> Iterator[Markup]:
    if not status.late and not status.waiting:
        yield note("Nothing is late, and nothing waits.")
    if status.late:
        rows = ((each.product, each.count, ", ".join(str(one.slot) for one in each.oldest)) for each in status.late)
        yield table(("late product", "files", "the oldest"), rows)
    if status.waiting:
        waiting = ((each.process, each.slot, each.why) for each in status.waiting)
        yield table(("waiting process", "period and key", "why"), waiting)


def _corrections(answer: MissionReport) -> Iterator[Markup]:
    if not answer.corrections:
        yield note("Nothing was withdrawn, replaced or otherwise corrected.")
        return
    head = ("what", "when", "files", "why", "who", "undone")
    rows = (
        (each.kind, _time(each.correction_time), each.files, each.reason, each.user, _time(each.undone_time))
        for each in answer.corrections
    )
    yield table(head, rows)


def _quarantine(status: Status) -> Iterator[Markup]:
    if not status.quarantined:
        yield note("It is empty.")
        return
    rows = (
        (each.quarantine_id, each.filename, each.reason, each.message, _time(each.quarantine_time))
        for each in status.quarantined
    )
    yield table(("number", "file", "reason", "what is wrong", "since"), rows)
    more = status.quarantine - len(status.quarantined)
    if more > 0:
        yield note(f"and {more:,} more")


def _staged(status: Status) -> Markup:
    rows = (
        (
            *(each.area, each.owner, each.requests, _size(each.placed), _size(each.waiting), _size(each.quota)),
            *(each.waiting_files, each.failed_files),
        )
        for each in status.staged
    )
    head = ("area", "user", "requests", "placed", "waiting", "quota", "files that wait", "files that failed")
    return table(head, rows)


def _runs(answer: MissionReport) -> Markup:
    rows = (
        (
            *(each.logging_id, _time(each.processing_start_time), _lasted(each), each.jobs, each.failed),
            each.comment or "not ended",
        )
        for each in answer.runs
    )
    return table(("run", "began", "lasted", "jobs", "failed", "how it ended"), rows)


def _lasted(run: RunInNumbers) -> str:
    end = run.processing_end_time
    return "" if end is None else _seconds((end - run.processing_start_time).total_seconds())


def _time(time: dt.datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M}Z"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < _MINUTE else duration_text(dt.timedelta(seconds=round(seconds)))


def _size(size: float | None) -> str:
    return "" if size is None else size_words(round(size))
