"""Where files come from and where they are kept: sources, stores, rules of replication, users' areas. Pure.

What a mission file says of them, by names. A credential is a reference, ``env:NAME``, ``file:PATH`` or
``keyring:SERVICE/NAME``, and is looked up when it is used: no secret stands here, in the database, in a message or in
the arguments of a process.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit

from dbproc.core import bounds, rucio
from dbproc.core.durations import SECONDS
from dbproc.core.json_tables import tables_codec
from dbproc.core.keys import DATE, DURATION, FLAG, NUMBER, TEXT, WHOLE, WORDS, Codec, key, option
from dbproc.core.text_lists import PATTERNS

SCHEMES = ("file", "sftp", "http", "https", "s3", "gdrive", "vos")
"""The protocols that places speak."""

ROOT = "root"
"""The name of the store that is the mission's root."""

INCOMING = "incoming"
"""The name of the place that is the mission's incoming directory."""

_REFERENCES = {
    "env:": (re.compile(r"[A-Za-z_]\w*", re.ASCII), "a variable of the environment, env:NAME"),
    "file:": (re.compile(r".*\S.*"), "a file, file:PATH"),
    "keyring:": (re.compile(r"[^/]+/.+"), "an entry of the keyring, keyring:SERVICE/NAME"),
}
_REFER = "name where it is kept: env:NAME, file:PATH or keyring:SERVICE/NAME"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
FINGERPRINTS = ("SHA256:", "MD5:", "ssh-", "ecdsa-")
"""How what is no path of a file of host keys begins."""

_HOST = re.compile(r"[\w.~!-]+|\[[\da-fA-F:.]+\]", re.ASCII)


def is_reference(text: str) -> bool:
    """Whether a text names where a credential is kept."""
    return text.startswith(tuple(_REFERENCES))


def reference_fault(text: str) -> str | None:
    """Why a text is no reference to a credential, or None; the message does not show it, for it may be one."""
    if not text:
        return None
    kind, _, name = text.partition(":")
    if f"{kind}:" not in _REFERENCES:
        return f"is not a reference to a credential, and credentials stand in no mission file; {_REFER}"
    written, what = _REFERENCES[f"{kind}:"]
    if written.fullmatch(name) and len(text) <= bounds.PATH.most:
        return None
    return f"begins with {kind}: and does not name {what}"


def user_fault(text: str) -> str | None:
    """Why a text is neither a user's name nor a reference to one, or None; the message does not show it."""
    if is_reference(text):
        return reference_fault(text)
    if re.fullmatch(r"[^\s:@/]{0,200}", text):
        return None
    return "is neither the name of a user nor a reference to one: it has a blank or one of : @ / in it, or is too long"


def url_fault(text: str) -> str | None:
    """Why a URL is none that a place may have, or None; the message does not show it, for it may hold a credential."""
    parts = _parts(text)
    if parts is None:
        return "is no URL: its port or its host cannot be read"
    scheme = parts.scheme
    if scheme not in SCHEMES or not text.startswith(f"{scheme}:"):
        return f"must begin with one of {', '.join(f'{each}:' for each in SCHEMES)}"
    found = _credential_fault(parts, f"{_REFER}, in a key of its own")
    if found is not None:
        return found
    if parts.username is not None and scheme != "sftp":
        return "holds a user before the @; the key user, or a reference, says who one is there"
    if parts.username is not None and user_fault(parts.username) is not None:
        return "holds a user before the @ that cannot be one"
    if "{" in text or "}" in text:
        return "has braces in it; fields of dates stand in path"
    if ".." in unquote(parts.path).split("/"):
        return "has '..' in it; write the directory that is meant"
    return _file_fault(parts) if scheme == "file" else _host_fault(text, parts)


def _parts(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return None if text != text.strip() else parts


def _credential_fault(parts: SplitResult, refer: str) -> str | None:
    if parts.password is not None:
        return f"holds a password; {refer}"
    if parts.query or parts.fragment:
        return f"holds what may be a credential after ? or #; {refer}"
    return None


def _file_fault(parts: SplitResult) -> str | None:
    is_local = parts.netloc in ("", "localhost") and parts.path.startswith("/")
    return bounds.directory(parts.path) if is_local else "must be file:///PATH with the whole path of a directory"


def _host_fault(text: str, parts: SplitResult) -> str | None:
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme in ("s3", "gdrive", "vos") and ":" in host:
        return f"names no host but {_AUTHORITIES[parts.scheme]}; the host and its port are those of endpoint"
    if parts.port is not None:
        host = host.rpartition(":")[0]
    if not _HOST.fullmatch(host) or parts.port == 0:
        wanted = _AUTHORITIES.get(parts.scheme, "HOST/DIRECTORY")
        return f"names no host that there can be; write {parts.scheme}://{wanted}"
    return bounds.directory(text)


_AUTHORITIES = {"s3": "BUCKET/PREFIX", "gdrive": "FOLDER-ID/DIRECTORY", "vos": "AUTHORITY/DIRECTORY"}


def endpoint_fault(text: str) -> str | None:
    """Why a text is no base URL of a service, or None; the message does not show it."""
    parts = _parts(text)
    if not text:
        return None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be the base URL of the service, https://HOST or https://HOST:PORT"
    if parts.username is not None:
        return f"holds a user; {_REFER}"
    return _credential_fault(parts, _REFER) or bounds.directory(text)


def host_fault(text: str) -> str | None:
    """Why a text is no host that may be reached besides that of the URL, or None; the message does not show it."""
    if re.fullmatch(r"[\w.-]{1,253}|\[?[\da-fA-F:.]+\]?", text, re.ASCII):
        return None
    return "must be the name of a host or an address, without https:// and without a port"


def host_key_fault(text: str) -> str | None:
    """Why a text is neither the fingerprint of a host key nor the path of a file of them, or None."""
    if text.startswith("SHA256:"):
        is_whole = _FINGERPRINT.fullmatch(text)
        return None if is_whole else "is not a whole fingerprint: behind SHA256: stand 43 letters and digits"
    if text.startswith(FINGERPRINTS):
        return "must be the fingerprint that ssh-keygen -l shows, SHA256:…, or the path of a known_hosts file"
    return bounds.directory(text)


def name_fault(text: str) -> str | None:
    """Why a source, a store or an area cannot have a name, or None."""
    if _NAME.fullmatch(text):
        return None
    return (
        f"{text[:40]!r} is not a name: take letters, digits, '.', '_' and '-', a letter or a digit first, at most 100"
    )


class Trust(StrEnum):
    """How far a store is trusted."""

    TRUSTED = "trusted"  #: its verified copies count, and copies are put there
    READ_ONLY = "read-only"  #: its verified copies count; nothing is put there or removed
    UNTRUSTED = "untrusted"  #: its copies never count as ones that keep a file; they are read where no other is up


class Verify(StrEnum):
    """How what comes from a source is verified."""

    ORIGIN = "origin"  #: by the digests that the origin tells, or a side file
    TWICE = "twice"  #: the origin is read a second time where it tells no digest


class Link(StrEnum):
    """How a file is put into an area."""

    COPY = "copy"  #: its bytes
    HARDLINK = "hardlink"  #: another name of it, on the same filesystem
    SYMLINK = "symlink"  #: a symbolic link to it
    REFLINK = "reflink"  #: its bytes, shared by the filesystem until one of both is written to


class Layout(StrEnum):
    """Where the files of a store lie in it."""

    MISSION = "mission"  #: as below the root
    RUCIO = "rucio"  #: by the first digits of the MD5 of SCOPE:NAME


_REFERENCE = key(TEXT, check=reference_fault, secret=True)


_AS_RECORDED = "what is recorded is looked for there from now on; nothing is moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSpec:
    """A place: its URL, who one is there, and the limits that hold for it.

    Attributes
    ----------
    url
        ``file:///dir``, ``sftp://user@host/dir`` (relative to the home directory with ``/~/dir``), ``https://host/dir``,
        ``s3://bucket/prefix``, ``gdrive://FOLDER-ID/dir``, ``vos://authority/dir``.
    user, password
        Of HTTP and SFTP; `user` may also stand in the URL. `user` is a name or a reference, as are the next.
    private_key, passphrase
        References to an SSH private key and its passphrase.
    host_key
        The pinned SSH host key: ``SHA256:…`` (the fingerprint), or the path of a ``known_hosts`` file.
    token
        A reference to a bearer token (HTTP, VOSpace).
    access_key, secret_key
        References, of S3.
    service_account
        A reference to the JSON key of a service account, of Google Drive.
    endpoint
        The base URL of the service: of S3 (without it: Amazon's), where ``{bucket}`` may stand in the host, of Google
        Drive (Google's), VOSpace.
    region
        Of S3.
    ca_file
        The certificates to trust instead of the system's.
    hosts
        Other hosts that redirects may lead to, and private addresses that may be connected to; none else is reached.
    connections
        How many at the same time.
    bandwidth
        MB/s of all of them together; None: no limit.
    timeout
        After so long without a byte the peer counts as gone.
    reserve
        GiB that must stay free: where a source's files arrive, and in a store.
    """

    name: str
    url: str = field(metadata=key(TEXT, check=url_fault, secret=True, remark=_AS_RECORDED))
    user: str = option("", key(TEXT, check=user_fault, secret=True))
    password: str = option("", _REFERENCE)
    private_key: str = option("", _REFERENCE)
    passphrase: str = option("", _REFERENCE)
    host_key: str = option("", key(TEXT, check=host_key_fault))
    token: str = option("", _REFERENCE)
    access_key: str = option("", _REFERENCE)
    secret_key: str = option("", _REFERENCE)
    service_account: str = option("", _REFERENCE)
    endpoint: str = option("", key(TEXT, check=endpoint_fault, secret=True))
    region: str = option("", key(TEXT, check=bounds.NAME))
    ca_file: str = option("", key(TEXT, check=bounds.directory))
    hosts: tuple[str, ...] = option((), key(WORDS, check=host_fault, codec=PATTERNS))
    connections: int = option(4, key(WHOLE, check=bounds.Bound(1, 64)))
    bandwidth: float | None = option(None, key(NUMBER, check=bounds.Bound(0, 1e6, " MB/s", above=True)))
    timeout: dt.timedelta = option(dt.timedelta(seconds=60), key(DURATION, check=bounds.SOME_TIME, codec=SECONDS))
    reserve: float = option(1.0, key(NUMBER, check=bounds.MEMORY))

    @property
    def scheme(self) -> str:
        """The protocol."""
        return self.url.partition(":")[0]

    @property
    def directory(self) -> str:
        """The directory of a place on this machine."""
        return unquote(urlsplit(self.url).path)

    @property
    def summary(self) -> str:
        """What it is, in words."""
        return self.url


_DAY = Codec(dt.date.isoformat, dt.date.fromisoformat)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec(PlaceSpec):
    """``[source.NAME]``: files that are fetched into incoming.

    Attributes
    ----------
    path
        Which files, below the URL: directories and a name with fields of dates and glob patterns,
        ``{Y}/{m}/*.cdf``.
    every
        How long after the last look a run looks again.
    since
        Files of earlier dates are left alone, where `path` has fields of dates.
    back
        Directories of dates so long ago are not listed again once all that was in them was fetched; None: all are.
    budget
        How long a run spends on it; what is left waits for the next.
    files
        At most so many files in one look.
    digests
        Side files with digests: ``{name}.sha256`` beside each file, or one for a directory, ``SHA256SUMS``.
    verify
        How what came is verified.
    """

    path: str = option("*", key(TEXT, check=bounds.PATH))
    every: dt.timedelta = option(dt.timedelta(hours=1), key(DURATION, check=bounds.SOME_TIME, codec=SECONDS))
    since: dt.date | None = option(None, key(DATE, codec=_DAY))
    back: dt.timedelta | None = option(None, key(DURATION, check=bounds.SOME_TIME, codec=SECONDS))
    budget: dt.timedelta = option(dt.timedelta(minutes=5), key(DURATION, check=bounds.SOME_TIME, codec=SECONDS))
    files: int | None = option(None, key(WHOLE, check=bounds.Bound(1, 10**9)))
    digests: str = option("", key(TEXT, check=bounds.PATH))
    verify: Verify = option(Verify.ORIGIN, key(TEXT, choices=Verify))
    active: bool = option(True, key(FLAG))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSpec(PlaceSpec):
    """``[store.NAME]``: a place that holds copies of files.

    Attributes
    ----------
    trust
        How far it is trusted.
    preference
        Of several stores that hold a file that of the lowest number is read first.
    layout
        Where its files lie.
    scope
        Of layout ``rucio``.
    """

    trust: Trust = option(Trust.TRUSTED, key(TEXT, choices=Trust))
    preference: int = option(100, key(WHOLE, check=bounds.COUNT))
    layout: Layout = option(Layout.MISSION, key(TEXT, choices=Layout, remark="of copies from now on; none is moved"))
    scope: str = option("", key(TEXT, check=bounds.NAME))

    def path_of(self, directory: str, name: str) -> str:
        """Where a file lies in the store.

        Parameters
        ----------
        directory
            Of its product, as below the root.
        name
            The file's, or the path of a member of its companion directory: ``x.idx``, ``x/0000.bin``.

        Raises
        ------
        PermanentError
            Its layout has no place for such a name.
        """
        if self.layout is Layout.RUCIO:
            return rucio.path(self.scope, name)
        return f"{directory}/{name}" if directory not in ("", ".") else name


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicateSpec:
    """``[[replicate]]``: which products have copies where, and how many at least. Its name is its place in the file.

    Attributes
    ----------
    products
        Names of products, or patterns of names.
    to
        Names of stores.
    copies
        How many verified copies outside of the root there are to be at least; by default one in each store of `to`.
    versions
        ``newest`` or ``all``.
    """

    name: str
    products: tuple[str, ...] = field(metadata=key(WORDS, check=bounds.NAME, codec=PATTERNS))
    to: tuple[str, ...] = field(metadata=key(WORDS, check=bounds.NAME, codec=PATTERNS))
    copies: int | None = option(None, key(WHOLE, check=bounds.FROM_ONE))
    versions: str = option("newest", key(TEXT, choices=("newest", "all")))

    @property
    def summary(self) -> str:
        """What it is, in words."""
        return f"{', '.join(self.products)} → {', '.join(self.to)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaSpec:
    """``[area.NAME]``: a directory tree for users, ``DIRECTORY/USER/…``.

    Attributes
    ----------
    directory
        Absolute, outside of the root.
    quota
        GiB that each user may have in it; None: no limit.
    link
        How files are put there, unless a request says otherwise.
    expires
        How long they stay, unless a request says otherwise; None: for good.
    reserve
        GiB that must stay free.
    """

    name: str
    directory: str = field(metadata=key(TEXT, check=bounds.absolute, remark=_AS_RECORDED))
    quota: float | None = option(None, key(NUMBER, check=bounds.MEMORY))
    link: Link = option(Link.COPY, key(TEXT, choices=Link))
    expires: dt.timedelta | None = option(None, key(DURATION, check=bounds.SOME_TIME, codec=SECONDS))
    reserve: float = option(1.0, key(NUMBER, check=bounds.MEMORY))

    @property
    def summary(self) -> str:
        """What it is, in words."""
        return self.directory


Located = SourceSpec | StoreSpec | AreaSpec

SOURCES = tables_codec(SourceSpec)
STORES = tables_codec(StoreSpec)
REPLICATES = tables_codec(ReplicateSpec)
AREAS = tables_codec(AreaSpec)


def kept_here(stores: Iterable[StoreSpec], areas: Iterable[AreaSpec]) -> dict[tuple[str | int, ...], str]:
    """The directories on this machine of stores and areas, by their keys in a mission file."""
    kept: dict[tuple[str | int, ...], str] = {}
    kept |= {("store", store.name, "url"): store.directory for store in stores if _is_here(store)}
    return kept | {("area", area.name, "directory"): area.directory for area in areas if area.directory.startswith("/")}


def origins_here(sources: Iterable[SourceSpec]) -> dict[tuple[str | int, ...], str]:
    """The directories on this machine of sources, by their keys in a mission file."""
    return {("source", source.name, "url"): source.directory for source in sources if _is_here(source)}


def _is_here(spec: PlaceSpec) -> bool:
    return spec.scheme == "file" and url_fault(spec.url) is None


def renamed(before: Sequence[Located], after: Sequence[Located]) -> dict[str, str]:
    """The former names of sources, stores or areas that have another name, by their names now: each is told by where it
    is, and a source by its path as well."""
    former, present = {each.name for each in before}, {each.name for each in after}
    gone = _by_place(each for each in before if each.name not in present)
    added = _by_place(each for each in after if each.name not in former)
    return {each.name: gone[where].name for where, each in added.items() if where in gone}


def _by_place(specs: Iterable[Located]) -> dict[tuple[str, ...], Located]:
    """Sources, stores or areas by where they are; of several at one place nothing is known."""
    found: dict[tuple[str, ...], list[Located]] = {}
    for each in specs:
        found.setdefault((each.summary, each.path if isinstance(each, SourceSpec) else ""), []).append(each)
    return {where: some[0] for where, some in found.items() if len(some) == 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a database has recorded of places, by their names there: ``store nas``.

    Attributes
    ----------
    transfers
        How many transfers from or to a place are open.
    copies
        How many copies of files a store has.
    kept_in
        How many files have no bytes but in stores, by the set of these.
    placed
        How many files lie in an area.
    """

    transfers: Mapping[str, int] = field(default_factory=dict)
    copies: Mapping[str, int] = field(default_factory=dict)
    kept_in: Mapping[frozenset[str], int] = field(default_factory=dict)
    placed: Mapping[str, int] = field(default_factory=dict)

    @property
    def essence(self) -> tuple[frozenset[object], ...]:
        """What of it matters for what can be removed: of what there is any."""
        return (frozenset(self.transfers), frozenset(self.copies), frozenset(self.kept_in), frozenset(self.placed))
