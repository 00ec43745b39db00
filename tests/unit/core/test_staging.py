"""Where files are staged to, and whether there is room."""

import datetime as dt

import pytest

from dbproc.core.errors import NotFoundError, PermanentError, RoomError, UserError
from dbproc.core.places import AreaSpec, Link
from dbproc.core.staging import (
    GIB,
    Destination,
    area_named,
    destination,
    expiry,
    require_room,
    takes_room,
    target_fault,
)

NOW = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
AREA = AreaSpec(name="scratch", directory="/scratch", quota=2.0, reserve=1.0)


def test_a_destination_is_an_area_a_user_and_a_plain_directory() -> None:
    assert destination("scratch/ada") == Destination("scratch", "ada")
    assert destination("scratch/ada/./in//2024/") == Destination("scratch", "ada", "in/2024")
    assert destination("scratch/ada/in").path("x", "1.bin") == "ada/in/x/1.bin"
    assert destination("scratch/ada").path("", "1.bin") == "ada/1.bin"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no area and user"),
        ("scratch", "names no area and user"),
        ("scratch/", "names no area and user"),
        ("/scratch/ada", "names no area and user"),
        ("scratch/..", "begins with a dot"),
        ("scratch/.ssh", "begins with a dot"),
        ("scratch/ada/..", "leads elsewhere"),
        ("scratch/ada/a/../../bob", "leads elsewhere"),
        ("scratch/ada//etc", "is absolute"),
        ("scratch/ada/a\0b", "control characters"),
        ("scratch/ada/a\nb", "control characters"),
        ("scratch/a\u2028", "control characters"),
        ("scratch/ada/\udcff", "not UTF-8"),
        ("scratch/ada/" + "ä" * 128, "more than 255 bytes"),
        ("scratch/ada/.dbproc-7.part", "dbproc's own"),
    ],
)
def test_what_leads_out_or_cannot_be_a_name_is_refused(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        destination(text)


def test_the_path_of_a_file_is_looked_at_as_a_whole() -> None:
    assert target_fault("ada/in/x.txt") is None
    assert "leads elsewhere" in str(target_fault("ada/../x.txt"))
    assert "more than 2000 bytes" in str(target_fault("a/" * 1001 + "x"))


def test_an_area_that_is_not_there_is_said_with_what_may_be_meant() -> None:
    assert area_named([AREA], "scratch") is AREA
    with pytest.raises(NotFoundError, match="did you mean scratch"):
        area_named([AREA], "scrach")
    with pytest.raises(NotFoundError, match=r"\[area.scratch\]"):
        area_named([], "scratch")


def test_a_quota_counts_what_is_there_and_what_waits() -> None:
    require_room(AREA, "ada", wanted=GIB, used=GIB, waiting=0, free=10 * GIB)
    require_room(AREA, "ada", wanted=0, used=3 * GIB, waiting=0, free=10 * GIB)  # it was more once
    with pytest.raises(RoomError, match=r"ada may have 2 GiB in area scratch and has 1\.1 GB; this needs 1\.1 GB"):
        require_room(AREA, "ada", wanted=GIB + 1, used=GIB, waiting=0, free=10 * GIB)
    with pytest.raises(PermanentError, match="and this is"):
        require_room(AREA, "ada", wanted=2 * GIB + 1, used=0, waiting=0, free=10 * GIB)


def test_a_reserve_stays_free_of_what_is_asked_for_and_what_waits() -> None:
    require_room(AREA, "ada", wanted=GIB, used=0, waiting=GIB, free=3 * GIB)
    with pytest.raises(RoomError, match=r"3\.2 GB are free, of which 1 GiB must stay free and 1\.1 GB are waited for"):
        require_room(AREA, "ada", wanted=GIB + 1, used=0, waiting=GIB, free=3 * GIB)
    require_room(AREA, "ada", wanted=0, used=0, waiting=GIB, free=0)


def test_only_what_has_bytes_of_its_own_counts() -> None:
    assert [link for link in Link if takes_room(link)] == [Link.COPY, Link.REFLINK]


def test_a_request_expires_after_a_time_or_at_one_that_is_to_come() -> None:
    assert expiry(AREA, dt.timedelta(days=30), NOW) == dt.datetime(2024, 7, 1, tzinfo=dt.UTC)
    assert expiry(AREA, None, NOW) is None
    assert expiry(AREA, NOW + dt.timedelta(1), NOW) == NOW + dt.timedelta(1)
    with pytest.raises(UserError, match="is over"):
        expiry(AREA, NOW, NOW)
    with pytest.raises(UserError, match="beyond all dates"):
        expiry(AREA, dt.timedelta(days=10**8), NOW)
