"""Which outputs are meant when some are chosen by product, process, code, instrument, level, dates or a file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select

from dbproc import schema
from dbproc.catalogue._select import FILE, is_last_attempt, is_newest
from dbproc.catalogue.reading import find_file
from dbproc.errors import NotFoundError, UserError
from dbproc.model import Definition, Process, Product, Slot, Timebase
from dbproc.version import Part

_ATTEMPT = schema.attempt
_CODE = schema.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What was asked for; what is given several times over narrows it down.

    `product`, `process`, `code` and `instrument` are names or numbers, `code` also ``NAME VERSION``; `file` is the name
    of a file. `start` and `end` are dates of outputs, both included.
    """

    product: str | None = None
    process: str | None = None
    code: str | None = None
    instrument: str | None = None
    level: float | None = None
    start: dt.date | None = None
    end: dt.date | None = None
    file: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was chosen."""
        return all(getattr(self, each.name) is None for each in fields(self))


def select_slots(connection: Connection, definition: Definition, selection: Selection) -> list[Slot]:
    """The slots for which something was made that the selection is about, in their order.

    Chosen is what was made: the files of a product, or, of a product that is only delivered, what was made from it;
    what a process or a code made; what is of an instrument or a level; a file, or, of one that was delivered, what was
    made from it. Slots of processes without output are chosen by their process or code alone.

    Raises
    ------
    NotFoundError
        There is no such product, process, code, instrument, level or file; the message names what there is.
    UserError
        Nothing was chosen, or the dates are reversed.
    """
    if selection.is_empty:
        raise UserError("nothing is chosen: give at least one of --product, --process, --code, --instrument, --level,"
                        " --start, --end, --file")  # fmt: skip
    check_dates(selection.start, selection.end)
    processes = _processes(definition, selection)
    codes = _codes(connection, selection.code)
    slots = set(_of_files(connection, processes, codes, selection))
    if selection.process is not None or selection.code is not None:
        slots.update(_of_runs(connection, processes, codes, selection))
    return sorted(slots)


def check_dates(start: dt.date | None, end: dt.date | None) -> None:
    """See that dates are not reversed.

    Raises
    ------
    UserError
        They are.
    """
    if start is not None and end is not None and start > end:
        raise UserError(f"the dates are reversed: {start} is after {end}")


def check_force(definition: Definition, slots: Iterable[Slot], forced: Part | None) -> None:
    """See that everything that is to be made anew can have another version.

    Raises
    ------
    UserError
        A product has no {VERSION} in its format.
    """
    if forced is None:
        return
    made = {made for slot in slots for made in definition.processes[slot.process_id].outputs}
    unable = [definition.products[each] for each in sorted(made) if not definition.products[each].compiled.has_version]
    if unable:
        names = ", ".join(f"{product.name} ({product.format})" for product in unable)
        raise UserError(f"cannot be forced: no {{VERSION}} in the format of {names}; add it, or choose other products")


def process_named(definition: Definition, name: str) -> Process:
    """A process by its name or number.

    Raises
    ------
    NotFoundError
        There is none; the message names those that there are.
    """
    for process in definition.processes.values():
        if name in (process.name, str(process.process_id)):
            return process
    raise _unknown("process", name, (process.name for process in definition.processes.values()))


def _unknown(what: str, name: object, there_are: Iterable[str]) -> NotFoundError:
    return NotFoundError(f"no {what} {name}; the mission has: {', '.join(sorted(set(there_are))) or 'none'}")


def _processes(definition: Definition, selection: Selection) -> dict[int, Process]:
    """The processes whose outputs may be meant."""
    chosen = dict(definition.processes)
    if selection.process is not None:
        process = process_named(definition, selection.process)
        chosen = {process.process_id: process}
    if selection.product is not None:
        chosen = _common(chosen, _about_product(definition, selection.product))
    if selection.instrument is not None:
        products = _of_instrument(definition, selection.instrument)
        chosen = _common(chosen, _makers(definition, products))
    if selection.level is not None:
        products = [product for product in definition.products.values() if product.level == selection.level]
        makers = _makers(definition, products)
        if not makers:
            levels = {f"{p.level:g}" for p in definition.products.values() if _makers(definition, [p])}
            raise _unknown("level with outputs", f"{selection.level:g}", levels)
        chosen = _common(chosen, makers)
    return chosen


def _common(chosen: Mapping[int, Process], others: Collection[int]) -> dict[int, Process]:
    return {process_id: process for process_id, process in chosen.items() if process_id in others}


def _about_product(definition: Definition, name: str) -> set[int]:
    """The process that makes a product, or those that take it when it is only delivered."""
    found = [p for p in definition.products.values() if name in (p.name, str(p.product_id))]
    if not found:
        raise _unknown("product", name, (product.name for product in definition.products.values()))
    product_id = found[0].product_id
    takers = {p.process_id for p in definition.processes.values() for i in p.inputs if i.product_id == product_id}
    return _makers(definition, found) or takers


def _makers(definition: Definition, products: Iterable[Product]) -> set[int]:
    wanted = {product.product_id for product in products}
    return {process.process_id for process in definition.processes.values() if wanted & set(process.outputs)}


def _of_instrument(definition: Definition, name: str) -> list[Product]:
    found = [product for product in definition.products.values() if product.instrument == name]
    if not found:
        raise _unknown("instrument", name, (product.instrument for product in definition.products.values()))
    return found


def _codes(connection: Connection, wanted: str | None) -> list[int] | None:
    """The numbers of the codes that are meant; None: all."""
    if wanted is None:
        return None
    columns = (_CODE.c.code_id, _CODE.c.filename, *_version_columns(_CODE))
    found: list[int] = []
    there_are = []
    for code_id, filename, *version in connection.execute(select(*columns)):
        name = f"{filename} {'.'.join(map(str, version))}"
        there_are.append(name)
        if wanted in (str(code_id), filename, name):
            found.append(code_id)
    if not found:
        raise _unknown("code", wanted, there_are)
    return found


def _version_columns(table: Any) -> tuple[Any, ...]:
    return table.c.interface_version, table.c.quality_version, table.c.revision_version


def _of_files(
    connection: Connection, processes: Mapping[int, Process], codes: Sequence[int] | None, selection: Selection
) -> Iterable[Slot]:
    """The slots of the newest files that were made."""
    makers = {process.outputs[0]: process for process in processes.values() if process.outputs}
    link = schema.filecodelink
    statement = (
        select(FILE.c.product_id, FILE.c.utc_file_date, FILE.c.process_keywords, _ATTEMPT.c.process_keywords)
        .join(link, link.c.resulting_file == FILE.c.file_id)
        .outerjoin(_ATTEMPT, _ATTEMPT.c.output_file == FILE.c.file_id)
        .where(
            FILE.c.product_id.in_(makers),
            is_newest(existing=False),
            *_dated(FILE.c.utc_file_date, selection),
        )
    )
    if codes is not None:
        statement = statement.where(link.c.source_code.in_(codes))
    if selection.file is not None:
        statement = statement.where(_about_file(connection, selection.file))
    for product_id, date, keywords, of_attempt in connection.execute(statement):
        process = makers[product_id]
        own = keywords if of_attempt is None else of_attempt
        yield Slot(process.process_id, date, own if process.timebase is Timebase.FILE else "")


def _about_file(connection: Connection, name: str) -> ColumnElement[bool]:
    """The file itself when it was made, else whatever was made from it; of the former, any version stands for all."""
    file = find_file(connection, name)
    made = schema.filecodelink
    was_made = connection.scalar(select(made.c.source_code).where(made.c.resulting_file == file["file_id"]).limit(1))
    if was_made is None:
        link = schema.filefilelink
        return FILE.c.file_id.in_(select(link.c.resulting_file).where(link.c.source_file == file["file_id"]))
    beside = schema.attemptoutput
    first = select(_ATTEMPT.c.output_file).join(beside, beside.c.attempt_id == _ATTEMPT.c.attempt_id)
    same = (
        (FILE.c.product_id == file["product_id"])
        & (FILE.c.utc_file_date == file["date"])
        & (FILE.c.process_keywords == file["keywords"])
    )
    return or_(same, FILE.c.file_id.in_(first.where(beside.c.file_id == file["file_id"])))


def _of_runs(
    connection: Connection, processes: Mapping[int, Process], codes: Sequence[int] | None, selection: Selection
) -> Iterable[Slot]:
    """The slots of processes without output that were run."""
    silent = [process.process_id for process in processes.values() if process.timebase is Timebase.RUN]
    if not silent or selection.file is not None:
        return
    statement = select(_ATTEMPT.c.process_id, _ATTEMPT.c.utc_file_date, _ATTEMPT.c.process_keywords).where(
        _ATTEMPT.c.process_id.in_(silent),
        _ATTEMPT.c.status == "succeeded",
        is_last_attempt(),
        *_dated(_ATTEMPT.c.utc_file_date, selection),
    )
    if codes is not None:
        statement = statement.where(_ATTEMPT.c.code_id.in_(codes))
    for row in connection.execute(statement):
        yield Slot(*row)


def _dated(column: Any, selection: Selection) -> list[ColumnElement[bool]]:
    conditions = []
    if selection.start is not None:
        conditions.append(column >= selection.start)
    if selection.end is not None:
        conditions.append(column <= selection.end)
    return conditions
