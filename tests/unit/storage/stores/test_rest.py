"""Requests to services: what is wrong with an answer, or with the connection, is told by what helps."""

from __future__ import annotations

import datetime as dt
import email.utils
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbproc.core.errors import GoneError, PermanentError, RoomError, TemporaryError
from dbproc.core.places import StoreSpec
from dbproc.storage.stores import rest
from dbproc.storage.stores.base import Entry
from dbproc.storage.stores.rest import Body, Service
from tests.kit.certificates import server_context
from tests.kit.stub import Stub, running

SPEC = StoreSpec(name="service", url="https://service", timeout=dt.timedelta(seconds=0.2))
Serve = Callable[[bytes], Service]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve the same bytes for each request, and then end the connection; the service that does."""
    said = [b""]
    opened: list[Service] = []

    class Handler(Stub):
        def answer(self) -> None:
            self.wfile.write(said[0])
            self.close_connection = not said[0].endswith(b"...")
            if not self.close_connection:
                self.rfile.read(1)  # the peer goes

    with running(Handler) as url:

        def service(answer: bytes) -> Service:
            said[0] = answer
            opened.append(Service(SPEC, url))
            return opened[-1]

        yield service
        for each in opened:
            each.close()


def entry(size: int | None) -> Entry:
    return Entry(path="file", size=size)


@pytest.mark.parametrize(
    ("answer", "size", "words"),
    [
        (b"Content-Length: 9\r\n\r\nbytes", 9, "the connection broke"),
        (b"Content-Length: 5\r\n\r\nbytes", 9, "the connection ended after 5 of the 9 bytes of file"),
        (b"Connection: close\r\n\r\nbytes", 9, "the connection ended after 5 of the 9 bytes of file"),
        (b"Content-Length: 5\r\n\r\nbytes", 4, "sends more than the 4 bytes of file"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n", None, "the connection broke"),
        (b"Content-Length: 9\r\n\r\nby...", 9, "sends nothing any more"),
    ],
)
def test_bytes_that_are_fewer_or_more_than_those_of_the_file(
    serve: Serve, answer: bytes, size: int | None, words: str
) -> None:
    service = serve(b"HTTP/1.1 200 OK\r\n" + answer)
    body = Body(service.host, service.open("GET", "/"), entry(size))
    with closing(body), pytest.raises(TemporaryError, match=f"127.0.0.1: {words}"):
        list(body)


def test_an_answer_that_is_no_file_is_read_only_so_far(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "LIMIT", 1 << 20)
    with pytest.raises(PermanentError, match="its answer is longer than 1 MiB"):
        serve(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes(2 << 20)).ask("GET", "/")
    with pytest.raises(TemporaryError, match="the connection broke"):
        serve(b"no HTTP at all\r\n\r\n").ask("GET", "/")
    with pytest.raises(TemporaryError, match="the connection broke"):
        serve(b"").ask("GET", "/")


@pytest.mark.parametrize(
    ("status", "kind", "of_place"),
    [
        (404, GoneError, None),
        (410, GoneError, None),
        (401, PermanentError, None),
        (403, PermanentError, None),
        (451, PermanentError, None),
        (400, PermanentError, None),
        (302, PermanentError, None),
        (408, TemporaryError, False),
        (429, TemporaryError, False),
        (500, TemporaryError, False),
        (503, TemporaryError, True),
        (507, RoomError, False),
    ],
)
def test_a_status_says_whether_a_later_try_may_succeed(status: int, kind: type, of_place: bool | None) -> None:
    found = rest.fault("s3://b: x", status, "the peer's\n own words", {"Retry-After": "7"})
    assert type(found) is kind
    assert str(found).startswith(f"s3://b: x: the peer's own words ({status})")
    assert getattr(found, "is_of_place", None) is of_place
    assert getattr(found, "retry_after", None) == (None if of_place is None else 7)


def test_how_long_to_wait_may_be_told_as_a_time() -> None:
    when = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=100)
    told = rest.retry_after({"Retry-After": email.utils.format_datetime(when, usegmt=True)})
    assert told is not None
    assert 90 < told <= 100
    assert rest.retry_after({"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT"}) == 0
    assert rest.retry_after({"Retry-After": "soon"}) is None
    assert rest.retry_after({}) is None


def test_a_host_without_an_address_and_one_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        with closing(Service(SPEC, f"http://127.0.0.1:{full.getsockname()[1]}")) as service:
            with pytest.raises(TemporaryError, match=r"cannot be connected to: Connection refused") as raised:
                service.ask("GET", "/")
            assert raised.value.is_of_place
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with closing(Service(SPEC, "https://nowhere.invalid")) as service:
        with pytest.raises(TemporaryError, match=r"nowhere\.invalid: its address cannot be found") as raised:
            service.ask("GET", "/")
        assert raised.value.is_of_place
    for url in ("ftp://host", "host", "https://"):
        with pytest.raises(PermanentError, match="is no service"):
            Service(SPEC, url)


def test_a_certificate_is_trusted_only_where_the_mission_names_it(tmp_path: Path) -> None:
    class Greeting(Stub):
        def answer(self) -> None:
            self.send(200, b"hello")

    trusted = tmp_path / "trusted.pem"
    with running(Greeting, server_context(trusted)) as url:
        with closing(Service(replace(SPEC, ca_file=str(trusted)), url)) as service:
            assert service.ask("GET", "/").data == b"hello"
        for spec, words in ((SPEC, "self-signed"), (replace(SPEC, ca_file=str(tmp_path / "none")), "")):
            service = Service(spec, url)
            with closing(service), pytest.raises(PermanentError, match=f"127.0.0.1: no trusted connection: .*{words}"):
                service.ask("GET", "/")
