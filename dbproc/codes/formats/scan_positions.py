"""Where the points of a scan lie: positions that a file of probe data has beside its four axes, scan and detector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbproc.codes.formats.hdf5 import is_dataset, one_attribute, text
from dbproc.codes.formats.hdf5_fields import read
from dbproc.codes.idx.description import plain
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import whole

if TYPE_CHECKING:
    from dbproc.codes.formats.hdf5 import Tree

AXES = 4
"""Axes of probe data: two of the scan, two of the detector."""
MOST = 100_000
"""Positions that are kept."""
NAMES = {
    "xs": r"x_?s|x|sam(?:ple)?_?x|pos(?:ition)?_?x|x_?pos(?:itions?)?|scan_?x|x_?coords?|fast_?axis",
    "ys": r"y_?s|y|z_?s|z|sam(?:ple)?_?[yz]|pos(?:ition)?_?[yz]|[yz]_?pos(?:itions?)?|scan_?[yz]"
    r"|[yz]_?coords?|slow_?axis",
}
"""How datasets with the positions of a scan are called."""
ALONG = {"xs": 1, "ys": 0}
"""The axis that positions are along, where they have but one."""


def found(tree: Tree, name: str, shape: tuple[int, ...], wanted: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The positions of a scan along x and y: ``xs`` and ``ys``, each with its dataset, units, shape and values.

    Parameters
    ----------
    tree
        The file.
    name, shape
        The path and the shape of the probe data.
    wanted
        The datasets by path where they are told; else those are taken that are called so and fit.
    """
    told = wanted or {}
    if len(shape) != AXES and not any(told.values()):
        return {}
    positions = {key: _positions(tree, told.get(key, ""), key, name, shape) for key in NAMES}
    return {key: each for key, each in positions.items() if each}


def _positions(tree: Tree, wanted: str, key: str, name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """The positions along x or y, for an index of the scan or for each of its points."""
    path = wanted.strip("/") or _fitting(tree, key, name, shape)
    if not path:
        return {}
    try:
        dataset: Any = tree.find(path)
    except KeyError:
        raise Refusal(tree.path, f"it has no dataset {path!r} for positions", "Name another one") from None
    forms = _forms(key, shape)
    if getattr(dataset, "shape", None) not in forms or dataset.size > MOST:
        what = f"the positions {path} have the shape {getattr(dataset, 'shape', None)}, the scan {shape[:2]}"
        raise Refusal(tree.path, what, "Name others")
    values = plain(read(tree, dataset, whole(dataset.shape)))
    units = text(one_attribute(dataset, "units"))
    return {"dataset": path, "units": units, "shape": list(dataset.shape), "values": values}


def _fitting(tree: Tree, key: str, name: str, shape: tuple[int, ...]) -> str:
    """The path of the positions that fit best: those beside the data first, then by their depth."""
    forms, home = _forms(key, shape), name.strip("/").rpartition("/")[0]
    paths = [
        path.strip("/")
        for path, each in tree.entries()
        if re.fullmatch(NAMES[key], path.rpartition("/")[2], re.IGNORECASE) and _fits(each, forms)
    ]
    return min(paths, key=lambda path: (path.rpartition("/")[0] != home, path.count("/"), path), default="")


def _forms(key: str, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The shapes that positions may have: for each row or column of a scan, or for each of its points."""
    points = (shape[0],) if len(shape) < AXES else (shape[0] * shape[1],)
    return shape[:2], (shape[ALONG[key]],), points


def _fits(each: Any, forms: tuple[tuple[int, ...], ...]) -> bool:
    try:
        return is_dataset(each) and each.shape in forms and each.dtype.kind in "iuf" and each.size <= MOST
    except (TypeError, ValueError):  # of a type that is not read
        return False
