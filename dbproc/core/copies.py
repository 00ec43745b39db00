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


def places(stores: Sequence[StoreSpec]) -> list[list[StoreSpec]]:
    """Stores by the place where they are: two at the same place hold one copy together, not two."""
    found: list[list[StoreSpec]] = []
    for store in stores:
        together = next((some for some in found if any(is_same_place(store, other) for other in some)), None)
        if together is None:
            found.append([store])
        else:
            together.append(store)
    return found


def is_same_place(one: StoreSpec, other: StoreSpec) -> bool:
    """Whether two stores are at the same place, as far as their definitions tell: one directory, or one in the other,
    or one bucket."""
    (first, path), (second, path_of_other) = _place(one), _place(other)
    if first != second:
        return False
    is_bucket = one.scheme in ("s3", "gdrive")
    return is_bucket or f"{path}/".startswith(f"{path_of_other}/") or f"{path_of_other}/".startswith(f"{path}/")


def _place(store: StoreSpec) -> tuple[tuple[str, str, str], str]:
    """Where a store is: the service, and the directory."""
    parts = urlsplit(store.url)
    host = f"{(parts.hostname or '').lower()}:{parts.port or ''}"
    return (parts.scheme, store.endpoint.rstrip("/"), host), parts.path.rstrip("/")
