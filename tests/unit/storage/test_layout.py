"""Where files belong: below the root, in their product's directory, and nowhere else."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbproc.core.errors import PlacementError
from dbproc.core.model import Inspector, Mission, Product
from dbproc.storage import layout
from tests.kit.facts import MISSION

PRODUCT = Product(
    product_id=1,
    name="raw",
    level=0,
    directory="",
    format="raw_{Y}",
    instrument="i",
    satellite="s",
    mission="m",
    inspector=Inspector(inspector_id=1, name="filename"),
)


@pytest.mark.parametrize("relative", ["../x", "a/../../x", "/etc/passwd", "../root2/x"])
def test_a_place_outside_of_the_root_is_refused(relative: str) -> None:
    with pytest.raises(PlacementError, match="leads outside of /mission/root"):
        layout.inside("/mission/root", relative)


def test_a_place_inside_of_the_root_is_made_plain() -> None:
    assert layout.inside("/mission/root/", "a/./b/../c") == "/mission/root/a/c"


def test_a_place_to_which_a_link_leads_out_of_the_root_is_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "data").mkdir(parents=True)
    outside.mkdir()
    (root / "data" / "raw").symlink_to(outside)
    for relative in ("data/raw/x", "data/raw/2020/x"):
        with pytest.raises(PlacementError, match=f"a link on the way leads to {outside}"):
            layout.inside(str(root), relative)


def test_a_link_to_a_place_outside_that_the_mission_names_is_followed_and_no_other(tmp_path: Path) -> None:
    root, disk = tmp_path / "root", tmp_path / "disk3"
    (root / "data").mkdir(parents=True)
    disk.mkdir()
    (tmp_path / "disk").symlink_to(disk)
    (root / "data" / "raw").symlink_to(disk)
    mission = replace(MISSION, root=str(root), outside=(f"{tmp_path}/disk",))
    assert layout.home(mission, PRODUCT, "data/raw/2020", "x") == f"{root}/data/raw/2020/x"
    assert layout.is_ours(mission, f"{disk}/2020/x")
    assert not layout.is_ours(mission, f"{disk}4/2020/x")
    for other in (f"{tmp_path}/disk4", f"{disk}/raw"):
        with pytest.raises(PlacementError, match="name it: outside"):
            layout.home(replace(mission, outside=(other,)), PRODUCT, "data/raw/2020", "x")


def test_links_that_stay_inside_and_links_to_the_root_are_followed(tmp_path: Path) -> None:
    (tmp_path / "root" / "disk" / "raw").mkdir(parents=True)
    (tmp_path / "root" / "data").symlink_to("disk")
    (tmp_path / "mission").symlink_to("root")
    assert layout.inside(str(tmp_path / "mission"), "data/raw/x") == str(tmp_path / "mission" / "data" / "raw" / "x")


def test_a_place_of_a_path_that_no_index_holds_is_refused() -> None:
    with pytest.raises(PlacementError, match="more than 2000 bytes"):
        layout.inside("/mission", "/".join(["é" * 100] * 11))
    assert layout.inside("/mission", "/".join(["é" * 100] * 9))


# --- homes ---


def product_in(directory: str) -> Product:
    return replace(PRODUCT, directory=directory)


def mission_in(root: Path) -> Mission:
    places = {"incoming": "incoming", "quarantine": "away/quarantine", "code_directory": "codes"}
    named: dict[str, Any] = {name: str(root / place) for name, place in places.items()}
    return replace(MISSION, root=str(root), inspector_directory=str(root / "codes" / "inspectors"), **named)


@pytest.mark.parametrize(
    "directory", ["incoming", "codes/x", "codes", "codes/inspectors", ".dbproc/work", "away/quarantine"]
)
def test_no_keyword_leads_a_product_into_another_directory_of_the_mission(directory: str, tmp_path: Path) -> None:
    with pytest.raises(PlacementError, match=f"'{directory}' leads into .*, which is not for products"):
        layout.home(mission_in(tmp_path), product_in("{a}/{b}"), directory, "x")
    assert layout.home(mission_in(tmp_path), product_in(directory), directory, "x") == f"{tmp_path}/{directory}/x"
    below = layout.home(mission_in(tmp_path), product_in(directory + "/a{b}"), directory + "/ab", "x")
    assert below == f"{tmp_path}/{directory}/ab/x"


def test_no_link_leads_a_product_into_another_directory_of_the_mission(tmp_path: Path) -> None:
    (tmp_path / "codes").mkdir()
    (tmp_path / "data").symlink_to("codes")
    with pytest.raises(PlacementError, match="not for products"):
        layout.home(mission_in(tmp_path), product_in("{a}"), "data", "x")


@pytest.mark.parametrize("place", ["incoming", "codes", ".dbproc", "away/quarantine"])
@pytest.mark.parametrize("pattern", ["data", "data/{Y}", "a/data/"])
def test_a_link_in_place_of_a_products_own_directory_is_not_meant(place: str, pattern: str, tmp_path: Path) -> None:
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / "a").mkdir()
    (tmp_path / "data").symlink_to(place)
    (tmp_path / "a" / "data").symlink_to(tmp_path / place)
    with pytest.raises(PlacementError, match="not for products"):
        layout.home(mission_in(tmp_path), product_in(pattern), pattern.replace("{Y}", "2024"), "x")


def test_what_is_written_inside_of_another_directory_is_meant_by_whatever_links_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "root" / "disk").mkdir(parents=True)
    (tmp_path / "root" / "codes").symlink_to("disk")
    (tmp_path / "mission").symlink_to("root")
    mission = mission_in(tmp_path / "mission")
    for codes in ("mission/codes", "root/disk"):
        there = replace(mission, code_directory=str(tmp_path / codes))
        name = os.path.basename(codes)
        home = layout.home(there, product_in(name + "/{a}"), name + "/b", "x")
        assert home == f"{tmp_path}/mission/{name}/b/x"


def test_the_root_and_what_is_beside_are_for_products(tmp_path: Path) -> None:
    for pattern, directory in (("{a}", "a"), ("", ""), (".", "."), ("codes2/{a}", "codes2/a"), ("away/{a}", "away/a")):
        home = layout.home(mission_in(tmp_path), product_in(pattern), directory, "x")
        assert home == os.path.normpath(f"{tmp_path}/{directory}/x")
