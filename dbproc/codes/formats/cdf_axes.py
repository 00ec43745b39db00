"""The axes of a CDF variable: records with their times, and the dependences of a record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbproc.codes.formats.cdf import TIMES, TYPES, Content
from dbproc.codes.formats.cdf_values import Variable, numbers
from dbproc.codes.idx import coordinates
from dbproc.codes.idx.description import UTC, UTC_ENDS, Axis, Number

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

LISTED_TIMES = 10_000
"""As many times as are written out in UTC besides; of more, the first and the last."""


def axes_of(content: Content, variable: Variable) -> Iterator[Axis]:
    """The axis of the records, then those of a record."""
    name = variable.name
    if variable.kind.varies:
        yield _record_axis(content, variable)
    for i, size in enumerate(variable.kind.dims, 1):
        depends = content.text(name, f"DEPEND_{i}")
        axis = _dependence(content, depends, size) if depends else Axis(f"dim{i}", size)
        labels = content.strings(depends) or content.strings(content.text(name, f"LABL_PTR_{i}"))
        yield replace(axis, attributes={**axis.attributes, **({"labels": labels} if labels else {})})


def _record_axis(content: Content, variable: Variable) -> Axis:
    """The axis of the records, with the times of DEPEND_0, or of THEMIS' DEPEND_TIME where that is virtual."""
    size = variable.kind.records
    depends = content.text(variable.name, "DEPEND_0")
    instead = content.text(variable.name, "DEPEND_TIME")
    if depends and not content.usable(depends) and content.usable(instead):
        axis = _dependence(content, instead, size, records=True)
        told = {**axis.attributes, "instead_of": f"{depends}, which is virtual or empty"}
        return replace(axis, standard_name="time", attributes=told)
    return _dependence(content, depends, size, records=True) if depends else Axis("record", size)


def _dependence(content: Content, name: str, size: int, records: bool = False) -> Axis:
    """The axis that a variable has the coordinates of; without them where they are not one number to an index."""
    from dbproc.codes.formats.cf import with_numbers

    if name not in content.kinds:
        return Axis(name, size, attributes={"coordinates_not_kept": "there is no variable of that name"})
    kind, attributes = content.kinds[name], with_numbers(content.attributes[name])
    axis = Axis(
        name,
        size,
        units=content.text(name, "UNITS"),
        long_name=content.text(name, "LABLAXIS") or content.text(name, "FIELDNAM"),
        attributes=attributes,
    )
    if kind.type not in TYPES:
        return axis
    why = _no_coordinates(content, name, size, records)
    if why:
        return replace(axis, attributes={**attributes, "coordinates_not_kept": why})
    return _placed(content, axis, Variable(content, name))


def _no_coordinates(content: Content, name: str, size: int, records: bool) -> str:
    """Why a variable's values are not the coordinates of an axis; empty when they are."""
    kind = content.kinds[name]
    if not content.usable(name):
        return "it is virtual or holds no values"
    if not records and kind.varies and kind.records > 1:
        return f"it varies with the record: {kind.shape}; convert it as a variable of its own"
    found = kind.shape if records or not kind.varies else kind.dims
    return "" if found == (size,) else f"its shape is {kind.shape}"


def _placed(content: Content, axis: Axis, variable: Variable) -> Axis:

    from dbproc.codes.idx.values import native, regular

    values = native(variable.whole()).reshape(axis.size, -1)
    fills = numbers(axis.attributes.get("FILLVAL"), variable)
    time = TIMES.get(variable.kind.type)
    if time is None:
        return coordinates.placed(axis, values[:, 0], fills)
    attributes = {**axis.attributes, "time_type": time[0], "counts": time[2], **_utc(content, variable, values)}
    attributes["UNITS"] = axis.units
    found = replace(axis, units=time[1], standard_name="time", attributes=attributes)
    if variable.components == 1:
        return coordinates.placed(found, values[:, 0], fills)
    whole = _picoseconds(values)
    if whole is None or len(whole) > coordinates.MOST:
        return found if whole is None else coordinates.without(found, coordinates.too_many(len(whole)))
    found = replace(found, coordinates=whole)
    return replace(found, regular=regular(found.positions()))  # type: ignore[arg-type]


def _picoseconds(values: Values) -> tuple[Number, ...] | None:
    """Seconds and picoseconds as whole picoseconds; None where a part is not whole."""
    pairs = [(float(a), float(b)) for a, b in values]
    if not all(a.is_integer() and b.is_integer() for a, b in pairs):
        return None
    return tuple(int(a) * 10**12 + int(b) for a, b in pairs)


def _utc(content: Content, variable: Variable, values: Values) -> dict[str, Any]:
    """The times in UTC, as cdflib writes them; those it cannot are left out."""
    chosen = values if len(values) <= LISTED_TIMES else values[[0, -1]]
    encode = content.cdflib.cdfepoch.encode
    found: list[str | None] = []
    for each in chosen:
        text = None
        with suppress(Exception):
            text = str(encode(complex(*each) if variable.components == 2 else each[0]))
        found.append(text)
    return {UTC if len(chosen) == len(values) else UTC_ENDS: found}
