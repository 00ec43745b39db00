"""How WebDAV servers list a directory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from dbproc.core.errors import PermanentError
from dbproc.storage.stores.base import Entry
from dbproc.storage.stores.http_digests import etag
from dbproc.storage.stores.rest import http_date

HEADERS = {"Content-Type": "application/xml"}
PROPERTIES = (
    b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/>'
    b"</prop></propfind>"
)
_DAV = "{DAV:}"


def entries(answer: bytes, url: str, directory: str) -> Iterator[Entry]:
    """What a multistatus answer lists right below a URL that ends with ``/``.

    Raises
    ------
    PermanentError
        It is no such answer.
    """
    above = f"{directory.rstrip('/')}/" if directory else ""
    base = unquote(urlsplit(url).path)
    try:
        for _, element in iterparse(io.BytesIO(answer), forbid_dtd=True):
            if element.tag == f"{_DAV}response":
                path = unquote(urlsplit(urljoin(url, element.findtext(f"{_DAV}href", "").strip())).path)
                name = path[len(base) :].removesuffix("/") if path.startswith(base) else ""
                if name and "/" not in name:
                    yield _entry(above + name, element)
                element.clear()
    except (ParseError, DefusedXmlException) as error:
        raise PermanentError(f"{url}: its list cannot be read: {error}") from None


def _entry(path: str, element: Element) -> Entry:
    if element.find(f".//{_DAV}collection") is not None:
        return Entry(path=path, is_directory=True)
    size = _text(element, "getcontentlength")
    return Entry(
        path=path,
        size=int(size) if size.isdigit() else None,
        modified=http_date(_text(element, "getlastmodified")),
        etag=etag({"ETag": _text(element, "getetag")}),
    )


def _text(element: Element, name: str) -> str:
    return (element.findtext(f".//{_DAV}{name}") or "").strip()
