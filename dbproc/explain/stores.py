"""The stores of a mission: what is known of their copies, and whether they are up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from dbproc.core.copies import in_order
from dbproc.core.errors import TransferError
from dbproc.core.filenames import without_ending
from dbproc.core.model import Definition, Mission
from dbproc.core.places import ROOT, StoreSpec, Trust
from dbproc.core.states import ReplicaState
from dbproc.database import replicas
from dbproc.database.definition.load import load_definition
from dbproc.database.replicas import StoreCounts
from dbproc.database.store import Store
from dbproc.transfers.places import STORE, open_named


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreShown:
    """A store, and what is known of its copies."""

    store: str  #: its name; root: the mission's root
    url: str  #: where it is; nothing: the mission file has no such store any more
    trust: str  #: how far it is trusted
    preference: int | None  #: of several copies that of the lowest number is read first
    files: int  #: how many files have copies there
    bytes: int  #: of the copies of which the size is known
    verified: int | None  #: copies that were read back; null: of the root
    unverified: int | None  #: copies that are known to be there
    missing: int | None  #: copies that were there, and are not any more
    corrupt: int | None  #: copies that have other bytes
    is_up: bool | None  #: whether it answers; null: it was not asked
    free: int | None  #: bytes that there is room for; null: it was not asked, or does not tell
    problem: str  #: why it does not answer


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySpread:
    """How copies are spread over stores. A name counts once, whatever endings its files have: ``.tar``, ``.tar.gz``."""

    names: int  #: how many names there are of which a store has a copy
    files: int  #: of how many files
    copies: int  #: how many copies, without those that are missing or corrupt
    by_stores: Mapping[int, int]  #: by number of stores: how many names are in so many
    several_in_one: int  #: how many names have several copies in one store


@dataclass(frozen=True, slots=True, kw_only=True)
class StoresShown:
    """The stores of a mission."""

    stores: tuple[StoreShown, ...]  #: the root first, the others in the order of preference
    spread: CopySpread  #: how copies are spread over them


def shown_stores(store: Store, *, asked: bool = False) -> StoresShown:
    """The stores of a mission, and of what the database has copies; each is `asked` whether it is up, if that is
    wanted."""
    with store.begin() as connection:
        definition = load_definition(connection)
        counts, root = replicas.counts(connection), replicas.counts_of_root(connection)
        spread = _spread(definition, replicas.stores_of_files(connection))
    mission = definition.mission
    specs = in_order(mission.stores)
    known = {spec.name for spec in specs}
    rows = [_root(mission, root)]
    rows += [_shown(mission, spec, counts.get(spec.name) or StoreCounts(store=spec.name), asked) for spec in specs]
    rows += [_shown(mission, None, each, asked=False) for name, each in sorted(counts.items()) if name not in known]
    return StoresShown(stores=tuple(rows), spread=spread)


def _root(mission: Mission, counts: StoreCounts) -> StoreShown:
    return StoreShown(
        store=ROOT,
        url=f"file://{mission.root}",
        trust=Trust.TRUSTED.value,
        preference=0,
        files=counts.files,
        bytes=counts.bytes,
        verified=None,
        unverified=None,
        missing=None,
        corrupt=None,
        is_up=None,
        free=None,
        problem="",
    )


def _shown(mission: Mission, spec: StoreSpec | None, counts: StoreCounts, asked: bool) -> StoreShown:
    is_up, free, problem = _asked(mission, spec) if asked and spec is not None else (None, None, "")
    return StoreShown(
        store=counts.store,
        url="" if spec is None else spec.url,
        trust="" if spec is None else spec.trust.value,
        preference=None if spec is None else spec.preference,
        files=counts.files,
        bytes=counts.bytes,
        verified=counts.states.get(ReplicaState.VERIFIED, 0),
        unverified=counts.states.get(ReplicaState.UNVERIFIED, 0),
        missing=counts.states.get(ReplicaState.MISSING, 0),
        corrupt=counts.states.get(ReplicaState.CORRUPT, 0),
        is_up=is_up,
        free=free,
        problem=problem,
    )


def _asked(mission: Mission, spec: StoreSpec) -> tuple[bool, int | None, str]:
    """Whether a store answers, the room in it, and why it does not."""
    try:
        with closing(open_named(mission, f"{STORE}{spec.name}")) as place:
            next(iter(place.entries()), None)
            return True, place.free(), ""
    except TransferError as error:
        return False, None, str(error)


def _spread(definition: Definition, rows: Iterator[tuple[int, str, int, str, int]]) -> CopySpread:
    """How copies are spread over stores."""
    copies: dict[str, Counter[str]] = defaultdict(Counter)
    numbers = set[int]()
    for file_id, filename, product_id, store, count in rows:
        product = definition.products.get(product_id)
        name = filename if product is None else without_ending(product.compiled, filename)
        copies[name][store] += count
        numbers.add(file_id)
    by_stores = Counter(len(each) for each in copies.values())
    return CopySpread(
        names=len(copies),
        files=len(numbers),
        copies=sum(each.total() for each in copies.values()),
        by_stores=dict(sorted(by_stores.items())),
        several_in_one=sum(max(each.values()) > 1 for each in copies.values()),
    )
