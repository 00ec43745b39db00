"""Places over HTTP: rclone's servers as they should be, and one of our own that misbehaves in each way."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dbproc.core.errors import GoneError, PermanentError, RoomError, TakenError, TemporaryError, TransferError
from dbproc.core.places import StoreSpec
from dbproc.storage.stores.base import Entry, below
from dbproc.storage.stores.http import HttpPlace, place
from tests.kit.certificates import server_context
from tests.kit.misbehaving import AWAY, CONTENT, WHEN, Misbehaving
from tests.kit.stub import running
from tests.kit.web import PASSWORD, USER, WebServer

MUCH = os.urandom(2_500_017)
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBPROC_TEST_WEB", PASSWORD)


@pytest.fixture(params=["http", "webdav"])
def server(request: pytest.FixtureRequest) -> WebServer:
    found: WebServer = request.getfixturevalue(f"rclone_{request.param}")
    return found


@pytest.fixture
def odd(misbehaving: str) -> Iterator[HttpPlace]:
    Misbehaving.asked.clear()
    with closing(place(spec(misbehaving, timeout=dt.timedelta(seconds=2)))) as opened:
        yield opened


def spec(url: str, **keys: Any) -> StoreSpec:
    return StoreSpec(name="web", url=url, **keys)


def content_of(store: HttpPlace, path: str, offset: int = 0, known: Entry | None = None) -> tuple[int, bytes]:
    with closing(store.read(path, offset, known)) as reader:
        return reader.offset, b"".join(reader)


def test_a_listing_tells_sizes_times_and_directories_of_odd_names(server: WebServer) -> None:
    top = server.directory / uuid.uuid4().hex
    (top / "deep/er").mkdir(parents=True)
    path = top / 'deep/er/ü b#%&".dat'
    path.write_bytes(b"12345")
    os.utime(path, (WHEN, WHEN))
    (top / "a").write_bytes(b"")
    with closing(place(server.spec(f"/{top.name}"))) as store:
        assert {(each.path, each.is_directory, each.size) for each in store.entries()} == {
            ("a", False, 0),
            ("deep", True, None),
        }
        found = {each.path: each for each in below(store)}
        assert sorted(found) == ["a", 'deep/er/ü b#%&".dat']
        entry = found['deep/er/ü b#%&".dat']
        assert (entry.size, entry.modified) == (5, dt.datetime.fromtimestamp(WHEN, dt.UTC))
        assert store.look(entry.path).modified == entry.modified
        assert content_of(store, entry.path, 2, store.look(entry.path)) == (2, b"345")
        assert content_of(store, entry.path, 5, store.look(entry.path)) == (5, b"")
        path.write_bytes(b"67")
        assert content_of(store, entry.path, 2, entry) == (0, b"67")
        for path_of_none in ("none", "deep/none"):
            with pytest.raises(GoneError):
                store.look(path_of_none)
            with pytest.raises(GoneError):
                store.read(path_of_none)
        with pytest.raises(GoneError):
            list(store.entries("none"))
        for leads_out in ("../x", "/etc/passwd", "a/../../b", "a\nb"):
            with pytest.raises(PermanentError):
                store.read(leads_out)


@pytest.mark.parametrize("size", [None, len(MUCH)])
def test_what_is_put_is_read_back_then_published_over_nothing(rclone_webdav: WebServer, size: int | None) -> None:
    top = rclone_webdav.directory / uuid.uuid4().hex
    top.mkdir()
    with closing(place(rclone_webdav.spec(f"/{top.name}"))) as store:
        upload = store.upload("in/h e/a#.bin", "t1", size=size)
        for start in range(0, len(MUCH), 1 << 20):
            upload.write(MUCH[start : start + (1 << 20)])
        assert upload.checkpoint() == 0
        upload.finish()
        assert b"".join(upload.read_back()) == MUCH
        assert not (top / "in/h e/a#.bin").exists()
        upload.publish()
        assert b"".join(upload.read_back()) == MUCH
        assert [path.name for path in (top / "in/h e").iterdir()] == ["a#.bin"]
        again = store.upload("in/h e/a#.bin", "t2", size=3)
        again.write(b"new")
        again.finish()
        with pytest.raises(TakenError, match="is there already"):
            again.publish()
        again.discard()
        again.discard()
        assert (top / "in/h e/a#.bin").read_bytes() == MUCH
        assert [path.name for path in (top / "in/h e").iterdir()] == ["a#.bin"]
        store.remove("in/h e/a#.bin")
        store.remove("in/h e/a#.bin")
        assert list((top / "in/h e").iterdir()) == []


def test_the_server_itself_refuses_to_rename_over_a_file(rclone_webdav: WebServer) -> None:
    name = uuid.uuid4().hex
    with closing(place(rclone_webdav.spec())) as store:
        upload = store.upload(name, "t1", size=3)
        upload.write(b"new")
        upload.finish()
        look, store.look = store.look, lambda path: look("none")  # type: ignore[method-assign]
        (rclone_webdav.directory / name).write_bytes(b"old")
        with pytest.raises(TakenError):
            upload.publish()
        assert (rclone_webdav.directory / name).read_bytes() == b"old"
        upload.discard()


def test_an_empty_file_and_one_that_is_short_and_a_server_that_takes_nothing(
    rclone_webdav: WebServer, rclone_http: WebServer
) -> None:
    with closing(place(rclone_webdav.spec())) as store:
        empty = store.upload("empty", f"t{uuid.uuid4().hex}", size=0)
        empty.finish()
        assert b"".join(empty.read_back()) == b""
        empty.discard()
        short = store.upload("short", "t3", size=10)
        short.write(b"12345")
        with pytest.raises(TemporaryError, match="5 of 10 bytes"):
            short.finish()
        short.close()
    with closing(place(rclone_http.spec())) as store:
        refused = store.upload("a", "t1", size=0)
        with pytest.raises(PermanentError, match="405"):
            refused.finish()


def test_users_are_let_in_and_refused_without_a_secret_in_the_words(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBPROC_TEST_WEB", "wrongsecret")
    with pytest.raises(PermanentError, match="401") as caught:
        list(place(server.spec()).entries())
    assert "wrongsecret" not in str(caught.value)


@pytest.mark.parametrize("keys", [{"token": "env:DBPROC_TEST_WEB"}, {"user": "me", "password": "env:DBPROC_TEST_WEB"}])
def test_no_secret_is_told_where_a_server_repeats_what_it_was_sent(
    misbehaving: str, monkeypatch: pytest.MonkeyPatch, keys: dict[str, str]
) -> None:
    monkeypatch.setenv("DBPROC_TEST_WEB", "s3cretw0rd/+")
    with closing(place(spec(misbehaving, **keys))) as store, pytest.raises(PermanentError) as caught:
        store.read("echo/a")
    told = str(caught.value)
    assert "***" in told
    assert "s3cretw0rd" not in told
    assert base64.b64encode(b"me:s3cretw0rd/+").decode() not in told


def test_a_file_is_told_with_its_strong_etag_its_time_and_its_digests(odd: HttpPlace) -> None:
    when = dt.datetime.fromtimestamp(WHEN, dt.UTC)
    assert odd.look("good/a") == Entry(path="good/a", size=len(CONTENT), modified=when, etag="version-1")
    assert odd.look("no-head/a") == Entry(path="no-head/a", size=len(CONTENT), modified=when, etag="version-1")
    assert odd.look("weak/a").etag == ""
    assert odd.look("digests/a").digests == (SHA256,)
    assert odd.read("digests/a").entry.digests == (SHA256,)
    assert content_of(odd, "good/a") == (0, CONTENT)
    assert content_of(odd, "on/a") == (0, CONTENT)
    headers = Misbehaving.asked[-1][2]
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Want-Repr-Digest"] == "sha-256=10, md5=1"


@pytest.mark.parametrize("way", ["changed", "no-range", "wrong-range", "refused-range"])
def test_a_reading_that_cannot_go_on_for_sure_begins_anew(odd: HttpPlace, way: str) -> None:
    known = odd.look(f"{way}/a")
    assert content_of(odd, f"{way}/a", 1000, known) == (0, CONTENT)


def test_a_reading_goes_on_by_the_strong_etag_or_size_and_time(odd: HttpPlace) -> None:
    for way, condition in (("good", '"version-1"'), ("weak", None)):
        known = odd.look(f"{way}/a")
        assert content_of(odd, f"{way}/a", 1000, known) == (1000, CONTENT[1000:])
        assert content_of(odd, f"{way}/a", len(CONTENT), known) == (len(CONTENT), b"")
        headers = Misbehaving.asked[-1][2]
        assert headers.get("If-Range") == condition


@pytest.mark.parametrize("way", ["truncated", "chunk-cut", "slow"])
def test_a_body_that_ends_before_its_end_or_stops_is_temporary(odd: HttpPlace, way: str) -> None:
    with pytest.raises(TemporaryError, match=r"127\.0\.0\.1: "):
        content_of(odd, f"{way}/a")


@pytest.mark.parametrize("way", ["drip/head", "drip/body"])
def test_a_server_that_sends_next_to_nothing_is_given_up_whatever_it_sends(misbehaving: str, way: str) -> None:
    with closing(place(spec(f"{misbehaving}", timeout=dt.timedelta(seconds=0.5)))) as store:
        for ask in (store.look, lambda path: list(store.entries(path)), lambda path: content_of(store, path)):
            if way == "drip/head" or ask != store.look:
                with pytest.raises(TemporaryError, match="next to nothing"):
                    ask(way)


def test_more_than_was_told_is_not_read_and_spoils_no_later_answer(odd: HttpPlace) -> None:
    assert content_of(odd, "more/a") == (0, CONTENT)
    assert content_of(odd, "good/a") == (0, CONTENT)


def test_endless_bytes_come_as_they_are_asked_for_and_no_size_is_told(odd: HttpPlace) -> None:
    with closing(odd.read("endless/a")) as reader:
        assert reader.entry.size is None
        assert sum(map(len, islice(reader, 3))) == 3 << 20


def test_what_comes_compressed_though_not_asked_for_is_refused(odd: HttpPlace) -> None:
    with pytest.raises(PermanentError, match=r"comes compressed \(gzip\)"):
        odd.read("gzip/a")
    assert odd.read("gzip/a.gz").entry.etag == "version-1"  # a server that says so of every file of that name


@pytest.mark.parametrize("way", AWAY)
def test_a_redirect_to_where_no_mission_file_leads_is_not_followed(odd: HttpPlace, way: str) -> None:
    with pytest.raises(PermanentError, match=r"127\.0\.0\.1: leads to ") as caught:
        odd.read(f"{way}/a")
    assert ":p@" not in str(caught.value)
    assert len(Misbehaving.asked) == 1


def test_a_loop_of_redirects_ends(odd: HttpPlace) -> None:
    with pytest.raises(PermanentError, match="leads on more than 5 times"):
        odd.look("loop/a")
    assert len(Misbehaving.asked) == 6


def test_a_server_is_trusted_by_its_certificate_and_not_left_for_one_without(tmp_path: Path) -> None:
    trusted = tmp_path / "server.pem"
    context = server_context(trusted)
    with running(Misbehaving, context) as url:
        with closing(place(spec(url, ca_file=str(trusted)))) as store:
            assert content_of(store, "good/a") == (0, CONTENT)
            with pytest.raises(PermanentError, match="leads from https to http://"):
                store.read("plain/a")
        with pytest.raises(PermanentError, match="no trusted connection"):
            place(spec(url)).look("good/a")


def test_what_opens_a_server_is_sent_to_no_other(misbehaving: str) -> None:
    with running(Misbehaving) as other:
        keys = {"user": USER, "password": "env:DBPROC_TEST_WEB"}
        with closing(place(spec(misbehaving, **keys))) as store:
            Misbehaving.asked.clear()
            assert content_of(store, f"to/{urlsplit(other).port}/a") == (0, CONTENT)
    assert ["Authorization" in headers for _, _, headers in Misbehaving.asked] == [True, False]


@pytest.mark.parametrize(
    ("status", "kind", "waits"),
    [
        (401, PermanentError, None),
        (403, PermanentError, None),
        (404, GoneError, None),
        (410, GoneError, None),
        (451, PermanentError, None),
        (429, TemporaryError, True),
        (500, TemporaryError, None),
        (503, TemporaryError, 120.0),
        (507, RoomError, None),
    ],
)
def test_a_status_says_whether_a_later_try_helps(
    odd: HttpPlace, status: int, kind: type[TransferError], waits: float | None
) -> None:
    with pytest.raises(kind, match=rf"127\.0\.0\.1: http.*in the peer's words \({status}\)") as caught:
        odd.read(f"status/{status}/a")
    if kind is TemporaryError:
        told = getattr(caught.value, "retry_after", None)
        assert (told == waits) if waits is not True else (told or 0) > 1e8
    assert isinstance(caught.value, PermanentError) == issubclass(kind, PermanentError)


def test_a_server_that_is_gone_delays_the_whole_place(tmp_path: Path) -> None:
    with running(Misbehaving) as url:
        store = place(spec(url))
        store.look("good/a")
    store.close()
    with pytest.raises(TemporaryError, match="cannot be connected to: Connection refused") as caught:
        store.look("good/a")
    assert caught.value.is_of_place
