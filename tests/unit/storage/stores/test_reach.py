"""Only hosts that the mission file names are connected to, at the addresses that were looked at."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Any

import pytest

from dbproc.core.errors import PermanentError, TemporaryError
from dbproc.core.places import StoreSpec
from dbproc.storage.stores.http import place
from dbproc.storage.stores.reach import Reach, is_public
from tests.kit.misbehaving import Misbehaving
from tests.kit.stub import running


class Names:
    """A server of names: each question gets the next answer; the last one for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        family = socket.AF_INET6 if ":" in text else socket.AF_INET
        address = (text, port, 0, 0) if ":" in text else (text, port)
        return [(family, socket.SOCK_STREAM, 6, "", address)]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.3.4", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("64:ff9b:1::a00:1", False),
        ("fec0::1", False),
        ("168.63.129.16", False),
        ("64:ff9b::808:808", True),
        ("none", False),
    ],
)
def test_an_address_is_public_also_with_what_is_embedded_in_it(address: str, public: bool) -> None:
    assert is_public(address) == public


@pytest.mark.parametrize("private", ["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fd00::1"])
def test_a_name_with_a_private_address_is_reached_only_if_it_is_listed(
    monkeypatch: pytest.MonkeyPatch, private: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names(private))
    with pytest.raises(PermanentError, match=r'no public address.*hosts = \["data\.example\.org"\]'):
        Reach("data.example.org", ()).addresses("data.example.org", 80)
    assert Reach("data.example.org", ("Data.example.org.",)).addresses("data.example.org", 80)
    with pytest.raises(PermanentError, match="no public address"):
        Reach("data.example.org", ("other.example.org",)).addresses("data.example.org", 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.1.2.3"])
def test_the_address_that_a_url_is_written_with_is_reached(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names("127.0.0.1"))
    assert Reach(host, ()).addresses(host, 80)


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "0x7f.1", "127.1"])
def test_an_address_that_is_written_oddly_is_a_name(host: str) -> None:
    with pytest.raises(PermanentError, match="no public address"):
        Reach(host, ()).addresses(host, 80)


def test_a_host_that_is_not_named_is_not_even_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names("8.8.8.8")
    monkeypatch.setattr(socket, "getaddrinfo", names)
    with pytest.raises(PermanentError, match="does not name it"):
        Reach("data.example.org", ()).addresses("other.example.org", 80)
    assert names.asked == []


def test_a_name_that_is_none_is_not_found() -> None:
    with pytest.raises(TemporaryError, match="cannot be found"):
        Reach("none.invalid", ()).addresses("none.invalid", 80)


def test_the_address_that_was_looked_at_is_connected_to_whatever_the_name_means_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name server's second answer would be another address."""
    with running(Misbehaving) as url:
        port = url.rpartition(":")[2]
        names = Names("127.0.0.1", "127.0.0.99")
        monkeypatch.setattr(socket, "getaddrinfo", names)
        spec = StoreSpec(name="s", url=f"http://data.example.org:{port}", hosts=("data.example.org",))
        Misbehaving.asked.clear()
        with closing(place(spec)) as store:
            assert store.look("good/a").size
            assert store.look("good/a").size
        assert names.asked == ["data.example.org"]
        assert Misbehaving.asked[0][2]["Host"] == f"data.example.org:{port}"


def test_a_name_that_turns_private_between_two_connections_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names("8.8.8.8", "169.254.169.254")
    monkeypatch.setattr(socket, "getaddrinfo", names)
    reach = Reach("data.example.org", ())
    assert reach.addresses("data.example.org", 80)
    with pytest.raises(PermanentError, match=r"is 169\.254\.169\.254, which is no public address"):
        reach.addresses("data.example.org", 80)
