"""What is in a NetCDF file: variables by their paths, their dimensions and attributes, and which of them hold data."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from dbproc.codes.formats import cf
from dbproc.codes.formats.selection import Candidate, Candidates
from dbproc.codes.formats.texts import of_bytes, of_latin
from dbproc.codes.idx.description import plain
from dbproc.codes.idx.refusal import Refusal

DIMENSIONS = range(1, 7)
"""How many dimensions a variable may have."""
REPLACED = "\ufffd"
"""What the library puts in the place of bytes that are no UTF-8."""


class Variables:
    """The variables of an open file by their paths, and what of them may be meant.

    Parameters
    ----------
    path
        The file.
    dataset
        The open file.
    complaints
        What the library said of variables that it cannot read.
    """

    def __init__(self, path: Path, dataset: Any, complaints: Sequence[str]) -> None:
        self._complaints = complaints
        self._all = {path_of(each): each for each in _walk(dataset)}
        self._candidates = Candidates(path, "--variable", "variable", lambda: self.listed, self._named)

    def chosen(self, names: Sequence[str]) -> list[Any]:
        """The variables that are named, or those of data where all of them have the same dimensions."""
        return [self._all[each.name] for each in self._candidates.chosen(names, together=True)]

    @cached_property
    def listed(self) -> list[Candidate]:
        """All of them, as they can be chosen."""
        attributes = {name: attributes_of(each) for name, each in self._all.items()}
        serving = {name for each in attributes.values() for name in cf.pointed(each)}
        return [self._candidate(each, serving, attributes[name]) for name, each in self._all.items()]

    def _named(self, name: str) -> Candidate | None:
        found = self._all.get(name.strip("/"))
        if found is not None:
            return self._candidate(found, set(), {})
        last = name.strip("/").split("/")[-1]
        if any(f"'{last}'" in each for each in self._complaints):
            return Candidate(name, name, None, unfit="is of an unsupported type", kind="unsupported type")
        return None

    def _candidate(self, variable: Any, serving: set[str], attributes: Mapping[str, Any]) -> Candidate:
        name, foreign = path_of(variable), foreign_kind(variable)
        serves = variable.name in serving or variable.name in variable.dimensions or _serves_by_itself(attributes)
        deep = variable.ndim not in DIMENSIONS
        kind = foreign or (f"{variable.ndim}D" if deep else "no values" if 0 in variable.shape else "")
        return Candidate(
            name,
            f"{name} {shape_of(variable)}",
            (tuple(places(variable)), variable.shape),
            unfit=_unfit(variable),
            kind="" if serves or (deep and not variable.ndim) else kind,
            serves=serves,
        )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Refuse a file with names that the library does not read."""
    try:
        yield
    except UnicodeDecodeError as error:
        what = f"names in it are not UTF-8, which is not supported: {of_bytes(error.object)!r}"
        raise Refusal(path, what, "Rename them with ncrename; hdf5_to_idx takes them where it is NetCDF-4") from error


def path_of(variable: Any) -> str:
    """The path of a variable, without a slash before it."""
    return f"{variable.group().path}/{variable.name}".strip("/").replace("//", "/")


def shape_of(variable: Any) -> str:
    """The dimensions of a variable with their sizes, for messages."""
    return f"({', '.join(f'{name}={size}' for name, size in zip(variable.dimensions, variable.shape, strict=True))})"


def places(variable: Any) -> list[tuple[str, str]]:
    """The dimensions of a variable: the group that each is of, and its name. Several may be of one name."""
    return [(each.group().path, each.name) for each in variable.get_dims()]


def found_from(group: Any, name: str) -> Any:
    """The variable of that name in a group or the nearest one above; None where there is none."""
    while group is not None:
        if name in group.variables:
            return group.variables[name]
        group = group.parent
    return None


def attributes_of(holder: Any) -> dict[str, Any]:
    """The attributes of a file, group or variable; text that is no UTF-8 is taken for Latin-1."""
    return {name: plain(_attribute(holder, name)) for name in holder.ncattrs()}


def words_of(variable: Any) -> Any:
    """The text that a variable holds, one for each index; None where it is none of text."""
    if foreign_kind(variable) != "text":
        return None
    values = variable[...]
    if variable.dtype == "S1" and variable.ndim:
        values = importlib.import_module("numpy").char.decode(_rows(values), "latin-1")
        return plain([of_latin(each) for each in values.reshape(-1)]) if values.ndim else of_latin(str(values))
    return plain(values)


def foreign_kind(variable: Any) -> str:
    """What a variable holds instead of numbers; empty when it holds these."""
    if getattr(variable, "_isvlen", False):
        return "text" if variable.dtype is str else "of variable length"
    kind = getattr(variable.dtype, "kind", "")
    return "" if kind in ("i", "u", "f") else {"S": "text", "U": "text", "V": "compound"}.get(kind, str(variable.dtype))


def _walk(group: Any) -> Iterator[Any]:
    yield from group.variables.values()
    for each in group.groups.values():
        yield from _walk(each)


def _unfit(variable: Any) -> str:
    """Why a variable cannot be converted; empty when it can."""
    if kind := foreign_kind(variable):
        return f"is {kind}, not of numbers"
    if variable.ndim not in DIMENSIONS:
        return f"is {variable.ndim}D {shape_of(variable)}; one to five dimensions are supported"
    return f"holds no values: its shape is {variable.shape}" if 0 in variable.shape else ""


def _serves_by_itself(attributes: Mapping[str, Any]) -> bool:
    """Whether a variable says of itself that it serves others: part of a mesh, an identity, a place."""
    return "cf_role" in attributes or cf.is_place(attributes)


def _attribute(holder: Any, name: str) -> Any:
    value = holder.getncattr(name)
    texts = value if isinstance(value, list) else [value]
    if not any(isinstance(each, str) and REPLACED in each for each in texts):
        return value
    told = holder.getncattr(name, encoding="latin-1")
    return of_latin(told)


def _rows(letters: Any) -> Any:
    """Letters joined along their last axis, without what fills them up."""
    import numpy as np

    whole = np.ascontiguousarray(letters)
    joined = whole.view(f"S{whole.shape[-1]}")[..., 0] if whole.size else np.zeros(whole.shape[:-1], "S1")
    return np.char.rstrip(joined)
