"""What people do on the page, in a browser: they go through slices; without scripts they find and send files, too."""

from __future__ import annotations

from collections.abc import Iterator

import netCDF4
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.kit.browser import chromium, faults
from tests.kit.mission import Mission, chain, name_of, process, product
from tests.kit.service import serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = chromium(playwright)
        yield started
        started.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mission:
    directory = tmp_path_factory.mktemp("page")
    mission = Mission(directory / "mission", str(directory / "mission.sqlite"))
    mission.create(*chain())
    mission.deliver(name_of("raw", 3))
    mission.run()
    return mission


@pytest.fixture(scope="module")
def address(made: Mission) -> Iterator[str]:
    with serving(made.database, "--open") as address:
        yield address


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Mission]]:
    """The page of a dataset of twelve slices, each of one value, its number."""
    directory = tmp_path_factory.mktemp("cube")
    mission = Mission(directory / "mission", str(directory / "mission.sqlite"))
    mission.create(
        product("raw", 0, "raw_{Y}{m}{d}_v{VERSION}.nc", inspector="netcdf"),
        product("cube", 1, "cube_{Y}{m}{d}_v{VERSION}.idx", inspector="idx"),
        process("to_idx", "cube", ["raw"], file="dbproc:netcdf_to_idx", arguments=["--variable", "v"]),
    )
    with netCDF4.Dataset(mission.incoming / "raw_20240501_v1.0.0.nc", "w") as file:
        for name, size in (("z", 12), ("y", 8), ("x", 9)):
            file.createDimension(name, size)
        file.createVariable("v", "f4", ("z", "y", "x"))[...] = np.arange(12.0)[:, None, None]
    mission.run()
    number = mission.one("SELECT file_id FROM file WHERE filename LIKE 'cube%'")
    with serving(mission.database, "--open") as address:
        yield f"{address}/files/{number}", mission


def test_a_slider_shows_the_slices_of_a_dataset(browser: Browser, cube: tuple[str, Mission]) -> None:
    page = browser.new_page()
    page.goto(cube[0])
    page.get_by_role("link", name="Look at it").click()
    slider = page.get_by_role("slider", name="z=6")
    expect(page.get_by_role("main")).to_contain_text("Values from 6 to 6")
    slider.focus()
    for place in (7, 8):
        page.keyboard.press("ArrowRight")  # the same slider: it is not replaced while it is held
        expect(page.get_by_role("main")).to_contain_text(f"Values from {place} to {place}")
    assert "at0=8" in page.url
    assert page.evaluate("document.getElementById('picture').naturalWidth") >= 400
    page.locator("select[name=axes]").select_option("z × x")
    expect(page.get_by_role("main")).to_contain_text("Values from 0 to 11")
    assert faults(page) == []


def test_slices_are_shown_without_scripts(browser: Browser, cube: tuple[str, Mission]) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{cube[0]}/picture")
    page.get_by_role("slider", name="z=6").fill("3")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("main")).to_contain_text("Values from 3 to 3")


def test_nothing_is_lost_without_scripts(browser: Browser, made: Mission, address: str) -> None:
    page: Page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/files")
    page.get_by_label("Product").select_option("smooth")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name=name_of("smooth", 3)).click()
    page.get_by_role("link", name=name_of("raw", 3)).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name_of("raw", 3))
    page.goto(f"{address}/uploads")
    page.get_by_label("File", exact=True).set_input_files(
        {"name": name_of("raw", 9), "mimeType": "text/plain", "buffer": b"raw"}
    )
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("main")).to_contain_text(name_of("raw", 9))
    assert name_of("raw", 9) in made.waiting()
