"""What is written is read by any client of OpenVisus: the plain package, and its own server over HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.codes.conftest import environment, same_bits, wild

SHAPE = (3, 20, 70, 50)
READ = """
import sys, numpy as np, OpenVisus as ov
db = ov.LoadDataset(sys.argv[1])
steps = [np.asarray(db.read(field="v", time=step)) for step in range(int(sys.argv[2]))]
np.save("found.npy", np.stack(steps))
"""
Convert = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a dataset of three timesteps."""
    place = tmp_path_factory.mktemp("served")
    wild("float32", SHAPE).tofile(place / "in.raw")
    told = ("--shape", ",".join(map(str, SHAPE)), "--dtype", "<f4", "--name", "v", "--axes", "time,z,y,x")
    program = [sys.executable, "-m", "dbproc.codes.raw_to_idx", *told, "--timesteps", "time", "in.raw", "x.idx"]
    subprocess.run(program, cwd=place, env=environment(), check=True, capture_output=True)
    return place


@pytest.fixture
def server(home: Path) -> Iterator[str]:
    """OpenVisus' own server of that dataset."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "OpenVisus", "server", "--port", str(port), "--dataset", str(home / "x.idx")]
    settings = {**environment(), "VISUS_HOME": str(home / "server")}
    with subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not listens(port):
            assert process.poll() is None
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mod_visus?dataset=default"
        process.kill()


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def read(place: Path, url: str) -> np.ndarray:
    settings = {**environment(), "VISUS_HOME": str(place / "client")}
    subprocess.run(
        [sys.executable, "-c", READ, url, str(SHAPE[0])], cwd=place, env=settings, check=True, capture_output=True
    )
    return np.load(place / "found.npy")


def test_the_plain_package_reads_every_timestep(home: Path) -> None:
    assert same_bits(read(home, str(home / "x.idx")), wild("float32", SHAPE))


def test_its_server_gives_every_timestep_over_http(home: Path, server: str) -> None:
    assert same_bits(read(home, server), wild("float32", SHAPE))
