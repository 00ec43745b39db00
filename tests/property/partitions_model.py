"""What a mission with periods, keys, windows and calibrations is to come to: by enumeration, without dbproc.

Every process is asked for every conceivable period and key which files it wants. Nothing is remembered: the end state
is a function of the newest versions of the delivered files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product as combinations

MOMENT = dt.timedelta(microseconds=1)
DAY = dt.timedelta(days=1)
NONE = dt.timedelta(0)

HORIZON = (dt.datetime(2019, 12, 1), dt.datetime(2020, 3, 1))
"""Every file of these tests that makes a day, a week or a month due lies within."""
NEAR = (dt.datetime(2019, 12, 31), dt.datetime(2020, 1, 12))
"""Likewise of parts of a day."""

FORMATS = {"year": "{Y}", "day": "{Y}{m}{d}", "minute": "{Y}{m}{d}T{H}{M}"}
"""How the time stands in names, by how fine it is."""
WRITTEN = {"year": "%Y", "day": "%Y%m%d", "minute": "%Y%m%dT%H%M"}

TIME_OF_DAY = frozenset("HM")

Key = Mapping[str, str]


@dataclass(frozen=True)
class Product:
    """A kind of file: ``NAME_VALUE…_TIME_vVERSION.txt``. `inside`: its contents tell start and stop."""

    name: str
    fields: tuple[str, ...] = ()
    time: str = "day"
    covers: dt.timedelta | None = None
    inside: bool = False

    @property
    def format(self) -> str:
        return "_".join([self.name, *(f"{{{each}}}" for each in self.fields), FORMATS[self.time]])

    @property
    def all_fields(self) -> frozenset[str]:
        return frozenset(self.fields) | (TIME_OF_DAY if self.time == "minute" else frozenset())

    def stem(self, values: Key, time: dt.datetime) -> str:
        """A name without its version."""
        if self.time == "minute":
            time = time.replace(hour=int(values["H"]), minute=int(values["M"]))
        return "_".join([self.name, *(values[each] for each in self.fields), time.strftime(WRITTEN[self.time])])


@dataclass(frozen=True)
class Use:
    """An input; of several products the first is used of which there are files."""

    products: tuple[Product, ...]
    optional: bool = False
    yesterday: int = 0
    tomorrow: int = 0
    before: dt.timedelta = NONE
    after: dt.timedelta = NONE
    valid: str | None = None
    max_age: dt.timedelta | None = None


@dataclass(frozen=True)
class Process:
    """`timebase` is as in a mission file, `step` the length of the parts of a day, `driver` that of "per DRIVER"."""

    output: Product
    timebase: str
    uses: tuple[Use, ...]
    step: dt.timedelta | None = None
    driver: Product | None = None

    @property
    def key_fields(self) -> frozenset[str]:
        """Those of the output; a time of day is a keyword where periods come from files, and these have one."""
        if self.timebase != "FILE" and self.driver is None:
            return frozenset(self.output.fields)
        dated = [product for use in self.uses if use.valid is None for product in use.products]
        sources = dated if self.driver is None else [self.driver]
        clock = TIME_OF_DAY if any(product.time == "minute" for product in sources) else frozenset()
        return frozenset(self.output.fields) | (self.output.all_fields & clock)

    def matched(self, use: Use, key: Key) -> Key:
        """What files of an input are matched on: not on the time of day, where it is their time that counts."""
        is_by_time = use.valid is not None or (self.driver is not None and use.products != (self.driver,))
        return {name: value for name, value in key.items() if not (is_by_time and name in TIME_OF_DAY)}


@dataclass(frozen=True)
class File:
    """A file, told by its name without a version; `handle` is what outputs are said to be made from."""

    product: Product
    stem: str
    handle: str
    values: Key = field(hash=False)
    date: dt.date
    start: dt.datetime
    stop: dt.datetime

    def agrees(self, key: Key) -> bool:
        return all(self.values.get(name, value) == value for name, value in key.items())

    def overlaps(self, start: dt.datetime, stop: dt.datetime) -> bool:
        return self.start <= stop and self.stop >= start


@dataclass(frozen=True)
class Period:
    start: dt.datetime
    stop: dt.datetime
    driver: File | None = None


State = dict[str, frozenset[str]]
"""For each output, by its name without a version, what it is made from: delivered files by their names, outputs by
theirs without versions."""


def end_state(
    products: Sequence[Product], processes: Sequence[Process], delivered: Iterable[str], times: Mapping[str, str]
) -> State:
    """What there is at the end, `processes` being in the order of their levels.

    Parameters
    ----------
    products
        Those that are delivered.
    delivered
        Names of files.
    times
        The contents of those that tell their times: start and stop, the first two words.
    """
    files = newest([read(_product_of(name, products), name, times.get(name)) for name in delivered])
    state: State = {}
    for process in processes:
        made = list(_outputs(process, files))
        state |= {file.stem: inputs for file, inputs in made}
        files = [*files, *(file for file, _ in made)]
        assert len({file.stem for file in files}) == len(files), "two files of one name: the mission makes no sense"
    return state


def rebuilt(before: State, after: State) -> set[str]:
    """The outputs that are made when one state becomes the other: other inputs, or inputs of the same name that are
    made anew themselves."""
    anew: set[str] = set()
    for stem, inputs in after.items():  # inputs come before what is made from them
        if before.get(stem) != inputs or inputs & anew:
            anew.add(stem)
    return anew


def read(product: Product, name: str, contents: str | None = None) -> File:
    """The file of a name, with or without a version."""
    stem, _, _ = name.partition("_v")
    _, *values, time = stem.split("_")
    moment = dt.datetime.strptime(time, WRITTEN[product.time])
    keywords = dict(zip(product.fields, values, strict=True))
    if product.time == "minute":
        keywords |= {"H": time[9:11], "M": time[11:13]}
    start, stop = moment, moment + _length(product, moment) - MOMENT
    if product.inside and contents is not None:
        start, stop = (dt.datetime.fromisoformat(text) for text in contents.split()[:2])
    return File(product, stem, name, keywords, moment.date(), start, stop)


def newest(files: Iterable[File]) -> list[File]:
    """The newest version of each."""
    found = {file.stem: file for file in sorted(files, key=lambda file: version_of(file.handle))}
    return list(found.values())


def version_of(name: str) -> list[int]:
    return [int(part) for part in name.partition("_v")[2].removesuffix(".txt").split(".")]


def _product_of(name: str, products: Sequence[Product]) -> Product:
    (found,) = (each for each in products if each.name == name.partition("_")[0])
    return found


def _length(product: Product, moment: dt.datetime) -> dt.timedelta:
    if product.covers is not None:
        return product.covers
    if product.time == "year":
        return moment.replace(year=moment.year + 1) - moment
    return {"day": DAY, "minute": dt.timedelta(minutes=1)}[product.time]


def _outputs(process: Process, files: Sequence[File]) -> Iterator[tuple[File, frozenset[str]]]:
    keys = list(_conceivable(process.key_fields, files))
    of_inputs = [file for file in files if any(file.product in use.products for use in process.uses)]
    for each in _periods(process, of_inputs):
        for key in keys:
            period = _minute(each, key) if process.timebase == "FILE" and key.keys() >= TIME_OF_DAY else each
            if period.driver is None or period.driver.agrees(key):
                inputs = _wanted(process, period, key, of_inputs)
                if inputs is not None:
                    yield _output(process, period, key), frozenset(file.handle for file in inputs)


def _conceivable(fields: Iterable[str], files: Sequence[File]) -> Iterator[Key]:
    """Every way to put values that occur into the fields."""
    names = sorted(fields)
    seen = [sorted({file.values[name] for file in files if name in file.values}) for name in names]
    return (dict(zip(names, values, strict=True)) for values in combinations(*seen))


def _periods(process: Process, files: Sequence[File]) -> Iterator[Period]:
    if process.driver is not None:
        drivers = [file for file in files if file.product == process.driver]
        yield from (Period(file.start, file.stop, file) for file in drivers)
    elif process.timebase == "FILE":
        yield from (_day(date) for date in sorted({file.date for file in files}))
    else:
        first, last = NEAR if process.step else HORIZON
        starts = {_start_of(process, first + number * (process.step or DAY)) for number in _count(process, first, last)}
        yield from (Period(start, _next(process, start) - MOMENT) for start in sorted(starts))


def _day(date: dt.date) -> Period:
    start = dt.datetime.combine(date, dt.time())
    return Period(start, start + DAY - MOMENT)


def _minute(day: Period, key: Key) -> Period:
    """The time of a day that a key tells."""
    start = day.start + dt.timedelta(hours=int(key["H"]), minutes=int(key["M"]))
    return Period(start, start + dt.timedelta(minutes=1) - MOMENT)


def _count(process: Process, first: dt.datetime, last: dt.datetime) -> range:
    return range((last - first) // (process.step or DAY))


def _start_of(process: Process, moment: dt.datetime) -> dt.datetime:
    if process.timebase == "WEEKLY":
        return moment - moment.weekday() * DAY
    return moment.replace(day=1) if process.timebase == "MONTHLY" else moment


def _next(process: Process, start: dt.datetime) -> dt.datetime:
    if process.timebase == "MONTHLY":
        return (start + 31 * DAY).replace(day=1)
    return start + (process.step or (7 * DAY if process.timebase == "WEEKLY" else DAY))


def _wanted(process: Process, period: Period, key: Key, files: Sequence[File]) -> list[File] | None:
    """The inputs of an output; None when it is not due."""
    wanted: list[File] = []
    is_covered = False
    for use in process.uses:
        found = _chosen(process, use, period, key, files)
        if not found and not use.optional:
            return None
        wanted += found
        is_covered = is_covered or (use.valid is None and any(_is_of_itself(process, period, file) for file in found))
    return wanted if is_covered else None


def _is_of_itself(process: Process, period: Period, file: File) -> bool:
    if process.timebase == "FILE":
        return file.date == period.start.date()
    return file.overlaps(period.start, period.stop)


def _chosen(process: Process, use: Use, period: Period, key: Key, files: Sequence[File]) -> list[File]:
    matched = process.matched(use, key)
    for product in use.products:
        alike = [file for file in files if file.product == product and file.agrees(matched)]
        found = _in_time(process, use, period, key, alike)
        if found:
            return found
    return []


def _in_time(process: Process, use: Use, period: Period, key: Key, files: Sequence[File]) -> list[File]:
    if use.valid == "latest":
        return _latest(use, period, key, files)
    if use.valid == "covers":
        return [file for file in files if file.start <= period.start and period.stop <= file.stop]
    if period.driver is not None and use.products == (process.driver,):
        return [period.driver]
    since = period.start - use.yesterday * DAY - use.before
    until = period.stop + use.tomorrow * DAY + use.after
    if process.timebase == "FILE":
        return [file for file in files if since.date() <= file.date <= until.date()]
    return [file for file in files if file.overlaps(since, until)]


def _latest(use: Use, period: Period, key: Key, files: Sequence[File]) -> list[File]:
    """The newest before the period for each of the values that the output lacks; of the time of day it is the time."""
    found: dict[tuple[tuple[str, str], ...], File] = {}
    for file in sorted(files, key=lambda file: file.start):
        is_young = use.max_age is None or period.start - file.start <= use.max_age
        if file.start <= period.start and is_young:
            lacking = set(file.product.fields) - set(key)
            found[tuple(sorted((name, file.values[name]) for name in lacking))] = file
    return list(found.values())


def _output(process: Process, period: Period, key: Key) -> File:
    """What is made: of the time of its period, where it has one, and not of what its name tells."""
    day = period.start if period.driver is None else dt.datetime.combine(period.driver.date, dt.time())
    clock = {"H": f"{period.start:%H}", "M": f"{period.start:%M}"}
    file = read(process.output, process.output.stem({**clock, **key}, day))
    return file if process.timebase == "FILE" else replace(file, start=period.start, stop=period.stop)
