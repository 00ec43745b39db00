"""Which files are the inputs of a slot: by time, date, keywords and validity. Pure."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from dbproc.core.facts import Facts
from dbproc.core.filenames import TIME_OF_DAY
from dbproc.core.model import Definition, File, Input, Keying, Period, Process, Slot, Timebase, Validity
from dbproc.core.needs import Needs, days_of
from dbproc.core.periods import ALWAYS, DayRange
from dbproc.core.slots import fields_of, is_whole, joined, key_of, key_of_file, restricted, shared_fields, window
from dbproc.core.staleness import alternatives

_Place = tuple[int, frozenset[str], tuple[str, ...]]
"""What tells indexes of files apart: the product, the fields that keys share with it, the qualities that are taken."""


def _place(process: Process, link: Input) -> _Place:
    return link.product_id, shared_fields(process, link), link.quality


class Wanted:
    """Finds the inputs of slots among the files that the catalogue gave for what was asked."""

    def __init__(self, definition: Definition, facts: Facts, asked: Needs) -> None:
        self._facts = facts
        self._fields = _fields_of_names(definition)
        self._made = {product_id for process in definition.processes.values() for product_id in process.outputs}
        self._asked = asked
        self._timed: dict[_Place, _ByDay] = {}
        self._dated: dict[tuple[_Place, Keying], _ByDay] = {}
        self._begun: dict[_Place, _ByStart] = {}

    def files(self, process: Process, slot: Slot, period: Period, link: Input) -> list[File]:
        """The files of one input of a slot, in the order of the command line."""
        key = key_of(process, slot)
        if link.valid is Validity.LATEST:
            found: Iterable[File] = self._by_start(process, link).latest(key, period.start, link.max_age)
        elif link.valid is not None:
            found = (
                file
                for file in self._by_time(process, link).of(key, period.days)
                if file.start <= period.start and file.stop >= period.stop
            )
        elif link.product_id == process.driver:
            found = self._by_date(process, link).of(key, (slot.date, slot.date))
        elif process.timebase.by_time:
            time = window(link, period)
            found = (
                file for file in self._by_time(process, link).of(key, time.days) if time.overlaps(file.start, file.stop)
            )
        else:
            found = self._by_date(process, link).of(key, days_of(slot.date, link))
        return sorted(found, key=lambda file: (file.date, file.keywords, file.filename))

    def whole(self, process: Process, slot: Slot, period: Period) -> list[Slot]:
        """The slots with whole keys that a slot with a part of one stands for: those that the required inputs of the
        period tell, and of fields that none of these has, the optional and the valid ones."""
        if process.keywords.is_merged:
            return self._of_date(process, slot) if process.timebase is Timebase.FILE else [slot]
        keys = {key_of(process, slot)}
        for links in sorted(alternatives(process.inputs), key=_is_secondary):
            told = {key for link in links for key in self._keys(process, slot, period, link) if key}
            if _is_secondary(links):
                keys |= _joined({key for key in keys if not process.key_fields <= fields_of(key)}, told)
            elif told:
                keys = _joined(keys, told)
        clock = restricted(slot.keywords, TIME_OF_DAY) if process.timebase is Timebase.PART else ""
        slots = (replace(slot, keywords=joined(key, clock) or "") for key in sorted(keys))
        return [each for each in slots if is_whole(process, each)]

    def _of_date(self, process: Process, slot: Slot) -> list[Slot]:
        """A slot for each set of keywords of the inputs of a date."""
        day = (slot.date, slot.date)
        found = {key for link in process.inputs for key in self._by_date(process, link).keys(day)}
        return [replace(slot, keywords=key) for key in sorted(found)]

    def _keys(self, process: Process, slot: Slot, period: Period, link: Input) -> Iterable[str]:
        """What the files of an input tell of keys."""
        if link.valid is Validity.LATEST:
            return self._by_start(process, link).keys(period.start)
        if link.product_id == process.driver:
            return self._by_date(process, link).keys((slot.date, slot.date))
        if not process.timebase.by_time and link.valid is None:
            return self._by_date(process, link).keys(days_of(slot.date, link))
        time = window(link, period)
        return self._by_time(process, link).keys(time.days, lambda file: time.overlaps(file.start, file.stop))

    def _own(self, process: Process, link: Input, files: Mapping[int, Sequence[File]]) -> Iterator[File]:
        """The files of an input that are marked as it takes them: of a date and keywords the newest one counts, and
        where that is not so marked, there is none. Not those from before its format changed that lack what keys are
        told by, nor what was made then for other keys."""
        given, fields = files.get(link.product_id, ()), self._fields.get(link.product_id)
        if link.quality:
            given = [file for file in given if link.takes(file.quality)]
        if fields is None:
            return iter(given)
        if link.product_id in self._made:
            return (file for file in given if fields_of(file.keywords) == fields)
        needed = fields & shared_fields(process, link)
        return (file for file in given if needed <= fields_of(file.keywords))

    def _by_time(self, process: Process, link: Input) -> _ByDay:
        """The files of an input by the days that they touch, of those asked for."""
        place = _place(process, link)
        if place not in self._timed:
            asked = self._asked.by_time.get(link.product_id) or [ALWAYS.days]
            earliest, latest = asked[0][0], asked[-1][1]
            index = self._timed[place] = _ByDay()
            for file in self._own(process, link, self._facts.by_time):
                days = max(file.start.date(), earliest), min(file.stop.date(), latest)
                index.enter(file, key_of_file(process, link, file.keywords), days)
        return self._timed[place]

    def _by_date(self, process: Process, link: Input) -> _ByDay:
        """The files of an input by their date."""
        place = _place(process, link), process.keywords
        if place not in self._dated:
            index = self._dated[place] = _ByDay(is_equal=process.keywords.is_merged)
            for file in self._own(process, link, self._facts.by_date):
                index.enter(file, key_of_file(process, link, file.keywords), (file.date, file.date))
        return self._dated[place]

    def _by_start(self, process: Process, link: Input) -> _ByStart:
        """The files of an input by the beginning of their time."""
        place = _place(process, link)
        if place not in self._begun:
            self._begun[place] = _ByStart(process, link, self._own(process, link, self._facts.by_start))
        return self._begun[place]


def _fields_of_names(definition: Definition) -> dict[int, frozenset[str]]:
    """The keywords of the files of each product whose names alone tell them."""
    products = definition.products.items()
    return {number: product.compiled.keyword_fields for number, product in products if product.inspector.is_builtin}


class _ByDay:
    """Files by days and by what they tell of a key; with `is_equal` keys must be equal, and else agree."""

    def __init__(self, *, is_equal: bool = False) -> None:
        self._days: dict[int, dict[str, list[File]]] = defaultdict(lambda: defaultdict(list))
        self._shapes: set[frozenset[str]] = set()
        self._is_equal = is_equal

    def enter(self, file: File, key: str, days: DayRange) -> None:
        """Enter a file for each of its days."""
        self._shapes.add(fields_of(key))
        for day in _ordinals(days):
            self._days[day][key].append(file)

    def of(self, key: str, days: DayRange) -> Collection[File]:
        """The files of some days that agree with a whole key."""
        told = {key} if self._is_equal else {restricted(key, shape) for shape in self._shapes}
        found: dict[int, File] = {}
        for day in _ordinals(days):
            of_day = self._days.get(day)
            if of_day is not None:
                for each in told:
                    found.update((file.file_id, file) for file in of_day.get(each, ()))
        return found.values()

    def keys(self, days: DayRange, is_meant: Callable[[File], bool] = lambda _: True) -> set[str]:
        """What the files of some days tell of keys."""
        return {
            key
            for day in _ordinals(days)
            for key, files in self._days.get(day, {}).items()
            if any(is_meant(file) for file in files)
        }


class _ByStart:
    """Files that hold until the next one begins, by what they tell of a key."""

    def __init__(self, process: Process, link: Input, files: Iterable[File]) -> None:
        self._shapes: set[frozenset[str]] = set()
        self._lines: dict[str, dict[str, list[File]]] = defaultdict(lambda: defaultdict(list))
        for file in files:
            key = key_of_file(process, link, file.keywords)
            self._shapes.add(fields_of(key))
            self._lines[key][_rest(process, file.keywords)].append(file)
        for lines in self._lines.values():
            for line in lines.values():
                line.sort(key=_order)

    def latest(self, key: str, time: dt.datetime, max_age: dt.timedelta | None) -> list[File]:
        """The newest file that has begun at a time, of each set of values of keywords that keys do not have."""
        told = {restricted(key, shape) for shape in self._shapes}
        found = (_newest(line, time) for each in told for line in self._lines.get(each, {}).values())
        return [file for file in found if file is not None and (max_age is None or time - file.start <= max_age)]

    def keys(self, time: dt.datetime) -> set[str]:
        """What the files that have begun at a time tell of keys."""
        return {
            key for key, lines in self._lines.items() if any(_newest(line, time) is not None for line in lines.values())
        }


def _joined(keys: Iterable[str], others: Iterable[str]) -> set[str]:
    """Every pair of keys that agree, as one."""
    pairs = (joined(one, other) for one, other in product(keys, others))
    return {key for key in pairs if key is not None}


def _is_secondary(links: Sequence[Input]) -> bool:
    """Whether an input tells of keys only what the others do not."""
    return links[0].optional or links[0].valid is not None


def _newest(line: Sequence[File], time: dt.datetime) -> File | None:
    count = bisect_right(line, time, key=lambda file: file.start)
    return line[count - 1] if count else None


def _rest(process: Process, keywords: str) -> str:
    """The keywords of a file that are neither of the key nor of a time of day."""
    rest = fields_of(keywords) - process.key_fields - TIME_OF_DAY
    return restricted(keywords, rest) if rest else ""


def _order(file: File) -> tuple[dt.datetime, dt.date, str, str]:
    return file.start, file.date, file.keywords, file.filename


def _ordinals(days: DayRange) -> range:
    return range(days[0].toordinal(), days[1].toordinal() + 1)
