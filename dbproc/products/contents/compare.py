"""Holds two files against each other.

``python -m dbproc.products.contents.compare KIND OLD NEW [companions]`` prints one JSON object.

``netcdf`` and ``hdf5`` compare what is in the files: groups, dimensions, types, shapes, values, attributes, whatever
the storage (compression, chunks, order of bytes). The attributes of the file itself that tell when, where and by whom
it was written do not count (:data:`NOT_CONTENTS`). ``bytes`` compares every byte. With ``companions`` the
directories of their stems are compared, too, byte by byte. The exit status is 0 for every answer.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from dbproc.codes.idx.slabs import plan
from dbproc.core.filenames import companion_of
from dbproc.products.contents.trees import Tree, Unreadable, Variable, hdf5_tree, netcdf_tree
from dbproc.products.contents.values import differing, is_equal

NOT_CONTENTS = frozenset(
    (
        *("history", "user", "username", "host", "hostname", "uuid", "tracking_id"),
        *("_ncproperties", "hdf5_version", "h5py_version"),
        *("created", "created_at", "created_by", "date_created", "time_created", "creation_date", "creation_time"),
        *("modified", "last_modified", "date_modified", "modification_date", "modification_time"),
        *("date_issued", "date_metadata_modified", "file_time", "file_update_time"),
        *("generated", "generated_on", "generation_date", "generation_time"),
        *("production_date", "production_time", "production_datetime", "processing_date", "processing_time"),
    )
)
"""Global attributes that tell when, where and by whom a file was written, in small letters."""

BUDGET = 32 << 20
"""Bytes of each of the two pieces that are compared at a time."""

MOST = 500
"""Differences that are told one by one."""

_CHUNK = 1 << 20
_TREES = {"netcdf": netcdf_tree, "hdf5": hdf5_tree}

Difference = dict[str, Any]


def compare(kind: str, old: str, new: str, budget: int = BUDGET, *, companion: bool = False) -> dict[str, Any]:
    """How the contents of two files differ, read in pieces of at most `budget` bytes, where a row fits into them.

    ``same``; ``differences``, each with ``name`` and ``what``, and for values ``values``, ``differing`` and
    ``largest``; ``more``: how many are not listed.
    """
    found = list(_differences(kind, old, new, budget, companion=companion))
    return {"same": not found, "differences": found[:MOST], "more": max(0, len(found) - MOST)}


def _differences(kind: str, old: str, new: str, budget: int, *, companion: bool) -> Iterator[Difference]:
    if kind in _TREES:
        with _TREES[kind](old) as one, _TREES[kind](new) as other:
            yield from _compare_trees(one, other, budget)
    else:
        yield from _compare_bytes(os.path.basename(new), old, new)
    if companion:
        yield from _compare_companions(companion_of(old), companion_of(new))


def _compare_trees(old: Tree, new: Tree, budget: int) -> Iterator[Difference]:
    for why in dict.fromkeys((*old.unreadable, *new.unreadable)):
        yield {"name": "/", "what": f"cannot be compared: {why}"}
    yield from _compare_others(old.others, new.others)
    for path in _all(old.groups, new.groups):
        yield from _compare_groups(path, old.groups.get(path), new.groups.get(path))
    for path in _all(old.variables, new.variables):
        one, other = old.variables.get(path), new.variables.get(path)
        if one is None or other is None:
            yield {"name": path, "what": "added" if one is None else "removed"}
        else:
            yield from _compare_variables(path, one, other, budget)


def _compare_others(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    for name in _all(old, new):
        if old.get(name) != new.get(name):
            yield {"name": name, "what": _change(old.get(name), new.get(name))}


def _compare_groups(path: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[Difference]:
    if old is None or new is None:
        yield {"name": path, "what": "group added" if old is None else "group removed"}
        return
    words = [text for name, text in _attribute_changes(old, new) if path != "/" or name.lower() not in NOT_CONTENTS]
    if words:
        yield {"name": path, "what": "; ".join(words)}


def _compare_variables(path: str, old: Variable, new: Variable, budget: int) -> Iterator[Difference]:
    words: list[str] = []
    facts: Difference = {}
    for what in ("type", "dimensions", "shape"):
        before, after = getattr(old, what), getattr(new, what)
        if before != after:
            words.append(f"{what} {_shown(before)} → {_shown(after)}")
    if old.shape != new.shape:
        facts = {"old_shape": list(old.shape), "new_shape": list(new.shape)}
    elif why := old.unreadable or new.unreadable:
        words.append(f"values cannot be compared: {why}")
    else:
        count, largest = _compare_values(old, new, budget)
        if count:
            facts = {"values": math.prod(old.shape), "differing": count, "largest": _told(largest)}
            most = "" if largest is None else f", by {facts['largest']} at most"
            words.append(f"{count} of {facts['values']} values differ{most}")
    words += [text for _, text in _attribute_changes(old.attributes, new.attributes)]
    if words:
        yield {"name": path, "what": "; ".join(words), **facts}


def _compare_values(old: Variable, new: Variable, budget: int) -> tuple[int, float | None]:
    """How many values differ, and the largest difference, read in pieces of at most `budget` bytes."""
    import numpy as np

    count, largest = 0, None
    if math.prod(old.shape) == 0:
        return 0, None
    sample = max(old.sample_bytes, new.sample_bytes)
    for box in plan(old.shape, sample, budget) if old.shape else [()]:
        some, most = differing(_array(np, old.read(box)), _array(np, new.read(box)))
        count += some
        if most is not None:
            largest = most if largest is None else max(largest, most)
    return count, largest


def _array(np: Any, value: Any) -> Any:
    """The value as an array; a text or a list of variable length that stands alone is one item."""
    if isinstance(value, np.ndarray | np.generic) and not isinstance(value, np.str_ | np.bytes_):
        return np.asarray(value)
    single = np.empty((), object)
    single[()] = value
    return single


def _attribute_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _all(old, new):
        if name not in old or name not in new:
            yield name, f"attribute {name} {'added' if name not in old else 'removed'}"
        elif unreadable := next((each for each in (old[name], new[name]) if isinstance(each, Unreadable)), None):
            yield name, f"attribute {name} cannot be compared: {unreadable.why}"
        elif not is_equal(old[name], new[name]):
            yield name, f"attribute {name} {_change(old[name], new[name])}"


def _compare_bytes(name: str, old: str, new: str) -> Iterator[Difference]:
    sizes = os.path.getsize(old), os.path.getsize(new)
    place = _first_difference(old, new)
    if place is not None:
        words = [] if sizes[0] == sizes[1] else [f"size {sizes[0]} → {sizes[1]} bytes"]
        yield {"name": name, "what": "; ".join([*words, f"first difference at byte {place}"])}


def _first_difference(old: str, new: str) -> int | None:
    """The position of the first byte that differs; where the shorter one ends, if all before is equal."""
    offset = 0
    with open(old, "rb") as one, open(new, "rb") as other:
        while True:
            a, b = one.read(_CHUNK), other.read(_CHUNK)
            if a != b:
                pairs = enumerate(zip_longest(a, b))
                return offset + next(position for position, (x, y) in pairs if x != y)
            if not a:
                return None
            offset += len(a)


def _compare_companions(old: str, new: str) -> Iterator[Difference]:
    before, after = _members(old), _members(new)
    for name in _all(before, after):
        if name not in before or name not in after:
            yield {"name": name, "what": "member added" if name not in before else "member removed"}
        else:
            yield from _compare_bytes(name, before[name], after[name])


def _members(companion: str) -> dict[str, str]:
    """The files of a companion directory by their path in it; none where there is no such directory."""
    paths = (os.path.join(place, name) for place, _, names in os.walk(companion) for name in names)
    return {os.path.relpath(path, companion): path for path in sorted(paths)}


def _all(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of both in the order of the old one."""
    return list(dict.fromkeys((*old, *new)))


def _change(old: object, new: object) -> str:
    if old is None or new is None:
        return f"{_shown(new)} added" if old is None else f"{_shown(old)} removed"
    return f"{_shown(old)} → {_shown(new)}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(str, value))})"
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def _told(largest: float | None) -> float | str | None:
    """A number for JSON, which knows no infinity."""
    return "infinity" if largest is not None and math.isinf(largest) else largest


def main(arguments: Sequence[str]) -> None:
    """Compare, and print the answer."""
    kind, old, new, *companions = arguments
    try:
        answer = compare(kind, old, new, companion=bool(companions))
    except MemoryError:
        answer = {"same": False, "differences": [], "problem": "it needs more memory than a comparison may take"}
    except Exception as error:
        answer = {"same": False, "differences": [], "problem": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
