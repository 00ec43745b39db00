"""Where the copies of files are: in the root and in stores, and what is known of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dbproc.core.copies import in_order
from dbproc.core.errors import NotFoundError
from dbproc.core.filenames import without_ending
from dbproc.core.model import Mission, Product
from dbproc.core.places import ROOT, StoreSpec
from dbproc.core.states import Standing
from dbproc.database import files, replicas
from dbproc.database.definition.load import load_definition
from dbproc.database.files import FileRow
from dbproc.database.replicas import Replica
from dbproc.database.store import Store, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyShown:
    """A copy of a file, or of a member of its companion directory."""

    store: str  #: the name of the store; root: the mission's root
    path: str  #: where it is in it
    member: str  #: its path in the companion directory; nothing: the file itself
    state: str  #: verified, unverified, missing or corrupt; of the root how the file stands
    verified: dt.datetime | None  #: when it was read back last
    size: int | None  #: bytes, where they are known
    reason: str  #: why it is so
    trust: str  #: how far the store is trusted; nothing: the mission file has no such store any more
    preference: int | None  #: of several copies that of the lowest number is read first
    url: str  #: where it is, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """A file and its copies."""

    file: str  #: its name
    product: str  #: the name of its product
    standing: Standing  #: whether it is in its place, or offloaded …
    size: int | None  #: bytes; null: nobody has told
    digest: str  #: with the name of the algorithm in front
    copies: tuple[CopyShown, ...]  #: the one that is read first comes first


def whereabouts(store: Store, names: Sequence[str]) -> list[Whereabouts]:
    """Where the copies of files are.

    Parameters
    ----------
    store
        The mission's database.
    names
        Names or numbers of files; a name without its ending means all files that are called so.

    Raises
    ------
    NotFoundError
        There is none of a name.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
        rows = [row for name in names for row in _named(connection, definition.products, name)]
        copies = replicas.of_files(connection, [row.file_id for row in rows])
    mission = definition.mission
    stores = {spec.name: spec for spec in mission.stores}
    return [
        Whereabouts(
            file=row.filename,
            product=row.product,
            standing=row.standing,
            size=row.size,
            digest=row.digest,
            copies=tuple(_copies(mission, stores, row, copies.get(row.file_id, []))),
        )
        for row in dict.fromkeys(rows)
    ]


def _named(connection: Transaction, products: Mapping[int, Product], name: str) -> list[FileRow]:
    """The file of a name, or all those that have it before the endings that their formats have."""
    try:
        return [files.find_file(connection, name)]
    except NotFoundError:
        rows = files.files_named(connection, files.names_from(connection, f"{name}."))
        found = [row for row in rows if _is_called(products.get(row.product_id), row.filename, name)]
        if not found:
            raise
        return sorted(found, key=lambda row: row.filename)


def _is_called(product: Product | None, filename: str, name: str) -> bool:
    return product is not None and without_ending(product.compiled, filename) == name


def _copies(
    mission: Mission, stores: Mapping[str, StoreSpec], row: FileRow, some: Sequence[Replica]
) -> Iterator[CopyShown]:
    """The copies in the order in which they are read."""
    if row.standing is Standing.IN_PLACE:
        path = f"{row.directory}/{row.filename}"
        yield CopyShown(
            store=ROOT,
            path=path,
            member="",
            state=row.standing.value,
            verified=None,
            size=row.size,
            reason="",
            trust="trusted",
            preference=0,
            url=f"file://{mission.root}/{path}",
        )
    order = {spec.name: number for number, spec in enumerate(in_order(mission.stores))}
    for each in sorted(some, key=lambda each: (order.get(each.store, len(order)), each.store, each.path)):
        yield _shown(stores.get(each.store), each)


def _shown(spec: StoreSpec | None, replica: Replica) -> CopyShown:
    return CopyShown(
        store=replica.store,
        path=replica.path,
        member=replica.member,
        state=replica.state.value,
        verified=replica.verified,
        size=replica.size,
        reason=replica.reason,
        trust="" if spec is None else spec.trust.value,
        preference=None if spec is None else spec.preference,
        url="" if spec is None else f"{spec.url.rstrip('/')}/{replica.path}",
    )
