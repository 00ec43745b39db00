"""Which hosts are reached, and at which addresses: only those that the mission file names.

A name is resolved once for each connection, all its addresses are looked at, and one of these is connected to; a later
answer of the name server changes nothing. Addresses that are not public are only connected to where the URL of the
place is written with the address (or ``localhost``), or `hosts` lists the host.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

from dbproc.core.errors import PermanentError, TemporaryError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
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
    if address is None or not address.is_global or address.is_multicast:
        return False
    return all(inner.is_global and not inner.is_multicast for inner in _embedded(address))


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
