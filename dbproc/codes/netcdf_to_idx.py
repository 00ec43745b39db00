#!/usr/bin/env python3
"""Convert variables of a NetCDF file to an IDX dataset: ``[--variable NAME]... INPUT OUTPUT.idx``.

Classic, 64-bit and NetCDF-4 files, groups included; variables of one to five dimensions. Values are kept exactly as
they are stored: packed ones stay packed (scale and offset go into the metadata) unless ``--unpack`` is given, missing
ones keep their fill.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.formats.field_names import distinct
from dbproc.codes.idx.description import Description

if TYPE_CHECKING:
    from dbproc.codes.formats.plain_netcdf import PlainNetcdf
    from dbproc.codes.formats.unpacking import Unpacking
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "netcdf_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".nc", ".nc4", ".cdf"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert variables of a NetCDF file to IDX, exactly.")
    parser.add_argument(
        "--variable", action="append", metavar="NAME", help="a variable of 1 to 5 dimensions (group/name); repeatable"
    )
    parser.add_argument(
        "--unpack",
        action="store_true",
        help="store packed values as the floats they stand for, missing ones as NaN (default: as they are)",
    )
    return CONVERTER.main(parser, arguments, lambda given: {"variables": given.variable, "unpack": given.unpack})


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[NetcdfSource]:
    """Open a NetCDF file.

    ``options["variables"]`` names the variables wanted, none meaning all of data, where these have the same dimensions;
    ``options["unpack"]`` says whether packed ones are unpacked.
    """
    from dbproc.codes.formats.classic import require_sound
    from dbproc.codes.formats.netcdf import Variables, readable

    (path,) = inputs
    require_sound(path)
    with ExitStack() as stack, warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with readable(path):
            dataset = stack.enter_context(importlib.import_module("netCDF4").Dataset(path))
            dataset.set_auto_maskandscale(False)
            dataset.set_always_mask(False)
            variables = Variables(path, dataset, [str(each.message) for each in heard])
            chosen = variables.chosen(options.get("variables") or ())
            source = NetcdfSource(path, dataset, chosen, bool(options.get("unpack")))
        stack.callback(source.close)
        yield source


class NetcdfSource:
    """Variables of one shape in an open NetCDF file, as the writer wants them."""

    def __init__(self, path: Path, dataset: Any, variables: Sequence[Any], unpack: bool) -> None:
        from dbproc.codes.formats import netcdf_fields
        from dbproc.codes.formats.netcdf import path_of

        self._path, self._stack = path, ExitStack()
        self._plain: PlainNetcdf | None = None
        names = distinct([path_of(each) for each in variables])
        self._stored = {name: _Stored(path, each) for name, each in zip(names, variables, strict=True)}
        fields = {name: netcdf_fields.field(name, each.variable) for name, each in self._stored.items()}
        self._unpacking: dict[str, Unpacking] = {}
        if unpack:
            found = {name: netcdf_fields.unpacking(fields[name], each.variable) for name, each in self._stored.items()}
            self._unpacking = {name: each for name, each in found.items() if each is not None}
        fields.update((name, each.field) for name, each in self._unpacking.items())
        formulas = [f"{name} = {each.formula}" for name, each in self._unpacking.items()]
        described = replace(_describe(path, dataset, variables), fields=tuple(fields.values()))
        self.description = described.noting(*formulas)

    def read(self, field: str, box: Box) -> Values:
        """The values of a field inside ``box``."""
        from dbproc.codes.idx.values import native

        values = self._stored[field].read(box)
        return self._unpacking[field].apply(native(values)) if field in self._unpacking else values

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """The values that the library has in ``box``, from the file opened anew."""
        from dbproc.codes.formats.plain_netcdf import PlainNetcdf, plainly_unpacked
        from dbproc.codes.idx.values import native

        if self._plain is None:
            self._plain = PlainNetcdf(self._path, self._stack)
        for inside, values in self._plain.read(self.description.named(field).variable, box):
            packed = self._unpacking.get(field)
            yield inside, values if packed is None else plainly_unpacked(native(values), packed.stored, packed.dtype)

    def close(self) -> None:
        """Give back what copies took."""
        self._stack.close()
        for each in self._stored.values():
            each.close()


class _Stored:
    """The stored values of one variable, no chunk decoded again and again."""

    def __init__(self, path: Path, variable: Any) -> None:
        from dbproc.codes.formats import chunks

        self._path, self.variable = path, variable
        self._copy: Any = None
        self._chunk: tuple[int, ...] | None = None
        found = variable.chunking()
        if isinstance(found, list):
            layer = chunks.layer_bytes(variable.shape, tuple(found), variable.dtype.itemsize)
            if layer > chunks.LAYER:
                self._chunk = tuple(found)
            else:
                count = chunks.count(variable.shape, tuple(found))
                variable.set_var_chunk_cache(size=min(2 * layer, chunks.CACHE), nelems=2 * min(count, 50_000) + 1)

    def read(self, box: Box) -> Values:
        """The values inside ``box``, from a copy in the order of slabs where the chunks lie across it."""
        if self._chunk is not None and self._copy is None:
            self._copy = self._copied(self._chunk)
        return self._decoded(box) if self._copy is None else self._copy.read(box)

    def close(self) -> None:
        """Give back what a copy took."""
        if self._copy is not None:
            self._copy.close()

    def _decoded(self, box: Box) -> Values:
        import numpy as np

        values = np.asarray(self.variable[box])
        return values.view(self.variable.dtype) if values.dtype.kind == "b" else values

    def _copied(self, chunk: tuple[int, ...]) -> Any:
        from dbproc.codes.formats import array_file, chunks

        shape, dtype = self.variable.shape, self.variable.dtype.newbyteorder("=")
        steps = chunks.steps(shape, chunk, dtype.itemsize, array_file.WINDOW)
        return array_file.Copy(self._path, shape, dtype, array_file.tiles(shape, steps), self._decoded)


def _describe(path: Path, dataset: Any, variables: Sequence[Any]) -> Description:
    from dbproc.codes.formats import netcdf_fields, orientation
    from dbproc.codes.formats.netcdf import attributes_of
    from dbproc.codes.idx.coordinates import left_out
    from dbproc.codes.idx.files import origins

    axes, further = netcdf_fields.axes(variables[0]), netcdf_fields.auxiliary(variables)
    return Description(
        code=NAME,
        origins=origins([path]),
        shape=tuple(int(size) for size in variables[0].shape),
        axes=axes,
        fields=(),
        orientation=orientation.told(axes),
        notes=(*netcdf_fields.notes(path, variables), *left_out(axes), *netcdf_fields.left_out(further)),
        attributes={
            **attributes_of(dataset),
            **netcdf_fields.group_attributes(variables),
            **further,
            "axes_without_coordinates": [axis.name for axis in axes if not axis.is_placed],
        },
    )


if __name__ == "__main__":
    sys.exit(main())
