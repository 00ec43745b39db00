"""Places in a VOSpace, such as Cavern: nodes are listed, and bytes go to and from where the service negotiates.

A file is put beside where it goes and then moved there, for a node has its name as soon as its first byte comes. What
the service names as endpoints is reached only at its own host and at hosts that the mission file names.
"""

from __future__ import annotations

import queue
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NoReturn
from urllib.parse import quote, unquote, urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape, quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from urllib3.response import BaseHTTPResponse

from dbproc.core.errors import GoneError, PermanentError, TakenError, TemporaryError
from dbproc.core.places import PlaceSpec
from dbproc.core.redaction import without_credentials
from dbproc.storage.stores import http_digests, rest
from dbproc.storage.stores.base import Entry, partial_name, refuse_leading_out
from dbproc.storage.stores.credentials import value

_XML = "http://www.ivoa.net/xml/VOSpace/v2.0"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_CORE = "ivo://ivoa.net/vospace/core#"
_PAGE = 1000
_MD5 = re.compile(r"[0-9a-f]{32}")
_TEXT = {"Content-Type": "text/xml"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_WAIT_SECONDS = 5
_AGAIN_SECONDS = 0.2


def place(spec: PlaceSpec) -> VosPlace:
    """The container of a ``vos:`` URL; its `endpoint` is the service's base URL."""
    return VosPlace(spec)


@dataclass(frozen=True, slots=True)
class _Node:
    """A node: its kind, where its bytes are asked for, and what it is as a file or directory."""

    kind: str
    whole: str
    entry: Entry
    link: str
    properties: Mapping[str, str]


class VosPlace:
    """A container of a VOSpace."""

    def __init__(self, spec: PlaceSpec) -> None:
        parts = urlsplit(spec.url)
        if not spec.endpoint:
            raise PermanentError(f"{spec.name}: a vos: place needs the base URL of its service: endpoint = 'https://…'")
        self.url = spec.url
        self._spec = spec
        self._authority = parts.netloc
        self._prefix = unquote(parts.path).strip("/")
        self._service = rest.Service(spec, spec.endpoint)
        self._others: dict[str, rest.Service] = {}
        self._token = value(spec.token)
        self._containers: set[str] = set()
        self._is_there = False
        self.host = self._service.host

    def entries(self, directory: str = "") -> Iterator[Entry]:
        """The files and directories in a directory; a link to a file of the place is one, others are left out."""
        refuse_leading_out(directory)
        directory = directory.rstrip("/")
        start, last = "", ""
        while True:
            query = f"?detail=max&limit={_PAGE}" + (f"&uri={quote(start, safe='')}" if start else "")
            root = self._xml(self._node_target(self._whole(directory)) + query, directory)
            nodes = root.findall("nodes/node")
            for node in nodes if not start else nodes[1:]:
                found = self._followed(self._read_node(node, directory))
                if found is not None:
                    yield found.entry
            last, start = start, nodes[-1].get("uri", "") if nodes else ""
            if len(nodes) < _PAGE or start == last:
                return

    def look(self, path: str) -> Entry:
        """One file as it is now."""
        return self._file(path).entry

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> rest.Body:
        """Read a file from a byte on; from its beginning where it is not the one that is known."""
        node = self._file(path)
        goes_on = known is not None and known.is_provably(node.entry)
        wanted, skip = rest.range_of(offset if goes_on else 0, known)
        service, target, headers = self._endpoint(node.whole, "pullFromVoSpace", "get", path)
        response = service.open("GET", target, {**headers, **wanted})
        entry = _with_digests(node.entry, response)
        if wanted and known is not None and rest.goes_on(response, offset - skip, known):
            return rest.Body(service.host, response, entry, offset, skip)
        if response.status == 200:
            return rest.Body(service.host, response, entry)
        if wanted and response.status in (206, 416):
            response.close()
            return self.read(path)
        self.refuse(path, service.whole(response))

    def upload(self, path: str, name: str, offset: int = 0, token: str = "", size: int | None = None) -> VosUpload:
        """Begin to put a file; a VOSpace goes on with none."""
        refuse_leading_out(path)
        self._make_containers(self._whole(path).rpartition("/")[0])
        return VosUpload(self, path, name, size)

    def remove(self, path: str) -> None:
        """Remove a file."""
        refuse_leading_out(path)
        answer = self._ask("DELETE", self._node_target(self._whole(path)))
        if answer.status not in (200, 204, 404):
            self.refuse(path, answer)

    def free(self) -> int | None:
        """What is left of the container's quota; None where it has none."""
        node = self._node("")
        try:
            return max(0, int(node.properties["quota"]) - int(node.properties["length"]))
        except (KeyError, ValueError):
            return None

    def close(self) -> None:
        """End every connection."""
        for service in (self._service, *self._others.values()):
            service.close()

    def is_there(self, path: str) -> bool:
        """Whether a node has a name."""
        answer = self._ask("GET", f"{self._node_target(self._whole(path))}?detail=min&limit=0")
        if answer.status == 404:
            return False
        if answer.status != 200:
            self.refuse(path, answer)
        return True

    def put(self, path: str, size: int | None) -> _Stream:
        """Begin to send the bytes of a node."""
        service, target, headers = self._endpoint(self._whole(path), "pushToVoSpace", "put", path)
        length = {} if size is None else {"Content-Length": str(size)}
        sent = {"Content-Type": "application/octet-stream", **headers, **length}
        return _Stream(service, target, sent)

    def move(self, path: str, to: str) -> None:
        """Give a node another name; a job of the service, whose end is waited for."""
        body = _transfer(
            self._uri(self._whole(path)), self._uri(self._whole(to)), "<vos:keepBytes>false</vos:keepBytes>"
        )
        answer = self._ask("POST", "/transfers", _TEXT, body)
        if answer.status == 409:
            raise TakenError(f"{self.url}: {to} is there already, and is not overwritten")
        job = self._led_to(answer, to)
        started = self._ask("POST", f"{job}/phase", _FORM, b"PHASE=RUN")
        if started.status not in (200, 303):
            self.refuse(to, started)
        self._wait_for(job, to)

    def refuse(self, path: str, answer: rest.Answer) -> NoReturn:
        """Raise what is wrong with a node."""
        if answer.status == 404 and not self._is_there and path:
            self._node("")
        words = answer.data.decode(errors="replace")
        what = f"{self.url}: {path}" if path else self.url
        if answer.status == 404 and not path:
            raise PermanentError(f"{what}: {self.host} has no such container (404)")
        if answer.status == 409 and "NodeBusy" in words:
            raise TemporaryError(f"{what}: {words.strip()}", retry_after=rest.retry_after(answer.headers))
        rest.refuse(what, answer, words)

    def _wait_for(self, job: str, path: str) -> None:
        """Wait until a job of the service ends."""
        until = time.monotonic() + self._spec.timeout.total_seconds()
        while time.monotonic() < until:
            asked = time.monotonic()
            phase = self._xml(f"{job}?WAIT={_WAIT_SECONDS}", path).findtext("phase") or ""
            if phase == "COMPLETED":
                return
            if phase in ("ERROR", "ABORTED"):
                said = without_credentials(self._ask("GET", f"{job}/error").data.decode(errors="replace"))
                words = " ".join(said.split())[:300]
                if "DuplicateNode" in words:
                    raise TakenError(f"{self.url}: {path} is there already, and is not overwritten")
                raise TemporaryError(f"{self.url}: {path}: {words or phase}")
            if time.monotonic() - asked < _AGAIN_SECONDS:  # it does not wait itself
                time.sleep(_AGAIN_SECONDS)
        raise TemporaryError(f"{self.url}: {path}: {self.host} does not end the move")

    def _whole(self, path: str) -> str:
        return "/".join(part for part in (self._prefix, path) if part)

    def _uri(self, whole: str) -> str:
        return f"vos://{self._authority}/{quote(whole)}"

    def _node_target(self, whole: str) -> str:
        return f"/nodes/{quote(whole)}"

    def _ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> rest.Answer:
        return self._service.ask(method, target, {**self._authorized(), **(headers or {})}, body)

    def _authorized(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def _xml(self, target: str, path: str) -> Element:
        answer = self._ask("GET", target)
        if answer.status != 200:
            self.refuse(path, answer)
        return _tree(self.host, answer.data)

    def _node(self, path: str) -> _Node:
        whole = self._whole(path)
        root = self._xml(f"{self._node_target(whole)}?detail=max&limit=0", path)
        self._is_there = True
        return self._read_node(root, path.rpartition("/")[0], path)

    def _read_node(self, node: Element, directory: str, path: str | None = None) -> _Node:
        """A node's XML; its name is that of the request, or the last part of its URI."""
        name = unquote(node.get("uri", "").rstrip("/").rpartition("/")[2])
        path = path if path is not None else f"{directory}/{name}" if directory else name
        told = {
            each.get("uri", "").rpartition("#")[2]: each.text or "" for each in node.iterfind("properties/property")
        }
        kind = node.get(f"{{{_XSI}}}type", "").rpartition(":")[2]
        md5 = told.get("MD5", "").lower()
        entry = Entry(
            path=path,
            size=int(told["length"]) if told.get("length", "").isdigit() and kind != "ContainerNode" else None,
            modified=rest.iso_date(told.get("date")),
            etag=md5,
            digests=(f"md5:{md5}",) if _MD5.fullmatch(md5) else (),
            is_directory=kind == "ContainerNode",
        )
        return _Node(kind, self._whole(path), entry, node.findtext("target") or "", told)

    def _followed(self, node: _Node) -> _Node | None:
        """The node, behind a link as well; None for what is no path, and a link that leads to no file of the place."""
        if not _is_path(node.entry.path):
            return None
        if node.kind != "LinkNode":
            return node
        path = self._within(node.link)
        if path is None:
            return None
        try:
            behind = self._node(path)
        except GoneError:
            return None
        if behind.kind in ("ContainerNode", "LinkNode"):
            return None
        return replace(behind, entry=replace(behind.entry, path=node.entry.path))

    def _within(self, uri: str) -> str | None:
        """The path in the place of a URI; None for one that leads out of it."""
        parts = urlsplit(uri)
        whole = unquote(parts.path).strip("/")
        prefix = f"{self._prefix}/" if self._prefix else ""
        same = parts.scheme == "vos" and parts.netloc.replace("!", "~") == self._authority.replace("!", "~")
        path = whole.removeprefix(prefix)
        return path if same and whole.startswith(prefix) and path and _is_path(path) else None

    def _file(self, path: str) -> _Node:
        refuse_leading_out(path)
        node = self._node(path)
        found = self._followed(node)
        if found is None:
            raise PermanentError(f"{self.url}: {path} is a link that leads to no file of this place")
        if found.entry.is_directory:
            raise GoneError(f"{self.url}: {path} is no file")
        return found

    def _make_containers(self, whole: str) -> None:
        """Make the containers on the way to a file, below that of the place."""
        if whole == self._prefix or whole in self._containers or not whole:
            return
        self._make_containers(whole.rpartition("/")[0])
        uri = quoteattr(self._uri(whole))
        kind = f'xmlns:vos="{_XML}" xmlns:xsi="{_XSI}" xsi:type="vos:ContainerNode" version="2.1"'
        body = f"<vos:node {kind} uri={uri}><vos:properties/><vos:nodes/></vos:node>".encode()
        answer = self._ask("PUT", self._node_target(whole), _TEXT, body)
        if answer.status not in (200, 201, 409):
            self.refuse(whole, answer)
        self._containers.add(whole)

    def _endpoint(self, whole: str, direction: str, verb: str, path: str) -> tuple[rest.Service, str, dict[str, str]]:
        """Where the bytes of a node are got from or put to: a service, what it is asked for, and as whom."""
        scheme = urlsplit(self._service.origin).scheme
        protocol = f'<vos:protocol uri="{_CORE}{scheme}{verb}"/>'
        answer = self._ask("POST", "/synctrans", _TEXT, _transfer(self._uri(whole), direction, protocol))
        if answer.status != 200:
            answer = self._ask("GET", self._led_to(answer, path))
        if answer.status != 200:
            self.refuse(path, answer)
        found = _tree(self.host, answer.data).iterfind("protocol/endpoint")
        urls = [each.text.strip() for each in found if each.text]
        if not urls:
            raise TemporaryError(f"{self.url}: {path}: {self.host} names no endpoint for its bytes")
        return self._reached(urls, path)

    def _reached(self, urls: list[str], path: str) -> tuple[rest.Service, str, dict[str, str]]:
        """The first endpoint that may be reached; the token goes to the service alone."""
        for url in urls:
            parts = urlsplit(url)
            origin = f"{parts.scheme}://{parts.netloc}"
            is_own = origin == self._service.origin
            if is_own or (parts.hostname in self._spec.hosts and self._service.origin.startswith(f"{parts.scheme}:")):
                if origin not in self._others:
                    self._others[origin] = rest.Service(self._spec, origin)
                target = f"{parts.path}?{parts.query}" if parts.query else parts.path
                return self._others[origin], target, self._authorized() if is_own else {}
        host = urlsplit(urls[0]).hostname
        raise PermanentError(f"{self.url}: {path}: {self.host} leads to {host}; name it in hosts if that is right")

    def _led_to(self, answer: rest.Answer, path: str) -> str:
        """What an answer leads to, at the service."""
        if answer.status not in (302, 303):
            self.refuse(path, answer)
        base = self._service.origin + self._service.base
        url = urljoin(f"{base}/", answer.headers.get("Location", ""))
        if not url.startswith(f"{base}/"):
            raise PermanentError(
                f"{self.url}: {path}: {self.host} leads to {urlsplit(url).hostname}, which is not followed"
            )
        return url.removeprefix(base)


class VosUpload:
    """A file that is put into a VOSpace, beside where it goes."""

    offset = 0
    token = ""
    reads_before = True
    alongside = False

    def __init__(self, place: VosPlace, path: str, name: str, size: int | None) -> None:
        directory, slash, _ = path.rpartition("/")
        self._place = place
        self._path = path
        self._partial = f"{directory}{slash}{partial_name(name)}"
        self._is_published = False
        self._size = size
        self._stream: _Stream | None = None

    def prefix(self) -> Iterator[bytes] | None:
        """There are no bytes to go on with."""
        return iter(())

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._sending().write(chunk)

    def checkpoint(self) -> int:
        """A VOSpace keeps nothing of a request that does not end."""
        return 0

    def finish(self) -> None:
        """End the request, and hear what the service says of it."""
        answer = self._sending().end()
        if answer.status not in (200, 201, 204):
            self._place.refuse(self._path, answer)

    def read_back(self) -> Iterator[bytes]:
        """The bytes as the service has them."""
        reader = self._place.read(self._path if self._is_published else self._partial)
        try:
            yield from reader
        finally:
            reader.close()

    def publish(self) -> str:
        """Move the node to its name."""
        if self._place.is_there(self._path):
            raise TakenError(f"{self._place.url}: {self._path} is there already, and is not overwritten")
        self._place.move(self._partial, self._path)
        self._is_published = True
        return ""

    def discard(self) -> None:
        """Remove the node."""
        self.close()
        self._place.remove(self._path if self._is_published else self._partial)

    def close(self) -> None:
        """End a request that is under way."""
        if self._stream is not None:
            self._stream.close()

    def _sending(self) -> _Stream:
        if self._stream is None:
            self._stream = self._place.put(self._partial, self._size)
        return self._stream


class _Stream:
    """The bytes of a request, given one after the other; the request is made in a thread."""

    def __init__(self, service: rest.Service, target: str, headers: Mapping[str, str]) -> None:
        self._chunks: queue.Queue[bytes | None] = queue.Queue(4)
        self._is_cut = False
        self._thread = ThreadPoolExecutor(1, "vos")
        self._answer = self._thread.submit(self._sent, service, target, headers)

    def write(self, chunk: bytes | None) -> None:
        """Append bytes; None: that was all."""
        while True:
            try:
                self._chunks.put(chunk, timeout=0.1)
                return
            except queue.Full:
                if self._answer.done():
                    return

    def end(self) -> rest.Answer:
        """All bytes were given; the answer."""
        self.write(None)
        return self._answer.result()

    def close(self) -> None:
        """End the request, whether or not it was given all."""
        self._is_cut = True
        self.write(None)
        self._thread.shutdown()

    def _sent(self, service: rest.Service, target: str, headers: Mapping[str, str]) -> rest.Answer:
        return service.whole(service.open("PUT", target, headers, self._given()))

    def _given(self) -> Iterator[bytes]:
        while (chunk := self._chunks.get()) is not None:
            yield chunk
        if self._is_cut:
            raise OSError("cut")


def _transfer(target: str, direction: str, more: str) -> bytes:
    named = f"<vos:target>{escape(target)}</vos:target><vos:direction>{escape(direction)}</vos:direction>"
    return f'<vos:transfer xmlns:vos="{_XML}" version="2.1">{named}{more}</vos:transfer>'.encode()


def _is_path(path: str) -> bool:
    try:
        refuse_leading_out(path)
    except PermanentError:
        return False
    return not path.endswith("/")


def _tree(host: str, data: bytes) -> Element:
    """An answer's XML, its tags without their namespace."""
    try:
        root: Element = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError):
        raise TemporaryError(f"{host}: its answer is not the XML of VOSpace") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _with_digests(entry: Entry, response: BaseHTTPResponse) -> Entry:
    """The entry, with what the answer says of the whole file's bytes."""
    told = http_digests.digests(response.headers, is_whole=response.status == 200)
    return replace(entry, digests=tuple(dict.fromkeys((*entry.digests, *told))))
