"""The page in a browser, Debian's Chromium: no error, nothing that hinders anybody from using it, at every width, light
and dark; a file that is sent while the service is killed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.kit.mission import Mission, chain, name_of, process, product
from tests.kit.service import Served, serving

WIDTHS = (390, 1280)
FAIL = "#!/bin/sh\necho no gain\nexit 3\n"
PATHS = """
/ /files?product=clean /files/1 /products /products/smooth?when=2020-01-02 /coverage /failures /attempts/1 /incoming
/quarantine /quarantine/1 /waiting /late /transfers /uploads /campaigns /log /audit /actions/withdraw?name=1 /login
/files/99999
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


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


def errors_of(page: Page) -> list[str]:
    """What goes wrong in a page from now on."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    return wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_for_everybody(browser: Browser, address: str, scheme: str) -> None:
    for width in WIDTHS:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            bypass_csp=True,  # for axe itself
        )
        page = context.new_page()
        wrong = errors_of(page)
        for path in PATHS.split():
            answer = page.goto(address + path)
            assert answer is not None
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width)
            page.evaluate(AXE_SCRIPT)
            found = page.evaluate("axe.run()")["violations"]
            assert [(path, width, each["id"], each["nodes"][0]["html"]) for each in found] == []
            assert [text for text in wrong if "404" not in text] == [], path
        context.close()


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
