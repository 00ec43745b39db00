"""Where Rucio keeps a file."""

import pytest

from dbproc.core import rucio
from dbproc.core.errors import PermanentError
from dbproc.core.places import Layout, StoreSpec


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("testing:prepare_data_test.txt", "testing/84/1c/prepare_data_test.txt"),
        (
            "chocolate:pi24_run_1_cleaned_reupload.fits",
            "chocolate/da/56/pi24_run_1_cleaned_reupload.fits",
        ),
        ("mock:raw.root", "mock/13/de/raw.root"),
        ("user.jdoe:a.b.txt", "user/jdoe/31/5a/a.b.txt"),
    ],
)
def test_the_first_digits_of_the_md5_of_scope_and_name_are_directories(name: str, path: str) -> None:
    assert rucio.path(*name.split(":")) == path


def test_dots_are_directories_in_scopes_of_users_and_groups_alone() -> None:
    assert rucio.identity("group.a.b", "x.y") == "group/a/b/x.y"
    assert rucio.identity("mc16.a", "x.y") == "mc16.a/x.y"
    assert rucio.path("mc16.a", "x").startswith("mc16.a/")


def test_a_name_may_have_directories_and_its_parts_are_quoted_one_by_one() -> None:
    assert rucio.identity("s", "a b/c#d%.txt") == "s/a b/c#d%.txt"
    assert rucio.quoted("s/a b/c#d%.txt") == "s/a%20b/c%23d%25.txt"


@pytest.mark.parametrize(
    ("scope", "name", "words"),
    [
        ("", "x", "scope is empty"),
        ("s", "", "name is empty"),
        ("s", "../x", "lead elsewhere"),
        ("s", "a/../../x", "lead elsewhere"),
        ("s", "/x", "lead elsewhere"),
        ("s", "a/", "lead elsewhere"),
        ("..", "x", "lead elsewhere"),
        ("user..x", "x", "lead elsewhere"),
        ("s/t", "x", "a / or :"),
        ("s:t", "x", "a / or :"),
        ("s", "a\0b", "control characters"),
        ("s", "a\nb", "control characters"),
        ("s", "a\udcff", "not UTF-8"),
    ],
)
@pytest.mark.parametrize("make", [rucio.path, rucio.identity])
def test_what_would_lead_out_or_cannot_be_a_name_is_refused(make: object, scope: str, name: str, words: str) -> None:
    assert callable(make)
    with pytest.raises(PermanentError, match=words):
        make(scope, name)


def test_a_store_has_its_files_where_its_layout_says() -> None:
    plain = StoreSpec(name="s", url="file:///s")
    assert plain.path_of("data/l1", "x.idx") == "data/l1/x.idx"
    assert plain.path_of(".", "x.idx") == "x.idx"
    rse = StoreSpec(name="s", url="file:///s", layout=Layout.RUCIO, scope="testing")
    assert rse.path_of("data/l1", "prepare_data_test.txt") == "testing/84/1c/prepare_data_test.txt"
    assert rse.path_of("data/l1", "x/0000.bin").endswith("/x/0000.bin")


@pytest.mark.parametrize("did", ["testing:a.txt", "user.jdoe:a.b.txt", "group.x.y:z", "mock:a/b.root"])
def test_an_identifier_is_read_off_its_path(did: str) -> None:
    assert rucio.did_of(rucio.path(*did.split(":"))) == did


def test_a_path_that_is_not_computed_has_no_identifier() -> None:
    assert [rucio.did_of(path) for path in ("a", "a/b/c", "testing/84/1d/a.txt")] == [None] * 3
