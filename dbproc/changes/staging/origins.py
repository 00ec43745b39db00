"""From where each file comes that is to be placed: its own place, or the best store that has it."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dbproc.changes.correcting import refuse
from dbproc.core.copies import in_order
from dbproc.core.digests import is_unknown
from dbproc.core.errors import GoneError, NotFoundError, UserError
from dbproc.core.filenames import companion_of
from dbproc.core.likeness import no_such
from dbproc.core.model import KnownFile, Mission
from dbproc.core.places import ROOT, Link, StoreSpec
from dbproc.core.staging import Destination
from dbproc.core.states import ReplicaState, Standing
from dbproc.database import files, replicas
from dbproc.database.definition.load import load_mission
from dbproc.database.files import FileRow
from dbproc.database.replicas import Replica
from dbproc.database.selection import Selection, selected
from dbproc.database.staging import Item
from dbproc.database.store import Store, Transaction
from dbproc.storage.stores import local
from dbproc.storage.stores.base import refuse_leading_out
from dbproc.storage.stores.opening import open_place
from dbproc.transfers.places import STORE

_THERE = (Standing.IN_PLACE, Standing.OFFLOADED, Standing.LOST)
_TAKEN_BACK = ("taken back, and not handed out", "name others, or take that back: dbproc restore")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFile:
    """A file of a store, whether the catalogue has it or not.

    Attributes
    ----------
    store, path
        Where it is.
    below
        The directory below that of the request where it goes.
    expected
        Digests that it must have, as whoever asks for it knows them: ``adler32:…``, ``md5:…``, ``sha256:…``.
    """

    store: str
    path: str
    below: str = ""
    expected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A file to be placed, with what is known of its bytes before they are read."""

    item: Item
    member: str = ""
    expected: tuple[str, ...] = ()
    expected_of: str = ""


def told_apart(store: Store, names: Sequence[str]) -> tuple[list[str], tuple[StoreFile, ...]]:
    """Names of files, and the files of stores among them, which are written ``STORE:PATH``."""
    with store.begin() as connection:
        stores = {spec.name for spec in load_mission(connection).stores}
    catalogued, of_stores = [], []
    for name in names:
        before, colon, path = name.partition(":")
        if colon and before in stores:
            of_stores.append(StoreFile(store=before, path=path))
        else:
            catalogued.append(name)
    return catalogued, tuple(of_stores)


def of_selection(store: Store, mission: Mission, selection: Selection, to: Destination, link: Link) -> list[Origin]:
    """The files of the catalogue that are meant, each with its companion directory.

    Raises
    ------
    NotFoundError
        There is none.
    UserError
        One was taken back, or its bytes are not where they are needed.
    """
    with store.begin() as connection:
        rows = list(selected(connection, selection))
        known = {file.file_id: file for file in files.known_by_number(connection, [row.file_id for row in rows])}
        copies = replicas.of_files(connection, [row.file_id for row in rows if row.standing is not Standing.IN_PLACE])
    if not rows:
        raise NotFoundError("no file is meant; see what there is: dbproc files")
    refuse([row for row in rows if row.standing not in _THERE], *_TAKEN_BACK)
    if link is not Link.COPY:
        refuse(
            [row for row in rows if row.standing is not Standing.IN_PLACE],
            f"not on this disk, so no {link} can be made",
            "stage copies (--link copy)",
        )
    return [origin for row in rows for origin in _of_file(mission, row, known[row.file_id], copies, to)]


def of_stores(store: Store, mission: Mission, wanted: Sequence[StoreFile], to: Destination, link: Link) -> list[Origin]:
    """Files of stores, each looked at there.

    Raises
    ------
    NotFoundError
        There is no such store, or no such file in it.
    UserError
        No link can lead to it, or the catalogue has it as one that was taken back.
    TransferError
        It cannot be looked at.
    """
    return [_of_store(store, mission, each, to, link) for each in wanted]


def path_here(mission: Mission, item: Item) -> str:
    """Where a file is on this machine, to which a link is to lead.

    Raises
    ------
    UserError
        It is not on this machine.
    """
    if item.origin_place == ROOT:
        return os.path.join(mission.root, item.origin_path)
    spec = _store_named(mission, item.origin_place.removeprefix(STORE))
    if spec.scheme != "file":
        raise UserError(f"{item.origin_path} is in {item.origin_place}, which is not on this machine: stage a copy")
    return os.path.join(local.place(spec).directory, item.origin_path)


def _of_file(
    mission: Mission, row: FileRow, file: KnownFile, copies: Mapping[int, Sequence[Replica]], to: Destination
) -> Iterator[Origin]:
    """A file of the catalogue and its members."""
    stem = companion_of(file.filename)
    parts = [("", file.filename, file.size, file.digest)]
    parts += [(each.path, posixpath.join(stem, each.path), each.size, each.digest) for each in file.members]
    if row.standing is Standing.IN_PLACE:
        where = {member: (ROOT, posixpath.join(file.directory, name)) for member, name, _, _ in parts}
    else:
        where = _best(mission, file, copies.get(file.file_id, ()))
    for member, name, size, digest in parts:
        place, path = where[member]
        yield Origin(
            item=Item(
                origin_place=place,
                origin_path=path.removeprefix("./"),
                target_path=to.path(name),
                file_id=file.file_id,
                file_size=size,
                shasum=None if is_unknown(digest) else digest,
            ),
            member=member,
            expected=() if is_unknown(digest) else (digest,),
            expected_of="the catalogue",
        )


def _best(mission: Mission, file: KnownFile, copies: Sequence[Replica]) -> dict[str, tuple[str, str]]:
    """By member: where the file is in the store that is read first of those which have all of it.

    Raises
    ------
    UserError
        None has.
    """
    wanted = {"", *(member.path for member in file.members)}
    by_store: dict[str, dict[str, Replica]] = {}
    for each in copies:
        if each.is_there:
            by_store.setdefault(each.store, {})[each.member] = each
    whole = [spec.name for spec in in_order(mission.stores) if wanted <= set(by_store.get(spec.name, ()))]
    if not whole:
        raise UserError(f"{file.filename} is not on this disk, and no store has all of it; see: dbproc whereis")
    best = next((name for name in whole if _is_verified(by_store[name])), whole[0])
    return {member: (STORE + best, each.path) for member, each in by_store[best].items()}


def _is_verified(parts: Mapping[str, Replica]) -> bool:
    return all(each.state is ReplicaState.VERIFIED for each in parts.values())


def _of_store(store: Store, mission: Mission, wanted: StoreFile, to: Destination, link: Link) -> Origin:
    spec = _store_named(mission, wanted.store)
    refuse_leading_out(wanted.path)
    shown = f"{wanted.store}:{wanted.path}"
    if link is not Link.COPY and spec.scheme != "file":
        raise UserError(f"{shown} is not on this machine, so no {link} can be made; stage a copy (--link copy)")
    place = open_place(spec)
    try:
        entry = place.look(wanted.path)
    except GoneError as error:
        raise NotFoundError(f"{shown}: {error}") from error
    finally:
        place.close()
    with store.begin() as connection:
        file_id, digest = _catalogued(connection, wanted)
    told = (*wanted.expected, *entry.digests, *((digest,) if digest else ()))
    return Origin(
        item=Item(
            origin_place=STORE + wanted.store,
            origin_path=wanted.path,
            target_path=to.path(wanted.below, posixpath.basename(wanted.path)),
            file_id=file_id,
            file_size=entry.size,
            shasum=digest,
        ),
        expected=tuple(dict.fromkeys(told)),
        expected_of=" and ".join(
            who for who, has in (("who asks", wanted.expected), (f"store {wanted.store}", entry.digests)) if has
        ),
    )


def _catalogued(connection: Transaction, wanted: StoreFile) -> tuple[int | None, str | None]:
    """The number and the digest that the catalogue has for a file of a store.

    Raises
    ------
    UserError
        It was taken back.
    """
    copy = replicas.at_paths(connection, wanted.store, [wanted.path]).get(wanted.path)
    if copy is None:
        return None, None
    rows = files.rows_numbered(connection, [copy.file_id])
    refuse([row for row in rows if row.standing not in _THERE], *_TAKEN_BACK)
    digest = copy.shasum if copy.member else rows[0].digest
    return copy.file_id, None if digest is None or is_unknown(digest) else digest


def _store_named(mission: Mission, name: str) -> StoreSpec:
    for spec in mission.stores:
        if spec.name == name:
            return spec
    raise NotFoundError(no_such("store", name, [spec.name for spec in mission.stores]))
