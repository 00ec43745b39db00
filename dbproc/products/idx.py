"""The inspector for IDX datasets (OpenVisus): a text header ``x.idx`` and its companion directory ``x/``."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from dbproc.codes.idx import idx_file
from dbproc.core.filenames import NameFacts
from dbproc.products.base import Facts, Inspector, NotMine, days, reading
from dbproc.products.times import as_text, cf_times, clock, is_cf

_LARGEST_HEADER = 64 << 20
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
        with reading("IDX"):
            idx_file.require_own(Path(path), header["filename_template"], header.get("time", ""))
        _require_blocks(path)
        start, stop = _times(header.get("metadata", ""))
        return Facts(start=start, stop=stop, tolerance=days(tolerance))


def _header(path: str) -> dict[str, str]:
    """The sections of the header, by their names."""
    if os.stat(path).st_size > _LARGEST_HEADER:
        raise NotMine(f"is not an IDX header: it is larger than {_LARGEST_HEADER >> 20} MiB")
    with open(path, "rb") as stream:
        raw = stream.read()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotMine("is not an IDX header: it is not text") from error
    if text.partition("\n")[0].strip() != "(version)":
        raise NotMine("is not an IDX header: it does not begin with '(version)'")
    try:
        sections = {name: " ".join(lines) for name, lines in idx_file.read_sections(text).items()}
    except ValueError as error:
        raise NotMine(f"is damaged: {error}") from error
    missing = [name for name in _NEEDED if name not in sections]
    if missing:
        raise NotMine(f"is cut off or damaged: its header has no ({missing[0]})")
    return sections


def _require_box(text: str) -> None:
    try:
        bounds = [int(word) for word in text.split()]
    except ValueError as error:
        raise NotMine(f"is damaged: its box is {text.strip()[:80]!r}") from error
    pairs = list(zip(bounds[::2], bounds[1::2], strict=False))
    if not bounds or len(bounds) % 2 or any(low > high for low, high in pairs):
        raise NotMine(f"is damaged: its box is {text.strip()[:80]!r}")


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


def _ends(axis: Mapping[str, Any]) -> tuple[float, float] | None:
    """The first and the last coordinate of an axis: of those that are listed, or by start and step."""
    coordinates, line = axis.get("coordinates"), axis.get("regular")
    if isinstance(coordinates, list) and coordinates:
        attributes = axis.get("attributes")
        packing = attributes if isinstance(attributes, Mapping) else {}
        scale, offset = float(packing.get("scale_factor", 1)), float(packing.get("add_offset", 0))
        return float(coordinates[0]) * scale + offset, float(coordinates[-1]) * scale + offset
    if coordinates is None and isinstance(line, Mapping):
        start, step = float(line["start"]), float(line["step"])
        return start, start + step * (int(axis["size"]) - 1)
    return None


def _axis_times(axis: Mapping[str, Any]) -> tuple[dt.datetime, dt.datetime] | None:
    """The first and the last time of an axis as dbproc's converters describe it."""
    units = as_text(axis.get("units"))
    try:
        ends = _ends(axis)
    except (TypeError, ValueError, OverflowError, KeyError):
        return None
    if not is_cf(units) or ends is None:
        return None
    first, last = sorted(ends)
    if not (isfinite(first) and isfinite(last)):
        return None
    return cf_times((first, last), units, as_text(axis.get("calendar")))
