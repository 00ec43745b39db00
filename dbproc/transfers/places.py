"""The places of a mission by the names that stand in rows of transfers."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from dbproc.core.errors import PermanentError
from dbproc.core.imports import RULE, URL
from dbproc.core.model import Mission
from dbproc.core.places import INCOMING, ROOT, AreaSpec, PlaceSpec, SourceSpec
from dbproc.core.transfers import Spot
from dbproc.storage.stores.area import AreaPlace
from dbproc.storage.stores.base import Place
from dbproc.storage.stores.local import LocalPlace
from dbproc.storage.stores.opening import open_place, open_url

SOURCE, STORE, AREA = "source ", "store ", "area "
"""Before the names of sources, stores and areas."""

_GIB = 1 << 30


def open_named(mission: Mission, name: str) -> Place:
    """The place of a name; nothing is connected before it is used.

    Raises
    ------
    PermanentError
        The mission has none of this name, or it cannot be used here.
    """
    if name == ROOT:
        return LocalPlace(mission.root, mission.outside)
    if name == INCOMING:
        return LocalPlace(mission.incoming)
    if name.startswith(URL):
        return open_url(_of_url(mission, name), mission.service.most_bytes)
    found = specified(mission, name)
    return AreaPlace(found.directory) if isinstance(found, AreaSpec) else open_place(found)


def specified(mission: Mission, name: str) -> PlaceSpec | AreaSpec:
    """What the mission file says of a source, a store, an area, or of all that clients name by a URL.

    Raises
    ------
    PermanentError
        It says nothing of it.
    """
    kinds: tuple[tuple[str, tuple[PlaceSpec | AreaSpec, ...]], ...] = (
        (SOURCE, mission.sources),
        (STORE, mission.stores),
        (AREA, mission.areas),
    )
    if name.startswith(URL):
        return _of_url(mission, name)
    for before, specs in kinds:
        for spec in specs:
            if name == before + spec.name:
                return spec
    raise PermanentError(f"the mission file has no {name} any more; put it back, or cancel what needs it")


def _of_url(mission: Mission, name: str) -> SourceSpec:
    service = mission.service
    return SourceSpec(name=RULE, url=name.removeprefix(URL), hosts=service.hosts, reserve=service.reserve)


def is_here(mission: Mission, name: str) -> bool:
    """Whether what is read there is read from this machine's disks."""
    if name in (ROOT, INCOMING):
        return True
    found = specified(mission, name)
    return isinstance(found, AreaSpec) or found.scheme == "file"


def directory_of(mission: Mission, spot: Spot) -> str | None:
    """The directory of this machine that a path in a place lies in; None where the place is elsewhere."""
    if spot.place in (ROOT, INCOMING):
        top = mission.root if spot.place == ROOT else mission.incoming
    else:
        found = specified(mission, spot.place)
        if not isinstance(found, AreaSpec) and found.scheme != "file":
            return None
        top = found.directory if isinstance(found, AreaSpec) else unquote(urlsplit(found.url).path)
    return os.path.dirname(os.path.join(top, spot.path))


def connections(mission: Mission, name: str) -> int:
    """How many transfers a place takes part in at the same time; of this machine's it does not limit them."""
    if name in (ROOT, INCOMING):
        return _MOST
    found = specified(mission, name)
    return _MOST if isinstance(found, AreaSpec) else found.connections


_MOST = 16
_HOUR = 3600.0


def reserve(mission: Mission, origin: str, target: str) -> int:
    """The bytes that must stay free at a target: as it says, or of what arrives in incoming or comes back into the root
    as the place says from which it comes."""
    name = origin if target in (ROOT, INCOMING) else target
    return 0 if name in (ROOT, INCOMING) else int(specified(mission, name).reserve * _GIB)


def reads_twice(mission: Mission, name: str) -> bool:
    """Whether a source is read a second time where it tells no digest."""
    found = None if name in (ROOT, INCOMING) else specified(mission, name)
    return isinstance(found, SourceSpec) and found.verify == "twice"


def bandwidth(mission: Mission, name: str) -> float | None:
    """Bytes per second that may go from or to a place; None: it has no limit."""
    found = None if name in (ROOT, INCOMING) else specified(mission, name)
    limit = found.bandwidth if isinstance(found, PlaceSpec) else None
    return None if limit is None else limit * 1e6


def timeout(mission: Mission, name: str) -> float:
    """Seconds after which a peer that sends next to nothing counts as gone; one of this machine has an hour."""
    found = None if is_here(mission, name) else specified(mission, name)
    return found.timeout.total_seconds() if isinstance(found, PlaceSpec) else _HOUR
