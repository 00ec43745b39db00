"""Where files belong: below the root, in the directory of their product, and nowhere else."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Sequence
from functools import lru_cache

from dbproc.core.errors import PlacementError
from dbproc.core.filenames import keywords_of, render
from dbproc.core.model import Definition, File, FileFacts, Mission, Product
from dbproc.core.spec import ProductSpec
from dbproc.core.version import Version

PRIVATE = ".dbproc"
"""The directory below the root that is dbproc's own."""

WITHDRAWN = "withdrawn"
"""The directory in it with what was withdrawn or replaced."""

TRASH = "trash"
"""The directory in it with what was reaped."""

OFFLOADED = "offloaded"
"""The directory in it through which the bytes of offloaded files leave."""

_LONGEST_PATH = 2000
"""Bytes; PostgreSQL keeps no more than 2704 in an index."""


def inside(root: str, relative: str) -> str:
    """The absolute path of `relative` below `root`.

    PlacementError when it would lie outside of `root`, by its text or because a link leads there, or when it is longer
    than any path that is recorded.
    """
    return _inside((root,), relative)[0]


def is_ours(mission: Mission, real: str) -> bool:
    """Whether a path without links on the way lies below the root, or in one of the places outside."""
    return any(_is_below(real, _real(place)) for place in (mission.root, *mission.outside))


def home(mission: Mission, product: Product | ProductSpec, directory: str, filename: str) -> str:
    """The absolute path of a file of a product in its `directory`, relative to the root.

    PlacementError as of :func:`inside`, but that links may lead to the places outside that the mission names; or when
    it would lie in a directory of the mission that is not for products (incoming, codes, ``.dbproc`` …) where a keyword
    or a link leads, and not the text of the definition.
    """
    path, real = _inside((mission.root, *mission.outside), os.path.join(directory, filename))
    for written, place in _other_places(mission):
        if _is_below(real, place) and not _is_meant(mission.root, product.directory, written, place):
            raise PlacementError(f"{directory!r} leads into {place}, which is not for products")
    return path


def _inside(places: Sequence[str], relative: str) -> tuple[str, str]:
    """The path of :func:`inside`, and its directory without links on the way; the root is the first of the places to
    which these may lead."""
    root = places[0]
    path, top = os.path.normpath(os.path.join(root, relative)), os.path.normpath(root)
    if not _is_below(path, top):
        raise PlacementError(f"{relative!r} leads outside of {root}")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise PlacementError(f"its path below {root} would have more than {_LONGEST_PATH} bytes")
    real = os.path.realpath(os.path.dirname(path))
    if not any(_is_below(real, _real(os.path.normpath(place))) for place in places):
        text = f"{relative!r} leads outside of {root}: a link on the way leads to {real}"
        raise PlacementError(f"{text}; if files are to be kept there, name it: outside = [...] in the mission file")
    return path, real


_real = lru_cache(maxsize=64)(os.path.realpath)
"""Of directories that stay what they are while a run is live."""


@lru_cache(maxsize=4)
def _other_places(mission: Mission) -> tuple[tuple[str, str], ...]:
    """The directories of a mission that are not for products, as they are written and without links."""
    own = os.path.join(mission.root, PRIVATE)
    places = (own, mission.incoming, mission.quarantine, mission.code_directory, mission.inspector_directory)
    return tuple((os.path.normpath(place), os.path.realpath(place)) for place in places)


def _is_meant(root: str, pattern: str, written: str, place: str) -> bool:
    """Whether the text of a definition has all directories of a pattern in a place; where a link leads says nothing."""
    fixed, brace, _ = pattern.partition("{")
    fixed = os.path.dirname(fixed) if brace else fixed
    ways = ((root, written), (_real(root), place))
    return any(_is_below(os.path.normpath(os.path.join(top, fixed)), named) for top, named in ways)


def _is_below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def kept_path(mission: Mission, file_id: int, digest: str, filename: str, place: str = WITHDRAWN) -> str:
    """Where the bytes of a file are that is out of its place: in a directory that is named by their digest, and by the
    number of the file, for several may have had the same name and bytes."""
    return os.path.join(mission.root, PRIVATE, place, f"{digest.replace(':', '-')}-{file_id}", filename)


def set_aside_path(directory: str, name: str) -> str:
    """A path in `directory` that nothing has, for a file of any name: nothing in it that a terminal or disk minds."""
    stem, suffix = (_safe(part) for part in os.path.splitext(name))
    return os.path.join(directory, f"{stem}.{time.time_ns():x}{suffix}")


def _safe(part: str) -> str:
    """A part of a name, of at most 100 bytes."""
    printable = "".join(char if char.isprintable() else "_" for char in part)
    return printable.encode()[:100].decode(errors="ignore")


def file_path(definition: Definition, file: File) -> str:
    """The absolute path of a file of the catalogue."""
    return os.path.join(definition.mission.root, file.directory, file.filename)


def directory_of(product: Product, facts: FileFacts, version: Version) -> str:
    """The directory of a file of `product`, relative to the root."""
    time = dt.datetime.combine(facts.date, facts.start.timetz())
    return render(product.directory, time, str(version), keywords_of(facts.keywords))
