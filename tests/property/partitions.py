"""Missions with keys, periods, windows and calibrations, and what is delivered to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product as combinations
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.kit import mission as kit
from tests.kit.mission import Mission
from tests.property.partitions_model import (
    DAY,
    NONE,
    WRITTEN,
    Process,
    Product,
    State,
    Use,
    end_state,
    read,
)

HOUR = dt.timedelta(hours=1)
QUARTER = HOUR / 4

# The first line is its own name, so that no two versions are equal; then come its inputs.
LIST = """#!/bin/sh
for output; do :; done
{ echo "${output##*/}"; while [ $# -gt 1 ]; do echo "${1##*/}"; shift; done | sort; } > "$output"
"""
TIMES_INSIDE = '''
import datetime as dt

from dbproc.products import Facts, Inspector


class Orbit(Inspector):
    """Start and stop stand in the file."""

    def inspect(self, path, name):
        with open(path) as text:
            start, stop = (dt.datetime.fromisoformat(word) for word in text.read().split()[:2])
        return Facts(start=start, stop=stop)
'''

SCAN = Product("scan", ("station",), "minute", QUARTER)
RAW = Product("raw", ("station",))
SPARE = Product("spare", ("station",))
CHANNEL = Product("channel", ("station", "band"))
BAND = Product("band", ("band",))
SKY = Product("sky")
ORBIT = Product("orbit", ("orbit",), inside=True)
PASS = Product("pass", time="minute", inside=True)
CAL = Product("cal", ("station",))
FLAT = Product("flat", time="minute", covers=10 * DAY)
TABLE = Product("table", covers=10 * DAY)
GAIN = Product("gain", time="year")

PLAIN = (SCAN, RAW, CHANNEL, BAND, SKY)
"""Their times stand in their names; of the others a process of inspectors must be started in every run."""
DATA = (*PLAIN, ORBIT, PASS)
CALIBRATIONS = (CAL, FLAT, TABLE, GAIN)
DELIVERED = (*DATA, SPARE, *CALIBRATIONS)
TIMED = {product.name: product for product in DELIVERED if product.inside}

FIRST_DAY = dt.datetime(2020, 1, 2)
DAYS = 6
"""In them a week begins."""
TIMES_OF_DAY = [quarters * QUARTER for quarters in (0, 24, 25, 26, 28, 95)]
VALUES = {"station": ("ANK", "BOL"), "band": ("g", "r"), "orbit": ("17", "18")}
VERSIONS = ("1.0.0", "1.0.1", "1.1.0", "2.0.0")
STEPS = {"HOURLY": HOUR, "15 min": QUARTER, "6 h": 6 * HOUR}


@dataclass(frozen=True)
class Delivery:
    name: str
    contents: str

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(self.contents)

    @property
    def product(self) -> str:
        return self.name.partition("_")[0]


@dataclass(frozen=True)
class World:
    """A mission; each process may read what those before it make."""

    processes: tuple[Process, ...]
    orbits_move: bool = False  #: whether versions of an orbit differ in their times

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text("\n".join(self.blocks()))

    @property
    def delivered(self) -> tuple[Product, ...]:
        used = {product for process in self.processes for use in process.uses for product in use.products}
        return tuple(product for product in DELIVERED if product in used)

    @property
    def calibrations(self) -> tuple[Product, ...]:
        valid = {product for process in self.processes for use in process.uses if use.valid for product in use.products}
        return tuple(product for product in self.delivered if product in valid)

    def blocks(self) -> list[str]:
        levels = {process.output: number for number, process in enumerate(self.processes, 1)}
        products = [_product_block(each, levels.get(each, 0)) for each in (*self.delivered, *levels)]
        return [*products, *map(_process_block, self.processes)]

    def mission(self, folder: Path, copy: Callable[[Path], str]) -> Mission:
        """Defined in the database that `copy` makes."""
        mission = Mission(folder, copy(folder))
        mission.code("list.sh", LIST)
        mission.inspector("orbit.py", TIMES_INSIDE)
        return mission.define(*self.blocks())

    def expected(self, files: Iterable[Delivery]) -> State:
        files = list(files)
        times = {file.name: file.contents for file in files if file.product in TIMED}
        return end_state(self.delivered, self.processes, [file.name for file in files], times)


def _product_block(product: Product, level: int) -> str:
    keys = {
        **({"covers": _text(product.covers)} if product.covers else {}),
        **({"inspector": "orbit.py"} if product.inside else {}),
    }
    return kit.product(product.name, level, product.format + "_v{VERSION}.txt", **keys)


def _process_block(process: Process) -> str:
    name, inputs = process.output.name, [_input(use) for use in process.uses]
    return kit.process(f"to_{name}", name, inputs, process.timebase, file="list.sh")


def _input(use: Use) -> dict[str, object]:
    names = [product.name for product in use.products]
    said: dict[str, object] = {"product": names[0]} if len(names) == 1 else {"first_of": names}
    for name in ("optional", "yesterday", "tomorrow", "before", "after", "valid", "max_age"):
        value = getattr(use, name)
        if value:
            said[name] = _text(value) if isinstance(value, dt.timedelta) else value
    return said


def _text(duration: dt.timedelta) -> str:
    return f"{duration.total_seconds() / 60:g} min"


# --- missions ---


@st.composite
def worlds(draw: st.DrawFn, data: Sequence[Product] = PLAIN, *, calibrated: bool = False) -> World:
    """One to three processes that read data, and orbits or passes; `calibrated`: the first one has a calibration."""
    processes: list[Process] = []
    for number in range(draw(st.integers(1, 3))):
        pool = [*data, *(process.output for process in processes for _ in range(4))]  # chains are of more interest
        timebase = draw(st.sampled_from(["DAILY", "DAILY", "PART", "WEEKLY", "MONTHLY", "FILE", "PER"]))
        process = draw(_MAKERS[timebase](f"p{number}", pool))
        processes.append(draw(_with_extras(process, int(calibrated and not number))))
    return World(tuple(processes))


@st.composite
def worlds_of_moving_orbits(draw: st.DrawFn) -> World:
    """An orbit of other times takes other files, and moves what is made of it, but nothing ceases to be due."""
    orbit = draw(st.sampled_from([ORBIT, PASS]))
    others = st.sampled_from(PLAIN)
    uses = (Use((orbit,)), Use((draw(others),), optional=True, before=draw(_BEFORE)))
    calibration = Use((draw(st.sampled_from([CAL, FLAT])),), optional=True, valid="latest")
    first = Process(Product("p0", orbit.fields, orbit.time), f"per {orbit.name}", (*uses, calibration), driver=orbit)
    made = first.output
    output, timebase, driver = draw(
        st.sampled_from(
            [
                (Product("p1"), "FILE", None),
                (Product("p1"), "MONTHLY", None),
                (Product("p1", made.fields, made.time), "per p0", made),
            ]
        )
    )
    second = Process(output, timebase, (Use((made,)), Use((draw(others),), optional=True)), driver=driver)
    return World((first, second), orbits_move=True)


@st.composite
def _daily(draw: st.DrawFn, name: str, pool: Sequence[Product], timebase: str = "DAILY") -> Process:
    """A day of a station, or of the network; likewise weeks and months."""
    uses = _windowed(draw, draw(_mains(pool)), _WINDOWS_OF_DAYS if timebase == "DAILY" else [{}, {}, {"before": HOUR}])
    return Process(Product(name, _fields(draw, uses)), timebase, uses)


def _weekly(name: str, pool: Sequence[Product]) -> st.SearchStrategy[Process]:
    return _daily(name, pool, "WEEKLY")


def _monthly(name: str, pool: Sequence[Product]) -> st.SearchStrategy[Process]:
    return _daily(name, pool, "MONTHLY")


@st.composite
def _part(draw: st.DrawFn, name: str, pool: Sequence[Product]) -> Process:
    """Hours, or other parts of a day, from what is finer than a day."""
    timebase = draw(st.sampled_from(sorted(STEPS)))
    fine = [product for product in pool if product.time == "minute"]
    windows = [{}, {}, {"before": QUARTER}, {"after": 6 * QUARTER}, {"before": 2 * HOUR, "after": QUARTER}]
    uses = _windowed(draw, (Use((draw(st.sampled_from(fine)),)),), windows)
    return Process(Product(name, _fields(draw, uses), "minute"), timebase, uses, step=STEPS[timebase])


@st.composite
def _file(draw: st.DrawFn, name: str, pool: Sequence[Product]) -> Process:
    """What has one date, by its keywords."""
    uses = _windowed(draw, draw(_mains(pool)), [{}, {}, {"yesterday": 1}, {"tomorrow": 1}])
    return Process(Product(name, _fields(draw, uses), draw(st.sampled_from(_fineness(uses)))), "FILE", uses)


@st.composite
def _per(draw: st.DrawFn, name: str, pool: Sequence[Product]) -> Process:
    """What overlaps an orbit, or a file of another product."""
    driver = draw(st.sampled_from([ORBIT, PASS, *pool]))
    others = [product for product in pool if product != driver]
    optional = draw(st.booleans())
    other = Use((draw(st.sampled_from(others)),), optional, before=draw(_BEFORE))
    use = Use((driver,))
    given = (use,) if optional else (use, other)
    output = Product(name, (*driver.fields, *_fields(draw, given[1:], but=driver.fields)), driver.time)
    return Process(output, f"per {driver.name}", (use, other), driver=driver)


Maker = Callable[[str, Sequence[Product]], st.SearchStrategy[Process]]
_MAKERS: Mapping[str, Maker] = {
    "DAILY": _daily,
    "PART": _part,
    "WEEKLY": _weekly,
    "MONTHLY": _monthly,
    "FILE": _file,
    "PER": _per,
}

_BEFORE = st.sampled_from([NONE, HOUR])
_WINDOWS_OF_DAYS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"yesterday": 1},
    {"tomorrow": 1},
    {"before": 6 * QUARTER},
    {"before": HOUR, "after": 25 * HOUR},
]


@st.composite
def _mains(draw: st.DrawFn, pool: Sequence[Product]) -> tuple[Use, ...]:
    """One or two required inputs, or one for want of another."""
    if draw(st.integers(0, 5)) == 0:
        return (Use((RAW, SPARE)),)
    chosen = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=2, unique=True))
    return tuple(Use((product,)) for product in chosen)


def _windowed(draw: st.DrawFn, uses: Sequence[Use], windows: Sequence[dict[str, Any]]) -> tuple[Use, ...]:
    """Each with a window, unless it is a choice: a better file beside a period would make it undue."""
    drawn = [{} if len(use.products) > 1 else draw(st.sampled_from(windows)) for use in uses]
    return tuple(Use(use.products, use.optional, **window) for use, window in zip(uses, drawn, strict=True))


def _fields(draw: st.DrawFn, uses: Sequence[Use], but: Sequence[str] = ()) -> tuple[str, ...]:
    """Most of the keywords that the inputs have; the others are aggregated over."""
    given = sorted({field for use in uses for product in use.products for field in product.fields} - set(but))
    return tuple(field for field in given if draw(st.integers(0, 3)))


def _fineness(uses: Sequence[Use]) -> list[str]:
    return sorted({product.time for use in uses for product in use.products} & {"minute"} | {"day"})


@st.composite
def _with_extras(draw: st.DrawFn, process: Process, at_least: int) -> Process:
    """With calibrations, and with what is used where it is."""
    used = [product for use in process.uses for product in use.products]
    chosen = draw(st.lists(st.sampled_from(CALIBRATIONS), min_size=at_least, max_size=2, unique=True))
    uses = [Use((product,), draw(st.booleans()), **draw(_validity(product))) for product in chosen]
    if draw(st.integers(0, 3)) == 0 and SKY not in used:
        uses.append(Use((SKY,), optional=True))
    return Process(process.output, process.timebase, (*process.uses, *uses), process.step, process.driver)


def _validity(product: Product) -> st.SearchStrategy[dict[str, Any]]:
    ages = [None, None, 2 * DAY, 30 * HOUR]
    said: list[dict[str, Any]] = [{"valid": "latest", "max_age": age} for age in ages]
    return st.sampled_from([*said, {"valid": "covers"}, {"valid": "covers"}])


# --- deliveries ---


@st.composite
def deliveries(draw: st.DrawFn, world: World) -> list[Delivery]:
    """Some files of each product, in any order."""
    dates = draw(st.lists(st.integers(0, DAYS - 1), min_size=2, max_size=3, unique=True), "days with data")
    names: list[str] = []
    for product in world.delivered:
        least, most = (4, 8) if product in DATA else (1, 4)
        names += draw(st.lists(_names(product, dates), min_size=least, max_size=most, unique=True), product.name)
    times: dict[str, str] = {}
    files = [Delivery(name, _contents(draw, world, name, times)) for name in names]
    return draw(st.permutations(files), "order")


@st.composite
def calibrations(draw: st.DrawFn, world: World, files: Sequence[Delivery]) -> list[Delivery]:
    """One to three more of them, or newer versions."""
    product = draw(st.sampled_from(world.calibrations))
    names = draw(st.lists(_names(product, []), min_size=1, max_size=3, unique=True), "late")
    known = {file.name for file in files}
    return [Delivery(name, name) for name in names if name not in known]


def _names(product: Product, dates: Sequence[int]) -> st.SearchStrategy[str]:
    """Calibrations may be of earlier days."""
    days = dates if product in DATA else range(-3, DAYS)
    moments = [FIRST_DAY + day * DAY for day in days]
    if product.time == "year":
        moments = [dt.datetime(year, 1, 1) for year in (2019, 2020)]
    elif product.time == "minute":
        moments = [moment + clock for moment in moments for clock in TIMES_OF_DAY]
    told = combinations(moments, combinations(*(VALUES[field] for field in product.fields)), VERSIONS)
    return st.sampled_from([_name(product, *each) for each in told])


def _name(product: Product, moment: dt.datetime, values: Sequence[str], version: str) -> str:
    return "_".join([product.name, *values, moment.strftime(WRITTEN[product.time]), f"v{version}.txt"])


def _contents(draw: st.DrawFn, world: World, name: str, times: dict[str, str]) -> str:
    """The name, and before it the times where these are told inside."""
    product = TIMED.get(name.partition("_")[0])
    if product is None:
        return name
    told = name if world.orbits_move else name.partition("_v")[0]
    if told not in times:
        start = read(product, name).start
        if product.time == "day":
            start += draw(st.sampled_from([10, 23, 95])) * QUARTER
        stop = start + draw(st.sampled_from([1, 8, 33])) * QUARTER - dt.timedelta(seconds=1)
        times[told] = f"{start.isoformat()} {stop.isoformat()}"
    return f"{times[told]} {name}"


def deliver(mission: Mission, files: Iterable[Delivery]) -> None:
    for file in files:
        mission.deliver(file.name, content=file.contents)
