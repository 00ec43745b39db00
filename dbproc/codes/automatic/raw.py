"""What files of bare values are: numpy's arrays by their headers, others by the shape and type in their names."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dbproc.codes.automatic import names
from dbproc.codes.automatic.choice import NO_ARRAY, Choice
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

PROGRAM = "raw_to_idx"
NUMPY = b"\x93NUMPY"
LONGEST = 1 << 20
"""The longest header of a numpy array that is read."""


def choices(files: Sequence[Path]) -> Iterator[Choice]:
    """The way to convert files of bare values."""
    with files[0].open("rb") as stream:
        is_numpy = stream.read(len(NUMPY)) == NUMPY
    options, left = _options_of(files, is_numpy)
    files = list(options)
    if len(files) > 1 and is_numpy and not names.are_numbered([path.name for path in files]):
        openings = tuple({**each, "name": path.stem} for path, each in options.items())
        yield Choice(PROGRAM, tuple(files), openings, sets=tuple((path,) for path in files), left_out=left)
        return
    sizes = [sum(path.stat().st_size for path in files if options[path] == each) for each in options.values()]
    usual = list(options.values())[sizes.index(max(sizes))]
    kept = [path for path in files if options[path] == usual]
    others = tuple(f"{path.name}: it has another shape or type" for path in files if path not in kept)
    yield Choice(PROGRAM, tuple(kept), (usual,), left_out=(*others, *left))


def _options_of(files: Sequence[Path], is_numpy: bool) -> tuple[dict[Path, dict[str, Any]], tuple[str, ...]]:
    """The options for each file, and of those for which there are none why; refused where there are for none."""
    found: dict[Path, dict[str, Any]] = {}
    left: list[Refusal] = []
    for path in files:
        try:
            found[path] = _header(path) if is_numpy else _named(path)
        except Refusal as refusal:
            left.append(refusal)
    if not found:
        raise left[0]
    return found, tuple(f"{Path(each.where).name}: {each.what}" for each in left)


def is_told(path: Path) -> bool:
    """Whether a file's name tells what raw values it holds."""
    return names.raw(path.name, path.stat().st_size) is not None


def _named(path: Path) -> dict[str, Any]:
    found = names.raw(path.name, path.stat().st_size)
    if found is None:
        what = "its kind is not known by its first bytes, and its name tells no shape and type that agree with its size"
        raise Refusal(path, what, "Name it like volume_512x512x100_uint16.raw, or use --converter raw_to_idx")
    return _options(found.shape, found.dtype, "C", 0)


def _header(path: Path) -> dict[str, Any]:
    """The options that a numpy array's header stands for."""
    import numpy as np

    with path.open("rb") as stream:
        major = stream.read(8)[6]
        width = 2 if major == 1 else 4
        length = int.from_bytes(stream.read(width), "little")
        text = stream.read(min(length, LONGEST)).decode("latin-1")
    try:
        found = ast.literal_eval(text.strip())
        shape, descr = tuple(found["shape"]), found["descr"]
        dtype = np.dtype(descr) if isinstance(descr, str) else None
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise Refusal(path, f"it is damaged, its header cannot be read: {error}", GET_AGAIN) from error
    if not shape or 0 in shape:
        raise Refusal(path, NO_ARRAY, "There is nothing to convert")
    components = 2 if dtype is not None and dtype.kind == "c" else 1
    if dtype is None or dtype.kind not in "biufc" or dtype.itemsize // components > 8:
        what = f"it holds no array that is supported: its values are {descr}"
        raise Refusal(path, what, "There is nothing to convert")
    plain = "u1" if dtype.kind == "b" else f"{dtype.str[0]}f{dtype.itemsize // 2}" if components == 2 else dtype.str
    order = "F" if found.get("fortran_order") else "C"
    return {**_options(shape, plain, order, 8 + width + length), "components": components}


def _options(shape: Sequence[int], dtype: str, order: str, offset: int) -> dict[str, Any]:
    return {
        "shape": list(shape),
        "dtype": dtype,
        "order": order,
        "offset": offset,
        "components": 1,
        "axes": None,
        "axis_units": None,
        "name": "data",
        "units": "",
        "fill": None,
    }
