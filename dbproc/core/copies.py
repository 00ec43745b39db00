"""Copies of files in stores: which stores are to have them, which count, and from which one is read first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from dbproc.core.places import ReplicateSpec, StoreSpec, Trust


def in_order(stores: Sequence[StoreSpec]) -> list[StoreSpec]:
    """Stores in the order in which a file is read from them: by preference; untrusted ones last."""
    return sorted(stores, key=lambda store: (store.trust is Trust.UNTRUSTED, store.preference, store.name))


def counting(stores: Sequence[StoreSpec]) -> list[StoreSpec]:
    """The stores whose verified copies count as ones that keep a file."""
    return [store for store in stores if store.trust is not Trust.UNTRUSTED]


def rules_of(rules: Sequence[ReplicateSpec], product: str) -> list[ReplicateSpec]:
    """The rules that say where files of a product have copies."""
    return [rule for rule in rules if any(fnmatchcase(product, pattern) for pattern in rule.products)]


def stores_of(rule: ReplicateSpec, stores: Sequence[StoreSpec]) -> list[StoreSpec]:
    """The stores in which a rule wants copies."""
    return [store for store in stores if any(fnmatchcase(store.name, pattern) for pattern in rule.to)]


def least_copies(rule: ReplicateSpec, stores: Sequence[StoreSpec]) -> int:
    """How many verified copies a rule wants outside of the root, at least."""
    return rule.copies if rule.copies is not None else len(places(counting(stores_of(rule, stores))))


def least_for(rules: Sequence[ReplicateSpec], stores: Sequence[StoreSpec], product: str) -> int:
    """How many verified copies must be there before the bytes of a product's file may leave the disk: at least one."""
    return max((least_copies(rule, stores) for rule in rules_of(rules, product)), default=1) or 1


def places(stores: Sequence[StoreSpec]) -> dict[str, list[StoreSpec]]:
    """Stores by the place where they are: two at the same place hold one copy together, not two."""
    found: dict[str, list[StoreSpec]] = {}
    for store in stores:
        found.setdefault(place_of(store), []).append(store)
    return found


def place_of(store: StoreSpec) -> str:
    """The same words for two stores at the same place, as far as their definitions tell."""
    parts = urlsplit(store.url)
    host = f"{(parts.hostname or '').lower()}:{parts.port or ''}"
    return " ".join((parts.scheme, store.endpoint.rstrip("/"), host, parts.path.rstrip("/")))
