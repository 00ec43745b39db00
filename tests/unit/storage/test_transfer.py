"""One file moved from a place to another: gone on with, begun anew, compared, read back, published over nothing."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from dbproc.core.errors import PermanentError, RoomError, TakenError, TemporaryError
from dbproc.storage import transfer
from dbproc.storage.digest import state_of
from dbproc.storage.stores.base import Entry, at_most
from dbproc.storage.stores.local import LocalPlace, LocalReader, LocalUpload
from dbproc.storage.transfer import EndlessError, MismatchError, Moved, Order, move
from tests.kit.places import Cut, Told

BYTES = bytes(range(256)) * 20_000  # five chunks
DIGEST = f"sha256:{hashlib.sha256(BYTES).hexdigest()}"
LATER = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


class Watch:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.offset, self.note, self.count, self.durable_bytes, self.digest = -1, "", 0, 0, ""

    def began(self, entry: Entry, offset: int, note: str) -> None:
        self.entry, self.offset, self.note = entry, offset, note

    def came(self, count: int) -> None:
        self.count += count

    def durable(self, count: int, token: str) -> None:
        self.durable_bytes = count

    def checking(self, digest: str) -> None:
        self.digest = digest


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """An order to move a file of `BYTES`, beside strangers, with a checkpoint after each chunk."""
    monkeypatch.setattr(transfer, "CHECKPOINT_BYTES", 1)
    origin, target = tmp_path / "origin", tmp_path / "target"
    (origin / "a").mkdir(parents=True)
    (origin / "a" / "x.bin").write_bytes(BYTES)
    (target / "b").mkdir(parents=True)
    (target / "b" / "stranger").write_text("a stranger")

    def order(**values: Any) -> Any:
        given = {"origin": Told(str(origin)), "target": LocalPlace(str(target)), "name": "1", **values}
        return Order(**{"origin_path": "a/x.bin", "target_path": "b/x.bin", **given})

    return order


def _cut(make: Callable[..., Any], count: int) -> tuple[Any, Watch]:
    """An order that was cut after so many bytes, as the next process would give it, and what was told of it."""
    order, watch = make(), Watch()
    with pytest.raises(TemporaryError, match="broke"):
        move(replace(order, origin=Cut(order.origin.directory, count)), watch)
    return replace(order, offset=watch.durable_bytes, known=watch.entry), watch


def _there(order: Any) -> dict[str, bytes]:
    top = Path(order.target.directory)
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


STRANGERS = {"b/stranger": b"a stranger"}


def test_a_file_is_moved_and_read_back(make: Callable[..., Any]) -> None:
    order = make(expected=(DIGEST.upper().replace("SHA256", "sha256"),))
    moved = move(order, Watch())
    placed = state_of(os.stat(Path(order.target.directory, "b/x.bin")))
    assert moved == Moved(size=len(BYTES), digest=DIGEST, placed=placed)
    assert _there(order) == {**STRANGERS, "b/x.bin": BYTES}


def test_without_a_digest_of_the_origin_it_is_not_called_verified(make: Callable[..., Any]) -> None:
    assert move(make(), Watch()).why == "the origin tells no digest"


@pytest.mark.parametrize("how", [{"read_twice": True}, {"origin_is_here": True}])
def test_reading_the_origin_again_or_from_this_disk_verifies_it(make: Callable[..., Any], how: dict) -> None:
    assert move(make(**how), Watch()).why == ""


def test_an_md5_that_the_origin_tells_verifies_it(make: Callable[..., Any]) -> None:
    md5 = f"md5:{hashlib.md5(BYTES).hexdigest()}"
    order = make()
    order = replace(order, origin=Told(order.origin.directory, lambda entry: replace(entry, digests=(md5,))))
    assert move(order, Watch()).why == ""


def test_it_goes_on_where_it_was_cut(make: Callable[..., Any]) -> None:
    order, first = _cut(make, 3_000_000)
    assert 0 < first.durable_bytes <= 3_000_000
    again = Watch()
    assert move(order, again).digest == DIGEST
    assert (again.offset, again.note) == (first.durable_bytes, "")
    assert first.count + again.count <= len(BYTES) + (1 << 20)
    assert _there(order) == {**STRANGERS, "b/x.bin": BYTES}


def test_bytes_beyond_what_was_recorded_are_not_trusted(make: Callable[..., Any]) -> None:
    order, _ = _cut(make, 3_000_000)
    partial = next(Path(order.target.directory, "b").glob(".dbproc-*"))
    partial.write_bytes(BYTES[: 1 << 20] + b"rubbish of a power cut" * 1_000_000)
    assert move(replace(order, offset=1 << 20), Watch()).digest == DIGEST
    assert _there(order)["b/x.bin"] == BYTES


def test_it_is_begun_anew_when_the_origin_changed(make: Callable[..., Any]) -> None:
    order, _ = _cut(make, 3_000_000)
    changed = BYTES[::-1]
    Path(order.origin.directory, "a/x.bin").write_bytes(changed)
    again = Watch()
    move(order, again)
    assert (again.offset, again.note) == (0, "begun anew: the origin's file is not provably the one of before")
    assert _there(order) == {**STRANGERS, "b/x.bin": changed}


def test_same_size_and_time_are_not_enough_where_the_etag_is_another(make: Callable[..., Any]) -> None:
    def told(etag: str) -> Callable[[Entry], Entry]:
        return lambda entry: replace(entry, etag=etag, version="", modified=LATER)

    order, watch = make(), Watch()
    cut = Cut(order.origin.directory, 3_000_000)
    cut.change = told("one")
    with pytest.raises(TemporaryError):
        move(replace(order, origin=cut), watch)
    again = Watch()
    order = replace(
        order, origin=Told(order.origin.directory, told("two")), offset=watch.durable_bytes, known=watch.entry
    )
    move(order, again)
    assert again.note.startswith("begun anew")


def test_all_bytes_there_are_not_asked_for_again(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    order, watch = make(), Watch()

    def killed(_: LocalUpload) -> None:
        raise TemporaryError("killed")

    monkeypatch.setattr(LocalUpload, "finish", killed)
    with pytest.raises(TemporaryError):
        move(order, watch)
    monkeypatch.undo()
    again = Watch()
    move(replace(order, offset=len(BYTES), known=watch.entry), again)
    assert again.count == 0
    assert _there(order) == {**STRANGERS, "b/x.bin": BYTES}


def test_other_bytes_than_promised_are_thrown_away(make: Callable[..., Any]) -> None:
    order = make(expected=("sha256:" + "0" * 64,))
    with pytest.raises(MismatchError, match="its digest is sha256:"):
        move(order, Watch())
    assert _there(order) == STRANGERS


def _of_size(size: int | None) -> Callable[[Entry], Entry]:
    return lambda entry: replace(entry, size=size)


def test_an_origin_that_sends_less_or_more_than_it_told(make: Callable[..., Any]) -> None:
    order = make()
    for size, error, words in (
        (len(BYTES) + 1, TemporaryError, "it ended after"),
        (len(BYTES) - 1, MismatchError, "it sends more than"),
    ):
        lying = Told(order.origin.directory, _of_size(size))
        with pytest.raises(error, match=words):
            move(replace(order, origin=lying, name=f"of {size}"), Watch())
    assert "b/x.bin" not in _there(order)


def test_bytes_that_are_read_back_otherwise(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    order = make()
    monkeypatch.setattr(LocalUpload, "read_back", lambda self: iter([b"other", BYTES[5:]]))
    with pytest.raises(MismatchError, match="read back"):
        move(order, Watch())
    assert _there(order) == STRANGERS


def test_what_is_durable_is_read_back_once_while_more_is_written(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = make()
    Path(order.origin.directory, "a/x.bin").write_bytes(BYTES * 4)
    pieces: list[int] = []
    read_back, finish = LocalUpload.read_back, LocalUpload.finish

    def counted(self: LocalUpload) -> Any:
        pieces.append(0)
        for chunk in read_back(self):
            pieces[-1] += len(chunk)
            yield chunk

    def told(self: LocalUpload) -> None:
        pieces.append(-1)
        finish(self)

    monkeypatch.setattr(LocalUpload, "read_back", counted)
    monkeypatch.setattr(LocalUpload, "finish", told)
    move(order, Watch())
    before, after = pieces[: pieces.index(-1)], pieces[pieces.index(-1) + 1 :]
    assert sum(before) >= 3 * len(BYTES)
    assert (sum(before) + sum(after), len(after)) == (4 * len(BYTES), 1)


def test_a_byte_that_the_disk_spoils_while_more_is_written(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = make()
    Path(order.origin.directory, "a/x.bin").write_bytes(BYTES * 4)
    checkpoint = LocalUpload.checkpoint

    def spoilt(self: LocalUpload) -> int:
        os.pwrite(self._descriptor, b"other", 100)
        return checkpoint(self)

    monkeypatch.setattr(LocalUpload, "checkpoint", spoilt)
    with pytest.raises(MismatchError, match="read back"):
        move(order, Watch())
    assert _there(order) == STRANGERS


def test_a_disk_that_fails_while_more_comes_is_told_as_the_targets_fault(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    order, watch = make(), Watch()
    Path(order.origin.directory, "a/x.bin").write_bytes(BYTES * 4)

    def failing(self: LocalUpload) -> int:
        raise RoomError("it is full")

    monkeypatch.setattr(LocalUpload, "checkpoint", failing)
    with pytest.raises(RoomError) as caught:
        move(order, watch)
    assert caught.value.of_target
    assert watch.durable_bytes == 0
    monkeypatch.undo()
    assert move(order, Watch()).size == 4 * len(BYTES)


def test_what_is_written_during_a_sync_is_not_called_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = LocalPlace(str(tmp_path)).upload("x.bin", "1")
    upload.write(b"before")
    monkeypatch.setattr(os, "fdatasync", lambda _: upload.write(b"meanwhile"))
    assert upload.checkpoint() == len(b"before")
    upload.finish()
    assert b"".join(upload.read_back()) == b"beforemeanwhile"
    upload.close()


def test_reading_back_ends_where_more_comes_than_was_written(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = make()
    monkeypatch.setattr(LocalUpload, "read_back", lambda self: repeat(BYTES))
    with pytest.raises(MismatchError, match="read back"):
        move(order, Watch())
    assert _there(order) == STRANGERS


def test_bytes_without_an_end_leave_nothing_and_no_full_disk(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_ROOM_EVERY", 1 << 20)
    order = make(reserve=50 << 20)
    rooms = chain([1 << 30] * 3, repeat(40 << 20))
    monkeypatch.setattr(LocalPlace, "free", lambda self: next(rooms))
    endless = Told(order.origin.directory, _of_size(None))
    monkeypatch.setattr(LocalReader, "__iter__", lambda self: repeat(BYTES))
    with pytest.raises(EndlessError, match=r"tells no size, and sent .* bytes without an end; .* bytes free"):
        move(replace(order, origin=endless), Watch())
    assert _there(order) == STRANGERS
    with pytest.raises(MismatchError, match=r"more than the 5,120,000 bytes that were promised"):
        move(replace(order, origin=endless, size=len(BYTES), reserve=0), Watch())
    assert _there(order) == STRANGERS


def test_what_has_the_name_is_never_overwritten(make: Callable[..., Any]) -> None:
    order = make()
    place = Path(order.target.directory, "b/x.bin")
    place.write_text("somebody else's")
    with pytest.raises(TakenError) as caught:
        move(order, Watch())
    assert caught.value.of_target
    assert place.read_text() == "somebody else's"
    place.write_bytes(BYTES)  # the very bytes are as good
    assert move(order, Watch()).digest == DIGEST
    assert _there(order) == {**STRANGERS, "b/x.bin": BYTES}


def test_what_an_earlier_try_had_published_is_not_moved_again(make: Callable[..., Any]) -> None:
    order = make(expected=(DIGEST,))
    move(order, Watch())
    again = Watch()
    assert move(replace(order, digest=DIGEST), again).why == ""
    assert again.count == 0


def test_a_place_without_room(make: Callable[..., Any]) -> None:
    with pytest.raises(RoomError, match=r"bytes free; 5,120,000 more are needed, and .* must stay free"):
        move(make(reserve=1 << 60), Watch())


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "b/../../x", "b//x", "a\nb", "x" * 300, "b/\udcff"])
def test_names_that_lead_out_or_that_no_place_can_hold(make: Callable[..., Any], path: str) -> None:
    order = make(target_path=path)
    with pytest.raises(PermanentError):
        move(order, Watch())
    assert _there(order) == STRANGERS


def test_a_link_that_leads_out(make: Callable[..., Any], tmp_path: Path) -> None:
    order = make(target_path="out/x.bin")
    (tmp_path / "elsewhere").mkdir()
    Path(order.target.directory, "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermanentError, match="leads out"):
        move(order, Watch())
    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_directory_that_a_link_replaces_or_that_goes_while_a_file_is_written(
    make: Callable[..., Any], tmp_path: Path
) -> None:
    outside, inner = tmp_path / "outside", tmp_path / "target" / "c"

    class Meddling(Watch):
        def __init__(self, *, is_linked: bool) -> None:
            super().__init__()
            self.is_linked = is_linked

        def came(self, count: int) -> None:
            if self.count == 0:
                inner.rename(outside)
            if self.count == 0 and self.is_linked:
                inner.symlink_to(outside)
            super().came(count)

    for is_linked, error, words in ((False, TemporaryError, "is gone"), (True, PermanentError, "leads out")):
        with pytest.raises(error, match=words):
            move(make(target_path="c/x.bin"), Meddling(is_linked=is_linked))
        assert not (outside / "x.bin").exists()
        shutil.rmtree(outside)


def test_a_disk_that_is_not_mounted_is_the_places_fault(make: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match="mounted") as caught:
        move(make(target=LocalPlace(str(tmp_path / "away"))), Watch())
    assert caught.value.is_of_place
    assert not (tmp_path / "away").exists()


def test_an_origin_that_is_written_to_meanwhile(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    order = make(origin_is_here=True)
    order = replace(order, origin=LocalPlace(order.origin.directory))
    watch = Watch()
    place = Path(order.origin.directory, "a/x.bin")
    monkeypatch.setattr(watch, "came", lambda count: place.write_bytes(b"other bytes"))
    with pytest.raises(TemporaryError, match=r"changed while it was read|ended after"):
        move(order, watch)
    assert "b/x.bin" not in _there(order)


def test_of_a_copy_whose_place_tells_no_size_no_more_is_read_than_it_has(make: Callable[..., Any]) -> None:
    place = make().origin
    assert b"".join(at_most(Told(place.directory, _of_size(None)).read("a/x.bin"), len(BYTES))) == BYTES
    assert b"".join(at_most(place.read("a/x.bin"), 1)) == BYTES
    with pytest.raises(TemporaryError, match="sends more than 100 bytes, and tells no size"):
        list(at_most(Told(place.directory, _of_size(None)).read("a/x.bin"), 100))


def test_a_file_is_digested_no_further_than_it_is_long(make: Callable[..., Any]) -> None:
    place = Told(make().origin.directory, lambda entry: replace(entry, size=None))
    assert transfer.digest_of(place, "a/x.bin", "sha256", len(BYTES)) == DIGEST
    came: list[int] = []
    with pytest.raises(TemporaryError, match="it sends more than 10 bytes"):
        transfer.digest_of(place, "a/x.bin", "sha256", 10, came.append)
    assert came == []
