"""The mission that is thrown into chaos: eleven products, and codes of every bad habit.

met → clean (slow) → smooth (with the days around, leaves processes behind) → week and summary (two outputs of one
job) → report (RUN); obs, by station → station (fails at first, in ways that depend on the file); cal → stamp (without
a version in its name); scan → cube (both with companion directories, leaves what nobody may write to).

What a code writes says from what it was made and by which edition of the code, so that equal bytes mean an equal
history. How often a code fails is counted outside of the mission.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

MISSION = """
[mission]
name = "chaos"
settle_seconds = 0
retry_seconds = 0
retry_limit = 30000

[product.met]
level = 0
directory = "met/{Y}"
format = "met_{Y}{m}{d}_v{VERSION}.txt"

[product.obs]
level = 0
directory = "obs/{station}/{Y}"
format = "obs_{station}_{Y}{m}{d}_v{VERSION}.txt"

[product.cal]
level = 0
directory = "cal"
format = "cal_{Y}{m}{d}.txt"

[product.scan]
level = 0
directory = "scan"
format = "scan_{Y}{m}{d}_v{VERSION}.idx"
companion = true

[product.clean]
level = 1
directory = "clean/{Y}"
format = "clean_{Y}{m}{d}_v{VERSION}.txt"

[product.station]
level = 1
directory = "station/{station}"
format = "station_{station}_{Y}{m}{d}_v{VERSION}.txt"

[product.stamp]
level = 1
directory = "stamp"
format = "stamp_{Y}{m}{d}.txt"

[product.cube]
level = 1
directory = "cube/{Y}"
format = "cube_{Y}{m}{d}_v{VERSION}.idx"
companion = true

[product.smooth]
level = 2
directory = "smooth"
format = "smooth_{Y}{m}{d}_v{VERSION}.txt"

[product.week]
level = 3
directory = "week"
format = "week_{Y}{m}{d}_v{VERSION}.txt"

[product.summary]
level = 3
directory = "summary"
format = "summary_{Y}{m}{d}_v{VERSION}.txt"

[process.to_clean]
output = "clean"
timebase = "DAILY"
inputs = ["met"]
code = { file = "clean.sh", version = "1.0.0" }

[process.to_station]
output = "station"
timebase = "FILE"
inputs = ["obs"]
code = { file = "station.sh", version = "1.0.0" }

[process.to_stamp]
output = "stamp"
timebase = "FILE"
inputs = ["cal"]
code = { file = "stamp.sh", version = "1.0.0" }

[process.to_cube]
output = "cube"
timebase = "FILE"
inputs = ["scan"]
code = { file = "cube.sh", version = "1.0.0" }

[process.to_smooth]
output = "smooth"
timebase = "DAILY"
inputs = [{ product = "clean", yesterday = 1, tomorrow = 1 }]
code = { file = "smooth.sh", version = "1.0.0" }

[process.to_week]
output = ["week", "summary"]
timebase = "WEEKLY"
inputs = ["smooth", { product = "station", optional = true }]
code = { file = "week.sh", version = "1.0.0" }

[process.report]
timebase = "RUN"
inputs = ["week"]
code = { file = "report.sh", version = "1.0.0", arguments = ["REPORTED"] }
"""

CHANGED = """
[product.extra]
level = 1
directory = "extra"
format = "extra_{Y}{m}{d}_v{VERSION}.txt"

[process.to_extra]
output = "extra"
timebase = "DAILY"
inputs = ["met"]
code = { file = "extra.sh", version = "1.0.0" }
"""
"""What is added to the mission file, and taken away again."""

FAILING = """
key=$(printf '%s' "${last##*/}" | sed 's/_v[0-9.]*//')
count=$(cat "TRIES/$key" 2>/dev/null); count=${count:-0}
echo $((count + 1)) > "TRIES/$key"
many=$(($(printf '%s' "$key" | cksum | cut -d' ' -f1) % 4))
"""
MOVING = '[ "$count" -ge "$many" ] || [ $((many - count)) != 2 ] || { mv "$1" "$last"; exit 0; }\n'
BUILD = """
: > made
printf '%s' 'LABEL' >> made
while [ $# -gt OUTPUTS ]; do
    printf '(' >> made; cat "$1" >> made || exit 5; printf ')' >> made
    shift
done
"""
LATE = """
setsid sh -c 'sleep 0.3; echo late' >> "$last" 2> /dev/null &
"""
LEAVING = """
mkdir -p left/deep; echo left > left/deep/file; chmod 555 left/deep left
"""
CUBE = """
mkdir -p "${last%.idx}/sub"
{ printf 'LABEL('; cat "$1" || exit 5; printf ')'; } > "$last"
for name in 0 1; do
    { printf 'block('; cat "${1%.idx}/$name.bin" || exit 5; printf ')'; } > "${last%.idx}/sub/$name.bin"
done
"""
REPORT = """
mkdir -p "$1"
cat "$last" > "$1/${last##*/}.$$" && mv "$1/${last##*/}.$$" "$1/${last##*/}"
"""
HEAD = '#!/bin/sh\nfor last; do :; done\nPATH="$PATH:/usr/sbin"\n'
EDITED = ("clean.sh", "station.sh", "smooth.sh", "week.sh", "cube.sh")
"""The codes that are edited; an output without a version in its name cannot be made again."""


@dataclass
class Codes:
    """The codes as they are at the moment: for each the edition that its output names.

    `habits`: which bad habits they have.
    """

    base: Path
    habits: frozenset[str]
    editions: dict[str, int] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.base / "mission" / "codes"

    def write_all(self) -> None:
        """Write every code."""
        for folder in (self.folder, self.base / "tries"):
            folder.mkdir(parents=True, exist_ok=True)
        for name in (*EDITED, "stamp.sh", "report.sh", "extra.sh"):
            self.write(name)

    def write(self, name: str) -> None:
        """Write a code as its present edition has it: beside it, and renamed, as a careful person does."""
        text = (HEAD + self._body(name)).replace("TRIES", str(self.base / "tries"))
        path = self.folder / name
        unfinished = path.with_name(f".{name}.new")
        unfinished.write_text(text.replace("LABEL", f"{path.stem}-{self.editions.get(name, 1)}"))
        unfinished.chmod(0o755)
        unfinished.rename(path)

    def edit(self, name: str) -> None:
        """Write a next edition."""
        self.editions[name] = self.editions.get(name, 1) + 1
        self.write(name)

    def _body(self, name: str) -> str:
        one = BUILD.replace("OUTPUTS", "1")
        finish = 'mv made "$last"\n'
        match name:
            case "clean.sh":
                return f"sleep 0.2\n{one}{finish}"
            case "station.sh":
                fail = '[ "$count" -ge "$many" ] || exit 7\n'
                return FAILING + (MOVING if "movers" in self.habits else "") + fail + one + finish
            case "smooth.sh":
                behind = LATE if "late" in self.habits else "setsid sleep 20 &\n"
                return f"{one}{finish}{behind}"
            case "week.sh":
                return BUILD.replace("OUTPUTS", "2") + 'cp made "$1"; printf "summary of " > "$2"; cat made >> "$2"\n'
            case "cube.sh":
                return CUBE + (LEAVING if "leavers" in self.habits else "")
            case "report.sh":
                return REPORT
            case _:
                return one + finish


@dataclass(frozen=True)
class Delivery:
    """A file that is to arrive: its name, its bytes, and those of its members."""

    name: str
    content: str
    members: tuple[tuple[str, str], ...] = ()


def deliveries(days: int) -> list[Delivery]:
    """Everything that arrives, in the order of its dates."""
    found: list[Delivery] = []
    for number in range(days):
        day = f"{dt.date(2024, 1, 1) + dt.timedelta(days=number):%Y%m%d}"
        names = [f"met_{day}_v1.0.0.txt", f"obs_north_{day}_v1.0.0.txt", f"cal_{day}.txt"]
        names += [f"obs_south_{day}_v1.0.0.txt"] if number % 2 else []
        names += [f"met_{day}_v1.0.1.txt"] if number % 3 == 1 else []
        found += [Delivery(name, f"content of {name}\n") for name in names]
        if number % 2 == 0:
            stem = f"scan_{day}_v1.0.0"
            members = tuple((f"{block}.bin", f"block {block} of {stem}\n") for block in (0, 1))
            found.append(Delivery(f"{stem}.idx", f"content of {stem}.idx\n", members))
    return found
