"""The database that a mission is taken over into: it appears whole, or stays empty.

A SQLite file is made under another name, and gets its own when all is in it. A database that is there, on a server or
made by ``dbproc init``, gets everything in one transaction.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from dbproc.core.errors import BusyError, DatabaseError, DatabaseLostError, DbprocError, RootError, StorageError
from dbproc.core.spec import Definition, MissionSpec
from dbproc.database import lock, moving_in, root
from dbproc.database.store import Store, create_database, database_url, open_store, schema_version, shown_name
from dbproc.mission.on_disk import database_problems
from dbproc.mission.problems import dotted_place
from dbproc.storage import lockfile, ownership, permissions, renaming
from dbproc.storage.durable import sync, sync_directory
from dbproc.storage.lockfile import Making
from dbproc.storage.ownership import Owner
from dbproc.system import processes

_PARTIAL = ".importing-"
_BESIDE = ("", "-wal", "-shm", "-journal")


def problems(new: str, definition: Definition) -> list[str]:
    """Why a mission cannot be taken over into a database, before anything is made."""
    try:
        url = database_url(new, creating=True)
        path = _file_of(new)
        if path is not None:
            found = [f"{dotted_place(each.path).label}: {each.text}" for each in database_problems(definition, path)]
            return found + _problems_of_file(path, definition.mission)
        with Store(url) as store:
            if _version(store) is not None:
                return _problems_of_store(store, definition.mission)
        return _problems_of_root(definition.mission, shown_name(url), "postgresql", str(url.database))
    except RootError as error:
        return [_not_ours(definition.mission.root, str(error))]
    except DbprocError as error:
        return [str(error)]


def _problems_of_file(path: str, mission: MissionSpec) -> list[str]:
    if os.path.lexists(path):
        with open_store(path, read_only=True) as store:
            return _problems_of_store(store, mission)
    if not os.path.isdir(os.path.dirname(path)):
        return [f"the directory {os.path.dirname(path)} does not exist; make it first"]
    return _problems_of_root(mission, path, "sqlite", os.path.realpath(path))


def _problems_of_root(mission: MissionSpec, shown_as: str, *name: str) -> list[str]:
    """That the root belongs to another database than one of this name, which there is not yet."""
    mark = ownership.read_mark(mission.root) if os.path.isdir(mission.root) else None
    if mark is not None:
        owner = Owner("", shown_as, None, (*name, *mark.name[len(name) :]), ())
        ownership.standing(mission.root, owner, was_marked=False)
    return []


def _problems_of_store(store: Store, mission: MissionSpec) -> list[str]:
    with store.begin() as connection:
        if not moving_in.is_empty(connection):
            return [f"{store.name} holds a mission already; name another database"]
    refusal = root.refusal(store, mission) if os.path.isdir(mission.root) else None
    return [_not_ours(mission.root, refusal)] if refusal else []


def _not_ours(root_path: str, refusal: str) -> str:
    """Why a root is refused; of one that is another database's with the way out that there is before an import."""
    try:
        mark = ownership.read_mark(root_path) if os.path.isdir(root_path) else None
    except RootError:
        mark = None
    if mark is None:
        return refusal
    return (
        f"the root {root_path} belongs to the database {mark.shown}: name that one, if it is empty or was removed; or, "
        f"if it was made to try the import and is of no use any more, remove {ownership.path_of(root_path)}"
    )


@contextmanager
def on_trial() -> Iterator[Store]:
    """An empty database that is gone afterwards."""
    with TemporaryDirectory(prefix="dbproc-") as directory:
        path = str(Path(directory, "trial.sqlite"))
        create_database(path)
        with Store(path) as store:
            yield store


@contextmanager
def entering(new: str, mission: MissionSpec) -> Iterator[Store]:
    """An empty database; what is written to it counts when the block ends, and the root is its own then.

    Raises
    ------
    BusyError
        Somebody else is at work in the root.
    DatabaseError, StorageError
        The database cannot be made.
    """
    path = _file_of(new)
    if path is None or os.path.lexists(path):
        with _there(new, mission) as store:
            yield store
        return
    making = partial(permissions.as_given, int(mission.umask, 8), mission.group or None)
    grip = lockfile.take(mission.root, making)
    if grip is None:
        raise BusyError(f"somebody is at work in {mission.root}; nothing was done: try again when that has ended")
    try:
        with _made_aside(path) as store:
            yield store
        _settle(path, making)
    finally:
        grip.close()


@contextmanager
def _there(new: str, mission: MissionSpec) -> Iterator[Store]:
    if _file_of(new) is None and not _has_tables(new):
        create_database(new)
    with open_store(new) as store, lock.applying(store, mission, adopt=False):
        yield store


@contextmanager
def _made_aside(path: str) -> Iterator[Store]:
    """A new database under another name; that of its own it gets at the end."""
    _sweep(path)
    aside = f"{path}{_PARTIAL}{os.getpid()}"
    try:
        create_database(aside)
        with Store(aside) as store:
            yield store
        sync(aside)
        renaming.rename(aside, path)
        sync_directory(os.path.dirname(path))
    except FileExistsError:
        raise DatabaseError(f"{path} was made by somebody else meanwhile, and is not overwritten") from None
    except OSError as error:
        raise StorageError(f"cannot make {path}: {error.strerror or error}; see to its disk") from error
    finally:
        _remove(aside)


def _settle(path: str, making: Making) -> None:
    with Store(path) as store:
        root.settle(store, making)


def _sweep(path: str) -> None:
    """Remove what killed imports left beside the database."""
    directory, name = os.path.split(path)
    pattern = re.compile(re.escape(name + _PARTIAL) + r"(\d+)(-wal|-shm|-journal)?")
    for entry in os.listdir(directory):
        found = pattern.fullmatch(entry)
        if found is not None and processes.look(int(found[1])) is None:
            with suppress(OSError):
                os.unlink(os.path.join(directory, entry))


def _remove(aside: str) -> None:
    for suffix in _BESIDE:
        with suppress(FileNotFoundError):
            os.unlink(aside + suffix)


def _file_of(new: str) -> str | None:
    """The path of a SQLite file, None for a database on a server."""
    url = database_url(new, creating=True)
    return str(url.database) if url.get_backend_name() == "sqlite" else None


def _has_tables(new: str) -> bool:
    with Store(database_url(new, creating=True)) as store:
        return _version(store) is not None


def _version(store: Store) -> str | None:
    """The schema of a database on a server; None of one that is not there, or has no tables of dbproc's."""
    try:
        return schema_version(store)
    except DatabaseLostError:
        return None


def shown(new: str) -> str:
    """A database as messages name it."""
    return shown_name(database_url(new, creating=True))
