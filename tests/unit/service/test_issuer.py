from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dbproc.core.errors import PermanentError, TemporaryError
from dbproc.service.issuer import KeyRing
from tests.kit.issuer import Issuer

URL = "https://iam.example.org/"


class Told:
    """An issuer that is not asked over the network, with a clock."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        self.issuer.url = URL
        self.asked: list[str] = []
        self.now = 0.0
        self.is_up = True
        self.meanwhile: Callable[[], object] | None = None
        self.about: dict[str, Any] = {"issuer": URL, "jwks_uri": f"{URL}jwk"}
        self.ring = KeyRing(URL.rstrip("/"), self.read, lambda: self.now)

    def read(self, url: str) -> dict[str, Any]:
        self.asked.append(url)
        if self.meanwhile is not None:  # who asks while it does not answer waits no second time
            with ThreadPoolExecutor(1) as other, pytest.raises(TemporaryError):
                other.submit(self.meanwhile).result(60)
            self.meanwhile = None
        if not self.is_up:
            raise TemporaryError("down")
        return self.about if url.endswith("configuration") else (self.issuer.document("/jwk") or {})


def test_keys_are_asked_for_once_and_not_for_each_number_that_nobody_knows() -> None:
    told = Told()
    assert set(told.ring.having("rsa").by_number) == {"rsa", "ec", "ed"}
    for number in range(500):
        told.now += 0.5
        told.ring.having(f"unknown {number}")
    assert told.asked == [f"{URL}.well-known/openid-configuration", f"{URL}jwk"]
    told.issuer.keys["new"] = told.issuer.keys["rsa"]
    told.now = 301
    assert "new" in told.ring.having("new").by_number
    assert len(told.asked) == 4


def test_keys_that_are_known_hold_while_the_issuer_is_down() -> None:
    told = Told()
    told.is_up = False
    for _ in range(3):
        told.now += 1
        if len(told.asked) == 0:
            with pytest.raises(TemporaryError):
                told.ring.having("rsa")
    assert len(told.asked) == 1
    with pytest.raises(TemporaryError):
        told.ring.having("rsa")
    told.meanwhile = lambda: told.ring.having("rsa")
    told.now, told.is_up = 100, True
    told.ring.having("rsa")
    told.now, told.is_up = 4000, False
    assert "rsa" in told.ring.having("rsa").by_number
    assert len(told.asked) == 4


@pytest.mark.parametrize(
    "about", [{"issuer": "https://other.example.org"}, {"issuer": URL}, {"issuer": URL, "jwks_uri": "http://here/jwk"}]
)
def test_what_another_tells_is_not_believed(about: dict[str, Any]) -> None:
    told = Told()
    told.about = about
    with pytest.raises(PermanentError):
        told.ring.having("rsa")


def test_keys_for_other_algorithms_are_left_out() -> None:
    told = Told()
    shared, broken = {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}, {"kty": "RSA", "kid": "broken"}
    told.about["keys"] = [shared, broken, "none", {"use": "enc"}]
    told.about["jwks_uri"] = f"{URL}.well-known/openid-configuration"
    assert told.ring.having("shared").by_number == {}
