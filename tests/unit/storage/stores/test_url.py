"""One file at a URL that a client named: from public hosts, and from those that the mission names."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from dbproc.core.errors import PermanentError, TemporaryError
from dbproc.core.places import SourceSpec
from dbproc.storage.stores.url import UrlPlace, place
from tests.kit.misbehaving import CONTENT, Misbehaving
from tests.kit.stub import running

MOST = 1 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running(Misbehaving) as url:
        yield url


def at(url: str, most: int = MOST, hosts: tuple[str, ...] = ("127.0.0.1",)) -> Any:
    found: UrlPlace = place(SourceSpec(name="imports", url=url, hosts=hosts), most)
    return closing(found)


def test_the_file_of_the_url_is_read_whatever_path_is_asked_for(server: str) -> None:
    with at(f"{server}/good/a?page=2") as url:
        assert url.look("b").size == len(CONTENT)
        assert b"".join(url.read("b")) == CONTENT
        assert b"".join(url.read("b", 1000, url.look("b"))) == CONTENT[1000:]
    assert Misbehaving.asked[-1][1] == "/good/a?page=2"


@pytest.mark.parametrize("way", ["loopback", "mapped", "decimal", "octal", "metadata", "file", "user", "loop"])
def test_where_it_leads_is_looked_at_again(server: str, way: str) -> None:
    with at(f"{server}/{way}/a") as url, pytest.raises(PermanentError):
        url.look("a")


def test_nothing_is_asked_of_a_host_that_is_not_public(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"inside.example.org": "10.0.0.1", "metadata.example.org": "169.254.169.254"}
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: [(socket.AF_INET, 1, 6, "", (answers[host], 80))])
    for host, address in answers.items():
        with at(f"http://{host}/a") as url, pytest.raises(PermanentError, match="not public") as raised:
            url.look("a")
        assert address not in str(raised.value)


def test_a_port_that_is_not_the_usual_one_is_for_hosts_of_the_mission(server: str) -> None:
    with at(server, hosts=()) as url, pytest.raises(PermanentError, match="only 80 and 443"):
        url.look("a")


def test_a_name_that_there_is_not_is_tried_again() -> None:
    with at("http://none.invalid/a") as url, pytest.raises(TemporaryError, match="cannot be reached"):
        url.look("a")


def test_more_than_may_come_does_not_come(server: str) -> None:
    with at(f"{server}/good/a", most=1000) as url, pytest.raises(PermanentError, match="1,000"):
        url.look("a")
    with at(f"{server}/endless/a", most=1000) as url, pytest.raises(PermanentError, match="more come"):
        list(url.read("a"))
