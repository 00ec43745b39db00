"""Finding all that is wrong with a dataset: every missing, cut or changed file and block, by name."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dbproc.codes.idx import bins, hz, idx_file, manifest, midx, packing
from dbproc.codes.idx.bins import Table
from dbproc.codes.idx.codec import unzipped
from dbproc.codes.idx.files import require_files
from dbproc.codes.idx.idx_file import IdxFile
from dbproc.codes.idx.idx_reader import read_metadata
from dbproc.codes.idx.manifest import Facts
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.written import Left, written


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong: in which file, and where it can be told in which field, timestep and block."""

    file: str  #: its name
    what: str  #: what is wrong
    field: str = ""  #: the name of the field
    block: int | None = None  #: the number of the block
    step: int | None = None  #: the number of the timestep

    def __str__(self) -> str:
        step = "" if self.step is None else f"timestep {self.step} "
        place = f"{step}field {self.field} block {self.block}: " if self.field else ""
        return f"{self.file}: {place}{self.what}"


@dataclass(frozen=True)
class Verdict:
    """What was found of a dataset."""

    path: str  #: the ``.idx``
    damages: tuple[Damage, ...]  #: all that is wrong; nothing, for a whole dataset
    listed: bool  #: whether it has a manifest, without which changed values of raw blocks cannot be told
    files: int  #: how many files were looked at
    bytes: int  #: how many bytes were looked at
    notes: tuple[str, ...] = ()  #: what could not be told

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damages


def verify(path: str | Path) -> Verdict:
    """Read all of a dataset, or of those in a MIDX file, and tell what is wrong; nothing of it is changed."""
    idx = Path(path).absolute()
    try:
        require_files([idx])
        if idx.suffix == midx.SUFFIX:
            here, elsewhere = midx.parts(idx)
            return _of_parts(idx, {each: verify(each) for each in dict.fromkeys(here.values())}, elsewhere)
    except Refusal as refusal:
        return Verdict(str(idx), (Damage(idx.name, refusal.what),), False, 0, 0)
    stored, damages = _stored(idx)
    listed = os.path.lexists(manifest.path(idx))
    if listed:
        try:
            facts = manifest.load(idx)
        except Refusal as refusal:
            damages.append(Damage(_name(manifest.path(idx), idx), refusal.what))
        else:
            return _verdict(idx, [*damages, *_compared(idx, stored, facts)], listed)
    elif _is_ours(idx):
        damages.append(Damage(_name(manifest.path(idx), idx), "the dataset's manifest is missing"))
    unknown: set[str] = set()
    notes: tuple[str, ...] = ()
    if stored is not None:
        there = written(idx, stored)
        notes = there.notes
        damages += _looked_through(idx, replace(stored, steps=there.steps), there.left, unknown)
    return _verdict(idx, damages, listed, (*_notes(stored, unknown), *notes))


def _of_parts(path: Path, found: dict[Path, Verdict], elsewhere: Sequence[str]) -> Verdict:
    """What was found of the datasets in a MIDX file that lie beside or below it."""
    places = {each: each.parent.relative_to(path.parent.resolve()) for each in found}
    damages = [
        replace(one, file=(places[each] / one.file).as_posix()) for each, v in found.items() for one in v.damages
    ]
    notes = dict.fromkeys(f"{places[each] / each.name}: {note}" for each, v in found.items() for note in v.notes)
    notes |= dict.fromkeys(f"part {name} lies elsewhere and was not looked at" for name in elsewhere)
    files, size = sum(each.files for each in found.values()), sum(each.bytes for each in found.values())
    return Verdict(str(path), tuple(damages), all(each.listed for each in found.values()), files, size, tuple(notes))


def _verdict(idx: Path, damages: list[Damage], listed: bool, notes: tuple[str, ...] = ()) -> Verdict:
    sizes = [each.stat().st_size for each in manifest.files(idx) if each.is_file()]
    return Verdict(str(idx), tuple(dict.fromkeys(damages)), listed, len(sizes), sum(sizes), notes)


def _stored(idx: Path) -> tuple[IdxFile | None, list[Damage]]:
    try:
        found = idx_file.read_any(idx)
    except Refusal as refusal:
        return None, [Damage(idx.name, refusal.what)]
    if not idx_file.is_below(found.template, found.time_template):
        what = f"its blocks lie in {found.template[:80]!r}, not beside or below it: they cannot be looked at"
        raise Refusal(idx, what, "Copy the whole dataset to one place, and write ./ for it in the (filename_template)")
    return found, []


def _is_ours(idx: Path) -> bool:
    try:
        return read_metadata(idx) is not None
    except Refusal:
        return True


def _notes(stored: IdxFile | None, unknown: set[str]) -> tuple[str, ...]:
    if stored is None:
        return ("it has no manifest that can be used: nothing can be told but this",)
    told = "without a manifest only missing, cut and undecodable blocks can be told, no changed values of raw blocks"
    codecs = [f"blocks of {each} were not decoded" for each in sorted(unknown)]
    return (told, *codecs)


def _compared(idx: Path, stored: IdxFile | None, listed: dict[str, Facts]) -> Iterator[Damage]:
    """How the files differ from the manifest."""
    places = {_name(path, idx): (step, first) for step, first, path in _bins(idx, stored)}
    for name, facts in listed.items():
        file = idx.parent / name
        what = manifest.difference(file, facts, digests=True)
        if not what:
            continue
        yield Damage(name, what)
        if stored is not None and name in places and len(facts.blocks) == _entries(stored) + 1:
            yield from _blocks(file, name, facts, stored, *places[name])
        elif stored is not None and stored.arco:
            yield from _arco_block(idx, name, what, stored)
    for file in manifest.additional(idx, listed):
        yield Damage(_name(file, idx), "it is no file of the dataset")


def _blocks(file: Path, name: str, facts: Facts, stored: IdxFile, step: int, first: int) -> Iterator[Damage]:
    """Which blocks of a bin that differs are missing, cut or changed."""
    place = step if stored.time_template else None
    told = [(stored.fields[i // stored.blocks_per_file].name, first + i % stored.blocks_per_file, place)
            for i in range(_entries(stored))]  # fmt: skip
    if not file.is_file():
        yield from (Damage(name, "missing", *each) for each, crc in zip(told, facts.blocks[1:], strict=True) if crc)
        return
    with file.open("rb") as stream:
        header = stream.read(bins.table_bytes(stored))
        if zlib.crc32(header) != facts.blocks[0]:
            yield Damage(name, "its table of blocks is not the one that was written")
            return
        found = False
        for each, entry, crc in zip(told, bins.decode_table(header), facts.blocks[1:], strict=True):
            content = os.pread(stream.fileno(), entry.size, entry.offset) if entry else b""
            if entry and len(content) < entry.size:
                yield Damage(name, "missing" if not content else f"cut to {len(content)} of {entry.size} bytes", *each)
            elif entry and zlib.crc32(content) != crc:
                yield Damage(name, "changed", *each)
            else:
                continue
            found = True
    if not found:
        yield Damage(name, "what differs lies outside of its blocks")


def _arco_block(idx: Path, name: str, what: str, stored: IdxFile) -> Iterator[Damage]:
    for step in stored.steps:
        for field, kind in enumerate(stored.fields):
            for block in hz.needed(stored):
                if _name(stored.bin(idx, step, field, block), idx) == name:
                    yield Damage(name, what, kind.name, block, step if stored.time_template else None)


def _looked_through(idx: Path, stored: IdxFile, left: Left, unknown: set[str]) -> Iterator[Damage]:
    """What can be told without a manifest."""
    wanted = list(hz.needed(stored))
    if stored.arco:
        yield from _arco_looked_through(idx, stored, wanted, unknown)
        return
    for step, first, path in stored.bins(idx):
        inside = [block for block in wanted if first <= block < first + stored.blocks_per_file]
        name = _name(path, idx)
        if inside and not path.is_file():
            yield Damage(name, "this file of the dataset is missing")
            yield from _missing(name, stored, step, inside)
        elif inside:
            try:
                table = bins.read_table(path, stored)
            except Refusal as refusal:
                yield Damage(name, refusal.what)
                continue
            yield from _decoded(path, name, stored, step, first, inside, table, left, unknown)


def _missing(name: str, stored: IdxFile, step: int, blocks: list[int]) -> Iterator[Damage]:
    place = step if stored.time_template else None
    return (Damage(name, "missing", each.name, block, place) for each in stored.fields for block in blocks)


def _decoded(
    path: Path,
    name: str,
    stored: IdxFile,
    step: int,
    first: int,
    inside: list[int],
    table: Table,
    left: Left,
    unknown: set[str],
) -> Iterator[Damage]:
    place = step if stored.time_template else None
    with path.open("rb") as stream:
        for field, kind in enumerate(stored.fields):
            for block in inside if (step, kind.name) not in left else ():
                entry = table[field * stored.blocks_per_file + block - first]
                if entry is None:
                    yield Damage(name, "missing", kind.name, block, place)
                    continue
                try:
                    content = os.pread(stream.fileno(), entry.size, entry.offset)
                    packing.undone(content, entry, stored, field, block)
                except ValueError as error:
                    yield Damage(name, str(error), kind.name, block, place)
                except LookupError:
                    unknown.add(entry.codec)


def _arco_looked_through(idx: Path, stored: IdxFile, wanted: list[int], unknown: set[str]) -> Iterator[Damage]:
    for step in stored.steps:
        place = step if stored.time_template else None
        for field, kind in enumerate(stored.fields):
            for block in wanted:
                path = stored.bin(idx, step, field, block)
                what = _arco_fault(path, stored.block_bytes(kind), kind.compression, unknown)
                if what:
                    yield Damage(_name(path, idx), what, kind.name, block, place)


def _arco_fault(path: Path, size: int, codec: str, unknown: set[str]) -> str:
    if not path.is_file():
        return "missing"
    if codec == "zip":
        try:
            unzipped(path.read_bytes(), size)
        except ValueError as error:
            return str(error)
    elif codec not in ("", "raw"):
        unknown.add(codec)
    elif path.stat().st_size != size:
        return f"it is {path.stat().st_size} bytes long, not {size}"
    return ""


def _bins(idx: Path, stored: IdxFile | None) -> list[tuple[int, int, Path]]:
    return [] if stored is None or stored.arco else stored.bins(idx)


def _entries(stored: IdxFile) -> int:
    return len(stored.fields) * stored.blocks_per_file


def _name(file: Path, idx: Path) -> str:
    return file.relative_to(idx.parent).as_posix()
