"""Sources, stores, rules and areas of a mission file: what is read, what is refused, what is never shown."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from dbproc.core.places import AreaSpec, SourceSpec, StoreSpec, Trust
from dbproc.mission import export_toml, read_mission_file
from dbproc.mission.apply import warnings
from tests.kit.mission_files import line_of, problems_of, write_mission

KEY = "SHA256:" + "a" * 43
SECRET = "hunter2"
WHOLE = f"""
[mission]
name = "covis"

[product.raw]
level = 0
directory = "raw/{{Y}}"
format = "raw_{{Y}}{{m}}{{d}}.tar.gz"

[source.dmas]
url = "https://data.example.org/AlfrescoArchive"
token = "env:DMAS_TOKEN"
path = "/{{Y}}/{{m}}/{{d}}/COVIS-*.tar.gz"
every = "6 h"
since = 2010-09-01
back = "30 days"
digests = "/sums/{{name}}.md5"
verify = "twice"

[store."old-nas{{n}}"]
for = {{ n = [1, 3] }}
url = "sftp://covis@nas{{n}}.example.org/data/{{MISSION}}"
private_key = "file:keys/nas"
host_key = "{KEY}"
trust = "read-only"
preference = 20

[store.nas]
url = "sftp://nas.example.org/~/covis"
user = "env:NAS_USER"
password = "keyring:nas/covis"
host_key = "keys/known_hosts"
preference = 10

[store.wasabi]
url = "s3://covis-raw"
endpoint = "https://s3.wasabisys.com"
region = "us-west-1"
access_key = "env:WASABI_ACCESS_KEY"
secret_key = "env:WASABI_SECRET_KEY"

[[replicate]]
products = ["ra*"]
to = ["nas", "wasabi"]
copies = 1

[area.users]
directory = "/srv/../srv/users"
quota = 500
link = "hardlink"
expires = "30 days"
"""
BARE = """
[mission]
name = "m"

[product.raw]
level = 0
directory = "raw"
format = "raw_{Y}{m}{d}.txt"
"""


def test_what_is_read_of_all_four(tmp_path: Path) -> None:
    mission = read_mission_file(write_mission(tmp_path, WHOLE)).mission
    (source,) = mission.sources
    assert isinstance(source, SourceSpec)
    assert (source.scheme, source.path, source.verify) == ("https", "{Y}/{m}/{d}/COVIS-*.tar.gz", "twice")
    assert [store.name for store in mission.stores] == ["old-nas1", "old-nas3", "nas", "wasabi"]
    old = mission.stores[1]
    assert (old.url, old.trust) == ("sftp://covis@nas3.example.org/data/covis", Trust.READ_ONLY)
    assert old.private_key == f"file:{tmp_path}/keys/nas"
    assert mission.stores[2].host_key == f"{tmp_path}/keys/known_hosts"
    assert mission.replicates[0].name == "1"
    assert mission.areas == (
        AreaSpec(name="users", directory="/srv/users", quota=500, link=mission.areas[0].link, expires=mission.trash),
    )


def test_what_is_exported_is_read_back_as_it_was(tmp_path: Path) -> None:
    definition = read_mission_file(write_mission(tmp_path, WHOLE))
    again = write_mission(tmp_path, export_toml(definition))
    assert read_mission_file(again).mission == definition.mission


SFTP = '[source.s]\nurl = "sftp://u@h/x"'


def with_table(tmp_path: Path, table: str) -> tuple[str, tuple[str, ...]]:
    """A mission file with one table more, and its problems."""
    return BARE + table, problems_of(tmp_path, BARE + table)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/x", "must begin with one of file:, sftp:"),
        ("HTTPS://host/x", "must begin with one of"),
        ("//host/x", "must begin with one of"),
        (f"https://user:{SECRET}@host/x", "holds a password; name where it is kept"),
        (f"sftp://user:{SECRET}@host/x", "holds a password"),
        (f"https://{SECRET}@host/x", "holds a user"),
        (f"https://host/x?token={SECRET}", "holds what may be a credential after ?"),
        (f"https://host/x#{SECRET}", "holds what may be a credential"),
        (f"https://us:{SECRET}@host:port/x", "is no URL"),
        (f" https://us:{SECRET}@host/x", "is no URL"),
        (f"https://us:{SECRET}@ho\\tst/x", "it has control characters in it"),
        ("https:///x", "names no host that there can be; write https://HOST/DIRECTORY"),
        ("https://ho st/x", "names no host"),
        ("https://host:0/x", "names no host"),
        ("https://[::1", "is no URL"),
        ("https://℀/x", "is no URL"),
        ("https://host/{Y}", "fields of dates stand in path"),
        ("https://host/a/../b", "has '..' in it"),
        ("https://host/a/%2E%2e/b", "has '..' in it"),
        ("s3://localhost:9000/bucket", "names no host but BUCKET/PREFIX; the host and its port are those of endpoint"),
        ("file:x", "must be file:///PATH"),
        ("file://host/x", "must be file:///PATH"),
    ],
)
def test_a_url_that_no_place_can_have_is_refused_and_not_shown(tmp_path: Path, url: str, said: str) -> None:
    more = f'[store.b]\nurl = "{url}"\n[[replicate]]\nproducts = ["*"]\nto = ["a", "b"]\ncopies = 1\n'
    text, problems = with_table(tmp_path, f'[source.s]\nurl = "{url}"\n[store.a]\nurl = "s3://a"\n{more}')
    assert [problem for problem in problems if said in problem], problems
    assert problems[0].startswith(f"line {line_of(text, 'url = ')}, source.s.url: ")
    assert SECRET not in str(problems)


@pytest.mark.parametrize(
    "key", ["user", "password", "private_key", "passphrase", "token", "access_key", "secret_key", "service_account"]
)
def test_a_credential_in_the_file_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    for written, said in (
        (f'"{SECRET} is it"', "name where it is kept" if key != "user" else "is neither the name of a user"),
        (f'"env:{SECRET}!"', "begins with env: and does not name a variable"),
        (f'"keyring:{SECRET}"', "does not name an entry of the keyring"),
        ('"file: "', "does not name a file"),
        (f'"{SECRET}\\u0007"', "it has control characters in it"),
        (f'["{SECRET}"]', "must be text in quotes"),
    ):
        text, problems = with_table(tmp_path, f'[store.s]\nurl = "sftp://host/x"\n{key} = {written}\n')
        place = f"line {line_of(text, f'{key} = ')}, store.s.{key}: "
        found = [problem for problem in problems if problem.startswith(place)]
        assert len(found) == 1
        assert said in found[0]
        assert SECRET not in str(problems)


@pytest.mark.parametrize(
    ("table", "key", "said"),
    [
        ('[source.s]\npath = "*"', "url", "is missing; it must be text in quotes"),
        ('[source."a b"]\nurl = "https://h/x"', "", "'a b' is not a name"),
        ('[store."a/b"]\nurl = "file:///x"', "", "'a/b' is not a name"),
        ('[store.root]\nurl = "file:///x"', "", "'root' is the mission's root, which is a store already"),
        ('[store.incoming]\nurl = "file:///x"', "", "'incoming' is where files arrive"),
        ('[store.s]\nurl = "file:///x"\nurll = 1', "urll", "this key is not known; did you mean 'url'?"),
        ('[store.s]\nurl = "file:///x"\nevery = "1 h"', "every", "this key is not known"),
        ('[store.s]\nurl = "file:///x"\ntrust = "some"', "trust", "choose one of trusted, read-only, untrusted"),
        ('[store.s]\nurl = "file:///x"\nhost_key = "/k"', "host_key", "means nothing for a URL with file:"),
        (f'[source.s]\nurl = "sftp://h/x"\nuser="u"\nhost_key = "{KEY}"', "private_key", "is missing"),
        (f'[source.s]\nurl = "sftp://h/x"\npassword="env:P"\nhost_key = "{KEY}"', "user", "is missing"),
        ('[source.s]\nurl = "sftp://u@h/x"\npassword="env:P"', "host_key", "is missing; ssh-keyscan"),
        ('[source.s]\nurl = "sftp://u@h/x"\npassword="env:P"\nhost_key = "SHA256:a"', "host_key", "not a whole"),
        ('[source.s]\nurl = "sftp://u@h/x"\npassword="env:P"\nhost_key = "MD5:a"', "host_key", "must be the finger"),
        (f'[source.s]\nurl = "sftp://u@h/x"\nuser="u"\npassword="env:P"\nhost_key="{KEY}"', "user", "write it once"),
        (f'{SFTP}\npassphrase="env:P"\npassword="env:P"\nhost_key="{KEY}"', "passphrase", "there is no private_key"),
        (f'{SFTP}\nsecret_key="env:P"\npassword="env:P"\nhost_key="{KEY}"', "secret_key", "means nothing for a URL"),
        ('[source.s]\nurl = "https://h/x"\nuser="u"', "password", "is missing; user needs it"),
        ('[source.s]\nurl = "https://h/x"\npassword="env:P"', "user", "is missing; password needs it"),
        ('[source.s]\nurl = "https://h/x"\nuser="u"\npassword="env:P"\ntoken="env:T"', "token", "one of both"),
        ('[source.s]\nurl = "http://h/x"\nca_file="/ca"', "ca_file", "means nothing for a URL with http:"),
        ('[source.s]\nurl = "https://h/x"\nhosts=["http://o"]', "hosts[1]", "must be the name of a host"),
        ('[store.s]\nurl = "s3://b"\naccess_key="env:A"', "secret_key", "is missing; access_key needs it"),
        ('[store.s]\nurl = "s3://b"\nendpoint="h:9000"', "endpoint", "must be the base URL"),
        ('[store.s]\nurl = "s3://b"\nendpoint="https://a:pw@h"', "endpoint", "holds a user"),
        ('[store.s]\nurl = "gdrive://F/x"', "service_account", "is missing"),
        ('[store.s]\nurl = "gdrive://F/x"\nservice_account="file:/k"', "trust", "nothing can be put there by gdrive:"),
        ('[store.s]\nurl = "vos://a/x"', "endpoint", "is missing; write the base URL"),
        ('[store.s]\nurl = "file:///x"\nlayout = "rucio"', "scope", "is missing"),
        ('[store.s]\nurl = "file:///x"\nlayout = "rucio"\nscope = "a:b"', "scope", "is not one"),
        ('[store.s]\nurl = "file:///x"\nscope = "a"', "scope", "means nothing without"),
        ('[source.s]\nurl = "https://h/x"\npath = "../*"', "path", "has the part '..'"),
        ('[source.s]\nurl = "https://h/x"\npath = "a//b"', "path", "has a part without a name"),
        ('[source.s]\nurl = "https://h/x"\npath = "a/"', "path", "has a part without a name"),
        ('[source.s]\nurl = "https://h/x"\npath = "{Y}/{D}"', "path", "{D} is no field of a path"),
        ('[source.s]\nurl = "https://h/x"\npath = "{Y"', "path", "write {Y} for a field"),
        ('[source.s]\nurl = "https://h/x"\nsince = 2020-01-01', "since", "has no field of a year"),
        ('[source.s]\nurl = "https://h/x"\npath = "{Y}.txt"\nback = "1 h"', "back", "has no directories of dates"),
        ('[source.s]\nurl = "https://h/x"\ndigests = "{nam}.md5"', "digests", "has another field than {name}"),
        ('[source.s]\nurl = "https://h/x"\ndigests = "../SUMS"', "digests", "leads out"),
        ('[[replicate]]\nproducts = ["raw"]', "to", "is missing; name stores"),
        ('[[replicate]]\nto = ["nas"]', "products", "is missing; name products"),
        ('[[replicate]]\nproducts = ["rwa"]\nto = ["nas"]', "products[1]", "is the name of no product"),
        ('[[replicate]]\nproducts = ["*"]\nto = ["nsa"]', "to[1]", "there is no store 'nsa'; add [store.nsa]"),
        ('[[replicate]]\nproducts = ["*"]\nto = ["root"]', "to[1]", "the root has every file anyhow"),
        ("replicate = 5", "", "must be a table"),
        ('[area.a]\nquota = 1', "directory", "is missing"),
        ('[area.a]\ndirectory = "a"', "directory", "'a' is not absolute"),
        ('[area.a]\ndirectory = "/srv/a"\nlink = "soft"', "link", "choose one of copy, hardlink, symlink, reflink"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_at_its_key(tmp_path: Path, table: str, key: str, said: str) -> None:
    if table == "replicate = 5":
        assert f"line 1, replicate[1]: {said}" in problems_of(tmp_path, f"{table}\n{BARE}")[0]
        return
    text, problems = with_table(tmp_path, table)
    kind, name = re.fullmatch(r"\[+(\w+)\.?(.*?)\]+", table.partition("\n")[0]).groups()  # type: ignore[union-attr]
    place = f"{kind}[1]" if kind == "replicate" else f"{kind}.{name.strip(chr(34))}"
    label = f"{place}.{key}" if key else place
    found = [problem for problem in problems if f", {label}: " in problem and said in problem]
    assert found, problems
    at = re.match(r"line (\d+), ", found[0])
    assert at is not None
    assert int(at[1]) >= line_of(text, table.partition("\n")[0])


STORES = """
[store.a]
url = "file:///stores/a"
[store.b]
url = "file:///stores/b"
trust = "untrusted"
[store.c]
url = "https://example.org/c"
trust = "read-only"
"""


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('to = ["a", "b"]', ""),
        ('to = ["a", "b"]\ncopies = 1', ""),
        ('to = ["a", "b"]\ncopies = 2', "2 copies need as many stores, and in 'to' there is 1 whose copies count"),
        ('to = ["a"]\ncopies = 2', "2 copies need as many stores, and in 'to' there is 1"),
        ('to = ["a"]\ncopies = 0', "must be from 1 to"),
        ('to = ["a", "a"]', "the store 'a' is listed twice"),
        ('to = ["a", "c"]', "nothing is put into the store 'c'"),
    ],
)
def test_a_rule_has_as_many_copies_as_stores_can_keep(tmp_path: Path, rule: str, said: str) -> None:
    text = f'{BARE}{STORES}[[replicate]]\nproducts = ["raw"]\n{rule}\n'
    if said:
        (problem,) = problems_of(tmp_path, text)
        assert said in problem
    else:
        assert len(read_mission_file(write_mission(tmp_path, text)).mission.replicates) == 1


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('[store.x]\nurl = "file://{root}"', "the store 'x', {root}, is the root, {root}"),
        ('[store.x]\nurl = "file://{root}/copies"', "lies in the root"),
        ('[store.x]\nurl = "file://{root}/in%63oming"', "lies in the root"),
        ('[store.x]\nurl = "file:///"', "holds the root"),
        ('[store.x]\nurl = "file:///stores/a/x"', "lies in the store 'a', /stores/a"),
        ('[store.x]\nurl = "file:///stores"', "holds the store 'a', /stores/a"),
        ('[store.x]\nurl = "file:///elsewhere/in"', "is the incoming directory"),
        ('[store.x]\nurl = "file:///elsewhere/bad/x"', "lies in the quarantine"),
        ('[store.x]\nurl = "file:///elsewhere/codes"', "is the directory of programs"),
        ('[source.x]\nurl = "file://{root}/raw"', "the mission's own files would be fetched"),
        ('[source.x]\nurl = "file:///elsewhere"', "holds the incoming directory"),
        ('[area.x]\ndirectory = "{root}/users"', "the area 'x', {root}/users, lies in the root"),
        ('[area.x]\ndirectory = "/stores/b"', "the area 'x', /stores/b, is the store 'b'"),
        ('[area.y]\ndirectory = "/u"\n[area.x]\ndirectory = "/u/x"', "lies in the area 'y', /u"),
    ],
)
def test_places_of_this_machine_are_apart_from_each_other(tmp_path: Path, table: str, said: str) -> None:
    own = 'incoming = "/elsewhere/in"\nquarantine = "/elsewhere/bad"\ncodes = "/elsewhere/codes"\ninspectors = "."'
    text = BARE.replace('name = "m"', f'name = "m"\n{own}') + STORES + table.replace("{root}", str(tmp_path))
    (problem,) = problems_of(tmp_path, text)
    assert said.replace("{root}", str(tmp_path)) in problem


def test_a_link_to_the_root_is_the_root(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "root")
    text = f'{BARE}[area.x]\ndirectory = "{tmp_path}/link/users"\n'
    (problem,) = problems_of(tmp_path / "root", text)
    assert "lies in the root" in problem


def test_stores_elsewhere_that_hold_each_other_would_count_a_copy_twice(tmp_path: Path) -> None:
    ways = [
        ("s3://b", "", "s3://b/prefix", "", True),
        ("s3://b/one", "", "s3://b/other", "", False),
        ("s3://b", 'endpoint = "https://one.org"', "s3://b", 'endpoint = "https://two.org"', False),
        ("https://h/x", 'trust = "read-only"', "https://H/x/%79", 'trust = "read-only"', True),
        ("https://h/x", 'trust = "read-only"', "https://h:8443/x", 'trust = "read-only"', False),
    ]
    for one, keys, other, others, is_refused in ways:
        text = f'{BARE}[store.a]\nurl = "{one}"\n{keys}\n[store.b]\nurl = "{other}"\n{others}\n'
        if is_refused:
            (problem,) = problems_of(tmp_path, text)
            assert "store.b.url: it is the place of the store 'a'" in problem
        else:
            stores = read_mission_file(write_mission(tmp_path, text)).mission.stores
            assert [type(store) for store in stores] == [StoreSpec, StoreSpec]


def test_a_protocol_whose_library_is_not_installed_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'{BARE}[source.web]\nurl = "https://example.org"\n[store.here]\nurl = "file:///stores/here"\n'
    definition = read_mission_file(write_mission(tmp_path, text))
    assert warnings(definition) == ()
    monkeypatch.setitem(sys.modules, "urllib3", None)
    (said,) = warnings(definition)
    assert said.startswith(f"line {line_of(text, 'https:')}, source.web.url: https: places need a package")
    assert said.endswith("pip install 'dbproc[http]'")
