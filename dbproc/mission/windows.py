"""Which files of an input a process takes, and when it takes them: what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbproc.core.durations import duration_text
from dbproc.core.model import NO_TIME, Build, Timebase, Validity
from dbproc.core.periods import ONE_DAY, read_timebase
from dbproc.core.spec import Definition, InputSpec, KeyPath, ProcessSpec, ProductSpec
from dbproc.mission.problems import Problem

_BY_DATE = (Timebase.FILE, Timebase.RUN)


def window_problems(definition: Definition) -> Iterator[Problem]:
    """Inputs and waits that say two things at once, or nothing."""
    for process in definition.processes.values():
        path: KeyPath = ("process", process.name)
        cadence = read_timebase(process.timebase)
        for place, given in zip(input_places(process), process.inputs, strict=True):
            if given.choice in (None, given.product):
                yield from _input_problems((*path, "inputs", place), given, cadence.timebase if cadence else None)
        yield from _cover_problems(path, process)
        yield from _build_problems(path, process, cadence.timebase if cadence else None, definition.products)


def input_places(process: ProcessSpec) -> list[int]:
    """For each input its position in the mission file's list; the products of a choice share one."""
    places: list[int] = []
    for at, given in enumerate(process.inputs):
        shares = at > 0 and given.choice is not None and given.choice == process.inputs[at - 1].choice
        places.append(places[-1] + (not shares) if places else 0)
    return places


def window_keys(given: InputSpec) -> list[str]:
    """The keys with which an input's window is widened."""
    return [key for key in ("yesterday", "tomorrow", "before", "after") if getattr(given, key)]


def _input_problems(path: KeyPath, given: InputSpec, timebase: Timebase | None) -> Iterator[Problem]:
    for days, duration in (("yesterday", "before"), ("tomorrow", "after")):
        if getattr(given, days) and getattr(given, duration):
            text = f"{days} and {duration} both widen the same end of the window; give one of them"
            yield Problem((*path, duration), text)
    for key in ("before", "after"):
        length = getattr(given, key)
        if timebase in _BY_DATE and length % ONE_DAY != NO_TIME:
            text = f"timebase {timebase} takes inputs by their date, so {duration_text(length)!r} must be whole days"
            yield Problem((*path, key), f"{text}, such as '1 day'")
    if given.max_age is not None and given.valid is not Validity.LATEST:
        text = "bounds how old the latest file may be, and says nothing without valid = 'latest'"
        yield Problem((*path, "max_age"), f"{text}; add that, or leave max_age out")
    if given.valid is not None and window_keys(given):
        text = f"files that are valid = '{given.valid}' hold beyond their own time, so no window chooses them"
        yield Problem((*path, "valid"), f"{text}; leave {' and '.join(window_keys(given))} out, or valid")


def _cover_problems(path: KeyPath, process: ProcessSpec) -> Iterator[Problem]:
    required = [given for given in process.inputs if not given.optional]
    counting = required or process.inputs
    if counting and all(given.valid is not None for given in counting):
        which = "is the only required input" if len(required) == 1 else "are all that there is"
        names = ", ".join(repr(given.product) for given in counting)
        text = f"{names} {which}, and inputs with valid cover no period themselves: nothing would ever be made"
        yield Problem((*path, "inputs"), f"{text}; leave valid out of one, or name a required input without it")


def _build_problems(
    path: KeyPath, process: ProcessSpec, timebase: Timebase | None, products: Mapping[str, ProductSpec]
) -> Iterator[Problem]:
    if process.build is Build.AT_ONCE:
        if process.wait is not None:
            text = "says nothing with build = 'at once'; write build = 'when over' or 'when complete', or leave it out"
            yield Problem((*path, "wait"), text)
        return
    if timebase is Timebase.STARTUP:
        text = "timebase STARTUP has no period that could be over: every run begins with it; leave build out"
        yield Problem((*path, "build"), text)
    elif process.build is Build.WHEN_COMPLETE:
        inputs = [products.get(given.product) for given in process.inputs]
        if not any(product is None or product.expect for product in inputs):
            text = "no input says how often its files come, so none is ever complete"
            names = ", ".join(given.product for given in process.inputs)
            yield Problem((*path, "build"), f"{text}; give one of them expect ({names}), or write 'when over'")
