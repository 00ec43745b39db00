"""What a dataset is, for people and for programs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from dbproc.codes.idx import bins, hz, idx_file, manifest, midx
from dbproc.codes.idx.description import Axis, Field, Metadata, Tally, plain
from dbproc.codes.idx.files import require_files
from dbproc.codes.idx.idx_file import IdxFile
from dbproc.codes.idx.idx_reader import read_metadata
from dbproc.codes.idx.refusal import Refusal

SHOWN = 12
"""Attributes and notes that are shown as text."""


def facts(path: str | Path) -> dict[str, Any]:
    """What the ``.idx``, its metadata and the tables of its bins say; no values are read, nothing is verified."""
    idx = Path(path).absolute()
    require_files([idx])
    if idx.suffix == midx.SUFFIX:
        here, _ = midx.parts(idx)
        raise Refusal(idx, "it is a list of datasets", f"Choose one of: {', '.join(map(str, here.values()))}")
    stored, metadata = idx_file.read_any(idx), read_metadata(idx)
    files = manifest.files(idx)
    packed = sum(each.stat().st_size for each in files if each != idx)
    return {
        "path": str(idx),
        "code": metadata.description.code if metadata else "",
        "shape": list(metadata.description.shape if metadata else stored.shape),
        "stored_shape": list(stored.shape),
        "axes": [_axis(each) for each in _axes(stored, metadata)],
        "fields": [_field(each, metadata) for each in _fields(stored, metadata)],
        **idx_file.facts(stored),
        "codecs": _codecs(idx, stored),
        "values_bytes": stored.raw_bytes,
        "stored_bytes": packed,
        "ratio": round(stored.raw_bytes / packed, 3) if packed else None,
        "files": len(files),
        "manifest": manifest.path(idx).is_file(),
        "orientation": metadata.description.orientation if metadata else "unknown",
        "origins": [plain(vars(each)) for each in metadata.description.origins] if metadata else [],
        "notes": list(metadata.description.notes) if metadata else [],
        "attributes": plain(metadata.description.attributes) if metadata else {},
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The same as text."""
    by = f" by {found['code']}" if found["code"] else ", made elsewhere"
    told = [
        f"{found['path']}{by}",
        f"shape {_times(found['shape'])}, {found['layout']}, orientation: {found['orientation']}",
    ]
    if found["timesteps"]:
        told.append(f"{len(found['timesteps'])} timesteps, {found['timesteps'][0]} to {found['timesteps'][-1]}")
    told += [f"axis {each['name']}: {_axis_line(each)}" for each in found["axes"]]
    told += [f"field {each['name']}: {_field_line(each)}" for each in found["fields"]]
    codecs = ", ".join(f"{name} ({count} blocks)" for name, count in found["codecs"].items())
    ratio = "" if found["ratio"] is None else f", ratio {found['ratio']:g}"
    told.append(f"codec: {codecs}; {found['values_bytes']} bytes of values in {found['stored_bytes']}{ratio}")
    told.append(f"{found['files']} files, {'a' if found['manifest'] else 'no'} manifest")
    told += [f"from {each['name']}, {each['bytes']} bytes, SHA-256 {each['sha256']}" for each in found["origins"]]
    told += _some([f"note: {each}" for each in found["notes"]], "notes")
    return told + _some([f"{name}: {value}" for name, value in found["attributes"].items()], "attributes")


def _some(told: list[str], what: str) -> list[str]:
    """The first lines, and how many there are more."""
    more = [f"… and {len(told) - SHOWN} more {what} (--json lists all)"] if len(told) > SHOWN else []
    return told[:SHOWN] + more


def _axes(stored: IdxFile, metadata: Metadata | None) -> tuple[Axis, ...]:
    if metadata is not None:
        return metadata.description.axes
    return tuple(Axis(f"axis{i}", size) for i, size in enumerate(stored.shape))


def _fields(stored: IdxFile, metadata: Metadata | None) -> tuple[Field, ...]:
    if metadata is not None:
        return metadata.description.fields
    return tuple(Field(each.name, each.name, each.dtype, each.components) for each in stored.fields)


def _axis(axis: Axis) -> dict[str, Any]:
    positions = axis.positions()
    ends = None if positions is None else plain([positions[0], positions[-1]])
    step = None if axis.regular is None else axis.regular.step
    return {
        "name": axis.name,
        "size": axis.size,
        "units": axis.units,
        "range": ends,
        "step": step,
        "utc": axis.ends_in_utc(),
    }


def _field(field: Field, metadata: Metadata | None) -> dict[str, Any]:
    tally = (metadata.tallies if metadata else {}).get(field.name, Tally())
    counts = {name: count for name, count in plain(vars(tally)).items() if name not in ("minimum", "maximum")}
    packed = {"scale_factor": field.scale_factor, "add_offset": field.add_offset} if field.packed else {}
    return {
        "name": field.name,
        "dtype": field.openvisus_dtype,
        "units": field.units,
        "long_name": field.long_name,
        "minimum": tally.minimum,
        "maximum": tally.maximum,
        "counts": counts if any(counts.values()) else None,
        **packed,
    }


def _codecs(idx: Path, stored: IdxFile) -> dict[str, int]:
    """How many blocks there are of each codec."""
    found: Counter[str] = Counter()
    if stored.arco:
        needed = len(list(hz.needed(stored))) * len(stored.steps)
        for each in stored.fields:
            found[each.compression or "raw"] += needed
        return dict(found)
    for _, _, path in stored.bins(idx):
        if path.is_file():
            try:
                found.update(entry.codec for entry in bins.read_table(path, stored) if entry)
            except Refusal:
                found["unreadable"] += 1
    return dict(sorted(found.items()))


def _axis_line(axis: dict[str, Any]) -> str:
    if axis["range"] is None:
        return str(axis["size"])
    step = "" if axis["step"] is None else f" by {axis['step']:g}"
    if axis["utc"]:
        return f"{axis['size']}, {axis['utc'][0]} to {axis['utc'][1]} UTC"
    return f"{axis['size']}, {axis['range'][0]} to {axis['range'][1]} {axis['units']}".rstrip() + step


def _field_line(field: dict[str, Any]) -> str:
    words = [field["dtype"], field["units"], f"({field['long_name']})" if field["long_name"] else ""]
    told = " ".join(word for word in words if word)
    if field["minimum"] is not None:
        told += f", {field['minimum']} to {field['maximum']}"
    if field["counts"]:
        told += "; " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in field["counts"].items())
    if "scale_factor" in field:
        told += "; " + ", ".join(
            f"{word} {field[key]}"
            for word, key in (("scale", "scale_factor"), ("offset", "add_offset"))
            if field[key] is not None
        )
    return told


def _times(shape: list[int]) -> str:
    return "x".join(str(size) for size in shape)
