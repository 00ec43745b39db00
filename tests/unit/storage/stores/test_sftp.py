"""Places reached by SFTP, on the servers of rclone and, where it is found, of OpenSSH."""

from __future__ import annotations

import datetime as dt
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from dbproc.core.errors import GoneError, PermanentError, RoomError, TakenError, TemporaryError
from dbproc.storage.stores.base import below
from dbproc.storage.stores.sftp import SftpPlace, SftpUpload, place
from tests.kit.ssh import PASSWORD, PHRASE, SshServer, known_line, running_rclone_sftp

MUCH = os.urandom(3_000_017)


@pytest.fixture
def directory(ssh: SshServer) -> Path:
    """A directory of the server for one test."""
    made = ssh.directory / uuid.uuid4().hex
    made.mkdir()
    made.chmod(0o777)
    return made


@pytest.fixture
def store(ssh: SshServer, directory: Path) -> Iterator[SftpPlace]:
    with closing(place(ssh.spec(f"/{directory.name}"))) as opened:
        yield opened


def fill(upload: SftpUpload, content: bytes) -> None:
    for start in range(upload.offset, len(content), 1 << 20):
        upload.write(content[start : start + (1 << 20)])
    upload.finish()


def content_of(store: SftpPlace, path: str, offset: int = 0) -> bytes:
    with closing(store.read(path, offset, store.look(path) if offset else None)) as reader:
        assert reader.offset == offset
        return b"".join(reader)


@pytest.mark.parametrize("size", [0, 1, 3, 10_240, 29_999, 30_001, 120_001, len(MUCH)])
def test_what_is_put_is_read_whole_and_from_any_byte_on(store: SftpPlace, directory: Path, size: int) -> None:
    upload = store.upload("in/here/a.bin", "t1")
    fill(upload, MUCH[:size])
    assert b"".join(upload.read_back()) == MUCH[:size]
    assert not (directory / "in/here/a.bin").exists()
    upload.publish()
    upload.close()
    assert b"".join(upload.read_back()) == MUCH[:size]
    assert (directory / "in/here/a.bin").read_bytes() == MUCH[:size]
    assert [path.name for path in (directory / "in/here").iterdir()] == ["a.bin"]
    assert content_of(store, "in/here/a.bin") == MUCH[:size]
    assert content_of(store, "in/here/a.bin", size // 2) == MUCH[size // 2 : size]


def test_an_upload_goes_on_behind_the_recorded_bytes_and_forgets_what_is_beyond(
    ssh: SshServer, store: SftpPlace, directory: Path
) -> None:
    upload = store.upload("a.bin", "t1")
    upload.write(MUCH[:1_000_000])
    assert upload.checkpoint() == 1_000_000
    upload.write(b"lost" * 1000)
    upload.close()
    with closing(place(ssh.spec(f"/{directory.name}"))) as other:
        again = other.upload("a.bin", "t1", 1_000_000)
        goes_on = ssh.kind == "sshd"  # rclone lets nobody write from the middle on
        assert again.offset == (1_000_000 if goes_on else 0)
        prefix = again.prefix()
        assert prefix is not None
        assert b"".join(prefix) == MUCH[: again.offset]
        fill(again, MUCH)
        again.publish()
    assert (directory / "a.bin").read_bytes() == MUCH


def test_an_upload_whose_bytes_are_gone_begins_anew(store: SftpPlace) -> None:
    assert store.upload("a.bin", "t1", 1_000_000).offset == 0


def test_nothing_is_overwritten_and_what_is_discarded_is_gone(store: SftpPlace, directory: Path) -> None:
    upload = store.upload("a.bin", "t1")
    fill(upload, b"new")
    (directory / "a.bin").write_bytes(b"old")
    with pytest.raises(TakenError, match=r"a\.bin is there already"):
        upload.publish()
    assert (directory / "a.bin").read_bytes() == b"old"
    upload.discard()
    upload.discard()
    assert os.listdir(directory) == ["a.bin"]
    store.remove("a.bin")
    store.remove("a.bin")
    assert os.listdir(directory) == []


def test_a_listing_tells_sizes_times_and_directories(store: SftpPlace, directory: Path) -> None:
    (directory / "deep/er").mkdir(parents=True)
    (directory / "deep/er/ü b#%.dat").write_bytes(b"12345")
    os.utime(directory / "deep/er/ü b#%.dat", (1_500_000_000, 1_500_000_000))
    (directory / "a").write_bytes(b"")
    assert {(each.path, each.is_directory) for each in store.entries()} == {("a", False), ("deep", True)}
    found = {each.path: each for each in below(store)}
    assert sorted(found) == ["a", "deep/er/ü b#%.dat"]
    entry = found["deep/er/ü b#%.dat"]
    assert (entry.size, entry.modified) == (5, dt.datetime.fromtimestamp(1_500_000_000, dt.UTC))
    assert store.look(entry.path) == entry
    assert (store.free() or 1) > 0


def test_what_is_not_there_is_gone_and_what_leads_out_is_refused(store: SftpPlace, directory: Path) -> None:
    for ask in (store.look, store.read, lambda path: list(store.entries(path))):
        with pytest.raises(GoneError, match="no such file"):
            ask("none")
    with pytest.raises(PermanentError, match="is no file"):
        store.look("")
    for path in ("../x", "/etc/passwd", "a/../../b", "a\nb", "n" * 300):
        with pytest.raises(PermanentError):
            store.read(path)


def test_a_changed_file_is_read_from_its_beginning(store: SftpPlace, directory: Path) -> None:
    (directory / "a.bin").write_bytes(MUCH)
    known = store.look("a.bin")
    assert store.read("a.bin", 1000, known).offset == 1000
    (directory / "a.bin").write_bytes(MUCH[:-1])
    with closing(store.read("a.bin", 1000, known)) as reader:
        assert (reader.offset, reader.entry.size) == (0, len(MUCH) - 1)


def test_a_file_that_changes_or_ends_while_it_is_read_is_not_taken(store: SftpPlace, directory: Path) -> None:
    (directory / "a.bin").write_bytes(MUCH)
    chunks = iter(store.read("a.bin"))
    next(chunks)
    os.truncate(directory / "a.bin", len(MUCH) // 2)
    with pytest.raises(TemporaryError, match=r"ended after|changed while"):
        list(chunks)
    (directory / "a.bin").write_bytes(b"12345")
    chunks = iter(store.read("a.bin"))
    next(chunks)
    (directory / "a.bin").write_bytes(b"123456")
    with pytest.raises(TemporaryError, match="changed while it was read"):
        list(chunks)


def test_the_place_itself_has_to_be_there(ssh: SshServer) -> None:
    with closing(place(ssh.spec("/unmounted"))) as store:
        with pytest.raises(TemporaryError, match="is its disk not mounted") as caught:
            store.upload("deep/a.bin", "t1")
        assert caught.value.is_of_place


def test_a_directory_that_may_not_be_written_is_permanent(ssh: SshServer, store: SftpPlace, directory: Path) -> None:
    if ssh.kind == "rclone":
        return  # it does all that the user of the tests may do, who may be root
    (directory / "closed").mkdir()
    (directory / "closed").chmod(0o555)
    with pytest.raises(PermanentError, match=r"the server says: permission denied \(status 3\)"):
        store.upload("closed/a.bin", "t1")


def test_a_disk_that_is_full_is_told_as_such(
    store: SftpPlace, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSH says only that a write failed."""
    upload = store.upload("a.bin", "t1")
    ask = store._do

    def full(path: str, work: Callable[[Any], Any]) -> Any:
        if path == upload._target:
            raise TemporaryError("failure (status 4)")
        return ask(path, work)

    monkeypatch.setattr(store, "_do", full)
    for free, kind in ((1000, RoomError), (1 << 40, TemporaryError)):
        monkeypatch.setattr(store, "free", lambda free=free: free)
        with pytest.raises(kind) as caught:
            upload.write(b"12345")
        assert type(caught.value) is kind
    monkeypatch.undo()
    upload.discard()


def test_a_changed_host_key_is_refused_with_both_fingerprints(ssh: SshServer) -> None:
    other = "SHA256:" + "A" * 43
    with pytest.raises(PermanentError, match="nothing was sent") as caught:
        place(ssh.spec(host_key=other)).look("a")
    assert ssh.host_key in str(caught.value)
    assert other in str(caught.value)
    with pytest.raises(PermanentError, match=rf"ssh-keyscan -p {ssh.port} 127\.0\.0\.1 \| ssh-keygen -lf -"):
        place(ssh.spec(host_key=""))


def test_a_host_key_is_pinned_by_a_known_hosts_file(ssh: SshServer, tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(known_line(ssh.keys / "host", f"[127.0.0.1]:{ssh.port}"))
    with closing(place(ssh.spec(host_key=str(path)))) as store:
        assert list(store.entries()) is not None


def test_users_are_let_in_by_keys_and_passwords_and_refused_without_a_secret_in_the_words(
    ssh: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, secret in (("PHRASE", PHRASE), ("WORD", PASSWORD), ("WRONG", "wrongsecret")):
        monkeypatch.setenv(f"DBPROC_TEST_{name}", secret)
    locked = {"private_key": f"file:{ssh.keys / 'locked'}", "passphrase": "env:DBPROC_TEST_PHRASE"}
    good = [locked]
    if ssh.kind == "rclone":  # of OpenSSH only root can look up passwords
        good.append({"private_key": "", "password": "env:DBPROC_TEST_WORD"})
    for keys in good:
        with closing(place(ssh.spec(**keys))) as store:
            list(store.entries())
    for keys in (
        {**locked, "passphrase": "env:DBPROC_TEST_WRONG"},
        {"private_key": "", "password": "env:DBPROC_TEST_WRONG"},
        {"private_key": f"file:{ssh.keys / 'stranger'}"},
    ):
        with pytest.raises(PermanentError, match=rf"does not let {ssh.user} in") as caught:
            list(place(ssh.spec(**keys)).entries())
        assert not any(secret in str(caught.value) for secret in (PHRASE, PASSWORD, "wrongsecret"))


@pytest.mark.parametrize("reads", [True, False])
def test_a_server_that_goes_delays_and_the_next_try_goes_on(reads: bool) -> None:
    with running_rclone_sftp() as server:
        (server.directory / "a.bin").write_bytes(MUCH * 4)
        store = place(server.spec())
        reader = iter(store.read("a.bin"))
        next(reader)
        upload = store.upload("b.bin", "t1")
    with pytest.raises(TemporaryError, match=r"127\.0\.0\.1"):
        list(reader) if reads else upload.write(MUCH)
    upload.close()
    with pytest.raises(TemporaryError, match="cannot be connected to: Connection refused") as caught:
        store.look("a.bin")
    assert caught.value.is_of_place
    store.close()


def test_a_port_that_speaks_no_ssh_or_nothing_at_all_is_given_up(rclone_sftp: SshServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"sftp://u@127.0.0.1:{port}/x"
        slow = replace(rclone_sftp.spec(), url=url, timeout=dt.timedelta(seconds=0.2))
        with pytest.raises(TemporaryError, match="no SSH is spoken there"):
            place(slow).look("a")

        def says() -> None:
            with silent.accept()[0] as connected:
                connected.sendall(b"HTTP/1.1 400 What?\r\n\r\n")

        silent.accept()[0].close()  # that of before
        thread = Thread(target=says)
        thread.start()
        with pytest.raises(TemporaryError, match="no SSH is spoken there"):
            place(replace(slow, timeout=dt.timedelta(seconds=2))).look("a")
        thread.join()


def test_links_are_followed_only_within_the_place(ssh: SshServer, directory: Path, store: SftpPlace) -> None:
    top = directory
    (top / "in").mkdir(parents=True)
    (top / "file").write_bytes(b"1")
    (top / "inner").symlink_to("file")
    (top / "outer").symlink_to("/etc/passwd")
    (top / "nowhere").symlink_to("none")
    (top / "away").symlink_to("/tmp")
    is_openssh = ssh.kind == "sshd"  # rclone shows no links
    assert sorted(each.path for each in store.entries()) == ["file", "in", *(["inner"] if is_openssh else [])]
    if is_openssh:
        with pytest.raises(PermanentError, match="leads out of"):
            store.upload("away/a.bin", "t1")
