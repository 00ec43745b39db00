"""The answer of ``dbproc report``: the whole mission, for a review."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from dbproc.core.model import Definition, Process, Product, Timebase
from dbproc.core.slot_text import EVERY_SLOT, SlotChoice
from dbproc.database import report
from dbproc.database.definition.load import load_definition
from dbproc.database.report import CorrectionInNumbers, Holding, RunInNumbers
from dbproc.database.store import Store
from dbproc.explain.codes import CodeFacts, list_codes
from dbproc.explain.coverage import Coverage, coverage_in
from dbproc.explain.statistics import Record, records
from dbproc.explain.status import Status, mission_status


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedProduct:
    """A product, as the mission file defines it."""

    product: str  #: its name
    level: float  #: its level
    format: str  #: the format of its filenames
    directory: str  #: its directory
    expected: str  #: how often its files come; empty: nothing says
    made_by: str | None  #: the process that makes it; null: it is delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedProcess:
    """A process, as the mission file defines it."""

    process: str  #: its name
    timebase: str  #: what one output of it stands for
    inputs: tuple[str, ...]  #: the products that it takes
    outputs: tuple[str, ...]  #: the products that it makes


@dataclass(frozen=True, slots=True, kw_only=True)
class MissionReport:
    """The whole mission."""

    mission: str  #: its name
    root: str  #: its root directory
    time: dt.datetime  #: when this was written
    products: tuple[ReportedProduct, ...]  #: its products, by level and name
    processes: tuple[ReportedProcess, ...]  #: its processes, by name
    holdings: tuple[Holding, ...]  #: what there is of each product
    coverage: Coverage  #: which periods there are
    codes: tuple[CodeFacts, ...]  #: every version of every code
    records: tuple[Record, ...]  #: what jobs took and made, by version
    status: Status  #: failures, what waits, what is late, quarantine
    corrections: tuple[CorrectionInNumbers, ...]  #: the latest: what was withdrawn, replaced, marked and so on
    runs: tuple[RunInNumbers, ...]  #: the latest runs


def mission_report(store: Store, choice: SlotChoice = EVERY_SLOT) -> MissionReport:
    """The whole mission; coverage, failures, waiting outputs and late files as far as they are chosen."""
    status = mission_status(store, choice)
    codes, costs = list_codes(store), records(store)
    with store.begin() as connection:
        definition = load_definition(connection)
        return MissionReport(
            mission=definition.mission.name,
            root=definition.mission.root,
            time=dt.datetime.now(dt.UTC),
            products=tuple(_products(definition)),
            processes=tuple(_processes(definition)),
            holdings=tuple(report.holdings(connection)),
            coverage=coverage_in(connection, definition, (), choice),
            codes=tuple(codes),
            records=tuple(costs),
            status=status,
            corrections=tuple(report.latest_corrections(connection)),
            runs=tuple(report.latest_runs(connection)),
        )


def _products(definition: Definition) -> Iterator[ReportedProduct]:
    makers = {number: process.name for process in definition.processes.values() for number in process.outputs}
    for each in sorted(definition.products.values(), key=lambda each: (each.level, each.name)):
        yield ReportedProduct(
            product=each.name,
            level=each.level,
            format=each.format,
            directory=each.directory,
            expected=_expected(each),
            made_by=makers.get(each.product_id),
        )


def _expected(product: Product) -> str:
    bounds = (("from", product.expect_from), ("to", product.expect_to))
    return " ".join([product.expect, *(f"{word} {day}" for word, day in bounds if day is not None)]).strip()


def _processes(definition: Definition) -> Iterator[ReportedProcess]:
    names = {number: product.name for number, product in definition.products.items()}
    for each in sorted(definition.processes.values(), key=lambda each: each.name):
        yield ReportedProcess(
            process=each.name,
            timebase=_timebase(definition, each),
            inputs=tuple(names[link.product_id] for link in each.inputs),
            outputs=tuple(names[number] for number in each.outputs),
        )


def _timebase(definition: Definition, process: Process) -> str:
    if process.timebase is Timebase.PER and process.driver is not None:
        return f"per {definition.products[process.driver].name}"
    return str(process.step) if process.timebase is Timebase.PART else process.timebase.value
