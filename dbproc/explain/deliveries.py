"""Files that came and are not in the catalogue: not taken yet, or refused."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from dbproc.core.errors import UserError
from dbproc.core.filenames import keywords_text
from dbproc.core.model import Definition, Period, Product
from dbproc.core.periods import days_period
from dbproc.core.slot_text import (
    SlotChoice,
    has_key,
)
from dbproc.core.transfers import Transfer, TransferState
from dbproc.database import quarantine, transfers
from dbproc.database.quarantine import QuarantineRow
from dbproc.database.store import Store
from dbproc.ingest.incoming import Scan, finished_name, scan_mission
from dbproc.transfers.places import SOURCE

_MOST_IN_QUARANTINE = 100_000
_DAY = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A file in incoming that seems to be the missing one."""

    file: str  #: its name
    text: str  #: when it is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class OnItsWay:
    """A file of a source that seems to be the missing one, and did not come."""

    transfer_id: int  #: the number of its transfer
    filename: str  #: its name
    source: str  #: the name of the source
    state: TransferState  #: what it is at
    reason: str | None  #: why it waits, failed or was cancelled
    next_try: dt.datetime | None  #: until when it waits


@dataclass(frozen=True, slots=True, kw_only=True)
class InQuarantine:
    """A file in quarantine that seems to be the missing one."""

    quarantine_id: int  #: the number of the entry
    filename: str  #: the name that it came with
    reason: str  #: why it was refused, in one word
    message: str  #: why it was refused, in a sentence


@dataclass(frozen=True, slots=True)
class Came:
    """A delivery that is not in the catalogue, and the time that its name tells.

    `keywords` is None where its name is not of the product's format; `entry` is its number in quarantine.
    """

    name: str
    period: Period
    keywords: str | None
    entry: int | None = None
    reason: str = ""

    def fills(self, period: Period, key: str) -> bool:
        """Whether it seems to be of a time and key."""
        return self.period.overlaps(*period) and (self.keywords is None or has_key(self.keywords, key))


class Deliveries:
    """Finds what was delivered and is not in the catalogue: in incoming, or in quarantine."""

    def __init__(self, store: Store, definition: Definition) -> None:
        self._store = store
        self._definition = definition

    def arrivals(self, product: Product, choice: SlotChoice) -> Iterator[Arrived]:
        """The files in incoming that seem to be the missing one."""
        scan = self._scan
        for names, text in (
            (scan.names, "has not settled yet: it changed a moment ago, or its name says that it is unfinished"),
            ([arrival.name for arrival in scan.settled], "has settled; the next run takes it"),
        ):
            for name in names:
                if _fits(product, choice, finished_name(name)):
                    yield Arrived(file=name, text=text)

    def on_their_way(self, product: Product, choice: SlotChoice) -> Iterator[OnItsWay]:
        """The files of sources that seem to be the missing one: asked for, and not here."""
        for each in self._not_come:
            if _fits(product, choice, each.filename):
                yield OnItsWay(
                    transfer_id=each.transfer_id,
                    filename=each.filename,
                    source=each.order.origin.place.removeprefix(SOURCE),
                    state=each.state,
                    reason=each.reason or None,
                    next_try=each.next_try,
                )

    def quarantined(self, product: Product, choice: SlotChoice) -> Iterator[InQuarantine]:
        """The refused files whose name or verdicts fit this product, time and key."""
        for entry in self._in_quarantine:
            asked = {answer.product for answer in entry.answers}
            is_near = product.name in asked and _tells(entry.filename, choice.span.start.date())
            if is_near or _fits(product, choice, entry.filename):
                yield InQuarantine(
                    quarantine_id=entry.quarantine_id,
                    filename=entry.filename,
                    reason=entry.reason,
                    message=entry.message,
                )

    def of(self, product: Product) -> Iterator[Came]:
        """All that came and seems to be of a product, with its time."""
        scan = self._scan
        for name in (*(arrival.name for arrival in scan.settled), *map(finished_name, scan.names)):
            yield from _came(product, name)
        for entry in self._in_quarantine:
            refused = [
                replace(each, entry=entry.quarantine_id, reason=entry.reason) for each in _came(product, entry.filename)
            ]
            yield from refused
            if not refused and product.name in {answer.product for answer in entry.answers}:
                yield from _near(entry)

    @cached_property
    def _scan(self) -> Scan:
        try:
            return scan_mission(self._store, self._definition)
        except UserError:
            return Scan((), 0)

    @cached_property
    def _not_come(self) -> list[Transfer]:
        if not self._definition.mission.sources:
            return []
        states = [state for state in TransferState if not state.is_complete]
        with self._store.begin() as connection:
            return transfers.listed(connection, states, SOURCE.strip())

    @cached_property
    def _in_quarantine(self) -> list[QuarantineRow]:
        with self._store.begin() as connection:
            return quarantine.entries(connection, _MOST_IN_QUARANTINE)


def _fits(product: Product, choice: SlotChoice, name: str) -> bool:
    """Whether a name can be one of a product's for a time and key."""
    facts = product.read(name)
    if facts is None or not has_key(keywords_text(facts.keywords), choice.key):
        return False
    return facts.start is None or facts.stop is None or choice.span.overlaps(facts.start, facts.stop)


def _came(product: Product, name: str) -> Iterator[Came]:
    facts = product.read(name)
    if facts is not None and facts.start is not None and facts.stop is not None:
        yield Came(name, Period(facts.start, facts.stop), keywords_text(facts.keywords))


def _near(entry: QuarantineRow) -> Iterator[Came]:
    """A refused file whose name has a day in it."""
    found = _DAY.search(entry.filename)
    with suppress(ValueError):
        if found is not None:
            day = dt.date(*map(int, found.groups()))
            yield Came(entry.filename, days_period(day, day), None, entry.quarantine_id, entry.reason)


def _tells(name: str, date: dt.date) -> bool:
    """Whether a name that does not fit the product's format contains the date."""
    return f"{date:%Y%m%d}" in name or date.isoformat() in name
