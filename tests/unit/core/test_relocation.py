"""The name and the directory that a file gets when its product gets others, and when it gets none."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from dbproc.core.errors import FormatError
from dbproc.core.model import Member
from dbproc.core.relocation import Located, Place, relocated
from dbproc.core.spec import InspectorSpec, ProductSpec
from dbproc.core.version import Version

RAW = ProductSpec(
    name="raw",
    level=0,
    directory="raw/{Y}",
    format="raw_{Y}{m}{d}_{site}_v{VERSION}.txt",
    satellite="s",
    instrument="i",
)
FILE = Located(
    file_id=1,
    filename="raw_20240506_BOL_v1.2.0.txt",
    directory="raw/2024",
    date=dt.date(2024, 5, 6),
    start=dt.datetime(2024, 5, 6, tzinfo=dt.UTC),
    stop=dt.datetime(2024, 5, 6, 23, 59, 59, 999999, dt.UTC),
    keywords="site=BOL",
    version=Version(1, 2, 0),
    digest="sha256:0",
)
OWN = InspectorSpec(file="own.py")


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"directory": "data/{site}/{m}"}, Place("data/BOL/05", FILE.filename, "site=BOL")),
        ({"format": "{site}.{j}.{Y}.txt"}, Place("raw/2024", "BOL.127.2024.txt", "site=BOL")),
        ({"format": "raw_{DATE}_v{VERSION}"}, Place("raw/2024", "raw_20240506_v1.2.0", "")),
        ({"format": "raw_{DATE}", "inspector": OWN}, Place("raw/2024", "raw_20240506", "site=BOL")),
        ({"format": RAW.format.replace("site", "station")}, Place("raw/2024", FILE.filename, "station=BOL")),
        ({"level": 3}, Place("raw/2024", FILE.filename, "site=BOL")),
    ],
)
def test_it_is_made_of_what_is_known_of_the_file(values: dict[str, object], place: Place) -> None:
    assert relocated(FILE, RAW, replace(RAW, **values)) == place  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("format", "said"),
    [
        ("raw_{Y}{m}{d}_{band}.txt", r"needs the keyword \{band\}, which these files do not have"),
        ("raw_{Y}{m}_{site}.txt", "would say that it is of 2024-05-01, and it is of 2024-05-06"),
        ("raw_{Y}{m}{d}{H}_{site}.txt", "would say another time than that which it is of"),
        ("raw_{Y}{m}{d}_{nn}.txt", r"needs the keyword \{nn\}"),
        ("{site}{nn}_{Y}{m}{d}", "needs the keyword"),
    ],
)
def test_a_name_that_cannot_be_had_or_says_something_else_is_refused(format: str, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        relocated(FILE, RAW, replace(RAW, format=format))


def test_a_name_that_would_be_read_otherwise_is_refused() -> None:
    with pytest.raises(FormatError, match=r"would not be of the format"):
        relocated(replace(FILE, keywords="site=B nn=x"), RAW, replace(RAW, format="{nn}_{DATE}"))


def test_a_file_whose_name_never_said_its_time_gets_a_name() -> None:
    hour = replace(FILE, start=dt.datetime(2024, 5, 6, 7, tzinfo=dt.UTC))
    place = relocated(hour, RAW, replace(RAW, format="raw_{DATE}{H}_{site}"))
    assert place == Place("raw/2024", "raw_2024050607_BOL", "H=07 site=BOL")


def test_an_idx_file_with_its_directory_keeps_its_stem() -> None:
    volume = replace(FILE, members=(Member("0.bin", 1, "sha256:1"),))
    idx = replace(RAW, format="raw_{Y}{m}{d}_{site}_v{VERSION}.idx")
    assert relocated(volume, RAW, idx).filename == "raw_20240506_BOL_v1.2.0.idx"
    with pytest.raises(FormatError, match="says itself how its directory is named"):
        relocated(volume, RAW, replace(idx, format="v_{Y}{m}{d}_{site}.idx"))
    assert relocated(volume, RAW, replace(idx, format="v_{Y}{m}{d}_{site}.dat")).filename == "v_20240506_BOL.dat"
