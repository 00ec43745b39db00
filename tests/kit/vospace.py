"""A stand-in for a VOSpace service as Cavern is one, as far as places need it: nodes, transfers, files."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree

from tests.kit.stub import Stub, running

BASE = "/src/cavern"
AUTHORITY = "test.net~src~cavern"
TOKEN = "thetokenofthetests"
_XML = 'xmlns:vos="http://www.ivoa.net/xml/VOSpace/v2.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_CORE = "ivo://ivoa.net/vospace/core#"


@dataclass
class Space:
    """What is in the space: by its path the bytes of a file, None for a container, a URI for a link."""

    endpoint: str = ""
    nodes: dict[str, bytes | str | None] = field(default_factory=lambda: {"": None})
    times: dict[str, int] = field(default_factory=dict)
    quota: int | None = None
    data_host: str = ""  #: where endpoints are, if not at the service
    instead: list[tuple[str, int, str]] = field(default_factory=list)  # method, status, words; for one request
    asked: list[str] = field(default_factory=list)
    seen_elsewhere: list[str | None] = field(default_factory=list)  # authorization that came to `data_host`
    jobs: list[tuple[str, str]] = field(default_factory=list)  # target and direction
    ends: dict[int, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, path: str, content: bytes | str | None = None) -> None:
        """Put a node, and the containers on the way to it."""
        if "/" in path:
            self.nodes.setdefault(path.rpartition("/")[0], None)
        self.nodes[path] = content
        self.times[path] = len(self.times)

    def children(self, path: str) -> list[str]:
        return sorted(each for each in self.nodes if each and each.rpartition("/")[0] == path)

    def node(self, path: str, children: list[str] | None = None) -> str:
        """A node's XML."""
        content = self.nodes[path]
        told = {"date": f"2026-01-02T03:04:{self.times.get(path, 0) % 60:02}.123"}
        kind, more = "ContainerNode", ""
        if isinstance(content, str):
            kind, more = "LinkNode", f"<vos:target>{content}</vos:target>"
        elif content is not None:
            kind = "DataNode"
            told |= {"length": str(len(content)), "MD5": hashlib.md5(content).hexdigest()}
        elif self.quota is not None:
            told |= {"length": "10", "quota": str(self.quota)}
        properties = "".join(f'<vos:property uri="{_CORE}{name}">{text}</vos:property>' for name, text in told.items())
        inner = "".join(self.node(each) for each in children or ())
        nodes = f"<vos:nodes>{inner}</vos:nodes>" if kind == "ContainerNode" else ""
        uri = f"vos://{AUTHORITY}/{quote(path)}"
        opened = f'<vos:node {_XML} xsi:type="vos:{kind}" uri="{uri}" version="2.1">'
        return f"{opened}<vos:properties>{properties}</vos:properties>{more}{nodes}</vos:node>"

    def run(self, number: int) -> None:
        """Move a node."""
        source, target = (_path(uri) for uri in self.jobs[number])
        if self.nodes.get(target, b"") is None:
            target = f"{target}/{source.rpartition('/')[2]}"
        if target in self.nodes:
            self.ends[number] = f"DuplicateNode: {target}"
        else:
            self.nodes[target] = self.nodes.pop(source)
            self.times[target] = self.times.pop(source, 0)
            self.ends[number] = ""


def _path(uri: str) -> str:
    return unquote(urlsplit(uri).path).strip("/")


@contextmanager
def running_space() -> Iterator[Space]:
    """A space with nothing in it."""
    space = Space()

    class Handler(Stub):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            space.asked.append(f"{self.command} {self.path}")
            if self.headers["Host"] != urlsplit(space.endpoint).netloc:
                space.seen_elsewhere.append(self.headers["Authorization"])
            elif self.headers["Authorization"] != f"Bearer {TOKEN}":
                return self.refuse(401, "NotAuthenticated")
            if space.instead and space.instead[0][0] == self.command:
                return self.refuse(*space.instead.pop(0)[1:])
            resource, _, path = unquote(parts.path.removeprefix(f"{BASE}/")).partition("/")
            with space.lock:
                getattr(self, f"{self.command.lower()}_{resource}")(path, parse_qs(parts.query))
            return None

        def get_nodes(self, path: str, query: dict[str, list[str]]) -> None:
            if path not in space.nodes:
                return self.refuse(404, f"NodeNotFound: {path}")
            start = _path(query["uri"][0]) if "uri" in query else ""
            children = [each for each in space.children(path) if each >= start]
            return self.say(space.node(path, children[: int(query["limit"][0])]))

        def put_nodes(self, path: str, _: object) -> None:
            root = ElementTree.fromstring(self.received())
            if path in space.nodes:
                return self.refuse(409, f"DuplicateNode: {path}")
            if path.rpartition("/")[0] not in space.nodes:
                return self.refuse(404, "ContainerNotFound")
            assert root.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "vos:ContainerNode"
            space.put(path)
            return self.say(space.node(path), 201)

        def delete_nodes(self, path: str, _: object) -> None:
            if path not in space.nodes:
                return self.refuse(404, f"NodeNotFound: {path}")
            del space.nodes[path]
            return self.send(204)

        def post_synctrans(self, _: str, __: object) -> None:
            number = self.new_job()
            self.send(303, b"", {"Location": f"{space.endpoint}/transfers/{number}/results/transferDetails"})

        def post_transfers(self, path: str, _: object) -> None:
            if not path:
                self.send(303, b"", {"Location": f"{space.endpoint}/transfers/{self.new_job()}"})
            else:
                assert self.received() == b"PHASE=RUN"
                space.run(int(path.partition("/")[0]))
                self.send(303, b"", {"Location": f"{space.endpoint}/transfers/{path.partition('/')[0]}"})

        def get_transfers(self, path: str, _: object) -> None:
            number, _, part = path.partition("/")
            target, direction = space.jobs[int(number)]
            if part == "error":
                self.send(200, space.ends[int(number)].encode())
            elif not part:
                phase = "ERROR" if space.ends[int(number)] else "COMPLETED"
                self.say(
                    f'<uws:job xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0"><uws:phase>{phase}</uws:phase></uws:job>'
                )
            elif direction == "pullFromVoSpace" and _path(target) not in space.nodes:
                self.refuse(404, "NodeNotFound")
            else:
                url = f"{space.data_host or space.endpoint}/files/{quote(_path(target))}"
                inner = f'<vos:protocol uri="x"><vos:endpoint>{url}</vos:endpoint></vos:protocol>'
                self.say(f'<vos:transfer {_XML} version="2.1">{inner}</vos:transfer>')

        def get_files(self, path: str, _: object) -> None:
            content = space.nodes[path]
            assert isinstance(content, bytes)
            digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
            self.send_range(content, {"Digest": f"sha-256={digest}"})

        def put_files(self, path: str, _: object) -> None:
            content = self.received()
            if len(content) == int(self.headers["Content-Length"]):
                space.put(path, content)
                self.send(201)

        def new_job(self) -> int:
            root = ElementTree.fromstring(self.received())
            named = "{http://www.ivoa.net/xml/VOSpace/v2.0}"
            space.jobs.append((root.findtext(f"{named}target") or "", root.findtext(f"{named}direction") or ""))
            return len(space.jobs) - 1

        def refuse(self, status: int, words: str) -> None:
            self.close_connection = True
            self.send(status, words.encode(), {"Connection": "close"})

        def say(self, text: str, status: int = 200) -> None:
            self.send(status, text.encode(), {"Content-Type": "text/xml"})

    with running(Handler) as url:
        space.endpoint = f"{url}{BASE}"
        yield space
