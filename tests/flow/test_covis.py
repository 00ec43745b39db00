"""examples/covis: archives that lie on several hosts, packed anew and kept in two places; on real servers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dbproc.core.places import StoreSpec
from tests.kit.commands import REPOSITORY
from tests.kit.mission import Mission
from tests.kit.s3 import S3Server
from tests.kit.ssh import SshServer, running_rclone_sftp

EXAMPLE = REPOSITORY / "examples" / "covis"
DIFFUSE = "APLUWCOVISMBSONAR001_20111001T125923.044Z-DIFFUSE"
IMAGING = "APLUWCOVISMBSONAR001_20111001T000840.892Z-IMAGING"
DOPPLER = "APLUWCOVISMBSONAR001_20141215T090839.005Z-DOPPLER"
SLOW = "APLUWCOVISMBSONAR001_20171219T154622.072Z-DIFFUSESLOW"
SITES = {DIFFUSE: "Endeavour", IMAGING: "Endeavour", DOPPLER: "Endeavour", SLOW: "Ashes"}


@dataclass(frozen=True)
class Covis:
    """The mission of the example, and the hosts that it knows."""

    mission: Mission
    hosts: Path
    old: SshServer
    new: SshServer
    s3: S3Server
    top: str

    def kept(self) -> dict[str, dict[str, str]]:
        """The digest of each file on the NAS that is written to, and in S3."""
        client = self.s3.client
        keys = [each["Key"] for each in client.list_objects_v2(Bucket=self.s3.bucket)["Contents"]]
        bodies = {key: client.get_object(Bucket=self.s3.bucket, Key=key)["Body"].read() for key in keys}
        client.close()
        return {
            "covis_nas": digests(self.new.directory / self.top),
            "wasabi": {key: hashlib.sha256(body).hexdigest() for key, body in bodies.items()},
        }

    def told(self, *words: str, status: int = 0) -> Any:
        return json.loads(self.mission.dbproc(*words, "--json", status=status).out)

    def adopt(self, *words: str) -> dict[str, Any]:
        """Take in what the inventories list; what came of each."""
        lists = {"old_covis_nas1": "txt", "old_covis_nas5": "txt", "dmas": "json"}
        return {
            store: self.told("stores", "adopt", store, "--inventory", f"{self.hosts / store}.{kind}", *words)
            for store, kind in lists.items()
        }


def digests(directory: Path) -> dict[str, str]:
    """The digest of each file below a directory."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def members(archive: Path) -> dict[str, str]:
    """The SHA-1 of each member of a tar file."""
    with tarfile.open(archive) as packed:
        found = [(each.name, packed.extractfile(each)) for each in packed]
        return {name: hashlib.sha1(stream.read()).hexdigest() for name, stream in found if stream is not None}


def lines(spec: StoreSpec) -> str:
    """What a mission file says of where a store is, and who one is there."""
    keys = ("url", "host_key", "private_key", "endpoint", "access_key", "secret_key")
    return "\n".join(f'{key} = "{getattr(spec, key)}"' for key in keys if getattr(spec, key))


@pytest.fixture(scope="session")
def second_sftp() -> Iterator[SshServer]:
    with running_rclone_sftp() as server:
        yield server


@pytest.fixture
def covis(database: str, tmp_path: Path, rclone_sftp: SshServer, second_sftp: SshServer, s3: S3Server) -> Covis:
    mission, hosts, top = Mission(tmp_path / "covis", database), tmp_path / "hosts", uuid.uuid4().hex
    mission.environment["DBPROC_SETTLE_SECONDS"] = "0"
    shutil.copytree(EXAMPLE, mission.root, dirs_exist_ok=True)
    subprocess.run([sys.executable, mission.root / "make_hosts.py", hosts], check=True)
    found = Covis(mission, hosts, rclone_sftp, second_sftp, s3, top)
    with_urls = runpy.run_path(str(EXAMPLE / "make_hosts.py"))["with_urls"]
    (second_sftp.directory / top).mkdir()
    urls = {"covis_nas": lines(second_sftp.spec(f"/{top}")), "wasabi": lines(s3.spec(""))}
    for host in ("old_covis_nas1", "old_covis_nas5"):
        shutil.copytree(hosts / host, rclone_sftp.directory / top / host)
        urls[host] = lines(rclone_sftp.spec(f"/{top}/{host}"))
    urls["dmas"] = f'url = "{(hosts / "dmas").as_uri()}"'
    mission.file.write_text(with_urls((EXAMPLE / "mission.toml").read_text(), urls))
    mission.dbproc("init", database)
    mission.dbproc("apply", str(mission.file))
    return found


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_runs_are_taken_in_where_they_are_packed_anew_and_kept_in_two_places(covis: Covis) -> None:
    mission, before = covis.mission, digests(covis.old.directory / covis.top)
    taken = covis.adopt("--queue")
    assert {store: (told["files"], told["copies"]) for store, told in taken.items()} == {
        "old_covis_nas1": (2, 2),
        "old_covis_nas5": (2, 2),
        "dmas": (2, 2),
    }
    left = {each["kind"]: each["count"] for each in taken["old_covis_nas5"]["left"]}
    assert left == {"": 1, ".bin": 3, ".csv": 1, ".json": 4, ".xml": 1}
    assert {told["files"] for told in covis.adopt().values()} == {0}
    plan = mission.dbproc("plan").out
    assert "recalls 2 files" in plan
    assert f"would build {SLOW}.7z" in plan

    mission.run()
    packed = {run: mission.files()[f"{run}.7z"].path for run in SITES}
    for run, path in packed.items():
        name = f"{run}.tar.gz" if run != SLOW else f"{run}.tar"
        (origin,) = [each for each in covis.hosts.rglob(name) if each.is_file()]
        listed = json.loads(mission.files()[f"{run}.contents.json"].path.read_text())
        assert listed["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert {each["name"]: each["sha1"] for each in listed["contents"]} == members(origin)
        record = json.loads(mission.files()[f"{run}.record.json"].path.read_text())
        assert (record["basename"], record["site"], record["mode"]) == (run, SITES[run], run.rpartition("-")[2])
    made = [file.path for name, file in mission.files().items() if name.endswith((".7z", ".contents.json"))]
    wanted = {str(path.relative_to(mission.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in made}
    kept = {"covis_nas": wanted, "wasabi": wanted}
    assert covis.kept() == kept
    assert digests(covis.old.directory / covis.top) == before

    whole = {each["file"]: each for each in covis.told("whereis", DIFFUSE)}
    copies = {each["store"]: each["state"] for each in whole[f"{DIFFUSE}.7z"]["copies"]}
    assert copies == {"root": "in place", "covis_nas": "verified", "wasabi": "verified"}
    assert whole[f"{DIFFUSE}.tar"]["standing"] == "offloaded"
    moved = covis.told("transfers", "list", "--all")
    mission.run()
    assert covis.told("transfers", "list", "--all") == moved
    assert "nothing to do" in mission.dbproc("plan").out

    path = mission.files()[f"{SLOW}.7z"].path
    mission.dbproc("offload", "--product", "packed", "--copies", "2")
    assert not path.exists()
    assert "nothing to do" in mission.dbproc("plan").out
    mission.dbproc("recall", f"{SLOW}.7z")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == wanted[str(path.relative_to(mission.root))]


def test_the_example_is_tried_as_its_readme_says(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "dbproc").mkdir(parents=True)
    (home / "dbproc" / "examples").symlink_to(EXAMPLE.parent)
    blocks = re.findall(r"^```sh\n(.*?)^```", (EXAMPLE / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    command = f'set -e; dbproc() {{ "{sys.executable}" -m dbproc "$@"; }}\n' + "".join(blocks)
    environment = os.environ | {"HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DBPROC_SETTLE_SECONDS": "0"}
    done = subprocess.run(["bash", "-c", command], env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    for words in (
        "3 with .bin",
        "recalls 2 files",
        "8 built",
        "covis_nas: verified",
        "8 of 8 copies there, 8 read back",
    ):
        assert words in done.stdout + done.stderr, words
    for host in ("covis_nas", "wasabi"):
        assert len(list((home / "covis-hosts" / host).rglob("*.7z"))) == 4
    assert [path.name for path in (home / "covis").rglob("*.7z")] == [f"{SLOW}.7z"]
