"""Where files come from and where they are kept: sources, stores, rules of replication, users' areas. Pure.

What a mission file says of them, by names. A credential is a reference, ``env:NAME``, ``file:PATH`` or
``keyring:SERVICE/NAME``, and is looked up when it is used: no secret stands here, in the database, in a message or in
the arguments of a process.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

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

_REFERENCES = ("env:", "file:", "keyring:")
_REFER = "name where it is kept: env:NAME, file:PATH or keyring:SERVICE/NAME"


def reference_fault(text: str) -> str | None:
    """Why a text is no reference to a credential, or None; the message does not show it, for it may be one."""
    kind, _, name = text.partition(":")
    if not text or (text.startswith(_REFERENCES) and name.strip()):
        return bounds.PATH(text)
    if f"{kind}:" in _REFERENCES:
        return f"{kind}: names nothing; {_REFER}"
    return f"is not a reference to a credential, and credentials stand in no mission file; {_REFER}"


def url_fault(text: str) -> str | None:
    """Why a URL is none that a place may have, or None; it holds no credential."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "is no URL: its port or its host cannot be read"
    if parts.scheme not in SCHEMES:
        return f"must begin with one of {', '.join(f'{each}:' for each in SCHEMES)}"
    if parts.password is not None:
        return f"holds a password; {_REFER}"
    if parts.query or parts.fragment:
        return f"holds what may be a credential after ? or #; {_REFER}"
    if parts.scheme == "file":
        is_local = parts.netloc in ("", "localhost") and parts.path.startswith("/")
        return bounds.directory(parts.path) if is_local else "must be file:///PATH with the whole path of a directory"
    if not parts.hostname or port == 0:
        return f"names no host; write {parts.scheme}://…"
    return bounds.directory(text)


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


_REFERENCE = key(TEXT, check=reference_fault)


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
        The base URL of the service: of S3 (without it: Amazon's), Google Drive (Google's), VOSpace.
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
    url: str = option("", key(TEXT, check=url_fault))
    user: str = option("", key(TEXT, check=bounds.NAME))
    password: str = option("", _REFERENCE)
    private_key: str = option("", _REFERENCE)
    passphrase: str = option("", _REFERENCE)
    host_key: str = option("", key(TEXT, check=bounds.PATH))
    token: str = option("", _REFERENCE)
    access_key: str = option("", _REFERENCE)
    secret_key: str = option("", _REFERENCE)
    service_account: str = option("", _REFERENCE)
    endpoint: str = option("", key(TEXT, check=bounds.PATH))
    region: str = option("", key(TEXT, check=bounds.NAME))
    ca_file: str = option("", key(TEXT, check=bounds.directory))
    hosts: tuple[str, ...] = option((), key(WORDS, check=bounds.NAME, codec=PATTERNS))
    connections: int = option(4, key(WHOLE, check=bounds.Bound(1, 64)))
    bandwidth: float | None = option(None, key(NUMBER, check=bounds.Bound(0, 1e6, " MB/s", above=True)))
    timeout: dt.timedelta = option(dt.timedelta(seconds=60), key(DURATION, check=bounds.SOME_TIME, codec=SECONDS))
    reserve: float = option(1.0, key(NUMBER, check=bounds.MEMORY))

    @property
    def scheme(self) -> str:
        """The protocol."""
        return self.url.partition(":")[0]


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
    layout: Layout = option(Layout.MISSION, key(TEXT, choices=Layout))
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
    products: tuple[str, ...] = option((), key(WORDS, check=bounds.NAME, codec=PATTERNS))
    to: tuple[str, ...] = option((), key(WORDS, check=bounds.NAME, codec=PATTERNS))
    copies: int | None = option(None, key(WHOLE, check=bounds.FROM_ONE))
    versions: str = option("newest", key(TEXT, choices=("newest", "all")))


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
    directory: str = option("", key(TEXT, check=bounds.absolute))
    quota: float | None = option(None, key(NUMBER, check=bounds.MEMORY))
    link: Link = option(Link.COPY, key(TEXT, choices=Link))
    expires: dt.timedelta | None = option(None, key(DURATION, check=bounds.SOME_TIME, codec=SECONDS))
    reserve: float = option(1.0, key(NUMBER, check=bounds.MEMORY))


SOURCES = tables_codec(SourceSpec)
STORES = tables_codec(StoreSpec)
REPLICATES = tables_codec(ReplicateSpec)
AREAS = tables_codec(AreaSpec)
