"""Inventory files, read bit by bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbproc.core.errors import UserError
from dbproc.core.inventories import Listed
from dbproc.storage import inventory as module
from dbproc.storage.inventory import inventory

NAMES = [f"2011/{number:03d} é.tar" for number in range(50)]


def read(tmp_path: Path, text: str) -> list[Listed]:
    path = tmp_path / "list"
    path.write_bytes(text.encode("utf-8-sig"))
    return list(inventory(str(path)))


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_a_json_list_is_read_whatever_part_of_it_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(module, "_CHUNK", max(chunk, 2))
    mixed = [name if number % 2 else {"path": name, "size": number} for number, name in enumerate(NAMES)]
    for text in (json.dumps(mixed), json.dumps(mixed, indent=2, ensure_ascii=False)):
        assert [each.path for each in read(tmp_path, text)] == NAMES
    assert read(tmp_path, " [\n] \n") == []


def test_the_list_of_an_object_and_lines_of_objects_are_read(tmp_path: Path) -> None:
    rows = [{"path": name, "size": 3} for name in NAMES]
    assert len(read(tmp_path, json.dumps({"next": None, "files": rows, "messages": []}))) == len(NAMES)
    assert read(tmp_path, "\n".join(map(json.dumps, rows)))[7] == Listed(NAMES[7], 3)


def test_lines_are_read_as_they_are_bytes_that_are_no_text_included(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"1\t5\ta\xff.tar\r\n\r\n1\t6\tb.tar")
    assert [(each.path, each.size) for each in inventory(str(tmp_path / "list"))] == [("a\udcff.tar", 5), ("b.tar", 6)]
    assert read(tmp_path, "") == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('["a.tar", "b', "no JSON list"),
        ('["a.tar", ', "not whole"),
        ('["a.tar", 7]', "entry 2"),
        ('["a.tar" nonsense]', "no JSON list"),
        ('{"count": 5}', "without a list"),
        ('{"files": [', "no JSON"),
        ('{"path": "a"}\n{"size": 5}', "line 2"),
        ("[" * 100_000, "no JSON list"),
    ],
)
def test_what_is_no_list_is_refused_with_its_place(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        read(tmp_path, text)
