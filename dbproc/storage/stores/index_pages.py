"""The pages with which servers of HTTP list a directory: those of nginx, Apache, rclone, caddy, Python and their kind.

A file is a link that leads right below the page's own URL. Its size is taken where the page tells every byte, and its
time to the second or minute that the page tells; without a zone as UTC, for it is only ever compared with that of a
later page.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote, urljoin, urlsplit

from dbproc.storage.stores.base import Entry

_LINK = re.compile(r"""<a\s[^>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)')[^>]*>""", re.IGNORECASE)
_PLAIN = re.compile(r"(?:\./)?([^/?#:&%]+/?)")
_TAG = re.compile(r"<[^>]*>")
_ORDER = re.compile(r'data-order="(\d+)"')
_SIZE = re.compile(r"(?:^|\s)(\d+)\s*$")
_TIMES = (
    (re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\s*(?:&#43;|\+)00:?00)"), "%Y-%m-%d %H:%M:%S"),
    (re.compile(r"(\d\d-[A-Z][a-z]{2}-\d{4}) (\d\d:\d\d)"), "%d-%b-%Y %H:%M"),
    (re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d)"), "%Y-%m-%d %H:%M"),
)
_LONGEST_TAIL = 1000


def entries(page: str, url: str, directory: str) -> Iterator[Entry]:
    """The files and directories that a page lists.

    Parameters
    ----------
    page
        As it came.
    url
        Of the page, ending with ``/``.
    directory
        The path of the page in its place.
    """
    above = f"{directory.rstrip('/')}/" if directory else ""
    told: set[str] = set()
    links = _LINK.finditer(page)
    link = next(links, None)
    while link is not None:
        following = next(links, None)
        name = _name(link[1] or link[2] or "", url)
        if name and name not in told:
            told.add(name)
            end = min(link.end() + _LONGEST_TAIL, following.start() if following else len(page))
            yield _entry(above, name, page[link.end() : end])
        link = following


def _name(target: str, url: str) -> str:
    """The name of what a link leads to, a directory's with ``/`` behind it; nothing where it is not right below."""
    plain = _PLAIN.fullmatch(target)
    if plain:
        name = plain[1]
    else:
        try:
            parts, own = urlsplit(urljoin(url, unescape(target))), urlsplit(url)
        except ValueError:
            return ""
        if (parts.scheme, parts.netloc) != (own.scheme, own.netloc) or parts.query or "?" in target:
            return ""
        path, base = unquote(parts.path), unquote(own.path)
        name = path[len(base) :] if path.startswith(base) else ""
    inner = name.removesuffix("/")
    return "" if inner in ("", ".", "..") or "/" in inner else name


def _entry(above: str, name: str, tail: str) -> Entry:
    if name.endswith("/"):
        return Entry(path=above + name[:-1], is_directory=True)
    return Entry(path=above + name, size=_size(tail), modified=_time(tail))


def _size(tail: str) -> int | None:
    """What follows a link ends with the size; where that is rounded it is not taken."""
    found = _ORDER.search(tail)
    if found is None:
        rest = tail.partition("</a>")[2].partition("\n")[0]
        found = _SIZE.search(_TAG.sub(" ", rest).replace("&nbsp;", " ").rstrip())
    return int(found[1]) if found else None


def _time(tail: str) -> dt.datetime | None:
    for pattern, form in _TIMES:
        found = pattern.search(tail)
        if found:
            try:
                return dt.datetime.strptime(f"{found[1]} {found[2]}", form).replace(tzinfo=dt.UTC)
            except ValueError:
                return None
    return None
