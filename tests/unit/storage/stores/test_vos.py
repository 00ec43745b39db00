"""Places in a VOSpace, on a stand-in for its service."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from dbproc.core.errors import GoneError, PermanentError, RoomError, TakenError, TemporaryError
from dbproc.core.places import PlaceSpec, StoreSpec
from dbproc.storage.stores import base
from dbproc.storage.stores import vos as module
from dbproc.storage.stores.vos import VosPlace, place
from tests.kit.vospace import AUTHORITY, TOKEN, Space, running_space


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> Iterator[Space]:
    monkeypatch.setenv("VOS_TOKEN", TOKEN)
    with running_space() as running:
        running.put("home/data")
        yield running


def spec_of(space: Space, **keys: Any) -> PlaceSpec:
    given = {"url": f"vos://{AUTHORITY}/home/data", "endpoint": space.endpoint, "token": "env:VOS_TOKEN", **keys}
    return StoreSpec(name="cavern", **given)


@pytest.fixture
def store(space: Space) -> Iterator[VosPlace]:
    with closing(place(spec_of(space))) as opened:
        yield opened


def put(store: VosPlace, path: str, content: bytes, size: int | None = None) -> None:
    upload = store.upload(path, "transfer-1", size=len(content) if size is None else size)
    for start in range(0, len(content), 1 << 20):
        upload.write(content[start : start + (1 << 20)])
    upload.finish()
    assert b"".join(upload.read_back()) == content
    assert upload.publish() == ""
    upload.close()


def content_of(store: VosPlace, path: str, *known: Any) -> tuple[int, bytes]:
    with closing(store.read(path, *known)) as reader:
        return reader.offset, b"".join(reader)


def test_files_are_put_listed_looked_at_read_and_removed(
    space: Space, store: VosPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAGE", 2)
    names = ("a.txt", "b", "deep/b c+é%20&.txt", "deep/er/c.txt", "deep/er/d.txt", "e")
    for name in names:
        put(store, name, b"bytes")
    put(store, "big", bytes(3 << 20))
    put(store, "empty", b"")
    assert sorted(entry.path for entry in base.below(store)) == sorted((*names, "big", "empty"))
    assert {(entry.path, entry.is_directory) for entry in store.entries("deep/")} == {
        ("deep/b c+é%20&.txt", False),
        ("deep/er", True),
    }
    for name in names:
        assert content_of(store, name) == (0, b"bytes")
    seen = store.look("a.txt")
    assert seen in list(store.entries())
    assert seen.digests == (f"md5:{hashlib.md5(b'bytes').hexdigest()}",)
    assert f"sha256:{hashlib.sha256(b'bytes').hexdigest()}" in store.read("a.txt").entry.digests
    store.remove("a.txt")
    store.remove("a.txt")
    for path in ("a.txt", "deep"):
        for ask in (store.look, store.read):
            with pytest.raises(GoneError):
                ask(path)
    with pytest.raises(GoneError):
        list(store.entries("nowhere"))
    assert not [path for path in space.nodes if path.endswith(".part")]


def test_a_file_is_published_over_nothing_and_by_a_move_alone(space: Space, store: VosPlace) -> None:
    space.put("home/data/taken", b"before")
    upload = store.upload("taken", "transfer-1", size=5)
    upload.write(b"bytes")
    upload.finish()
    with pytest.raises(TakenError, match="taken is there already"):
        upload.publish()
    with pytest.raises(TakenError, match="taken is there already"):  # it appeared right before the move
        store.move(".dbproc-transfer-1.part", "taken")
    upload.discard()
    upload = store.upload("directory", "transfer-1", size=0)
    upload.finish()
    space.put("home/data/directory")
    with pytest.raises(TakenError, match="directory is there already"):
        upload.publish()
    upload.discard()
    assert {path: content for path, content in space.nodes.items() if content is not None} == {
        "home/data/taken": b"before"
    }


def test_an_upload_that_is_given_up_leaves_nothing(space: Space, store: VosPlace) -> None:
    upload = store.upload("file", "transfer-1", size=10)
    upload.write(b"bytes")
    assert upload.checkpoint() == 0
    upload.discard()
    assert [path for path, content in space.nodes.items() if content is not None] == []
    upload = store.upload("file", "transfer-1", size=5)
    upload.write(b"bytes")
    upload.finish()
    upload.publish()
    upload.discard()
    assert [path for path, content in space.nodes.items() if content is not None] == []


def test_reading_goes_on_only_where_the_file_is_the_one_that_is_known(space: Space, store: VosPlace) -> None:
    space.put("home/data/file", b"0123456789")
    known = store.look("file")
    for offset in (0, 4, 10):
        assert content_of(store, "file", offset, known) == (offset, b"0123456789"[offset:])
    space.put("home/data/file", b"9876543210")
    assert content_of(store, "file", 4, known) == (0, b"9876543210")


def test_links_lead_to_files_of_the_place_and_nowhere_else(space: Space, store: VosPlace) -> None:
    space.put("home/data/file", b"bytes")
    space.put("home/secret", b"secret")
    space.put("home/data/home")
    space.put("home/data/home/secret", b"not the one that is meant")
    for name, target in {
        "near": f"vos://{AUTHORITY.replace('~', '!')}/home/data/file",
        "out": f"vos://{AUTHORITY}/home/secret",
        "up": f"vos://{AUTHORITY}/home/data/../secret",
        "other": "vos://elsewhere.net~cavern/home/data/file",
        "web": "http://169.254.169.254/home/data/file",
        "circle": f"vos://{AUTHORITY}/home/data/circle",
        "broken": f"vos://{AUTHORITY}/home/data/gone",
    }.items():
        space.put(f"home/data/{name}", target)
    assert {entry.path for entry in store.entries()} == {"file", "home", "near"}
    assert content_of(store, "near") == (0, b"bytes")
    for name in ("out", "up", "other", "web", "circle"):
        with pytest.raises(PermanentError, match="leads to no file of this place"):
            store.read(name)


def test_bytes_come_only_from_hosts_that_are_named(space: Space, store: VosPlace) -> None:
    space.put("home/data/file", b"bytes")
    space.data_host = space.endpoint.replace("127.0.0.1", "localhost")
    with pytest.raises(PermanentError, match="leads to localhost; name it in hosts"):
        store.read("file")
    with closing(place(spec_of(space, hosts=("localhost",)))) as other:
        assert content_of(other, "file") == (0, b"bytes")
        put(other, "more", b"more")
    assert set(space.seen_elsewhere) == {None}


@pytest.mark.parametrize(
    ("method", "status", "words", "kind"),
    [
        ("GET", 503, "ServiceBusy", TemporaryError),
        ("GET", 423, "NodeLocked", TemporaryError),
        ("GET", 403, "PermissionDenied", PermanentError),
        ("PUT", 413, "RequestEntityTooLarge: quota", RoomError),
        ("PUT", 507, "no space", RoomError),
        ("PUT", 412, "digest", PermanentError),
    ],
)
def test_what_passes_and_what_does_not(
    space: Space, store: VosPlace, method: str, status: int, words: str, kind: type
) -> None:
    space.instead = [(method, status, words)]
    with pytest.raises(kind, match=words) as raised:
        store.look("file") if method == "GET" else put(store, "file", b"bytes")
    assert type(raised.value) is kind


def test_a_wrong_token_is_refused_and_told_nowhere(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOS_TOKEN", "wrongsecret")
    with closing(place(spec_of(space))) as store, pytest.raises(PermanentError, match="NotAuthenticated") as raised:
        store.look("file")
    assert "wrongsecret" not in str(raised.value)


def test_a_container_that_is_not_there_does_not_make_its_files_gone(space: Space) -> None:
    with closing(place(spec_of(space, url=f"vos://{AUTHORITY}/nowhere"))) as store:
        for ask in (lambda: store.look("file"), lambda: list(store.entries()), lambda: list(store.entries("deep"))):
            with pytest.raises(PermanentError, match="has no such container") as raised:
                ask()
            assert not isinstance(raised.value, GoneError)
    with pytest.raises(PermanentError, match="endpoint = "):
        place(replace(spec_of(space), endpoint=""))


def test_room_is_what_is_left_of_the_quota(space: Space, store: VosPlace) -> None:
    assert store.free() is None
    space.quota = 100
    assert store.free() == 90


def test_xml_that_would_read_files_is_not_read(space: Space, store: VosPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "b">]><node>&a;</node>'
    monkeypatch.setattr(space, "node", lambda *_: bomb)
    with pytest.raises(TemporaryError, match="is not the XML of VOSpace"):
        store.look("")
