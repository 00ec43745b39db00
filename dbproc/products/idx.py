"""The inspector for IDX datasets (OpenVisus): a text header ``x.idx`` and its companion directory ``x/``."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from dbproc.core.filenames import NameFacts
from dbproc.products.base import Facts, Inspector, NotMine, days
from dbproc.products.times import as_text, cf_times, clock, is_cf

_LARGEST_HEADER = 64 << 20
_BESIDE = ("./", "$(CurrentFileDirectory)/")  # anything else is below the reader's working directory, or absolute
_NEEDED = ("version", "box", "fields", "bits", "filename_template")


class IdxInspector(Inspector):
    """Reads the header as text and sees that blocks lie in the companion directory; does not load OpenVisus.

    Times are those of an axis with CF units, or the attributes ``time_coverage_start`` and ``time_coverage_end``, in
    the JSON of the header's ``(metadata)``; else the name's.
    """

    def inspect(self, path: str, name: NameFacts, *, tolerance: str = "1") -> Facts:
        """See that header and blocks are there."""
        header = _header(path)
        _require_box(header["box"])
        if not header["fields"].strip():
            raise NotMine("is damaged: its header names no field")
        _require_own_blocks(path, header)
        _require_blocks(path)
        start, stop = _times(header.get("metadata", ""))
        return Facts(start=start, stop=stop, tolerance=days(tolerance))


def _header(path: str) -> dict[str, str]:
    """The sections of the header; a section is ``(name)`` on a line of its own and the lines after it."""
    if os.stat(path).st_size > _LARGEST_HEADER:
        raise NotMine(f"is no IDX header: it is larger than {_LARGEST_HEADER >> 20} MiB")
    with open(path, "rb") as stream:
        raw = stream.read()
    try:
        lines = raw.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise NotMine("is no IDX header: it is not text") from error
    if not lines or lines[0].strip() != "(version)":
        raise NotMine("is no IDX header: it does not begin with '(version)'")
    sections = dict(_sections(lines))
    missing = [name for name in _NEEDED if name not in sections]
    if missing:
        raise NotMine(f"is cut off or damaged: its header has no ({missing[0]})")
    return sections


def _sections(lines: list[str]) -> Iterator[tuple[str, str]]:
    name, content = "", list[str]()
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("(") and stripped.endswith(")"):
            yield name, "\n".join(content)
            name, content = stripped[1:-1], []
        else:
            content.append(line)
    yield name, "\n".join(content)


def _require_box(text: str) -> None:
    try:
        bounds = [int(word) for word in text.split()]
    except ValueError as error:
        raise NotMine(f"is damaged: its box is {text.strip()[:80]!r}") from error
    pairs = list(zip(bounds[::2], bounds[1::2], strict=False))
    if not bounds or len(bounds) % 2 or any(low > high for low, high in pairs):
        raise NotMine(f"is damaged: its box is {text.strip()[:80]!r}")


def _require_own_blocks(path: str, header: Mapping[str, str]) -> None:
    """See that the header sends readers to the companion directory, and nowhere else."""
    companion = os.path.splitext(os.path.basename(path))[0]
    template = header["filename_template"].strip()
    places = [template.removeprefix(each).split("/") for each in _BESIDE if template.startswith(each)]
    if not any(first == companion and rest and ".." not in rest for first, *rest in places):
        raise NotMine(f"its blocks lie in {template[:80]!r}, not in its companion directory {companion!r}")
    times = header.get("time", "").replace("/", " / ").split()
    if ".." in times:
        raise NotMine(f"its blocks lie in {' '.join(times)[:80]!r}, not in its companion directory {companion!r}")


def _require_blocks(path: str) -> None:
    companion = os.path.splitext(path)[0]
    if not os.path.isdir(companion):
        raise NotMine(f"its companion directory {os.path.basename(companion)!r} is not beside it")
    for directory, _, names in os.walk(companion):
        if any(os.path.getsize(os.path.join(directory, each)) for each in names):
            return
    raise NotMine(f"its companion directory {os.path.basename(companion)!r} holds no data")


def _times(metadata: str) -> tuple[dt.datetime | None, dt.datetime | None]:
    try:
        content = json.loads(metadata)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(content, Mapping):
        return None, None
    axes = content.get("axes")
    for axis in axes if isinstance(axes, list) else ():
        times = _axis_times(axis) if isinstance(axis, Mapping) else None
        if times is not None:
            return times
    attributes = content.get("attributes")
    holder = attributes if isinstance(attributes, Mapping) else content
    start, stop = (clock(as_text(holder.get(f"time_coverage_{each}", ""))) for each in ("start", "end"))
    return start, stop


def _axis_times(axis: Mapping[str, Any]) -> tuple[dt.datetime, dt.datetime] | None:
    """The first and the last time of an axis as dbproc's converters describe it."""
    units, coordinates = as_text(axis.get("units")), axis.get("coordinates")
    if not is_cf(units) or not isinstance(coordinates, list) or not coordinates:
        return None
    attributes = axis.get("attributes")
    packing = attributes if isinstance(attributes, Mapping) else {}
    try:
        scale, offset = float(packing.get("scale_factor", 1)), float(packing.get("add_offset", 0))
        first, last = sorted(float(coordinates[end]) * scale + offset for end in (0, -1))
    except (TypeError, ValueError, OverflowError):
        return None
    if not (isfinite(first) and isfinite(last)):
        return None
    return cf_times((first, last), units, as_text(axis.get("calendar")))
