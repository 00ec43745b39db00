"""The small mission that comes with dbproc: its file, its code, and some days of data."""

from __future__ import annotations

from pathlib import Path

from dbproc.core.errors import UserError
from dbproc.system.package import example_directory

_FILES = ("mission.toml", "codes/average.py")
_INCOMING = "incoming"
_DAYS = 3


def require_room(directory: Path) -> None:
    """See that nothing of the example would be written over.

    Raises
    ------
    UserError
        Something of its names is there.
    """
    for name in (*_FILES, _INCOMING):
        if (directory / name).exists():
            raise UserError(f"{directory / name} is there already; give the example a directory of its own")


def write(directory: Path) -> list[Path]:
    """Write the example into a directory; return the paths of its files."""
    shipped = Path(example_directory())
    texts = {name: (shipped / name).read_text(encoding="utf-8") for name in _FILES}
    texts["mission.toml"] = (
        texts["mission.toml"]
        .replace("settle_seconds = 60 ", "settle_seconds = 0  ")
        .replace(
            "# a file that changed less than a minute ago is still being written",
            "# seconds that a file must have been left alone: more where files grow",
        )
    )
    texts |= {f"{_INCOMING}/reading_2024050{day}.csv": _readings(day) for day in range(1, _DAYS + 1)}
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (directory / _FILES[1]).chmod(0o755)
    return [directory / name for name in texts]


def _readings(day: int) -> str:
    """A day of a thermometer, as CSV."""
    rows = (f"{hour:02d}:00,{17 + day - abs(hour - 14) / 2:.1f}" for hour in range(24))
    return "\n".join(["time,temperature", *rows, ""])
