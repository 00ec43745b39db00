"""The definition that a database of dbprocessing holds: what an INI file of the same mission would define."""

from __future__ import annotations

import datetime as dt
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from dbproc.core.errors import FormatError, VersionError
from dbproc.core.filenames import keywords_of
from dbproc.core.spec import (
    FIRST_DAY,
    FIRST_VERSION,
    LAST_DAY,
    CodeSpec,
    Definition,
    InputSpec,
    InspectorSpec,
    MissionSpec,
    ProcessSpec,
    ProductSpec,
)
from dbproc.core.text_lists import parameters_of
from dbproc.core.version import Version
from dbproc.database.dbprocessing.reading import OldDatabase, OldRow
from dbproc.database.dbprocessing.values import date_of, is_true, text_of
from dbproc.mission import paths
from dbproc.mission.formats import directory_field_problems
from dbproc.mission.ini import judging_as_there, keywords_as_there, mission_as_there
from dbproc.mission.links import links_outside, with_places
from dbproc.mission.on_disk import check_on_disk
from dbproc.mission.problems import Problem, dotted_place
from dbproc.mission.rules import check
from dbproc.mission.toml import completed
from dbproc.system.home import expanded

_NOTHING = ("", "None", "none", "NONE")


@dataclass(frozen=True, slots=True)
class OldInspector:
    """An inspector by its number, with the product that it is of."""

    product_id: int
    spec: InspectorSpec
    arguments: str | None  #: as they stand there
    is_active: bool
    is_newest: bool  #: the one of its product that a mission file has


@dataclass(frozen=True, slots=True)
class OldCode:
    """A code by its number, with the process that it is of; what is not `current` was replaced."""

    process_id: int
    spec: CodeSpec
    is_current: bool


@dataclass(slots=True)
class OldMission:
    """A mission by the numbers that it has in dbprocessing's tables, what hinders it, and what is to be known of it."""

    mission_id: int
    mission: MissionSpec
    satellites: Mapping[int, str] = field(default_factory=dict)
    instruments: Mapping[int, tuple[str, int]] = field(default_factory=dict)  #: name, and number of the satellite
    products: dict[int, ProductSpec] = field(default_factory=dict)
    instrument_of: dict[int, int] = field(default_factory=dict)
    inspectors: dict[int, OldInspector] = field(default_factory=dict)
    processes: dict[int, ProcessSpec] = field(default_factory=dict)
    codes: dict[int, OldCode] = field(default_factory=dict)
    faulty: set[int] = field(default_factory=set)  #: products of which a problem is told
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def definition(self) -> Definition:
        """What a mission file would say."""
        return Definition(
            mission=self.mission,
            products={each.name: each for each in self.products.values() if each.active},
            processes={each.name: each for each in self.processes.values()},
        )


def read_mission(old: OldDatabase, root: str | None = None, codes_from: str | None = None) -> OldMission | str:
    """The definition with all its problems; a sentence where there is not one mission.

    Parameters
    ----------
    old
        The rows.
    root
        The mission's directory; None: what is recorded.
    codes_from
        The directory of its codes and inspectors; None: what is recorded.
    """
    missions = old["mission"]
    if len(missions) != 1:
        names = ", ".join(text_of(row.mission_name) for row in missions) or "none"
        return f"a database holds one mission, this one has {len(missions)} ({names})"
    row = missions[0]
    place = expanded(text_of(root or row.rootdir))
    if not os.path.isabs(place) and root is None:
        return f"its root {text_of(row.rootdir)!r} is relative, and nobody knows to what; name it: --root DIRECTORY"
    found = OldMission(row.mission_id, _mission(row, os.path.abspath(place), codes_from))
    for step in (_groups, _products, _inspectors, _judging, _processes, _links, _codes):
        step(old, found)
    _with_places_outside(found)
    found.problems += _problems_of_former(found)
    if found.problems:
        return found
    definition = found.definition
    problems = [*check(definition), *check_on_disk(definition)]
    problems += [each for each in _unfilled(definition) if each not in problems]
    found.problems += [f"{dotted_place(each.path).label}: {each.text}{_remedy(each)}" for each in problems]
    _with_hints(found)
    return found


def _unfilled(definition: Definition) -> Iterator[Problem]:
    """Fields of directories that nothing fills in what comes from now on."""
    for product in definition.products.values():
        with suppress(FormatError):  # another check tells of it
            yield from directory_field_problems(("product", product.name, "directory"), product, by_name=True)


def _remedy(problem: Problem) -> str:
    """The option that helps, where one does."""
    if problem.path == ("mission", "root"):
        return ": --root DIRECTORY"
    is_missing = problem.text.startswith(("there is no code ", "there is no inspector "))
    return "; if it is elsewhere: --codes-from DIRECTORY" if is_missing else ""


def _mission(row: OldRow, root: str, codes_from: str | None) -> MissionSpec:
    codes = text_of(row.codedir) or "."
    inspectors = codes if row.inspectordir is None else text_of(row.inspectordir) or "."
    quarantine = text_of(row.errordir) or os.path.join(codes, "errors")
    if codes_from is not None:
        taken = os.path.abspath(expanded(codes_from))
        is_there = inspectors != codes and os.path.isdir(os.path.join(root, paths.directory(inspectors)))
        inspectors, codes = inspectors if is_there else taken, taken
    return mission_as_there(
        name=text_of(row.mission_name),
        root=root,
        incoming=paths.directory(text_of(row.incoming_dir)),
        quarantine=paths.directory(quarantine),
        codes=paths.directory(codes),
        inspectors=paths.directory(inspectors),
    )


def _groups(old: OldDatabase, found: OldMission) -> None:
    found.satellites = {row.satellite_id: text_of(row.satellite_name) for row in old["satellite"]}
    found.instruments = {
        row.instrument_id: (text_of(row.instrument_name), row.satellite_id) for row in old["instrument"]
    }
    for number, (name, satellite) in found.instruments.items():
        if satellite not in found.satellites:
            found.problems.append(f"instrument {number} ({name}) is of satellite {satellite}, which there is not")
    found.problems += _twice("satellite", found.satellites.values())
    found.problems += _twice("instrument of one satellite", found.instruments.values())


def _products(old: OldDatabase, found: OldMission) -> None:
    linked: dict[int, set[int]] = defaultdict(set)
    for row in old["instrumentproductlink"]:
        linked[row.product_id].add(row.instrument_id)
    for row in old["product"]:
        name, instrument_id = text_of(row.product_name), row.instrument_id
        if instrument_id is None and len(linked[row.product_id]) == 1:
            (instrument_id,) = linked[row.product_id]
        others = linked[row.product_id] - {instrument_id}
        if instrument_id not in found.instruments:
            found.problems.append(f"product {name} is of instrument {instrument_id}, which there is not")
            found.faulty.add(row.product_id)
            continue
        if others:
            found.problems.append(
                f"product {name} is of instrument {instrument_id}, and instrumentproductlink says {sorted(others)} "
                "besides: a product has one; take those rows out"
            )
        found.products[row.product_id] = _product(row, instrument_id, found)
        found.instrument_of[row.product_id] = instrument_id
    found.problems += _twice("product", [each.name for each in found.products.values()])


def _product(row: OldRow, instrument_id: int, found: OldMission) -> ProductSpec:
    instrument, satellite = found.instruments[instrument_id]
    product = ProductSpec(
        name=text_of(row.product_name),
        level=float(row.level or 0),
        directory=text_of(row.relative_path),
        format=text_of(row.format),
        satellite=found.satellites.get(satellite, ""),
        instrument=instrument,
        description=text_of(row.product_description),
        companion=text_of(row.format).endswith(".idx"),
    )
    return completed(product, found.mission)


def _twice(kind: str, names: Any) -> Iterator[str]:
    seen: set[object] = set()
    for name in names:
        if name in seen:
            shown = name if isinstance(name, str) else name[0]
            yield f"two have the name {shown!r}, and each {kind} has its own: give one of them another name"
        seen.add(name)


def _inspectors(old: OldDatabase, found: OldMission) -> None:
    rows: dict[int, list[OldRow]] = defaultdict(list)
    for row in old["inspector"]:
        rows[row.product].append(row)
    needed = {row.input_product_id for row in old["productprocesslink"]}
    needed |= {number for row in old["process"] if (number := _output(row)) is not None}
    with_files = {row.product_id for row in old["file"]}
    for product_id in set(rows) - found.products.keys() - found.faulty:
        found.notes.append(f"an inspector of product {product_id}, which there is not, is left out")
    for product_id, product in list(found.products.items()):
        active = [row for row in rows[product_id] if is_true(row.active_code)]
        found.problems += _problems_of_active(product, active, is_needed=product_id in needed)
        if active or product_id in needed or product_id in with_files:
            _enter_inspectors(product_id, rows[product_id], active, found)
        else:
            found.notes.append(f"product {product.name} has neither an active inspector nor files, and is left out")
            del found.products[product_id]


def _problems_of_active(product: ProductSpec, active: Sequence[OldRow], *, is_needed: bool) -> Iterator[str]:
    if len(active) > 1:
        numbers = ", ".join(str(row.inspector_id) for row in active)
        yield (
            f"product {product.name} has {len(active)} active inspectors ({numbers}), and one is asked: set "
            "active_code of the others to false"
        )
    if not active and is_needed:
        yield (
            f"product {product.name} has no active inspector, and a process takes or makes it: set active_code of one "
            "to true"
        )


def _enter_inspectors(product_id: int, rows: Sequence[OldRow], active: Sequence[OldRow], found: OldMission) -> None:
    """The inspectors of a product; one that has no active one is retired."""
    product = found.products[product_id]
    chosen = active[0] if active else max(rows, key=_version_key, default=None)
    found.products[product_id] = replace(product, active=bool(active))
    if not active:
        found.notes.append(f"product {product.name} has no active inspector: it is retired, its files stay")
    for row in rows:
        spec, is_newest = _inspector(row, product, found), row is chosen
        found.inspectors[row.inspector_id] = OldInspector(
            product_id=product_id,
            spec=spec,
            arguments=text_of(row.arguments) or None,
            is_active=is_newest and bool(active),
            is_newest=is_newest,
        )
        if is_newest:
            found.products[product_id] = replace(found.products[product_id], inspector=spec)


def _inspector(row: OldRow, product: ProductSpec, found: OldMission) -> InspectorSpec:
    text = text_of(row.arguments)
    spec = InspectorSpec(
        file=os.path.join(text_of(row.relative_path), text_of(row.filename)),
        arguments=keywords_of("" if text in _NOTHING else text),
        description=text_of(row.description),
        version=_version(row, "inspector", found),
        output_interface=int(row.output_interface_version or 1),
        written=_day(row.date_written, row, found),
    )
    return completed(replace(product, inspector=spec), found.mission).inspector


def _judging(old: OldDatabase, found: OldMission) -> None:
    """Which products are of files that say how good others are."""
    in_force = {number: product for number, product in found.products.items() if product.active}
    for number, product in in_force.items():
        judging = judging_as_there(product, in_force.values())
        if judging.quality_of:
            found.products[number] = judging
            found.notes.append(
                f"files of {product.name} say how good those of {judging.quality_of} are, which are marked so "
                "(quality_of in a mission file)"
            )


def _output(row: OldRow) -> int | None:
    return None if row.output_product in (None, "", "None") else int(row.output_product)


def _processes(old: OldDatabase, found: OldMission) -> None:
    by_id = {number: product.name for number, product in found.products.items()}
    named = {product.name: product for product in found.products.values()}
    for row in old["process"]:
        name, timebase = text_of(row.process_name), text_of(row.output_timebase)
        number = _output(row)
        if timebase in _NOTHING:
            found.problems.append(f"process {name} has no timebase: give it one (output_timebase), for example DAILY")
            continue
        if number is not None and number not in by_id:
            found.problems.append(f"process {name} makes product {number}, which there is not")
            continue
        output = None if number is None or timebase == "RUN" else by_id[number]
        found.processes[row.process_id] = ProcessSpec(
            name=name,
            timebase=timebase,
            output=output,
            inputs=(),
            keywords=keywords_as_there(timebase, output, named),
            extra_params=parameters_of(None if text_of(row.extra_params) in _NOTHING else row.extra_params),
        )
    found.problems += _twice("process", [each.name for each in found.processes.values()])


def _links(old: OldDatabase, found: OldMission) -> None:
    """The inputs of each process in the order of their products' numbers, as dbprocessing has them."""
    inputs: dict[int, list[tuple[int, InputSpec]]] = defaultdict(list)
    processes = {row.process_id for row in old["process"]}
    products = {row.product_id for row in old["product"]}
    for row in old["productprocesslink"]:
        product = found.products.get(row.input_product_id)
        if row.process_id not in found.processes or product is None:
            if row.process_id not in processes or row.input_product_id not in products:
                found.notes.append(
                    f"that process {row.process_id} takes product {row.input_product_id} is left out: one of them is "
                    "not there"
                )
            continue
        given = InputSpec(
            product=product.name,
            optional=is_true(row.optional),
            yesterday=int(row.yesterday or 0),
            tomorrow=int(row.tomorrow or 0),
        )
        inputs[row.process_id].append((row.input_product_id, given))
    for process_id, numbered in inputs.items():
        ordered = tuple(each for _, each in sorted(numbered, key=lambda item: item[0]))
        found.processes[process_id] = replace(found.processes[process_id], inputs=ordered)


def _codes(old: OldDatabase, found: OldMission) -> None:
    rows: dict[int, list[OldRow]] = defaultdict(list)
    processes = {row.process_id for row in old["process"]}
    for row in old["code"]:
        if row.process_id in found.processes:
            rows[row.process_id].append(row)
        elif row.process_id not in processes:
            found.problems.append(
                f"code {row.code_id} ({row.filename}) is of process {row.process_id}, which there is not: take its row "
                "out, or correct it"
            )
    for process_id, process in list(found.processes.items()):
        current = [row for row in rows[process_id] if is_true(row.newest_version)]
        if not current and rows[process_id]:
            current = [max(rows[process_id], key=_version_key)]
            found.notes.append(f"process {process.name} has no code in force; it makes nothing until one is released")
        for row in rows[process_id]:
            spec = _code(row, found)
            found.codes[row.code_id] = OldCode(process_id, spec, row in current)
            if found.mission.root != "/" and any(found.mission.root in word for word in spec.arguments):
                found.notes.append(
                    f"the arguments of {row.filename} (process {process.name}) have the root in them; {{ROOTDIR}} "
                    "would stand for it"
                )
        codes = tuple(each.spec for each in found.codes.values() if each.process_id == process_id and each.is_current)
        found.processes[process_id] = replace(process, codes=codes)


def _code(row: OldRow, found: OldMission) -> CodeSpec:
    arguments = text_of(row.arguments)
    return CodeSpec(
        file=paths.program(os.path.join(text_of(row.relative_path), text_of(row.filename))),
        version=_version(row, "code", found),
        output_interface=int(row.output_interface_version or 1),
        arguments=() if arguments in _NOTHING else tuple(arguments.split()),
        start=_day(row.code_start_date, row, found) or FIRST_DAY,
        stop=_day(row.code_stop_date, row, found) or LAST_DAY,
        cpu=int(row.cpu or 1),
        ram=1.0 if row.ram is None else float(row.ram),
        description=text_of(row.code_description),
        written=_day(row.date_written, row, found),
        active=is_true(row.active_code) and is_true(row.newest_version),
    )


def _version(row: OldRow, kind: str, found: OldMission) -> Version:
    parts = _parts(row)
    try:
        return Version(*parts)
    except VersionError as error:
        found.problems.append(f"{kind} {row[0]} ({text_of(row.filename)}): {error}; correct it")
        return FIRST_VERSION


def _day(value: object, row: OldRow, found: OldMission) -> dt.date | None:
    try:
        return date_of(value)
    except ValueError:
        found.problems.append(f"{text_of(row.filename)} (number {row[0]}): {value!r} is not a date; correct it")
        return None


def _parts(row: OldRow) -> tuple[int, int, int]:
    return int(row.interface_version or 0), int(row.quality_version or 0), int(row.revision_version or 0)


def _version_key(row: OldRow) -> tuple[tuple[int, int, int], int]:
    return _parts(row), int(row[0])


def _problems_of_former(found: OldMission) -> Iterator[str]:
    """What no row may hold, of codes that no mission file has any more."""
    for number, code in found.codes.items():
        if code.spec.start > code.spec.stop and not code.is_current:
            yield f"code {number} ({code.spec.file}) is valid from {code.spec.start} to {code.spec.stop}: correct that"


def _with_places_outside(found: OldMission) -> None:
    """Where links in the root lead to other disks, files of products lie there, and that is meant."""
    places = dict.fromkeys(link.place for link in links_outside(found.definition))
    if places:
        found.mission = with_places(found.mission, list(places))
        found.notes.append(
            f"directories of products lead out of the root, to {', '.join(places)}: outside in the mission file says "
            "that this is meant"
        )


def _with_hints(found: OldMission) -> None:
    """What would be said better by what dbprocessing could not say."""
    takers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for process in found.processes.values():
        required = [each.product for each in process.inputs if not each.optional]
        for other in (each.product for each in process.inputs if each.optional):
            alike = [one for one in required if _is_alike(one, other)]
            if len(alike) == 1:
                takers[alike[0], other].append(process.name)
    for (one, other), names in takers.items():
        found.notes.append(
            f"{', '.join(names)}: {one} is taken, and {other} where there is one; if one replaces the other, first_of "
            "says so in a mission file"
        )


def _is_alike(one: str, other: str) -> bool:
    """Whether two products are perhaps the same thing in two qualities: their names share most of their words."""
    words, others = (set(name.replace("-", "_").lower().split("_")) for name in (one, other))
    return len(words & others) * 2 >= max(len(words), len(others))
