"""Paths of the mission in normal form: constants filled in, ``~`` expanded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from dbproc.core import overlaps
from dbproc.core.filenames import substitute
from dbproc.core.keys import Form, keys
from dbproc.core.model import KEPT_CODES
from dbproc.core.places import FINGERPRINTS, AreaSpec, ReplicateSpec, SourceSpec, StoreSpec, kept_here, origins_here
from dbproc.core.service import MonitorSpec, ServiceSpec
from dbproc.core.spec import SHIPPED, Definition, MissionSpec, ProductSpec
from dbproc.system.home import expanded

_MOST_ROUNDS = 8
DIRECTORIES = ("root", "incoming", "quarantine", "codes", "inspectors")
_FROM_DISK = ("ROOTDIR",)
_WITH_CONSTANTS = frozenset({"url", "path", "digests", "directory"})
_FILES = frozenset({"host_key", "ca_file", "textfile"})
AnyPlace = TypeVar("AnyPlace", SourceSpec, StoreSpec, ReplicateSpec, AreaSpec, ServiceSpec, MonitorSpec)


def filled(text: str, constants: Mapping[str, str]) -> str:
    """Replace the constants in `text`, also those inside other constants, as dbprocessing does.

    The directory's name comes last and is not expanded: ``{Y}`` in it stays.
    """
    nested = {name: value for name, value in constants.items() if name not in _FROM_DISK}
    for _ in range(_MOST_ROUNDS):
        replaced = substitute(text, nested)
        if replaced == text:
            break
        text = replaced
    return substitute(text, {name: constants[name] for name in _FROM_DISK if name in constants})


def mission_constants(name: str) -> dict[str, str]:
    """The constants for the names of satellites and instruments and for the mission's directories."""
    return {"MISSION": name}


def product_constants(mission: MissionSpec, product: ProductSpec) -> dict[str, str]:
    """The constants for a product's format and directory and for the arguments of its inspector."""
    return {
        "MISSION": mission.name,
        "ROOTDIR": mission.root,
        "SATELLITE": product.satellite,
        "SPACECRAFT": product.satellite,
        "INSTRUMENT": product.instrument,
        "PRODUCT": product.name,
        "LEVEL": str(product.level),
    }


def directory(text: str) -> str:
    """A directory of the mission: absolute, or relative to its root."""
    return os.path.normpath(expanded(text))


def with_whole_places(mission: MissionSpec) -> MissionSpec:
    """A mission of which the places besides its directories are in normal form, too."""
    return replace(
        mission,
        path=tuple(directory(word) for word in mission.path),
        outside=tuple(directory(place) for place in mission.outside),
        run_in=directory(mission.run_in) if mission.run_in else "",
    )


def with_whole_paths(spec: AnyPlace, mission: MissionSpec) -> AnyPlace:
    """A source, a store, an area, a single table with its constants filled in and its paths here in normal form.

    The files of credentials, host keys and certificates are absolute, or relative to the root.
    """
    constants = mission_constants(mission.name)
    values = {key.name: getattr(spec, key.name) for key in keys(type(spec)) if key.form is Form.TEXT}
    made: dict[str, Any] = {name: filled(str(values[name]), constants) for name in _WITH_CONSTANTS & values.keys()}
    made |= {
        name: _file(text, mission) for name, text in values.items() if str(text).startswith("file:") and name != "url"
    }
    made |= {
        name: resolved(mission, expanded(values[name])) for name in _FILES & values.keys() if _is_file(values[name])
    }
    if isinstance(spec, SourceSpec):
        made["path"] = made["path"].removeprefix("/")
    if isinstance(spec, AreaSpec):
        made["directory"] = directory(made["directory"])
    return replace(spec, **made)


def _file(reference: str, mission: MissionSpec) -> str:
    """A reference to a file, with the whole path of it."""
    path = reference.removeprefix("file:")
    return f"file:{resolved(mission, expanded(path))}" if path.strip() else reference


def _is_file(text: str) -> bool:
    return bool(text) and not text.startswith(FINGERPRINTS)


def product_directory(text: str, root: str) -> str:
    """A product's directory relative to the root; one outside it stays absolute or begins with ``..``."""
    normal = directory(text)
    return os.path.relpath(normal, root) if is_inside(normal, root) else normal


def program(text: str) -> str:
    """A code or an inspector: absolute, or below its directory."""
    return text if text.startswith(SHIPPED) or not text else directory(text)


def is_inside(path: str, root: str) -> bool:
    """Whether an absolute path is the root or below it."""
    return os.path.isabs(path) and os.path.isabs(root) and os.path.commonpath((path, root)) == root


def layout(definition: Definition, files: Sequence[tuple[str, str]] = ()) -> overlaps.Layout:
    """The places of a mission, without the products that lead out of the root: those are refused."""
    mission = definition.mission
    return overlaps.layout(
        **{key: resolved(mission, getattr(mission, key)) for key in DIRECTORIES},
        products={
            name: product.directory
            for name, product in definition.products.items()
            if product.active and not leads_outside(product.directory)
        },
        files=files,
        kept=kept_here(mission.stores, mission.areas),
        origins=origins_here(mission.sources),
    )


def leads_outside(product_directory: str) -> bool:
    """Whether a product's directory is not below the root."""
    return product_directory.startswith("/") or product_directory.split("/")[0] == ".."


def kept_codes(mission: MissionSpec) -> str:
    """The directory that keeps the bytes of every version of every code."""
    return os.path.join(mission.root, KEPT_CODES)


def resolved(mission: MissionSpec, name: str) -> str:
    """The absolute path of a directory of the mission."""
    return os.path.normpath(os.path.join(mission.root, name))
