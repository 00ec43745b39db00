"""What of an HDF5 file is converted: of NeXus the default signal and its equals, else the largest dataset and those.

Four axes of which the last two are those of a detector are probe data: where the file has the positions of the scan, or
they are named, they are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.automatic.arrays import Array, by_size, groups, told
from dbproc.codes.automatic.choice import NO_ARRAY, Choice
from dbproc.codes.idx.description import plain
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.formats.hdf5 import Tree

SERVING = ("DIMENSION_SCALE", "PALETTE")
"""Classes of datasets which only serve other ones."""
PROBE_AXES = 4
XS = re.compile(
    r"(?:x_?s|x|sam(?:ple)?_?x|pos(?:ition)?_?x|x_?pos(?:itions?)?|scan_?x|x_?coords?|fast_?axis)", re.IGNORECASE
)
YS = re.compile(
    r"(?:y_?s|y|z_?s|z|sam(?:ple)?_?[yz]|pos(?:ition)?_?[yz]|[yz]_?pos(?:itions?)?|scan_?[yz]|[yz]_?coords?|slow_?axis)",
    re.IGNORECASE,
)
"""How datasets with the positions of a scan are called."""
MOST_POSITIONS = 100_000
NETCDF = ("_NCProperties", "_nc3_strict")
"""Attributes of the root that NetCDF-4 leaves; CF's name of its conventions is another sign."""


def choices(files: Sequence[Path], wanted: Sequence[str] = (), xs: str = "", ys: str = "") -> Iterator[Choice]:
    """The ways to convert HDF5 files, by what the first holds.

    Parameters
    ----------
    files
        The files.
    wanted
        Datasets by path.
    xs, ys
        Datasets with the positions of a scan.
    """
    from dbproc.codes.formats.hdf5 import opened

    with opened(files[0]) as tree:
        found = list(_choices(tree, files, wanted, xs, ys))
    yield from found


def is_netcdf(path: Path) -> bool:
    """Whether an HDF5 file was written by a library of NetCDF."""
    import h5py

    from dbproc.codes.formats.hdf5 import attributes, text

    with suppress(Exception), h5py.File(path, "r") as file:
        if any(h5py.h5a.exists(file.id, name.encode()) for name in NETCDF):
            return True
        if text(attributes(file).get("Conventions")).upper().startswith("CF-"):
            return True
        return any(_is_dimension(file, name) for name in list(file)[:100])
    return False


def _is_dimension(file: Any, name: str) -> bool:
    import h5py

    if file.id.links.get_info(name.encode("utf-8", "surrogateescape")).type != h5py.h5l.TYPE_HARD:
        return False
    found = h5py.h5o.open(file.id, name.encode("utf-8", "surrogateescape"))
    return isinstance(found, h5py.h5d.DatasetID) and h5py.h5a.exists(found, b"_Netcdf4Dimid")


def _choices(tree: Tree, files: Sequence[Path], wanted: Sequence[str], xs: str, ys: str) -> Iterator[Choice]:
    arrays, others = _listed(tree)
    shapes = {each.name: each.shape for each in arrays}
    if wanted:
        names = [name.strip("/") for name in wanted]
        choice = Choice("hdf5_to_idx", tuple(files), ({"datasets": names},), "datasets")
        yield _placed(tree, choice, names[0], shapes.get(names[0], ()), xs, ys)
        return
    yield from _of_nexus(tree, files, arrays, xs, ys)
    if not arrays:
        what = NO_ARRAY if not others else f"it holds no array that is supported: {', '.join(others[:8])}"
        raise Refusal(tree.path, what, "There is nothing to convert")
    for chosen, left in groups(arrays, by_size):
        names = [each.name for each in chosen]
        beside = (*told([each for each in left if each.rank >= 0]), *others)
        choice = Choice("hdf5_to_idx", tuple(files), ({"datasets": names},), "datasets", left_out=beside)
        yield _placed(tree, choice, names[0], chosen[0].shape, xs, ys)


def _listed(tree: Tree) -> tuple[list[Array], list[str]]:
    """The datasets that can be converted, and in words those that cannot."""
    from dbproc.codes.formats.hdf5 import attributes, is_dataset, text
    from dbproc.codes.formats.hdf5_fields import form, unfit

    arrays, others = [], []
    for path, each in tree.entries():
        if not is_dataset(each):
            continue
        name = path.strip("/")
        why = _tried(lambda each=each: unfit(each))
        if why:
            if each.shape:
                others.append(f"{name} ({why})")
            continue
        serves = _tried(lambda each=each: text(attributes(each).get("CLASS"))) in SERVING
        shape = tuple(int(size) for size in each.shape)
        arrays.append(Array(name, shape, form(each).components > 1 and form(each).components, -1 if serves else 0))
    return arrays, others


def _tried(look: Any) -> str:
    """What is told, or that it cannot be."""
    try:
        return str(look())
    except Exception as error:  # what one dataset has that the library does not read must not hide the others
        return f"it cannot be read: {type(error).__name__}: {error}"


def _of_nexus(tree: Tree, files: Sequence[Path], arrays: Sequence[Array], xs: str, ys: str) -> Iterator[Choice]:
    """The default signal with those of its group that have its shape; of several data the largest."""
    shapes = {each.name: each.shape for each in arrays}
    data = _data(tree, shapes)
    signals = {path: (signal, shapes.get(f"{path}/{signal}".strip("/"), ())) for path, signal in data.items()}
    for path, (signal, shape) in signals.items():
        beside = [each.name for each in arrays if each.name.rpartition("/")[0] == path and each.shape == shape]
        names = [signal, *(name.rpartition("/")[2] for name in beside if name.rpartition("/")[2] != signal)]
        options: dict[str, Any] = {"data": path, "signals": names}
        if len(shape) > 1:
            options["timesteps"] = "" if len(shape) < PROBE_AXES else "none"
        used = {f"{path}/{name}".strip("/") for name in names}
        left = told([each for each in arrays if each.name not in used and each.rank >= 0])
        choice = Choice("nexus_to_idx", tuple(files), (options,), "signals", left_out=left)
        yield _placed(tree, choice, f"{path}/{signal}".strip("/"), shape, xs, ys)


def _data(tree: Tree, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """Groups of data and their signals: the default one first, then the largest."""
    from dbproc.codes.formats import nexus
    from dbproc.codes.formats.hdf5 import attributes, is_group, text

    found: dict[str, str] = {}
    with suppress(Refusal, KeyError):
        default = nexus.default_data(tree)
        found[default.path] = default.signal
    groups_of_data = [
        path.strip("/")
        for path, each in tree.entries()
        if is_group(each) and _tried(lambda each=each: text(attributes(each).get("NX_class"))) == "NXdata"
    ]
    others: dict[str, str] = {}
    for path in groups_of_data:
        with suppress(Refusal, KeyError):
            others[path] = nexus.default_data(tree, path).signal
    size = {path: by_size(Array(path, shapes.get(f"{path}/{signal}", ()))) for path, signal in others.items()}
    for path in sorted(others, key=lambda each: size[each], reverse=True):
        found.setdefault(path, others[path])
    return {path: signal for path, signal in found.items() if shapes.get(f"{path}/{signal}".strip("/"))}


def _placed(tree: Tree, choice: Choice, name: str, shape: tuple[int, ...], xs: str, ys: str) -> Choice:
    """A choice with the positions of its scan, where it has four axes and there are some."""
    if len(shape) != PROBE_AXES and not (xs or ys):
        return choice
    places = {
        "xs": _positions(tree, xs, XS, name, shape, 1),
        "ys": _positions(tree, ys, YS, name, shape, 0),
    }
    kept = {key: value for key, value in places.items() if value}
    if not kept:
        return choice
    return replace(choice, places={"scan_positions": kept}, why=(*choice.why, _words(kept)))


def _positions(
    tree: Tree, wanted: str, pattern: re.Pattern[str], name: str, shape: tuple[int, ...], axis: int
) -> dict[str, Any]:
    """The positions of a scan along one axis, or at each of its points: the named dataset, or one that fits."""
    from dbproc.codes.formats.hdf5 import attributes, text
    from dbproc.codes.formats.hdf5_fields import read
    from dbproc.codes.idx.slabs import whole

    path = wanted.strip("/") if wanted else _fitting(tree, pattern, name, shape, axis)
    if not path:
        return {}
    try:
        found: Any = tree.find(path)
    except KeyError:
        raise Refusal(tree.path, f"it has no dataset {path!r} for positions", "Name one with --xs and --ys") from None
    fits = getattr(found, "shape", None) in ((shape[axis],), tuple(shape[:2]), (shape[0] * shape[1],))
    if not fits or found.size > MOST_POSITIONS:
        what = f"the positions {path} have the shape {getattr(found, 'shape', None)}, the scan {tuple(shape[:2])}"
        raise Refusal(tree.path, what, "Name others with --xs and --ys")
    return {
        "dataset": path,
        "units": text(attributes(found).get("units")),
        "shape": list(found.shape),
        "values": plain(read(tree, found, whole(found.shape))),
    }


def _fitting(tree: Tree, pattern: re.Pattern[str], name: str, shape: tuple[int, ...], axis: int) -> str:
    """The path of the positions that fit best: those beside the data first, then by their depth."""
    from dbproc.codes.formats.hdf5 import is_dataset

    forms = (tuple(shape[:2]), (shape[axis],))
    found = [
        path.strip("/")
        for path, each in tree.entries()
        if is_dataset(each)
        and pattern.fullmatch(path.rpartition("/")[2])
        and each.shape in forms
        and each.dtype.kind in "iuf"
    ]
    home = name.rpartition("/")[0]
    return min(found, key=lambda path: (path.rpartition("/")[0] != home, path.count("/"), path), default="")


def _words(kept: Mapping[str, Mapping[str, Any]]) -> str:
    told = " and ".join(f"{key} of {value['dataset']} {tuple(value['shape'])}" for key, value in kept.items())
    return f"scan positions: {told}"
