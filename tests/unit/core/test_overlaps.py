"""Directories of a mission within each other: which are refused, and which are as they may be."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from dbproc.core.overlaps import foreign_place, layout, problems, within_by_name
from dbproc.core.places import AreaSpec, StoreSpec

USUAL: dict[str, Any] = {
    "root": "/m",
    "incoming": "/m/incoming",
    "quarantine": "/m/quarantine",
    "codes": "/m/codes",
    "inspectors": "/m/inspectors",
}


def found(products: Mapping[str, str], **places: Any) -> dict[str, str]:
    """What is said, by the key that it is said of."""
    laid = layout(**{**USUAL, **places}, products=products)
    return {".".join(map(str, each.key)): each.text for each in problems(laid, within_by_name)}


@pytest.mark.parametrize(
    ("directory", "places"),
    [
        ("raw/{Y}", {}),
        ("data/{Y}", {"incoming": "/m/data/incoming"}),
        ("", {}),
        ("{station}/{Y}", {}),
        ("raw", {"incoming": "/elsewhere/in", "quarantine": "/elsewhere/bad"}),
        ("raw", {"codes": "/m", "inspectors": "/m", "quarantine": "/m/errors"}),
        ("raw", {"codes": "/m/codes", "inspectors": "/m/codes", "quarantine": "/m/codes/errors"}),
        ("incoming2", {}),
        ("{{Y}}", {"incoming": "/m/2024"}),
    ],
)
def test_directories_beside_each_other_are_as_they_may_be(directory: str, places: dict[str, str]) -> None:
    assert found({"raw": directory}, **places) == {}


@pytest.mark.parametrize(
    ("directory", "places", "key", "words"),
    [
        ("raw", {"incoming": "/m"}, "mission.incoming", "is the root of the mission"),
        ("raw", {"incoming": "/"}, "mission.incoming", "holds the root of the mission, /m"),
        ("raw", {"quarantine": "/m"}, "mission.quarantine", "is or holds the root"),
        ("raw", {"incoming": "/m/.dbproc/in"}, "mission.incoming", "which dbproc keeps for itself"),
        ("raw", {"quarantine": "/m/.dbproc/bad"}, "mission.quarantine", "which dbproc keeps for itself"),
        ("raw", {"codes": "/m/.dbproc/codes"}, "mission.codes", "which dbproc keeps for itself"),
        ("raw", {"quarantine": "/m/incoming/bad"}, "mission.quarantine", "is in incoming; refused files"),
        ("raw", {"quarantine": "/m/incoming"}, "mission.quarantine", "incoming and quarantine are one directory"),
        ("raw", {"incoming": "/m/quarantine/in"}, "mission.incoming", "is in the quarantine /m/quarantine"),
        ("raw", {"codes": "/m/incoming"}, "mission.codes", "is the incoming directory; programs would be taken"),
        ("raw", {"inspectors": "/m/incoming/x"}, "mission.inspectors", "is in the incoming directory; inspectors"),
        ("raw", {"incoming": "/m/codes/in"}, "mission.incoming", "is in /m/codes, the directory of programs"),
        ("raw", {"codes": "/m/quarantine/c"}, "mission.codes", "is in the quarantine"),
        ("incoming", {}, "product.raw.directory", "'incoming' is the incoming directory"),
        ("incoming/archive", {}, "product.raw.directory", "'incoming/archive' is in the incoming directory"),
        ("incoming/{Y}", {}, "product.raw.directory", "'incoming/{Y}' is in the incoming directory"),
        ("data/{Y}", {"incoming": "/m/data/2024"}, "product.raw.directory", "can lead into the incoming directory"),
        ("data/{Y}/x", {"incoming": "/m/data/2024"}, "product.raw.directory", "can lead into the incoming directory"),
        ("data", {"incoming": "/m/data/in"}, "product.raw.directory", "'data' holds the incoming directory"),
        ("data/{Y}", {"incoming": "/m/data/2024/in"}, "product.raw.directory", "holds the incoming directory"),
        ("quarantine/x", {}, "product.raw.directory", "is in the quarantine"),
        ("codes/x", {}, "product.raw.directory", "the directory of programs"),
        ("inspectors", {}, "product.raw.directory", "the directory of inspectors"),
        (".dbproc/work/raw", {}, "product.raw.directory", "which dbproc keeps for itself"),
    ],
)
def test_a_directory_within_another_is_named_with_what_to_do(
    directory: str, places: dict[str, str], key: str, words: str
) -> None:
    (said,) = found({"raw": directory}, **places).items()
    assert said[0] == key
    assert words in said[1]
    assert "name" in said[1]


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("/m/incoming/db.sqlite", "mission.incoming"),
        ("/m/quarantine/db.sqlite", "mission.quarantine"),
        ("/m/raw/2024/db.sqlite", "product.raw.directory"),
    ],
)
def test_the_database_among_what_comes_and_goes_is_named(file: str, key: str) -> None:
    said = found({"raw": "raw/{Y}"}, files=[("the database", file)])
    assert list(said) == [key]
    assert file in said[key]


@pytest.mark.parametrize("file", ["/m/db.sqlite", "/m/raw/db.sqlite", "/other/db.sqlite"])
def test_the_database_beside_them_is_where_it_may_be(file: str) -> None:
    assert found({"raw": "raw/{Y}"}, files=[("the database", file)]) == {}


def test_stores_and_areas_of_this_machine_are_no_place_for_anything_else() -> None:
    mission = SimpleNamespace(
        **{key: USUAL[key] for key in ("root", "incoming", "quarantine")},
        code_directory="/m/codes",
        inspector_directory="/m/codes",
        stores=(StoreSpec(name="a", url="file:///stores/a%20b"), StoreSpec(name="b", url="s3://b")),
        areas=(AreaSpec(name="users", directory="/users"),),
    )
    definition: Any = SimpleNamespace(mission=mission, products={})
    assert foreign_place(definition, "/stores/a b/links", within_by_name) == "/stores/a b"
    assert foreign_place(definition, "/users/ada", within_by_name) == "/users"
    assert foreign_place(definition, "/stores/b", within_by_name) is None
