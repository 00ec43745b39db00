"""Places in Google Drive, on a stand-in for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from dbproc.core.errors import GoneError, PermanentError, TemporaryError
from dbproc.core.places import PlaceSpec, SourceSpec
from dbproc.storage.stores import base
from dbproc.storage.stores.gdrive import DrivePlace, place
from tests.kit.drive import Drive, key_file, running_drive


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drive]:
    with running_drive() as running:
        monkeypatch.setenv("DRIVE_KEY", key_file(running.endpoint))
        yield running


def spec_of(drive: Drive, url: str = "gdrive://TopFolder") -> PlaceSpec:
    return SourceSpec(name="drive", url=url, endpoint=drive.endpoint, service_account="env:DRIVE_KEY")


@pytest.fixture
def source(drive: Drive) -> Iterator[DrivePlace]:
    with closing(place(spec_of(drive))) as opened:
        yield opened


def content_of(source: DrivePlace, path: str, *known: Any) -> tuple[int, bytes]:
    with closing(source.read(path, *known)) as reader:
        return reader.offset, b"".join(reader)


def test_folders_are_listed_page_by_page_and_files_read(drive: Drive, source: DrivePlace) -> None:
    drive.page = 2
    inner = drive.put("it's \\ one", "TopFolder")
    for number in range(5):
        drive.put(f"{number}.cdf", inner, f"bytes {number}".encode())
    drive.put("empty", "TopFolder", b"")
    assert {(entry.path, entry.is_directory) for entry in source.entries()} == {
        ("it's \\ one", True),
        ("empty", False),
    }
    assert {entry.path for entry in base.below(source)} == {"empty", *(f"it's \\ one/{n}.cdf" for n in range(5))}
    seen = source.look("it's \\ one/3.cdf")
    assert seen in list(source.entries("it's \\ one/"))
    assert seen.size == 7
    assert seen.digests == tuple(
        f"{name}:{getattr(hashlib, name)(b'bytes 3').hexdigest()}" for name in ("sha256", "md5")
    )
    assert content_of(source, "it's \\ one/3.cdf") == (0, b"bytes 3")
    assert content_of(source, "empty") == (0, b"")
    assert drive.granted == 1
    with closing(place(spec_of(drive, "gdrive://TopFolder/it's%20%5C one"))) as below:
        assert content_of(below, "3.cdf") == (0, b"bytes 3")
        assert below.look("3.cdf") == replace(seen, path="3.cdf")
    for path in ("nowhere", "it's \\ one/nowhere", "nowhere/3.cdf", "it's \\ one"):
        with pytest.raises(GoneError):
            source.look(path)
    with pytest.raises(GoneError):
        list(source.entries("nowhere"))


def test_names_that_are_no_paths_and_documents_without_bytes(drive: Drive, source: DrivePlace) -> None:
    drive.put("twice", "TopFolder", b"older")
    drive.put("twice", "TopFolder", b"newer")
    drive.put("a/b", "TopFolder", b"slash")
    drive.put("..", "TopFolder", b"leads out")
    drive.put("notes", "TopFolder", mimeType="application/vnd.google-apps.document", size="1")
    assert sorted((entry.path, entry.size) for entry in source.entries()) == [("notes", None), ("twice", 5)]
    assert content_of(source, "twice") == (0, b"newer")
    with pytest.raises(PermanentError, match=r"notes is a document of Google's own \(.*document\) and has no bytes"):
        source.read("notes")


def test_shortcuts_are_followed_once_and_never_in_a_circle(drive: Drive, source: DrivePlace) -> None:
    file = drive.put("far.cdf", "Elsewhere", b"far")
    shortcut = drive.link("near.cdf", "TopFolder", file)
    drive.link("second", "TopFolder", shortcut)
    drive.link("nowhere", "TopFolder", "gone")
    one, two = drive.put("one", "TopFolder"), drive.put("two", "TopFolder")
    drive.link("to-two", one, two)
    drive.link("to-one", two, one)
    drive.put("x", two, b"x")
    drive.put("TopFolder", "", id="TopFolder")
    drive.link("up", one, "TopFolder")
    assert {entry.path for entry in base.below(source)} == {"near.cdf", "one/to-two/x", "two/x"}
    assert content_of(source, "near.cdf") == (0, b"far")
    assert content_of(source, "one/to-two/x") == (0, b"x")


def test_reading_goes_on_only_where_the_file_is_the_one_that_is_known(drive: Drive, source: DrivePlace) -> None:
    number = drive.put("file", "TopFolder", b"0123456789")
    known = source.look("file")
    for offset in (0, 4, 10):
        assert content_of(source, "file", offset, known) == (offset, b"0123456789"[offset:])
    drive.ignores_ranges = True
    assert content_of(source, "file", 4, known) == (0, b"0123456789")
    drive.ignores_ranges = False
    drive.put("file", "TopFolder", b"9876543210", id=number)
    assert content_of(source, "file", 4, known) == (0, b"9876543210")


@pytest.mark.parametrize(
    ("status", "reason", "headers", "kind", "wait"),
    [
        (403, "userRateLimitExceeded", {"Retry-After": "7"}, TemporaryError, 7),
        (403, "rateLimitExceeded", {}, TemporaryError, None),
        (429, "rateLimitExceeded", {"Retry-After": "7"}, TemporaryError, 7),
        (403, "downloadQuotaExceeded", {}, TemporaryError, 3600),
        (503, "backendError", {}, TemporaryError, None),
        (500, "", {}, TemporaryError, None),
        (403, "insufficientFilePermissions", {}, PermanentError, None),
        (404, "notFound", {}, GoneError, None),
        (302, "elsewhere", {"Location": "http://169.254.169.254/"}, PermanentError, None),
    ],
)
def test_what_passes_and_what_does_not(
    drive: Drive, source: DrivePlace, status: int, reason: str, headers: dict[str, str], kind: type, wait: float | None
) -> None:
    drive.instead = [(status, reason, headers)]
    with pytest.raises(kind, match=f"Drive says {reason}") as raised:
        source.look("file")
    assert type(raised.value) is kind
    assert getattr(raised.value, "retry_after", None) == wait


def test_a_token_that_is_not_taken_any_more_is_asked_for_again_once(drive: Drive, source: DrivePlace) -> None:
    drive.put("file", "TopFolder", b"bytes")
    source.look("file")
    drive.tokens.clear()
    assert content_of(source, "file") == (0, b"bytes")
    assert drive.granted == 2
    drive.instead = [(401, "authError", {})] * 2
    with pytest.raises(PermanentError, match="Drive says authError"):
        source.look("file")


def test_a_key_that_is_not_the_accounts_is_refused_and_told_nowhere(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = key_file(drive.endpoint, rsa.generate_private_key(65537, 2048))
    broken = key_file(drive.endpoint).replace("BEGIN", "BEGUN")
    for text, words in (
        (other, "gets no token of 127.0.0.1: invalid_grant Invalid JWT Signature"),
        (broken, "private key of the service account cannot be used"),
        ('{"private_key": "secret"}', "is no key of a service account"),
        ("secret", "is no key of a service account"),
    ):
        monkeypatch.setenv("DRIVE_KEY", text)
        with pytest.raises(PermanentError, match=words) as raised, closing(place(spec_of(drive))) as source:
            source.look("file")
        assert "secret" not in str(raised.value)
        assert "PRIVATE" not in str(raised.value)


def test_nothing_is_put_into_drive(source: DrivePlace) -> None:
    with pytest.raises(PermanentError, match="read only here"):
        source.upload("file", "1")
    with pytest.raises(PermanentError, match="read only here"):
        source.remove("file")
    assert source.free() is None
