"""A place opened by its URL, where the library of its protocol is installed and where it is not."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dbproc.core.errors import PermanentError
from dbproc.core.places import StoreSpec
from dbproc.storage.stores.opening import LIBRARIES, open_place
from tests.kit.mission import REPOSITORY

_MODULES = {"pyjwt": "jwt", "ssh2-python": "ssh2"}
"""What packages are called where they are imported, where that is not their own name."""


def test_a_directory_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    place = open_place(StoreSpec(name="s", url=f"file://{tmp_path}/a%20b"))
    assert place.url == f"file://{tmp_path}/a b"
    assert list(place.entries()) == []


@pytest.mark.parametrize(
    ("url", "library"),
    [
        ("sftp://h", "ssh2"),
        ("http://h", "urllib3"),
        ("https://h", "urllib3"),
        ("s3://b", "botocore"),
        ("gdrive://F", "jwt"),
        ("vos://a/x", "defusedxml"),
    ],
)
def test_without_its_library_a_place_says_what_to_install(
    url: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    scheme = url.partition(":")[0]
    extra = "http" if scheme == "https" else scheme
    with pytest.raises(PermanentError, match=rf"^{scheme}: .* \({library}\): pip install 'dbproc\[{extra}\]'$"):
        open_place(StoreSpec(name="s", url=url))


def test_each_extra_has_the_libraries_of_its_protocol() -> None:
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name, libraries in LIBRARIES.items():
        packages = [re.split("[>=]", each)[0] for each in extras.get(name, ())]
        assert {_MODULES.get(each, each) for each in packages} == set(libraries), name
        assert name == "local" or name in extras["transfers"][0]


def test_a_protocol_that_nobody_speaks_is_refused() -> None:
    with pytest.raises(PermanentError, match="begins with none of file, sftp"):
        open_place(StoreSpec(name="s", url="ftp://h"))


def test_threads_may_open_their_places_at_the_same_time() -> None:
    program = """
import sys, threading
sys.setswitchinterval(1e-6)
from dbproc.core.places import StoreSpec
from dbproc.storage.stores.opening import open_place
urls = ["http://h", "s3://bucket", "vos://a/x"] * 3
start, failed = threading.Barrier(len(urls)), []
def work(url):
    spec = StoreSpec(name="s", url=url, endpoint="" if url.startswith("http:") else "https://h")
    start.wait()
    try:
        open_place(spec).close()
    except BaseException as error:
        failed.append(repr(error))
threads = [threading.Thread(target=work, args=(url,)) for url in urls]
[thread.start() for thread in threads], [thread.join() for thread in threads]
print(*failed)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stdout.strip() == ""
