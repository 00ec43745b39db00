"""docs/house.md names every module once, and none that there is not; its rooms stand as the contracts order them."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import dbproc
from docs import generate

PACKAGE = Path(dbproc.__file__).parent
HOUSE = (PACKAGE.parent / "docs" / "house.md").read_text(encoding="utf-8")
TABLES = dict(re.findall(r"^\| module of `(\S+)/` \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", HOUSE, re.MULTILINE))
"""The rows of each table by the directory that it describes."""


def named(rows: str) -> list[str]:
    """What the first column of a table names."""
    return [name for row in re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE) for name in re.findall(r"`(.+?)`", row)]


def modules(room: str) -> set[str]:
    """The modules of a directory, those below it included that have no table of their own; else `NAME/`."""
    files = (path.relative_to(PACKAGE) for path in (PACKAGE / room).rglob("*.py") if not path.name.startswith("__"))
    own = (path for path in files if "shim" not in path.parts and _table(path) == room)
    tables = {f"{each.removeprefix(f'{room}/')}/" for each in TABLES if each.startswith(f"{room}/")}
    return tables | {path.relative_to(room).as_posix() for path in own}


def _table(path: Path) -> str | None:
    return next((each.as_posix() for each in path.parents if each.as_posix() in TABLES), None)


def test_each_table_names_every_module_and_no_other() -> None:
    for room, rows in TABLES.items():
        there, told = modules(room), named(rows)
        assert {name for name in there if sum(fnmatch(name, each) for each in told) != 1} == set(), room
        assert {each for each in told if not any(fnmatch(name, each) for name in there)} == set(), room


def test_the_rooms_stand_in_the_order_of_the_contract() -> None:
    rooms = [room for floor in generate.floors() for room in floor]
    rows = HOUSE.split("\n## The rooms\n")[1].split("\n## ")[0]
    assert [name.removesuffix("/").removesuffix(".py") for name in named(rows)] == [*rooms, "codes"]


def test_every_room_has_its_table() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} - {"migrations"}
    assert rooms <= set(TABLES)
    assert {f"codes/{path.parent.name}" for path in PACKAGE.glob("codes/*/__init__.py")} <= set(TABLES)


def test_the_picture_is_drawn_from_the_contract() -> None:
    picture = PACKAGE.parent / "docs" / "images" / "house.svg"
    assert picture.read_text(encoding="utf-8") == generate.house(), "run: python docs/generate.py"
