"""The page: what it shows, how it says what is wrong, what it lets people do. One mission is looked at by all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from sqlalchemy import Engine, event
from starlette.testclient import TestClient

from dbproc.core.access import Scope
from tests.kit.mission import Mission, chain, name_of, process, product
from tests.kit.service import client, logged_in

EVIL = "<img src=x onerror=alert(1)>.dat"
FAIL = "#!/bin/sh\necho '<script>no gain</script> of '\"$1\"\nexit 3\n"
_VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """The links of a page; a tag that is not closed, and what the policy of the service forbids, are faults."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert not [name for name in given if name == "style" or name.startswith("on")]
        assert tag != "script" or given.get("src")
        assert tag != "style"
        assert tag != "img" or (given["alt"] and re.fullmatch(r"/files/\d+/picture.png(\?.*)?", given["src"] or ""))
        self.links += [given[name] or "" for name in ("href", "src") if name in given]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mission:
    """Some days without the second, of which the sums fail; and a file that nobody knows."""
    directory = tmp_path_factory.mktemp("page")
    mission = Mission(directory / "mission", str(directory / "mission.sqlite"))
    mission.create(*chain(), product("sum", 2), process("to_sum", "sum", ["clean"]), name="<b>aurora</b>")
    mission.code("to_sum.sh", FAIL)
    mission.deliver(*(name_of("raw", day) for day in (1, 3, 4, 5, 6)), EVIL)
    mission.run(status=1)
    return mission


@pytest.fixture(scope="module")
def service(made: Mission) -> Iterator[TestClient]:
    with client(made.database) as service:
        yield service


def see(service: TestClient, path: str, status: int = 200) -> str:
    answer = service.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    Page(answer.text)
    return answer.text


def number_of(made: Mission, name: str) -> int:
    return int(made.one(f"SELECT file_id FROM file WHERE filename = '{name}'"))


def test_every_link_leads_somewhere(service: TestClient) -> None:
    todo, seen = ["/"], set[str]()
    while todo:
        path = todo.pop()
        kind = re.sub(r"\d+", "0", urlsplit(path).path) + "".join(re.findall(r"[?&]\w+", path))
        if kind in seen:
            continue
        seen.add(kind)
        answer = service.get(path)
        assert answer.status_code == 200, (path, answer.text)
        if answer.headers["content-type"].startswith("text/html"):
            assert "<b>aurora" not in answer.text
            assert "<script>no gain" not in answer.text
            assert "<img" not in answer.text
            todo += [urljoin(path, each) for each in Page(answer.text).links]
    assert len(seen) > 60


def test_the_mission_in_one_screen(service: TestClient) -> None:
    text = see(service, "/")
    assert "Failures or late" not in text  # the style makes the first letter large
    assert "failures or late" in text
    assert "5 failed" in text
    assert "1 in quarantine" in text
    assert "The last run ended" in text
    assert "exit status 3" in text
    assert ">5 of to_sum</a>" in text
    assert "&lt;img src=x onerror=alert(1)&gt;.dat" in text


def test_the_first_page_tells_what_waits_for_a_failure_and_which_tokens_end(sqlite_mission: Mission) -> None:
    made = sqlite_mission.create(*chain())
    made.code("to_clean.sh", FAIL)
    made.deliver(name_of("raw", 1))
    made.run(status=1)
    for owner, days in (("ada", "29 d"), ("ben", "31 d")):
        made.dbproc("token", "create", owner, "--owner", owner, "--expires", days)
    with client(made.database) as service:
        text = see(service, "/")
        attempt = made.one("SELECT attempt_id FROM attempt")
        waits = f'<li>smooth 2019-12-31 and 2 more: <a href="/attempts/{attempt}">to_clean 2020-01-01</a> failed</li>'
        assert waits in text
        assert re.findall(r"<li>token \w+ of (\w+)", text) == ["ada"]
    with client(made.database, is_open=False) as service:
        logged_in(service, made.database, "eve", Scope.READ)
        assert "<li>token" not in see(service, "/")


def test_files_are_chosen_by_the_address_and_come_page_by_page(
    service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = see(service, "/files?product=clean&start=2020-01-03&end=&newest=true")
    assert name_of("clean", 3) in text
    assert name_of("clean", 1) not in text
    assert "/api/v1/files?product=clean&amp;start=2020-01-03&amp;newest=true&amp;format=csv" in text
    monkeypatch.setattr("dbproc.service.page.files._ROWS", 2)
    text, names = see(service, "/files"), list[str]()
    while True:
        found = re.findall(r'class="name" href="/files/\d+">([^<]+)<', text)
        assert len(found) <= 2
        names += found
        following = re.search(r'rel="next" href="([^"]+)"', text)
        if following is None:
            break
        text = see(service, following[1])
    assert len(names) == len(set(names)) == 15
    assert "No file is meant" in see(service, "/files?text=nothing_like_that")


def test_each_list_can_be_chosen_by_its_address(made: Mission, service: TestClient) -> None:
    made.deliver("early.txt", ".late")
    for path, shown, left_out in (
        ("quarantine?reason=no_product&text=ONERROR", EVIL[5:12], "None like that"),
        ("quarantine?reason=bad_name", "None like that", EVIL[5:12]),
        ("products?text=SMOO", "products/smooth", 'products/raw">raw'),
        ("processes?product=sum", "to_sum", "<td>to_smooth"),
        ("incoming?text=EARLY&settled=true", "early.txt", ".late"),
        ("incoming?settled=false", "Incoming", "early.txt"),
        ("queue?product=raw", "None like that", "rel=next"),
        ("campaigns?status=paused", "None like that", "begin one"),
        ("uploads?state=failed&owner=ada&text=x", "None like that", "None is at work"),
        ("audit?who=nobody", "Nothing like that", "None like that"),
        ("coverage?product=raw", "/api/v1/coverage/periods?product=raw&amp;format=csv", "late"),
    ):
        text = see(service, f"/{path}")
        assert shown in text, path
        assert left_out not in text.partition("<table>")[2], path
        listed = path.partition("?")[0]
        assert f'href="/api/v1/{listed}?' in text
        assert "format=csv" in text
        assert service.get(f"/api/v1/{path}").status_code == 200
    assert "choose from" in see(service, "/quarantine?reason=beauty", 422)
    for name in ("early.txt", ".late"):
        (made.incoming / name).unlink()


def test_lists_without_numbers_come_page_by_page(
    service: TestClient, made: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    # jobs end in another order than they begin, and several at one time
    made.execute("UPDATE attempt SET end_time = (SELECT max(end_time) FROM attempt) WHERE attempt_id % 2 = 1")
    monkeypatch.setattr("dbproc.service.page.views.ROWS", 3)
    text = see(service, "/products")
    (following,) = re.findall(r'rel="next" href="([^"]+)"', text)
    text = see(service, following)
    assert re.findall(r'<td><a href="/products/(\w+)"', text) == ["sum"]
    assert 'rel="next"' not in text
    whole = re.findall("<tr>.*", see(service, "/log"))[1:]
    monkeypatch.setattr("dbproc.service.page.work._EVENTS", 4)
    path, found = "/log", list[str]()
    while path:
        text = see(service, path)
        found += re.findall("<tr>.*", text)[1:]
        path = "".join(re.findall(r'rel="next" href="([^"]+)"', text))
    assert len(whole) > 8
    assert found == whole


def test_a_file_with_its_origin(made: Mission, service: TestClient) -> None:
    text = see(service, f"/files/{number_of(made, name_of('clean', 1))}")
    assert "no output yet" in text
    assert "up to date" in text
    drawn = text[text.index("<svg") : text.index("</svg>")]
    assert re.findall(r">(\w+_2020\d+_v1.0.0.txt)</text>", drawn) == [
        name_of("raw", 1),
        name_of("clean", 1),
        name_of("smooth", 1),
    ]
    assert f'<a href="/files/{number_of(made, name_of("raw", 1))}">' in drawn
    saved = service.get(f"/files/{number_of(made, name_of('clean', 1))}/bytes")
    assert saved.text == "clean(raw_20200101)"
    assert saved.headers["content-disposition"].startswith("attachment")
    named = service.get(f"/files/named/{name_of('clean', 1)}")
    assert named.url.path == f"/files/{number_of(made, name_of('clean', 1))}"


def test_why_there_is_nothing(service: TestClient) -> None:
    text = see(service, "/products/smooth?when=2020-01-02")
    assert '"/api/v1/products/smooth"' in text
    assert "smooth 2020-01-02" in text
    assert "raw 2020-01-02" in text
    assert "not delivered" in text


def test_coverage_as_a_calendar(service: TestClient) -> None:
    text = see(service, "/coverage?product=raw")
    parts = re.findall(r'<rect class="([\w-]+)" x="([\d.]+)" width="([\d.]+)" height="14">', text)
    assert [kind for kind, _, _ in parts] == ["there", "missing", "there"]
    assert [round(float(left)) for _, left, _ in parts] == [0, 167, 333]
    assert "no file of it came" in text


def test_an_attempt_with_what_its_job_wrote(made: Mission, service: TestClient) -> None:
    number, log = made.rows("SELECT attempt_id, log_path FROM attempt WHERE status = 'failed'")[0]
    text = see(service, f"/attempts/{number}")
    assert "&lt;script&gt;no gain&lt;/script&gt; of " in text[text.index('aria-label="Log"') :]
    aside = Path(f"{log}.aside")
    Path(log).rename(aside)
    try:
        Path(log).symlink_to(aside)  # as a job could, to have the service read out what is not its own
        assert "It is not there any more" in see(service, f"/attempts/{number}")
    finally:
        aside.replace(log)


def test_what_is_wrong_is_said_as_a_page(service: TestClient) -> None:
    assert "is not a date or time" in see(service, "/files?start=soon", 422)
    assert "a whole number" in see(service, "/files?run=one", 422)
    for path in ("/files/99", "/products/nothing", "/attempts/99999999999", "/campaigns/x", "/actions/burn"):
        see(service, path, 404)
    assert service.get("/static/..%2Fviews.py").status_code == 404
    for path, accept, kind in (
        ("/nowhere", "text/html,*/*;q=0.8", "text/html; charset=utf-8"),
        ("/nowhere", "*/*", "application/problem+json"),
        ("/api/v1/nowhere", "text/html", "application/problem+json"),
    ):
        answer = service.get(path, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (404, kind)


def test_an_idle_home_page_asks_nothing_for_each_file(sqlite_mission: Mission) -> None:
    made, counts = sqlite_mission.create(*chain()), []
    with client(made.database) as service:
        for days in (range(1, 3), range(3, 30)):
            made.deliver(*(name_of("raw", day) for day in days))
            made.run()
            asked: list[str] = []

            def note(*given: object, asked: list[str] = asked) -> None:
                asked.append(str(given[2]))

            event.listen(Engine, "before_cursor_execute", note)
            see(service, "/")
            event.remove(Engine, "before_cursor_execute", note)
            counts.append(len(asked))
    assert 0 < counts[0] == counts[1] < 100


def test_what_takes_long_on_a_large_catalogue_comes_later(service: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbproc.service.page.views._LARGE", 0)
    monkeypatch.setattr("dbproc.service.page.kept._PATIENCE", 0)
    for path in ("/", "/files", "/coverage", "/failures", "/log", "/products", "/products/raw"):
        answer = service.get(path)
        assert "One moment" in answer.text
        assert answer.headers["refresh"] == "2"
    monkeypatch.setattr("dbproc.service.page.kept._PATIENCE", 60)
    assert "5 failed" in see(service, "/")


def test_below_a_path_of_a_proxy(made: Mission) -> None:
    with client(made.database, root_path="/dbproc") as service:
        text = see(service, "/")
    links = [each for each in Page(text).links if not each.startswith("#")]
    assert links
    assert all(each.startswith("/dbproc/") for each in links)


def test_whoever_is_not_known_logs_in_and_sees_what_they_may(made: Mission) -> None:
    with client(made.database, is_open=False) as service:
        asked = service.get("/files?product=raw", follow_redirects=False)
        assert asked.headers["location"] == "/login?then=%2Ffiles%3Fproduct%3Draw"
        assert 'value="/files?product=raw"' in see(service, asked.headers["location"])
        refused = service.post("/login", data={"token": "dbp_nobody_0"})
        assert refused.status_code == 401
        assert "unknown, revoked or expired" in refused.text
        logged_in(service, made.database, "eve", Scope.READ)
        text = see(service, f"/files/{number_of(made, name_of('raw', 1))}")
        assert ">eve<" in text
        assert "Withdraw" not in text
        see(service, "/actions/retry", 403)
        (csrf,) = set(re.findall(r'name="csrf" value="([^"]+)"', text))
        assert service.post("/logout", data={"csrf": csrf}).url.path == "/login"
        assert service.get("/files", follow_redirects=False).status_code == 303


@pytest.mark.both_databases
def test_what_is_done_is_shown_first_asked_and_recorded(mission: Mission) -> None:
    made = mission.create(*chain())
    made.code("to_smooth.sh", FAIL)
    made.deliver(name_of("raw", 1), EVIL)
    made.run(status=1)
    with client(made.database) as service:
        attempt = made.one("SELECT attempt_id FROM attempt WHERE status = 'failed'")
        for page in ("/", "/failures", "/log", "/files", "/products", "/coverage", "/incoming", "/queue?product=raw"):
            see(service, page)
        for page in ("/quarantine?reason=no_product&text=ONE", "/campaigns?status=active&text=x&after=1"):
            see(service, page)
        assert "None like that" in see(service, "/uploads?state=failed&text=x")
        for page in (f"/attempts/{attempt}", "/quarantine/1", f"/files/{number_of(made, name_of('raw', 1))}"):
            text = see(service, page)
            path = next(each for each in Page(text).links if each.startswith("/actions/"))
            before = made.state()
            asks = see(service, path)
            assert made.state() == before
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', asks))
            without = {name: value for name, value in fields.items() if name != "csrf"}
            assert service.post(path.partition("?")[0], data=without).status_code == 403
            assert made.state() == before
            done = service.post(path.partition("?")[0], data={**fields, "reason": "snow"})
            assert done.status_code == 200
            assert 'role="status"' in done.text
        assert [row[0] for row in made.rows("SELECT DISTINCT action FROM audit ORDER BY action")] == [
            "file withdraw",
            "job retry",
            "quarantine release",
        ]
        assert made.waiting() == [EVIL]
        assert "snow" in see(service, "/audit?action=file")


def test_a_file_is_sent_by_the_form(sqlite_mission: Mission) -> None:
    made = sqlite_mission.create(product("raw", 0))
    with client(made.database) as service:
        (csrf,) = set(re.findall(r'name="csrf" value="([^"]+)"', see(service, "/uploads")))
        sent = {"file": (name_of("raw", 1), b"raw")}
        assert service.post("/uploads", data={"csrf": "x"}, files=sent).status_code == 403
        done = service.post("/uploads", data={"csrf": csrf}, files=sent)
        assert done.status_code == 200
        assert name_of("raw", 1) in done.text
        assert made.waiting() == [name_of("raw", 1)]
    made.run()
    assert made.names("raw") == [name_of("raw", 1)]
