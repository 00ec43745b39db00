#!/usr/bin/env python3
"""Make up the hosts of this mission, as directories, with small runs of the sonar. Usage: make_hosts.py [DIRECTORY].

Below DIRECTORY (covis-hosts beside the directory of this file) there is then a directory for each store, and an
inventory of each that had files before; beside this file here.toml, which is mission.toml with these directories for
the hosts.
"""

import gzip
import io
import json
import random
import re
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOSTS = ("covis_nas", "old_covis_nas1", "old_covis_nas5", "wasabi", "dmas")
NAME = "APLUWCOVISMBSONAR001_{}"
DIFFUSE = NAME.format("20111001T125923.044Z-DIFFUSE")
IMAGING = NAME.format("20111001T000840.892Z-IMAGING")
DOPPLER = NAME.format("20141215T090839.005Z-DOPPLER")
SLOW = NAME.format("20171219T154622.072Z-DIFFUSESLOW")
TWO_TIMES = NAME.format("20140227T210039.330Z_20140227T210809.616Z-IMAGING")

RUNS = {
    "old_covis_nas1": [f"{DIFFUSE}.tar.gz", f"{IMAGING}.tar.gz"],
    "old_covis_nas5": [f"{DOPPLER}.tar.gz", f"{DOPPLER}.tar"],
    "dmas": [f"{DIFFUSE}.tar", f"{SLOW}.tar"],
}
"""The archives of each host: one run is on two hosts, one is there twice on one host."""


def day(name: str) -> str:
    """The directory of a name."""
    date = name.split("_")[1]
    return f"{date[:4]}/{date[4:6]}/{date[6:8]}"


def members(run: str) -> dict[str, bytes]:
    """What a run of the sonar writes."""
    noise = random.Random(run)
    found = {f"rec_7038_{number:06}.bin": noise.randbytes(2000) * 8 for number in range(3)}
    headers = {f"rec_7000_{number:06}.json": json.dumps({"ping": number}).encode() for number in range(3)}
    about = {
        "sweep.json": json.dumps({"name": run}).encode(),
        "index.csv": b"ping,time\n0,0.0\n",
        "transducer.xml": b"<t/>",
    }
    return {**about, **headers, **found}


def tarred(run: str) -> bytes:
    """A run as a tar file."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as packed:
        for name, content in members(run).items():
            member = tarfile.TarInfo(f"{run}/{name}")
            member.size, member.mtime = len(content), 1_300_000_000
            packed.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def put(path: Path, content: bytes) -> None:
    """A file in its directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def fill(hosts: Path) -> None:
    """The archives, and what lies beside them."""
    for host in HOSTS:
        (hosts / host).mkdir(parents=True, exist_ok=True)
    for host, names in RUNS.items():
        for name in names:
            content = tarred(name.removesuffix(".gz").removesuffix(".tar"))
            place = hosts / host / (name if host == "dmas" else f"{day(name)}/{name}")
            put(place, gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    put(hosts / "dmas" / f"{DIFFUSE}.mat", b"what somebody made of it")
    unpacked = hosts / "old_covis_nas5" / day(TWO_TIMES) / "tmp" / TWO_TIMES
    for name, content in members(TWO_TIMES).items():
        put(unpacked / name, content)
    put(hosts / "old_covis_nas5" / day(DOPPLER) / DOPPLER, b"nineteen bytes only")


def list_them(hosts: Path) -> None:
    """An inventory of each host, as its operators write it: HOST SIZE ./PATH, or the names alone as JSON."""
    for host in ("old_covis_nas1", "old_covis_nas5"):
        files = sorted(path for path in (hosts / host).rglob("*") if path.is_file())
        lines = [f"{host[-1]}\t{path.stat().st_size}\t./{path.relative_to(hosts / host)}\n" for path in files]
        (hosts / f"{host}.txt").write_text("".join(lines))
    names = sorted(path.name for path in (hosts / "dmas").iterdir())
    (hosts / "dmas.json").write_text(json.dumps(names, indent=0) + "\n")


def with_urls(mission: str, urls: dict[str, str]) -> str:
    """A mission file in which stores lie elsewhere: ``urls`` holds the lines that say where, and as whom."""
    for store, lines in urls.items():
        head, table, rest = re.split(rf"(\[store\.{store}\].*\n(?:\S.*\n)+)", mission)
        first, *keys = table.splitlines(keepends=True)
        kept = [line for line in keys if line.startswith(("trust", "preference", "connections"))]
        mission = "".join([head, first, f"{lines}\n", *kept, rest])
    return mission


def main() -> None:
    """Make them."""
    hosts = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "covis-hosts"
    hosts = hosts.absolute()
    fill(hosts)
    list_them(hosts)
    urls = {host: f'url = "{(hosts / host).as_uri()}"' for host in HOSTS}
    (HERE / "here.toml").write_text(with_urls((HERE / "mission.toml").read_text(), urls))


if __name__ == "__main__":
    main()
