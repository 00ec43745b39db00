"""Places in S3, on two servers: what one does not check or honour the other does."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbproc.core.errors import GoneError, PermanentError, RoomError, TakenError, TemporaryError
from dbproc.core.places import StoreSpec
from dbproc.storage import transfer
from dbproc.storage.stores import base
from dbproc.storage.stores import s3 as module
from dbproc.storage.stores.base import Entry
from dbproc.storage.stores.local import LocalPlace
from dbproc.storage.stores.s3 import PART, PARTS, S3Place, S3Upload, part_size, place
from dbproc.storage.transfer import Order, move
from tests.kit.places import Cut
from tests.kit.s3 import ENVIRONMENT, SECRET, S3Server
from tests.kit.stub import Stub, running

SEVEN_PARTS = os.urandom(1 << 20) * 31  # of 5 MiB, the last of 1 MiB
THREE_PARTS = SEVEN_PARTS[: 2 * PART + (1 << 20)]
SHA256 = base64.b64encode(hashlib.sha256(b"bytes").digest()).decode()
MD5 = hashlib.md5(b"bytes").hexdigest()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, secret in ENVIRONMENT.items():
        monkeypatch.setenv(name, secret)


@pytest.fixture
def store(s3: S3Server) -> Iterator[S3Place]:
    with closing(place(s3.spec())) as opened:
        yield opened


@pytest.fixture
def client(s3: S3Server) -> Iterator[Any]:
    with closing(s3.client) as opened:
        yield opened


def put(store: S3Place, path: str, content: bytes, name: str = "transfer-1") -> S3Upload:
    upload = store.upload(path, name, size=len(content))
    fill(upload, content)
    upload.publish()
    upload.close()
    return upload


def fill(upload: S3Upload, content: bytes) -> None:
    for start in range(upload.offset, len(content), 1 << 20):
        upload.write(content[start : start + (1 << 20)])
    upload.finish()


def content_of(store: S3Place, path: str) -> bytes:
    with closing(store.read(path)) as reader:
        return b"".join(reader)


def uploads_of(s3: S3Server, client: Any) -> list[str]:
    try:
        return [upload["Key"] for upload in client.list_multipart_uploads(Bucket=s3.bucket).get("Uploads", ())]
    except client.exceptions.NoSuchUpload:  # rclone's answer where there is none
        return []


def test_files_are_put_listed_looked_at_read_and_removed(s3: S3Server, store: S3Place, client: Any) -> None:
    names = ("a.txt", "deep/b c+é%20.txt", "deep/er/c%2Fd.txt", "deep/empty")
    for name in names:
        upload = put(store, name, b"" if name.endswith("empty") else b"bytes")
        assert b"".join(upload.read_back()) == content_of(store, name)
    client.put_object(Bucket=s3.bucket, Key="database/is-no-part-of-data", Body=b"")
    assert {entry.path for entry in store.entries()} == {"a.txt", "deep"}
    assert {(entry.path, entry.is_directory) for entry in store.entries("deep")} == {
        ("deep/b c+é%20.txt", False),
        ("deep/er", True),
        ("deep/empty", False),
    }
    assert {entry.path for entry in base.below(store)} == set(names)
    with closing(place(s3.spec("data/dee%70"))) as deep:
        assert {entry.path for entry in deep.entries()} == {"b c+é%20.txt", "er", "empty"}
        assert content_of(deep, "er/c%2Fd.txt") == b"bytes"
    assert {entry.path for entry in store.below("deep/er/")} == {"deep/er/c%2Fd.txt"}
    (listed,) = (entry for entry in store.entries() if not entry.is_directory)
    seen = store.look("a.txt")
    assert seen.is_provably(listed)
    assert replace(listed, digests=seen.digests) == seen
    assert seen.size == 5
    assert seen.digests == (f"md5:{MD5}",)
    store.remove("a.txt")
    store.remove("a.txt")
    for ask in (lambda: store.look("a.txt"), lambda: store.read("a.txt"), lambda: list(store.entries("a.txt"))):
        with pytest.raises(GoneError):
            ask()


def test_a_listing_goes_on_page_by_page(
    s3: S3Server, client: Any, store: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        client.put_object(Bucket=s3.bucket, Key=f"data/{number}", Body=b"")
    pages: list[str] = []
    ask = store._signed

    def in_small_pages(method: str, target: str, query: str, headers: Any, body: bytes) -> Any:
        pages.append(query)
        return ask(method, target, f"{query}&max-keys=2", headers, body)

    monkeypatch.setattr(store, "_signed", in_small_pages)
    assert sorted(entry.path for entry in store.below()) == list("01234")
    assert len(pages) == 3


def test_an_upload_goes_on_after_a_crash_behind_the_parts_that_were_recorded(
    s3: S3Server, store: S3Place, client: Any
) -> None:
    content = SEVEN_PARTS
    first = store.upload("big", "transfer-1", size=len(content))
    assert (first.offset, first.token, first.prefix()) == (0, "", None)
    fill_until(first, content, parts=4)
    assert first.checkpoint() == 4 * PART
    assert uploads_of(s3, client) == ["data/big"]
    for recorded, there in ((3 * PART + 5, 3 * PART), (2 * PART, 2 * PART), (3 * PART, 3 * PART)):
        with closing(place(s3.spec())) as again:
            second = again.upload("big", "transfer-1", recorded, first.token, len(content))
            assert (second.offset, second.token) == (there, first.token)
            second.close()
    with closing(place(s3.spec())) as again:
        second = again.upload("big", "transfer-1", 3 * PART, first.token, len(content))
        fill(second, content)
        assert second.checkpoint() == len(content)
        with pytest.raises(GoneError):
            store.look("big")
        second.publish()
        assert b"".join(second.read_back()) == content
        second.close()
    assert not uploads_of(s3, client)
    assert not any("-7" in digest for digest in store.look("big").digests)
    assert all(
        digest == f"md5:{hashlib.md5(content).hexdigest()}" for digest in store.look("big").digests
    )  # the ETag of parts, which ends in -7, is none


def fill_until(upload: S3Upload, content: bytes, parts: int) -> None:
    """Write so many parts, and leave the upload as a crash does."""
    for start in range(0, parts * PART + 1, 1 << 20):
        upload.write(content[start : start + (1 << 20)])
    upload.close()


def test_an_upload_with_parts_of_another_size_begins_anew(s3: S3Server, store: S3Place, client: Any) -> None:
    named = {"Bucket": s3.bucket, "Key": "data/big"}
    token = client.create_multipart_upload(**named)["UploadId"]
    for number in (1, 2):
        client.upload_part(**named, UploadId=token, PartNumber=number, Body=bytes(6 << 20))
    upload = store.upload("big", "transfer-1", 2 * PART, token, len(THREE_PARTS))
    assert (upload.offset, upload.token) == (0, "")
    fill(upload, THREE_PARTS)
    assert uploads_of(s3, client) == ["data/big"]
    upload.discard()
    assert not uploads_of(s3, client)


def test_keys_that_are_no_paths_are_not_listed() -> None:
    keys = ("data/", "data/dir/", "data/dir//twice", "data/../up", "data//lead", "data/dir/file", "data/line%0A")

    class Listing(Stub):
        def answer(self) -> None:
            found = "".join(f"<Contents><Key>{key}</Key><Size>0</Size></Contents>" for key in keys)
            text = f"<ListBucketResult><EncodingType>url</EncodingType>{found}</ListBucketResult>"
            self.send(200, text.encode())

    with running(Listing) as url, closing(place(StoreSpec(name="s3", url="s3://bucket/data", endpoint=url))) as store:
        assert [entry.path for entry in store.below()] == ["dir/file"]


def test_an_upload_that_the_server_forgot_begins_anew(store: S3Place) -> None:
    upload = store.upload("big", "transfer-1", 3 * PART, "gone", 7 * PART)
    assert (upload.offset, upload.token) == (0, "")


def test_uploads_that_a_crash_left_are_ended(s3: S3Server, store: S3Place, client: Any) -> None:
    for goes_on in (True, False):
        for key in ("data/big", "data/big", "data/big.other", "elsewhere"):
            client.create_multipart_upload(Bucket=s3.bucket, Key=key)
        upload = store.upload("big", "transfer-1", size=len(THREE_PARTS))
        if goes_on:
            fill(upload, THREE_PARTS)
            assert uploads_of(s3, client).count("data/big") == 1
            upload.publish()
        upload.discard()
        assert {"data/big.other", "elsewhere"} == set(uploads_of(s3, client))
    with pytest.raises(GoneError):
        store.look("big")


@pytest.mark.parametrize("size", [5, PART + 1])
def test_a_key_that_is_there_is_not_overwritten(s3: S3Server, store: S3Place, client: Any, size: int) -> None:
    client.put_object(Bucket=s3.bucket, Key="data/taken", Body=b"before")
    upload = store.upload("taken", "transfer-1", size=size)
    fill(upload, bytes(size))
    with pytest.raises(TakenError, match="taken is there already"):
        upload.publish()
    upload.discard()
    assert content_of(store, "taken") == b"before"
    assert not uploads_of(s3, client)


def test_a_key_that_appears_right_before_publication_is_not_overwritten(
    moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = moto_s3.with_bucket()
    monkeypatch.setattr(S3Upload, "_owner", lambda self: None)
    with closing(place(server.spec())) as store:
        for size in (5, PART + 1):
            with closing(server.client) as client:
                client.put_object(Bucket=server.bucket, Key="data/taken", Body=b"before")
            upload = store.upload("taken", "transfer-1", size=size)
            fill(upload, bytes(size))
            with pytest.raises(TemporaryError, match="says that it is there"):
                upload.publish()
            upload.close()
            assert content_of(store, "taken") == b"before"


@pytest.mark.parametrize("size", [5, PART + 1])
def test_publication_again_after_a_crash_right_behind_it_does_nothing(
    s3: S3Server, store: S3Place, client: Any, size: int
) -> None:
    put(store, "twice", bytes(size))
    before = store.look("twice")
    put(store, "twice", bytes(size))
    assert store.look("twice") == before
    assert not uploads_of(s3, client)
    upload = store.upload("twice", "transfer-1", size=size)
    upload.discard()
    with pytest.raises(GoneError):
        store.look("twice")


def test_bytes_that_change_on_the_way_are_refused(
    s3: S3Server, store: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_md5", lambda body: "1B2M2Y8AsgTpgAmY7PhCfg==")
    upload = store.upload("wrong", "transfer-1", size=5)
    fill(upload, b"bytes")
    if s3.kind == "moto":  # it does not look at it
        assert upload.publish() == ""
        return
    with pytest.raises(TemporaryError, match="BadDigest"):
        upload.publish()


def test_reading_goes_on_only_where_the_file_is_the_one_that_is_known(s3: S3Server, store: S3Place) -> None:
    put(store, "file", b"0123456789")
    known = store.look("file")
    for offset in (0, 4, 10):
        with closing(store.read("file", offset, known)) as reader:
            assert (reader.offset, b"".join(reader)) == (offset, b"0123456789"[offset:])
            assert reader.entry.is_provably(known)
    store.remove("file")
    put(store, "file", b"9876543210")
    for other in (known, replace(store.look("file"), size=99), Entry(path="file", size=10)):
        with closing(store.read("file", 4, other)) as reader:
            assert (reader.offset, b"".join(reader)) == (0, b"9876543210")
    put(store, "short", b"012")
    with closing(store.read("short", 4, replace(known, path="short"))) as reader:
        assert (reader.offset, b"".join(reader)) == (0, b"012")


def test_wrong_keys_are_refused_without_telling_the_secret(
    rclone_s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = rclone_s3.with_bucket()
    spec = server.spec()
    for key, secret in (("DBPROCKEY", "another" + SECRET), ("ANOTHERKEY", SECRET)):
        monkeypatch.setenv("DBPROC_TEST_S3_KEY", key)
        monkeypatch.setenv("DBPROC_TEST_S3_SECRET", secret)
        with closing(place(spec)) as store:
            for ask in (lambda store=store: store.look("file"), lambda store=store: list(store.entries())):
                with pytest.raises(PermanentError) as raised:
                    ask()
                assert not isinstance(raised.value, GoneError)
                assert secret not in str(raised.value)
            assert secret not in repr(vars(store))


def test_a_bucket_that_is_not_there_does_not_make_its_files_gone(s3: S3Server) -> None:
    with closing(place(replace(s3.spec(), url="s3://no-such-bucket/data"))) as store:
        for ask in (lambda: store.look("file"), lambda: store.read("file"), lambda: list(store.entries())):
            with pytest.raises(PermanentError, match="bucket") as raised:
                ask()
            assert not isinstance(raised.value, GoneError)


def test_what_is_no_s3_does_not_make_files_gone() -> None:
    class Other(Stub):
        def answer(self) -> None:
            self.send(404, b"" if self.command == "HEAD" else b"<html>nothing is here</html>")

    with running(Other) as url, closing(place(StoreSpec(name="s3", url="s3://bucket", endpoint=url))) as store:
        for ask in (store.look, store.read):
            with pytest.raises(PermanentError, match="has no bucket bucket"):
                ask("file")


def test_a_server_that_is_not_there_is_another_time(s3: S3Server) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        spec = replace(s3.spec(), endpoint=f"http://127.0.0.1:{bound.getsockname()[1]}")
        with (
            closing(place(spec)) as store,
            pytest.raises(TemporaryError, match=r"127\.0\.0\.1: cannot be connected to: ") as raised,
        ):
            store.look("file")
        assert raised.value.is_of_place


def test_the_bucket_may_be_addressed_by_the_host(moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server = moto_s3.with_bucket()
    port = server.endpoint.rpartition(":")[2]
    find = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **named: find("127.0.0.1", *more, **named))
    spec = replace(server.spec(), endpoint=f"http://{{bucket}}.s3.amazonaws.com:{port}")
    with closing(place(spec)) as store:
        put(store, "file", b"bytes")
        assert [entry.path for entry in store.below()] == ["file"]
    assert store.host == f"{server.bucket}.s3.amazonaws.com"
    with closing(server.client) as client:
        assert client.get_object(Bucket=server.bucket, Key="data/file")["Body"].read() == b"bytes"


def said(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>The server's words.</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "answer", "kind", "wait"),
    [
        (503, said("SlowDown"), TemporaryError, 7),
        (500, said("InternalError"), TemporaryError, 7),
        (400, said("RequestTimeout"), TemporaryError, 7),
        (409, said("OperationAborted"), TemporaryError, 7),
        (200, said("InternalError"), TemporaryError, 7),
        (503, b"<html>no XML<br>", TemporaryError, 7),
        (403, said("QuotaExceeded"), RoomError, 7),
        (507, said("XMinioStorageFull"), RoomError, 7),
        (507, b"", RoomError, 7),
        (403, said("AccessDenied"), PermanentError, None),
        (403, said("RequestTimeTooSkewed"), PermanentError, None),
        (400, said("EntityTooLarge"), PermanentError, None),
        (301, said("PermanentRedirect"), PermanentError, None),
        (404, said("NoSuchBucket"), PermanentError, None),
    ],
)
def test_what_passes_and_what_does_not(status: int, answer: bytes, kind: type, wait: float | None) -> None:
    class Refusing(Stub):
        def answer(self) -> None:
            self.received()
            if self.command == "HEAD":
                self.send(404 if self.path.strip("/").count("/") else 200)
            else:
                self.send(status, answer, {"Retry-After": "7", "Location": "http://169.254.169.254/"})

    with running(Refusing) as url, closing(place(StoreSpec(name="s3", url="s3://bucket", endpoint=url))) as store:
        upload = store.upload("file", "transfer-1", size=5)
        fill(upload, b"bytes")
        with pytest.raises(kind) as raised:
            upload.publish()
    assert type(raised.value) is kind
    assert getattr(raised.value, "retry_after", None) == wait
    assert "The server's words." in str(raised.value) or b"Error" not in answer


def test_a_bucket_of_another_region_is_told_with_its_region() -> None:
    class Elsewhere(Stub):
        def answer(self) -> None:
            self.send(301, b"", {"x-amz-bucket-region": "eu-west-1"})

    with running(Elsewhere) as url:
        store = place(StoreSpec(name="s3", url="s3://bucket", endpoint=url))
        with closing(store), pytest.raises(PermanentError, match="its region is eu-west-1: write that as region"):
            store.look("file")


def test_a_server_that_does_not_know_preconditions_is_asked_without_them() -> None:
    asked: list[str | None] = []

    class Old(Stub):
        def answer(self) -> None:
            self.received()
            if self.command == "HEAD":
                self.send(404 if self.path.strip("/").count("/") else 200)
            else:
                asked.append(self.headers["If-None-Match"])
                self.send(501 if self.headers["If-None-Match"] else 200)

    with running(Old) as url, closing(place(StoreSpec(name="s3", url="s3://bucket", endpoint=url))) as store:
        put(store, "file", b"bytes")
    assert asked == ["*", None]


@pytest.mark.parametrize(
    ("headers", "digests"),
    [
        ({"ETag": f'"{MD5}"'}, [f"md5:{MD5}"]),
        ({"ETag": f'"{MD5}-7"'}, []),
        ({"ETag": f'"{MD5}"', "x-amz-server-side-encryption": "AES256"}, [f"md5:{MD5}"]),
        ({"ETag": f'"{MD5}"', "x-amz-server-side-encryption": "aws:kms"}, []),
        ({"ETag": f'"{MD5}"', "x-amz-server-side-encryption-customer-algorithm": "AES256"}, []),
        ({"ETag": f'"{MD5}"', "x-amz-storage-class": "EXPRESS_ONEZONE"}, []),
        ({"x-amz-checksum-sha256": SHA256}, [f"sha256:{hashlib.sha256(b'bytes').hexdigest()}"]),
        ({"x-amz-checksum-sha256": f"{SHA256}-2", "x-amz-checksum-type": "COMPOSITE"}, []),
    ],
)
def test_an_etag_is_an_md5_only_where_it_can_be_one(headers: dict[str, str], digests: list[str]) -> None:
    class Telling(Stub):
        def answer(self) -> None:
            self.send(200, b"", headers)

    with running(Telling) as url, closing(place(StoreSpec(name="s3", url="s3://bucket", endpoint=url))) as store:
        assert list(store.look("file").digests) == digests


@pytest.mark.parametrize("path", ["../up", "/absolute", "a//b", "a/./b", "", "a/..", "zero\0", "dir/", "n" * 256])
def test_a_path_that_leads_out_is_refused(s3: S3Server, store: S3Place, path: str) -> None:
    for ask in (store.look, store.read, store.remove, lambda path: store.upload(path, "transfer-1")):
        with pytest.raises(PermanentError, match=r"leads out|control|names no file|more than"):
            ask(path)


def test_parts_are_so_large_that_s3_takes_all_of_them() -> None:
    for size in (0, PART, PART * PARTS, PART * PARTS + 1, 1 << 40, 5 << 40):
        part = part_size(size)
        assert part >= PART
        assert part % (1 << 20) == 0
        assert -(-size // part) <= PARTS
    assert part_size(PART * PARTS) == PART


class Watch:
    """Keeps what it is told of a transfer."""

    entry: Entry
    offset, durable_bytes, note, token = -1, 0, "", ""

    def began(self, entry: Entry, offset: int, note: str) -> None:
        self.entry, self.offset, self.note = entry, offset, note

    def came(self, count: int) -> None:
        pass

    def durable(self, count: int, token: str) -> None:
        self.durable_bytes, self.token = count, token

    def checking(self, digest: str) -> None:
        pass


@pytest.mark.parametrize("changed", [False, True], ids=["as it was", "changed meanwhile"])
def test_a_transfer_into_s3_that_was_cut_goes_on_where_its_parts_end(
    s3: S3Server, store: S3Place, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    monkeypatch.setattr(transfer, "CHECKPOINT_BYTES", PART)
    (tmp_path / "x.bin").write_bytes(THREE_PARTS)
    order = Order(
        origin=Cut(str(tmp_path), 2 * PART + 5),
        origin_path="x.bin",
        target=store,
        target_path="a/x.bin",
        name="1",
        size=len(THREE_PARTS),
        origin_is_here=True,
    )
    first, second = Watch(), Watch()
    with pytest.raises(TemporaryError, match="broke"):
        move(order, first)
    assert first.durable_bytes == 2 * PART
    content = THREE_PARTS[::-1] if changed else THREE_PARTS
    if changed:
        (tmp_path / "x.bin").write_bytes(content)
    again = replace(order, offset=first.durable_bytes, token=first.token, known=first.entry)
    moved = move(replace(again, origin=LocalPlace(str(tmp_path))), second)
    assert moved.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert (second.offset, bool(second.note)) == ((0, True) if changed else (2 * PART, False))
    assert content_of(store, "a/x.bin") == content
    assert not uploads_of(s3, client)
