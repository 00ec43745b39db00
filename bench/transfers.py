"""Files fetched from servers in turn with ``rclone copy``: one large, many small; and a listing with nothing new."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.places import Place
from bench.table import Row
from dbproc.storage.stores import hostkeys
from tests.big.footprint import Footprint, footprint
from tests.kit import ssh

ROOT = Path(__file__).resolve().parent.parent
RCLONE = str(Path(sys.executable).parent / "rclone")
CONNECTIONS = 4
SMALL = 10_000
"""Bytes of a small file."""
MIB = 1 << 20
KEYS = {"BENCH_S3_KEY": "BENCHKEY", "BENCH_S3_SECRET": "thesecretofthebench"}


@dataclass(frozen=True)
class Served:
    """A directory that a server shows: how a mission names it, and how rclone does."""

    protocol: str
    source: Mapping[str, object]
    remote: str
    options: list[str] = field(default_factory=list)


def measure(place: Place, mebibytes: int, files: int, listed: int, rounds: int) -> list[Row]:
    """A large file and many small ones by each protocol, and a listing of `listed` files of which none is new."""
    rows: list[Row] = []
    directory = place.directory / "transfers"
    directory.mkdir(exist_ok=True)
    try:
        sets = {"large": (1, mebibytes * MIB), "small": (files, SMALL)}
        for name, (count, size) in sets.items():
            made = directory / name
            _make(made, count, size)
            for serve in (_http, _sftp, _s3):
                with serve(made, directory) as served:
                    rows += _in_turn(place, served, name, made, rounds)
            shutil.rmtree(made)
        many = directory / "many"
        _make(many, listed, 1, per_directory=1000)
        with _http(many, directory) as served:
            rows.append(_listing(place, replace(served, source={**served.source, "path": "*/*"}), listed))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return rows


def _in_turn(place: Place, served: Served, name: str, made: Path, rounds: int) -> Iterator[Row]:
    """Both ways, round by round, each into a directory of its own; and the seconds until a copy of rclone is synced and
    compared with its origin, too."""
    ours: list[Footprint] = []
    theirs: list[Footprint] = []
    checked: list[float] = []
    counted = sum(1 for path in made.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
    for _ in range(rounds):
        with _mission(place, served) as root:
            ours.append(_fetched(root))
            _require_arrived(root / "incoming", counted)
        target = place.new()
        theirs.append(_rclone(["copy", "--transfers", str(CONNECTIONS)], served, target))
        _require_arrived(target, counted)
        synced = _synced(target)
        check = _rclone(["check", "--download", "--checkers", str(CONNECTIONS)], served, target)
        checked.append(theirs[-1].wall + synced + check.wall)
        shutil.rmtree(target)
    is_large = name == "large"
    unit, amount = ("MB/s", size / 1e6) if is_large else ("files/s", float(counted))
    copied = Row(
        benchmark="transfers",
        database=place.database.kind,
        what=f"{served.protocol}, {f'{size // MIB:,} MiB' if is_large else f'{counted:,} files of {SMALL:,} B'}",
        values=[amount / each.wall for each in ours],
        unit=unit,
        others=[amount / each.wall for each in theirs],
        than="rclone copy",
        target=0.8 if is_large else 0.5,
        is_ratio=True,
        more_is_better=True,
    )
    yield copied
    yield replace(copied, others=[amount / each for each in checked], than="rclone copy, sync, check", target=None)
    yield Row(
        benchmark="transfers",
        database=place.database.kind,
        what=f"{served.protocol}, memory",
        values=[each.memory / MIB for each in ours],
        unit="MiB",
        others=[each.memory / MIB for each in theirs],
        than="rclone copy",
        target=128.0,
    )


def _rclone(words: list[str], served: Served, target: Path) -> Footprint:
    return _done([RCLONE, *words, "--config", os.devnull, *served.options, served.remote, str(target)])


def _synced(directory: Path) -> float:
    """The seconds until a directory's disk is synced; then its files are no longer in memory, but on disk alone."""
    began = time.perf_counter()
    subprocess.run(["sync", "-f", str(directory)], check=True)
    passed = time.perf_counter() - began
    for path in directory.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return passed


def _listing(place: Place, served: Served, listed: int) -> Row:
    """The seconds of the processor for a look at a source of which everything was seen before."""
    with _mission(place, served) as root:
        first = _fetched(root)
        before = _transfers(root)
        again = [_fetched(root) for _ in range(3)]
        if _transfers(root) != before:
            raise RuntimeError("a look at nothing new entered transfers")
    print(f"transfers: the first fetch of {listed:,} files took {first.wall:.0f} s", file=sys.stderr)
    return Row(
        benchmark="transfers",
        database=place.database.kind,
        what=f"http, look at {listed:,} files, none new: processor",
        values=[each.cpu for each in again],
        unit="s",
        target=5.0,
    )


@contextmanager
def _mission(place: Place, served: Served) -> Iterator[Path]:
    """A mission with the source, and nothing else."""
    root = place.new()
    (root / "incoming").mkdir()
    keys = {"path": "*", "connections": CONNECTIONS, "reserve": 0, **served.source}
    lines = ["[mission]", 'name = "bench"', "[source.far]"]
    lines += [f"{key} = {_toml(value)}" for key, value in keys.items()]
    (root / "mission.toml").write_text("\n".join(lines) + "\n")
    name = place.database.name_for(root)
    for words in (["init", name], ["apply", str(root / "mission.toml"), "-m", name]):
        _done([sys.executable, "-m", "dbproc", *words])
    (root / "name").write_text(name)
    try:
        yield root
    finally:
        shutil.rmtree(root)


def _toml(value: object) -> str:
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def _fetched(root: Path) -> Footprint:
    return _done([sys.executable, "-m", "dbproc", "fetch", "-m", (root / "name").read_text()])


def _transfers(root: Path) -> str:
    words = ["transfers", "list", "--json", "--all", "-m", (root / "name").read_text()]
    return _done([sys.executable, "-m", "dbproc", *words]).said


def _done(command: list[str]) -> Footprint:
    taken = footprint(command, {**os.environ, "PYTHONPATH": str(ROOT), **KEYS})
    if taken.status:
        raise RuntimeError(f"{command} ended with {taken.status}: {taken.said[-2000:]}")
    return taken


def _require_arrived(directory: Path, count: int) -> None:
    there = sum(1 for path in directory.rglob("*") if path.is_file() and not path.name.startswith("."))
    if there != count:
        raise RuntimeError(f"{there} of {count} files arrived in {directory}")


def _make(directory: Path, count: int, size: int, per_directory: int = 0) -> None:
    directory.mkdir()
    block = os.urandom(min(size, MIB))
    for number in range(count):
        place = directory / f"d{number // per_directory:03}" if per_directory else directory
        place.mkdir(exist_ok=True)
        with (place / f"f{number:06}").open("wb") as file:
            for _ in range(max(size // MIB, 1)):
                file.write(block)


# --- servers, all of rclone's ---


@contextmanager
def _http(made: Path, _: Path) -> Iterator[Served]:
    with _serving("http", [str(made)], "http://127.0.0.1:") as address:
        yield Served("http", {"url": address}, ":http:", ["--http-url", address])


@contextmanager
def _sftp(made: Path, directory: Path) -> Iterator[Served]:
    keys = directory / "keys"
    if not keys.exists():
        keys.mkdir()
        ssh.make_keys(keys)
    options = ["--key", str(keys / "host"), "--authorized-keys", str(keys / "authorized"), str(made)]
    fingerprint = hostkeys.fingerprint(ssh.public_key(keys / "host"))
    with _serving("sftp", options, "127.0.0.1:") as address:
        port = address.rpartition(":")[2]
        source = {
            "url": f"sftp://bench@127.0.0.1:{port}/",
            "private_key": f"file:{keys / 'user'}",
            "host_key": fingerprint,
        }
        remote = f":sftp,host=127.0.0.1,port={port},user=bench,key_file={keys / 'user'}:"
        yield Served("sftp", source, remote)


@contextmanager
def _s3(made: Path, directory: Path) -> Iterator[Served]:
    buckets = directory / "buckets"
    (buckets / "bench").mkdir(parents=True, exist_ok=True)
    shutil.rmtree(buckets / "bench")
    shutil.copytree(made, buckets / "bench", copy_function=os.link)
    key, secret = KEYS.values()
    with _serving("s3", ["--auth-key", f"{key},{secret}", str(buckets)], "http://127.0.0.1:") as address:
        source = {
            "url": "s3://bench",
            "endpoint": address.rstrip("/"),
            "access_key": "env:BENCH_S3_KEY",
            "secret_key": "env:BENCH_S3_SECRET",
        }
        options = ["--s3-provider", "Rclone", "--s3-endpoint", address, "--s3-access-key-id", key]
        yield Served("s3", source, ":s3:bench", [*options, "--s3-secret-access-key", secret])


@contextmanager
def _serving(kind: str, options: list[str], said: str) -> Iterator[str]:
    """A server on a port that was free a moment ago, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [RCLONE, "serve", kind, "--config", os.devnull, "--addr", f"127.0.0.1:{port}", *options]
    with ExitStack() as stack:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)
        _wait_for(port)
        yield f"{said}{port}" + ("/" if said.startswith("http") else "")


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing answers at port {port}")
