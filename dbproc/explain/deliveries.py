"""Files that came and are not in the catalogue: not taken yet, or refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from dbproc.core.errors import UserError
from dbproc.core.filenames import keywords_text
from dbproc.core.model import Definition, Product
from dbproc.core.slot_text import (
    SlotChoice,
    has_key,
)
from dbproc.database import quarantine
from dbproc.database.quarantine import QuarantineRow
from dbproc.database.store import Store
from dbproc.ingest.incoming import Scan, finished_name, scan_mission

_MOST_IN_QUARANTINE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A file in incoming that seems to be the missing one."""

    file: str  #: its name
    text: str  #: when it is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class InQuarantine:
    """A file in quarantine that seems to be the missing one."""

    quarantine_id: int  #: the number of the entry
    filename: str  #: the name that it came with
    reason: str  #: why it was refused, in one word
    message: str  #: why it was refused, in a sentence


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

    @cached_property
    def _scan(self) -> Scan:
        try:
            return scan_mission(self._definition)
        except UserError:
            return Scan((), 0)

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


def _tells(name: str, date: dt.date) -> bool:
    """Whether a name that does not fit the product's format contains the date."""
    return f"{date:%Y%m%d}" in name or date.isoformat() in name
