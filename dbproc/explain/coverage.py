"""The answer of ``dbproc coverage``: what there is of each product and key, the gaps, and what helps."""

from __future__ import annotations

import datetime as dt
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dbproc.core import coverage
from dbproc.core.answers import HIDDEN, INLINE
from dbproc.core.coverage import Aim, Basis, Covered, Mark, Series, Stretch
from dbproc.core.durations import duration_text
from dbproc.core.expectations import (
    Line,
    cadence_of,
    count_within,
    expected_extent,
    expected_keys,
    key_of_product,
    seen_of,
    within,
)
from dbproc.core.filenames import keywords_of
from dbproc.core.lookup import product_named
from dbproc.core.model import NO_TIME, Definition, Input, Period, Process, Product, Timebase, Validity
from dbproc.core.periods import ALWAYS, Cadence, days_period, extended
from dbproc.core.plan import NO_VERSION
from dbproc.core.slot_text import (
    EVERY_SLOT,
    SlotChoice,
    SlotShown,
    fields_of_product,
    has_key,
    period_words,
    require_fields,
    time_shown,
)
from dbproc.core.slots import fields_of, joined, period_of, restricted
from dbproc.core.staleness import alternatives
from dbproc.core.states import Standing
from dbproc.database import attempts, waitingslots
from dbproc.database import coverage as database
from dbproc.database.coverage import OutOfPlace
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store, Transaction
from dbproc.explain.causes import maker_of
from dbproc.explain.deliveries import Came, Deliveries
from dbproc.run.decide import facts_in, periods_of
from dbproc.run.failures import standing_failures

_DAILY = Cadence(Timebase.DAILY)
_NOT_THERE = (Mark.MISSING, Mark.LATE, Mark.GONE)
_NOT_MADE = (Mark.FAILED, Mark.DISMISSED, Mark.STALE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredStretch:
    """A time in which every period of a series stands alike, for the same reason."""

    start: dt.datetime  #: its first moment
    stop: dt.datetime  #: its last moment
    mark: Mark  #: how its periods stand
    why: str  #: why


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredSeries:
    """A product and a key, and what there is of them."""

    product: str  #: the name of the product
    key: str  #: the values of keywords
    every: str  #: how long its periods are
    basis: Basis  #: what tells which periods it should have
    files: int  #: how many newest files there are, of all times
    periods: int  #: how many periods there should be in the time asked for
    there: int  #: how many of them are there
    stretches: tuple[CoveredStretch, ...]  #: its time in the time asked for
    series: Series = field(metadata=HIDDEN)

    @property
    def words(self) -> str:
        """What it is, for people."""
        return f"{self.product} {self.key}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Periods that should be there and are not, or are stale, one after the other and for the same reason."""

    product: str  #: the name of the product
    slot: SlotShown = field(metadata=INLINE)
    mark: Mark  #: how they stand
    count: int  #: how many periods
    why: str  #: why
    root: str | None  #: the product that is to blame, where it is another one
    command: str | None  #: what helps, or tells more; null: that of the root does
    log: str | None  #: what the job of the first of them wrote
    words: str = field(metadata=HIDDEN)  #: the periods and the key, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredPeriod:
    """A period of a product and key, and how it stands."""

    product: str  #: the name of the product
    key: str  #: the values of keywords
    start: dt.datetime  #: its first moment
    stop: dt.datetime  #: its last moment
    mark: Mark  #: how it stands
    why: str  #: why


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What there is of products."""

    mission: str  #: the name of the mission
    start: dt.datetime | None  #: the first moment of the calendar; null: there is nothing to show
    stop: dt.datetime | None  #: its last moment
    series: tuple[CoveredSeries, ...]  #: products and keys, by level, name and key
    gaps: tuple[Gap, ...]  #: what should be there and is not, or is stale, in the same order

    @property
    def span(self) -> Period | None:
        """The time of the calendar."""
        return None if self.start is None or self.stop is None else Period(self.start, self.stop)

    def by_period(self) -> Iterator[CoveredPeriod]:
        """Every period of every series, one by one."""
        for series in self.series:
            for each in series.stretches:
                for period in within(series.series.cadence, Period(each.start, each.stop)):
                    yield CoveredPeriod(
                        product=series.product,
                        key=series.key,
                        start=period.start,
                        stop=period.stop,
                        mark=each.mark,
                        why=each.why,
                    )


def mission_coverage(store: Store, products: Sequence[str] = (), choice: SlotChoice = EVERY_SLOT) -> Coverage:
    """What there is of some products, or of all; gaps that deliveries would fill that are not in the catalogue yet name
    these.

    Raises
    ------
    NotFoundError
        There is no product of a name, or none of them has a keyword of the chosen key.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
        answer = coverage_in(connection, definition, products, choice)
    return replace(answer, gaps=tuple(_explained(store, definition, answer.gaps)))


def _explained(store: Store, definition: Definition, gaps: Sequence[Gap]) -> Iterator[Gap]:
    """Gaps with what is in incoming or in quarantine and would fill them."""
    deliveries = Deliveries(store, definition)
    came: dict[str, list[Came]] = {}
    for gap in gaps:
        product = product_named(definition, gap.product)
        if gap.mark not in _NOT_THERE or maker_of(definition, product.product_id) is not None:
            yield gap
            continue
        if product.name not in came:
            came[product.name] = list(deliveries.of(product))
        assert gap.slot.period is not None
        span = Period(gap.slot.period.start, gap.slot.period.stop)
        found = [each for each in came[product.name] if each.fills(span, gap.slot.keywords)]
        yield _filled(gap, found) if found else gap


def _filled(gap: Gap, found: Sequence[Came]) -> Gap:
    """A gap with what would fill it, or some of it, and the command that helps."""
    first = found[0]
    if first.entry is None:
        words, command = f"{first.name} is in incoming", _line("run")
    else:
        words = f"{first.name} is in quarantine, entry {first.entry}: {first.reason}"
        command = _line("quarantine", "show", str(first.entry))
    more = f", and {len(found) - 1} more came" if len(found) > 1 else ""
    return replace(gap, why=f"{words}{more}", command=command)


def coverage_in(
    connection: Transaction, definition: Definition, products: Sequence[str] = (), choice: SlotChoice = EVERY_SLOT
) -> Coverage:
    """The same within a transaction."""
    named = [product_named(definition, name) for name in products] or list(definition.products.values())
    require_fields(choice.key, {name for each in named for name in fields_of_product(each)}, _subject(products))
    survey = _Survey(connection, definition)
    shown: list[CoveredSeries] = []
    gaps: list[Gap] = []
    for product in sorted(named, key=lambda each: (each.level, each.name)):
        for series in survey.series(product):
            within = coverage.clipped(series, choice.span)
            if within.stretches and has_key(series.key, choice.key):
                shown.append(_shown(within))
                gaps.extend(_gaps(definition, product, within))
    spans = [each.series.extent for each in shown if each.series.extent is not None]
    span = _bounded(coverage.hull(spans), choice.span) if spans else None
    return Coverage(
        mission=definition.mission.name,
        start=None if span is None else span.start,
        stop=None if span is None else span.stop,
        series=tuple(shown),
        gaps=tuple(gaps),
    )


def _subject(products: Sequence[str]) -> str:
    return f"product {products[0]}" if len(products) == 1 else "none of the products"


def _bounded(span: Period, asked: Period) -> Period:
    """The time asked for, and where none is, that of what is shown."""
    start = span.start if asked.start == ALWAYS.start else asked.start
    return Period(start, span.stop if asked.stop == ALWAYS.stop else asked.stop)


def _shown(series: Series) -> CoveredSeries:
    return CoveredSeries(
        product=series.product,
        key=series.key,
        every=_every(series),
        basis=series.basis,
        files=series.count,
        periods=series.wanted,
        there=series.there,
        stretches=tuple(
            CoveredStretch(start=each.period.start, stop=each.period.stop, mark=each.mark, why=each.why)
            for each in series.stretches
        ),
        series=series,
    )


def _every(series: Series) -> str:
    if series.basis is Basis.NONE:
        return "any time"
    cadence = series.cadence
    return duration_text(cadence.step) if cadence.timebase is Timebase.PART else cadence.timebase.value.lower()


def _gaps(definition: Definition, product: Product, series: Series) -> Iterator[Gap]:
    for each in series.stretches:
        if each.mark.is_gap or each.mark is Mark.STALE:
            count = count_within(series.cadence, each.period)
            ends = _ends(series.cadence, each.period)
            yield Gap(
                product=product.name,
                slot=time_shown(each.period, series.key),
                mark=each.mark,
                count=count,
                why=each.why,
                root=each.root or None,
                command=_command(definition, product, series.key, each, ends),
                log=each.log or None,
                words=f"{_words(each.period, ends)} {series.key}".rstrip(),
            )


def _command(definition: Definition, product: Product, key: str, stretch: Stretch, ends: tuple[str, str]) -> str | None:
    """The command that mends a gap, or tells more of it."""
    if stretch.root and (stretch.mark is not Mark.WITHDRAWN or stretch.files):
        return _of_root(stretch)
    maker = maker_of(definition, product.product_id)
    keys = [word for name, value in keywords_of(key).items() for word in ("--key", f"{name}={value}")]
    span = ["--start", ends[0], "--end", ends[1], *keys]
    if stretch.mark is Mark.STALE and not product.compiled.has_version:
        return _line("withdraw", "--product", product.name, *span, "--reason", "TEXT")
    if stretch.mark in _NOT_MADE and maker is not None:
        return _line("retry", *["--dismissed"] * (stretch.mark is Mark.DISMISSED), "--only", maker.name, *span)
    if stretch.mark is Mark.WITHDRAWN and stretch.files:
        is_one = len(stretch.files) == 1
        return _line("restore", *(stretch.files if is_one else ["--product", product.name, "--withdrawn", *span]))
    if stretch.mark is Mark.GONE:
        return _line("files", product.name, "--missing", *span) if maker is None else _line("run")
    return _line("why", product.name, ends[0], *keys[1::2])


def _of_root(stretch: Stretch) -> str | None:
    """The command that brings back what lacks because something else was withdrawn; where something else lacks for
    another reason, the gap of that has it."""
    if not stretch.files:
        return None
    if len(stretch.files) <= coverage.MOST_FILES:
        return _line("restore", *sorted(stretch.files))
    return _line("files", stretch.root, "--withdrawn")


def _words(period: Period, ends: tuple[str, str]) -> str:
    """The periods of a gap, for people."""
    if period == days_period(*period.days) or ends[0] == ends[1]:
        return period_words(period)
    return f"{ends[0]} to {ends[1]}"


def _ends(cadence: Cadence, period: Period) -> tuple[str, str]:
    """The first and the last period of a gap, as times that commands take."""
    first, last = (coverage.snapped(cadence, Period(time, time)) for time in period)
    if cadence.timebase is Timebase.PART and period != days_period(*period.days):
        return period_words(first), period_words(last)
    return str(first.start.date()), str(last.start.date())


def _line(*words: str) -> str:
    return shlex.join(["dbproc", *words])


# --- all series of a mission ---


class _Survey:
    """Looks at products, each once: what is made after what it is made from."""

    def __init__(self, connection: Transaction, definition: Definition) -> None:
        self._connection = connection
        self._definition = definition
        self._now = dt.datetime.now(dt.UTC)
        self._done: dict[int, list[Series]] = {}
        self._dropped: dict[int, frozenset[str]] = {}
        self._troubles = _troubles(connection, definition)

    def series(self, product: Product) -> list[Series]:
        """The series of a product."""
        todo = [product]
        while todo:
            last = todo[-1]
            before = [each for each in self._before(last) if each.product_id not in self._done]
            if before:
                todo.extend(before)
                continue
            todo.pop()
            if last.product_id not in self._done:
                self._done[last.product_id] = self._looked_at(last)
        return self._done[product.product_id]

    def _before(self, product: Product) -> list[Product]:
        maker = maker_of(self._definition, product.product_id)
        return [] if maker is None else [self._definition.products[link.product_id] for link in maker.inputs]

    def _looked_at(self, product: Product) -> list[Series]:
        found = list(database.covered(self._connection, product))
        maker = maker_of(self._definition, product.product_id)
        troubles = self._troubles.get(product.product_id, [])
        known = [*found, *_known(product, troubles)]
        fields = self._fields(product, maker, known)
        known += _failed_of(product, troubles, fields)
        there = coverage.lines(found, fields)
        if cadence_of(product) is not None:
            aims = self._expected(product, known, fields)
        else:
            spans = {key: _hull(line) for key, (line, _) in coverage.lines(known, fields).items()}
            aims = self._seen(product, spans) if maker is None else self._of_process(maker, spans, fields)
        return [
            Series(
                product.name,
                key,
                basis,
                aim.cadence,
                coverage.stretches(
                    aim,
                    there.get(key, _NOTHING)[0],
                    () if maker is None else self._lacks(maker, key, aim),
                    [trouble for keywords, trouble in troubles if restricted(keywords, fields) == key],
                    "it was not made" if maker is not None else "no file of it came",
                ),
                there.get(key, _NOTHING)[1],
            )
            for key, (basis, aim) in sorted(aims.items())
        ]

    def _fields(self, product: Product, maker: Process | None, found: Sequence[Covered]) -> frozenset[str]:
        """The keywords that tell series of a product apart."""
        fields = fields_of_product(product)
        if maker is not None:
            fields &= maker.key_fields
        if product.keys:
            return fields
        running = coverage.running_fields(found)
        if maker is not None:
            running = running.union(*(self._dropped.get(link.product_id, frozenset()) for link in maker.inputs))
        self._dropped[product.product_id] = running
        return fields - running

    def _expected(
        self, product: Product, found: Sequence[Covered], fields: frozenset[str]
    ) -> Mapping[str, tuple[Basis, Aim]]:
        cadence = cadence_of(product) or _DAILY
        seen = seen_of(product, ((each.keywords, each.period.start.date()) for each in found))
        extents: dict[str, list[Period]] = defaultdict(list)
        for expected in expected_keys(product, seen):
            extent = expected_extent(product, cadence, seen, expected)
            if extent is not None:
                extents[restricted(expected, fields)].append(extent)
        late = None if product.late_after is None else self._ago(product.late_after)
        latest = self._latest(found)
        aims = {}
        for key, some in extents.items():
            extent = self._over(cadence, coverage.hull(some), latest)
            if extent is not None:
                aims[key] = Basis.EXPECTED, Aim(cadence, extent, late or self._now, late)
        return aims

    def _of_process(
        self, maker: Process, spans: Mapping[str, Period], fields: frozenset[str]
    ) -> Mapping[str, tuple[Basis, Aim]]:
        """What a process makes: for each period of it for which there are, or should be, its inputs, and for which it
        has made something, wherever that is now."""
        needed = [self._done[link.product_id] for link in _needed(maker)]
        keys = set(spans) | self._keys(maker, maker.key_fields & fields)
        cadence = Cadence(maker.timebase, maker.step) if maker.timebase.is_grid else _DAILY
        aims = {}
        for key in keys:
            both = [span for span in (coverage.extent_of(needed, key), spans.get(key)) if span]
            if both:
                extent = coverage.snapped(cadence, coverage.hull(both))
                aims[key] = Basis.PROCESS, Aim(cadence, extent, self._now)
        return aims

    def _keys(self, maker: Process, fields: frozenset[str]) -> set[str]:
        """The keys of outputs that the keys of inputs give: whole ones."""
        keys = {""}
        for links in alternatives([link for link in maker.inputs if not link.optional]):
            some = [series for link in links for series in self._done[link.product_id]]
            own = {restricted(series.key, fields) for series in some}
            keys = {both for one in keys for other in own if (both := joined(one, other)) is not None}
        return {key for key in keys if fields_of(key) == fields}

    def _seen(self, product: Product, spans: Mapping[str, Period]) -> Mapping[str, tuple[Basis, Aim]]:
        """What comes as it came so far, wherever it is now; nothing is missing where that tells nothing, or when it
        ended for all keys."""
        cadence = coverage.rhythm(database.latest_starts(self._connection, product))
        if not spans:
            return {}
        last = max(span.stop for span in spans.values())
        basis, base = (Basis.NONE, Mark.NOT_DUE) if cadence is None else (Basis.SEEN, Mark.MISSING)
        every = cadence or _DAILY
        return {
            key: (basis, Aim(every, coverage.snapped(every, Period(span.start, last)), self._now, base=base))
            for key, span in spans.items()
        }

    def _lacks(self, maker: Process, key: str, aim: Aim) -> Iterator[Stretch]:
        """What the inputs lack of which every output needs one."""
        for link in maker.inputs:
            if link.valid is not None and link.choice is None and not link.optional:
                after = NO_TIME if link.valid is Validity.COVERS else link.max_age
                held = [coverage.holding(each, after, aim.extent.stop) for each in self._done[link.product_id]]
                yield from coverage.lacks(held, key, aim.cadence)
        for link in _needed(maker):
            yield from coverage.lacks(self._done[link.product_id], key, aim.cadence)

    def _over(self, cadence: Cadence, extent: Period, latest: dt.datetime | None) -> Period | None:
        """What is expected until now, or until the latest file if that is of the future."""
        until = max(self._now, latest or self._now)
        stop = coverage.snapped(cadence, Period(until, until)).stop
        last = min(extent.stop, stop)
        return None if last < extent.start else coverage.snapped(cadence, Period(extent.start, last))

    def _latest(self, found: Iterable[Covered]) -> dt.datetime | None:
        return max((each.period.stop for each in found), default=None)

    def _ago(self, time: dt.timedelta) -> dt.datetime:
        return extended(Period(self._now, self._now), time, NO_TIME).start


_NOTHING: tuple[Line, int] = (Line((), ()), 0)


def _hull(line: Line) -> Period:
    return Period(line.starts[0], line.stops[-1])


def _known(product: Product, troubles: Iterable[tuple[str, Stretch]]) -> Iterator[Covered]:
    """The times of files that are out of their places: what there was, though no file of it is there."""
    for keywords, trouble in troubles:
        if trouble.mark is Mark.GONE or (trouble.mark is Mark.WITHDRAWN and trouble.files):
            yield Covered(key_of_product(product, keywords), trouble.period, 0)


def _needed(maker: Process) -> list[Input]:
    """The inputs of whose files each output needs one of its own time: not of several that stand for each other."""
    links = [link for link in maker.inputs if link.valid is None and link.choice is None and not link.optional]
    return [link for link in links if maker.driver in (None, link.product_id)] if maker.driver is not None else links


def _failed_of(product: Product, troubles: Iterable[tuple[str, Stretch]], fields: frozenset[str]) -> Iterator[Covered]:
    """The times of what should have been made, of the keys that tell series apart."""
    for keywords, trouble in troubles:
        key = key_of_product(product, keywords)
        if trouble.mark in (Mark.FAILED, Mark.DISMISSED) and fields <= fields_of(key):
            yield Covered(key, trouble.period, 0)


# --- what is known of periods that are not there ---


def _troubles(connection: Transaction, definition: Definition) -> dict[int, list[tuple[str, Stretch]]]:
    """What failed, waits, is gone or withdrawn, by product, with its keywords."""
    found: dict[int, list[tuple[str, Stretch]]] = defaultdict(list)
    rows = {row.file_id: row for row in database.out_of_place(connection)}
    for row in rows.values():
        found[row.product_id].append((row.keywords, _out_of_place(definition, row, _origin(rows, row))))
    for product_id, keywords, trouble in [*_waiting(connection, definition), *_failed(connection, definition)]:
        found[product_id].append((keywords, trouble))
    return found


def _origin(rows: Mapping[int, OutOfPlace], row: OutOfPlace) -> OutOfPlace:
    """What was withdrawn first of all that one was made from; the last that is known."""
    while row.cause is not None and row.cause in rows:
        row = rows[row.cause]
    return row


def _out_of_place(definition: Definition, row: OutOfPlace, origin: OutOfPlace) -> Stretch:
    """How the period of a file stands that is gone or withdrawn."""
    if row.standing is Standing.LOST:
        is_made = maker_of(definition, row.product_id) is not None
        why = "the next run makes it again, if that can be" if is_made else "deliver it from a copy again"
        return Stretch(row.period, Mark.GONE, why, files=(row.filename,))
    if origin is row:
        return Stretch(row.period, Mark.WITHDRAWN, row.reason, files=(row.filename,))
    if origin.standing is not Standing.WITHDRAWN:  # that is back, or was replaced
        root = origin.cause_product or ""
        return Stretch(row.period, Mark.WITHDRAWN, f"because of {root}", root)
    root = origin.product
    return Stretch(row.period, Mark.WITHDRAWN, f"because of {root}: {origin.reason}", root, (origin.filename,))


def _waiting(connection: Transaction, definition: Definition) -> Iterator[tuple[int, str, Stretch]]:
    rows = [row for row in waitingslots.entries(connection) if row.slot.process_id in definition.processes]
    periods = periods_of(definition, facts_in(connection, definition), [row.slot for row in rows])
    for row in rows:
        process = definition.processes[row.slot.process_id]
        period = periods.get(row.slot) or period_of(process, row.slot)
        for number in process.outputs:
            yield number, row.slot.keywords, Stretch(period, Mark.WAITING)


def _failed(connection: Transaction, definition: Definition) -> Iterator[tuple[int, str, Stretch]]:
    numbers = standing_failures(connection, definition)
    numbers += standing_failures(connection, definition, dismissed=True)
    for row in attempts.attempts_numbered(connection, numbers):
        process = definition.processes[row.process_id]
        shown = row.slot.period
        period = period_of(process, row.place) if shown is None else Period(shown.start, shown.stop)
        before, no_version, _ = (row.message or row.status).partition(NO_VERSION)
        why, mark = f"{process.name}: {before}{no_version}", Mark.FAILED
        if row.dismissed_time is not None:
            why, mark = f"{why}; dismissed by {row.dismissed_by}: {row.dismissed_reason}", Mark.DISMISSED
        for number in process.outputs:
            yield number, row.slot.keywords, Stretch(period, mark, why, log=row.log or "")
