"""docs/house.md names every module, and none that there is not."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import dbproc

PACKAGE = Path(dbproc.__file__).parent
HOUSE = (PACKAGE.parent / "docs" / "house.md").read_text(encoding="utf-8")


def named(part: str) -> set[str]:
    """What the first column of a table names; a module's own directory ends in a slash."""
    return {name for row in re.findall(r"^\| (`.*?) \|", part, re.MULTILINE) for name in re.findall(r"`(.+?)`", row)}


def modules(place: Path) -> set[str]:
    files = {path.name for path in place.glob("*.py") if not path.name.startswith("__")}
    return files | {f"{path.parent.name}/" for path in place.glob("*/__init__.py") if path.parent.name != "migrations"}


def test_the_house_names_every_module() -> None:
    station, codes = HOUSE.split("## The codes")
    programs, *packages = re.split(r"^\| module of `(\w+)/` \|", codes, flags=re.MULTILINE)
    pairs = [(PACKAGE, station), (PACKAGE / "codes", programs)]
    pairs += [(PACKAGE / "codes" / name, part) for name, part in zip(packages[::2], packages[1::2], strict=True)]
    for place, part in pairs:
        there, told = modules(place), {name.partition("/")[0] + "/" if "/" in name else name for name in named(part)}
        assert {name for name in there if not any(fnmatch(name, each) for each in told)} == set()
        assert {name for name in told if not any(fnmatch(each, name) for each in there)} == set()


def test_each_package_of_the_codes_has_its_table() -> None:
    assert set(re.findall(r"^\| module of `(\w+/)` \|", HOUSE, re.MULTILINE)) == {
        each for each in modules(PACKAGE / "codes") if each.endswith("/")
    }
