#!/usr/bin/env python3
"""Convert variables of a CDF file to an IDX dataset: ``[--variable NAME]... INPUT OUTPUT.idx``.

The first axis is that of the records, with the times of DEPEND_0; the others are those of a record, with DEPEND_1 and
so on. Values are kept exactly as they are stored.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.formats import cdf
from dbproc.codes.formats.cdf_axes import axes_of
from dbproc.codes.formats.cdf_values import PREVIOUS, Variable, numbers
from dbproc.codes.formats.field_names import distinct, distinct_axes
from dbproc.codes.formats.texts import of_latin
from dbproc.codes.idx import coordinates
from dbproc.codes.idx.description import Description, Field, plain

if TYPE_CHECKING:
    from dbproc.codes.formats.plain_cdf import PlainCdf
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "cdf_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".cdf",))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert variables of a CDF file to IDX, exactly.")
    parser.add_argument("--variable", action="append", metavar="NAME", help="a variable of numbers; repeatable")
    return CONVERTER.main(parser, arguments, lambda given: {"variables": given.variable})


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[CdfSource]:
    """Open a CDF file; ``options["variables"]`` names the variables wanted, none meaning the only one of data."""
    (path,) = inputs
    with cdf.opened(path) as content:
        names = content.chosen(options.get("variables") or ())
        yield CdfSource(content, [Variable(content, name) for name in names])


class CdfSource:
    """Variables of one shape in an open CDF file, as the writer wants them."""

    def __init__(self, content: cdf.Content, variables: Sequence[Variable]) -> None:
        names = distinct([each.name for each in variables])
        self._variables = dict(zip(names, variables, strict=True))
        self._plain: PlainCdf | None = None
        self.description = _describe(content, self._variables)

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``."""
        return self._variables[field].read(box)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """The values that the library has in ``box``; it has none for records that are not in the file."""
        variable = self._variables[field]
        if self._plain is None:
            from dbproc.codes.formats.plain_cdf import PlainCdf

            self._plain = PlainCdf(variable.content.file.path)
        for run in variable.present(box[0]) if variable.kind.varies else (box[0],):
            yield from self._plain.read(variable.name, (run, *box[1:]), variable.kind.varies)


def _describe(content: cdf.Content, variables: Mapping[str, Variable]) -> Description:
    from dbproc.codes.idx.files import origins

    first = next(iter(variables.values()))
    axes = distinct_axes(list(axes_of(content, first)))
    notes = [note for each in variables.values() for note in _notes(each)]
    return Description(
        code=NAME,
        origins=origins([content.path]),
        shape=first.shape,
        axes=axes,
        fields=tuple(_field(name, each) for name, each in variables.items()),
        orientation="as the axes say: records first, then the dimensions of a record in the order they are declared",
        notes=(*notes, *coordinates.left_out(axes)),
        attributes={
            **of_latin(plain(content.cdf.globalattsget())),
            **content.told,
            "axes_without_coordinates": [axis.name for axis in axes if not axis.is_placed],
        },
    )


def _field(name: str, variable: Variable) -> Field:
    content, attributes = variable.content, variable.attributes
    time = cdf.TIMES.get(variable.kind.type)
    labels = content.strings(content.text(variable.name, "LABL_PTR_1"))
    units = content.text(variable.name, "UNITS") or ", ".join(
        content.strings(content.text(variable.name, "UNIT_PTR")) or []
    )
    return Field(
        name=name,
        variable=variable.name,
        dtype=variable.dtype.newbyteorder("=").name,
        components=variable.components,
        units=units,
        long_name=content.text(variable.name, "CATDESC") or content.text(variable.name, "FIELDNAM"),
        fills=numbers(attributes.get("FILLVAL"), variable),
        valid_min=next(iter(numbers(attributes.get("VALIDMIN"), variable)), None),
        valid_max=next(iter(numbers(attributes.get("VALIDMAX"), variable)), None),
        attributes={
            **attributes,
            "cdf_type": variable.kind.type,
            **({"labels": labels} if labels else {}),
            **({"time_type": time[0], "counts": time[2]} if time else {}),
        },
    )


def _notes(variable: Variable) -> Iterator[str]:
    absent = variable.absent()
    if absent:
        stands = "the record before" if variable.kind.sparse == PREVIOUS else "the pad value"
        there = f"{absent} of {variable.kind.records} records of {variable.name} are not in the file"
        yield f"{there}: {stands} stands for them"


if __name__ == "__main__":
    sys.exit(main())
