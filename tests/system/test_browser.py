"""Chromium looks at a mission and sends files to it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from dbproc.core.access import Scope
from tests.kit.browser import chromium, sending_host
from tests.kit.commands import REPOSITORY
from tests.kit.mission import Mission, name_of, product, table
from tests.kit.service import Served, bearer

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
