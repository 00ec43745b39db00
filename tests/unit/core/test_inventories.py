"""Lists of what lies in a store: what their lines and entries say."""

from __future__ import annotations

import pytest

from dbproc.core.inventories import Listed, kind_of, listed_line, listed_value, path_in_store

SHA256 = "ab" * 32


@pytest.mark.parametrize(
    ("line", "listed"),
    [
        ("1\t3224599\t./2011/10/01/a.tar.gz\n", Listed("./2011/10/01/a.tar.gz", 3224599, (), "1")),
        ("nas-1   17   2011/with a blank.tar\r\n", Listed("2011/with a blank.tar", 17, (), "nas-1")),
        ("17 a.tar\n", Listed("a.tar", 17)),
        (f"{SHA256.upper()} *a.tar\n", Listed("a.tar", None, (f"sha256:{SHA256}",))),
        ("./2011/a 2.tar", Listed("./2011/a 2.tar")),
        (f"1\t{2**63}\ta", Listed("a", None, (), "1")),
        ("# host size path", None),
        ("./2011/10/", None),
        ("  \n", None),
    ],
)
def test_a_line_says_where_a_file_is_and_what_else_is_known(line: str, listed: Listed | None) -> None:
    assert listed_line(line) == listed


@pytest.mark.parametrize(
    ("value", "listed"),
    [
        ("a.tar", Listed("a.tar")),
        ({"path": "x/a.tar", "size": 5, "modified": "2020"}, Listed("x/a.tar", 5)),
        ({"Path": "x/a", "Name": "a", "Size": -1, "IsDir": False}, Listed("x/a")),
        ({"Key": "x/a", "Size": "7", "ETag": '"00"'}, Listed("x/a", 7)),
        (
            {"filename": "a", "fileSize": 7, "host": "nas", "sha256": SHA256},
            Listed("a", 7, (f"sha256:{SHA256}",), "nas"),
        ),
        ({"path": "a", "digest": f"SHA256:{SHA256}", "checksum": "5"}, Listed("a", None, (f"sha256:{SHA256}",))),
        ({"Path": "a", "Hashes": {"MD5": "0F", "SHA-256": SHA256}}, Listed("a", None, (f"sha256:{SHA256}", "md5:0f"))),
        ({"Path": "x", "IsDir": True}, None),
    ],
)
def test_an_entry_of_a_json_list_says_the_same(value: object, listed: Listed | None) -> None:
    assert listed_value(value) == listed


@pytest.mark.parametrize("value", [7, None, [], {"size": 5}])
def test_an_entry_without_a_path_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="path"):
        listed_value(value)


@pytest.mark.parametrize(
    ("path", "url", "inner"),
    [
        ("./2011//a", "sftp://nas/covis", "2011/a"),
        ("/covis/2011/a", "sftp://user@nas:22/covis", "2011/a"),
        ("/covision/a", "sftp://nas/covis", "covision/a"),
        ("https://host/d/a%20b", "https://host/d/", "a b"),
        ("https://other/d/a", "https://host/d/", None),
        ("raw/2011/a", "s3://bucket/raw", "2011/a"),
        ("raw/2011/a", "sftp://nas/raw", "raw/2011/a"),
        ("../a", "file:///d", None),
        ("a/../../b", "file:///d", None),
        ("a\x1b[2Jb", "file:///d", None),
        ("a\udcffb", "file:///d", None),
        ("/", "file:///d", None),
    ],
)
def test_a_path_of_a_list_never_leads_out_of_its_store(path: str, url: str, inner: str | None) -> None:
    assert path_in_store(path, url) == inner


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.tar.gz", ".tar.gz"),
        ("a.nc.zst", ".nc.zst"),
        ("X_20141215T090839.005Z-DOPPLER.7z", ".7z"),
        ("X_20141215T090839.005Z-DOPPLER", ""),
        ("X_20141215T090839.005Z", ""),
        ("X.072Z-DIFFUSE.gz", ".gz"),
        ("x.2014", ""),
        (".hidden", ""),
        ("README", ""),
    ],
)
def test_what_holds_a_time_or_a_hyphen_is_no_extension(name: str, kind: str) -> None:
    assert kind_of(name) == kind
