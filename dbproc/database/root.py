"""The root of a mission, as its database stands to it: whether it is there, and whether it may work in it."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial

from dbproc.core.errors import NotFoundError, RootError
from dbproc.core.model import Mission
from dbproc.core.spec import MissionSpec
from dbproc.database.definition.load import load_mission
from dbproc.database.identity import has_files, owner_of, set_marked
from dbproc.database.store import Store, Transaction
from dbproc.storage import ownership, permissions
from dbproc.storage.layout import PRIVATE
from dbproc.storage.lockfile import Making
from dbproc.storage.ownership import Owner, Standing


def require(store: Store) -> bool:
    """Make sure that the root is there, and not another database's; whether it bears this one's mark as it should.

    Raises
    ------
    RootError
        It is gone, or belongs to another database.
    NotFoundError
        The database holds no mission.
    """
    mission, owner, was_marked = site(store)
    is_ours = ownership.standing(mission.root, owner, was_marked=was_marked) is Standing.OURS
    return is_ours and mission.root_marked


def problem(store: Store) -> str | None:
    """Why nothing can be done in the root, in words; None when it is there, and not another database's."""
    try:
        require(store)
    except RootError as error:
        return str(error)
    return None


def site(store: Store) -> tuple[Mission, Owner, bool]:
    """The mission, its database as marks have it, and whether its root has borne the mark.

    Raises
    ------
    NotFoundError
        The database holds no mission.
    """
    with store.begin() as connection:
        mission = load_mission(connection)
        owner = owner_of(store, connection, mission.identity)
        was_marked = mission.root_marked or _was_used(connection, mission.root)
    return mission, owner, was_marked


def site_for(store: Store, wanted: MissionSpec, *, adopt: bool = False) -> tuple[Mission | None, Owner]:
    """The mission, if there is one, and its database, which may have the root that is wanted; with `adopt` any.

    Raises
    ------
    RootError
        The root belongs to another database, or has lost its mark.
    """
    try:
        mission, owner, was_marked = site(store)
    except NotFoundError:
        mission = None
        with store.begin() as connection:
            owner = owner_of(store, connection)
    if not adopt:
        was_marked = mission is not None and was_marked and leads_to(wanted.root, mission)
        ownership.standing(wanted.root, owner, was_marked=was_marked)
    return mission, owner


def refusal(store: Store, wanted: MissionSpec) -> str | None:
    """Why a root may not be the mission's, in words; None when it may."""
    try:
        site_for(store, wanted)
    except RootError as error:
        return str(error)
    return None


def leads_to(path: str, mission: Mission) -> bool:
    """Whether a path leads to the root that the mission has."""
    return path == mission.root or (os.path.exists(mission.root) and os.path.samefile(mission.root, path))


def former(mission: Mission, owner: Owner, wanted: str) -> str | None:
    """The root that the mission had before, if it is there, is its own, and is not reached by the new path as well."""
    with suppress(OSError, RootError):
        ownership.standing(mission.root, owner, was_marked=mission.root_marked)
        return None if leads_to(wanted, mission) else mission.root
    return None


def mark(mission: Mission, owner: Owner, *, was_marked: bool) -> None:
    """Mark the root, whose file is locked by now, unless it bears the mark.

    Raises
    ------
    RootError
        Another database has marked it meanwhile.
    """
    if ownership.standing(mission.root, owner, was_marked=was_marked) is not Standing.OURS:
        ownership.mark(mission.root, owner, partial(permissions.in_force, mission))


def settle(store: Store, making: Making) -> None:
    """Mark the root that the mission has now: its identity is committed before it stands in the mark."""
    mission, owner, _ = site(store)
    ownership.mark(mission.root, owner, making)
    with store.begin() as connection:
        set_marked(connection)


def _was_used(connection: Transaction, root: str) -> bool:
    """Whether files were recorded, while there is no ``.dbproc``: an earlier dbproc made that, and no marks."""
    return not os.path.isdir(os.path.join(root, PRIVATE)) and has_files(connection)
