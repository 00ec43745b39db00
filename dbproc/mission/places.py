"""Sources, stores, rules of replication and areas that cannot work. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import combinations
from urllib.parse import unquote, urlsplit

from dbproc.core import copies, places
from dbproc.core.errors import FormatError
from dbproc.core.keys import keys
from dbproc.core.likeness import no_such
from dbproc.core.places import AreaSpec, Layout, PlaceSpec, ReplicateSpec, SourceSpec, StoreSpec, Trust
from dbproc.core.remote_paths import Part, compile_path
from dbproc.core.spec import Definition, KeyPath, MissionSpec
from dbproc.mission.problems import Problem, suggestion

Spec = SourceSpec | StoreSpec | AreaSpec | ReplicateSpec

_HTTP = ("user", "password", "token", "hosts", "timeout")
_KEYS: dict[str, tuple[str, ...]] = {
    "file": (),
    "sftp": ("user", "password", "private_key", "passphrase", "host_key", "timeout"),
    "http": _HTTP,
    "https": (*_HTTP, "ca_file"),
    "s3": ("access_key", "secret_key", "endpoint", "region", "ca_file", "timeout"),
    "gdrive": ("service_account", "endpoint", "ca_file", "timeout"),
    "vos": ("token", "endpoint", "hosts", "ca_file", "timeout"),
}
"""The keys of a place that mean something for one protocol and not for each."""

_OF_SOME = frozenset().union(*_KEYS.values())
_READ_FROM = ("gdrive",)
"""Protocols by which nothing is put."""

_SCOPE = re.compile(r"[A-Za-z0-9._-]{1,200}")
_YEARS = frozenset({"Y", "y", "DATE", "datetime"})
_HOST_KEY = (
    "is missing; ssh-keyscan HOST | ssh-keygen -lf - shows the fingerprint, SHA256:…: compare it with the host's"
)


def tables(mission: MissionSpec) -> Iterator[tuple[KeyPath, Spec]]:
    """Each of the tables, and where it stands in a mission file."""
    for kind, specs in (("source", mission.sources), ("store", mission.stores), ("area", mission.areas)):
        yield from (((kind, spec.name), spec) for spec in specs)
    yield from ((("replicate", at), rule) for at, rule in enumerate(mission.replicates))


def place_problems(definition: Definition) -> Iterator[Problem]:
    """What cannot work of sources, stores, rules and areas; their values one by one are looked at elsewhere."""
    mission = definition.mission
    for path, spec in tables(mission):
        if not isinstance(spec, ReplicateSpec):
            yield from _of(path, places.name_fault(spec.name))
        if isinstance(spec, PlaceSpec):
            yield from _place(path, spec)
        if isinstance(spec, SourceSpec):
            yield from _source(path, spec)
        elif isinstance(spec, StoreSpec):
            yield from _store(path, spec)
        elif isinstance(spec, ReplicateSpec):
            yield from _replicate(path, spec, definition)
    yield from _one_place(mission.stores)
    yield from _service(mission)


def _service(mission: MissionSpec) -> Iterator[Problem]:
    """What cannot work of ``[service]``."""
    for spec in mission.service:
        for key, specs in (("area", mission.areas), ("rse", mission.stores)):
            names, name = [each.name for each in specs], getattr(spec, key)
            if name and name not in names:
                yield Problem(("service", key), no_such({"rse": "store"}.get(key, key), name, names))
        if bool(spec.issuer) != bool(spec.audience):
            lacks, has = ("audience", "issuer") if spec.issuer else ("issuer", "audience")
            yield Problem(
                ("service", lacks), f"is missing, and {has} is there; tokens are of an issuer, for an audience"
            )


def _of(path: KeyPath, text: str | None) -> Iterator[Problem]:
    if text is not None:
        yield Problem(path, text)


# --- any place ---


def _place(path: KeyPath, spec: PlaceSpec) -> Iterator[Problem]:
    own = _KEYS.get(spec.scheme)
    if own is None or places.url_fault(spec.url) is not None:
        return
    for key in keys(type(spec)):
        if key.name in _OF_SOME - {*own} and getattr(spec, key.name) != key.default:
            given = ", ".join(own) or "none of that kind"
            yield Problem((*path, key.label), f"means nothing for a URL with {spec.scheme}:; there it takes {given}")
    yield from _NEEDED.get(spec.scheme, _nothing)(path, spec)


def _nothing(path: KeyPath, spec: PlaceSpec) -> Iterator[Problem]:
    yield from ()


def _sftp(path: KeyPath, spec: PlaceSpec) -> Iterator[Problem]:
    in_url = urlsplit(spec.url).username
    if not spec.host_key:
        yield Problem((*path, "host_key"), _HOST_KEY)
    if not spec.user and not in_url:
        yield Problem((*path, "user"), "is missing; who is one on that host?")
    if spec.user and in_url:
        yield Problem((*path, "user"), "stands in the URL as well; write it once")
    if not spec.private_key and not spec.password:
        yield Problem((*path, "private_key"), 'is missing; name an SSH key, "file:~/.ssh/id_ed25519", or a password')
    if spec.passphrase and not spec.private_key:
        yield Problem((*path, "passphrase"), "is that of a private key, and there is no private_key")


def _http(path: KeyPath, spec: PlaceSpec) -> Iterator[Problem]:
    yield from _both(path, spec, "user", "password")
    if spec.token and spec.user:
        yield Problem((*path, "token"), "stands beside a user; a request has one of both")


def _s3(path: KeyPath, spec: PlaceSpec) -> Iterator[Problem]:
    yield from _both(path, spec, "access_key", "secret_key")


def _gdrive(path: KeyPath, spec: PlaceSpec) -> Iterator[Problem]:
    if not spec.service_account:
        yield Problem((*path, "service_account"), 'is missing; name the JSON key of one, "file:~/.keys/drive.json"')


def _vos(path: KeyPath, spec: PlaceSpec) -> Iterator[Problem]:
    if not spec.endpoint:
        yield Problem(
            (*path, "endpoint"), 'is missing; write the base URL of the service, "https://ws.example.org/vault"'
        )


def _both(path: KeyPath, spec: PlaceSpec, *pair: str) -> Iterator[Problem]:
    given = [name for name in pair if getattr(spec, name)]
    if len(given) == 1:
        other = next(name for name in pair if name not in given)
        yield Problem((*path, other), f"is missing; {given[0]} needs it")


_NEEDED: dict[str, Callable[[KeyPath, PlaceSpec], Iterator[Problem]]] = {
    "sftp": _sftp,
    "http": _http,
    "https": _http,
    "s3": _s3,
    "gdrive": _gdrive,
    "vos": _vos,
}


# --- sources ---


def _source(path: KeyPath, source: SourceSpec) -> Iterator[Problem]:
    yield from _of((*path, "digests"), digests_fault(source.digests))
    try:
        parts = compile_path(source.path).parts
    except FormatError as error:
        yield Problem((*path, "path"), str(error))
        return
    if source.since is not None and not _fields(*parts) & _YEARS:
        yield Problem((*path, "since"), f"{source.path!r} has no field of a year, {{Y}}, to go by")
    if source.back is not None and not _fields(*parts[:-1]) & _YEARS:
        yield Problem((*path, "back"), f"{source.path!r} has no directories of dates, {{Y}}/{{m}}, to go by")


def digests_fault(text: str) -> str | None:
    """Why a template of side files is none that a source can have, or None."""
    if not text:
        return None
    rest = text.replace("{name}", "x")
    if "{" in rest or "}" in rest:
        return f"{text!r} has another field than {{name}}, the name of the file"
    if any(part in ("", "..") for part in rest.removeprefix("/").split("/")):
        return f"{text!r} leads out of the directory of the file; write a name that lies in it, SHA256SUMS"
    return None


def _fields(*parts: Part) -> set[str]:
    return {name for part in parts for name, _ in part.groups}


# --- stores ---


def _store(path: KeyPath, store: StoreSpec) -> Iterator[Problem]:
    if store.name in (places.ROOT, places.INCOMING):
        what = "the mission's root, which is a store already" if store.name == places.ROOT else "where files arrive"
        yield Problem(path, f"{store.name!r} is {what}; take another name")
    if store.scheme in _READ_FROM and store.trust is Trust.TRUSTED:
        text = f'nothing can be put there by {store.scheme}:; write trust = "{Trust.READ_ONLY}"'
        yield Problem((*path, "trust"), text)
    if store.layout is Layout.RUCIO and not _SCOPE.fullmatch(store.scope):
        text = "is missing" if not store.scope else "is not one: it has letters, digits, '.', '_' and '-'"
        yield Problem((*path, "scope"), f'{text}; layout = "{Layout.RUCIO}" has the path of SCOPE:NAME')
    elif store.layout is not Layout.RUCIO and store.scope:
        yield Problem((*path, "scope"), f'means nothing without layout = "{Layout.RUCIO}"')


def _one_place(stores: Sequence[StoreSpec]) -> Iterator[Problem]:
    """Stores elsewhere that are one place, or of which one holds the other; those here are looked at with the root."""
    remote = [store for store in stores if store.scheme != "file" and places.url_fault(store.url) is None]
    for one, other in combinations(remote, 2):
        (host, first), (other_host, second) = _where(one), _where(other)
        shorter = min(len(first), len(second))
        if host == other_host and first[:shorter] == second[:shorter]:
            text = f"it is the place of the store {one.name!r}, or one of both holds the other"
            yield Problem(("store", other.name, "url"), f"{text}; a copy would count twice: name another directory")


def _where(store: StoreSpec) -> tuple[tuple[str, ...], list[str]]:
    """The service and the host of a store, and the directories below them."""
    parts = urlsplit(store.url)
    host = parts.netloc.rpartition("@")[2]
    who = (store.user or parts.username or "") if parts.path.startswith("/~") else ""
    folded = host if store.scheme == "gdrive" else host.lower()
    return (store.scheme, store.endpoint, folded, who), [part for part in unquote(parts.path).split("/") if part]


# --- rules of replication ---


def _replicate(path: KeyPath, rule: ReplicateSpec, definition: Definition) -> Iterator[Problem]:
    if not rule.products:
        yield Problem((*path, "products"), 'is missing; name products, ["raw", "l1_*"], or all: ["*"]')
    if not rule.to:
        yield Problem((*path, "to"), 'is missing; name stores, ["nas"]')
    for at, pattern in enumerate(rule.products):
        if not any(fnmatchcase(name, pattern) for name in definition.products):
            text = f"{pattern!r} is the name of no product, and no name is like it"
            yield Problem((*path, "products", at), text + suggestion(pattern, definition.products))
    stores = {store.name: store for store in definition.mission.stores}
    for at, name in enumerate(rule.to):
        yield from _of((*path, "to", at), _target_fault(name, rule.to[:at], stores))
    yield from _of((*path, "copies"), _copies_fault(rule, stores))


def _target_fault(name: str, before: Collection[str], stores: Mapping[str, StoreSpec]) -> str | None:
    if name in before:
        return f"the store {name!r} is listed twice; list it once"
    if name == places.ROOT:
        return "the root has every file anyhow; name the stores that are to have copies besides"
    if name not in stores:
        return f"there is no store {name!r}{suggestion(name, stores) or f'; add [store.{name}]'}"
    if stores[name].trust is Trust.READ_ONLY or stores[name].scheme in _READ_FROM:
        return f"nothing is put into the store {name!r}, which is only read; name others"
    return None


def _copies_fault(rule: ReplicateSpec, stores: Mapping[str, StoreSpec]) -> str | None:
    """More copies than there are places whose copies count."""
    if rule.copies is None or any(name not in stores or places.url_fault(stores[name].url) for name in rule.to):
        return None
    count = len(copies.places(copies.counting([stores[name] for name in dict.fromkeys(rule.to)])))
    if rule.copies <= count:
        return None
    why = " whose copies count, each at a place of its own" if count < len(rule.to) else ""
    return f"{rule.copies} copies need as many stores, and in 'to' {_count(count)}{why}"


def _count(number: int) -> str:
    return "there is none" if number == 0 else f"there {'is' if number == 1 else 'are'} {number}"
