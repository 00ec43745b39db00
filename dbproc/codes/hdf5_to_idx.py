#!/usr/bin/env python3
"""Convert datasets of an HDF5 file to an IDX dataset: ``[--dataset PATH]... INPUT OUTPUT.idx``.

Numbers of one to five axes, in any group, behind any filter that is installed. Links, external storage and virtual
datasets are followed to files beside the source or below. Values are kept exactly as they are stored.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.formats.selection import Candidate, Candidates
from dbproc.codes.idx.description import Description, Field

if TYPE_CHECKING:
    from dbproc.codes.formats.hdf5 import Tree
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "hdf5_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".h5", ".hdf5", ".hdf", ".he5"))
ODIM_GROUPS = ("what", "where", "how")
"""Groups in which ODIM files keep attributes of what lies beside them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert datasets of an HDF5 file to IDX, exactly.")
    parser.add_argument(
        "--dataset", action="append", metavar="PATH", help="a dataset of numbers (group/name); may be repeated"
    )
    return CONVERTER.main(parser, arguments, lambda given: {"datasets": given.dataset, "memory": given.memory})


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[Hdf5Source]:
    """Open an HDF5 file.

    ``options["datasets"]`` names the datasets wanted, none meaning the only one there is; ``options["memory"]`` is
    what the conversion may take.
    """
    from dbproc.codes.formats.hdf5 import cache_size, opened

    (path,) = inputs
    names = options.get("datasets") or []
    with opened(path, cache_size(options, len(names))) as tree:
        chosen = _candidates(tree).chosen([name.strip("/") for name in names])
        yield Hdf5Source(tree, [each.name for each in chosen])


class Hdf5Source:
    """Datasets of one shape in an open HDF5 file, as the writer wants them."""

    def __init__(self, tree: Tree, paths: Sequence[str]) -> None:
        from dbproc.codes.formats.hdf5_fields import field_names

        found = {path: tree.find(path) for path in paths}
        self._tree = tree
        self._datasets = dict(zip(field_names(list(found)), found.values(), strict=True))
        self.description = _describe(tree, found)

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``, components last."""
        from dbproc.codes.formats.hdf5_fields import read

        return read(self._tree, self._datasets[field], box)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """The values that the library has in ``box``, from the file opened anew."""
        return self._tree.plain().read(self.description.named(field).variable, box)


def _candidates(tree: Tree) -> Candidates:
    """The datasets of a file, to be chosen from."""
    from dbproc.codes.formats.hdf5 import is_dataset
    from dbproc.codes.formats.hdf5_fields import candidate, candidates

    def listed() -> list[Candidate]:
        return [one for path, each in tree.entries() if is_dataset(each) for one in candidates(path, each)]

    def named(path: str) -> Candidate | None:
        try:
            found = tree.find(path)
        except KeyError:
            return None
        return candidate(path, found) if is_dataset(found) else Candidate(path, path, (), unfit="is no dataset")

    return Candidates(tree.path, "--dataset", "dataset", listed, named, difference="different shapes")


def _describe(tree: Tree, found: Mapping[str, Any]) -> Description:
    from dbproc.codes.formats import scan_positions
    from dbproc.codes.formats.hdf5 import surroundings
    from dbproc.codes.formats.hdf5_fields import axes, common, field, field_names, notes
    from dbproc.codes.formats.hdf5_storage import require_readable

    unwritten = [note for path, each in found.items() for note in require_readable(tree, each, path)]
    told = [note for path, each in found.items() for note in notes(path, each)]
    names = field_names(list(found))
    fields = [field(name, path, each) for name, (path, each) in zip(names, found.items(), strict=True)]
    first = next(iter(found.values()))
    chosen = common(tree, {path: axes(tree, path, each) for path, each in found.items()})
    positions = scan_positions.found(tree, next(iter(found)), first.shape)
    palettes = {path: palette for path, each in found.items() if (palette := _palette(tree, each))}
    return Description(
        code=NAME,
        shape=tuple(int(size) for size in first.shape),
        axes=chosen,
        fields=tuple(_odim(tree, each) for each in fields),
        orientation=_orientation(fields),
        notes=(*told, *unwritten),
        attributes={
            **surroundings(tree, list(found)),
            **_odim_groups(tree, list(found)),
            **({"palettes": palettes} if palettes else {}),
            **({"scan_positions": positions} if positions else {}),
        },
        origins=tree.origins(),
    )


def _orientation(fields: Sequence[Field]) -> str:
    """Where the first row of an HDF5 image is; of other datasets what their coordinates say."""
    from dbproc.codes.formats.hdf5 import text

    told = fields[0].attributes
    if text(told.get("CLASS")) != "IMAGE":
        return "as the coordinates say"
    return f"HDF5 image, display origin {text(told.get('DISPLAY_ORIGIN')) or 'UL'}"


def _palette(tree: Tree, dataset: Any) -> Any:
    """The palette of an indexed image, as rows of colours."""
    from dbproc.codes.formats.hdf5 import attributes, is_dataset, text
    from dbproc.codes.formats.hdf5_fields import unfit

    name = text(attributes(dataset).get("PALETTE"))
    try:
        found: Any = tree.find(name, dataset) if name.startswith("/") else None
    except KeyError:
        return None
    return found[...].tolist() if is_dataset(found) and not unfit(found) and found.size <= 4096 else None


def _odim(tree: Tree, field: Field) -> Field:
    """A field with the gain, offset, nodata and undetect of the nearest ODIM group ``what``."""
    from dbproc.codes.formats.cf import alone

    found = _what(tree, field.variable)
    gain, offset = alone(found.get("gain")), alone(found.get("offset"))
    if gain is None or offset is None or field.packed:
        return field
    fills = [alone(found.get(name)) for name in ("nodata", "undetect")]
    known = (*field.fills, *(each for each in fills if each is not None))
    return replace(field, scale_factor=gain, add_offset=offset, fills=tuple(dict.fromkeys(known)))


def _what(tree: Tree, path: str) -> dict[str, Any]:
    """The attributes of the ``what`` groups beside a dataset and above, the nearest ones winning."""
    found: dict[str, Any] = {}
    for place, told in _odim_groups(tree, [path]).items():
        found.update(told if place.endswith("/what") else {})
    return found


def _odim_groups(tree: Tree, paths: Sequence[str]) -> dict[str, Any]:
    """The attributes of ODIM's groups beside datasets and above, by their paths, the root's first."""
    from dbproc.codes.formats.hdf5 import attributes, is_group

    parts = [path.strip("/").split("/")[:-1] for path in paths]
    above = dict.fromkeys("/".join(each[:depth]) for each in parts for depth in range(len(each) + 1))
    found = {}
    for place in sorted(f"{group}/{name}".strip("/") for group in above for name in ODIM_GROUPS):
        try:
            group = tree.find(place)
        except KeyError:
            continue
        if is_group(group):
            found[f"/{place}"] = attributes(group)
    return {path: told for path, told in sorted(found.items(), key=lambda each: each[0].count("/")) if told}


if __name__ == "__main__":
    sys.exit(main())
