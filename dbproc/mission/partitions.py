"""Periods and keys of what processes make: what two outputs would share, and what nothing can fill."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from dbproc.core.durations import read_duration
from dbproc.core.filenames import TIME_OF_DAY, Format
from dbproc.core.model import Keying, Timebase
from dbproc.core.periods import NAMED, Cadence, read_timebase
from dbproc.core.slots import key_fields
from dbproc.core.spec import Definition, InputSpec, KeyPath, ProcessSpec, ProductSpec
from dbproc.mission.formats import digits_problems, file_problems, format_of, in_braces, only_its_name_says
from dbproc.mission.problems import Problem, suggestion
from dbproc.mission.windows import input_places, window_keys

_WHOLE_DATES = ({"DATE"}, {"datetime"})
_YEARS = ({"Y"}, {"y"})
_MONTHS = tuple(year | month for year in _YEARS for month in ({"m"}, {"b"}))
_DAYS = (*_WHOLE_DATES, *(month | {"d"} for month in _MONTHS), *(year | {"j"} for year in _YEARS))
_PERIODS: dict[Timebase, tuple[tuple[set[str], ...], str]] = {
    Timebase.PART: (_DAYS, "days"),
    Timebase.DAILY: (_DAYS, "days"),
    Timebase.WEEKLY: (_DAYS, "weeks"),
    Timebase.MONTHLY: ((*_DAYS, *_MONTHS), "months"),
    Timebase.YEARLY: ((*_WHOLE_DATES, *_YEARS), "years"),
}
"""For each timebase the sets of fields of which one must be in the format of its output, and what they tell apart."""

_MINUTE, _HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


def lacking(made: Format, timebase: Timebase, step: dt.timedelta) -> tuple[str, ...]:
    """The fields without which two periods have one name in a format; none when it tells them apart."""
    choices, periods = _PERIODS[timebase]
    if not any(choice <= made.fields for choice in choices):
        return ("Y",) if periods == "years" else ("Y", "m", "d")
    return tuple(field for field in _clock(step) if field not in made.fields)


def _clock(step: dt.timedelta) -> tuple[str, ...]:
    """The fields that tell the time at which parts of a day begin."""
    if not step:
        return ()
    if not step % _HOUR:
        return ("H",)
    return ("H", "M") if not step % _MINUTE else ("H", "M", "S")


def timebase_problems(path: KeyPath, process: ProcessSpec) -> Iterator[Problem]:
    """A timebase that is none."""
    text, path = process.timebase, (*path, "timebase")
    if read_timebase(text) is not None:
        return
    if read_duration(text) is not None:
        fault = f"{text!r} is no part of a day: it must divide a day, in whole seconds, as '15 min' and '6 h' do"
        yield Problem(path, f"{fault}; for longer periods there are DAILY, WEEKLY, MONTHLY, YEARLY")
        return
    fault = f"{text!r} is none of {', '.join(NAMED)}, no part of a day such as '15 min', and not 'per PRODUCT'"
    yield Problem(path, fault + suggestion(text.upper(), NAMED, listed=False))


def partition_problems(definition: Definition) -> Iterator[Problem]:
    """Processes whose periods or keys cannot be told, or not be filled."""
    for process in definition.processes.values():
        cadence = read_timebase(process.timebase)
        if cadence is None or not cadence.timebase.makes_output:
            continue
        if cadence.timebase is Timebase.PER:
            yield from _driver_problems(process, cadence.driver, definition)
        if process.keywords.is_merged and cadence.timebase is Timebase.FILE:
            yield from file_problems(process, definition.products)
        outputs = {name: made for name in process.outputs if (made := format_of(definition.products.get(name)))}
        for name, made in outputs.items():
            path: KeyPath = ("product", name, "format")
            yield from _period_problems(path, process, made, cadence, definition.products)
            yield from _field_problems(path, process, made, cadence.timebase, definition.products)
            if process.keywords is Keying.EACH or cadence.timebase is Timebase.FILE:
                yield from digits_problems(process, definition.products[name], definition.products)
        if process.keywords is Keying.EACH:
            yield from _unlike_problems(process, cadence.timebase, outputs, definition.products)


def date_warnings(definition: Definition) -> Iterator[Problem]:
    """Inputs of timebases that go by dates whose names tell no day, where others do: they are of one day alone."""
    for process in definition.processes.values():
        cadence = read_timebase(process.timebase)
        if cadence is None or cadence.timebase not in (Timebase.FILE, Timebase.RUN):
            continue
        told = {
            place: (given.product, _finest(format))
            for place, given in zip(input_places(process), process.inputs, strict=True)
            if given.valid is None and (format := _format_by_name(definition.products.get(given.product))) is not None
        }
        for place, (name, finest) in told.items():
            if 0 < finest < _NO_DATE and any(not other for _, other in told.values()):
                text = f"timebase {process.timebase} takes inputs by their date, and a file of {name!r} is of one day: "
                text += 'the first that its name tells; write valid = "latest" or "covers" where it is to hold for more'
                yield Problem(("process", process.name, "inputs", place), text)


def _format_by_name(product: ProductSpec | None) -> Format | None:
    """The format of a product of which the name alone tells the date."""
    return format_of(product) if product is not None and only_its_name_says(product) else None


# --- periods that come from files ---


def _driver_problems(process: ProcessSpec, driver: str, definition: Definition) -> Iterator[Problem]:
    path: KeyPath = ("process", process.name)
    found = [
        (place, given)
        for place, given in zip(input_places(process), process.inputs, strict=True)
        if given.product == driver
    ]
    if not found:
        names = [given.product for given in process.inputs]
        text = f"{driver!r} is none of the inputs, and each of its files is to be a period; add it to the inputs"
        yield Problem((*path, "timebase"), text + suggestion(driver, names, listed=False))
    elif driver in _descendants(process, definition):
        text = f"{driver!r} is made from what this process makes; its files can be no periods of it"
        yield Problem((*path, "timebase"), text)
    if process.keywords.is_merged:
        text = f"one output would be made of all files of {driver!r} on a day, and each is to be a period; leave it out"
        yield Problem((*path, "keywords"), text)
    for place, given in found[:1]:
        fault = _driver_fault(given)
        if fault is not None:
            text = f"each file of {driver!r} is a period, so it must be required, and alone: {fault}"
            yield Problem((*path, "inputs", place), text)


def _driver_fault(given: InputSpec) -> str | None:
    if given.choice is not None:
        return "take it out of first_of"
    if given.optional:
        return "leave optional out"
    keys = [*window_keys(given), *(("valid",) if given.valid is not None else ())]
    return f"leave {' and '.join(keys)} out" if keys else None


def _descendants(process: ProcessSpec, definition: Definition) -> set[str]:
    """The products that are made from those of a process, directly or through others."""
    found: set[str] = set()
    todo = list(process.outputs)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            others = definition.processes.values()
            todo += [made for each in others for made in each.outputs if name in {i.product for i in each.inputs}]
    return found


# --- names of periods ---


def _period_problems(
    path: KeyPath, process: ProcessSpec, made: Format, cadence: Cadence, products: Mapping[str, ProductSpec]
) -> Iterator[Problem]:
    if cadence.timebase is Timebase.PER:
        yield from _driven_name_problems(path, process, made, products.get(cadence.driver))
    elif cadence.timebase is Timebase.FILE:
        yield from _dated_name_problems(path, process, made, products)
    elif cadence.timebase in _PERIODS:
        fields = lacking(made, cadence.timebase, cadence.step)
        periods = _PERIODS[cadence.timebase][1] if "Y" in fields else "periods of a day"
        if fields:
            text = f"two {periods} would have the same filename: the process {process.name!r} has timebase"
            more = " or another date" if "Y" in fields else ""
            yield Problem(path, f"{text} {process.timebase}; put {in_braces(fields)}{more} into the format")


def _dated_name_problems(
    path: KeyPath, process: ProcessSpec, made: Format, products: Mapping[str, ProductSpec]
) -> Iterator[Problem]:
    """Outputs for each date of some inputs that would have one name for several of them."""
    required = [given for given in process.inputs if not given.optional and given.valid is None]
    formats = [_format_by_name(products.get(given.product)) for given in required]
    if process.keywords is Keying.EACH and formats and all(format is not None for format in formats):
        finest = min(_finest(format) for format in formats if format is not None)
        if _finest(made) > finest:
            text = f"two dates would have the same filename: the process {process.name!r} makes a file for each date"
            yield Problem(path, f"{text} of its inputs; put {{Y}}{{m}}{{d}} or another date into the format")


def _driven_name_problems(
    path: KeyPath, process: ProcessSpec, made: Format, driver: ProductSpec | None
) -> Iterator[Problem]:
    """Outputs for each file of a product that would have one name."""
    drives = format_of(driver)
    if driver is None or drives is None:
        return
    lost = sorted(drives.keyword_fields - made.keyword_fields)
    whose = f"each file of {driver.name!r} ({driver.format!r})"
    if lost:
        text = f"the process {process.name!r} makes a file for {whose}, and two that differ in {in_braces(lost)}"
        yield Problem(path, f"{text} would give one name; put {in_braces(lost)} into the format")
    given = sorted((made.keyword_fields & TIME_OF_DAY) - drives.keyword_fields)
    if given:
        text = f"{in_braces(given)} would be that of a file of {driver.name!r}, whose format {driver.format!r} has none"
        yield Problem(path, f"{text}; put it into both formats, or leave it out")
    is_told = driver.inspector.is_builtin  # another one may find other dates than names say
    if is_told and not lost and _finest(made) > _finest(drives) and not made.keyword_fields - TIME_OF_DAY:
        text = f"the process {process.name!r} makes a file for {whose}, and two of different dates would give one name"
        yield Problem(path, f"{text}; put {{Y}}{{m}}{{d}} or another date into the format")


_NO_DATE = 3


def _finest(format: Format) -> int:
    """What a format tells of a date: 0 the day, 1 the month, 2 the year, 3 nothing."""
    told = (any(choice <= format.fields for choice in choices) for choices in (_DAYS, _MONTHS, _YEARS))
    return next((level for level, is_told in enumerate(told) if is_told), _NO_DATE)


# --- keys ---


def _field_problems(
    path: KeyPath, process: ProcessSpec, made: Format, timebase: Timebase, products: Mapping[str, ProductSpec]
) -> Iterator[Problem]:
    """Keywords of an output that no required input gives, or none at all where all are optional.

    An inspector of one's own may give any.
    """
    is_merged = process.keywords.is_merged
    inputs = [given for given in process.inputs if is_merged or not given.optional] or process.inputs
    known = [products.get(given.product) for given in inputs]
    if any(product is None or not product.inspector.is_builtin or format_of(product) is None for product in known):
        return
    given = {field for each in known for field in _fields(each)}
    for field in sorted(made.keyword_fields - given - TIME_OF_DAY):
        text = f"nothing can fill the field {{{field}}}: {_without(process, inputs, products)}"
        others = (each.product for each in process.inputs if field in _fields(products.get(each.product)))
        optional = next(others, "")
        more = f"; {optional!r} has it, but is optional" if optional else ""
        near = next((each for each in sorted(given) if each.lower() == field.lower()), None)
        remedy = f"did you mean {{{near}}}?" if near else "leave it out, or put it into the format of an input"
        yield Problem(path, f"{text}{more}; {remedy}")


def _without(process: ProcessSpec, inputs: Sequence[InputSpec], products: Mapping[str, ProductSpec]) -> str:
    if not inputs:
        return f"the process {process.name!r} has no input"
    shown = ", ".join(f"{each.product!r} ({products[each.product].format!r})" for each in inputs)
    return f"no required input of the process {process.name!r} has it in its format: {shown}"


def _unlike_problems(
    process: ProcessSpec, timebase: Timebase, outputs: Mapping[str, Format], products: Mapping[str, ProductSpec]
) -> Iterator[Problem]:
    """Outputs of one process that are not made equally often."""
    given = [_fields(products.get(each.product)) for each in process.inputs]
    keys = {name: key_fields(timebase, Keying.EACH, [made.keyword_fields], given) for name, made in outputs.items()}
    first = next(iter(keys), "")
    for name, fields in keys.items():
        if fields != keys[first]:
            text = f"the process {process.name!r} makes {first!r} for each {_shown(keys[first])}"
            text += f", and {name!r} for each {_shown(fields)}"
            yield Problem(("product", name, "format"), f"{text}; give all its outputs the same keywords")


def _shown(fields: frozenset[str]) -> str:
    return in_braces(sorted(fields)) if fields else "period alone"


def _fields(product: ProductSpec | None) -> frozenset[str]:
    made = format_of(product)
    return made.keyword_fields if made else frozenset()
