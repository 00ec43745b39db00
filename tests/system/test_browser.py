"""Chromium looks at a mission and sends files to it."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from dbproc.core.access import Scope
from tests.kit.browser import chromium, faults, photograph, sending_host
from tests.kit.commands import REPOSITORY
from tests.kit.mission import Mission, chain, name_of, product, table, wait_for
from tests.kit.service import Served, bearer
from tests.kit.stores import with_places

PICTURES = REPOSITORY / "build" / "screenshots"
"""Where screenshots are kept, to be looked at."""

LARGE = 24 << 20
WIDTHS = {"phone": 390, "desk": 1280}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = chromium(playwright)
        yield started
        started.close()


# --- sending ---


@pytest.fixture
def host() -> Iterator[str]:
    with sending_host() as url:
        yield url


@pytest.fixture
def receiving(tmp_path: Path, host: str) -> Mission:
    """A mission that takes in what a page of the other host sends."""
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite"))
    return mission.create(product("raw", 0), table("service", {"origins": [host]}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / name_of("raw", 1)
    path.write_bytes(random.Random(7).randbytes(LARGE))
    return path


def sends(page: Page, host: str, service: Served, mission: Mission, file: Path) -> None:
    """Begin to send a file, and return when a fourth of it is there."""
    token = bearer(mission.database, "ada", Scope.UPLOAD)["Authorization"].removeprefix("Bearer ")
    given = urlencode({"endpoint": f"{service.address}/api/v1/uploads/tus", "token": token})
    page.goto(f"{host}/#{given}")
    page.set_input_files("input", file)
    page.wait_for_function(f"window.sent > {LARGE // 4}")


def is_taken_in(mission: Mission, file: Path) -> None:
    """Have a run take it in; it has the bytes that were sent."""
    mission.run()
    assert mission.files()[file.name].digest == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert mission.rows("SELECT state, file_id FROM transfer") in ([("verified", 1)], [("unverified", 1)])
    mission.check()


def test_uppy_goes_on_when_the_service_was_killed(browser: Browser, host: str, receiving: Mission, file: Path) -> None:
    page = browser.new_page()
    with Served(receiving.database) as service:
        sends(page, host, service, receiving, file)
        service.kill()
        known = page.evaluate("window.sent")
        assert known < LARGE
        service.start()
        page.wait_for_function("window.outcome", timeout=60_000)
        assert page.evaluate("window.outcome") == "done"
        assert 0 < page.evaluate("window.resumed[0]") < LARGE
    page.close()
    is_taken_in(receiving, file)


def test_another_page_goes_on_where_one_was_closed(browser: Browser, host: str, receiving: Mission, file: Path) -> None:
    context = browser.new_context()
    with Served(receiving.database) as service:
        first = context.new_page()
        sends(first, host, service, receiving, file)
        first.close()
        second = context.new_page()
        sends(second, host, service, receiving, file)
        second.wait_for_function("window.outcome", timeout=60_000)
        assert second.evaluate("window.outcome") == "done"
        assert 0 < second.evaluate("window.resumed[0]") < LARGE
    context.close()
    is_taken_in(receiving, file)


# --- looking ---

NO_THIRD = """#!/bin/sh
case "$*" in *20200103*) echo no sun >&2; exit 3;; esac
while [ $# -gt 1 ]; do cat "$1" >> made; shift; done
mv made "$1"
"""


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a mission of which there is much to see."""
    directory = tmp_path_factory.mktemp("looked_at")
    mission = Mission(directory / "mission", str(directory / "mission.sqlite"))
    mission.code("to_smooth.sh", NO_THIRD)
    days: dict[str, Any] = {"from": dt.date(2020, 1, 1), "to": dt.date(2020, 1, 6)}
    raw = product("raw", 0, expect="daily", late_after="1 day", **days)
    mission.create(raw, *chain()[1:], *with_places(directory, "raw"))
    mission.deliver(*(name_of("raw", day) for day in (1, 2, 3, 5)), "who.knows")
    mission.run(status=1)
    mission.dbproc("reprocess", "--process", "to_clean", "--force", "2", "--campaign", "again")
    mission.dbproc("withdraw", name_of("raw", 5), "--reason", "a cloud")
    mission.deliver(".hidden", name_of("raw", 6))
    with Served(mission.database, "--open") as service:
        yield service.address


def pages_from(page: Page, address: str, wrong: list[str]) -> Iterator[str]:
    """The pages that links lead to, one of each kind; each is open when it is given. What leads nowhere is `wrong`."""
    seen, left = set[str](), [f"{address}/"]
    while left:
        url = left.pop(0)
        if (kind := kind_of(url)) in seen:
            continue
        seen.add(kind)
        answer = page.goto(url)
        assert answer is not None
        while "refresh" in answer.headers:  # it is worked out, as it takes long on a machine at work
            page.wait_for_timeout(200)
            answer = page.goto(url)
            assert answer is not None
        if answer.status != 200:
            wrong.append(f"{url} answers {answer.status}")
            continue
        left += page.eval_on_selector_all("a[href]:not([download])", LINKS)
        left = [each for each in left if each.startswith(address) and not re.search(OTHER, each)]
        yield kind


LINKS = "all => all.map(each => new URL(each.getAttribute('href'), document.baseURI).href)"
OTHER = r"/api/|/bytes|format=|/static/|/logout"
"""What is no page."""


def kind_of(url: str) -> str:
    """What pages have in common that differ in what they are of alone."""
    path = urlsplit(url.partition("#")[0]).path
    words = re.sub(r"(?<=/named/).+|(?<=/products/).+|(?<=/campaigns/).+|\d+", "N", path).strip("/")
    return words or "home"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_everybody_can_use_each_page(
    browser: Browser, looked_at: str, width: str, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": WIDTHS[width], "height": 900}, color_scheme=scheme)
    page, wrong, kinds = context.new_page(), list[str](), list[str]()
    page.on("console", lambda said: wrong.append(f"{page.url}: {said.text}") if said.type == "error" else None)
    for kind in pages_from(page, looked_at, wrong):
        kinds.append(kind)
        photograph(page, PICTURES / width / scheme, kind.replace("/", "-"))
        wrong += [f"{kind}: {fault}" for fault in faults(page)]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wrong.append(f"{kind}: is wider than the screen")
    context.close()
    assert wrong == [], "\n".join(wrong)
    assert set(kinds) >= {"home", "files", "files/N", "products", "coverage", "failures", "attempts/N", "log"}


def test_the_page_leads_from_what_is_missing_to_why(browser: Browser, looked_at: str) -> None:
    page = browser.new_page()
    page.goto(looked_at)
    page.get_by_role("link", name="Coverage", exact=True).click()
    main = page.locator("main")
    assert "late" in main.inner_text()
    assert "because of raw: a cloud" in main.inner_text()
    page.goto(f"{looked_at}/files/named/{name_of('clean', 1)}")
    page.locator("svg a").filter(has_text=name_of("smooth", 1)).click()
    assert page.inner_text("h1") == name_of("smooth", 1)
    page.locator("svg a").filter(has_text=name_of("raw", 1)).click()
    assert page.inner_text("h1") == name_of("raw", 1)
    page.close()


# --- acting ---


def test_the_page_sends_a_file_in_two_browsers_and_past_a_kill(browser: Browser, tmp_path: Path) -> None:
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite")).create(product("raw", 0))
    token = bearer(mission.database, "ada", Scope.READ, Scope.UPLOAD)["Authorization"].removeprefix("Bearer ")
    file = tmp_path / name_of("raw", 1)
    file.write_bytes(random.Random(8).randbytes(4 * LARGE))
    contexts = [browser.new_context(), browser.new_context()]
    with Served(mission.database) as service:
        for context in contexts:
            page = context.new_page()
            page.goto(f"{service.address}/uploads")
            page.get_by_label("Token").fill(token)
            with page.expect_navigation():  # up to its script: without it the form sends the file as a whole
                page.get_by_role("button", name="Log in").click()
            page.get_by_label("File").set_input_files(file)
            page.get_by_role("button", name="Send").click()
            page.locator("#far:not([value='0'])").wait_for()
            if context is contexts[0]:
                service.kill()
                assert page.evaluate("document.getElementById('far').value") < 1
                context.close()
                service.start()
        page.get_by_text("is there; the next run takes it").wait_for()
        page.get_by_label("those that are at an end as well").check()
        page.get_by_role("button", name="Show").click()
        assert page.locator("#uploads tbody tr").count() == 1
        page.get_by_role("button", name="Log out").click()
        page.goto(f"{service.address}/uploads")
        page.get_by_label("Token").wait_for()
    contexts[1].close()
    is_taken_in(mission, file)


def test_a_failed_job_is_tried_again_from_its_page(browser: Browser, tmp_path: Path) -> None:
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite"))
    mission.code("to_clean.sh", f'#!/bin/sh\n[ -e {mission.root}/sun ] || {{ echo no sun; exit 3; }}\ncp "$1" "$2"\n')
    mission.create(*chain(), table("monitor", {"every": "1 day"}))
    mission.deliver(name_of("raw", 1))
    mission.run(status=1)
    (mission.root / "sun").touch()
    with Served(mission.database, "--open", runs=True) as service:
        page = browser.new_page()
        page.goto(service.address)
        page.get_by_role("link", name="exit status 3: no sun").click()
        assert "no sun" in page.locator("main").inner_text()
        page.get_by_role("link", name="Try again").click()
        assert "The next run tries 1 failed job again" in page.locator("main").inner_text()
        assert len(mission.files()) == 1
        page.get_by_role("button", name="Try again").click()
        wait_for(lambda: name_of("smooth", 1) in mission.files(), "what was tried again")
        page.goto(f"{service.address}/audit")
        assert re.search(r"anybody.*retry|retry.*anybody", page.locator("main").inner_text(), re.DOTALL)
        page.close()
        wait_for(lambda: not mission.rows("SELECT * FROM logging WHERE currently_processing"), "the end of the run")
