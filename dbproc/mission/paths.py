"""Paths of the mission in normal form: constants filled in, ``~`` expanded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dbproc.core import overlaps
from dbproc.core.filenames import substitute
from dbproc.core.model import KEPT_CODES
from dbproc.core.spec import SHIPPED, Definition, MissionSpec, ProductSpec
from dbproc.system.home import expanded

_MOST_ROUNDS = 8
DIRECTORIES = ("root", "incoming", "quarantine", "codes", "inspectors")
_FROM_DISK = ("ROOTDIR",)


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
