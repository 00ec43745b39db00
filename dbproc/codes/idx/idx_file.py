"""The text of an ``.idx`` file, as far as it says where which block lies. Pure but for :func:`read`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from dbproc.codes.idx.description import Number
from dbproc.codes.idx.refusal import Refusal

DTYPE = re.compile(r"(u?int(?:8|16|32|64)|float(?:16|32|64))(?:\[(\d+)\])?")
BESIDE = ("./", "$(CurrentFileDirectory)/")
"""How a template of filenames says that they lie beside the ``.idx``. Without it they are meant so, too, unless they
are absolute; but OpenVisus seeks them below its working directory.
"""
TEMPLATE = re.compile(r"[^%]*/(%0[1-9]x/)*%0[1-9]x\.bin")
TIMES = re.compile(r"[^%/.]*%0?\d*d[^%/]*/?")
FIRST_FIELD = re.compile(r"^\s*\+?\s*(\S+)\s+(\S+)(.*)$")


@dataclass(frozen=True)
class StoredField:
    """A field: ``dtype`` in numpy's words, and the codec that its blocks are said to have, empty for none.

    ``in_rows`` says whether samples of blocks are in rows, not in Z order, where the blocks do not say so themselves.
    """

    name: str
    dtype: str
    components: int
    compression: str
    in_rows: bool = True

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample, all components."""
        return int(re.sub(r"\D", "", self.dtype)) // 8 * self.components


@dataclass(frozen=True)
class IdxFile:
    """What decides where blocks lie.

    Parameters
    ----------
    box
        Start and stop for each axis, quickest first.
    bitmask
        The axis of each bit of a sample's address, most significant first.
    bits_per_block, blocks_per_file
        Two to the power of the first is the samples in a block.
    template, time_template
        Of the paths of bins; ``time_template`` is empty where there are no timesteps.
    steps
        The timesteps; ``(0,)`` where there are none.
    arco
        Bytes of a block in the layout of one file for each block; 0 for the layout with many in a file.
    """

    box: tuple[tuple[int, int], ...]
    fields: tuple[StoredField, ...]
    bitmask: tuple[int, ...]
    bits_per_block: int
    blocks_per_file: int
    template: str
    time_template: str
    steps: tuple[int, ...]
    arco: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes, slowest first."""
        return tuple(stop - start for start, stop in reversed(self.box))

    @property
    def blocks(self) -> int:
        """How many blocks a field has at one timestep, those in the padding included."""
        return 1 << max(0, len(self.bitmask) - self.bits_per_block)

    def block_bytes(self, field: StoredField) -> int:
        """Bytes of a raw block."""
        return field.sample_bytes << self.bits_per_block

    @property
    def raw_bytes(self) -> int:
        """Bytes of all values without padding."""
        return prod(self.shape) * len(self.steps) * sum(each.sample_bytes for each in self.fields)

    def bin(self, idx: Path, step: int, field: int, block: int) -> Path:
        """The file that holds a block."""
        directory, _, _ = plain(self.template).partition("%")
        if self.arco:
            digits = f"{block:016x}"
            place = "/".join(digits[i : i + 4] for i in range(0, 16, 4))
            return idx.parent / directory / str(step) / self.fields[field].name / f"{place}.bin"
        time = self.time_template % step if self.time_template else ""
        return idx.parent / f"{directory}{time}{self._name(block // self.blocks_per_file * self.blocks_per_file)}"

    def bins(self, idx: Path) -> list[tuple[int, int, Path]]:
        """Every bin there may be in the layout with many blocks in a file: timestep, first block, path."""
        firsts = range(0, self.blocks, self.blocks_per_file)
        return [(step, first, self.bin(idx, step, 0, first)) for step in self.steps for first in firsts]

    def _name(self, first: int) -> str:
        """The name of a bin, with directories: the digits of its first block, in pieces as long as the template says.

        The pieces are counted from the last; where digits are left over, directories of the first one's length follow.
        """
        widths = [int(each) for each in re.findall(r"%0(\d)x", self.template)]
        digits, pieces = f"{first:x}", list[str]()
        while digits or len(pieces) < len(widths):
            width = widths[max(0, len(widths) - 1 - len(pieces))]
            pieces.insert(0, digits[-width:].zfill(width))
            digits = digits[:-width]
        return "/".join(pieces) + ".bin"


def plain(template: str) -> str:
    """A template of filenames without the words that say that they lie beside the ``.idx``."""
    return next((template.removeprefix(each) for each in BESIDE if template.startswith(each)), template)


def read(idx: Path) -> IdxFile:
    """What the ``.idx`` says of a dataset whose blocks lie in the directory of its name.

    Raises
    ------
    Refusal
        When it is not as OpenVisus 2.2.149 writes it, saying what is not.
    """
    found = read_any(idx)
    require_own(idx, found.template, found.time_template)
    return found


def read_any(idx: Path) -> IdxFile:
    """The same wherever its blocks lie."""
    try:
        text = idx.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _refusal(idx, "it is not text") from error
    try:
        found = parse(text)
    except (ValueError, KeyError, IndexError, TypeError, StopIteration) as error:
        raise _refusal(idx, f"it is not an .idx of version 6 as OpenVisus writes it: {error}") from error
    return found


def require_own(idx: Path, template: str, times: str) -> None:
    """Refuse a dataset whose blocks lie elsewhere than in the directory of its name beside it.

    Parameters
    ----------
    idx
        The ``.idx``.
    template
        Its template of filenames.
    times
        Its template of timesteps, or all that it says of them.
    """
    first, *rest = plain(template).split("/")
    if first != idx.stem or not rest or not is_below(template, times):
        told = f"{template[:80]} {times[:80]}".strip()
        what = f"its blocks lie in {told!r}, not in its companion directory {idx.stem!r}"
        raise Refusal(idx, what, "Put them there, and mend the (filename_template)")


def is_below(template: str, times: str) -> bool:
    """Whether blocks lie beside the ``.idx`` or below that place."""
    paths = (plain(template), *times.split())
    return not any(path.startswith("/") or ".." in path.split("/") for path in paths)


def parse(text: str) -> IdxFile:
    """The same from its text; raises ValueError and KeyError."""
    sections = read_sections(text)
    if sections["version"] != ["6"]:
        raise ValueError(f"version {' '.join(sections['version'])}")
    if sections.get("interleave block", ["0"]) != ["0"]:
        raise ValueError("interleaved blocks")
    box = _box(sections["box"][0], _one(sections, "bits"))
    template = _one(sections, "filename_template")
    if not TEMPLATE.fullmatch(template):
        raise ValueError(f"filename template {template!r}")
    time_template, steps = _times(" ".join(sections.get("time", [])))
    found = IdxFile(
        box=box,
        fields=tuple(_field(line) for line in sections["fields"]),
        bitmask=_bitmask(_one(sections, "bits"), len(box)),
        bits_per_block=int(_one(sections, "bitsperblock")),
        blocks_per_file=int(_one(sections, "blocksperfile")),
        template=template,
        time_template=time_template,
        steps=steps,
        arco=int(sections.get("arco", ["0"])[0]),
    )
    if not found.fields or min(found.shape) < 1 or found.bits_per_block < 0 or found.blocks_per_file < 1:
        raise ValueError("it describes no data")
    return found


def with_compression(text: str, codecs: Mapping[str, str]) -> str:
    """The text with a ``default_compression`` for the fields named: what OpenVisus decodes zfp and arco blocks by."""
    return _with(text, {name: {"default_compression": codec} for name, codec in codecs.items()})


def with_ranges(text: str, ranges: Mapping[str, tuple[Number, Number]]) -> str:
    """The text with the least and the greatest value of the fields named: what viewers begin to span colours with."""
    return _with(text, {name: {"min": str(low), "max": str(high)} for name, (low, high) in ranges.items()})


def _with(text: str, told: Mapping[str, Mapping[str, str]]) -> str:
    """The text with other words behind the fields named."""
    lines, inside = text.split("\n"), False
    for i, line in enumerate(lines):
        if line.startswith("("):
            inside = line == "(fields)"
        elif inside and (parts := FIRST_FIELD.match(line)) and parts[1] in told:
            plus, rest = "+ " if line.startswith("+") else "", parts[3]
            for key in told[parts[1]]:
                rest = re.sub(rf" *\b{key}\([^)]*\)", "", rest)
            words = " ".join(f"{key}({value})" for key, value in told[parts[1]].items())
            lines[i] = f"{plus}{parts[1]} {parts[2]} {words}{rest}"
    return "\n".join(lines)


def read_sections(text: str) -> dict[str, list[str]]:
    """The sections, each ``(name)`` on a line of its own and the lines after it; raises ValueError for two of a name.

    Lines end and begin where they do for OpenVisus: other characters that Python takes for blanks belong to them.
    """
    found: dict[str, list[str]] = {}
    name = ""
    for line in (each.strip(" \t") for each in re.split(r"[\r\n]", text)):
        if line.startswith("("):
            name = line.removeprefix("(").removesuffix(")")
            if name in found:
                raise ValueError(f"({name}) stands twice in it")
            found[name] = []
        elif name and line:
            found[name].append(line)
    return found


def _one(sections: Mapping[str, list[str]], name: str) -> str:
    (line,) = sections[name]
    return line


def _box(text: str, bitmask: str) -> tuple[tuple[int, int], ...]:
    """The box, but for axes of one index at its end that the bitmask does not know: older programs tell of five."""
    limits = [int(word) for word in text.split()]
    box = [(limits[i], limits[i + 1] + 1) for i in range(0, len(limits), 2)]
    while len(box) > 1 and box[-1] == (0, 1) and str(len(box) - 1) not in bitmask:
        box.pop()
    return tuple(box)


def _field(line: str) -> StoredField:
    parts = FIRST_FIELD.match(line)
    dtype = DTYPE.fullmatch(parts[2]) if parts else None
    if parts is None or dtype is None:
        raise ValueError(f"field {line!r}: supported are whole numbers and floats")
    compression = re.search(r"default_compression\(([^)]*)\)", parts[3])
    layout = re.search(r"default_layout\(([^)]*)\)", parts[3])
    in_rows = layout is None or layout[1] in ("", "row_major", "0")
    return StoredField(parts[1], dtype[1], int(dtype[2] or 1), compression[1] if compression else "", in_rows)


def _bitmask(text: str, axes: int) -> tuple[int, ...]:
    bits = tuple(int(each) for each in text.removeprefix("V"))
    if not text.startswith("V") or any(each >= axes for each in bits):
        raise ValueError(f"bitmask {text!r}")
    return bits


def _times(text: str) -> tuple[str, tuple[int, ...]]:
    """Template and steps of ``0 2 t%04d/`` or ``t%04d/ (3,3,1) (10,20,5)``."""
    if not text:
        return "", (0,)
    plain = re.fullmatch(r"(-?\d+) (-?\d+) (\S+)", text)
    listed = re.fullmatch(r"(\S+)((?: *\(-?\d+,-?\d+,\d+\))+)", text)
    if plain:
        template, steps = plain[3], tuple(range(int(plain[1]), int(plain[2]) + 1))
    elif listed:
        ranges = [[int(word) for word in part.split(",")] for part in re.findall(r"\(([^)]*)\)", listed[2])]
        template, steps = listed[1], tuple(step for a, b, by in ranges for step in range(a, b + 1, by))
    else:
        raise ValueError(f"timesteps {text!r}")
    if not TIMES.fullmatch(template) or not steps:
        raise ValueError(f"time template {template!r}")
    return template, tuple(dict.fromkeys(steps))


def _refusal(idx: Path, what: str) -> Refusal:
    return Refusal(idx, what, "It is damaged, or of another program")


def facts(idx: IdxFile) -> dict[str, Any]:
    """What is of interest to people."""
    return {
        "layout": "arco" if idx.arco else "modvisus",
        "block_samples": 1 << idx.bits_per_block,
        "timesteps": list(idx.steps) if idx.time_template else [],
    }
