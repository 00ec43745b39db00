"""Lists of what lies in a store, as somebody else wrote them: what each line or entry says of a file. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from dbproc.core.filenames import UNFIT

PATH_KEYS = ("path", "key", "filename", "file", "name", "url")
"""What an entry may call where its file is, the first that it has; upper or lower case."""

SIZE_KEYS = ("size", "bytes", "filesize", "file_size", "length", "content_length")
"""What it may call the size."""

HOST_KEYS = ("host", "server", "store", "place")
"""What it may call the host."""

_ALGORITHMS = ("sha256", "sha1", "md5", "blake3")
_DIGEST_KEYS = ("digest", "checksum", "hash", "shasum")
_HOST_SIZE_PATH = re.compile(r"(?P<host>\S+)\s+(?P<size>\d+)\s+(?P<path>\S.*)")
_SIZE_PATH = re.compile(r"(?P<size>\d+)\s+(?P<path>\S.*)")
_DIGEST_PATH = re.compile(r"(?P<digest>[0-9a-fA-F]{64})\s+\*?(?P<path>\S.*)")
_EXTENSION = re.compile(r"\.(?!\d\d)(?=\w*[A-Za-z])[A-Za-z0-9]{1,10}$", re.ASCII)
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".Z", ".lz4")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/]*", re.IGNORECASE)
_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as a list has it.

    Attributes
    ----------
    path
        As it is written there.
    size
        Bytes; None when the list does not tell.
    digests
        ``sha256:…`` and the like, in lower-case hex.
    host
        The host that the list says it is on; nothing: it says none.
    """

    path: str
    size: int | None = None
    digests: tuple[str, ...] = ()
    host: str = ""


def listed_line(line: str) -> Listed | None:
    """What a line says: ``HOST SIZE PATH``, ``SIZE PATH``, ``SHA256 PATH`` or ``PATH``, between tabs or blanks; None
    of an empty one, of a comment and of a directory, which ends in a slash."""
    text = line.strip("\r\n")
    if not text.strip() or text.lstrip().startswith("#") or text.rstrip().endswith("/"):
        return None
    for pattern in (_DIGEST_PATH, _HOST_SIZE_PATH, _SIZE_PATH):
        found = pattern.fullmatch(text)
        if found is not None:
            facts = found.groupdict()
            digest = facts.get("digest")
            digests = (f"sha256:{digest.lower()}",) if digest else ()
            return Listed(facts["path"], _size(facts.get("size")), digests, facts.get("host") or "")
    return Listed(text.strip())


def listed_value(value: object) -> Listed | None:
    """What an entry of a JSON list says: a text is a path, an object has keys for what it says; None of one that is no
    file.

    Raises
    ------
    ValueError
        It is neither, or has no path.
    """
    if isinstance(value, str):
        return Listed(value)
    if not isinstance(value, Mapping):
        raise ValueError("is neither a path nor an object with one")
    facts = {str(key).lower(): each for key, each in value.items()}
    if facts.get("isdir") or facts.get("is_directory") or str(facts.get("type", "")).lower() in ("directory", "dir"):
        return None
    path = _text(facts, PATH_KEYS)
    if not path:
        raise ValueError(f"has no path; it is looked for under {', '.join(PATH_KEYS)}")
    sizes = (_size(facts[key]) for key in SIZE_KEYS if key in facts)
    return Listed(path, next(sizes, None), tuple(_digests(facts)), _text(facts, HOST_KEYS))


def _text(facts: Mapping[str, object], keys: tuple[str, ...]) -> str:
    return next((str(facts[key]) for key in keys if isinstance(facts.get(key), str | int)), "")


def _digests(facts: Mapping[str, object]) -> Iterator[str]:
    inner = facts.get("hashes")
    named = {str(key).lower().replace("-", ""): each for key, each in inner.items()} if isinstance(inner, dict) else {}
    for algorithm in _ALGORITHMS:
        value = facts.get(algorithm, facts.get(f"{algorithm}sum", named.get(algorithm)))
        if isinstance(value, str) and value:
            yield f"{algorithm}:{value.lower()}"
    for key in _DIGEST_KEYS:
        value = facts.get(key)
        if isinstance(value, str) and value.partition(":")[0].lower() in _ALGORITHMS and ":" in value:
            yield value.lower()


def _size(value: object) -> int | None:
    """A size that is one: a whole number that a column can hold."""
    try:
        number = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else -1
    except ValueError:
        return None
    return number if 0 <= number <= _MOST else None


def path_in_store(path: str, url: str) -> str | None:
    """A path of a list, relative to the store of a URL; None of one that leads out of it, or that no name may have."""
    top = url.rstrip("/") + "/"
    if path.startswith(top):
        text = path.removeprefix(top)
        text = unquote(text) if url.startswith("http") else text
    else:
        inner = _URL.sub("", top)
        text = path.removeprefix(inner) if path.startswith(inner) else path
        if url.startswith("s3:"):  # its keys begin without a slash
            text = path.removeprefix(inner.lstrip("/"))
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or "://" in text or UNFIT.search(text):
        return None
    return "/".join(parts)


def kind_of(name: str) -> str:
    """The extension of a name, or nothing: digits and what holds a hyphen are none, ``.072Z-DIFFUSE`` or ``.2014``."""
    stem, packed = posixpath.splitext(name)
    found = _EXTENSION.search(name)
    if found is None or found.start() == 0:
        return ""
    inner = _EXTENSION.search(stem) if packed in _PACKED else None
    return f"{inner[0] if inner and inner.start() else ''}{found[0]}"
