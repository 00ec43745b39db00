"""People that an issuer vouches for: OpenID Connect bearer tokens, as SKA's IAM gives them.

A token says by itself how it is signed, and is not believed in that: the algorithms are fixed, and a key serves the one
that it is for. Keys are asked for when they are first needed, each hour, and when a token names one that is not known;
never more often than every few minutes, however many such tokens come.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt

from dbproc.core.access import Principal, Scope
from dbproc.core.errors import PermanentError, TemporaryError, TransferError
from dbproc.core.service import ServiceSpec
from dbproc.service.problems import Problem
from dbproc.storage.stores.documents import json_document

if TYPE_CHECKING:
    from jwt.types import Options

ALGORITHMS = ("RS256", "ES256", "EdDSA")
_TYPES = ("", "jwt", "at+jwt", "application/at+jwt")
_LEEWAY = 60
_LONGEST = 16 << 10
_NEW_SECONDS, _OLD_SECONDS, _FAILED_SECONDS = 300.0, 3600.0, 30.0
_GROUPS = ("groups", "wlcg.groups", "eduperson_entitlement")
_CAPABILITIES = {
    "storage.read:/": Scope.READ,
    "storage.create:/": Scope.UPLOAD,
    "storage.modify:/": Scope.UPLOAD,
    "storage.stage:/": Scope.STAGE,
}


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of an issuer, as it told them; `name`: how its tokens call it."""

    name: str = ""
    by_number: Mapping[str, jwt.PyJWK] = field(default_factory=dict)


class KeyRing:
    """The keys of one issuer, kept; threads may share it."""

    def __init__(
        self,
        issuer: str,
        read: Callable[[str], Mapping[str, Any]] = json_document,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = issuer
        self._read, self._clock = read, clock
        self._keys = Keys()
        self._asked = self._told = float("-inf")
        self._asking = threading.Lock()
        self._is_down = False

    def having(self, number: str) -> Keys:
        """The keys, asked for anew where that is due, or none has this number.

        Raises
        ------
        TransferError
            The issuer does not tell them, and never did.
        """
        # somebody asks already: what is known holds meanwhile, and nobody waits again for an issuer that was down
        if not self._asking.acquire(blocking=not self._keys.name and not self._is_down):
            return self._known()
        try:
            now = self._clock()
            is_old = now - self._told > _OLD_SECONDS
            is_due = _NEW_SECONDS if self._keys.name and not is_old else _FAILED_SECONDS
            if (is_old or number not in self._keys.by_number) and now - self._asked > is_due:
                self._asked = now
                self._renew(now)
            return self._known()
        finally:
            self._asking.release()

    def _known(self) -> Keys:
        if not self._keys.name:
            raise TemporaryError(f"{self.issuer} did not tell its keys a moment ago")
        return self._keys

    def _renew(self, now: float) -> None:
        try:
            self._keys = _told_keys(self.issuer, self._read)
            self._told, self._is_down = now, False
        except TransferError:
            self._is_down = True
            if not self._keys.name:
                raise


def _told_keys(issuer: str, read: Callable[[str], Mapping[str, Any]]) -> Keys:
    """What an issuer tells of its keys; those for other algorithms are left out."""
    about = read(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    name, where = about.get("issuer"), about.get("jwks_uri")
    if not isinstance(name, str) or name.rstrip("/") != issuer.rstrip("/"):
        raise PermanentError(f"what is told at {issuer} is of another issuer")
    if not isinstance(where, str) or urlsplit(where).scheme not in ("https", urlsplit(issuer).scheme):
        raise PermanentError(f"{issuer} does not tell where its keys are")
    told = read(where).get("keys")
    found = [_key(each) for each in told] if isinstance(told, list) else []
    return Keys(name, {str(key.key_id): key for key in found if key is not None and key.key_id is not None})


def _key(told: object) -> jwt.PyJWK | None:
    if not isinstance(told, dict) or told.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(told)
    except jwt.PyJWTError:
        return None
    return key if key.algorithm_name in ALGORITHMS else None


def principal(ring: KeyRing | None, spec: ServiceSpec, sent: str) -> Principal | None:
    """The person whom a token of the issuer names; None where it does not hold, or no issuer is configured.

    Raises
    ------
    Problem
        503: the issuer cannot be asked for its keys.
    """
    if ring is None or not spec.audience or len(sent) > _LONGEST:
        return None
    claims = _claims(ring, spec, sent)
    name = claims.get(spec.claim)
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > 255:
        return None
    return Principal(name, _scopes(spec, name, claims), issuer=ring.issuer, until=_until(claims["exp"]))


def _until(expiry: float) -> dt.datetime:
    """When a token ends, as it says; there are issuers whose tokens end in thousands of years."""
    try:
        return dt.datetime.fromtimestamp(int(expiry) + _LEEWAY, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return dt.datetime.max.replace(tzinfo=dt.UTC)


def _claims(ring: KeyRing, spec: ServiceSpec, sent: str) -> Mapping[str, Any]:
    """What a token says; nothing where it does not hold."""
    try:
        head = jwt.get_unverified_header(sent)
        if head.get("alg") not in ALGORITHMS or str(head.get("typ", "")).lower() not in _TYPES or "crit" in head:
            return {}
        number = str(head.get("kid", ""))
        keys = ring.having(number)
        key = keys.by_number.get(number)
        if key is None:
            return {}
        required: Options = {"require": ["exp", "iat", "iss", "aud"]}
        return jwt.decode(
            sent,
            key,
            algorithms=[key.algorithm_name],
            audience=spec.audience,
            issuer=keys.name,
            leeway=_LEEWAY,
            options=required,
        )
    except jwt.PyJWTError:
        return {}
    except TransferError:
        words = "the issuer of this token cannot be asked for its keys now; try again later"
        raise Problem(503, words, {"Retry-After": f"{_FAILED_SECONDS:.0f}"}) from None


def _scopes(spec: ServiceSpec, name: str, claims: Mapping[str, Any]) -> frozenset[Scope]:
    """What a person may do: what all may whom the issuer names; a token of capabilities grants none but these."""
    allowed = frozenset(map(Scope, spec.scopes))
    words = str(claims.get("scope", "")).split()
    if any(word.startswith("storage.") for word in words):
        return allowed & {_CAPABILITIES[word] for word in words if word in _CAPABILITIES}
    groups = {group for claim in _GROUPS for group in _words(claims.get(claim))}
    return allowed | {Scope.OPERATE} if {name, *groups} & set(spec.operators) else allowed


def _words(value: object) -> list[str]:
    """A claim that is a text or a list of them."""
    each = value if isinstance(value, list) else [value]
    return [word for word in each if isinstance(word, str)]
