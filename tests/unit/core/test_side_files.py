"""Digests that stand beside files."""

from __future__ import annotations

from dbproc.core.side_files import digests_in, side_names, side_path

SHA, MD5 = "ab" * 32, "cd" * 16


def test_lists_of_every_kind_are_read() -> None:
    text = f"""# a comment
{SHA}  a.cdf
{SHA.upper()} *sub/b.cdf
MD5 (c d.cdf) = {MD5}
SHA2-256(e.cdf)= {SHA}
\\{MD5}  odd\\\\name.cdf
deadbeef  short.cdf
{"a" * 50}  of-no-algorithm.cdf
"""
    assert digests_in(text, "2024") == {
        "2024/a.cdf": f"sha256:{SHA}",
        "2024/sub/b.cdf": f"sha256:{SHA}",
        "2024/c d.cdf": f"md5:{MD5}",
        "2024/e.cdf": f"sha256:{SHA}",
        "2024/odd\\name.cdf": f"md5:{MD5}",
    }


def test_a_file_of_one_file_holds_its_digest_with_its_name_or_without() -> None:
    for text in (SHA, f"{SHA}\n", f"{SHA}  a.cdf\n", f"{SHA}  /home/me/a.cdf\r\n", f"{SHA}  ./a.cdf"):
        assert digests_in(text, "2024", "2024/a.cdf")["2024/a.cdf"] == f"sha256:{SHA}", text
    assert "2024/a.cdf" not in digests_in(f"{SHA}  b.cdf", "2024", "2024/a.cdf")
    assert digests_in("<html>not found</html>", "2024", "2024/a.cdf") == {}


def test_a_digest_alone_says_nothing_in_a_list() -> None:
    assert digests_in(SHA, "2024") == {}


def test_a_side_file_is_beside_its_file_or_at_the_top() -> None:
    assert side_path("2024/a.cdf", "{name}.sha256") == "2024/a.cdf.sha256"
    assert side_path("2024/a.cdf", "SHA256SUMS") == "2024/SHA256SUMS"
    assert side_path("2024/a.cdf", "/sums/SHA256SUMS") == "sums/SHA256SUMS"
    assert side_path("a.cdf", "sums/{name}.md5") == "sums/a.cdf.md5"


def test_side_files_are_known_among_others() -> None:
    names = ["a", "a.sha256", "b.sha256"]
    assert side_names(names, "{name}.sha256") & set(names) == {"a.sha256"}
    assert side_names(names, "SHA256SUMS") == {"SHA256SUMS"}
    assert side_names(names, "") == set()
