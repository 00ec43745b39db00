"""Which hosts are reached, and at which addresses: only those that the mission file names.

A name is resolved once for each connection, all its addresses are looked at, and one of these is connected to; a later
answer of the name server changes nothing. Addresses that are not public are only connected to where the URL of the
place is written with the address (or ``localhost``), or `hosts` lists the host.

A server that sends next to nothing is given up, whatever it sends so slowly: the head of an answer, a list, a file.
"""

from __future__ import annotations

import io
import ipaddress
import socket
import time
from collections.abc import Sequence
from http.client import HTTPResponse
from typing import Any

import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from dbproc.core.errors import PermanentError, TemporaryError
from dbproc.storage.stores.base import SLOWEST

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
_OF_MACHINES = ipaddress.ip_address("168.63.129.16")  # tells virtual machines of Azure about themselves
_FOUR = 0xFFFFFFFF


class Reach:
    """The hosts of a place: that of its URL, and those that the mission file lists."""

    def __init__(self, host: str, hosts: Sequence[str]) -> None:
        self._listed = {_plain(each) for each in hosts}
        own = _plain(host)
        self._named = {own, *self._listed}
        self._private = self._listed | ({own} if own == "localhost" or _literal(own) is not None else set())

    def refuse_unnamed(self, host: str, what: str) -> None:
        """PermanentError for a host that the mission file does not name."""
        if _plain(host) not in self._named:
            raise PermanentError(f'{what}, and the mission file does not name it; if that is meant, hosts = ["{host}"]')

    def addresses(self, host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
        """The addresses of a host, each of which may be connected to.

        Raises
        ------
        PermanentError
            One of them may not.
        """
        self.refuse_unnamed(host, f"{host} would be reached")
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            words = getattr(error, "strerror", None) or "it is no name of a host"
            raise TemporaryError(f"{host}: its address cannot be found: {words}", is_of_place=True) from None
        for *_, address in found:
            if _plain(host) not in self._private and not is_public(str(address[0])):
                raise PermanentError(
                    f"{host} is {address[0]}, which is no public address, and is not connected to; "
                    f'if that is meant, hosts = ["{host}"]'
                )
        return [(family, address) for family, _, _, _, address in found]


def is_public(text: str) -> bool:
    """Whether an address is one of the public network, also what is embedded in it."""
    address = _literal(text)
    if address is None or not _is_global(address):
        return False
    inner = _embedded(address)
    if address.version == 6 and address not in _UNICAST and not inner:
        return False  # site-local, translated and other kinds of old, by which an address of four bytes may be meant
    return all(map(_is_global, inner))


def _is_global(address: _Address) -> bool:
    return address.is_global and not address.is_multicast and address != _OF_MACHINES


def _embedded(address: _Address) -> list[_Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & _FOUR))
    return [each for each in found if each is not None]


def _plain(host: str) -> str:
    """A host as it is compared."""
    text = host.strip("[]").rstrip(".").lower()
    address = _literal(text)
    return text if address is None else str(address)


def _literal(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


class _Paced(io.RawIOBase):
    """The bytes of an answer; one that comes at next to no rate times out. What the reader does meanwhile, and how long
    the peer thinks before it says the first, does not count."""

    def __init__(self, raw: io.RawIOBase, seconds: float | None) -> None:
        self._raw = raw
        self._seconds = seconds
        self._waited = 0.0
        self._count = 0
        self._is_first = True

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has come."""
        began = time.monotonic()
        count = self._raw.readinto(buffer)
        if not self._is_first and self._seconds is not None:
            self._waited += time.monotonic() - began
            self._count += count or 0
            if self._waited >= self._seconds:
                if self._count < SLOWEST * self._waited:
                    raise TimeoutError(f"it sent {self._count:,} bytes in {self._waited:.0f} s")
                self._waited, self._count = 0.0, 0
        self._is_first = False
        return count

    def close(self) -> None:
        """Close what is below, too."""
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    """An answer that is read at some rate."""

    def __init__(self, sock: socket.socket, *arguments: Any, **keys: Any) -> None:
        super().__init__(sock, *arguments, **keys)
        self.fp = io.BufferedReader(_Paced(self.fp.detach(), sock.gettimeout()))


class _Connected(HTTPConnection):
    """A connection to an address that was looked at."""

    response_class = _Answer

    def __init__(self, *arguments: Any, reach: Reach, **keys: Any) -> None:
        super().__init__(*arguments, **keys)
        self._reach = reach

    def _new_conn(self) -> socket.socket:
        # the one place in urllib3 where a name becomes a connection
        last: OSError | None = None
        seconds = self.timeout if isinstance(self.timeout, int | float) else None
        for family, address in self._reach.addresses(self.host, self.port):
            made = socket.socket(family, socket.SOCK_STREAM)
            try:
                made.settimeout(seconds)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                made.connect(address)
            except OSError as error:
                made.close()
                last = error
            else:
                return made
        if isinstance(last, TimeoutError):
            raise exceptions.ConnectTimeoutError(self, f"{self.host} does not answer") from last
        raise exceptions.NewConnectionError(self, f"{self.host} cannot be connected to") from last


class _SecurelyConnected(_Connected, HTTPSConnection):
    """The same with TLS, whose certificate is that of the name."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connected


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecurelyConnected


def pool(scheme: str, host: str, port: int | None, reach: Reach, timeout: float, ca_file: str) -> Any:
    """Connections to one host that go to looked-at addresses alone."""
    keys: dict[str, Any] = {"maxsize": 4, "timeout": timeout, "reach": reach}
    if scheme == "http":
        return _Pool(host, port, **keys)
    if ca_file:
        keys["ca_certs"] = ca_file
    return _SecurePool(host, port, **keys)
