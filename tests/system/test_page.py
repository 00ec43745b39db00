"""What people do on the page, in a browser: they try a failure again, and send files, with scripts or without."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.kit.browser import chromium, faults
from tests.kit.mission import Mission, chain, name_of, process, product
from tests.kit.service import Served, serving

FAIL = "#!/bin/sh\necho no gain\nexit 3\n"


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
    mission.create(*chain(), product("sum", 2), process("to_sum", "sum", ["clean"]))
    mission.code("to_sum.sh", FAIL)
    mission.deliver(*(name_of("raw", day) for day in (1, 3, 4, 5, 6)), "odd.txt")
    mission.run(status=1)
    return mission


@pytest.fixture(scope="module")
def address(made: Mission) -> Iterator[str]:
    with serving(made.database, "--open") as address:
        yield address


def test_a_failure_is_tried_again(browser: Browser, made: Mission, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("link", name="exit status 3").click()
    expect(page.get_by_label("Log")).to_contain_text("no gain")
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("main")).to_contain_text("tries 1 failed job again")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status")).to_contain_text("The next run tries them again")
    assert made.rows("SELECT action FROM audit") == [("job retry",)]


def test_a_file_is_sent_while_the_service_is_killed(browser: Browser, tmp_path: Path) -> None:
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite")).create(product("raw", 0))
    path = tmp_path / name_of("raw", 1)
    path.write_bytes(bytes(range(256)) * (1 << 17))  # 32 MiB: four requests
    with Served(mission.database, "--open") as service:
        page = browser.new_page()
        page.goto(f"{service.address}/uploads")
        killed: list[bool] = []

        def sent(route: Route) -> None:
            if len(killed) == 2:
                service.kill()
                service.start()
            killed.append(True)
            route.continue_()

        page.route("**/api/v1/uploads/tus/*", sent)
        page.get_by_label("File", exact=True).set_input_files(path)
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("status")).to_contain_text("is there", timeout=60_000)
    assert len(killed) > 4
    (arrived,) = mission.incoming.iterdir()
    assert hashlib.sha256(arrived.read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest()


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
