#!/usr/bin/env python3
"""Take an IDX dataset that was made elsewhere: ``[--part NAME] INPUT.idx OUTPUT.idx``.

Every block is checked, the values are copied, and the copy has what datasets of converters have: metadata, a manifest,
packed blocks. Of a MIDX file one part is taken.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.conversion.rows import as_found
from dbproc.codes.formats.selection import Candidate, Candidates
from dbproc.codes.idx import idx_file, manifest, midx, slabs
from dbproc.codes.idx.description import Axis, Description, Field, Metadata, Origin, Regular
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.written import Written, written

if TYPE_CHECKING:
    from dbproc.codes.idx.blocks import Blocks
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "idx_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".idx", ".midx"), companions=True)
MISSING = ("refuse", "zero")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Check and copy an IDX dataset that was made elsewhere, exactly.")
    parser.add_argument("--part", metavar="NAME", help="the dataset that is meant of those in a .midx")
    parser.add_argument(
        "--missing",
        choices=MISSING,
        default=MISSING[0],
        help="what to do about blocks that were never written: refuse them (default), or take them as zeros",
    )
    return CONVERTER.main(parser, arguments, lambda given: {"part": given.part, "missing": given.missing})


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[IdxSource]:
    """Open a dataset; ``options["part"]`` names one in a MIDX file, ``options["missing"]`` is one of MISSING."""
    (path,) = inputs
    yield IdxSource(_part(path, options["part"]) if path.suffix == midx.SUFFIX else path, options["missing"])


class IdxSource:
    """An existing dataset of which every block is there, as the writer wants it.

    Parameters
    ----------
    path
        The ``.idx``.
    missing
        ``zero`` when blocks may be missing; they count as zeros.
    """

    def __init__(self, path: Path, missing: str) -> None:
        from dbproc.codes.formats.plain_idx import PlainIdx
        from dbproc.codes.idx.blocks import Blocks
        from dbproc.codes.idx.idx_reader import read_metadata

        self._blocks = Blocks(path)
        metadata = read_metadata(path)
        stored = _layout(path)
        there = written(path, stored) if stored is not None and metadata is None else None
        notes = _checked(path, self._blocks, there, missing, is_known=stored is not None)
        self._steps = there.steps if there else self._blocks.layout.steps
        found = _foreign(path, self._blocks, self._steps) if metadata is None else _own(path, metadata)
        self._stored = metadata.stored_shape if metadata else self._blocks.layout.shape
        self._turned = metadata.turned if metadata else ()
        self.description = found.noting(*notes)
        steps = self._steps if self.description.timesteps else None
        self._plain = None if stored is None else PlainIdx(path, stored, steps, self._turned)

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``."""
        import numpy as np

        has_steps = bool(self.description.timesteps)
        spatial = box[1:] if has_steps else box
        inside = slabs.turned(spatial[len(spatial) - len(self._stored) :], self._stored, self._turned) or (slice(0, 1),)
        steps = self._steps[box[0]] if has_steps else self._steps
        values = np.stack([np.flip(self._blocks.read(field, inside, step), self._turned) for step in steps])
        components = values.shape[1 + len(inside) :]
        return values.reshape(*(part.stop - part.start for part in box), *components)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """The values of a field inside ``box`` out of its blocks, which :meth:`read` has OpenVisus look for.

        Nothing where the layout is one of older programs.
        """
        return iter(()) if self._plain is None else self._plain.read(field, box)


def _part(path: Path, wanted: str | None) -> Path:
    """The dataset that is meant in a MIDX file."""
    urls = midx.urls(path)
    candidates = {name: Candidate(name, name, ()) for name in urls}
    found = Candidates(path, "--part", "dataset", lambda: list(candidates.values()), candidates.get)
    (chosen,) = found.chosen([] if wanted is None else [wanted])
    return midx.place(path, urls[chosen.name])


def _checked(path: Path, blocks: Blocks, there: Written | None, missing: str, *, is_known: bool) -> tuple[str, ...]:
    """Refuse a dataset with damaged blocks, or missing ones unless they may be; returns what is to be noted."""
    from dbproc.codes.idx.verification import verify

    if not is_known:
        absent = blocks.absent(there)
    else:
        damages = verify(path).damages
        absent = [str(each) for each in damages if each.field and each.what == "missing"]
        files = {each.file for each in damages if each.field and each.what == "missing"}
        others = [each for each in damages if str(each) not in absent and each.file not in files]
        if others:
            more = f", and {len(others) - 1} more" if len(others) > 1 else ""
            raise Refusal(path, f"it is damaged: {others[0]}{more}", "Get it again from where it came")
    if absent and (missing != "zero" or manifest.path(path).is_file()):
        what = f"{len(absent)} of its blocks are missing, first {absent[0]}"
        raise Refusal(path, what, "If they were never written, --missing zero takes them as zeros")
    notes = there.notes if there else ()
    return (*notes, f"{len(absent)} blocks were never written and are zeros") if absent else notes


def _layout(path: Path) -> idx_file.IdxFile | None:
    """Where its blocks lie; None where only OpenVisus knows."""
    try:
        return idx_file.read(path)
    except Refusal:
        return None


def _own(path: Path, metadata: Metadata) -> Description:
    """The description of a dataset that a converter made: it stays what it is."""
    return as_found(metadata.description).noting(f"copied from {path.name}")


def _foreign(path: Path, blocks: Blocks, steps: tuple[int, ...]) -> Description:
    """What a dataset that was made elsewhere tells of itself."""
    layout = blocks.layout
    has_steps = len(steps) > 1
    axes = _axes(blocks)
    if has_steps:
        axes = (Axis("timestep", len(steps), coordinates=steps), *axes)
    return Description(
        code=NAME,
        origins=tuple(_origins(path)),
        shape=tuple(each.size for each in axes),
        axes=axes,
        fields=tuple(_field(path, name, dtype) for name, dtype in layout.fields),
        orientation="as in the dataset it was copied from",
        attributes={"idx": path.read_text(errors="replace")},
        timesteps="timestep" if has_steps else "",
    )


def _axes(blocks: Blocks) -> tuple[Axis, ...]:
    """The axes, slowest first, with the coordinates that the physical box gives them."""
    sizes = tuple(reversed(blocks.layout.shape))
    names = (
        blocks.axis_names
        if len(blocks.axis_names) == len(sizes)
        else tuple(f"axis{i}" for i in reversed(range(len(sizes))))
    )
    axes = []
    for name, size, edges in zip(names, sizes, blocks.bounds, strict=True):
        low, high = edges
        line = Regular(low, (high - low) / size)
        if edges == (0.0, float(size)) or not line.step > 0:
            axes.append(Axis(name, size))
        else:
            axes.append(Axis(name, size, coordinates=tuple(low + line.step * i for i in range(size)), regular=line))
    return tuple(reversed(axes))


def _field(path: Path, name: str, dtype: str) -> Field:
    parts = idx_file.DTYPE.fullmatch(dtype)
    if parts is None:
        raise Refusal(path, f"field {name!r} is of type {dtype}", "Supported are whole numbers and floats")
    field = Field(re.sub(r"[^A-Za-z0-9_.-]", "_", name), name, parts[1], int(parts[2] or 1))
    if field.name != name:
        raise Refusal(path, f"field {name!r} has characters that a field's name cannot have", "Rename it in the .idx")
    return field


def _origins(path: Path) -> Iterator[Origin]:
    """The ``.idx`` and its files of blocks."""
    for each in manifest.files(path):
        yield replace(Origin(each.relative_to(path.parent).as_posix(), each.stat().st_size), path=each)


if __name__ == "__main__":
    sys.exit(main())
