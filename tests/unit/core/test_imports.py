"""Which URLs clients may have fetched."""

from __future__ import annotations

import pytest

from dbproc.core.errors import UserError
from dbproc.core.imports import name_in, shown, url_read


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.org/a", "must begin with http"),
        ("file:///etc/passwd", "must begin with http"),
        ("http:///a", "must begin with http"),
        ("http://ada:secret@example.org/a", "holds a user or a password"),
        ("https://example.org/a?X-Amz-Signature=1", "holds a credential"),
        ("https://example.org/a?page=1&access_token=1", "holds a credential"),
        ("http://example.org:8080/a", "port 8080"),
        ("http://example.org:99999/a", "is none"),
        ("http://[::1/a", "is none"),
        ("http://localhost/a", "not public"),
        ("http://127.0.0.1/a", "not public"),
        ("http://169.254.169.254/latest/meta-data", "not public"),
        ("http://[::1]/a", "not public"),
        ("http://10.1.2.3/a", "not public"),
        ("http://example.org/a b", "no space"),
        ("http://example.org/a\nHost: b", "at most"),
        ("http://example.org/\u202e", "ASCII"),
        (f"http://example.org/{'a' * 2000}", "at most 2000"),
    ],
)
def test_a_url_that_may_not_be_asked_for_is_refused(url: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as raised:
        url_read(url, ())
    assert "secret" not in str(raised.value)


def test_a_host_that_the_mission_names_may_be_private_and_have_any_port() -> None:
    assert url_read("http://rse-web:8080/rse/a.nc", ("RSE-web",)) == "http://rse-web:8080/rse/a.nc"
    assert url_read("http://[::1]:81/a", ("::1",))
    with pytest.raises(UserError, match=r'\[service\] hosts = \["other"\]'):
        url_read("http://other:8080/a", ("rse-web",))


def test_a_file_has_the_name_at_the_end_of_its_path() -> None:
    url = url_read("https://example.org/data/a%20b.nc?page=1#top", ())
    assert (name_in(url), shown(url)) == ("a b.nc", "https://example.org/data/a%20b.nc")
    assert name_in("https://example.org/data/") == ""
