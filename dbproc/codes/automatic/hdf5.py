"""What of an HDF5 file is converted: of NeXus the default signal and its equals, else the largest dataset and those.

Four axes of which the last two are those of a detector are probe data: where the file has the positions of the scan, or
they are named, they are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.automatic.arrays import Array, Arrays, by_size, groups, told
from dbproc.codes.automatic.choice import Choice
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.formats.hdf5 import Tree
    from dbproc.codes.formats.nexus import Data

PROBE_AXES, SCAN_AXES = 4, 3
"""Axes of probe data, and how many at least positions can be given for: a scan whose points follow one another."""
NETCDF = ("_NCProperties", "_nc3_strict")
"""Attributes of the root that NetCDF-4 leaves; CF's name of its conventions is another sign."""


def choices(
    files: Sequence[Path], wanted: Sequence[str] = (), xs: str = "", ys: str = "", is_scan: bool = False
) -> Iterator[Choice]:
    """The ways to convert HDF5 files, by what the first holds.

    Parameters
    ----------
    files
        The files.
    wanted
        Datasets by path.
    xs, ys
        Datasets with the positions of a scan.
    is_scan
        Whether probe data are looked for first, as they are where there are positions.
    """
    from dbproc.codes.formats.hdf5 import opened

    with opened(files[0]) as tree:
        found = list(_choices(tree, files, wanted, xs, ys, bool(is_scan or xs or ys)))
    if (xs or ys) and not found[0].places:
        what = f"what is converted has less than {SCAN_AXES} axes: it is no scan, which could have positions"
        raise Refusal(files[0], what, "Leave out --xs and --ys")
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
        return any(_is_dimension(file, name) for name in list(file)[:100] if isinstance(name, str))
    return False


def _is_dimension(file: Any, name: str) -> bool:
    import h5py

    if file.id.links.get_info(name.encode("utf-8", "surrogateescape")).type != h5py.h5l.TYPE_HARD:
        return False
    found = h5py.h5o.open(file.id, name.encode("utf-8", "surrogateescape"))
    return isinstance(found, h5py.h5d.DatasetID) and h5py.h5a.exists(found, b"_Netcdf4Dimid")


def _choices(
    tree: Tree, files: Sequence[Path], wanted: Sequence[str], xs: str, ys: str, is_scan: bool
) -> Iterator[Choice]:
    arrays, others = _listed(tree)
    shapes = {each.name: each.shape for each in arrays}
    way = Arrays("hdf5_to_idx", "datasets", _listed_of, by_size)
    if wanted:
        names = [name.strip("/") for name in wanted]
        yield _placed(tree, way.of(files, names), names[0], shapes.get(names[0], ()), xs, ys)
        return
    probes = [each for each in arrays if len(each.shape) == PROBE_AXES and each.rank >= 0] if is_scan else []
    if probes:
        yield from _of_nexus(tree, files, arrays, xs, ys, PROBE_AXES)
        for chosen, _ in groups(probes, by_size):
            names = [each.name for each in chosen]
            left = (*told([each for each in arrays if each.rank >= 0 and each not in chosen]), *others)
            yield _placed(tree, way.of(files, names).leaving(*left), names[0], chosen[0].shape, xs, ys)
    yield from _of_nexus(tree, files, arrays, xs, ys)
    for choice in way.best(files, arrays, others):
        names = choice.openings[0]["datasets"]
        above = {name.rpartition("/")[0] for name in names}
        left = tuple(each for each in choice.left_out if each.partition(" (")[0] not in above)
        choice = replace(choice, left_out=left)
        yield choice if choice.sets else _placed(tree, choice, names[0], shapes[names[0]], xs, ys)


def _listed_of(path: Path) -> tuple[list[Array], list[str]]:
    from dbproc.codes.formats.hdf5 import opened

    with opened(path) as tree:
        return _listed(tree)


def _listed(tree: Tree) -> tuple[list[Array], list[str]]:
    """The datasets that can be converted, and in words those that cannot."""
    from dbproc.codes.formats.hdf5 import is_dataset
    from dbproc.codes.formats.hdf5_fields import candidates

    arrays, others = [], []
    for path, each in tree.entries():
        for found in candidates(path, each) if is_dataset(each) else ():
            if found.unfit:
                others += [f"{found.name} ({found.kind})"] if found.kind else []
            else:
                shape = tuple(int(size) for size in each.shape)
                is_map = found.name != path.strip("/") and len(shape) > 1
                arrays.append(Array(found.name, shape, rank=-1 if found.serves and not is_map else 0))
    return arrays, others


def _tried(look: Any) -> str:
    """What is told, or that it cannot be."""
    try:
        return str(look())
    except Exception as error:  # what one dataset has that the library does not read must not hide the others
        return f"it cannot be read: {type(error).__name__}: {error}"


def _of_nexus(
    tree: Tree, files: Sequence[Path], arrays: Sequence[Array], xs: str, ys: str, least: int = 0
) -> Iterator[Choice]:
    """The default signal with those of its group that have its shape; of several data the largest.

    Only those that have ``least`` axes.
    """
    from dbproc.codes.formats import nexus
    from dbproc.codes.formats.hdf5 import name_of

    for data, shapes in _data(tree):
        signal, shape, path = data.signal, shapes[data.signal], data.path
        if len(shape) < least:
            continue
        axes = nexus.axis_names(tree, data)
        beside = [name for name, each in shapes.items() if each == shape and name != signal and name not in axes]
        names = [signal, *beside]
        options: dict[str, Any] = {"data": path, "signals": names}
        if len(shape) > 1:
            options["timesteps"] = "" if len(shape) < PROBE_AXES else "none"
        used = {f"{path}/{name}".strip("/") for name in names}
        used |= {name_of(tree.find(name)).strip("/") for name in used}
        left = told([each for each in arrays if each.name not in used and each.rank >= 0])
        choice = Choice("nexus_to_idx", tuple(files), (options,), "signals", left_out=left)
        yield _placed(tree, choice, f"{path}/{signal}".strip("/"), shape, xs, ys)


def _data(tree: Tree) -> list[tuple[Data, dict[str, tuple[int, ...]]]]:
    """Groups of data whose signal can be converted, the default first, then the largest; and the shapes of all in each.

    Datasets count where links lead to them, too.
    """
    from dbproc.codes.formats import nexus
    from dbproc.codes.formats.hdf5 import attributes, is_group, text

    default: Data | None = None
    with suppress(Refusal, KeyError):
        default = nexus.default_data(tree)
    found = {} if default is None else {default.path: default}
    groups_of_data = [
        path.strip("/")
        for path, each in tree.entries()
        if is_group(each) and _tried(lambda each=each: text(attributes(each).get("NX_class"))) == "NXdata"
    ]
    for path in groups_of_data:
        with suppress(Refusal, KeyError):
            found[path] = nexus.default_data(tree, path)
    pairs = [(each, _shapes(tree, each)) for each in found.values()]
    fit = [(each, shapes) for each, shapes in pairs if shapes.get(each.signal)]
    fit.sort(key=lambda pair: by_size(Array("", pair[1][pair[0].signal])), reverse=True)
    return sorted(fit, key=lambda pair: default is None or pair[0].path != default.path)


def _shapes(tree: Tree, data: Data) -> dict[str, tuple[int, ...]]:
    """The shapes of those datasets of a group that can be converted."""
    from dbproc.codes.formats import nexus
    from dbproc.codes.formats.hdf5_fields import candidate

    found = nexus.linked(tree, data.group)
    fit = {name: each for name, each in found.items() if not candidate(name, each).unfit}
    return {name: tuple(int(size) for size in each.shape) for name, each in fit.items()}


def _placed(tree: Tree, choice: Choice, name: str, shape: tuple[int, ...], xs: str, ys: str) -> Choice:
    """A choice with the positions of its scan, where it has four axes and there are some, or where they are named."""
    from dbproc.codes.formats import scan_positions

    kept = scan_positions.found(tree, name, shape, {"xs": xs, "ys": ys}) if len(shape) >= SCAN_AXES else {}
    if not kept:
        return choice
    return replace(choice, places={"scan_positions": kept}, why=(*choice.why, _words(kept)))


def _words(kept: Mapping[str, Mapping[str, Any]]) -> str:
    told = " and ".join(f"{key} of {value['dataset']} {tuple(value['shape'])}" for key, value in kept.items())
    return f"scan positions: {told}"
