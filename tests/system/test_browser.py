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
from tests.kit.mission import Mission, chain, name_of, product, table
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
cat "$1" > "$2"
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


def test_without_scripts_every_page_is_there(browser: Browser, looked_at: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    assert page.goto(looked_at)
    page.get_by_role("link", name="Files", exact=True).click()
    page.get_by_role("link", name=name_of("clean", 1)).first.click()
    assert name_of("raw", 1) in page.inner_text("main")  # what it came from
    context.close()
