"""Slots as people see and name them: the words for their periods and keys, and what those mean that are given. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from dbproc.core.answers import HIDDEN
from dbproc.core.durations import read_duration
from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.filenames import TIME_OF_DAY, keywords_of, keywords_text, last_moment, time_named
from dbproc.core.model import Definition, FileFacts, Period, Process, Product, Slot, Task, Timebase
from dbproc.core.periods import ALWAYS, MOMENT, ONE_DAY, days_period, read_timebase
from dbproc.core.slots import fields_of, period_at, period_of, values_of, without_clock

_ONE_SECOND = dt.timedelta(seconds=1)
_ONE_MINUTE = dt.timedelta(minutes=1)
_ONE_HOUR = dt.timedelta(hours=1)


# --- as they are shown ---


@dataclass(frozen=True, slots=True)
class PeriodShown:
    """A time interval; both ends are part of it."""

    start: dt.datetime  #: its first moment
    stop: dt.datetime  #: its last moment


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotShown:
    """What an output, or an execution of a code, is for."""

    date: dt.date  #: the date in the name of its file
    period: PeriodShown | None  #: the time; null: that of a file, which is not there or was not looked at
    key: str  #: the values of keywords that tell it from others of that time
    keywords: str = field(metadata=HIDDEN)  #: those of its file
    words: str = field(metadata=HIDDEN)

    def __str__(self) -> str:
        return self.words

    def facts(self) -> dict[str, object]:
        """The same for a report."""
        period = self.period and {"start": self.period.start.isoformat(), "stop": self.period.stop.isoformat()}
        return {"date": self.date.isoformat(), "period": period, "key": self.key}


def slot_shown(process: Process, slot: Slot, period: Period | None = None) -> SlotShown:
    """A slot; `period` is that of its file, where its process goes by files."""
    known = period if process.timebase is Timebase.PER else period_of(process, slot)
    return _shown(slot.date, slot.keywords, known)


def task_shown(task: Task) -> SlotShown:
    """The slot of a task."""
    return slot_shown(task.process, task.slot, task.period)


def recorded_shown(timebase: str, date: dt.date, keywords: str, period: Period | None = None) -> SlotShown:
    """A slot of a process that may be retired, with its timebase as it is written; `period` is what was recorded."""
    cadence = read_timebase(timebase)
    if cadence is not None and cadence.timebase is not Timebase.PER:
        period = period_at(cadence.timebase, cadence.step, date, keywords)
    return _shown(date, keywords, period)


def time_shown(period: Period, keywords: str) -> SlotShown:
    """What a delivered product has for a time, and for values of keywords."""
    return _shown(period.start.date(), keywords, period)


def file_words(product: Product, facts: FileFacts) -> str:
    """A delivered file as its product, time and key: ``hour 2024-05-06T03 station=BOL``."""
    return f"{product.name} {time_shown(Period(facts.start, facts.stop), facts.keywords)}"


def _shown(date: dt.date, keywords: str, period: Period | None) -> SlotShown:
    words = period_words(period or Period(*time_named(date, values_of(keywords))))
    key, shown = without_clock(keywords), None if period is None else PeriodShown(*period)
    return SlotShown(date=date, period=shown, key=key, keywords=keywords, words=_joined(words, key))


def slot_words(process: Process, slot: Slot, period: Period | None = None) -> str:
    """The period and the key of a slot: ``2024-05-06T03 station=BOL``."""
    return slot_shown(process, slot, period).words


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)


def period_words(period: Period) -> str:
    """A period as short as it can be told: a day, some days, the beginning of a whole part of a day, or both ends."""
    first, last = period.days
    if period == days_period(first, last):
        return str(first) if first == last else f"{first} to {last}"
    length = period.stop - period.start + MOMENT
    clock = period.start - days_period(first, first).start
    if length > ONE_DAY or ONE_DAY % length or clock % length:
        return f"{period.start:%Y-%m-%dT%H:%M:%S} to {period.stop:%Y-%m-%dT%H:%M:%S}"
    finest = next((form for unit, form in _FORMS if not length % unit), "%Y-%m-%dT%H:%M:%S.%f")
    return period.start.strftime(finest)


_FORMS = ((_ONE_HOUR, "%Y-%m-%dT%H"), (_ONE_MINUTE, "%Y-%m-%dT%H:%M"), (_ONE_SECOND, "%Y-%m-%dT%H:%M:%S"))


# --- as they are given ---

TIME_EXAMPLES = "2024-05-06, 2024-05-06T03, 2024-05-06T03:15 or 2024-05-06T03:15:30"

_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d))?)?Z?)?", re.ASCII)


def read_time(text: str) -> Period:
    """The day, hour, minute or second that a text names, in UTC.

    Raises
    ------
    UserError
        It names none.
    """
    found = _TIME.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        numbers = [int(number) for number in found.groups() if number is not None]
        start = dt.datetime(*numbers, tzinfo=dt.UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        raise UserError(f"{text!r} is not a date or time; write {TIME_EXAMPLES}") from None
    if len(numbers) == 3:
        return days_period(start.date(), start.date())
    return Period(start, last_moment(start, {4: _ONE_HOUR, 5: _ONE_MINUTE, 6: _ONE_SECOND}[len(numbers)]))


def read_since(text: str, now: dt.datetime) -> dt.datetime:
    """The time that is meant: so long before `now`, or that which is written.

    Raises
    ------
    UserError
        It is neither.
    """
    length = read_duration(text)
    if length is None:
        try:
            return read_time(text).start
        except UserError as error:
            raise UserError(f"{error}; or write how long ago: 7d, 12 h") from error
    try:
        return now - length
    except OverflowError:
        return dt.datetime.min.replace(tzinfo=dt.UTC)


def read_key(words: Iterable[str]) -> str:
    """The key that words give: ``station=BOL``, several of them in one text or in several.

    Raises
    ------
    UserError
        A word is none, or two of them contradict each other.
    """
    values: dict[str, str] = {}
    for word in (word for text in words for word in text.split()):
        ((name, value),) = keywords_of(word).items() or [("", "")]
        if not name or not value:
            raise UserError(f"{word!r} is no part of a key; write it as station=BOL")
        if values.setdefault(name, value) != value:
            raise UserError(f"two values are given for {name}: {values[name]} and {value}; give one")
    return keywords_text(values)


@dataclass(frozen=True, slots=True)
class SlotChoice:
    """The slots that are meant: those with a moment of `span`, and with all values of `key`."""

    span: Period = ALWAYS
    key: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether all slots are meant."""
        return self.span == ALWAYS and not self.key

    def has(self, process: Process, slot: Slot, period: Period | None = None) -> bool:
        """Whether a slot is meant; `period` is that of its file, where its process goes by files. Such a slot is found
        by its date, too."""
        if not has_key(slot.keywords, self.key):
            return False
        if self.span.overlaps(*(period or period_of(process, slot))):
            return True
        day = days_period(slot.date, slot.date)
        return process.timebase is Timebase.PER and self.span.start <= day.start and day.stop <= self.span.stop


EVERY_SLOT = SlotChoice()


def has_key(keywords: str, key: str) -> bool:
    """Whether keywords have all values of a key."""
    return values_of(key).items() <= values_of(keywords).items()


def between(first: Period | None, last: Period | None) -> Period:
    """The time from one period to another one, both included; None: there is no bound.

    Raises
    ------
    UserError
        They are reversed.
    """
    if first is not None and last is not None and first.start > last.stop:
        raise UserError(f"the times are reversed: {period_words(first)} is after {period_words(last)}; exchange them")
    return Period(ALWAYS.start if first is None else first.start, ALWAYS.stop if last is None else last.stop)


def choice_of(first: Period | None, last: Period | None, keys: Iterable[str]) -> SlotChoice:
    """The slots from one period to another one that have all of some keywords, written as for :func:`read_key`."""
    return SlotChoice(between(first, last), read_key(keys))


def between_days(first: dt.date | None, last: dt.date | None) -> Period:
    """The time from one day to another one, both included; None: there is no bound."""
    days = [None if day is None else days_period(day, day) for day in (first, last)]
    return between(*days)


# --- which keywords there are ---


def fields_of_process(definition: Definition, process: Process) -> frozenset[str]:
    """The names of the keywords by which slots of a process can be named."""
    fields = process.key_fields
    if process.keywords.is_merged and process.timebase is Timebase.FILE:
        made = (definition.products[number].compiled.keyword_fields for number in process.outputs)
        fields = frozenset(name for names in made for name in names)
    return fields - TIME_OF_DAY


def fields_of_processes(definition: Definition, processes: Iterable[int]) -> frozenset[str]:
    """The names of the keywords by which slots of one of some processes can be named."""
    fields = (fields_of_process(definition, definition.processes[number]) for number in processes)
    return frozenset(name for names in fields for name in names)


def fields_of_product(product: Product) -> frozenset[str]:
    """The names of the keywords by which files of a delivered product can be named."""
    return product.compiled.keyword_fields - TIME_OF_DAY


def require_fields(key: str, known: Iterable[str], subject: str) -> None:
    """Refuse a key with a keyword that there is not.

    Raises
    ------
    NotFoundError
        There is none of that name; the message lists what there is.
    """
    fields = sorted(known)
    for name in sorted(fields_of(key) - set(fields)):
        raise NotFoundError(f"{subject} has no keyword {name} in its key; it has: {', '.join(fields) or 'none'}")
