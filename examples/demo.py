"""The demo: one real mission from its first file to a verified IDX dataset; `make demo` runs it.

Everything is done by the installed commands, as a user would type them, in build/demo, which is wiped at each start.
After each step the demo looks at the files for itself, and ends with an error when they are not as told.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
CHECKOUT = EXAMPLES.parent
WORKSPACE = CHECKOUT / "build" / "demo"
DATABASE = "sgp.sqlite"
MET_DAYS = [f"sgpmetE13.b1.2019010{day}.000000.cdf" for day in (1, 2, 3, 4)]
CEILOMETER_DAY = "sgpceilC1.b1.20190101.000000.nc"
WIDTH = 100


class NotAsToldError(Exception):
    """Something did not come out as the demo says."""


# --- commands and what they leave ---


def environment() -> dict[str, str]:
    """The environment of the commands: files settle at once, the codes find this Python and its libraries."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("DBPROC_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), mine.get("PATH", os.defpath)])
    return mine | {"PATH": path, "DBPROC_SETTLE_SECONDS": "0", "PYTHONIOENCODING": "utf-8"}


def executable(name: str) -> list[str]:
    """The installed command of that name."""
    installed = Path(sys.executable).parent / name
    if not installed.exists():
        raise NotAsToldError(f"{installed} is not there: start the demo by `make demo`, which installs dbproc first")
    return [sys.executable, str(installed)] if installed.suffix == ".py" else [str(installed)]


def run(name: str, *arguments: str, quiet: bool = False) -> str:
    """Run a command in the workspace, show it and what it prints; it must end well."""
    if not quiet:
        print(f"  {bold('$ ' + shlex.join([name, *arguments]))}", flush=True)
    command = [*executable(name), *arguments]
    done = subprocess.run(
        command, cwd=WORKSPACE, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace", timeout=300, check=False,
    )  # fmt: skip
    if not quiet or done.returncode:
        print(textwrap.indent(done.stdout, "    "), end="")
    if done.returncode:
        raise NotAsToldError(f"{name} ended with exit status {done.returncode}")
    return done.stdout


def process_queue() -> str:
    """One run of the controller, as cron would start it."""
    return run("ProcessQueue.py", "-i", "-p", "-m", DATABASE)


def why(filename: str, reason: str) -> None:
    """Let dbproc say why it made a file, and make sure that it is for this reason."""
    shown = run("dbproc", "why", filename, "-m", DATABASE)
    check(reason in " ".join(shown.split()), reason, "the reason given is another one")


def deliver(*names: str) -> None:
    """Put files into incoming, as an instrument would: under a name that is left alone until they are whole."""
    for name in names:
        part = WORKSPACE / "incoming" / f"{name}.part"
        shutil.copyfile(EXAMPLES / "data" / name, part)
        part.rename(part.with_suffix(""))
        print(f"  {name} arrives in incoming/")


def derived_files() -> dict[str, str]:
    """Every derived file with its SHA-256, those inside an IDX dataset's own directory included."""
    files = [path for top in ("met", "ceil") for path in (WORKSPACE / top).rglob("*") if path.is_file()]
    made = [path for path in files if "b1" not in path.relative_to(WORKSPACE).parts]
    return {str(path.relative_to(WORKSPACE)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(made)}


def is_member(path: str) -> bool:
    """Whether a file lies inside the directory that an IDX dataset owns."""
    return any((WORKSPACE / parent).with_name(parent.name + ".idx").exists() for parent in Path(path).parents[:-1])


class Watch:
    """What changed among the derived files since the last look."""

    def __init__(self) -> None:
        self.before: dict[str, str] = {}

    def expect(self, *wanted: str) -> None:
        """Make sure that exactly the `wanted` outputs (``kind day version``) were built, and nothing else changed."""
        now = derived_files()
        touched = [path for path, digest in self.before.items() if now.get(path) != digest]
        if self.before:
            check(not touched, "no file that was there before has changed", f"changed: {', '.join(touched)}")
        built = {short(path) for path in now if path not in self.before and not is_member(path)}
        missing, extra = set(wanted) - built, built - set(wanted)
        complaint = f"missing: {sorted(missing) or 'none'}; not expected: {sorted(extra) or 'none'}"
        told = f"built are exactly these {len(wanted)}: {summary(wanted)}" if wanted else "nothing was built"
        check(not missing and not extra, told, complaint)
        self.before = now


def short(path: str) -> str:
    """A derived file as ``kind day version``: ``smooth 03 1.1.0``."""
    found = re.fullmatch(r"(?:met|ceil)/(\w+)/2019/\S+\.201901(\d\d)\.v(\d+\.\d+\.\d+)\.\w+", path)
    return " ".join(found.groups()) if found else path


def outputs(kind: str, days: Iterable[int], version: str) -> list[str]:
    """Expected outputs of one kind and version."""
    return [f"{kind} {day:02d} {version}" for day in days]


def month(version: str) -> list[str]:
    """Expected outputs of the month: the dataset and its picture, dated by its first day."""
    return [*outputs("month", [1], version), *outputs("month_picture", [1], version)]


def summary(wanted: Iterable[str]) -> str:
    """``clean 01 02 03 v1.0.0, daily 01 v1.0.0``."""
    groups: dict[tuple[str, str], list[str]] = {}
    for kind, day, version in (each.split() for each in wanted):
        groups.setdefault((kind, version), []).append(day)
    return ", ".join(f"{kind} {' '.join(days)} v{version}" for (kind, version), days in groups.items())


# --- what is printed ---


def bold(text: str) -> str:
    """Bold on a terminal, plain elsewhere."""
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def say(text: str) -> None:
    """A paragraph."""
    print(textwrap.fill(" ".join(text.split()), WIDTH, initial_indent="  ", subsequent_indent="  "))


def title(text: str) -> None:
    """The heading of a step."""
    print(f"\n{bold(text)}\n{'-' * len(text)}")


def check(holds: bool, told: str, complaint: str) -> None:
    """Say that something holds, or stop the demo."""
    if not holds:
        raise NotAsToldError(f"not so: {told}\n{complaint}")
    print(textwrap.fill(f"ok: {told}", WIDTH, initial_indent="  ", subsequent_indent="      "))


# --- the story ---


def set_up() -> None:
    """An empty mission in the workspace."""
    title("The mission")
    shutil.rmtree(WORKSPACE, ignore_errors=True)
    (WORKSPACE / "incoming").mkdir(parents=True)
    shutil.copytree(EXAMPLES / "sgp" / "codes", WORKSPACE / "codes", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(EXAMPLES / "sgp" / "mission.toml", WORKSPACE / "mission.toml")
    say("""One site of the ARM user facility, Southern Great Plains, in January 2019. Surface meteorology is cleaned
        (level 1), then summed up for each day, and smoothed over each day and its neighbours (level 2). The days of a
        month become one IDX dataset for OpenVisus, which grows with each day, and a picture of it. Ceilometer
        backscatter becomes another, and that a picture.""")
    run("dbproc", "init", DATABASE)
    run("dbproc", "apply", "mission.toml", "-m", DATABASE)


def first_files(watch: Watch) -> None:
    """Three days of meteorology and one of backscatter: everything is built."""
    title("1. The first files: everything is built")
    deliver(*MET_DAYS[:3], CEILOMETER_DAY)
    process_queue()
    days = (1, 2, 3)
    watch.expect(
        *(each for kind in ("clean", "daily", "smooth") for each in outputs(kind, days, "1.0.0")),
        *month("1.0.0"),
        *outputs("idx", [1], "1.0.0"),
        *outputs("picture", [1], "1.0.0"),
    )


def nothing(watch: Watch, heading: str) -> None:
    """A run that has nothing to do."""
    title(heading)
    process_queue()
    watch.expect()


def new_day(watch: Watch) -> None:
    """One more day: what depends on it, the neighbour whose window it falls in included."""
    title("3. A new day: only what depends on it is built")
    deliver(MET_DAYS[3])
    process_queue()
    say("""Day 04 is new. Day 03 was smoothed before its tomorrow was there, so it is smoothed again under a new
        version, and the month gains a day; days 01 and 02, the daily statistics of old days and the ceilometer are left
        alone.""")
    watch.expect(*outputs("clean", [4], "1.0.0"), *outputs("daily", [4], "1.0.0"), *month("1.1.0"),
                 *outputs("smooth", [4], "1.0.0"), *outputs("smooth", [3], "1.1.0"))  # fmt: skip
    why("sgpmetE13.smooth.20190103.v1.1.0.nc", "input sgpmetE13.clean.20190104.v1.0.0.nc added")


def release(watch: Watch) -> None:
    """A new version of a code: what it made is rebuilt, and all that follows."""
    title("4. A code is released in a new version: what it made is rebuilt, and all that follows")
    say("""In air slower than 1 m/s the wind vane does not follow. Version 1.1.0 of clean_met.py masks its
        direction then:""")
    edit("codes/clean_met.py", "CALM = 0.0 ", "CALM = 1.0 ")
    edit("mission.toml", 'file = "clean_met.py"\nversion = "1.0.0"', 'file = "clean_met.py"\nversion = "1.1.0"')
    run("dbproc", "apply", "mission.toml", "-m", DATABASE)
    process_queue()
    watch.expect(
        *outputs("clean", (1, 2, 3, 4), "1.1.0"),
        *outputs("daily", (1, 2, 3, 4), "1.1.0"),
        *outputs("smooth", (1, 2, 4), "1.1.0"),
        *outputs("smooth", [3], "1.2.0"),
        *month("1.2.0"),
    )
    why("sgpmetE13.clean.20190103.v1.1.0.nc", "code clean_met.py changed from 1.0.0 to 1.1.0")
    before, after = (daily_wind(f"met/daily/2019/sgpmetE13.daily.20190103.v1.{quality}.0.nc") for quality in (0, 1))
    told = "wind direction of 3 January: {:.1f} degrees by {} minutes before, {:.1f} by {} minutes now"
    check(after[1] < before[1], told.format(*before, *after), "the release made no difference")


def edit(path: str, old: str, new: str) -> None:
    """Replace a text that occurs once, and show the line as it was and is."""
    text = (WORKSPACE / path).read_text()
    if text.count(old) != 1:
        raise NotAsToldError(f"{path} does not hold {old!r} once")
    (WORKSPACE / path).write_text(text.replace(old, new))
    print(f"    {path}:  {old.splitlines()[-1].strip()}  ->  {new.splitlines()[-1].strip()}")


def daily_wind(path: str) -> tuple[float, int]:
    """Mean wind direction in degrees, and the number of minutes behind it."""
    import netCDF4

    with netCDF4.Dataset(WORKSPACE / path) as day:
        return float(day["wind_direction_mean"][0]), int(day["wind_direction_count"][0])


def explain() -> None:
    """Which files and code one of the final files was made from."""
    title("6. Where a file comes from")
    name = "sgpmetE13.smooth.20190103.v1.2.0.nc"
    shown = run("dbproc", "lineage", name, "-m", DATABASE)
    wanted = [*(f"sgpmetE13.clean.2019010{day}.v1.1.0.nc" for day in (2, 3, 4)), *MET_DAYS[1:]]
    missing = [each for each in wanted if each not in shown]
    check(not missing, "three days of level 1, and behind them three of level 0", f"missing: {', '.join(missing)}")


def read_back() -> None:
    """The IDX dataset is the array it was made from, bit for bit; the picture is there."""
    title("7. The IDX dataset, read back through OpenVisus")
    import netCDF4
    import numpy as np

    from dbproc.codes.idx.idx_reader import read_field

    idx = "ceil/idx/2019/sgpceilC1.backscatter.20190101.v1.0.0.idx"
    values = read_field(WORKSPACE / idx, "backscatter")
    with netCDF4.Dataset(EXAMPLES / "data" / CEILOMETER_DAY) as file:
        file.set_auto_maskandscale(False)
        source = np.asarray(file["backscatter"][:])
    source = source.astype(source.dtype.newbyteorder("="))  # NetCDF classic is big-endian; the values stay the same
    same = values.dtype == source.dtype and values.shape == source.shape and values.tobytes() == source.tobytes()
    size = " x ".join(str(length) for length in source.shape)
    print(f"  {display(idx)}")
    check(same, f"{size} values of {source.dtype} equal those of {CEILOMETER_DAY}, bit for bit", f"{values.dtype}")
    picture = "ceil/picture/2019/sgpceilC1.backscatter.20190101.v1.0.0.png"
    header = (WORKSPACE / picture).read_bytes()[:24]
    print(f"  {display(picture)}")
    pixels = "{} x {}".format(*struct.unpack(">II", header[16:])) if len(header) == 24 else "no"
    check(header.startswith(b"\x89PNG\r\n\x1a\n"), f"a picture of it, {pixels} pixels", "this is no PNG")


def growth() -> None:
    """The month shares the days that it had before with its last version; every dataset is whole."""
    title("8. The month that grew, and all datasets verified")
    name = "met/month/2019/sgpmetE13.month.20190101.v1.{}.0{}"
    run("dbproc", "idx", "info", name.format(1, ".idx"))
    days = sorted((WORKSPACE / name.format(1, "")).glob("t*"))
    old = {member.stat().st_ino for member in (WORKSPACE / name.format(0, "")).rglob("*.bin")}
    members = [[day] if day.is_file() else list(day.rglob("*.bin")) for day in days]
    shared = [bool(files) and all(file.stat().st_ino in old for file in files) for files in members]
    told = "days 01, 02 and 03 of version 1.1.0 are the very files of version 1.0.0, by hard links; day 04 is its own"
    check(shared == [True, True, True, False], told, f"shared: {shared}")
    shown = run("dbproc", "idx", "verify", "ceil", "met")
    check(shown.count(": whole (") == 4, "every block of all four datasets is there, bit for bit", "some are not")


def display(path: str) -> str:
    """A file of the workspace as seen from the checkout."""
    return str((WORKSPACE / path).relative_to(CHECKOUT))


def main() -> int:
    """Tell the story; 0 when everything came as told."""
    sys.stdout.reconfigure(errors="replace")
    started, watch = time.monotonic(), Watch()
    try:
        set_up()
        first_files(watch)
        nothing(watch, "2. Nothing new: nothing to do")
        new_day(watch)
        release(watch)
        nothing(watch, "5. Nothing new: nothing to do")
        explain()
        read_back()
        growth()
    except NotAsToldError as error:
        sys.stdout.flush()
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    print(f"\n{bold('All as told')}, in {time.monotonic() - started:.0f} s. Look around in {display('.')}:")
    print(f"  dbproc status -m {display(DATABASE)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
